//! What came back: status, headers, body, and what to say when it is not what was promised.

use std::borrow::Cow;
use std::fmt::Write;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::de::DeserializeOwned;

use super::HttpError;

/// How much of an unexpected answer is shown.
const SKETCH: usize = 80;
/// The most values in one answer in JSON: in memory each may take a hundred bytes, however few were sent. A hundred
/// thousand accounts have half of that.
const MOST_VALUES: usize = 4_000_000;
/// A run of letters and digits from this length on may be a token and is not shown.
const TOKEN: usize = 24;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) host: String,
    pub(super) status: StatusCode,
    pub(super) reason: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The reason phrase as the server wrote it (some panels put their error there), or the usual one.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// A header's value, where it came and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, decompressed.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Whether it is an HTML page, by its type or its first characters.
    pub fn is_html(&self) -> bool {
        let declared = self.header(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("text/html"));
        let start = self.body.trim_ascii_start();
        let begins = |tag: &[u8]| start.get(..tag.len()).is_some_and(|head| head.eq_ignore_ascii_case(tag));
        declared || begins(b"<!doctype html") || begins(b"<html")
    }

    /// The body as JSON; `at` names the call for the error.
    pub fn json<T: DeserializeOwned>(&self, at: &str) -> Result<T, HttpError> {
        if has_more_values(&self.body, MOST_VALUES) {
            let detail = format!("more than {MOST_VALUES} values in one answer");
            return Err(HttpError::NotUnderstood { at: at.to_string(), detail });
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let detail = match self.is_html() || self.body.is_empty() {
                true => format!("expected JSON, got {}", self.sketch()),
                // Position and field, never the value: serde_json shows types only for our structs.
                false => format!("expected JSON of another shape: {error}"),
            };
            HttpError::NotUnderstood { at: at.to_string(), detail }
        })
    }

    /// Status and content type, for bodies that are not text.
    pub fn sketch_head(&self) -> String {
        let kind = self.header(CONTENT_TYPE.as_str()).map(|kind| excerpt(kind, SKETCH));
        let reason = excerpt(&self.reason, SKETCH);
        format!("{} {reason}, {}", self.status(), kind.as_deref().unwrap_or("no content type"))
    }

    /// Status, content type and the first printable characters, with anything long enough to be a
    /// token left out.
    pub fn sketch(&self) -> String {
        self.sketch_without(&[])
    }

    /// The same with these secrets left out as well, however short they are.
    pub fn sketch_without(&self, secrets: &[&str]) -> String {
        let mut sketch = self.sketch_head();
        match self.body.is_empty() {
            true => sketch.push_str(", empty"),
            false => {
                let body = secrets
                    .iter()
                    .filter(|secret| !secret.is_empty())
                    .fold(self.text().into_owned(), |text, secret| text.replace(secret, "…"));
                let _ = write!(sketch, ", {:?}", excerpt(&body, SKETCH));
            }
        }
        sketch
    }
}

/// Whether a text in JSON has more values than so many, by what begins and separates them outside of its texts.
fn has_more_values(json: &[u8], most: usize) -> bool {
    // A value and its comma are two bytes at least.
    if json.len() / 2 <= most {
        return false;
    }
    let (mut values, mut in_text, mut escaped) = (0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b',' | b'[' | b'{' if !in_text => values += 1,
            _ => {}
        }
    }
    values > most
}

/// The first `longest` printable characters of somebody else's words, spaces folded, runs that may be tokens left out:
/// fit for a log, an error or a page.
pub fn excerpt(text: &str, longest: usize) -> String {
    // Four times as much is looked at, so that a token is recognised although it is cut off later.
    let start = text.char_indices().nth(longest * 4).map_or(text, |(end, _)| &text[..end]);
    let visible: String = start.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = visible.split_whitespace().map(|word| {
        let runs = word.split_inclusive(|c: char| !is_token_char(c));
        runs.map(|run| if may_be_token(run) { "…" } else { run }).collect::<String>()
    });
    words.collect::<Vec<_>>().join(" ").chars().take(longest).collect()
}

/// Long, and not merely a long word like the names of errors.
fn may_be_token(run: &str) -> bool {
    let length = run.chars().filter(|c| is_token_char(*c)).count();
    length >= 2 * TOKEN || (length >= TOKEN && run.contains(|c: char| c.is_ascii_digit()))
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '=' | '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: Option<&'static str>, body: &'static str) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, kind.parse().expect("a value"));
        }
        let host = String::from("panel:1");
        Answer {
            host,
            status: StatusCode::OK,
            reason: "OK".into(),
            headers,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn pages_for_people_are_recognised_by_type_and_by_look() {
        assert!(answer(Some("text/html; charset=utf-8"), "hello").is_html());
        assert!(answer(Some("application/json"), " \n<!DOCTYPE HTML><p>").is_html());
        assert!(!answer(Some("application/xml"), "<?xml version='1.0'?>").is_html());
        assert!(!answer(None, "{}").is_html());
    }

    #[test]
    fn a_sketch_shows_what_came_but_no_token() {
        let page =
            answer(Some("text/html"), "<p>session\n=\tabcdefghijklmnopqrstuvwxyz0123 welcome\u{7}</p>");
        assert_eq!(page.sketch(), "200 OK, text/html, \"<p>session = … welcome </p>\"");
        let named = answer(None, "{\"Code\":\"XMinioServerNotInitialized\"}").sketch();
        assert!(named.contains("XMinioServerNotInitialized"), "{named}");
        let echoed = answer(None, "key=s3cret.key!");
        assert!(echoed.sketch_without(&["s3cret.key", ""]).ends_with("\"key=…!\""));
        assert!(answer(None, "").sketch().ends_with("no content type, empty"));
    }

    #[test]
    fn values_are_counted_outside_of_texts() {
        for (json, values) in [("[1,2,3]", 3), (r#"{"a":"[,,{\",","b":[0]}"#, 3), (r#"["\\",7]"#, 2)] {
            assert!(has_more_values(json.as_bytes(), values - 1), "{json}");
            assert!(!has_more_values(json.as_bytes(), values), "{json}");
        }
    }

    #[test]
    fn an_answer_of_endless_values_is_refused_before_it_is_taken_in() {
        let mut crowd = answer(Some("application/json"), "");
        crowd.body = Bytes::from(format!("[{}0]", "0,".repeat(MOST_VALUES + 1)));
        let error = crowd.json::<serde_json::Value>("list-users").expect_err("too many");
        assert!(error.to_string().contains("more than 4000000 values"), "{error}");
    }

    #[test]
    fn an_excerpt_is_short_printable_and_without_tokens() {
        assert_eq!(excerpt("Account not found", 120), "Account not found");
        let secret = "a3f9".repeat(20);
        assert_eq!(excerpt(&format!("bad cookie {secret}; sent"), 120), "bad cookie … sent");
        assert_eq!(excerpt(&"word ".repeat(200), 120).chars().count(), 120);
        assert_eq!(excerpt("é\u{7}\n  ü", 3), "é ü");
    }

    #[test]
    fn json_of_another_shape_says_where() {
        let error = answer(Some("application/json"), "{\"a\":").json::<serde_json::Value>("list-users");
        let text = error.expect_err("cut off").to_string();
        assert!(text.contains("list-users") && text.contains("line 1 column 5"), "{text}");
        let error = answer(Some("text/html"), "<html>").json::<serde_json::Value>("list-users");
        assert!(error.expect_err("a page").to_string().contains("text/html"));
    }
}
