//! What was done, by whom and why: newest first.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::figures::{Figures, name};
use super::layout::page;
use super::paging::{onwards, with};
use super::{Pages, account_path};
use crate::console::query::ConsoleQuery;
use crate::store::Audited;
use crate::web::{Problem, Query, Visit};

pub(super) async fn audit(
    State(pages): State<Pages>,
    visit: Visit,
    Query(asked): Query<ConsoleQuery>,
) -> Result<Response, Problem> {
    let console = &pages.console;
    let (limit, before) = asked.page()?;
    let of = asked.account()?;
    let acts = console.store.acts_before(of.as_ref(), before, limit).await.map_err(Problem::unavailable)?;
    let path = |cursor: Option<&str>| {
        let (backend, account) = (asked.backend.as_deref(), asked.account.as_deref());
        with("/audit", &[("backend", backend), ("account", account), ("cursor", cursor)])
    };
    let next = acts.last().filter(|_| acts.len() == limit).map(|act| path(Some(&act.id.to_string())));
    let figures = Figures { moment: console.moment(), base: console.setup().base };
    let body = html! {
        h1 { "Audit" }
        p.lead {
            @match &of {
                Some(key) => { "What was done to " (name(key.name.as_str())) " on " (name(key.backend.as_str())) ". "
                    a href="/audit" { "Of all accounts" } }
                None => "What was done to accounts and backends, by usage or by hand, newest first. No line is ever changed.",
            }
        }
        (table(&figures, &acts, of.is_none()))
        (onwards(before.map(|_| path(None)), next))
    };
    Ok(page(&visit, &figures, "Audit", "/audit", body))
}

/// Acts as a table; with whom they were done to where that is not said already.
pub(super) fn table(figures: &Figures, acts: &[Audited], with_account: bool) -> Markup {
    html! {
        @if acts.is_empty() { p { "Nothing was done yet." } }
        @else {
            table.stack {
                thead { tr {
                    th scope="col" { "When" }
                    @if with_account { th scope="col" { "Account" } }
                    th scope="col" { "What" } th scope="col" { "By" } th scope="col" { "Why, and what came of it" }
                } }
                tbody {
                    @for act in acts {
                        tr {
                            th scope="row" { (figures.time(act.at)) }
                            @if with_account {
                                td data-label="Account" { div {
                                    @match &act.account {
                                        Some(account) => {
                                            a href=(account_path(act.backend.as_str(), account.as_str())) {
                                                (name(account.as_str()))
                                            }
                                            " on " (name(act.backend.as_str()))
                                        }
                                        None => { (name(act.backend.as_str())) }
                                    }
                                } }
                            }
                            td data-label="What" { div {
                                strong { (act.action) }
                                @if act.before.is_some() || act.after.is_some() {
                                    div.small {
                                        (name(act.before.as_deref().unwrap_or("–"))) " → "
                                        (name(act.after.as_deref().unwrap_or("–")))
                                    }
                                }
                            } }
                            td data-label="By" { (name(&act.actor)) }
                            td data-label="Why" { div {
                                (name(&act.why))
                                @if !act.answer.is_empty() { div.small.quiet { (name(&act.answer)) } }
                            } }
                        }
                    }
                }
            }
        }
    }
}
