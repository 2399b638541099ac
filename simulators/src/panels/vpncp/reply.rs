//! How the panel wraps what it says: two envelopes, and errors in the words of each generation.

use super::switches::{Switches, Wrapping};
use crate::server::answer;
use axum::http::{HeaderValue, Response, header};
use bytes::Bytes;
use serde_json::{Value, json};

/// What a call comes to.
pub type Outcome = Result<Value, Refusal>;

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status on 2.x; 1.x says everything with 200.
    pub status: u16,
    /// The words.
    pub text: String,
    /// The field it is about, with what is wrong.
    pub field: Option<(String, String)>,
}

impl Refusal {
    /// A refusal in these words.
    pub fn new(status: u16, text: &str) -> Self {
        Self { status, text: text.to_owned(), field: None }
    }

    /// A validation error of one field.
    pub fn of_field(field: &str, why: &str) -> Self {
        let field = Some((field.to_owned(), why.to_owned()));
        Self { status: 422, text: "Validation failed".to_owned(), field }
    }
}

/// The body and status of an outcome.
pub fn wrapped(switches: &Switches, outcome: Outcome) -> (u16, Value) {
    match (outcome, switches.is_first()) {
        (Ok(content), true) => (200, json!({ "error": "", "msg": content, "status": "success" })),
        (Err(refusal), true) => (200, json!({ "error": refusal.text, "msg": "", "status": "error" })),
        (Ok(content), false) => match switches.wrapping {
            Wrapping::Data => (200, json!({ "result": "OK", "message": "", "data": content })),
            Wrapping::Msg => (200, json!({ "result": "OK", "message": "", "msg": content })),
            Wrapping::Bare => (200, content),
        },
        (Err(refusal), false) => {
            let mut body = json!({ "result": "ERROR", "message": refusal.text });
            if let Some((field, why)) = refusal.field {
                body["errors"] = json!({ field: why });
            }
            (if switches.errors_as_200 { 200 } else { refusal.status }, body)
        }
    }
}

/// An answer with a JSON body.
pub fn json_answer(code: u16, body: Vec<u8>) -> Response<Bytes> {
    answer(code, "application/json; charset=utf-8", body)
}

/// What Gin says of a path it does not know.
pub fn unknown_path() -> Response<Bytes> {
    answer(404, "text/plain", b"404 page not found".to_vec())
}

/// The panel's login page.
pub fn login_page() -> Response<Bytes> {
    let page = "<!DOCTYPE html>\n<html><head><title>PUQVPNCP</title></head><body><form action=\"/login\">\
                <input name=\"username\"><input type=\"password\" name=\"password\"></form></body></html>\n";
    answer(200, "text/html; charset=utf-8", page.into())
}

/// The way to the login page.
pub fn to_login() -> Response<Bytes> {
    let mut redirect = answer(302, "text/html; charset=utf-8", Vec::new());
    redirect.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/login"));
    redirect
}
