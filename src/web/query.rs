//! What a request asks for, read from its query and its path; what cannot be read is a problem that says so.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Problem;
use crate::domain::{BillingPeriod, UsageDay};

/// How much of a value that cannot be read is shown.
const SHOWN: usize = 40;

/// The query of a request. A shape has texts, each read by [`parsed`] or [`number`]: what is wrong with one is said
/// in our words.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Query<T>, Problem> {
        let read = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        let wrong = |error: axum::extract::rejection::QueryRejection| {
            Problem::refused(format!("the query cannot be read: {}", error.body_text()))
        };
        read.map(|axum::extract::Query(asked)| Query(asked)).map_err(wrong)
    }
}

/// The parts of the path that name something, decoded.
pub struct PathOf<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathOf<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathOf<T>, Problem> {
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        read.map(|axum::extract::Path(named)| PathOf(named))
            .map_err(|error| Problem::new(error.status(), format!("the name cannot be read: {error}")))
    }
}

/// A value of the query by its own parser.
pub fn parsed<T, E: Display>(
    key: &str,
    text: Option<&String>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Problem> {
    let read = |text: &String| parse(text).map_err(|error| Problem::refused(format!("{key}: {error}")));
    text.map(read).transpose()
}

/// A value of the query that is a whole number.
pub fn number<T: FromStr>(key: &str, text: Option<&String>) -> Result<Option<T>, Problem> {
    let read = |text: &String| {
        let shown: String = text.chars().take(SHOWN).collect();
        text.parse().map_err(|_| Problem::refused(format!("{key}={shown:?} is not a whole number")))
    };
    text.map(read).transpose()
}

/// The days from `from` up to `to`, which is not included; the running month without both.
pub fn period(from: Option<&String>, to: Option<&String>, today: UsageDay) -> Result<BillingPeriod, Problem> {
    let day = |key, text| parsed(key, text, UsageDay::parse);
    match (day("from", from)?, day("to", to)?) {
        (Some(from), Some(to)) => {
            BillingPeriod::new(from, to).map_err(|error| Problem::refused(error.to_string()))
        }
        (None, None) => Ok(today.month().period()),
        _ => Err(Problem::refused("from and to belong together; to is not included")),
    }
}
