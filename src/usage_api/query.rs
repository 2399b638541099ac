//! What WHMCS asks for: its query and its tenant.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::Deserialize;

use crate::domain::Month;
use crate::web::{Asker, Problem, Query, number, parsed};

/// The header by which WHMCS says that it collects what it bills.
const PURPOSE: &str = "x-whmeter-purpose";

/// The query of a request. Texts first, so that a number that is none gets an answer that says so.
#[derive(Deserialize)]
struct UsageApiQueryText {
    server: Option<String>,
    days: Option<String>,
    month: Option<String>,
}

#[derive(Clone)]
pub(super) struct UsageApiQuery {
    pub server: Option<i64>,
    pub days: Option<u64>,
    /// WHMCS collects what it bills: what is reported to it is kept. Every other question is a look.
    pub for_billing: bool,
    /// The month that runs where it is asked.
    pub month: Option<Month>,
    /// Who asks.
    pub asker: Asker,
}

impl<S: Send + Sync> FromRequestParts<S> for UsageApiQuery {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<UsageApiQuery, Problem> {
        let Query(text) = Query::<UsageApiQueryText>::from_request_parts(parts, state).await?;
        Ok(UsageApiQuery {
            server: number("server", text.server.as_ref())?,
            days: number("days", text.days.as_ref())?,
            for_billing: is_for_billing(&parts.headers),
            month: parsed("month", text.month.as_ref(), Month::parse)?,
            asker: parts.extensions.get().cloned().unwrap_or_default(),
        })
    }
}

/// Whether a request collects what is billed. A header, because no page of another site can make a browser send it
/// without asking us first.
pub(super) fn is_for_billing(headers: &HeaderMap) -> bool {
    headers.get(PURPOSE).is_some_and(|purpose| purpose == "billing")
}

impl UsageApiQuery {
    /// The server every answer is about.
    pub fn needed_server(&self) -> Result<i64, Problem> {
        self.server.ok_or_else(|| Problem::refused("the query needs server=N, the id of the WHMCS server"))
    }
}
