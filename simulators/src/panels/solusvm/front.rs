//! From a request to an answer: which product it is, and how each refuses.

use super::command;
use super::rest::{self, ROOT, Refusal};
use super::world::Master;
use crate::damage::html_page;
use crate::faults::Strikes;
use crate::server::{Front, answer};
use async_trait::async_trait;
use axum::http::{HeaderValue, Request, Response, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::sync::Arc;

/// The panel as its callers see it.
pub struct SolusvmFront(pub Arc<Master>);

#[async_trait]
impl Front for SolusvmFront {
    async fn answer(&self, _: usize, request: Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
        let switches = self.0.switches();
        if let Some(expected) = &switches.basic_auth {
            let told = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            if told != Some(&format!("Basic {}", STANDARD.encode(expected))) {
                let mut refused = html_page(401);
                let challenge = HeaderValue::from_static("Basic realm=\"restricted\"");
                refused.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                return refused;
            }
        }
        match (switches.maintenance, switches.is_first()) {
            (true, _) => html_page(200),
            (false, true) => command::answered(&self.0, &request, strikes).await,
            (false, false) if request.uri().path().starts_with(ROOT) => {
                rest::answered(&self.0, &request, strikes)
            }
            (false, false) => html_page(200),
        }
    }

    /// In version 1 all calls go to one path: the action follows it, with the server it is about. In version 2 the
    /// number of the page follows the list, told or not.
    fn called(&self, request: &Request<Bytes>) -> String {
        if !self.0.switches().is_first() {
            let is_list = request.uri().path().trim_end_matches('/') == "/api/v1/servers";
            let page = rest::query(request).number("page").unwrap_or(1);
            return if is_list { format!(" page {page};") } else { String::new() };
        }
        let asked = command::fields(request);
        match (asked.get("action"), asked.get("vserverid")) {
            ("", _) => String::new(),
            (action, "") => format!(" {action};"),
            (action, server) => format!(" {action} {server};"),
        }
    }

    fn credentials_refused(&self, _: &str, status: Option<u16>) -> Response<Bytes> {
        match self.0.switches().is_first() {
            true => {
                let mut refused = command::bare("Invalid id or key");
                *refused.status_mut() = crate::server::status(status.unwrap_or(200));
                refused
            }
            false => Refusal::unknown().written(status),
        }
    }

    fn right_missing(&self, _: &str) -> Response<Bytes> {
        match self.0.switches().is_first() {
            true => command::error("Permission denied", true),
            false => Refusal::no_right().written(None),
        }
    }

    fn too_many_requests(&self, _: &str) -> Response<Bytes> {
        match self.0.switches().is_first() {
            true => answer(429, "text/html", b"Too Many Requests\n".to_vec()),
            false => Refusal::new(429, "Too Many Attempts.").written(None),
        }
    }

    fn failed(&self, _: &str, status: u16) -> Response<Bytes> {
        match self.0.switches().is_first() {
            true => html_page(status),
            false => Refusal::new(status, "Server Error").written(None),
        }
    }
}
