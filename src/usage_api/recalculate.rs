//! A fresh reading of one tenant, because the customer pressed the button: soon, and not too often.

use std::sync::PoisonError;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::query::UsageApiQuery;
use super::{Recalculation, UsageApi};
use crate::domain::{Seconds, Timestamp};
use crate::web::{PathOf, Problem};

/// A tenant may be recalculated on request this often.
const RECALCULATE_EVERY: Seconds = Seconds::new(600);

pub(super) async fn recalculate(
    State(api): State<UsageApi>,
    PathOf(tenant): PathOf<String>,
    asked: UsageApiQuery,
) -> Result<Response, Problem> {
    let (server, tenants) = api.asked_tenants(&asked).await?;
    let found = tenants.wanted(&tenant)?;
    api.take_recalculation(server, &tenant)?;
    for found in &found.living {
        // The receiver is gone only while the daemon is shutting down.
        let (backend, account) = (found.backend.clone(), found.name.clone());
        let asked = Recalculation { backend, account, by_hand: false };
        let _ = api.recalculate.send(asked);
    }
    Ok((StatusCode::ACCEPTED, Json(json!({ "schema": 1, "tenant": tenant, "status": "queued" })))
        .into_response())
}

impl UsageApi {
    fn take_recalculation(&self, server: i64, tenant: &str) -> Result<(), Problem> {
        let now: Timestamp = self.clock.now();
        let mut recalculated = self.recalculated.lock().unwrap_or_else(PoisonError::into_inner);
        recalculated.retain(|_, at| now.since(*at) < RECALCULATE_EVERY);
        let key = (server, tenant.to_string());
        if let Some(at) = recalculated.get(&key) {
            let left = RECALCULATE_EVERY.get() - now.since(*at).get();
            let detail =
                format!("{tenant:?} was recalculated less than 10 minutes ago; try again in {left} s");
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).after(left.max(1)));
        }
        recalculated.insert(key, now);
        Ok(())
    }
}
