//! The addresses Prometheus asks. A scrape sends references to finished bytes; who may ask is decided
//! by whoever puts these routes behind a door.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, VARY};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::chunk::Chunk;
use super::format::Format;
use super::{Exposition, accept, own};
use crate::clock::Clock;
use crate::web::{Access, PathOf, Problem, Route, Routes, Scope, Served};

#[derive(Clone)]
struct Shared {
    exposition: Exposition,
    clock: Clock,
}

/// Which series a page has.
enum Shown<'a> {
    Everything,
    Own,
    Backend(&'a str),
}

impl Exposition {
    /// The routes below `/metrics`, behind the doors of `access`. `clock` is asked at every scrape, so that none shows what has
    /// become too old.
    pub fn routes(&self, access: &Access, clock: Clock) -> Served {
        let get = |path, summary| Route::get(path, summary).scope(Scope::Metrics);
        Routes::new(access)
            .add(get("/metrics", "All series, as text 0.0.4 or OpenMetrics"), everything)
            .add(get("/metrics/self", "This process's own series"), own_only)
            // The rest of the path: a backend's name may have a slash.
            .add(get("/metrics/backend/{*name}", "One backend's account series"), one_backend)
            .add(get("/metrics/targets", "Prometheus HTTP service discovery"), targets)
            .served(Shared { exposition: self.clone(), clock })
    }
}

async fn everything(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    shared.page(Shown::Everything, &headers).await
}

async fn own_only(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    shared.page(Shown::Own, &headers).await
}

async fn one_backend(
    State(shared): State<Shared>,
    PathOf(name): PathOf<String>,
    headers: HeaderMap,
) -> Response {
    if shared.exposition.read().backends().iter().any(|backend| backend.as_str() == name) {
        shared.page(Shown::Backend(&name), &headers).await
    } else {
        let detail = format!("no backend {name:?}; GET /metrics/targets lists them");
        Problem::unknown(detail).into_response()
    }
}

/// Prometheus HTTP service discovery: one target per backend, at the address that was asked.
async fn targets(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let Some(address) = headers.get(HOST).and_then(|host| host.to_str().ok()) else {
        return Problem::refused("the Host header is missing").into_response();
    };
    let backends = shared.exposition.read().backends();
    let target = |name: &str| {
        json!({
            "targets": [address],
            "labels": {
                // Not escaped: Prometheus does that when it makes the URL.
                "__metrics_path__": format!("/metrics/backend/{name}"),
                "__meta_whmeter_backend": name,
                // The address is the same for all: without this their `up` would be one series.
                "instance": format!("{address}/{name}"),
            },
        })
    };
    Json(backends.iter().map(|backend| target(backend.as_str())).collect::<Vec<_>>()).into_response()
}

impl Shared {
    async fn page(&self, shown: Shown<'_>, headers: &HeaderMap) -> Response {
        if !self.drop_what_is_too_old().await {
            // No page is better than one with numbers that lie by their age.
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let (format, gzip) = (accept::format(headers), accept::gzip(headers));
        let pieces = self.pieces(shown, format);
        let bytes: Vec<Bytes> = if gzip {
            self.packed(&pieces).await
        } else {
            pieces.iter().map(|piece| piece.plain()).collect()
        };
        let mut answer = Response::builder()
            .header(CONTENT_TYPE, format.content_type())
            .header(CONTENT_LENGTH, bytes.iter().map(Bytes::len).sum::<usize>())
            .header(VARY, "accept, accept-encoding");
        if gzip {
            answer = answer.header(CONTENT_ENCODING, "gzip");
        }
        let body = Body::from_stream(stream::iter(bytes.into_iter().map(Ok::<_, Infallible>)));
        answer.body(body).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }

    /// Hardly ever has to do anything; then it renders, which is no work for this thread.
    async fn drop_what_is_too_old(&self) -> bool {
        let now = self.clock.now();
        if !self.exposition.read().is_due(now) {
            return true;
        }
        let exposition = self.exposition.clone();
        let ticked = tokio::task::spawn_blocking(move || exposition.tick(now)).await;
        ticked.inspect_err(|error| tracing::error!(%error, "cannot withhold what has become too old")).is_ok()
    }

    fn pieces(&self, shown: Shown<'_>, format: Format) -> Vec<Arc<Chunk>> {
        let of = match shown {
            Shown::Backend(name) => Some(name),
            _ => None,
        };
        let mut tail = Vec::new();
        let mut pieces = Vec::new();
        let now = self.clock.now();
        let page = self.exposition.read();
        let moment = page.moment(now);
        if !matches!(shown, Shown::Own) {
            pieces = page.pieces(of, self.exposition.heads(format));
            own::polls(&mut tail, &page.states(of), &moment, format);
        }
        if !matches!(shown, Shown::Backend(_)) {
            pieces.extend(page.reported(self.exposition.reported_heads(format)));
            drop(page);
            own::month(&mut tail, &moment, format);
            own::families(&mut tail, &self.exposition.inner.telemetry.gather(), format);
        }
        tail.extend_from_slice(format.end().as_bytes());
        if !tail.is_empty() {
            pieces.push(Chunk::new(tail));
        }
        pieces
    }

    /// The gzip members of all pieces. Those that are not ready are packed elsewhere than on this
    /// thread; only the last piece, the small one made for this scrape, is not worth the walk.
    async fn packed(&self, pieces: &[Arc<Chunk>]) -> Vec<Bytes> {
        self.exposition.inner.gzip_wanted.store(true, Ordering::Relaxed);
        let lasting = pieces.split_last().map_or(pieces, |(_, lasting)| lasting);
        let missing: Vec<_> = lasting.iter().filter(|piece| !piece.is_packed()).map(Arc::clone).collect();
        if !missing.is_empty() {
            let packing = move || missing.iter().for_each(|piece| drop(piece.packed().clone()));
            // Should it fail, the line below packs the rest.
            drop(tokio::task::spawn_blocking(packing).await);
        }
        pieces.iter().map(|piece| piece.packed().clone()).collect()
    }
}
