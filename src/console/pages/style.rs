//! The stylesheet and the icon, as they are in the program.

use std::sync::LazyLock;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// Where the stylesheet is.
pub(super) const STYLE: &str = "/console.css";

/// Where the icon is.
pub(super) const ICON: &str = "/console.svg";

const STYLESHEET: &str = include_str!("console.css");
const DRAWING: &str = include_str!("console.svg");

static STYLESHEET_TAG: LazyLock<String> = LazyLock::new(|| tag(STYLESHEET));
static DRAWING_TAG: LazyLock<String> = LazyLock::new(|| tag(DRAWING));

fn tag(text: &str) -> String {
    format!("\"{}\"", hex::encode(&Sha256::digest(text.as_bytes())[..12]))
}

pub(super) async fn stylesheet(headers: HeaderMap) -> Response {
    file(&headers, "text/css; charset=utf-8", STYLESHEET, &STYLESHEET_TAG)
}

pub(super) async fn icon(headers: HeaderMap) -> Response {
    file(&headers, "image/svg+xml", DRAWING, &DRAWING_TAG)
}

/// Kept by the browser, and asked for again each time: a new version of whmeter looks like itself at once.
fn file(headers: &HeaderMap, kind: &'static str, text: &'static str, tag: &str) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let is_known =
        known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let kept = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    match is_known {
        true => (StatusCode::NOT_MODIFIED, kept).into_response(),
        false => (kept, [(header::CONTENT_TYPE, kind)], text).into_response(),
    }
}
