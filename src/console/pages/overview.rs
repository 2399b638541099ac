//! What matters on one screen: whether all is well, how every panel is read, what no service pays for, who is near a limit,
//! what waits, and whether WHMCS fetches.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::figures::{Figures, NEAR, badge, bar, found_of, name, not_known, sentence};
use super::layout::{page, word};
use super::{Pages, account_path};
use crate::console::Setup;
use crate::console::findings::{Finding, FindingKind, worth_of};
use crate::console::status::{BackendLine, Condition, Overview, Status};
use crate::domain::{AccountKey, Bytes, Meter, Nature, Timestamp};
use crate::pricing::Money;
use crate::standing::{Moment, Nearness};
use crate::store::BackendState;
use crate::web::{Problem, Visit, encoded};

/// So many of those who are near a limit are named.
const NAMED: usize = 8;

/// What is on the screen, worked out beside the requests.
struct Screen {
    status: Status,
    unbilled: Unbilled,
    near: Near,
}

/// What accounts use that no service pays for.
#[derive(Default)]
struct Unbilled {
    accounts: usize,
    /// By nature; `None`: too much to add up.
    stored: Option<Bytes>,
    moved: Option<Bytes>,
    /// By currency; `None`: rules of one currency have different decimals.
    worth: BTreeMap<String, Option<Money>>,
    /// Why nothing is known of a panel.
    unknown: Vec<(String, String)>,
}

impl Unbilled {
    fn of(found: &[Finding<'_>]) -> Unbilled {
        let mut sum = Unbilled { stored: Some(Bytes::ZERO), moved: Some(Bytes::ZERO), ..Unbilled::default() };
        let mut accounts = BTreeSet::new();
        for one in found.iter().filter(|one| one.what == FindingKind::Unbilled.name()) {
            if one.is_unknown() {
                let (backend, why) =
                    (one.backend.unwrap_or_default(), one.detail.clone().unwrap_or_default());
                sum.unknown.push((backend.into(), why));
                continue;
            }
            accounts.insert((one.backend, one.account));
            let bytes = one.bytes.and_then(|bytes| Bytes::new(bytes).ok());
            let Some((meter, bytes)) = one.meter.and_then(|meter| meter.parse().ok()).zip(bytes) else {
                continue;
            };
            let meter: Meter = meter;
            let of = if meter.nature() == Nature::Level { &mut sum.stored } else { &mut sum.moved };
            *of = of.and_then(|so_far| so_far.checked_add(bytes));
        }
        sum.worth = worth_of(found);
        sum.accounts = accounts.len();
        sum
    }
}

/// Who is near a limit.
#[derive(Default)]
struct Near {
    /// Those at limits that a rule enforces or reports, the nearest first; not more than are named.
    ruled: Vec<(AccountKey, Nearness)>,
    /// How many those are.
    count: usize,
    /// How many are near a limit that no rule is for, and near no other.
    unruled: usize,
}

impl Near {
    fn of(overview: &Overview, moment: &Moment, setup: &Setup) -> Near {
        let mut near = Near::default();
        for side in &overview.sides.panels {
            for (name, account) in side.present() {
                let key = AccountKey { backend: side.panel.id.clone(), name: name.clone() };
                let nearest = |is_ruled: bool| {
                    let meters = Meter::ALL.into_iter();
                    let meters =
                        meters.filter(|meter| setup.rule(&key, account, *meter).is_some() == is_ruled);
                    let found = meters.filter_map(|meter| account.nearness(meter, moment));
                    found.filter(|near| near.percent() >= NEAR).max_by_key(|near| near.parts_of(1_000_000))
                };
                match nearest(true) {
                    Some(nearest) => near.ruled.push((key, nearest)),
                    None => near.unruled += usize::from(nearest(false).is_some()),
                }
            }
        }
        near.ruled.sort_by_key(|(_, nearest)| std::cmp::Reverse(nearest.parts_of(1_000_000)));
        near.count = near.ruled.len();
        near.ruled.truncate(NAMED);
        near
    }
}

pub(super) async fn overview(State(pages): State<Pages>, visit: Visit) -> Result<Response, Problem> {
    let (console, setup) = (&pages.console, pages.console.setup());
    let moment = console.moment();
    let read = Overview::read(&console.store, &setup.panels, &moment, setup.bill_from).await;
    let read = read.map_err(Problem::unavailable)?;
    let states = console.store.backends().await.map_err(Problem::unavailable)?;
    let fetched = console.store.reported_at().await.map_err(Problem::unavailable)?;
    let servers: BTreeSet<i64> =
        setup.panels.iter().filter_map(|panel| panel.whmcs_server).chain(fetched.keys().copied()).collect();
    // Going through a hundred thousand accounts is work for a thread that nothing waits on.
    let (own, at) = (setup.clone(), moment);
    let made = tokio::task::spawn_blocking(move || {
        let found = read.findings(&at, &own.prices);
        let near = Near::of(&read, &at, &own);
        Screen { status: read.status(&found, &at), unbilled: Unbilled::of(&found), near }
    });
    let screen = made.await.map_err(|error| Problem::unavailable(format!("it stopped: {error}")))?;
    let figures = Figures { moment, base: setup.base };
    let asked = |name: &str| console.asked_poll(name, &states);
    let body = html! {
        h1 { "Overview" }
        (condition(&screen.status))
        (panels(&figures, &visit, &screen.status, &states, asked))
        div.cards {
            (unbilled(&figures, &screen.unbilled, setup.prices.is_empty()))
            (waiting(&figures, &screen.status))
            (whmcs(&figures, &servers, &fetched))
            (tallies(&screen.status))
        }
        (limits(&figures, &screen.near))
    };
    Ok(page(&visit, &figures, "Overview", "/", body))
}

fn condition(status: &Status) -> Markup {
    let problems = status.problems();
    let (class, says) = match status.state() {
        Condition::Well => {
            ("good", "All is well: every panel is read, nothing is doubted, nothing is stuck.".into())
        }
        Condition::Unknown => ("warn", "Nothing is known yet of a panel, or none is configured.".into()),
        Condition::Wrong if problems.len() == 1 => ("bad", "One thing needs attention:".to_string()),
        Condition::Wrong => ("bad", format!("{} things need attention:", problems.len())),
    };
    html! {
        div class={ "notice " (class) } {
            p { strong { (says) } }
            @if !problems.is_empty() { ul { @for problem in problems { li { (sentence(problem)) } } } }
        }
    }
}

fn state_badge(state: &str) -> Markup {
    let (class, says) = match state {
        "well" => ("good", "well"),
        "never" => ("warn", "not read yet"),
        "unconfigured" => ("warn", "not in the config"),
        "parked" => ("bad", "left alone"),
        "failing" => ("bad", "not read"),
        "overdue" => ("bad", "overdue"),
        "stale" => ("bad", "too old"),
        other => ("warn", other),
    };
    badge(class, says)
}

fn panels(
    figures: &Figures,
    visit: &Visit,
    status: &Status,
    states: &[BackendState],
    asked: impl Fn(&str) -> Option<(Timestamp, &'static str)>,
) -> Markup {
    let kind = |line: &BackendLine| {
        let state = states.iter().find(|state| state.backend.as_str() == line.backend);
        state.map(|state| state.kind.clone()).unwrap_or_default()
    };
    html! {
        section aria-labelledby="panels" {
            h2 #panels { "Panels" }
            table.stack {
                thead { tr {
                    th scope="col" { "Panel" } th scope="col" { "State" } th scope="col" { "Last read" }
                    th.right scope="col" { "Accounts" } th scope="col" { span.sr { "What can be done" } }
                } }
                tbody {
                    @for line in &status.backends {
                        tr {
                            th scope="row" {
                                a href={ "/accounts?backend=" (encoded(&line.backend)) } { (name(&line.backend)) }
                                " " span.quiet { (kind(line)) }
                            }
                            td data-label="State" { div {
                                (state_badge(line.state))
                                @if let Some(reason) = &line.reason { " " span.quiet { (reason) } }
                                @if let Some(detail) = &line.detail { p.small { (sentence(detail)) } }
                            } }
                            td data-label="Last read" {
                                div { @match &line.succeeded_at {
                                    Some(at) => (figures.since_text(at)),
                                    None => (not_known("never")),
                                } }
                            }
                            td.right data-label="Accounts" { div {
                                span.num { (line.accounts) }
                                @if line.unread > 0 { " " span.quiet { "(" (line.unread) " not read in full)" } }
                            } }
                            td.right { (poll_button(figures, visit, line, asked(&line.backend))) }
                        }
                    }
                    @if status.backends.is_empty() {
                        tr { td colspan="5" { "No panel is configured. " code { "whmeter sample-config" } " prints how one looks." } }
                    }
                }
            }
        }
    }
}

fn poll_button(
    figures: &Figures,
    visit: &Visit,
    line: &BackendLine,
    asked: Option<(Timestamp, &'static str)>,
) -> Markup {
    html! {
        @if visit.may_act && line.state != "unconfigured" {
            form method="post" action={ "/backends/" (encoded(&line.backend)) "/poll" } {
                (word(visit))
                button type="submit" { "Poll now" span.sr { " " (line.backend) } }
            }
        }
        @if let Some((at, progress)) = asked {
            p.small.quiet role="status" { "poll asked for " (figures.ago(at)) ": " (progress) }
        }
    }
}

fn unbilled(figures: &Figures, unbilled: &Unbilled, no_prices: bool) -> Markup {
    let size = |sum: Option<Bytes>| match sum {
        Some(sum) => figures.size(sum),
        None => not_known("too much to add up"),
    };
    html! {
        section.card aria-labelledby="unbilled" {
            h2 #unbilled { "Not billed" }
            p.big { span.num { (unbilled.accounts) } " " span.quiet { "accounts that no service pays for" } }
            @if unbilled.accounts > 0 {
                dl {
                    dt { "Stored" } dd { (size(unbilled.stored)) }
                    dt { "Moved this month" } dd { (size(unbilled.moved)) }
                    dt { "Worth this month" }
                    dd {
                        @if no_prices { span.quiet { "no " code { "[[price]]" } " is configured" } }
                        @else if unbilled.worth.is_empty() { (not_known("no price applies to what no service pays for")) }
                        @for (currency, worth) in &unbilled.worth {
                            @match worth {
                                Some(worth) => { span.num { (worth) } " " (currency) " " }
                                None => { (not_known("the rules' decimals differ")) " " (currency) " " }
                            }
                        }
                    }
                }
            }
            @for (backend, why) in &unbilled.unknown {
                p.small { (name(backend)) ": " (not_known(why)) }
            }
            p { a href="/findings?what=unbilled" { "Which accounts" } }
        }
    }
}

fn waiting(figures: &Figures, status: &Status) -> Markup {
    let outbox = &status.outbox;
    html! {
        section.card aria-labelledby="waiting" {
            h2 #waiting { "Waiting" }
            p.big { span.num { (outbox.waiting) } " " span.quiet { "notifications and switches" } }
            @if let Some(oldest) = &outbox.oldest { p { "The oldest since " (figures.since_text(oldest)) } }
            @if outbox.gave_up > 0 { p { (badge("bad", "given up")) " " span.num { (outbox.gave_up) } } }
            p { a href="/outbox" { "The outbox" } }
        }
    }
}

fn whmcs(figures: &Figures, servers: &BTreeSet<i64>, fetched: &HashMap<i64, Timestamp>) -> Markup {
    html! {
        section.card aria-labelledby="whmcs" {
            h2 #whmcs { "Fetched by WHMCS" }
            @if servers.is_empty() { p { "No panel has a " code { "whmcs_server" } ": nothing is reported to WHMCS." } }
            @else {
                dl {
                    @for server in servers {
                        dt { "Server " (server) }
                        dd { @match fetched.get(server) {
                            Some(at) => (figures.since(*at)),
                            None => { (badge("warn", "never")) }
                        } }
                    }
                }
            }
        }
    }
}

fn tallies(status: &Status) -> Markup {
    let found = status.findings.iter().filter(|(_, tally)| tally.lines + tally.unknown > 0);
    html! {
        section.card aria-labelledby="findings" {
            h2 #findings { "What does not fit" }
            dl {
                @for (what, tally) in found {
                    dt { a href={ "/findings?what=" (what) } { (what) } }
                    dd {
                        (found_of(tally.lines, tally.unknown))
                    }
                }
            }
            @if status.findings.values().all(|tally| tally.lines + tally.unknown == 0) { p { "Everything fits." } }
        }
    }
}

fn limits(figures: &Figures, near: &Near) -> Markup {
    html! {
        section aria-labelledby="limits" {
            h2 #limits { "Near their limits" }
            @if near.ruled.is_empty() {
                p { "No account has used " (NEAR) " % of a limit that a rule is for, as far as use and limit are known." }
            } @else {
                table.stack {
                    thead { tr { th scope="col" { "Account" } th scope="col" { "Panel" } th scope="col" { "Used" } } }
                    tbody {
                        @for (key, nearest) in &near.ruled {
                            @let (backend, account) = (key.backend.as_str(), key.name.as_str());
                            tr {
                                th scope="row" { a href=(account_path(backend, account)) { (name(account)) } }
                                td data-label="Panel" { (name(backend)) }
                                td data-label="Used" { (bar(figures, nearest)) }
                            }
                        }
                    }
                }
                @if near.count > near.ruled.len() { p.small.quiet { "and " (near.count - near.ruled.len()) " more" } }
            }
            @if near.unruled > 0 {
                p.small.quiet {
                    span.num { (near.unruled) } " others are near a limit of their panel that no rule of whmeter is for. "
                }
            }
            p { a href="/accounts?state=near&sort=limit" { "All that are near a limit" } }
        }
    }
}
