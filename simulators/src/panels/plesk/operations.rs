//! What a test can do to this kind of panel alone, below `/plesk/` on the control address.

use super::world::{Server, Subscription};
use crate::growth::Traffic;
use crate::panel::{NotDone, merge};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

/// What is done to one subscription.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Deal {
    /// It gets another domain and stays what it is.
    Rename { to: String },
    /// A limit is another, or no longer listed.
    SetLimit { name: String, value: Option<i64> },
    /// What happens beyond its limits; null lists no policy.
    SetOveruse { policy: Option<String> },
    /// Its own bits of the status.
    SetStatus { status: u16 },
    /// A later run corrects one day.
    ReviseDay { day: String, received: u64, sent: u64 },
    /// The true figures again.
    ForgetRevised,
    /// Every result about it is an error with this code; null ends that.
    Fail { code: Option<u16> },
}

/// Does an operation by its path:
///
/// * `state`: switches, subscriptions, people with their logins, passwords and keys;
/// * `switches`: the fields told are set, the others stay;
/// * `maintenance`: the operator has figures computed now, and drawn the consequences;
/// * `subscriptions/{name}`: `{"op":"rename","to":"new.example"}`, `{"op":"set_limit","name":"disk_space","value":n}`,
///   `{"op":"set_overuse","policy":"block"}`, `{"op":"set_status","status":272}`,
///   `{"op":"revise_day","day":"2026-11-03","received":n,"sent":n}`, `{"op":"forget_revised"}`, `{"op":"fail","code":1023}`;
/// * `people/{login}`: `{"op":"suspend"}` or `{"op":"activate"}`.
pub fn operate(server: &Server, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
    server.maintain();
    match operation.split_once('/') {
        None if operation == "state" => Ok(state(server)),
        None if operation == "switches" => merge(&server.switches, arguments),
        None if operation == "maintenance" => {
            let now = server.knobs.clock.now_seconds();
            server.watch().runs.push(now);
            server.draw_consequences(now);
            Ok(json!({ "computed_at": server.computed_at() }))
        }
        Some(("subscriptions", name)) => {
            let deal = Deal::deserialize(arguments).map_err(not_understood)?;
            if let Deal::Rename { to } = deal {
                return rename(server, name, &to);
            }
            let mut subscriptions = server.subscriptions_mut();
            deal_with(subscriptions.get_mut(name).ok_or(NotDone::NoSuchAccount)?, deal)?;
            Ok(json!({ "subscription": name }))
        }
        Some(("people", login)) => {
            let mut people = server.people_mut();
            let person = people.values_mut().find(|person| person.login == login);
            let person = person.ok_or_else(|| NotDone::NotUnderstood(format!("nobody is called {login}")))?;
            person.suspended = match arguments["op"].as_str() {
                Some("suspend") => true,
                Some("activate") => false,
                _ => return Err(NotDone::NotUnderstood("suspend or activate is expected".to_owned())),
            };
            Ok(json!({ "login": login, "suspended": person.suspended }))
        }
        _ => Err(NotDone::NotUnderstood(format!("no operation {operation}"))),
    }
}

fn deal_with(one: &mut Subscription, deal: Deal) -> Result<(), NotDone> {
    match deal {
        Deal::SetLimit { name, value } => one.set_limit(&name, value),
        Deal::SetOveruse { policy } => one.overuse = policy,
        Deal::SetStatus { status } => one.status = status,
        Deal::ReviseDay { day, received, sent } => {
            let day: NaiveDate = day.parse().map_err(|_| NotDone::NotUnderstood(format!("no day {day}")))?;
            one.revised.insert(day, Traffic { received, sent });
        }
        Deal::ForgetRevised => one.revised.clear(),
        Deal::Fail { code } => one.fails = code,
        Deal::Rename { .. } => {}
    }
    Ok(())
}

fn rename(server: &Server, name: &str, to: &str) -> Result<Value, NotDone> {
    let mut subscriptions = server.subscriptions_mut();
    if subscriptions.contains_key(to) {
        return Err(NotDone::NotUnderstood(format!("there is a {to} already")));
    }
    let mut one = subscriptions.remove(name).ok_or(NotDone::NoSuchAccount)?;
    (one.name, one.ascii_name) = (to.to_owned(), to.to_owned());
    server.knobs.truth.rename(name, to);
    let guid = one.guid.clone();
    subscriptions.insert(to.to_owned(), one);
    Ok(json!({ "subscription": to, "guid": guid }))
}

fn not_understood(error: serde_json::Error) -> NotDone {
    NotDone::NotUnderstood(error.to_string())
}

fn state(server: &Server) -> Value {
    let subscriptions = server.subscriptions();
    let shown = subscriptions.iter().map(|(name, one)| {
        let limits: serde_json::Map<_, _> =
            one.limits.iter().map(|(name, value)| (name.clone(), (*value).into())).collect();
        let shown = json!({
            "id": one.id, "guid": one.guid, "owner": one.owner, "status": server.status(one),
            "overuse": one.overuse, "limits": limits, "performance": one.performance, "locked": one.locked,
            "synchronized": one.synchronized, "sites": one.sites, "vanished": one.vanished,
        });
        (name.clone(), shown)
    });
    let people = server.people();
    let people = people.values().map(|one| {
        let shown = json!({
            "id": one.id, "vendor": one.vendor, "suspended": one.suspended, "password": one.password(),
            "key": one.key(),
        });
        (one.login.clone(), shown)
    });
    json!({
        "switches": server.switches(), "computed_at": server.computed_at(),
        "subscriptions": Value::Object(shown.collect()), "people": Value::Object(people.collect()),
    })
}
