//! Why a number is what it is, and what WHMCS was told of it: put together here, because the two rooms that
//! know do not know each other.

use std::sync::Arc;

use axum::Json;
use axum::response::IntoResponse;
use futures_util::FutureExt;
use serde::Serialize;

use crate::clock::Clock;
use crate::console::{Explainer, Explanation, explain};
use crate::domain::{AccountKey, BillingZone, Meter, Month};
use crate::store::{Store, StoreError};
use crate::usage_api::{ToldLine, told_lines};

/// The whole answer.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    #[serde(flatten)]
    pub(crate) story: Explanation,
    /// What WHMCS was told of the month, held against it.
    pub(crate) told: Vec<ToldLine>,
}

/// Explains one account's month of one meter; `running` is the month that runs.
pub(crate) async fn explained(
    store: &Store,
    key: &AccountKey,
    meter: Meter,
    month: Month,
    running: Month,
    zone: BillingZone,
) -> Result<Explained, StoreError> {
    let story = explain(store, key, meter, month, zone).await?;
    let told = told_lines(store, key, meter, month, running, zone).await?;
    Ok(Explained { story, told })
}

/// The same as an answer in JSON, for whoever asks over HTTP.
pub(super) fn explainer(store: Store, clock: Clock, zone: BillingZone) -> Explainer {
    Arc::new(move |key, meter, month| {
        let store = store.clone();
        async move {
            let running = zone.day_of(clock.now()).month();
            let explained = explained(&store, &key, meter, month, running, zone).await?;
            Ok((!explained.story.is_empty()).then(|| Json(explained).into_response()))
        }
        .boxed()
    })
}
