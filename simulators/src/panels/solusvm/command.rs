//! Version 1: from a form at one of the `command.php` to an answer.

use super::soup::Answer;
use super::switches::Switches;
use super::vps;
use super::world::{Health, Machine, Master};
use crate::damage::html_page;
use crate::faults::Strikes;
use crate::form::Form;
use crate::server::answer;
use axum::http::{Request, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use std::time::Duration;

const HTML: &str = "text/html; charset=UTF-8";

/// The number of the reseller's first client: those from it on are the reseller's.
const RESOLD_FROM: u64 = 10;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Admin,
    Reseller,
}

/// The fields of the query and of the form in the body.
pub fn fields(request: &Request<Bytes>) -> Form {
    let query = Form::read(request.uri().query().unwrap_or_default()).into_pairs();
    query.into_iter().chain(Form::read(request.body()).into_pairs()).collect()
}

/// A text and nothing else, as this version refuses: with 200.
pub fn bare(text: &str) -> Response<Bytes> {
    answer(200, HTML, text.as_bytes().to_vec())
}

/// An error in the words of this version, in the shape asked for.
pub fn error(message: &str, as_json: bool) -> Response<Bytes> {
    let error = Answer::error(message);
    answer(200, HTML, if as_json { error.json(false) } else { error.tags() })
}

/// Answers a call.
pub async fn answered(master: &Master, request: &Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
    let (switches, asked) = (master.switches(), fields(request));
    let (id, key) = (asked.get("id").to_owned(), asked.get("key").to_owned());
    if !switches.address_allowed {
        return bare("Invalid ipaddress");
    }
    let caller = match request.uri().path() {
        "/api/admin/command.php" if (id, key) == master.secrets.admin => Caller::Admin,
        "/api/reseller/command.php" if (asked.get("id"), asked.get("key")) == reseller(master) => {
            Caller::Reseller
        }
        "/api/client/command.php" => return customer(master, &switches, &asked, strikes),
        "/api/admin/command.php" | "/api/reseller/command.php" => return bare("Invalid id or key"),
        _ => return html_page(404),
    };
    let node = machine(master, caller, &asked).and_then(|(_, machine)| master.node_of(&machine));
    if let Some(Health::Slow { milliseconds }) = node.map(|node| node.health) {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
    let Some(outcome) = outcome(master, &switches, caller, &asked) else {
        return bare("Node not found");
    };
    let body = match asked.get("rdtype") {
        "json" => outcome.json(switches.loose_lists),
        _ => outcome.tags(),
    };
    answer(200, HTML, strikes.change_body(body))
}

fn reseller(master: &Master) -> (&str, &str) {
    (&master.secrets.reseller.0, &master.secrets.reseller.1)
}

fn is_seen(caller: Caller, machine: &Machine) -> bool {
    caller == Caller::Admin || machine.owner >= RESOLD_FROM
}

fn machine(master: &Master, caller: Caller, asked: &Form) -> Option<(u64, Machine)> {
    let id = asked.number("vserverid")?;
    master.one(id).filter(|machine| is_seen(caller, machine)).map(|machine| (id, machine))
}

/// `None` where the node is unknown: that is said without any wrapping.
fn outcome(master: &Master, switches: &Switches, caller: Caller, asked: &Form) -> Option<Answer> {
    let action = asked.get("action");
    match action {
        "node-idlist" => return Some(node_list(master, asked, |id| id.to_string())),
        "listnodes" => return Some(node_list(master, asked, |id| format!("node{id}"))),
        "client-list" => return Some(clients(master, caller)),
        "node-virtualservers" | "node-statistics" => {
            let id = asked.number("nodeid")?;
            let node = master.nodes().get(&id).cloned()?;
            let mut servers = master.there();
            servers.retain(|_, machine| machine.node == id && is_seen(caller, machine));
            return Some(match action {
                "node-statistics" => vps::statistics(id, &node.virtualization, servers.len()),
                _ => {
                    let shown = servers.iter().map(|(id, machine)| vps::listed(master, *id, machine));
                    Answer::of(vec![("virtualservers", shown.collect())]).bare()
                }
            });
        }
        _ => {}
    }
    if !action.starts_with("vserver-") {
        return Some(Answer::error("Invalid action"));
    }
    let Some((id, machine)) = machine(master, caller, asked) else {
        return Some(Answer::error("Virtual server not found"));
    };
    Some(match action {
        "vserver-infoall" => vps::all(master, switches, id, &machine, asked),
        "vserver-info" => vps::info(master, id, &machine),
        "vserver-status" => Answer { message: vps::state(master, &machine).to_owned(), ..Answer::done("") },
        "vserver-suspend" | "vserver-unsuspend" => {
            let suspend = action == "vserver-suspend";
            if !switches.writes_ignored {
                // It was there a moment ago.
                let _gone = master.set_suspended(id, suspend);
            }
            let what = if suspend { "suspended" } else { "unsuspended" };
            Answer::done(&format!("Virtual server {what}"))
        }
        "vserver-change-nspeed" => Answer::done(""),
        "vserver-bandwidth" => Answer::done("Virtual server bandwidth settings changed"),
        "vserver-network-disable" => Answer::done("Virtual server network disabled"),
        "vserver-network-enable" => Answer::done("Virtual server network enabled"),
        _ => Answer::error("Invalid action"),
    })
}

fn node_list(master: &Master, asked: &Form, shown: fn(u64) -> String) -> Answer {
    let nodes = master.nodes();
    let of_type = nodes.iter().filter(|(_, node)| node.virtualization == asked.get("type"));
    let ids: Vec<String> = of_type.map(|(id, _)| shown(*id)).collect();
    Answer::of(vec![("nodes", ids.join(",").into())])
}

fn clients(master: &Master, caller: Caller) -> Answer {
    let there = master.there();
    let seen = there.values().filter(|machine| is_seen(caller, machine));
    let owners: std::collections::BTreeSet<u64> = seen.map(|machine| machine.owner).collect();
    let clients = owners.into_iter().map(|id| {
        json!({
            "id": id.to_string(), "username": format!("vmuser{id}"), "email": format!("client{id}@example.net"),
            "firstname": "Client", "lastname": id.to_string(), "company": "Harborla & Daughters",
            "level": "Client", "status": "Active", "created": "2026-05-06 07:08:09", "lastlogin": "",
        })
    });
    Answer::of(vec![("clients", clients.collect::<Vec<Value>>().into())]).bare()
}

/// The customer's API: one key and one hash for each server.
fn customer(master: &Master, switches: &Switches, asked: &Form, strikes: &Strikes) -> Response<Bytes> {
    let there = master.there();
    let mut known = there.iter().filter(|(id, machine)| {
        asked.get("key") == format!("KEY-{id}") && asked.get("hash") == machine.uuid(**id)
    });
    let Some((id, machine)) = known.next() else {
        return answer(200, HTML, Answer::error("Invalid key or hash").tags());
    };
    let outcome = match asked.get("action") {
        "info" => vps::for_customer(master, switches, *id, machine, asked),
        "status" => Answer::done(vps::state(master, machine)),
        _ => Answer::error("Invalid action"),
    };
    answer(200, HTML, strikes.change_body(outcome.tags()))
}
