//! What a test can do to this kind of panel alone, below `/cpanel/` on the control address.

use super::world::{Server, Suspension};
use crate::panel::{NotDone, merge};
use crate::truth::Deed;
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

/// What is done to one user.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Deal {
    /// Somebody else, mostly WHMCS, suspends it.
    Suspend {
        reason: String,
        #[serde(default)]
        locked: bool,
    },
    /// It is deleted, and a new one of the same name is made.
    Recreate,
    /// It has another name from now on; the truth knows it by the first.
    Rename { to: String },
    /// Rebuilt statistics show this many bytes for a month, told as `2026-11`.
    Revise { month: String, bytes: u64 },
    /// The true figures again.
    ForgetRevised,
}

/// Does an operation by its path:
///
/// * `state`: switches, lock-out, and what each user has;
/// * `switches`: the fields told are set, the others stay;
/// * `guard`: `{"op":"unlock"}` forgets all failures;
/// * `accounts/{user}`: `{"op":"suspend","reason":"…","locked":true}`, `{"op":"recreate"}`, `{"op":"rename","to":"…"}`,
///   `{"op":"revise","month":"2026-11","bytes":n}` or `{"op":"forget_revised"}`.
pub fn operate(server: &Server, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
    match operation.split_once('/') {
        None if operation == "state" => Ok(state(server)),
        None if operation == "switches" => merge(&server.switches, arguments),
        None if operation == "guard" && arguments["op"] == "unlock" => {
            server.guard.unlock();
            Ok(state(server))
        }
        Some(("accounts", name)) => {
            let deal = Deal::deserialize(arguments);
            deal_with(server, name, deal.map_err(|error| NotDone::NotUnderstood(error.to_string()))?)
        }
        _ => Err(NotDone::NotUnderstood(format!("no operation {operation} {arguments}"))),
    }
}

fn deal_with(server: &Server, name: &str, deal: Deal) -> Result<Value, NotDone> {
    let now = server.now();
    let mut accounts = server.accounts_mut();
    let account = accounts.get_mut(name).ok_or(NotDone::NoSuchAccount)?;
    match deal {
        Deal::Suspend { reason, locked } => {
            account.suspension = Some(Suspension { reason, since: now, is_locked: locked });
        }
        Deal::Recreate => {
            let removed = account.vanished.take();
            if removed.is_some() {
                server.knobs.truth.did_to_all(&account.known_as, now, Deed::Reappear);
            }
            account.earlier.push((account.created, removed.unwrap_or(now)));
            account.created = now;
            account.suspension = None;
        }
        Deal::Rename { to } => {
            if accounts.contains_key(&to) {
                return Err(NotDone::NotUnderstood(format!("there is a user {to}")));
            }
            let account = accounts.remove(name).ok_or(NotDone::NoSuchAccount)?;
            accounts.insert(to, account);
        }
        Deal::Revise { month, bytes } => {
            let first: Result<NaiveDate, _> = format!("{month}-01").parse();
            let first = first.map_err(|_| NotDone::NotUnderstood(format!("no month {month}")))?;
            account.revised.insert(first, bytes);
        }
        Deal::ForgetRevised => account.revised.clear(),
    }
    Ok(json!({ "account": name, "at": now }))
}

fn state(server: &Server) -> Value {
    let accounts = server.accounts();
    let shown = accounts.iter().map(|(name, account)| {
        let reason = account.suspension.as_ref().map(|suspension| &suspension.reason);
        let shown = json!({
            "owner": account.owner, "plan": account.plan, "created": account.created, "suspended": reason,
            "disk_mib": account.disk_mib, "bandwidth": account.bandwidth, "deleted": account.vanished,
            "writes": account.writes, "known_as": account.known_as,
        });
        (name.clone(), shown)
    });
    let shown = Value::Object(shown.collect());
    json!({ "switches": server.switches(), "locked_until": server.guard.locked_until(), "accounts": shown })
}
