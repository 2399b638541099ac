//! Lists of names: all users, somebody's users, resellers, administrators.

use super::ask::{Ask, Caller};
use super::reply::Said;
use super::switches::{EmptyList, Switches};
use super::world::{Rank, Server};
use crate::form::encoded;
use serde_json::json;

/// Everybody's name; resellers and administrators among them or not.
pub fn all_users(server: &Server, switches: &Switches, ask: &Ask) -> Said {
    let there = server.there().into_iter();
    let listed = there.filter(|(_, one)| one.rank == Rank::User || switches.staff_among_users);
    names(switches, ask, listed.map(|(name, _)| name).collect())
}

/// The users of the caller; of somebody else for an administrator.
pub fn users(server: &Server, switches: &Switches, ask: &Ask, caller: &Caller) -> Said {
    let creator = match (caller.rank, ask.arguments.get("reseller")) {
        (Rank::Admin, reseller) if !reseller.is_empty() => reseller,
        _ => &caller.name,
    };
    let there = server.there().into_iter();
    let own = there.filter(|(name, one)| one.rank == Rank::User && one.creator == creator && name != creator);
    names(switches, ask, own.map(|(name, _)| name).collect())
}

/// All of one rank.
pub fn of_rank(server: &Server, switches: &Switches, ask: &Ask, rank: Rank) -> Said {
    let there = server.there().into_iter();
    names(switches, ask, there.filter(|(_, one)| one.rank == rank).map(|(name, _)| name).collect())
}

fn names(switches: &Switches, ask: &Ask, names: Vec<String>) -> Said {
    if ask.wants_json {
        return Said::Json(json!(names));
    }
    let key = if switches.brackets_encoded { "list%5B%5D" } else { "list[]" };
    let pairs: Vec<String> = names.iter().map(|name| format!("{key}={}", encoded(name, false))).collect();
    Said::Text(match (pairs.is_empty(), switches.empty_list) {
        (true, EmptyList::Bare) => format!("{key}="),
        _ => pairs.join("&"),
    })
}
