//! What is promised: notifications and switches that wait, that were given up, or that are done.

use axum::extract::State;
use axum::response::Response;
use maud::html;

use super::figures::{Figures, badge, name};
use super::layout::page;
use super::paging::{onwards, with};
use super::{Pages, account_path};
use crate::console::audit_outbox::states_named;
use crate::console::query::ConsoleQuery;
use crate::domain::AccountKey;
use crate::store::EntryState;
use crate::web::{Problem, Query, Visit};

/// What may be chosen.
const CHOICES: [(&str, &str); 4] =
    [("", "Waiting or given up"), ("waiting", "Waiting"), ("gave_up", "Given up"), ("all", "All")];

pub(super) async fn outbox(
    State(pages): State<Pages>,
    visit: Visit,
    Query(asked): Query<ConsoleQuery>,
) -> Result<Response, Problem> {
    let console = &pages.console;
    let (limit, before) = asked.page()?;
    let chosen = asked.state.as_deref().unwrap_or_default();
    let states = states_named(Some(chosen).filter(|chosen| !chosen.is_empty()))?;
    let entries = console.store.entries_before(&states, before, limit).await.map_err(Problem::unavailable)?;
    let path = |cursor: Option<&str>| with("/outbox", &[("state", Some(chosen)), ("cursor", cursor)]);
    let next =
        entries.last().filter(|_| entries.len() == limit).map(|entry| path(Some(&entry.id.to_string())));
    let figures = Figures { moment: console.moment(), base: console.setup().base };
    let body = html! {
        h1 { "Outbox" }
        p.lead {
            "Notifications and switches of policies are promised in the same transaction as the numbers they follow from, and \
             kept one by one. " code { "whmeter outbox retry" } " and " code { "outbox drop" } " take care of those that were \
             given up."
        }
        form.filters method="get" action="/outbox" {
            div { label for="state" { "Which" }
                select #state name="state" {
                    @for (value, says) in CHOICES { option value=(value) selected[value == chosen] { (says) } }
                } }
            button type="submit" { "Show" }
        }
        @if entries.is_empty() { p { "Nothing is there." } }
        @else {
            table.stack {
                thead { tr {
                    th scope="col" { "Account" } th scope="col" { "What" } th scope="col" { "State" }
                    th scope="col" { "Made" } th scope="col" { "Due" } th.right scope="col" { "Tried" }
                    th scope="col" { "What was said" }
                } }
                tbody {
                    @for entry in &entries {
                        tr {
                            th scope="row" { @match entry.promise.account() {
                                Some(AccountKey { backend, name: account }) => {
                                    a href=(account_path(backend.as_str(), account.as_str())) { (name(account.as_str())) } " "
                                    span.quiet { (name(backend.as_str())) }
                                },
                                None => span.quiet { "all" },
                            } }
                            td data-label="What" { div { (entry.promise.kind()) " " span.quiet { "by " (entry.promise.channel()) } } }
                            td data-label="State" { (badge(class(entry.state), says(entry.state))) }
                            td data-label="Made" { (figures.time(entry.made_at)) }
                            td data-label="Due" { div { @match (entry.state, entry.waits_for) {
                                (EntryState::Waiting, Some(first)) => { "after entry " (first) },
                                (EntryState::Waiting, None) => (figures.time(entry.due_at)),
                                _ => @if let Some(at) = entry.ended_at { "over " (figures.time(at)) },
                            } } }
                            td.right data-label="Tried" { (entry.attempts) }
                            td data-label="Said" { (name(entry.said.as_deref().unwrap_or("–"))) }
                        }
                    }
                }
            }
        }
        (onwards(before.map(|_| path(None)), next))
    };
    Ok(page(&visit, &figures, "Outbox", "/outbox", body))
}

fn class(state: EntryState) -> &'static str {
    match state {
        EntryState::Waiting => "warn",
        EntryState::GaveUp => "bad",
        EntryState::Delivered => "good",
        EntryState::Superseded | EntryState::Dropped => "quiet",
    }
}

fn says(state: EntryState) -> &'static str {
    match state {
        EntryState::GaveUp => "given up",
        other => other.name(),
    }
}
