//! Judges one answer: success with its payload, or the panel's own no.
//!
//! Pure. The two generations wrap their answers differently, and 2.x answers are described nowhere in
//! full, so whatever is wrapped in either way is understood.

use serde_json::{Map, Value};

use super::wire::excerpt;
use crate::backends::kit::json::{keys, type_of};
use crate::http::Answer;

/// What a successful answer holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Payload {
    /// The content, without its envelope.
    pub value: Value,
    /// Whether there was no envelope at all.
    pub is_bare: bool,
}

/// Why there is no payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum No {
    /// The panel says no, in these words; `fields` are the ones it objects to.
    Message {
        /// Its error text, possibly empty.
        text: String,
        /// The fields named by a validation error.
        fields: Vec<String>,
    },
    /// An HTML login page.
    LoginPage,
    /// Not what any release is known to answer; what came.
    Strange(String),
}

/// Judges an answer by its body first and its status second.
pub(super) fn judge(answer: &Answer) -> Result<Payload, No> {
    let body = match serde_json::from_slice::<Value>(answer.body()) {
        Ok(body) => body,
        Err(_) if answer.is_html() && asks_to_log_in(&answer.text()) => return Err(No::LoginPage),
        // Pages of proxies and Gin's own "404 page not found" hold no client's secrets; the beginning of
        // a broken list may.
        Err(_) if answer.is_html() || !answer.is_success() || answer.body().is_empty() => {
            return Err(No::Strange(format!("expected JSON, got {}", answer.sketch())));
        }
        Err(error) => {
            let head = answer.sketch_head();
            return Err(No::Strange(format!("expected JSON, got {head} that breaks at {error}")));
        }
    };
    unwrap(body, answer.status())
}

fn unwrap(body: Value, status: u16) -> Result<Payload, No> {
    let failed = status >= 400;
    let Value::Object(mut root) = body else {
        return match body {
            Value::Array(_) if !failed => Ok(Payload { value: body, is_bare: true }),
            other => Err(No::Strange(format!("expected an object, got {} ({status})", type_of(&other)))),
        };
    };
    if let Some(result) = root.get("result").and_then(Value::as_str) {
        let is_well = ["ok", "success"].iter().any(|word| result.eq_ignore_ascii_case(word));
        return match is_well && !failed {
            true => payload(root),
            false => Err(refusal(&root, &["message", "error", "detail"])),
        };
    }
    let outer = root.get("status").and_then(Value::as_str).map(str::to_ascii_lowercase);
    let is_first = matches!(outer.as_deref(), Some("success" | "error"))
        && (root.contains_key("msg") || root.contains_key("error"));
    if is_first {
        // The manual prints "success" above error texts too: a text decides.
        let error = root.get("error").and_then(Value::as_str).unwrap_or_default();
        return match outer.as_deref() == Some("success") && error.is_empty() && !failed {
            true => payload(root),
            false => Err(refusal(&root, &["error", "message", "msg"])),
        };
    }
    if failed {
        return Err(refusal(&root, &["message", "error", "detail", "msg"]));
    }
    // Without an envelope the content may still lie under the usual keys.
    match ["data", "msg"].iter().find_map(|key| root.remove(*key)) {
        Some(value) => Ok(Payload { value, is_bare: true }),
        None => Ok(Payload { value: Value::Object(root), is_bare: true }),
    }
}

/// `null` under a payload key is Go's empty list; no such key at all is no answer.
fn payload(mut root: Map<String, Value>) -> Result<Payload, No> {
    if let Some(value) = ["data", "msg"].iter().find_map(|key| root.remove(*key)) {
        return Ok(Payload { value, is_bare: false });
    }
    match root.contains_key("name") {
        true => Ok(Payload { value: Value::Object(root), is_bare: false }),
        false => {
            Err(No::Strange(format!("expected result/message/data, got success with only {}", keys(&root))))
        }
    }
}

fn refusal(root: &Map<String, Value>, places: &[&str]) -> No {
    let words = places.iter().filter_map(|place| root.get(*place)?.as_str());
    let mut text = words.into_iter().find(|text| !text.is_empty()).map(excerpt).unwrap_or_default();
    let mut fields = Vec::new();
    if let Some(Value::Object(errors)) = root.get("errors") {
        for (field, why) in errors {
            let why = why.as_str().map(excerpt).unwrap_or_else(|| type_of(why).to_string());
            text = format!("{text}{}{field}: {why}", if text.is_empty() { "" } else { "; " });
            fields.push(field.clone());
        }
    }
    No::Message { text, fields }
}

fn asks_to_log_in(page: &str) -> bool {
    let page = page.to_ascii_lowercase();
    ["type=\"password\"", "type='password'", "login", "log in", "sign in"]
        .iter()
        .any(|sign| page.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(body: Value) -> Value {
        let payload = unwrap(body, 200).expect("success");
        payload.value
    }

    fn text(status: u16, body: Value) -> String {
        match unwrap(body, status).expect_err("no success") {
            No::Message { text, .. } => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_envelopes_are_opened() {
        assert_eq!(value(json!({"result": "OK", "message": "", "data": [1]})), json!([1]));
        assert_eq!(value(json!({"result": "success", "data": null})), Value::Null);
        assert_eq!(value(json!({"error": "", "msg": [], "status": "success"})), json!([]));
        assert_eq!(
            value(json!({"error": "", "msg": {"status": "OK"}, "status": "SUCCESS"})),
            json!({"status": "OK"})
        );
        assert_eq!(value(json!({"result": "OK", "name": "a"})), json!({"result": "OK", "name": "a"}));
    }

    #[test]
    fn bare_content_is_taken_and_marked() {
        for body in [json!([]), json!({"status": "OK", "version": "2.3.0"}), json!({"data": []})] {
            assert!(unwrap(body, 200).expect("success").is_bare);
        }
        // Only the outer object is judged: this is a client, not an envelope.
        assert_eq!(value(json!({"name": "a", "status": "enable"}))["name"], "a");
    }

    #[test]
    fn the_panels_no_is_a_no_whatever_the_status() {
        assert_eq!(
            text(200, json!({"error": "Not authorized", "msg": "", "status": "error"})),
            "Not authorized"
        );
        assert_eq!(
            text(200, json!({"error": "Not authorized", "msg": "", "status": "success"})),
            "Not authorized"
        );
        assert_eq!(text(200, json!({"result": "ERROR", "message": "Client not found"})), "Client not found");
        assert_eq!(text(403, json!({"detail": "forbidden"})), "forbidden");
        assert_eq!(text(500, json!({"result": "OK", "data": []})), "");
        let no = unwrap(
            json!({"result": "ERROR", "message": "bad", "errors": {"b_download": "must be a string"}}),
            422,
        );
        let fields = vec!["b_download".to_string()];
        assert_eq!(no, Err(No::Message { text: "bad; b_download: must be a string".into(), fields }));
    }

    #[test]
    fn success_without_content_is_no_answer() {
        let no = unwrap(json!({"result": "OK", "message": "done"}), 200).expect_err("no payload");
        assert_eq!(
            no,
            No::Strange("expected result/message/data, got success with only [message, result]".into())
        );
        assert!(unwrap(json!("text"), 200).is_err());
        assert!(unwrap(Value::Null, 200).is_err());
    }
}
