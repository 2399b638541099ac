//! Answers as WHMCS puts them on the wire: JSON with its wrappings, errors, pages.

use super::switches::{EmptyList, Switches, TemplatesShape};
use crate::form::Form;
use serde_json::{Map, Value, json};
use std::ops::Range;

/// Why an action is not done: the status and the message.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal(pub u16, pub String);

impl Refusal {
    /// An error of the action itself, told with status 200.
    pub fn said(message: &str) -> Self {
        Self(200, message.to_owned())
    }
}

/// What an action answers.
pub type Outcome = Result<Map<String, Value>, Refusal>;

/// The body of an outcome.
pub fn body(switches: &Switches, outcome: &Outcome) -> (u16, Vec<u8>) {
    let (code, told) = match outcome {
        Ok(fields) => {
            let is_told = fields.get("status").is_some_and(|status| status == "success");
            let mut told = if is_told { json!({}) } else { json!({ "result": "success" }) };
            if let Some(told) = told.as_object_mut() {
                told.extend(fields.clone());
            }
            (200, if switches.numbers_as_texts { texts(told) } else { told })
        }
        Err(Refusal(code, message)) => (*code, json!({ "result": "error", "message": message })),
    };
    // PHP escapes quotes within its texts as \u0022 here (JSON_HEX_QUOT).
    (code, told.to_string().replace("\\\"", "\\u0022").into_bytes())
}

/// Which rows of `total` are asked for: `limitstart` (0) and `limitnum` (25).
pub fn page(form: &Form, switches: &Switches, total: usize) -> (usize, Range<usize>) {
    let asked = |name: &str| form.number(name).and_then(|number| usize::try_from(number).ok());
    let start = asked("limitstart").unwrap_or(0);
    let count = asked("limitnum").unwrap_or(25).min(switches.most_rows);
    let from = start.min(total);
    (start, from..from.saturating_add(count).min(total))
}

/// Puts a list into an answer, or what stands in its place when it is empty.
pub fn put_list(
    told: &mut Map<String, Value>,
    switches: &Switches,
    outer: &str,
    inner: &str,
    rows: Vec<Value>,
) {
    let list = match (rows.is_empty(), switches.empty_list) {
        (false, _) => json!({ inner: rows }),
        (true, EmptyList::Missing) => return,
        (true, EmptyList::EmptyText) => json!(""),
        (true, EmptyList::EmptyArray) => json!([]),
        (true, EmptyList::EmptyObject) => json!({}),
    };
    told.insert(outer.to_owned(), list);
}

/// Puts a list into an answer, nested or flattened as the documentation prints some.
pub fn put_shaped(
    told: &mut Map<String, Value>,
    switches: &Switches,
    outer: &str,
    inner: &str,
    rows: Vec<Value>,
) {
    if switches.templates_shape == TemplatesShape::Nested {
        return put_list(told, switches, outer, inner, rows);
    }
    for (number, row) in rows.iter().enumerate() {
        for (key, value) in row.as_object().into_iter().flatten() {
            told.insert(format!("{outer}[{inner}][{number}][{key}]"), value.clone());
        }
    }
}

fn texts(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::Array(items) => items.into_iter().map(texts).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, texts(value))).collect(),
        other => other,
    }
}
