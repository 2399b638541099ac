//! An answer before it is compressed and dressed: an envelope around JSON, or a reason phrase.
//!
//! Perl's hashes have no order, so the keys of every object are shuffled.

use super::switches::Switches;
use crate::faults::Strikes;
use axum::http::{HeaderValue, Response, header};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::ext::ReasonPhrase;
use rand::seq::SliceRandom;
use serde_json::Value;
use std::io::Write;

/// Answers shorter than this many bytes are never compressed.
const GZIP_FROM: usize = 1_025;

/// A text that begins so is written as the raw JSON that follows.
pub const RAW: &str = "raw-json:";

/// What a call answers.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    reason: String,
    body: Option<Value>,
}

/// A call's answer, or its refusal.
pub type Answered = Result<Value, Reply>;

impl Reply {
    /// Success.
    pub fn data(data: Value) -> Self {
        Self { status: 200, reason: "OK".into(), body: Some(serde_json::json!({ "data": data })) }
    }

    /// A failure whose text stands in the reason phrase and, since 8, in the body.
    pub fn failed(switches: &Switches, status: u16, text: &str) -> Self {
        let mut body = serde_json::json!({ "data": null });
        if switches.version >= 8 {
            body["message"] = format!("{text}\n").into();
        }
        Self { status, reason: text.into(), body: Some(body) }
    }

    /// A status line and nothing else.
    pub fn bare(status: u16, reason: &str) -> Self {
        Self { status, reason: reason.into(), body: None }
    }

    /// A node that the asked one cannot reach.
    pub fn no_route() -> Self {
        Self::bare(595, "No route to host")
    }

    /// With one key more beside `data`.
    pub fn add(&mut self, key: &str, value: Value) {
        if let Some(body) = &mut self.body {
            body[key] = value;
        }
    }

    /// Whether it refuses credentials.
    pub fn is_refused_login(&self) -> bool {
        self.status == 401
    }

    /// Changes fields, compresses and adds headers, in this order.
    pub fn finish(self, switches: &Switches, strikes: &Strikes, takes_gzip: bool) -> Response<Bytes> {
        let body = self.body.map_or_else(Vec::new, |body| text(&body).into_bytes());
        let mut body = if body.is_empty() { body } else { strikes.change_body(body) };
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = crate::server::status(self.status);
        if let Ok(reason) = ReasonPhrase::try_from(self.reason.as_bytes()) {
            answer.extensions_mut().insert(reason);
        }
        let headers = answer.headers_mut();
        headers.insert(header::SERVER, HeaderValue::from_static("pve-api-daemon/3.0"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=0"));
        if self.status >= 400 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if !body.is_empty() {
            let json = HeaderValue::from_static("application/json;charset=UTF-8");
            headers.insert(header::CONTENT_TYPE, json);
        }
        if takes_gzip && switches.gzip && body.len() >= GZIP_FROM {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            let packed = encoder.write_all(&body).and_then(|()| encoder.finish());
            // Writing to memory does not fail.
            body = packed.unwrap_or_default();
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        *answer.body_mut() = body.into();
        answer
    }
}

/// JSON with the keys of every object in an order of chance.
pub fn text(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(object) => {
            let mut pairs: Vec<_> = object.iter().collect();
            pairs.shuffle(&mut rand::rng());
            text.push('{');
            for (at, (key, value)) in pairs.into_iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                write(item, text);
            }
            text.push(']');
        }
        Value::String(raw) if raw.starts_with(RAW) => text.push_str(&raw[RAW.len()..]),
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_come_in_any_order_and_raw_text_as_it_is() {
        let value = json!({ "a": 1, "b": [{ "c": "x" }, null], "d": "y", "e": 5, "f": 6 });
        let written: std::collections::BTreeSet<String> = (0..50).map(|_| text(&value)).collect();
        assert!(written.len() > 1);
        assert!(
            written.iter().all(|text| serde_json::from_str::<Value>(text).is_ok_and(|read| read == value))
        );
        assert_eq!(text(&json!({ "a": format!("{RAW}NaN") })), r#"{"a":NaN}"#);
    }
}
