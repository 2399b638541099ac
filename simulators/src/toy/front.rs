//! From a request to an answer.

use super::world::Server;
use crate::faults::Strikes;
use crate::form::{Form, decoded};
use crate::server::{Front, json_answer};
use async_trait::async_trait;
use axum::http::{Method, Request, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

/// The most accounts on one page.
const LARGEST_PAGE: usize = 100;

/// The panel as its callers see it.
pub struct ToyFront(pub Arc<Server>);

type Answered = (u16, Value);

#[async_trait]
impl Front for ToyFront {
    async fn answer(&self, _: usize, request: Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
        let (status, body) = self.reply(&request);
        json_answer(status, strikes.change_body(body.to_string().into_bytes()))
    }

    fn credentials_refused(&self, _: &str, status: Option<u16>) -> Response<Bytes> {
        say(status.unwrap_or(401), "bad token")
    }

    fn right_missing(&self, _: &str) -> Response<Bytes> {
        say(403, "the token has no right to this")
    }

    fn too_many_requests(&self, _: &str) -> Response<Bytes> {
        say(429, "slow down")
    }

    fn failed(&self, _: &str, status: u16) -> Response<Bytes> {
        say(status, "something broke")
    }
}

impl ToyFront {
    fn reply(&self, request: &Request<Bytes>) -> Answered {
        let told = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        if told.and_then(|told| told.strip_prefix("Bearer ")) != Some(&self.0.token) {
            return refused(401, "bad token");
        }
        let path: Vec<String> = request.uri().path().split('/').map(|part| decoded(part, false)).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match (request.method(), path.as_slice()) {
            (&Method::GET, ["", "api", "accounts"]) => {
                self.page(&Form::read(request.uri().query().unwrap_or_default()))
            }
            (&Method::POST, ["", "api", "accounts", name, action @ ("suspend" | "unsuspend")]) => {
                self.switch(name, *action == "suspend", request.body())
            }
            _ => refused(404, "no such call"),
        }
    }

    fn page(&self, asked: &Form) -> Answered {
        let number = |name, default| {
            asked.number(name).and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
        };
        let there = self.0.there();
        let rows =
            there.iter().skip(number("offset", 0)).take(number("limit", LARGEST_PAGE).min(LARGEST_PAGE));
        let rows: Vec<Value> = rows.map(|(name, account)| self.0.shown(name, account)).collect();
        (200, json!({ "accounts": rows, "total": there.len() }))
    }

    fn switch(&self, name: &str, suspended: bool, body: &[u8]) -> Answered {
        let told: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(reason) = told["reason"].as_str() else { return refused(400, "reason is missing") };
        let mut accounts = self.0.accounts();
        let Some(account) = accounts.get_mut(name).filter(|account| !account.vanished) else {
            return refused(404, "no such account");
        };
        account.suspended = suspended.then(|| reason.to_owned());
        (200, json!({ "ok": true }))
    }
}

fn refused(status: u16, text: &str) -> Answered {
    (status, json!({ "error": text }))
}

fn say(status: u16, text: &str) -> Response<Bytes> {
    json_answer(status, refused(status, text).1.to_string().into_bytes())
}
