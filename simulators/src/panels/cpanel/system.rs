//! The server about itself: its version, its name, what the caller may do.

use super::envelope::{Outcome, Said};
use super::guard::Caller;
use super::world::Server;
use serde_json::{Map, Value, json};

/// The privileges that a chart of rights names, as far as anything here needs one.
pub const PRIVILEGES: [&str; 10] = [
    "all",
    "acct-summary",
    "basic-system-info",
    "basic-whm-functions",
    "cpanel-api",
    "limit-bandwidth",
    "list-accts",
    "quota",
    "show-bandwidth",
    "suspend-acct",
];

/// `version`.
pub fn version() -> Outcome {
    Ok(Said::data(json!({ "version": "11.136.0.13" })))
}

/// `gethostname`.
pub fn hostname() -> Outcome {
    Ok(Said::data(json!({ "hostname": "web07.example.net" })))
}

/// `myprivs`: every privilege with 1 or 0. A reseller has them all but `all`.
pub fn privileges(server: &Server, caller: &Caller) -> Outcome {
    let switches = server.switches();
    let held = PRIVILEGES.map(|privilege| {
        let held = if caller.is_root { switches.may(privilege) } else { privilege != "all" };
        (privilege.to_owned(), Value::from(u8::from(held)))
    });
    let held: Map<String, Value> = held.into_iter().collect();
    Ok(Said::data(json!({ "privileges": [held] })))
}
