//! What a request asks for, or a problem that says what cannot be read.

use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::{AccountKey, AccountName, BackendId, BillingPeriod, UsageDay};
use crate::problem::Problem;
use crate::store::StoreError;

/// The longest page of a list.
const LONGEST_PAGE: usize = 1000;

/// The query of a request, each key as text: what is wrong with it is said by us.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    pub from: Option<String>,
    pub to: Option<String>,
    pub by: Option<String>,
    pub backend: Option<String>,
    pub account: Option<String>,
    pub meter: Option<String>,
    pub state: Option<String>,
    pub what: Option<String>,
    pub format: Option<String>,
    pub limit: Option<String>,
    pub cursor: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asked, Problem> {
        Wanted::from_request_parts(parts, state).await.map(|Wanted(asked)| asked)
    }
}

/// The query of a request in a shape of its own.
pub(super) struct Wanted<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Wanted<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Wanted<T>, Problem> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        let wanted = read.map(|Query(wanted)| Wanted(wanted));
        wanted.map_err(|error| refused(format!("the query cannot be read: {}", error.body_text())))
    }
}

/// A request that cannot be understood.
pub(super) fn refused(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

/// Something that is asked about and is not there.
pub(super) fn unknown(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, detail)
}

/// How many rows are wanted.
pub(super) fn rows_wanted(limit: Option<&String>) -> Result<usize, Problem> {
    let limit = Asked::parsed("limit", limit, str::parse::<usize>)?.unwrap_or(100);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        return Err(refused(format!("limit={limit} is not between 1 and {LONGEST_PAGE}")));
    }
    Ok(limit)
}

/// The days from `from` up to `to`, which is not included; the running month without both.
pub(super) fn period(
    from: Option<&String>,
    to: Option<&String>,
    today: UsageDay,
) -> Result<BillingPeriod, Problem> {
    let day = |key, text| Asked::parsed(key, text, UsageDay::parse);
    match (day("from", from)?, day("to", to)?) {
        (Some(from), Some(to)) => BillingPeriod::new(from, to).map_err(|error| refused(error.to_string())),
        (None, None) => Ok(today.month().period()),
        _ => Err(refused("from and to belong together; to is not included")),
    }
}

/// A database that does not answer.
pub(super) fn unavailable(error: StoreError) -> Problem {
    tracing::error!("not read: {error}");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

impl Asked {
    /// A value of the query by its own parser.
    pub fn parsed<T, E: std::fmt::Display>(
        key: &str,
        text: Option<&String>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        let read = |text: &String| parse(text).map_err(|error| refused(format!("{key}: {error}")));
        text.map(read).transpose()
    }

    /// How many rows are wanted, and after which one.
    pub fn page(&self) -> Result<(usize, Option<i64>), Problem> {
        let limit = rows_wanted(self.limit.as_ref())?;
        let cursor = Asked::parsed("cursor", self.cursor.as_ref(), str::parse::<i64>);
        Ok((limit, cursor?))
    }

    /// The account that is asked about; both names, or none.
    pub fn account(&self) -> Result<Option<AccountKey>, Problem> {
        match (&self.backend, &self.account) {
            (None, None) => Ok(None),
            (Some(backend), Some(account)) => {
                let name = |error: crate::domain::InvalidName| refused(error.to_string());
                let backend = BackendId::new(backend).map_err(name)?;
                Ok(Some(AccountKey { backend, name: AccountName::new(account).map_err(name)? }))
            }
            _ => Err(refused("an account is asked for by backend=NAME and account=NAME together")),
        }
    }
}
