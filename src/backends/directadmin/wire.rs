//! The JSON of DirectAdmin, seen by no other room: the lists of names, the tables of accounts, the session.
//!
//! Every scalar may be a text or a number, and every cell may be an object that has it under `value`.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The names in a list of accounts: `["a","b"]`, or an object of no rows. None where it is none of these, or has
/// something that is no text.
pub(super) fn names(list: &Value) -> Option<Vec<&str>> {
    match list {
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        Value::Object(object) if object.keys().all(|key| key == "info") => Some(Vec::new()),
        _ => None,
    }
}

/// The rows of a table: those under decimal digits, in whatever order they come.
pub(super) fn rows(table: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let is_number = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    table.iter().filter(move |(key, _)| is_number(key)).map(|(key, row)| (key.as_str(), row))
}

/// A number that `info` of a table tells.
pub(super) fn of_info(table: &Map<String, Value>, key: &str) -> Option<usize> {
    scalar(table.get("info")?.get(key)?)?.parse().ok()
}

/// A scalar as text, be it bare or in an object; none for lists, other objects and null.
pub(super) fn scalar(cell: &Value) -> Option<String> {
    match cell {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_string()),
        Value::Object(object) => object.get("value").filter(|value| !value.is_object()).and_then(scalar),
        Value::Null | Value::Array(_) => None,
    }
}

/// A part of a cell such as `{"limit": …, "usage": …}`; a bare cell `used / limit` is cut at its slash.
pub(super) fn part(cell: Option<&Value>, name: &str) -> Option<String> {
    match cell? {
        Value::Object(object) => match (object.get(name), object.get("value")) {
            (Some(part), _) => scalar(part),
            (None, nested) => part(Some(nested.filter(|value| !value.is_null())?), name),
        },
        Value::String(text) => {
            let (used, limit) = text.split_once('/')?;
            Some(if name == "usage" { used } else { limit }.trim().to_string())
        }
        _ => None,
    }
}

/// The first domain of a cell that maps domains, or lists them.
pub(super) fn first_domain(cell: Option<&Value>) -> Option<String> {
    match cell? {
        // Kept in the order of the alphabet by whoever read it: which one came first is not known of several.
        Value::Object(object) if object.len() == 1 => object.keys().next().cloned(),
        Value::Array(list) => list.first().and_then(scalar),
        _ => None,
    }
}

/// `GET /api/session`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    pub effective_role: Option<String>,
}
