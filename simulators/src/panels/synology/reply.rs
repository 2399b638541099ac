//! The envelope of every answer, and why a call is refused.

use super::switches::Switches;
use crate::server::answer;
use axum::http::{HeaderValue, Response};
use bytes::Bytes;
use serde_json::{Value, json};

/// What a call is answered: its data, where it has any.
pub type Outcome = Result<Value, Refusal>;

/// Why a call is not done.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// DSM's code; from 400 on each API has its own.
    pub code: u32,
    /// More about it, in whatever shape that API has.
    pub errors: Option<Value>,
}

impl Refusal {
    /// A bare code.
    pub const fn code(code: u32) -> Self {
        Self { code, errors: None }
    }

    /// A code that says which parameter is missing or wrong.
    pub fn of_parameter(name: &str, reason: &str) -> Self {
        Self { code: 120, errors: Some(json!({ "name": name, "reason": reason })) }
    }

    /// As it stands in an answer, or in a part of a batch.
    pub fn shown(&self) -> Value {
        let mut error = json!({ "code": self.code });
        if let Some(errors) = &self.errors {
            error["errors"] = errors.clone();
        }
        error
    }
}

/// No data: some calls have none to give.
pub const NOTHING: Value = Value::Null;

/// An outcome in its envelope.
pub fn enveloped(outcome: &Outcome) -> Value {
    match outcome {
        Ok(Value::Null) => json!({ "success": true }),
        Ok(data) => json!({ "data": data, "success": true }),
        Err(refusal) => json!({ "error": refusal.shown(), "success": false }),
    }
}

/// An answer of this body; a missing right is said in a header besides.
pub fn sent(switches: &Switches, body: Vec<u8>, refused: Option<&Refusal>) -> Response<Bytes> {
    let kind = match switches.is_seven() {
        true => "application/json; charset=\"UTF-8\"",
        false => "text/plain; charset=\"UTF-8\"",
    };
    let mut answer = answer(200, kind, body);
    let told = switches.content_type.as_deref().and_then(|told| HeaderValue::from_str(told).ok());
    if let Some(told) = told {
        answer.headers_mut().insert("content-type", told);
    }
    if refused.is_some_and(|refusal| refusal.code == 105) {
        answer.headers_mut().insert("x-request-error", HeaderValue::from_static("noprivilege"));
    }
    answer
}
