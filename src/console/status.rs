//! How things stand, on one screen: what the backends, the findings, the outbox and the chains say together, and
//! whether anybody has to do something.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Console;
use super::findings::{Finding, FindingKind, findings, worth_of};
use super::panel_vs_whmcs::{PanelsVsWhmcs, Side, sides};
use crate::backends::ConfiguredPanel;
use crate::domain::{BillFrom, Reason, Seconds, Timestamp};
use crate::pricing::Money;
use crate::rules::Prices;
use crate::standing::Moment;
use crate::store::{BackendState, EntryState, Store, StoreError, Waiting};
use crate::web::Problem;

/// How things stand.
#[derive(Debug, Serialize)]
pub struct Status {
    schema: u32,
    at: String,
    state: Condition,
    /// What is wrong, each with what to do.
    problems: Vec<String>,
    /// Every backend of the config, and those that are stored and have accounts.
    pub backends: Vec<BackendLine>,
    /// What is doubted, one line for each kind and backend.
    pub doubts: Vec<DoubtLine>,
    /// Our clock and the database server's.
    pub clock: ClockLine,
    /// Pending notifications and policy switches.
    pub outbox: OutboxLine,
    /// Findings by kind.
    pub findings: BTreeMap<&'static str, Tally>,
    /// What unbilled usage would cost this month so far by the `[[price]]` rules, by currency; null where rules of one
    /// currency have different decimals.
    pub unbilled: BTreeMap<String, Option<String>>,
    /// How far the chains go.
    pub heads: Vec<String>,
}

/// Whether an operator has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// No.
    Well,
    /// Yes.
    Wrong,
    /// Unknown.
    Unknown,
}

/// How many lines a kind of finding has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// What was found.
    pub lines: usize,
    /// Of how many backends or accounts nothing could be said.
    pub unknown: usize,
}

/// One backend.
#[derive(Debug, Serialize)]
pub struct BackendLine {
    /// Its name.
    pub backend: String,
    /// One of `well`, `failing`, `parked`, `overdue`, `stale`, `never`, `unconfigured`.
    pub state: &'static str,
    /// When all accounts were last read.
    pub succeeded_at: Option<String>,
    /// How long ago that was.
    pub age_seconds: Option<u64>,
    /// Until when it is left alone.
    pub parked_until: Option<String>,
    /// Why its last poll failed.
    pub reason: Option<String>,
    /// The same for people.
    pub detail: Option<String>,
    /// Its accounts.
    pub accounts: usize,
    /// Accounts that were not read in full last time.
    pub unread: usize,
}

/// A kind of doubt that stands at a backend, or a server's list.
#[derive(Debug, Serialize)]
pub struct DoubtLine {
    /// Where: a backend, or `server 12`.
    pub of: String,
    /// Which: as in the findings `held-back`, or `deleted` or `unread`.
    pub kind: String,
    /// How many accounts, meters or things.
    pub count: usize,
    /// Since when, the oldest of them.
    pub since: Option<String>,
    /// One of them.
    pub first: Option<String>,
    /// What it is and what ends it.
    pub ends: String,
}

/// Clocks.
#[derive(Debug, Serialize)]
pub struct ClockLine {
    /// Ours.
    pub ours: String,
    /// The database server's; null where that is ours.
    pub database: Option<String>,
    /// By how many seconds ours is ahead of it; below zero behind.
    pub ahead_seconds: Option<i64>,
}

/// What waits.
#[derive(Debug, Serialize)]
pub struct OutboxLine {
    /// Entries that wait.
    pub waiting: u64,
    /// When the oldest of them was made.
    pub oldest: Option<String>,
    /// Entries that were given up.
    pub gave_up: usize,
}

/// Two clocks may differ so far, as for polls.
const CLOCKS_DIFFER: i64 = 300;

/// An entry that waits longer is stuck.
const WAITS_LONG: Seconds = Seconds::hours(1);

/// Later than it was due by so much, it is not polled.
const OVERDUE: Seconds = Seconds::new(15 * 60);

const UNREAD: &str = "not read in full by the last poll, and withheld once too old; ends when it is read: \
     `whmeter poll --backend NAME` names the cause";

/// How everything stands at a moment.
pub async fn status(
    store: &Store,
    panels: &[Arc<ConfiguredPanel>],
    moment: &Moment,
    from: BillFrom,
    prices: &Prices,
) -> Result<Status, StoreError> {
    let overview = Overview::read(store, panels, moment, from).await?;
    Ok(overview.status(&overview.findings(moment, prices), moment))
}

pub(super) async fn status_route(State(console): State<Console>) -> Result<Response, Problem> {
    let (setup, moment) = (console.setup(), console.moment());
    let read = Overview::read(&console.store, &setup.panels, &moment, setup.bill_from).await;
    let overview = read.map_err(Problem::unavailable)?;
    // Going through a hundred thousand accounts is work for a thread that nothing waits on.
    let made = tokio::task::spawn_blocking(move || {
        let status = overview.status(&overview.findings(&moment, &setup.prices), &moment);
        Json(status).into_response()
    });
    let crashed = |error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("it stopped: {error}"));
    made.await.map_err(crashed)
}

/// Everything that the status is made of, read at once.
pub(super) struct Overview {
    pub sides: PanelsVsWhmcs,
    server: Option<Timestamp>,
    waiting: Vec<Waiting>,
    gave_up: usize,
    heads: Vec<String>,
    /// Why nothing can be written any more.
    store: Option<String>,
}

impl Overview {
    /// Reads it.
    pub async fn read(
        store: &Store,
        panels: &[Arc<ConfiguredPanel>],
        moment: &Moment,
        from: BillFrom,
    ) -> Result<Overview, StoreError> {
        let sides = sides(store, panels, None).await?.with_reported(store, moment, from).await?;
        let sides = sides.with_billed(store, moment, from).await?.with_unclaimed(store).await?;
        Ok(Overview {
            sides,
            server: store.server_time().await?,
            waiting: store.waiting().await?,
            gave_up: store.entries(&[EntryState::GaveUp], 10_000).await?.len(),
            heads: store.heads().await?.iter().map(ToString::to_string).collect(),
            store: store.ready().await.err().map(|error| error.to_string()),
        })
    }

    /// Everything that does not fit. Going through a hundred thousand accounts is work for a thread that nothing waits on.
    pub fn findings(&self, moment: &Moment, prices: &Prices) -> Vec<Finding<'_>> {
        findings(&self.sides, &FindingKind::ALL, None, moment, prices)
    }

    /// What it comes to, with what was found in it.
    pub fn status(&self, found: &[Finding<'_>], moment: &Moment) -> Status {
        let Overview { sides, server, waiting, gave_up, heads, store } = self;
        let gave_up = *gave_up;
        let mut tallies: BTreeMap<&'static str, Tally> =
            FindingKind::ALL.into_iter().map(|what| (what.name(), Tally::default())).collect();
        for finding in found {
            let tally = tallies.entry(finding.what).or_default();
            match finding.is_unknown() {
                true => tally.unknown += 1,
                false => tally.lines += 1,
            }
        }
        let mut backends: Vec<BackendLine> = sides.panels.iter().map(|side| backend(side, moment)).collect();
        backends.extend(sides.unconfigured.iter().map(|(state, standing)| BackendLine {
            state: "unconfigured",
            accounts: standing.present().count(),
            ..line(state.backend.as_str(), Some(state), moment.now)
        }));
        let ahead = server.map(|server| moment.now.get() - server.get());
        let oldest = waiting.iter().map(|one| one.oldest).min();
        let outbox = OutboxLine {
            waiting: waiting.iter().map(|one| one.entries).sum(),
            oldest: oldest.map(|at| at.to_string()),
            gave_up,
        };
        let clock = ClockLine {
            ours: moment.now.to_string(),
            database: server.map(|at| at.to_string()),
            ahead_seconds: ahead,
        };
        let doubts = doubts(sides, found);
        let mut problems: Vec<String> = store.iter().cloned().collect();
        problems.extend(backends.iter().filter_map(trouble));
        problems.extend(
            doubts
                .iter()
                .map(|doubt| format!("{}: {} ({}): {}", doubt.of, doubt.kind, doubt.count, doubt.ends)),
        );
        if ahead.is_some_and(|ahead| ahead.abs() > CLOCKS_DIFFER) {
            problems.push(
                "our clock and the database server's differ by over five minutes: see `timedatectl` on both"
                    .into(),
            );
        }
        if oldest.is_some_and(|oldest| moment.now.since(oldest) > WAITS_LONG) {
            problems.push(
                "a notification or policy switch has been pending for over an hour: `whmeter outbox list` \
                 shows why"
                    .into(),
            );
        }
        if gave_up > 0 {
            problems.push(format!(
                "{gave_up} entries of the outbox were given up: `whmeter outbox list`, then retry or drop them"
            ));
        }
        for what in [FindingKind::Untold, FindingKind::Policies] {
            let lines = tallies.get(what.name()).map_or(0, |tally| tally.lines);
            if lines > 0 {
                problems.push(format!("{lines} lines: `whmeter report --what {}`", what.name()));
            }
        }
        let unknown = backends.is_empty() || backends.iter().any(|backend| backend.state == "never");
        let state = match (problems.is_empty(), unknown) {
            (false, _) => Condition::Wrong,
            (true, true) => Condition::Unknown,
            (true, false) => Condition::Well,
        };
        let (at, heads) = (moment.now.to_string(), heads.clone());
        let text = |amount: Option<Money>| amount.map(|amount| amount.to_string());
        let unbilled =
            worth_of(found).into_iter().map(|(currency, amount)| (currency, text(amount))).collect();
        let findings = tallies;
        Status { schema: 1, at, state, problems, backends, doubts, clock, outbox, findings, unbilled, heads }
    }
}

impl Status {
    /// Whether an operator has to act.
    pub fn state(&self) -> Condition {
        self.state
    }

    /// What is wrong, each with what to do.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

fn line(name: &str, state: Option<&BackendState>, now: Timestamp) -> BackendLine {
    let succeeded = state.and_then(|state| state.succeeded_at);
    let failing = state.and_then(|state| state.failing.as_ref());
    BackendLine {
        backend: name.into(),
        state: "well",
        succeeded_at: succeeded.map(|at| at.to_string()),
        age_seconds: succeeded.map(|at| now.since(at).get()),
        parked_until: state.and_then(|state| state.parked_until).map(|until| until.to_string()),
        reason: failing.map(|failing| failing.reason.clone()),
        detail: failing.map(|failing| failing.detail.clone()),
        accounts: 0,
        unread: 0,
    }
}

/// A backend of the config.
fn backend(side: &Side, moment: &Moment) -> BackendLine {
    let now = moment.now;
    let state = side.state.as_ref();
    let polled = state.and_then(|state| state.polled_at);
    let schedule = &side.panel.schedule;
    // A poll that is late by itself is no trouble; one that is missed altogether is.
    let due = polled.map(|at| schedule.next_due(&side.panel.id, at, moment.zone).plus(OVERDUE));
    let standing = match (state, state.and_then(|state| state.succeeded_at)) {
        (None, _) => "never",
        (Some(state), _) if state.parked_until.is_some_and(|until| until > now) => "parked",
        (Some(state), _) if state.failing.is_some() => "failing",
        (Some(_), None) => "never",
        (Some(_), Some(at)) if !moment.is_fresh(at) => "stale",
        (Some(_), Some(_)) if due.is_some_and(|due| due < now) => "overdue",
        (Some(_), Some(_)) => "well",
    };
    BackendLine {
        state: standing,
        accounts: side.present().count(),
        unread: side.present().filter(|(_, account)| account.trouble.is_some()).count(),
        ..line(side.name(), state, now)
    }
}

/// What is wrong with a backend, and what to do.
fn trouble(line: &BackendLine) -> Option<String> {
    let name = &line.backend;
    let why = || {
        let detail = line.detail.as_deref().unwrap_or_default();
        format!("({}): {detail}", line.reason.as_deref().unwrap_or("unknown"))
    };
    Some(match line.state {
        "failing" => format!("{name} is not read {}: `whmeter check --backend {name}`", why()),
        "parked" => {
            let until = line.parked_until.as_deref().unwrap_or_default();
            format!(
                "{name} is left alone until {until} {}: fix the cause, then `whmeter poll --backend {name}`",
                why()
            )
        }
        "overdue" => format!("{name} is not polled any more: is `whmeter serve` running?"),
        "stale" => format!(
            "{name} was last read too long ago, and its numbers are withheld: `whmeter poll --backend {name}`"
        ),
        "unconfigured" => {
            format!(
                "{name} has accounts and is not in the config: `whmeter backend rename` or `whmeter \
                 backend forget`"
            )
        }
        _ => return None,
    })
}

/// Each kind of doubt at each place: what is held back, what hangs in a scanner's result, what was not read.
fn doubts(sides: &PanelsVsWhmcs, found: &[Finding<'_>]) -> Vec<DoubtLine> {
    let mut lines: BTreeMap<(String, String), DoubtLine> = BTreeMap::new();
    let is_deleted =
        |finding: &Finding<'_>| finding.what == FindingKind::Unclaimed.name() && finding.state == "deleted";
    let held = found.iter().filter(|one| one.what == FindingKind::HeldBack.name() || is_deleted(one));
    for one in held.filter(|one| !one.is_unknown()) {
        let of = match (one.backend, one.server) {
            (Some(backend), _) => backend.to_string(),
            (None, Some(server)) => format!("server {server}"),
            (None, None) => continue,
        };
        let ends = match is_deleted(one) {
            true => {
                "deleted things that the panel's scanner still counts; ends with a newer result without them"
                    .into()
            }
            false => one.detail.clone().unwrap_or_default(),
        };
        let first = one.account.map(str::to_string).or(one.detail.clone().filter(|_| is_deleted(one)));
        add(&mut lines, (of, one.state.to_string()), one.since.clone(), first, ends);
    }
    for side in &sides.panels {
        let is_silent = |reason: &str| reason == Reason::Silent.name();
        for (name, account) in side.present() {
            if let Some((_, since)) = account.trouble.as_ref().filter(|(reason, _)| !is_silent(reason)) {
                let (key, first) = ((side.name().to_string(), "unread".to_string()), name.to_string());
                add(&mut lines, key, Some(since.to_string()), Some(first), UNREAD.into());
            }
        }
    }
    lines.into_values().collect()
}

fn add(
    lines: &mut BTreeMap<(String, String), DoubtLine>,
    key: (String, String),
    since: Option<String>,
    first: Option<String>,
    ends: String,
) {
    let (of, kind) = key.clone();
    let line = lines.entry(key).or_insert(DoubtLine { of, kind, count: 0, since: None, first, ends });
    line.count += 1;
    // Times are written so that the earlier one sorts first.
    line.since = match (line.since.take(), since) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
}
