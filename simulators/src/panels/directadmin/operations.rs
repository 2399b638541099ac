//! What a test can do to this kind of panel alone, below `/directadmin/` on the control address.

use super::world::{Account, Server, Suspension};
use crate::growth::BEGINNING;
use crate::panel::{NotDone, merge};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::PoisonError;

/// What is done to one account.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Deal {
    /// Another account of the same name takes its place: made now, with nothing counted.
    MakeAnew,
    /// It comes out of a backup, with the month's total; `created` is when it is said to have been made, now unless told.
    Restore { created: Option<i64> },
    /// So many bytes are missing from this month's total: a domain was removed, or the tally ran again.
    Lose { bytes: u64 },
    /// A value of its configuration: a limit in MB, `unlimited`, a package, `creator`, `domain`.
    Set { key: String, value: String },
    /// Suspended by somebody, for a reason from the fixed list and a free text.
    Suspend { reason: String, details: String },
}

/// Does an operation by its path:
///
/// * `state`: switches, failed logins, the figures' span, and what each account has;
/// * `switches`: the fields told are set, the others stay;
/// * `tally`: one is started by hand, now;
/// * `blacklist`: it is emptied;
/// * `users/{name}`: `{"op":"make_anew"}`, `{"op":"restore","created":epoch}`, `{"op":"lose","bytes":n}`,
///   `{"op":"set","key":"quota","value":"2048"}`, `{"op":"suspend","reason":"billing","details":"…"}`.
pub fn operate(server: &Server, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
    match operation.split_once('/') {
        None if operation == "state" => Ok(state(server)),
        None if operation == "switches" => merge(&server.switches, arguments),
        None if operation == "tally" => {
            let now = server.now();
            *server.tally_by_hand.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
            Ok(json!({ "last_tally": now }))
        }
        None if operation == "blacklist" => {
            server.guard.forgive();
            Ok(json!({ "failures": 0 }))
        }
        Some(("users", name)) => {
            let deal =
                Deal::deserialize(arguments).map_err(|error| NotDone::NotUnderstood(error.to_string()))?;
            let (now, month) = (server.now(), server.figures(&server.switches()).from);
            let mut accounts = server.accounts_mut();
            let account = accounts.get_mut(name).ok_or(NotDone::NoSuchAccount)?;
            deal.to(account, now, month);
            Ok(json!({ "user": name }))
        }
        _ => Err(NotDone::NotUnderstood(format!("no operation {operation}"))),
    }
}

impl Deal {
    fn to(self, account: &mut Account, now: i64, month: i64) {
        match self {
            Self::MakeAnew => (account.created, account.counted_from) = (now, now),
            Self::Restore { created } => {
                account.created = created.unwrap_or(now);
                account.counted_from = BEGINNING;
            }
            Self::Lose { bytes } => *account.missing.entry(month).or_default() += bytes,
            Self::Set { key, value } if key == "creator" => account.creator = value,
            Self::Set { key, value } if key == "domain" => account.domains = vec![value],
            Self::Set { key, value } => drop(account.conf.insert(key, value)),
            Self::Suspend { reason, details } => {
                account.suspension = Some(Suspension { reason, details, at_limit_of: None });
            }
        }
    }
}

fn state(server: &Server) -> Value {
    let switches = server.switches();
    let figures = server.figures(&switches);
    let accounts = server.accounts();
    let shown = accounts.iter().map(|(name, account)| {
        let shown = json!({
            "rank": account.rank, "creator": account.creator, "created": account.created,
            "vanished": account.vanished, "suspension": account.suspension, "conf": account.conf,
            "domains": account.domains,
        });
        (name.clone(), shown)
    });
    json!({
        "switches": switches, "failures": server.guard.failures(),
        "figures": { "from": figures.from, "until": figures.until, "last_tally": figures.last_tally },
        "users": Value::Object(shown.collect()),
    })
}
