//! What a fault does to an answer.
//!
//! Some faults answer in the panel's place, some change the plain body before it is sealed or
//! compressed, and some spoil the bytes on their way out.

use crate::faults::{Change, FaultKind, Strikes};
use crate::form;
use crate::wire::Reset;
use crate::xml;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use serde_json::Value;
use std::time::Duration;

/// How long a reset waits, so that the bytes before it have left.
const BEFORE_RESET: Duration = Duration::from_millis(50);
const TICK: Duration = Duration::from_millis(100);

impl Strikes {
    /// Waits as long as a delay asks for.
    pub(crate) async fn delay(&self) {
        for kind in &self.0 {
            if let FaultKind::Delay { milliseconds } = kind {
                tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
            }
        }
    }

    /// The body with its fields and texts changed; a panel asks before it seals or compresses.
    pub fn change_body(&self, body: Vec<u8>) -> Vec<u8> {
        self.0.iter().fold(body, |body, kind| match kind {
            FaultKind::ChangedField { field, becomes } => change_field(body, field, becomes),
            FaultKind::BadXml { how } => xml::damaged(body, *how),
            FaultKind::ReplacedText { find, with } => match String::from_utf8(body) {
                Ok(text) => text.replace(find.as_str(), with).into_bytes(),
                Err(binary) => binary.into_bytes(),
            },
            _ => body,
        })
    }

    /// The answer with its bytes spoilt on the way out.
    pub(crate) fn spoil(&self, answer: Response<Bytes>, reset: &Reset) -> Response<Body> {
        let (mut head, mut body) = answer.into_parts();
        let mut stream = None;
        for kind in &self.0 {
            match kind {
                FaultKind::Truncated { bytes, honest_length } => {
                    let cut = body.slice(..body.len().min(*bytes));
                    if *honest_length {
                        body = cut;
                    } else {
                        head.headers.insert(header::CONTENT_LENGTH, body.len().into());
                        stream = Some(then_fail(cut));
                    }
                }
                FaultKind::Garbage => {
                    body = Bytes::from_static(b"\x13\x37<{[ not what was asked for");
                    head.headers.remove(header::CONTENT_ENCODING);
                }
                FaultKind::Drip { bytes_per_tick } => stream = Some(drip(&body, *bytes_per_tick)),
                FaultKind::Reset { after_bytes } => {
                    let sent = body.slice(..body.len().min(*after_bytes));
                    stream = Some(then_reset(sent, reset.clone()));
                }
                FaultKind::Endless => {
                    head.headers.remove(header::CONTENT_LENGTH);
                    stream = Some(endless(&body));
                }
                FaultKind::BrokenGzip => {
                    let gzip = HeaderValue::from_static("gzip");
                    head.headers.insert(header::CONTENT_ENCODING, gzip);
                    body = [b"\x1f\x8b\x08\x00", &body[..]].concat().into();
                }
                _ => {}
            }
        }
        // An answer to HEAD tells the length of a body that does not follow.
        if stream.is_none() && !body.is_empty() {
            head.headers.remove(header::CONTENT_LENGTH);
        }
        Response::from_parts(head, stream.unwrap_or_else(|| Body::from(body)))
    }
}

/// A page as proxies and maintenance modes show it.
pub(crate) fn html_page(status: u16) -> Response<Bytes> {
    let text = match status {
        200 => "Down for maintenance, back soon",
        _ => "Bad gateway",
    };
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>\n"
    );
    let mut answer = Response::new(Bytes::from(page));
    *answer.status_mut() = crate::server::status(status);
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, html);
    answer
}

type Piece = std::io::Result<Bytes>;

fn then_fail(sent: Bytes) -> Body {
    let first = stream::once(async move { Piece::Ok(sent) });
    let pause = stream::once(async {
        tokio::time::sleep(BEFORE_RESET).await;
        Piece::Err(std::io::ErrorKind::ConnectionAborted.into())
    });
    Body::from_stream(first.chain(pause))
}

fn then_reset(sent: Bytes, reset: Reset) -> Body {
    let first = stream::once(async move { Piece::Ok(sent) });
    let pause = stream::once(async move {
        tokio::time::sleep(BEFORE_RESET).await;
        reset.arm();
        Piece::Err(std::io::ErrorKind::ConnectionReset.into())
    });
    Body::from_stream(first.chain(pause))
}

fn drip(body: &Bytes, bytes_per_tick: usize) -> Body {
    let pieces = body.chunks(bytes_per_tick.max(1)).map(|piece| body.slice_ref(piece));
    let pieces: Vec<Bytes> = pieces.collect();
    Body::from_stream(stream::iter(pieces).then(|piece| async {
        tokio::time::sleep(TICK).await;
        Piece::Ok(piece)
    }))
}

/// The body over and over; a client that reads until the end never finishes.
fn endless(body: &Bytes) -> Body {
    let once = match body.is_empty() {
        true => Bytes::from_static(b"\n"),
        false => body.clone(),
    };
    let repeats = 65_536_usize.div_ceil(once.len());
    let block = Bytes::from(once.repeat(repeats));
    Body::from_stream(stream::repeat_with(move || Piece::Ok(block.clone())))
}

/// Stands in the tree where raw text will stand in the bytes.
const PLACEHOLDER: &str = "raw-text-of-a-changed-field";

fn change_field(body: Vec<u8>, field: &str, change: &Change) -> Vec<u8> {
    let Ok(mut tree) = serde_json::from_slice::<Value>(&body) else {
        return match xml::is_document(&body) {
            true => xml::change_field(&body, field, change),
            false if form::is_form(&body) => form::change_field(&body, field, change),
            false => body,
        };
    };
    match field.starts_with('/') {
        true => change_at(&mut tree, field, change),
        false => change_everywhere(&mut tree, field, change),
    }
    let text = tree.to_string();
    match change {
        Change::RawText(raw) => text.replace(&format!("\"{PLACEHOLDER}\""), raw).into_bytes(),
        _ => text.into_bytes(),
    }
}

fn change_at(tree: &mut Value, pointer: &str, change: &Change) {
    let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    match tree.pointer_mut(parent) {
        Some(Value::Object(object)) => change_key(object, key, change),
        Some(Value::Array(items)) => {
            let index = key.parse::<usize>().ok().filter(|index| *index < items.len());
            match (index, new_value(index.map_or(&Value::Null, |index| &items[index]), change)) {
                (Some(index), Some(value)) => items[index] = value,
                (Some(index), None) => drop(items.remove(index)),
                (None, _) => {}
            }
        }
        _ => {}
    }
}

fn change_everywhere(tree: &mut Value, key: &str, change: &Change) {
    match tree {
        Value::Object(object) => {
            change_key(object, key, change);
            object.values_mut().for_each(|value| change_everywhere(value, key, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| change_everywhere(item, key, change)),
        _ => {}
    }
}

fn change_key(object: &mut serde_json::Map<String, Value>, key: &str, change: &Change) {
    let Some(value) = object.remove(key) else {
        return;
    };
    let name = match change {
        Change::RenamedTo(name) => name.clone(),
        _ => key.to_owned(),
    };
    if let Some(value) = new_value(&value, change) {
        object.insert(name, value);
    }
}

fn new_value(old: &Value, change: &Change) -> Option<Value> {
    match change {
        Change::RenamedTo(_) => Some(old.clone()),
        Change::Value(value) => Some(value.clone()),
        Change::RawText(_) => Some(PLACEHOLDER.into()),
        Change::Quoted => Some(old.to_string().into()),
        Change::Removed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(field: &str, becomes: Change) -> String {
        let body = br#"{"a":{"size":1},"b":[{"size":2}]}"#.to_vec();
        let field = field.to_owned();
        let strikes = Strikes(vec![FaultKind::ChangedField { field, becomes }]);
        String::from_utf8_lossy(&strikes.change_body(body)).into_owned()
    }

    #[test]
    fn a_key_is_changed_everywhere_and_a_pointer_once() {
        assert_eq!(changed("size", Change::Quoted), r#"{"a":{"size":"1"},"b":[{"size":"2"}]}"#);
        let raw = Change::RawText("99999999999999999999".into());
        assert_eq!(changed("/b/0/size", raw), r#"{"a":{"size":1},"b":[{"size":99999999999999999999}]}"#);
        let renamed = Change::RenamedTo("bytes".into());
        assert_eq!(changed("/a/size", renamed), r#"{"a":{"bytes":1},"b":[{"size":2}]}"#);
        assert_eq!(changed("/b/0", Change::Removed), r#"{"a":{"size":1},"b":[]}"#);
        assert_eq!(changed("size", Change::Value(Value::Null)), r#"{"a":{"size":null},"b":[{"size":null}]}"#);
    }
}
