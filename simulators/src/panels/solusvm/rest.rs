//! Version 2: from a request below `/api/v1/` to an answer.

use super::rows::{self, MEMBER};
use super::switches::Switches;
use super::tasks;
use super::world::{Machine, Master};
use crate::damage::html_page;
use crate::faults::Strikes;
use crate::form::Form;
use crate::server::{answer, json_answer};
use axum::http::{HeaderMap, Method, Request, Response, header};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

/// Where the API begins.
pub const ROOT: &str = "/api/v1/";

/// What a call comes to: a body, or why it is refused.
pub type Outcome = Result<Value, Refusal>;

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    body: Value,
}

impl Refusal {
    /// A refusal with these words.
    pub fn new(status: u16, message: &str) -> Self {
        Self { status, body: json!({ "message": message }) }
    }

    /// A field of the call is not as it has to be.
    pub fn of_field(field: &str, why: &str) -> Self {
        let body = json!({ "message": "The given data was invalid.", "errors": { field: [why] } });
        Self { status: 422, body }
    }

    /// Nobody is known by these credentials.
    pub fn unknown() -> Self {
        Self::new(401, "Unauthenticated.")
    }

    /// The role lacks the permission.
    pub fn no_right() -> Self {
        Self::new(403, "This action is unauthorized.")
    }

    /// There is no such thing, or it is somebody else's.
    pub fn not_found() -> Self {
        Self::new(404, "Not found.")
    }

    /// The answer; another status may stand on it.
    pub fn written(&self, status: Option<u16>) -> Response<Bytes> {
        json_answer(status.unwrap_or(self.status), self.body.to_string().into_bytes())
    }
}

/// Answers a call.
pub fn answered(master: &Arc<Master>, request: &Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
    let switches = master.switches();
    if switches.wants_accept && !text_of(request.headers(), header::ACCEPT).contains("json") {
        return html_page(200);
    }
    let path = request.uri().path();
    let call: Vec<&str> =
        path.strip_prefix(ROOT).unwrap_or_default().trim_end_matches('/').split('/').collect();
    match outcome(master, &switches, request, &call) {
        // No content, as the connection test of a client out there has it.
        Ok(Value::Null) => answer(204, "application/json", Vec::new()),
        Ok(body) => json_answer(200, strikes.change_body(body.to_string().into_bytes())),
        Err(refusal) => {
            json_answer(refusal.status, strikes.change_body(refusal.body.to_string().into_bytes()))
        }
    }
}

fn outcome(master: &Arc<Master>, switches: &Switches, request: &Request<Bytes>, call: &[&str]) -> Outcome {
    if call == ["auth", "login"] && request.method() == Method::POST {
        return log_in(master, request.body());
    }
    let token = text_of(request.headers(), header::AUTHORIZATION).strip_prefix("Bearer ");
    if token != Some(&*master.secrets.token) {
        return Err(Refusal::unknown());
    }
    let is_get = request.method() == Method::GET;
    match (is_get, call) {
        (true, ["auth"]) => Ok(Value::Null),
        (true, ["account"]) => Ok(account(switches)),
        (true, ["projects"]) => Ok(json!({ "data": [{ "id": 3, "name": "default" }] })),
        (true, ["servers"]) => rows::page(master, switches, &query(request)),
        (true, ["servers", id]) => {
            let (id, machine) = find(master, switches, id)?;
            Ok(json!({ "data": rows::row(master, switches, id, &machine) }))
        }
        (true, ["servers", id, "disks"]) => {
            let (id, machine) = find(master, switches, id)?;
            Ok(rows::disks(master, switches, id, &machine))
        }
        (false, ["servers", id, action @ ("suspend" | "resume")]) if request.method() == Method::POST => {
            set_suspended(master, switches, id, *action == "suspend")
        }
        (true, ["tasks", id]) => {
            let task = id.parse().ok().and_then(|id| master.tasks.shown(id));
            Ok(json!({ "data": task.ok_or_else(Refusal::not_found)? }))
        }
        (true, ["usage", kind @ ("network" | "disks"), uuid]) => {
            rows::chart(master, switches, kind, uuid).ok_or_else(Refusal::not_found)
        }
        _ => Err(Refusal::not_found()),
    }
}

fn log_in(master: &Master, body: &[u8]) -> Outcome {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    for field in ["email", "password"] {
        if !told[field].is_string() {
            return Err(Refusal::of_field(field, &format!("The {field} field is required.")));
        }
    }
    // The token stands for the password too: there is one secret to be told.
    if told["email"] != "admin@example.net" || told["password"] != *master.secrets.token {
        return Err(Refusal::unknown());
    }
    let ends = crate::clock::at(master.now() + 86_400).to_rfc3339();
    let credentials =
        json!({ "access_token": master.secrets.token, "token_type": "Bearer", "expires_at": ends });
    Ok(json!({ "data": { "credentials": credentials } }))
}

fn account(switches: &Switches) -> Value {
    let (id, email, role) = match switches.admin {
        true => (1, "admin@example.net".to_owned(), "Admin"),
        false => (MEMBER, rows::email(MEMBER), "User"),
    };
    json!({ "data": {
        "id": id, "email": email, "status": "active", "roles": [{ "id": if switches.admin { 1 } else { 2 }, "name": role }],
        "created_at": "2023-04-05T06:07:08.000000Z",
    } })
}

fn find(master: &Master, switches: &Switches, id: &str) -> Result<(u64, Machine), Refusal> {
    let id: u64 = id.parse().map_err(|_| Refusal::not_found())?;
    let machine = master.one(id).filter(|machine| rows::is_seen(switches, machine));
    machine.map(|machine| (id, machine)).ok_or_else(Refusal::not_found)
}

fn set_suspended(master: &Arc<Master>, switches: &Switches, id: &str, suspend: bool) -> Outcome {
    let (id, machine) = find(master, switches, id)?;
    if switches.read_only || !switches.admin {
        return Err(Refusal::no_right());
    }
    if master.tasks.is_busy(id) {
        return Err(Refusal::new(400, "The server is being processed."));
    }
    if switches.repeat_refused && machine.suspended == suspend {
        let state = if suspend { "suspended" } else { "not suspended" };
        return Err(Refusal::new(400, &format!("The server is {state}.")));
    }
    Ok(json!({ "data": tasks::begin(master, id, machine.node, suspend) }))
}

/// The fields of a query.
pub fn query(request: &Request<Bytes>) -> Form {
    Form::read(request.uri().query().unwrap_or_default())
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
