//! What a request asks for: its query and its tenant, or a problem that says what cannot be read.

use crate::domain::Month;
use crate::problem::Problem;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;

/// The header by which WHMCS says that it collects what it bills.
const PURPOSE: &str = "x-whmeter-purpose";

/// The query of a request. Texts first, so that a number that is none gets an answer that says so.
#[derive(Deserialize)]
struct AskedText {
    server: Option<String>,
    days: Option<String>,
    month: Option<String>,
}

#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub server: Option<i64>,
    pub days: Option<u64>,
    /// WHMCS collects what it bills: what it is told is kept. Every other question is a look.
    pub for_billing: bool,
    /// The month that runs where it is asked.
    pub month: Option<Month>,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asked, Problem> {
        let refused = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
        let Query(text) = Query::<AskedText>::from_request_parts(parts, state)
            .await
            .map_err(|error| refused(format!("the query cannot be read: {error}")))?;
        // A header, because no page of another site can make a browser send it without asking us first.
        let for_billing = parts.headers.get(PURPOSE).is_some_and(|purpose| purpose == "billing");
        let month = text.month.as_deref().map(Month::parse).transpose();
        let month = month.map_err(|error| refused(format!("month: {error}")))?;
        Ok(Asked {
            server: number("server", text.server)?,
            days: number("days", text.days)?,
            for_billing,
            month,
        })
    }
}

/// The last part of the path, decoded.
pub(super) struct TenantName(pub String);

impl<S: Send + Sync> FromRequestParts<S> for TenantName {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<TenantName, Problem> {
        let read = Path::from_request_parts(parts, state).await;
        read.map(|Path(tenant)| TenantName(tenant))
            .map_err(|error| Problem::new(error.status(), format!("the name cannot be read: {error}")))
    }
}

fn number<T: std::str::FromStr>(key: &str, text: Option<String>) -> Result<Option<T>, Problem> {
    let parse = |text: String| {
        let shown: String = text.chars().take(40).collect();
        let detail = format!("{key}={shown:?} is not a whole number");
        text.parse().map_err(|_| Problem::new(StatusCode::BAD_REQUEST, detail))
    };
    text.map(parse).transpose()
}

impl Asked {
    /// The server every answer is about.
    pub fn needed_server(&self) -> Result<i64, Problem> {
        self.server.ok_or_else(|| {
            Problem::new(StatusCode::BAD_REQUEST, "the query needs server=N, the id of the WHMCS server")
        })
    }
}
