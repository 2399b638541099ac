//! Several accounts suspended, released or deleted at once: all by one command.

use super::ask::{Ask, Caller};
use super::reply::Said;
use super::switches::Switches;
use super::world::{Server, Suspension};
use crate::truth::Deed;
use std::sync::atomic::Ordering;

/// What a successful suspension is called, by turns.
const SUSPENDED: [&str; 3] = ["Users suspended", "User suspended", "Success: suspended"];

/// What a successful release is called, by turns.
const RELEASED: [&str; 3] = ["Users unsuspended", "User unsuspended", "Success: unsuspended"];

/// The error of an action that was done all the same.
const DONE_ALL_THE_SAME: &str = "Error executing the request";

enum Action {
    Suspend,
    Release,
    Delete,
}

/// Does what the buttons of the user list do.
pub fn users(server: &Server, switches: &Switches, ask: &Ask, caller: &Caller) -> Said {
    let told = |key: &str| ask.arguments.get(key);
    let action = match (told("suspend"), told("delete"), told("confirmed")) {
        (_, "yes", "Confirm") => Action::Delete,
        ("Suspend", ..) => Action::Suspend,
        ("Unsuspend", ..) => Action::Release,
        _ if !told("dosuspend").is_empty() => Action::Suspend,
        _ if !told("dounsuspend").is_empty() => Action::Release,
        _ => return Said::failed("Unkown Select Command", "none"),
    };
    if !ask.is_post {
        return Said::failed("Invalid Request", "POST is expected");
    }
    let selected: Vec<String> =
        (0..).map_while(|place| ask.arguments.first(&format!("select{place}")).map(str::to_owned)).collect();
    if selected.is_empty() {
        return Said::failed("No users selected", "none");
    }
    let may_all = |name: &String| *name != caller.name && caller.one(server, name).is_some();
    if !selected.iter().all(may_all) {
        return Said::nobody();
    }
    if !switches.writes_ignored {
        selected.iter().for_each(|name| act(server, ask, &action, name));
    }
    let turn = server.selections.fetch_add(1, Ordering::Relaxed);
    if switches.error_though_done {
        return Said::failed(DONE_ALL_THE_SAME, "none");
    }
    Said::Done(match action {
        Action::Suspend => SUSPENDED[turn % SUSPENDED.len()],
        Action::Release => RELEASED[turn % RELEASED.len()],
        Action::Delete => "Users deleted",
    })
}

fn act(server: &Server, ask: &Ask, action: &Action, name: &str) {
    let now = server.now();
    let mut accounts = server.accounts_mut();
    let Some(account) = accounts.get_mut(name) else { return };
    match action {
        // Whoever is suspended already stays as he is, with the same success.
        Action::Suspend if account.suspension.is_some() => {}
        Action::Suspend => {
            let told = |key: &str| ask.arguments.get(key).to_owned();
            let suspension =
                Suspension { reason: told("reason"), details: told("details"), at_limit_of: None };
            account.suspension = Some(suspension);
        }
        Action::Release => (account.suspension, account.released) = (None, Some(now)),
        Action::Delete => {
            account.vanished = true;
            server.knobs.truth.did_to_all(name, now, Deed::Vanish);
        }
    }
}
