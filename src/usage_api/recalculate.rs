//! A fresh reading of one tenant, because the customer pressed the button: soon, and not too often.

use std::sync::PoisonError;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::asked::Asked;
use super::routes::unknown;
use super::{Recalculation, UsageApi};
use crate::domain::{Seconds, Timestamp};
use crate::problem::Problem;

/// A tenant may be recalculated on request this often.
const RECALCULATE_EVERY: Seconds = Seconds::new(600);

pub(super) async fn recalculate_of(api: &UsageApi, tenant: &str, asked: &Asked) -> Result<Response, Problem> {
    let server = asked.needed_server()?;
    let tenants = api.tenants(server).await?;
    let found = tenants.of(tenant).ok_or_else(|| unknown(tenant))?;
    api.take_recalculation(server, tenant)?;
    for found in &found.living {
        // Nobody listens any more only while the house is being left.
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
            let mut problem = Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                format!("{tenant:?} was recalculated less than 10 minutes ago; try again in {left} s"),
            );
            problem.retry_after = Some(left.max(1));
            return Err(problem);
        }
        recalculated.insert(key, now);
        Ok(())
    }
}
