//! Judges one answer: its payload, or the panel's own no. Pure.
//!
//! WHM wraps in five ways, whichever was asked for: API 1, two of API 0, none at all, and that of cPanel's own API,
//! in which some builds answer `version` and all of them refuse a credential.

use serde_json::Value;

use super::wire::{SHOWN, flag, without_tags};
use crate::backends::kit::json::{keys, type_of};
use crate::http::{Answer, excerpt};

/// Why there is no payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum No {
    /// The credential or the address is refused.
    Credentials,
    /// The panel says no, in these words.
    Message(String),
    /// Not what any release is known to answer; what came.
    Strange(String),
}

/// Judges an answer by its status first: bodies of old refusals are broken JSON.
pub(super) fn judge(answer: &Answer) -> Result<Value, No> {
    if matches!(answer.status(), 401 | 403) {
        return Err(No::Credentials);
    }
    if !answer.is_success() {
        return Err(No::Strange(format!("expected JSON, got {}", answer.sketch())));
    }
    // The content type says nothing: JSON comes as text/plain too.
    if answer.body().trim_ascii_start().starts_with(b"<") {
        let sketch = answer.sketch();
        return Err(No::Strange(format!(
            "expected JSON, got {sketch}: a page of HTML, as for a login, maintenance or the licence"
        )));
    }
    match answer.json::<Value>("") {
        Ok(root) => unwrap(root),
        Err(_) if answer.body().is_empty() => Err(No::Strange("expected JSON, got nothing".into())),
        Err(error) => {
            let head = answer.sketch_head();
            Err(No::Strange(format!("expected JSON, got {head}: {error}")))
        }
    }
}

/// The content of an answer without its envelope; `null` where the call has no output.
fn unwrap(mut root: Value) -> Result<Value, No> {
    if let Some(metadata) = root.get("metadata") {
        let said = text_of(metadata, "reason");
        return match metadata.get("result").and_then(flag) {
            Some(true) => Ok(taken(&mut root, "data")),
            Some(false) => Err(No::Message(said)),
            None => Err(No::Strange("metadata without a result of 0 or 1".into())),
        };
    }
    if let Some(legacy) = root.get_mut("cpanelresult") {
        return unwrap_legacy(legacy);
    }
    if let Some(status) = root.get("status").and_then(flag) {
        return if status { Ok(root) } else { Err(No::Message(text_of(&root, "statusmsg"))) };
    }
    if let Some(result) = root.get("result") {
        let all = result.as_array().map_or(std::slice::from_ref(result), Vec::as_slice);
        let failed = all.iter().find(|one| one.get("status").and_then(flag) == Some(false));
        return match failed {
            Some(failed) => Err(No::Message(text_of(failed, "statusmsg"))),
            None => Ok(taken(&mut root, "result")),
        };
    }
    match &root {
        Value::Array(list) if list.is_empty() => Ok(Value::Null),
        Value::Object(fields) if !fields.is_empty() => Ok(root),
        other => Err(No::Strange(format!("expected an object with metadata, got {}", type_of(other)))),
    }
}

fn unwrap_legacy(legacy: &mut Value) -> Result<Value, No> {
    let error = text_of(legacy, "error");
    let failed = legacy.pointer("/data/result").and_then(flag) == Some(false);
    match (error.is_empty(), failed) {
        _ if error.eq_ignore_ascii_case("access denied") => Err(No::Credentials),
        (true, false) => Ok(taken(legacy, "data")),
        (true, true) => {
            Err(No::Message(legacy.get("data").map(|data| text_of(data, "reason")).unwrap_or_default()))
        }
        (false, _) => Err(No::Message(error)),
    }
}

fn taken(root: &mut Value, key: &str) -> Value {
    root.get_mut(key).map(Value::take).unwrap_or_default()
}

/// A text as it may be shown: the panel writes HTML and whole consoles into its reasons.
fn text_of(object: &Value, key: &str) -> String {
    object
        .get(key)
        .and_then(Value::as_str)
        .map(|text| excerpt(&without_tags(text), SHOWN))
        .unwrap_or_default()
}

/// What an object has in place of what was looked for; names alone.
pub(super) fn shape_of(payload: &Value) -> String {
    match payload.as_object() {
        Some(object) => format!("an object with {}", keys(object)),
        None => type_of(payload).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_envelope_is_opened() {
        for (body, payload) in [
            (json!({"data": {"acct": []}, "metadata": {"result": 1, "reason": "OK"}}), json!({"acct": []})),
            (json!({"metadata": {"reason": "Bandwidth Limit set", "result": "1"}, "data": [7]}), json!([7])),
            (json!({"metadata": {"result": 1, "output": {"raw": "…"}}}), Value::Null),
            (json!({"metadata": {"result": 1}, "data": null}), Value::Null),
            (
                json!({"cpanelresult": {"apiversion": "2", "data": {"version": "11.134.0.44"}, "type": "text"}}),
                json!({"version": "11.134.0.44"}),
            ),
            (
                json!({"status": 1, "statusmsg": "Ok", "acct": []}),
                json!({"status": 1, "statusmsg": "Ok", "acct": []}),
            ),
            (json!({"result": [{"status": 1, "statusmsg": "…"}]}), json!([{"status": 1, "statusmsg": "…"}])),
            (json!({"result": {"status": "1"}}), json!({"status": "1"})),
            (json!({"bandwidth": [{"acct": []}]}), json!({"bandwidth": [{"acct": []}]})),
            (json!([]), Value::Null),
        ] {
            assert_eq!(unwrap(body.clone()), Ok(payload), "{body}");
        }
    }

    #[test]
    fn every_no_is_one_and_shown_without_tags() {
        let said = |text: &str| Err(No::Message(text.to_string()));
        for (body, no) in [
            (
                json!({"metadata": {"result": 0, "reason": "Unable to resolve domain name."}}),
                said("Unable to resolve domain name."),
            ),
            (
                json!({"metadata": {"result": "0", "reason": "<script>x()</script>Access<br />denied"}}),
                said("x() Access denied"),
            ),
            (
                json!({"status": 0, "statusmsg": "Account does not exist", "acct": null}),
                said("Account does not exist"),
            ),
            (json!({"result": [{"status": 1}, {"status": 0, "statusmsg": "no"}]}), said("no")),
            (
                json!({"cpanelresult": {"error": "Function not found", "data": {"result": "0"}}}),
                said("Function not found"),
            ),
            (json!({"cpanelresult": {"data": {"reason": "why", "result": 0}}}), said("why")),
            (
                json!({"cpanelresult": {"error": "Access denied", "data": {"result": "0"}}}),
                Err(No::Credentials),
            ),
        ] {
            assert_eq!(unwrap(body.clone()), no, "{body}");
        }
        for strange in [json!({}), json!([1]), json!("text"), json!({"metadata": {"reason": "OK"}})] {
            assert!(matches!(unwrap(strange.clone()), Err(No::Strange(_))), "{strange}");
        }
    }
}
