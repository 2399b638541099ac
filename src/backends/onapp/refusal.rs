//! What a panel's no means for the caller. Pure.
//!
//! `errors` may be a list of texts, a map of lists, a list of objects, or one text under `error`; the words of 401 and
//! of a locked server are written down nowhere, so the status decides.

use serde_json::Value;

use crate::backends::{BackendError, kit};
use crate::http::{HttpError, excerpt};

/// How much of the panel's own words is shown.
const SHOWN: usize = 120;

/// Why a call did not succeed.
pub(super) type CallFailure = kit::CallFailure<ApiRefusal>;

/// The panel's own no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiRefusal {
    /// Which call.
    pub call: String,
    /// The permission that it needs.
    pub right: &'static str,
    pub no: No,
}

/// How it says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum No {
    /// By a status, with its words.
    Status(u16, String),
    /// By its page to log in.
    LoginPage,
    /// By an HTML page of an error.
    Page(u16),
}

impl ApiRefusal {
    /// Whether the credential itself is refused: nothing else will be answered.
    pub fn is_credentials(&self) -> bool {
        matches!(self.no, No::Status(401, _) | No::LoginPage)
    }

    /// Whether a permission is missing.
    pub fn is_right(&self) -> bool {
        matches!(self.no, No::Status(403, _))
    }

    /// Whether what was asked about is not there.
    pub fn is_gone(&self) -> bool {
        matches!(self.no, No::Status(404, _) | No::Page(404))
    }

    /// Whether the call has another verb in this release.
    pub fn is_wrong_verb(&self) -> bool {
        matches!(self.no, No::Status(404 | 405, _) | No::Page(404 | 405))
    }
}

/// The words of an error in whichever shape it came, without the secrets in them.
pub(super) fn words(body: &Value, secrets: &[&str]) -> String {
    let mut found = Vec::new();
    for key in ["errors", "error"] {
        gather(body.get(key).unwrap_or(&Value::Null), &mut found);
    }
    let text = found.join("; ");
    let clean = secrets
        .iter()
        .filter(|secret| !secret.is_empty())
        .fold(text, |text, secret| text.replace(secret, "…"));
    excerpt(&clean, SHOWN)
}

fn gather(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let mut inner = Vec::new();
                gather(value, &mut inner);
                found.extend(inner.into_iter().map(|text| format!("{name} {text}")));
            }
        }
        _ => {}
    }
}

impl From<ApiRefusal> for BackendError {
    fn from(refusal: ApiRefusal) -> BackendError {
        let ApiRefusal { call, right, no } = refusal;
        let said = |status: u16, words: &str| match words.is_empty() {
            true => format!("status {status}, no reason given"),
            false => format!("status {status}, {words:?}"),
        };
        match no {
            No::Status(401, words) => BackendError::Refused(format!(
                "{call}: username or api_key is wrong, or that user is suspended ({})",
                said(401, &words)
            )),
            No::LoginPage => BackendError::Refused(format!(
                "{call}: the page to log in came in place of an answer: username or api_key is wrong, or the address is"
            )),
            No::Status(403, words) => {
                BackendError::Refused(format!("{call} needs the right {right} ({})", said(403, &words)))
            }
            No::Status(status @ (405 | 501), words) => BackendError::NotOffered(format!(
                "{call}: this release has no such call ({})",
                said(status, &words)
            )),
            No::Status(status, words) => BackendError::Unexpected { at: call, detail: said(status, &words) },
            No::Page(status) => {
                BackendError::Unexpected { at: call, detail: format!("status {status}, an html page") }
            }
        }
    }
}

/// No answer at all. A redirect within the panel leads to its page to log in; elsewhere, to its real address.
pub(super) fn unanswered(call: &str, right: &'static str, own_origin: &str, error: HttpError) -> CallFailure {
    match &error {
        HttpError::Redirect { to, .. } if to == own_origin => {
            CallFailure::Refusal(ApiRefusal { call: call.into(), right, no: No::LoginPage })
        }
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(no: No) -> String {
        BackendError::from(ApiRefusal { call: "GET /users.json".into(), right: "users.read", no }).to_string()
    }

    #[test]
    fn errors_are_read_in_every_shape() {
        for (body, expected) in [
            (json!({"errors": ["Resource not found"]}), "Resource not found"),
            (json!({"error": "Resource not found"}), "Resource not found"),
            (json!({"errors": {"email": ["has already been taken"]}}), "email has already been taken"),
            (json!({"errors": [{"base": "is locked"}]}), "base is locked"),
            (json!({"errors": ["key hunter2 is wrong"]}), "key … is wrong"),
            (json!([]), ""),
        ] {
            assert_eq!(words(&body, &["hunter2", ""]), expected, "{body}");
        }
        assert!(words(&json!({"error": "x ".repeat(500)}), &[]).len() < 200);
    }

    #[test]
    fn what_the_panel_says_becomes_what_to_do_next() {
        for (no, expected) in [
            (No::Status(401, String::new()), "refuses: GET /users.json: username or api_key is wrong"),
            (No::LoginPage, "refuses: GET /users.json: the page to log in"),
            (
                No::Status(403, "no".into()),
                "refuses: GET /users.json needs the right users.read (status 403, \"no\")",
            ),
            (No::Status(405, String::new()), "not offered: GET /users.json: this release"),
            (
                No::Status(422, "is invalid".into()),
                "unexpected answer at GET /users.json: status 422, \"is invalid\"",
            ),
            (No::Page(500), "unexpected answer at GET /users.json: status 500, an html page"),
        ] {
            assert!(shown(no.clone()).contains(expected), "{expected}: {}", shown(no));
        }
        let gone = |no| ApiRefusal { call: String::new(), right: "", no }.is_gone();
        assert!(
            gone(No::Status(404, String::new()))
                && gone(No::Page(404))
                && !gone(No::Status(422, String::new()))
        );
    }

    #[test]
    fn a_redirect_within_the_panel_is_its_page_to_log_in() {
        let to = |to: &str| HttpError::Redirect { host: "cp:443".into(), status: 302, to: to.into() };
        let own = unanswered("GET /version.json", "", "https://cp:443", to("https://cp:443"));
        assert!(own.refusal().is_some_and(ApiRefusal::is_credentials));
        let other = unanswered("GET /version.json", "", "https://cp:443", to("https://other:443"));
        assert!(other.refusal().is_none() && other.error().to_string().contains("https://other:443"));
    }
}
