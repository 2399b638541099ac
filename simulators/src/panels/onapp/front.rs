//! From a request to an answer: who asks, whether he may, which call.

use super::ask::Ask;
use super::reply::{self, Said, error_page, forbidden, sent, unauthorized};
use super::switches::Switches;
use super::world::Server;
use super::{cdn, machines, statistics, users, writes};
use crate::faults::Strikes;
use crate::server::{Front, json_answer};
use async_trait::async_trait;
use axum::http::{Method, Request, Response};
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// The panel as its callers see it.
pub struct OnAppFront(pub Arc<Server>);

#[async_trait]
impl Front for OnAppFront {
    async fn answer(&self, _: usize, request: Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
        let server = &self.0;
        let switches = server.switches();
        let Some(ask) = Ask::read(server, &switches, &request) else {
            return unauthorized(switches.refusal, None);
        };
        if !request.uri().path().ends_with(".json") {
            return sent(406, Some(b"{}".into()), Vec::new());
        }
        let spares_roles = switches.knows_short && ask.query.first("short").is_some();
        if ask.path == ["users"] && !spares_roles {
            tokio::time::sleep(Duration::from_millis(switches.full_list_milliseconds)).await;
        }
        let (status, body, headers) = said(server, &switches, &ask).written(&switches, &ask);
        let body = body.map(String::into_bytes);
        let body = body.map(|body| if body.is_empty() { body } else { strikes.change_body(body) });
        sent(status, body, headers)
    }

    fn credentials_refused(&self, _: &str, status: Option<u16>) -> Response<Bytes> {
        unauthorized(self.0.switches().refusal, status)
    }

    fn right_missing(&self, _: &str) -> Response<Bytes> {
        json_answer(403, forbidden().to_string().into_bytes())
    }

    fn too_many_requests(&self, _: &str) -> Response<Bytes> {
        json_answer(429, json!({ "error": "Retry later" }).to_string().into_bytes())
    }

    fn failed(&self, _: &str, status: u16) -> Response<Bytes> {
        error_page(status)
    }
}

/// What a call needs besides a login, by the parts of its path.
fn needs(ask: &Ask, path: &[&str]) -> &'static str {
    let reads = ask.method == Method::GET;
    match path {
        ["version"] => "settings.version",
        ["profile"] => "",
        ["users", _, "suspend" | "activate" | "activate_user"] => "users.suspend",
        ["users", _, "user_statistics" | "vm_stats"] | ["virtual_machines", _, "vm_stats"] => "vm_stats",
        ["users", _, "monthly_bills"] => "monthly_bills",
        ["users", _, "limits"] => "billing_plans.read",
        ["users", _, "virtual_machines"] => "virtual_machines.read",
        ["users", ..] | ["user_groups"] if reads => "users.read",
        ["users", ..] => "users.update",
        ["usage_statistics"] => "vm_stats",
        ["virtual_machines", _, "network_interfaces", ..] => "networks.read",
        ["virtual_machines", _, "suspend" | "startup"] => "virtual_machines.power",
        ["cdn_resources", ..] => "cdn_resources",
        ["cdn_usage_statistics"] => "cdn_usage_stats.read",
        ["edge_groups"] => "edge_groups.read",
        _ => "virtual_machines.read",
    }
}

fn said(server: &Server, switches: &Switches, ask: &Ask) -> Said {
    let path: Vec<&str> = ask.path.iter().map(String::as_str).collect();
    let right = needs(ask, &path);
    if switches.lacks.iter().any(|lacking| lacking == right) {
        return Said::Forbidden;
    }
    let said = match ask.method {
        Method::GET => get(server, switches, ask, &path),
        Method::POST => post(server, switches, ask, &path),
        Method::PUT => put(server, switches, ask, &path),
        _ => None,
    };
    // Asking again by GET must do nothing: some versions suspend by it.
    let does = path.last().is_some_and(|last| ["suspend", "activate_user"].contains(last));
    let by_get = || if does { None } else { get(server, switches, ask, &path) };
    said.unwrap_or_else(|| match by_get() {
        Some(Said::Missing { .. }) | None => Said::Missing { listed: true },
        Some(_) => Said::WrongVerb,
    })
}

fn get(server: &Server, switches: &Switches, ask: &Ask, path: &[&str]) -> Option<Said> {
    Some(match path {
        ["version"] => Said::Tree(json!({ "version": switches.version })),
        ["profile"] => users::one(server, switches, ask, &ask.caller.to_string()),
        ["users"] => users::list(server, switches, ask),
        ["users", id] => users::one(server, switches, ask, id),
        ["users", id, "limits"] => users::limits(server, switches, ask, id),
        ["users", id, "virtual_machines"] => machines::of_user(server, switches, ask, id),
        ["users", id, "user_statistics"] => statistics::of_user(server, switches, ask, id),
        ["users", id, "vm_stats"] => statistics::by_hour(server, switches, ask, Some(id), ""),
        ["users", id, "monthly_bills"] => statistics::bills(server, switches, ask, id),
        ["users", id, "suspend"] if switches.users_by_get() => {
            writes::suspend_user(server, switches, ask, id, true)
        }
        ["users", id, "activate_user"] if switches.users_by_get() => {
            writes::suspend_user(server, switches, ask, id, false)
        }
        ["user_groups"] => users::groups(),
        ["virtual_machines"] => machines::list(server, switches, ask),
        ["virtual_machines", key] => machines::one(server, switches, ask, key),
        ["virtual_machines", key, "network_interfaces"] => machines::cards(server, switches, ask, key, None),
        ["virtual_machines", key, "network_interfaces", card] => {
            machines::cards(server, switches, ask, key, Some(card))
        }
        ["virtual_machines", key, "network_interfaces", card, "usage"] => {
            machines::usage(server, switches, ask, key, card)
        }
        ["virtual_machines", key, "vm_stats"] => statistics::by_hour(server, switches, ask, None, key),
        ["virtual_machines", key, "transactions"] => transactions(server, switches, Some(key)),
        ["transactions"] | ["transactions", "page", _, "per_page", _] => transactions(server, switches, None),
        ["usage_statistics"] => statistics::bulk(server, switches, ask),
        [
            "application_servers"
            | "smart_servers"
            | "baremetal_servers"
            | "container_servers"
            | "load_balancers"
            | "edge_servers"
            | "accelerators",
        ] => Said::List(Vec::new()),
        ["cdn_resources"] => cdn::list(server, switches, ask),
        ["cdn_resources", "bandwidth"] => cdn::bandwidth(server, switches, ask),
        ["cdn_resources", id] => cdn::one(server, switches, ask, id),
        ["cdn_resources", id, "billing"] => cdn::billing(server, switches, ask, id),
        ["cdn_usage_statistics"] => cdn::bulk(server, switches, ask),
        ["edge_groups"] => cdn::groups(),
        _ => return None,
    })
}

fn post(server: &Server, switches: &Switches, ask: &Ask, path: &[&str]) -> Option<Said> {
    Some(match path {
        ["virtual_machines", key, "suspend"] => writes::suspend_machine(server, switches, ask, key),
        ["virtual_machines", key, "startup"] => writes::start_machine(server, switches, ask, key),
        ["users", id, "suspend"] if !switches.users_by_get() => {
            writes::suspend_user(server, switches, ask, id, true)
        }
        ["users", id, "activate"] if !switches.users_by_get() => {
            writes::suspend_user(server, switches, ask, id, false)
        }
        // In old versions this is no path for POST, and nothing may happen by asking.
        ["users", _, "suspend" | "activate" | "activate_user"] => Said::Missing { listed: true },
        ["users", id, "make_new_api_key"] => writes::new_key(server, switches, ask, id),
        _ => return None,
    })
}

fn put(server: &Server, switches: &Switches, ask: &Ask, path: &[&str]) -> Option<Said> {
    Some(match path {
        ["virtual_machines", key, "network_interfaces", card] => {
            writes::set_card(server, switches, ask, key, card)
        }
        ["users", id] => writes::set_user(server, switches, ask, id),
        _ => return None,
    })
}

fn transactions(server: &Server, switches: &Switches, key: Option<&str>) -> Said {
    let machine = match key.map(|key| server.cloud().machine(key).map(|(id, _)| id)) {
        Some(None) => return Said::Missing { listed: false },
        Some(machine) => machine,
        None => None,
    };
    let tasks = server.queue.tasks(machine);
    let now = server.now();
    Said::List(tasks.iter().map(|task| task.shown(now, |at| reply::time(switches, at))).collect())
}
