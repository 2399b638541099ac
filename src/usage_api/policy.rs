//! Policies by the buttons in WHMCS: usage decides, or the operator has decided.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::asked::Asked;
use super::routes::unknown;
use super::state::unavailable;
use super::{Recalculation, UsageApi};
use crate::domain::{Policy, Timestamp};
use crate::problem::Problem;
use crate::quota::Pin;

/// What a body may say.
pub(super) const EXPECTED: &str = "expected {\"action\":\"reconcile\"}, {\"action\":\"unpin\"} or \
    {\"action\":\"pin\",\"policy\":\"standard\" or \"limited\"}, and with it \"until\":\"2026-12-01T12:00:00Z\" if wanted";

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyWish {
    action: String,
    #[serde(default)]
    policy: Option<String>,
    #[serde(default)]
    until: Option<String>,
}

impl PolicyWish {
    /// The pin to set, `Some(None)` to take it away, `None` to leave it.
    fn pin(&self) -> Result<Option<Option<Pin>>, Problem> {
        let refused = |what: &str| Problem::new(StatusCode::BAD_REQUEST, format!("{what}; {EXPECTED}"));
        match (self.action.as_str(), self.policy.as_deref(), &self.until) {
            ("reconcile", None, None) => Ok(None),
            ("unpin", None, None) => Ok(Some(None)),
            ("pin", Some(name), until) => {
                let known = [Policy::Standard, Policy::Limited].into_iter().find(|one| one.name() == name);
                let policy = known.ok_or_else(|| refused(&format!("policy {name:?} is not known")))?;
                let time = |text: &String| {
                    let time = text.parse().ok().and_then(|time| Timestamp::from_utc(time).ok());
                    time.ok_or_else(|| refused(&format!("until {text:?} is not a time")))
                };
                Ok(Some(Some(Pin { policy, until: until.as_ref().map(time).transpose()? })))
            }
            (action, ..) => Err(refused(&format!("action {action:?} cannot be understood"))),
        }
    }
}

pub(super) async fn policy_of(
    api: &UsageApi,
    tenant: &str,
    asked: &Asked,
    wish: PolicyWish,
) -> Result<Response, Problem> {
    let server = asked.needed_server()?;
    let pin = wish.pin()?;
    let tenants = api.tenants(server).await?;
    let found = tenants.of(tenant).ok_or_else(|| unknown(tenant))?;
    for found in &found.living {
        if let Some(pin) = pin {
            let by = format!("WHMCS server {server}");
            api.store.pin(&found.key(), pin, &by, api.clock.now()).await.map_err(unavailable)?;
        }
        // The look at the account carries it out, within its poll.
        let (backend, account) = (found.backend.clone(), found.name.clone());
        let look = Recalculation { backend, account, by_hand: true };
        let _ = api.recalculate.send(look);
    }
    let answer = json!({ "schema": 1, "tenant": tenant, "action": wish.action, "status": "queued" });
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}
