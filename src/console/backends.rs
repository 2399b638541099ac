//! The backends and how their polls go; and a poll because somebody asks for one.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Console, WantedPoll};
use crate::backends::ConfiguredPanel;
use crate::domain::{BackendId, Seconds, Timestamp};
use crate::store::BackendState;
use crate::web::{Asker, PathOf, Problem, page};

/// A poll that was asked for and has not been seen for so long may be asked for again.
const PATIENCE: Seconds = Seconds::new(600);

pub(super) async fn backends(State(console): State<Console>) -> Result<Response, Problem> {
    let states = console.store.backends().await.map_err(Problem::unavailable)?;
    let panels = console.panels();
    let mut names: Vec<&BackendId> = states.iter().map(|state| &state.backend).collect();
    names.extend(panels.iter().map(|one| &one.id));
    names.sort();
    names.dedup();
    let now = console.clock.now();
    let row = |name: &&BackendId| {
        let state = states.iter().find(|state| state.backend == **name);
        shape(name, panel(&panels, name.as_str()), state, now)
    };
    Ok(page(names.iter().map(row).collect(), None))
}

pub(super) async fn backend(
    State(console): State<Console>,
    PathOf(name): PathOf<String>,
) -> Result<Response, Problem> {
    let states = console.store.backends().await.map_err(Problem::unavailable)?;
    let state = states.iter().find(|state| state.backend.as_str() == name);
    let panels = console.panels();
    let panel = panel(&panels, &name);
    let id = panel.map(|one| &one.id).or(state.map(|state| &state.backend));
    let id =
        id.ok_or_else(|| Problem::unknown(format!("no backend {name:?}; GET /v1/backends lists them")))?;
    let now = console.clock.now();
    let mut body = shape(id, panel, state, now);
    body["schema"] = json!(1);
    if let Some(state) = state {
        let standing = console.store.standing(state).await.map_err(Problem::unavailable)?;
        let present = || standing.accounts.values().filter(|account| account.gone_at.is_none());
        body["accounts"] = json!({
            "present": present().count(),
            "failed": present().filter(|account| account.trouble.is_some()).count(),
            "gone": standing.accounts.len() - present().count(),
        });
    }
    body["asked"] = json!(
        console
            .asked_of(id)
            .map(|asking| { json!({ "at": asking.at.to_string(), "state": asking.progress(state, now) }) })
    );
    Ok(Json(body).into_response())
}

fn panel<'p>(panels: &'p [Arc<ConfiguredPanel>], name: &str) -> Option<&'p ConfiguredPanel> {
    panels.iter().find(|panel| panel.id.as_str() == name).map(Arc::as_ref)
}

fn shape(
    name: &BackendId,
    panel: Option<&ConfiguredPanel>,
    state: Option<&BackendState>,
    now: Timestamp,
) -> Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "backend": name.as_str(),
        "kind": panel.map(|one| one.kind.name).or(state.map(|state| state.kind.as_str())),
        "server": panel.and_then(|one| one.whmcs_server),
        "configured": panel.is_some(),
        "polling": state.is_some_and(|state| state.leased_until > now),
        "polled_at": time(state.and_then(|state| state.polled_at)),
        "succeeded_at": time(state.and_then(|state| state.succeeded_at)),
        "failing": state.and_then(|state| state.failing.as_ref()).map(|failing| json!({
            "since": failing.since.to_string(), "reason": failing.reason, "detail": failing.detail,
        })),
        "parked_until": time(state.and_then(|state| state.parked_until)),
        "rewound_at": time(state.and_then(|state| state.rewound_at)),
        "server_total": state.and_then(|state| state.server_total).map(|total| json!({
            "at": total.at.to_string(), "bytes": total.stored.get(),
        })),
    })
}

/// A poll that was asked for.
#[derive(Clone, Copy)]
pub(super) struct Asking {
    at: Timestamp,
    /// How many leases had been taken before: the poll has one of its own.
    leases: i64,
}

impl Asking {
    /// What became of it: `queued`, `running`, then `done` or `failed`.
    fn progress(&self, state: Option<&BackendState>, now: Timestamp) -> &'static str {
        let Some(state) = state.filter(|state| state.leases > self.leases) else { return "queued" };
        match (state.leased_until > now, &state.failing) {
            (true, _) => "running",
            (false, Some(_)) => "failed",
            (false, None) => "done",
        }
    }

    fn is_waiting(&self, state: Option<&BackendState>, now: Timestamp) -> bool {
        now.since(self.at) < PATIENCE && self.progress(state, now) == "queued"
    }
}

pub(super) async fn poll(
    State(console): State<Console>,
    PathOf(name): PathOf<String>,
    asker: Asker,
) -> Result<Response, Problem> {
    console.ask_poll(&name, &asker, &asker.signed("API")).await?;
    let body = json!({ "schema": 1, "backend": name, "status": "queued", "progress": format!("/v1/backends/{name}") });
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

impl Console {
    /// Has a backend of the config polled now, unless a poll that was asked for is still to come. `by` is in the audit.
    pub(super) async fn ask_poll(&self, name: &str, asker: &Asker, by: &str) -> Result<(), Problem> {
        let panels = self.panels();
        let panel = panel(&panels, name);
        let panel = panel.ok_or_else(|| Problem::unknown(format!("no backend {name:?} in the config")))?;
        asker.must_be_let_to(panel.whmcs_server, "this backend is not that server's")?;
        let backend = &panel.id;
        let states = self.store.backends().await.map_err(Problem::unavailable)?;
        let state = states.iter().find(|state| state.backend == *backend);
        let now = self.clock.now();
        // Whoever is asked twice polls once.
        if self.asked_of(backend).is_some_and(|asking| asking.is_waiting(state, now)) {
            return Ok(());
        }
        self.store.record_wish((backend, None), "poll", by, now).await.map_err(Problem::unavailable)?;
        let asking = Asking { at: now, leases: state.map_or(0, |state| state.leases) };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(backend.clone(), asking);
        // The receiver is gone only while the daemon is shutting down.
        let _ = self.polls.send(WantedPoll { backend: backend.clone(), account: None });
        Ok(())
    }

    /// What became of the last poll that was asked for: when, and how far it is.
    pub(super) fn asked_poll(
        &self,
        name: &str,
        states: &[BackendState],
    ) -> Option<(Timestamp, &'static str)> {
        let state = states.iter().find(|state| state.backend.as_str() == name);
        let asking = self.asked_of(&BackendId::new(name).ok()?)?;
        Some((asking.at, asking.progress(state, self.clock.now())))
    }

    fn asked_of(&self, backend: &BackendId) -> Option<Asking> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(backend).copied()
    }
}
