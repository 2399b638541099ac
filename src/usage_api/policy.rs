//! Policies by the buttons in WHMCS: usage decides, or the operator has decided.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::query::UsageApiQuery;
use super::{Recalculation, UsageApi};
use crate::domain::{BackendId, Policy, Timestamp};
use crate::quota::Pin;
use crate::web::{Asker, Body, PathOf, Problem};

/// What a body may say.
const EXPECTED: &str = "expected {\"action\":\"reconcile\"}, {\"action\":\"unpin\"} or \
    {\"action\":\"pin\",\"policy\":\"standard\" or \"limited\"}, and with it \
         \"until\":\"2026-12-01T12:00:00Z\" if wanted";

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
    fn pin(&self, now: Timestamp) -> Result<Option<Option<Pin>>, Problem> {
        let refused = |what: &str| Problem::refused(format!("{what}; {EXPECTED}"));
        match (self.action.as_str(), self.policy.as_deref(), &self.until) {
            ("reconcile", None, None) => Ok(None),
            ("unpin", None, None) => Ok(Some(None)),
            ("pin", Some(name), until) => {
                let known = [Policy::Standard, Policy::Limited].into_iter().find(|one| one.name() == name);
                let policy = known.ok_or_else(|| refused(&format!("policy {name:?} is not known")))?;
                let time = |text: &String| {
                    let time = text.parse().ok().and_then(|time| Timestamp::from_utc(time).ok());
                    let time = time.ok_or_else(|| refused(&format!("until {text:?} is not a time")))?;
                    match time > now {
                        true => Ok(time),
                        false => Err(refused(&format!("until {text:?} is over already"))),
                    }
                };
                Ok(Some(Some(Pin { policy, until: until.as_ref().map(time).transpose()? })))
            }
            (action, ..) => Err(refused(&format!("action {action:?} cannot be understood"))),
        }
    }
}

pub(super) async fn policy(
    State(api): State<UsageApi>,
    PathOf(tenant): PathOf<String>,
    asked: UsageApiQuery,
    wish: Result<Body<PolicyWish>, Problem>,
) -> Result<Response, Problem> {
    let expected =
        |problem: Problem| Problem { detail: format!("{}; {EXPECTED}", problem.detail), ..problem };
    let Body(wish) = wish.map_err(expected)?;
    let pin = wish.pin(api.clock.now())?;
    let (server, tenants) = api.asked_tenants(&asked).await?;
    let found = tenants.wanted(&tenant)?;
    for found in &found.living {
        if let Some(pin) = pin {
            let by = api.actor(server, &found.backend, &asked.asker);
            api.store.pin(&found.key(), pin, &by, api.clock.now()).await.map_err(Problem::unavailable)?;
        }
        // The look at the account carries it out, within its poll.
        let (backend, account) = (found.backend.clone(), found.name.clone());
        let look = Recalculation { backend, account, by_hand: true };
        let _ = api.recalculate.send(look);
    }
    let answer = json!({ "schema": 1, "tenant": tenant, "action": wish.action, "status": "queued" });
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

impl UsageApi {
    /// Who is in the audit for what was asked: the server that the account belongs to, the one that was asked where
    /// that is another, and the token.
    fn actor(&self, asked: i64, backend: &BackendId, asker: &Asker) -> String {
        let own = self.server_of(backend).unwrap_or(asked);
        let by_way_of = if own == asked { String::new() } else { format!(" by way of server {asked}") };
        asker.signed(&format!("WHMCS server {own}{by_way_of}"))
    }
}
