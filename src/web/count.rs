//! Counting requests: one layer around every handler of a room, so that no handler has to remember it.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::Route;

/// A room that counts what it is asked.
pub trait Counts: Clone + Send + Sync + 'static {
    /// What of a request is needed to count it.
    type RequestKey: Send;

    /// Reads that before the request is answered.
    fn asked(&self, request: &Request) -> Self::RequestKey;

    /// Counts a request that was answered.
    fn count(&self, route: &Route, asked: Self::RequestKey, status: StatusCode);
}

pub(super) async fn count<C: Counts>(
    State((counter, route)): State<(C, Route)>,
    request: Request,
    next: Next,
) -> Response {
    let asked = counter.asked(&request);
    let response = next.run(request).await;
    counter.count(&route, asked, response.status());
    response
}
