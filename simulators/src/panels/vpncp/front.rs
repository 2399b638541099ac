//! From a request to an answer: which generation, who asks, which call, and its wrapping.

use super::calls;
use super::reply::{self, Outcome, Refusal, json_answer, login_page, to_login, unknown_path, wrapped};
use super::switches::{Login, Openapi, Switches};
use super::system;
use super::traffic;
use super::world::Server;
use crate::faults::Strikes;
use crate::server::Front;
use async_trait::async_trait;
use axum::http::{Method, Request, Response};
use bytes::Bytes;
use std::sync::Arc;

/// The panel as its callers see it.
pub struct VpncpFront(pub Arc<Server>);

#[async_trait]
impl Front for VpncpFront {
    async fn answer(&self, _: usize, request: Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
        let server = &self.0;
        let switches = server.switches();
        match switches.login {
            Login::Api => {}
            Login::Page => return login_page(),
            Login::Redirect => return to_login(),
        }
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let Some(call) = parts.strip_prefix(&["api", "v1"]) else {
            return unknown_path();
        };
        if call == ["openapi.json"] {
            return match (switches.is_first(), switches.openapi) {
                (false, Openapi::Served | Openapi::Incomplete) => {
                    json_answer(200, strikes.change_body(system::openapi(&switches).to_string().into_bytes()))
                }
                _ => unknown_path(),
            };
        }
        let outcome = match may_ask(server, &switches, &request) {
            Err(refusal) => Some(Err(refusal)),
            Ok(()) => outcome(server, &switches, &request, call),
        };
        match outcome {
            None => unknown_path(),
            Some(outcome) => {
                let (code, body) = wrapped(&switches, outcome);
                json_answer(code, strikes.change_body(body.to_string().into_bytes()))
            }
        }
    }

    fn credentials_refused(&self, _: &str, status: Option<u16>) -> Response<Bytes> {
        let switches = self.0.switches();
        let (code, body) = wrapped(&switches, Err(not_authorized(&switches)));
        json_answer(status.unwrap_or(code), body.to_string().into_bytes())
    }

    fn right_missing(&self, _: &str) -> Response<Bytes> {
        self.refuse(Refusal::new(403, "Permission denied"))
    }

    fn too_many_requests(&self, _: &str) -> Response<Bytes> {
        let (_, body) = wrapped(&self.0.switches(), Err(Refusal::new(429, "Too many requests")));
        json_answer(429, body.to_string().into_bytes())
    }

    fn failed(&self, _: &str, status: u16) -> Response<Bytes> {
        let (_, body) = wrapped(&self.0.switches(), Err(Refusal::new(status, "Internal error")));
        json_answer(status, body.to_string().into_bytes())
    }
}

impl VpncpFront {
    fn refuse(&self, refusal: Refusal) -> Response<Bytes> {
        let (code, body) = reply::wrapped(&self.0.switches(), Err(refusal));
        json_answer(code, body.to_string().into_bytes())
    }
}

fn may_ask(server: &Server, switches: &Switches, request: &Request<Bytes>) -> Result<(), Refusal> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_known = match switches.is_first() {
        true => {
            let cookies = header("cookie").unwrap_or_default().split(';');
            let mut hashes = cookies.filter_map(|cookie| cookie.trim().strip_prefix("access_hash="));
            switches.license_valid && hashes.any(|hash| hash == server.access_hash)
        }
        false => {
            header("authorization").and_then(|value| value.strip_prefix("Bearer ")) == Some(&*server.token)
        }
    };
    match is_known {
        true => Ok(()),
        false => Err(not_authorized(switches)),
    }
}

fn not_authorized(switches: &Switches) -> Refusal {
    match switches.is_first() {
        true => Refusal::new(200, "Not authorized"),
        false => Refusal::new(401, "Unauthorized"),
    }
}

/// `None` for a path nobody knows.
fn outcome(server: &Server, switches: &Switches, request: &Request<Bytes>, call: &[&str]) -> Option<Outcome> {
    let (clients, months, networks) = match switches.is_first() {
        true => ("account", "traffic_statistics", "wireguard"),
        false => ("client", "traffic", "network"),
    };
    let is = |method: Method| request.method() == method;
    match call {
        ["system", "status"] if is(Method::GET) => Some(Ok(system::status(server, switches))),
        ["system", "info"] if is(Method::GET) && switches.tells_settings => Some(Ok(system::info(switches))),
        ["system", "config"] if is(Method::GET) && switches.tells_settings => {
            Some(Ok(system::config(switches)))
        }
        ["license"] if is(Method::GET) => Some(system::license(server, switches)),
        [kind] if *kind == networks && is(Method::GET) => Some(Ok(system::networks(switches))),
        [kind] if *kind == clients && is(Method::GET) => Some(Ok(calls::list(server, switches))),
        [kind, name] if *kind == clients && is(Method::GET) => Some(calls::show(server, switches, name)),
        [kind, name] if *kind == clients && is(Method::PUT) => {
            Some(calls::edit(server, switches, name, request.body()))
        }
        [kind, name, part, year, month] if *kind == clients && *part == months && is(Method::GET) => {
            Some(traffic::month(server, switches, name, year, month))
        }
        _ => None,
    }
}
