//! Long lists, page by page: how many rows are wanted, after which one, and how a page looks.

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Problem, parsed};

/// The longest page of a list.
const LONGEST_PAGE: usize = 1000;

/// Rows of a page where the query says nothing.
const USUAL_PAGE: usize = 100;

/// How many rows are wanted.
pub fn rows_wanted(limit: Option<&String>) -> Result<usize, Problem> {
    let limit = parsed("limit", limit, str::parse::<usize>)?.unwrap_or(USUAL_PAGE);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        return Err(Problem::refused(format!("limit={limit} is not between 1 and {LONGEST_PAGE}")));
    }
    Ok(limit)
}

/// A page, and the cursor of the next one where there is one.
pub fn page(rows: Vec<Value>, next: Option<String>) -> Response {
    Json(json!({ "schema": 1, "rows": rows, "next_cursor": next })).into_response()
}

/// A cursor of some parts. None of them has a line break: names have no control characters.
pub fn cursor_of(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(parts.join("\n"))
}

/// The parts of a cursor as it comes back; `read` finds out whether they are such as were given out.
pub fn parts_of<T>(
    cursor: Option<&String>,
    read: impl Fn(&[&str]) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let place = text.as_deref().and_then(|text| read(&text.split('\n').collect::<Vec<_>>()));
    let wrong = || Problem::refused("cursor is not one that was given out; begin again without one");
    place.map(Some).ok_or_else(wrong)
}
