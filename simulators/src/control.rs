//! The control address: JSON over plain HTTP, for tests in other languages and for people.

use crate::faults::Fault;
use crate::growth::Traffic;
use crate::panel::{NotDone, SimulatedPanel};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;

type Panel = Arc<dyn SimulatedPanel>;

/// The routes of a panel's control address.
pub fn routes(panel: Panel) -> Router {
    let own = format!("/{}/{{*operation}}", panel.kind());
    Router::new()
        .route("/state", get(state))
        .route("/clock", post(clock))
        .route("/truth", get(truth))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/accounts", get(accounts))
        .route("/accounts/{name}", post(account))
        .route(&own, any(operate))
        .with_state(panel)
}

async fn state(State(panel): State<Panel>) -> Json<Value> {
    let knobs = panel.knobs();
    Json(json!({
        "kind": panel.kind(),
        "url": panel.url(),
        "control": panel.control_url(),
        "settings": panel.settings(),
        "clock": { "now": knobs.clock.now_seconds(), "frozen": knobs.clock.is_frozen() },
        "faults": knobs.faults.in_force(),
        "accounts": panel.accounts().len(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hand {
    set: Option<i64>,
    advance: Option<i64>,
    follow: Option<bool>,
}

/// `set` freezes unless `follow` lets it run on; `advance` moves a running or a frozen hand.
async fn clock(State(panel): State<Panel>, body: String) -> Result<Json<Value>, NotDone> {
    let hand: Hand = read(&body)?;
    let clock = &panel.knobs().clock;
    match (hand.set, hand.follow) {
        (Some(seconds), Some(true)) => clock.run_from(seconds),
        (Some(seconds), _) => clock.freeze_at(seconds),
        (None, Some(true)) => clock.follow(),
        (None, Some(false)) => clock.freeze_at(clock.now_seconds()),
        (None, None) => {}
    }
    clock.advance(hand.advance.unwrap_or(0));
    let shown = json!({ "now": clock.now_seconds(), "frozen": clock.is_frozen() });
    Ok(Json(shown))
}

#[derive(Deserialize)]
struct Span {
    account: String,
    from: Option<i64>,
    to: Option<i64>,
}

/// The level at `to` (default: now), what was moved after `from` (default: the beginning), and how much of
/// that the panel forgot before anybody could see it.
async fn truth(State(panel): State<Panel>, Query(span): Query<Span>) -> Result<Json<Value>, NotDone> {
    let knobs = panel.knobs();
    let to = span.to.unwrap_or_else(|| knobs.clock.now_seconds());
    let from = span.from.unwrap_or(i64::MIN);
    let level = knobs.truth.level(&span.account, to);
    let moved = knobs.truth.traffic_between(&span.account, from, to);
    let (Some(level), Some(moved)) = (level, moved) else {
        return Err(NotDone::NoSuchAccount);
    };
    let forgotten = knobs.truth.forgotten_between(&span.account, from, to);
    Ok(Json(json!({
        "account": span.account, "from": span.from, "to": to, "storage_bytes": level,
        "received_bytes": moved.received, "sent_bytes": moved.sent,
        "forgotten_received_bytes": forgotten.received, "forgotten_sent_bytes": forgotten.sent,
    })))
}

async fn faults(State(panel): State<Panel>) -> Json<Vec<Fault>> {
    Json(panel.knobs().faults.in_force())
}

async fn add_fault(State(panel): State<Panel>, body: String) -> Result<Json<Vec<Fault>>, NotDone> {
    panel.knobs().faults.add(read::<Fault>(&body)?);
    Ok(faults(State(panel)).await)
}

async fn clear_faults(State(panel): State<Panel>) -> Json<Vec<Fault>> {
    panel.knobs().faults.clear();
    faults(State(panel)).await
}

async fn requests(State(panel): State<Panel>) -> Json<Value> {
    Json(json!(panel.knobs().requests.all()))
}

async fn clear_requests(State(panel): State<Panel>) -> Json<Value> {
    panel.knobs().requests.clear();
    requests(State(panel)).await
}

async fn accounts(State(panel): State<Panel>) -> Json<Vec<String>> {
    Json(panel.accounts())
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Deal {
    Vanish,
    Reappear,
    Suspend,
    Unsuspend,
    SetStorage { bytes: u64 },
    AddTraffic { received: u64, sent: u64 },
}

async fn account(
    State(panel): State<Panel>,
    Path(name): Path<String>,
    body: String,
) -> Result<Json<Value>, NotDone> {
    let deal = read(&body)?;
    let knobs = panel.knobs();
    let now = knobs.clock.now_seconds();
    let known = |known: bool| known.then_some(()).ok_or(NotDone::NoSuchAccount);
    let done = match deal {
        Deal::Vanish => panel.vanish(&name),
        Deal::Reappear => panel.reappear(&name),
        Deal::Suspend => panel.suspend(&name, true),
        Deal::Unsuspend => panel.suspend(&name, false),
        Deal::SetStorage { bytes } => known(knobs.truth.set_level(&name, now, bytes)),
        Deal::AddTraffic { received, sent } => {
            let moved = Traffic { received, sent };
            known(knobs.truth.add_traffic(&name, now, moved))
        }
    };
    done?;
    Ok(Json(json!({ "account": name, "at": now })))
}

async fn operate(
    State(panel): State<Panel>,
    Path(operation): Path<String>,
    body: String,
) -> Result<Json<Value>, NotDone> {
    let arguments = match body.trim() {
        "" => Value::Null,
        text => read(text)?,
    };
    let outcome = panel.operate(&operation, &arguments);
    outcome.map(Json)
}

/// Reads a body as JSON, whatever its type is told to be.
fn read<T: DeserializeOwned>(body: &str) -> Result<T, NotDone> {
    serde_json::from_str(body).map_err(|error| NotDone::NotUnderstood(error.to_string()))
}

impl IntoResponse for NotDone {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::NoSuchAccount => (StatusCode::NOT_FOUND, "no such account".to_owned()),
            Self::NotUnderstood(why) => (StatusCode::BAD_REQUEST, why),
        };
        (status, Json(json!({ "error": text }))).into_response()
    }
}
