//! All accounts: searched, filtered and sorted where they stand in memory, and one page of them shown.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::figures::{Figures, NEAR, badge, bar, meter_name, name, not_known};
use super::layout::page;
use super::paging::{Numbered, with};
use super::{Pages, account_path};
use crate::console::accounts::is_meant;
use crate::domain::{AccountName, BackendId, Bytes, Limit, Meter, Policy};
use crate::standing::{AccountStanding, Moment, Standing};
use crate::web::{Problem, Query, Visit, number, parsed};

/// Accounts on a page.
const ROWS: usize = 50;

/// What an account may be asked to be, and what that is called.
const STATES: [(&str, &str); 8] = [
    ("", "On their panel"),
    ("over", "Over a limit"),
    ("near", "Near a limit, or over"),
    ("limited", "Limited now"),
    ("unbilled", "Not billed"),
    ("unknown", "Something not known"),
    ("suspended", "Suspended"),
    ("gone", "Gone"),
];

/// What they may be in the order of.
const SORTS: [(&str, &str); 4] =
    [("", "Name"), ("limit", "Nearest to a limit"), ("stored", "Stored"), ("traffic", "Traffic this month")];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    q: Option<String>,
    backend: Option<String>,
    state: Option<String>,
    sort: Option<String>,
    page: Option<String>,
}

type Row = (Arc<Standing>, AccountName, Arc<AccountStanding>);

pub(super) async fn accounts(
    State(pages): State<Pages>,
    visit: Visit,
    Query(search): Query<Search>,
) -> Result<Response, Problem> {
    let console = &pages.console;
    let asked = number::<usize>("page", search.page.as_ref())?;
    let known = |key: &str, value: &Option<String>, all: &[(&'static str, &str)]| {
        let value = value.clone().unwrap_or_default();
        let found = all.iter().map(|(name, _)| *name).find(|name| *name == value);
        found.ok_or_else(|| Problem::refused(format!("{key}={value:?} is not known; choose one of the list")))
    };
    let (state, sort) = (known("state", &search.state, &STATES)?, known("sort", &search.sort, &SORTS)?);
    let backend = search.backend.clone().filter(|backend| !backend.is_empty());
    let of = parsed("backend", backend.as_ref(), BackendId::new)?;
    let all = console.standings().await?;
    let names: Vec<String> = all.iter().map(|standing| standing.backend.to_string()).collect();
    let standings: Vec<_> =
        all.into_iter().filter(|one| of.as_ref().is_none_or(|of| one.backend == *of)).collect();
    let moment = console.moment();
    let words = search.q.as_deref().map(|words| words.trim().to_lowercase()).unwrap_or_default();
    // Sorting a hundred thousand accounts is work for a thread that nothing waits on.
    let found = tokio::task::spawn_blocking(move || find(&standings, &words, state, sort, asked, &moment));
    let (numbered, rows) =
        found.await.map_err(|error| Problem::unavailable(format!("it stopped: {error}")))?;
    let figures = Figures { moment, base: console.setup().base };
    let path = |page: &str| {
        let query = [
            ("q", search.q.as_deref()),
            ("backend", search.backend.as_deref()),
            ("state", Some(state)),
            ("sort", Some(sort)),
            ("page", Some(page)),
        ];
        with("/accounts", &query)
    };
    let body = html! {
        h1 { "Accounts" }
        (form(&search, &names, state, sort))
        (numbered.show("accounts", path))
        @if rows.is_empty() { p { "No account is so. " a href="/accounts" { "Show all" } } }
        @else { (table(&figures, &rows)) (numbered.again("accounts", path)) }
    };
    Ok(page(&visit, &figures, "Accounts", "/accounts", body))
}

fn find(
    standings: &[Arc<Standing>],
    words: &str,
    state: &str,
    sort: &str,
    asked: Option<usize>,
    moment: &Moment,
) -> (Numbered, Vec<Row>) {
    let all = standings.iter().flat_map(|standing| standing.accounts.iter().map(move |one| (standing, one)));
    let found =
        all.filter(|(_, (name, account))| is_so(account, state, moment) && is_meant(words, name, account));
    let mut found: Vec<_> = found.collect();
    // Names are in their order already, and of equals the order stays. What is not known comes last.
    match sort {
        "limit" => found.sort_by_cached_key(|(_, (_, account))| {
            Reverse(account.nearest_limit(moment).map(|near| near.parts_of(1_000_000)))
        }),
        "stored" => {
            found.sort_by_cached_key(|(_, (_, account))| Reverse(known(account, Meter::StorageUsed, moment)))
        }
        "traffic" => found.sort_by_cached_key(|(_, (_, account))| Reverse(traffic(account, moment))),
        _ => {}
    }
    let numbered = Numbered::of(asked, found.len(), ROWS);
    let shown = found.into_iter().skip(numbered.first).take(ROWS);
    let row = |(standing, (name, account)): (&Arc<Standing>, (&AccountName, &Arc<AccountStanding>))| {
        (Arc::clone(standing), name.clone(), Arc::clone(account))
    };
    let rows = shown.map(row).collect();
    (numbered, rows)
}

fn known(account: &AccountStanding, meter: Meter, moment: &Moment) -> Option<Bytes> {
    account.meter(meter)?.known(moment).ok()
}

/// All that passed this month, as far as it is known.
fn traffic(account: &AccountStanding, moment: &Moment) -> Option<Bytes> {
    let flows = [Meter::TrafficIn, Meter::TrafficOut, Meter::TrafficTotal];
    let known = flows.into_iter().filter_map(|meter| known(account, meter, moment));
    known.reduce(|one, other| one.checked_add(other).unwrap_or(Bytes::MAX))
}

fn is_so(account: &AccountStanding, state: &str, moment: &Moment) -> bool {
    let percent = || account.nearest_limit(moment).map_or(0, |near| near.percent());
    if state == "gone" {
        return account.gone_at.is_some();
    }
    account.gone_at.is_none()
        && match state {
            "over" => percent() >= 100,
            "near" => percent() >= NEAR,
            "limited" => account.policy == Some(Policy::Limited),
            "unbilled" => account.is_unbilled(),
            "unknown" => {
                let unknown = account.series.iter().any(|series| series.known(moment).is_err());
                unknown || account.series.is_empty() || account.trouble.is_some()
            }
            "suspended" => account.suspended == Some(true),
            _ => true,
        }
}

fn form(search: &Search, backends: &[String], state: &str, sort: &str) -> Markup {
    html! {
        form.filters method="get" action="/accounts" role="search" {
            div { label for="q" { "Search" }
                input #q type="search" name="q" value=[search.q.as_deref()] placeholder="name, domain, plan, product"; }
            div { label for="backend" { "Panel" }
                select #backend name="backend" {
                    option value="" { "All" }
                    @for one in backends { option value=(one) selected[search.backend.as_ref() == Some(one)] { (one) } }
                } }
            div { label for="state" { "Which" }
                select #state name="state" {
                    @for (value, says) in STATES { option value=(value) selected[value == state] { (says) } }
                } }
            div { label for="sort" { "In order of" }
                select #sort name="sort" {
                    @for (value, says) in SORTS { option value=(value) selected[value == sort] { (says) } }
                } }
            button type="submit" { "Show" }
        }
    }
}

fn table(figures: &Figures, rows: &[Row]) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { "Account" } th scope="col" { "Panel" } th.right scope="col" { "Stored" }
                th.right scope="col" { "Traffic this month" } th scope="col" { "Nearest limit" } th scope="col" { "State" }
            } }
            tbody {
                @for (standing, own, account) in rows {
                    tr.account {
                        th scope="row" {
                            a href=(account_path(standing.backend.as_str(), own.as_str())) { (name(own.as_str())) }
                            div.small.quiet { (payer(account)) }
                        }
                        td data-label="Panel" { (name(standing.backend.as_str())) }
                        td.right data-label="Stored" { div { (figures.used(account, Meter::StorageUsed)) } }
                        td.right data-label="Traffic" { div { (flows(figures, account)) } }
                        td data-label="Limit" { div { (limit(figures, account)) } }
                        td data-label="State" { div { (badges(figures, account)) } }
                    }
                }
            }
        }
    }
}

/// Who pays, in a line.
pub(super) fn payer(account: &AccountStanding) -> Markup {
    match account.service() {
        Some(service) => html! {
            "service " (service.id) ", client " (service.client)
            @if let Some(product) = &service.product { ", " (name(product)) }
        },
        None => html! { (account.owner) },
    }
}

fn flows(figures: &Figures, account: &AccountStanding) -> Markup {
    let flows: Vec<Meter> = [Meter::TrafficIn, Meter::TrafficOut, Meter::TrafficTotal]
        .into_iter()
        .filter(|meter| account.meter(*meter).is_some())
        .collect();
    html! {
        @if flows.is_empty() { (figures.used(account, Meter::TrafficTotal)) }
        @for meter in flows {
            div { span.quiet { (meter_name(meter).trim_start_matches("Traffic ")) } " " (figures.used(account, meter)) }
        }
    }
}

fn limit(figures: &Figures, account: &AccountStanding) -> Markup {
    if let Some(near) = account.nearest_limit(&figures.moment) {
        return bar(figures, &near);
    }
    let limits = account.series.iter().map(|series| account.limit(series.meter));
    if limits.clone().any(|limit| limit.up_to().is_some()) {
        return not_known("use or a part of it is not known");
    }
    let all_free = limits.clone().all(|limit| limit == Limit::Unlimited) && limits.clone().next().is_some();
    if all_free {
        html! { span.quiet { "no limit" } }
    } else {
        not_known("no limit is reported")
    }
}

/// What else there is to be said of an account, in a word each.
pub(super) fn badges(figures: &Figures, account: &AccountStanding) -> Markup {
    let mapping = account.mapped.as_ref().map(|mapped| mapped.mapping.name());
    html! {
        @if let Some(at) = account.gone_at { (badge("quiet", "gone")) " " small.quiet { (figures.ago(at)) } " " }
        @if account.gone_at.is_none() && account.missing_since.is_some() { (badge("warn", "missing")) " " }
        @if account.policy == Some(Policy::Limited) { (badge("bad", "limited")) " " }
        @if account.suspended == Some(true) { (badge("warn", "suspended")) " " }
        @if account.is_unbilled() { (badge("warn", mapping.unwrap_or("not billed"))) " " }
        @if mapping == Some("pinned") { (badge("quiet", "pinned")) " " }
        @if let Some((reason, since)) = &account.trouble {
            (badge("warn", "not read")) " " small.quiet { (reason) " since " (figures.local(*since)) }
        }
        @if account.series.iter().any(|series| series.held_back.is_some() || series.doubted.is_some()) {
            (badge("warn", "doubted")) " "
        }
    }
}
