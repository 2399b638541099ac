//! What was done, and what waits: newest first, page by page.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::Console;
use super::query::ConsoleQuery;
use crate::domain::{AccountName, Timestamp};
use crate::store::{Audited, Entry, EntryState};
use crate::web::{Problem, Query, page};

pub(super) async fn audit(
    State(console): State<Console>,
    Query(asked): Query<ConsoleQuery>,
) -> Result<Response, Problem> {
    let (limit, before) = asked.page()?;
    let of = asked.account()?;
    let acts = console.store.acts_before(of.as_ref(), before, limit).await.map_err(Problem::unavailable)?;
    let next = (acts.len() == limit).then(|| acts.last().map(|act| act.id.to_string())).flatten();
    Ok(page(acts.iter().map(act).collect(), next))
}

pub(super) async fn outbox(
    State(console): State<Console>,
    Query(asked): Query<ConsoleQuery>,
) -> Result<Response, Problem> {
    let (limit, before) = asked.page()?;
    let states = states_named(asked.state.as_deref())?;
    let entries = console.store.entries_before(&states, before, limit).await.map_err(Problem::unavailable)?;
    let next = (entries.len() == limit).then(|| entries.last().map(|entry| entry.id.to_string())).flatten();
    Ok(page(entries.iter().map(entry).collect(), next))
}

/// The states of entries that are asked for by their names, with commas between; those that somebody may have to do
/// something about where nothing is said.
pub(super) fn states_named(names: Option<&str>) -> Result<Vec<EntryState>, Problem> {
    let known = |name: &str| {
        let found = EntryState::ALL.into_iter().find(|state| state.name() == name);
        found.ok_or_else(|| {
            let each = EntryState::ALL.map(EntryState::name).join(", ");
            Problem::refused(format!("state {name:?} is not known; expected {each} or all"))
        })
    };
    match names {
        Some("all") => Ok(EntryState::ALL.into()),
        Some(names) => names.split(',').map(|name| known(name.trim())).collect(),
        None => Ok(vec![EntryState::Waiting, EntryState::GaveUp]),
    }
}

fn act(act: &Audited) -> Value {
    json!({
        "id": act.id,
        "at": act.at.to_string(),
        "actor": act.actor,
        "backend": act.backend.as_str(),
        "account": act.account.as_ref().map(AccountName::as_str),
        "action": act.action,
        "from": act.before,
        "to": act.after,
        "why": act.why,
        "answer": act.answer,
    })
}

fn entry(entry: &Entry) -> Value {
    json!({
        "id": entry.id,
        "key": entry.key,
        "channel": entry.promise.channel(),
        "kind": entry.promise.kind(),
        "backend": entry.promise.account().map(|account| account.backend.as_str()),
        "account": entry.promise.account().map(|account| account.name.as_str()),
        "state": entry.state.name(),
        "waits_for": entry.waits_for,
        "made_at": entry.made_at.to_string(),
        "due_at": entry.due_at.to_string(),
        "attempts": entry.attempts,
        "said": entry.said,
        "ended_at": entry.ended_at.map(|at: Timestamp| at.to_string()),
    })
}
