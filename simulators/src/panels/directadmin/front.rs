//! From a request to an answer: who asks, whether he may, which API, which command.

use super::api;
use super::ask::{Ask, Caller, accepts_json, caller};
use super::reply::{self, Said, Written, in_json, login_page, not_logged_in, written};
use super::switches::{Blacklisted, Switches};
use super::tables::{Table, table};
use super::world::{Rank, Server};
use super::{config, lists, modify, select, stats, usage};
use crate::faults::Strikes;
use crate::server::{Front, answer};
use async_trait::async_trait;
use axum::http::{Request, Response};
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;

/// The panel as its callers see it.
pub struct DirectAdminFront(pub Arc<Server>);

#[async_trait]
impl Front for DirectAdminFront {
    async fn answer(&self, _: usize, request: Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
        let server = &self.0;
        let switches = server.switches();
        server.enforce_limits(&switches);
        let (status, kind, body) = replied(server, &switches, &request);
        answer(status, kind, strikes.change_body(body.into_bytes()))
    }

    fn credentials_refused(&self, path: &str, status: Option<u16>) -> Response<Bytes> {
        let refused = match (status, path.starts_with("/api/")) {
            (_, true) => api::refused(401, "UNAUTHORIZED"),
            (Some(_), false) => not_logged_in(),
            (None, false) => login_page(&self.0.switches()),
        };
        sent((status.unwrap_or(refused.0), refused.1, refused.2))
    }

    fn right_missing(&self, path: &str) -> Response<Bytes> {
        if path.starts_with("/api/") {
            return sent(api::refused(403, "FORBIDDEN"));
        }
        let ask = Ask {
            command: String::new(),
            is_page: false,
            wants_json: false,
            is_post: false,
            arguments: crate::form::Form::default(),
        };
        sent(written(&self.0.switches(), &ask, Said::AboveLevel))
    }

    fn too_many_requests(&self, _: &str) -> Response<Bytes> {
        sent(api::refused(429, "TOO_MANY_REQUESTS"))
    }

    fn failed(&self, path: &str, status: u16) -> Response<Bytes> {
        sent(match path.starts_with("/api/") {
            true => in_json(status, &json!({ "type": "INTERNAL_ERROR", "message": "something broke" })),
            false => reply::page(status, "An error has occurred"),
        })
    }
}

fn sent((status, kind, body): Written) -> Response<Bytes> {
    answer(status, kind, body.into_bytes())
}

fn replied(server: &Server, switches: &Switches, request: &Request<Bytes>) -> Written {
    if server.guard.is_blacklisted(switches.blacklist_after) {
        return match switches.blacklisted_sees {
            Blacklisted::Page => reply::page(200, "Your IP address is on the black list"),
            Blacklisted::Nothing => (200, "text/html; charset=UTF-8", String::new()),
        };
    }
    let path = request.uri().path();
    if let Some(call) = path.strip_prefix("/api/") {
        return match caller(server, switches, request) {
            Some(caller) => api::reply(server, switches, &caller, request.method(), call),
            None => api::refused(401, "UNAUTHORIZED"),
        };
    }
    let Some(ask) = Ask::read(switches, request) else {
        server.guard.note();
        return login_page(switches);
    };
    let Some(caller) = caller(server, switches, request) else {
        let reads_json = ask.wants_json || accepts_json(request);
        return if reads_json { not_logged_in() } else { login_page(switches) };
    };
    if !switches.licence_active {
        return reply::page(200, "Your DirectAdmin license is not valid");
    }
    written(switches, &ask, said(server, switches, &ask, &caller))
}

/// Who may give a command; `None` for one that nobody knows.
fn needs(ask: &Ask) -> Option<Rank> {
    Some(match ask.command.as_str() {
        "LOGIN_TEST" | "SHOW_USER_CONFIG" | "SHOW_USER_USAGE" => Rank::User,
        "SHOW_USERS" | "ALL_USER_USAGE" | "USER_SHOW" | "SELECT_USERS" | "MODIFY_USER" => Rank::Reseller,
        "SHOW_ALL_USERS" | "SHOW_RESELLERS" | "SHOW_ADMINS" | "ALL_USER_SHOW" | "ADMIN_STATS" => Rank::Admin,
        _ => return None,
    })
}

fn said(server: &Server, switches: &Switches, ask: &Ask, caller: &Caller) -> Said {
    let listed = &switches.key_commands;
    if caller.has_key && !listed.is_empty() && !listed.contains(&ask.as_listed()) {
        return Said::NotInKey;
    }
    if needs(ask).is_none_or(|rank| caller.rank < rank) {
        return Said::AboveLevel;
    }
    match ask.command.as_str() {
        "LOGIN_TEST" => Said::Done("Login OK"),
        "SHOW_ALL_USERS" => lists::all_users(server, switches, ask),
        "SHOW_USERS" => lists::users(server, switches, ask, caller),
        "SHOW_RESELLERS" => lists::of_rank(server, switches, ask, Rank::Reseller),
        "SHOW_ADMINS" => lists::of_rank(server, switches, ask, Rank::Admin),
        "ALL_USER_USAGE" => usage::everybody(server, switches, ask, caller),
        "ALL_USER_SHOW" => table(server, switches, ask, caller, Table::All),
        "USER_SHOW" => table(server, switches, ask, caller, Table::Own),
        "SHOW_USER_CONFIG" => config::show(server, switches, ask, caller),
        "SHOW_USER_USAGE" => usage::one(server, switches, ask, caller),
        "ADMIN_STATS" => stats::show(server, switches, ask, caller),
        "SELECT_USERS" => select::users(server, switches, ask, caller),
        "MODIFY_USER" => modify::user(server, switches, ask, caller),
        _ => Said::AboveLevel,
    }
}
