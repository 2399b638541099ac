//! What each panel answers when it is asked: the truth, in the way this panel tells it.

use super::ledger::Metric;
use super::story::{BackendPlan, Shows};
use super::truth::{Source, Truth, utc_month, utc_month_from};
use crate::growth::Traffic;

/// A complete list of a panel's accounts, and what each says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When it was given, in epoch seconds.
    pub at: i64,
    /// The accounts, in no order that means anything.
    pub accounts: Vec<Shown>,
}

/// What a panel shows of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its name now.
    pub name: String,
    /// What proves that it is the same as before, where the panel has such a thing.
    pub identity: Option<String>,
    /// Bytes it holds; a pool without guests tells nothing.
    pub level: Option<u64>,
    /// Its counters.
    pub counters: Vec<Counter>,
    /// What passed in spans of time, in order, where the panel tells that.
    pub totals: Vec<Total>,
    /// It is there, and nothing of it could be read.
    pub unread: bool,
}

/// What passed in a span of time, as a panel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// Its first second.
    pub from: i64,
    /// The first second after it.
    pub to: i64,
    /// Bytes towards the customer's service.
    pub received: u64,
    /// Bytes from the customer's service.
    pub sent: u64,
    /// What no panel tells: whose it is, and what had passed of it by the time that the panel tells of.
    pub truly: (u32, Traffic),
}

impl Total {
    /// What it tells of each way.
    pub fn ways(&self) -> [(Metric, u64); 2] {
        [(Metric::In, self.received), (Metric::Out, self.sent)]
    }
}

/// One counter: what passed each way since it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// What the panel calls it; empty for the only one of an account.
    pub source: String,
    /// What the panel tells of its beginning.
    pub begun: Begun,
    /// Bytes towards the customer's service since then.
    pub received: u64,
    /// Bytes from the customer's service since then.
    pub sent: u64,
    /// What no panel tells: for the oracle alone.
    pub truly: Truly,
}

/// What a panel tells of a counter's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Seconds ago.
    Ago(u64),
    /// The instant, in epoch seconds.
    At(i64),
    /// Nothing.
    Untold,
}

/// Which run of which source a count really is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truly {
    /// The source's own number.
    pub source: u32,
    /// When the run began, in epoch seconds.
    pub run_from: i64,
}

/// What a panel answers at `at`.
pub fn answer(truth: &Truth, backend: usize, at: i64) -> Answer {
    let Some(plan) = truth.plan(backend) else { return Answer { at, accounts: Vec::new() } };
    let listed = truth.on(backend).filter(|(_, account)| !account.hidden && !truth.is_blind(backend));
    let accounts = listed.map(|(id, account)| {
        let of = truth.tells_of(backend, at);
        let counters = truth.sources_of(id).filter(|_| !plan.shows.is_of_spans() && !account.unreadable);
        let counters = counters.filter_map(|(source, found)| {
            let run_from = match plan.shows {
                // Cut in UTC, whatever the billing zone is.
                Shows::Month => utc_month_from(plan.reset_day.unwrap_or(1), of),
                _ => found.run_at(of)?,
            };
            let moved = found.moved(run_from, of);
            let shown = |bytes: u64| if plan.wraps { bytes & u64::from(u32::MAX) } else { bytes };
            let begun = match plan.shows {
                Shows::Uptime => Begun::Ago(u64::try_from(of - run_from).unwrap_or_default()),
                Shows::Started | Shows::Month => Begun::At(run_from),
                Shows::Silent | Shows::Days | Shows::Hours | Shows::Months => Begun::Untold,
            };
            Some(Counter {
                source: found.shown.clone(),
                begun,
                received: shown(moved.received),
                sent: shown(moved.sent),
                truly: Truly { source, run_from },
            })
        });
        let counters: Vec<Counter> = counters.collect();
        let sources = truth.sources_of(id).filter(|_| !account.unreadable);
        let totals = sources.flat_map(|(source, found)| totals(truth, backend, plan, (source, found), at));
        let totals: Vec<Total> = totals.filter(|total| total.to > account.born).collect();
        let levels = truth.sources_of(id).filter(|_| !account.unreadable);
        let levels = levels.map(|(_, source)| source.level(of));
        Shown {
            name: account.name.clone(),
            identity: plan.identity.then(|| format!("uid-{id}")),
            level: levels.reduce(|sum, one| sum + one),
            counters,
            totals,
            unread: account.unreadable,
        }
    });
    Answer { at, accounts: accounts.collect() }
}

/// Seconds of a day.
const DAY: i64 = 86_400;

/// How many hours a panel that tells hours tells of.
const HOURS: i64 = 48;

/// Until when a panel knows what passed.
fn worked_out(plan: &BackendPlan, at: i64) -> i64 {
    let last = plan.nightly.map_or(at, |second| at - (at - second).rem_euclid(DAY));
    last - plan.late
}

/// What a panel tells of spans of time. What is younger than it is late by is not in any total yet.
fn totals(
    truth: &Truth,
    backend: usize,
    plan: &BackendPlan,
    (source, found): (u32, &Source),
    at: i64,
) -> Vec<Total> {
    let (running, hour) = (utc_month(at), at.div_euclid(3_600) * 3_600);
    let before = utc_month(running - 1);
    let spans: Vec<(i64, i64)> = match plan.shows {
        Shows::Days => (before..=at).step_by(DAY as usize).map(|day| (day, day + DAY)).collect(),
        Shows::Hours => {
            (0..HOURS).rev().map(|ago| hour - ago * 3_600).map(|hour| (hour, hour + 3_600)).collect()
        }
        Shows::Months => vec![(before, running), (running, utc_month(running + 32 * 86_400))],
        Shows::Uptime | Shows::Started | Shows::Silent | Shows::Month => Vec::new(),
    };
    let total = |(from, to): (i64, i64)| {
        let passed = found.moved(from, to.min(worked_out(plan, at)));
        let thinks = |bytes: u64| match truth.forgotten(backend) {
            Some(month) if month == utc_month(from) => 0,
            _ => u64::try_from(i128::from(bytes) * i128::from(1000 + truth.revised(source, from)) / 1000)
                .unwrap_or(0),
        };
        Total {
            from,
            to,
            received: thinks(passed.received),
            sent: thinks(passed.sent),
            truly: (source, passed),
        }
    };
    spans.into_iter().map(total).collect()
}

/// What the same panel answers when it does not tell the truth; which lie it tells goes by the time.
pub fn lie(truth: &Answer) -> Answer {
    let mut lie = truth.clone();
    let which = truth.at.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    match which % 5 {
        // Everybody has moved, and holds, far more than he has.
        0 => lie.accounts.iter_mut().for_each(|shown| {
            shown.level = shown.level.map(|level| level * 7 + (1 << 33));
            for counter in &mut shown.counters {
                counter.received += which << 16;
                counter.sent += which << 18;
            }
            for total in &mut shown.totals {
                (total.received, total.sent) = (total.received * 3 + 4_321, total.sent * 2 + 1_234);
            }
        }),
        // Nobody has anything.
        1 => lie.accounts.iter_mut().for_each(|shown| {
            shown.level = shown.level.map(|_| 0);
            for counter in &mut shown.counters {
                (counter.received, counter.sent) = (0, 0);
            }
            for total in &mut shown.totals {
                (total.received, total.sent) = (0, 0);
            }
        }),
        // Half of them are not there.
        2 => {
            let mut place = 0;
            lie.accounts.retain(|_| {
                place += 1;
                place % 2 == 0
            });
        }
        // Each has the name of another.
        3 => {
            let mut names: Vec<String> = lie.accounts.iter().map(|shown| shown.name.clone()).collect();
            let step = usize::from(!names.is_empty());
            names.rotate_left(step);
            lie.accounts.iter_mut().zip(names).for_each(|(shown, name)| shown.name = name);
        }
        // Somebody is there whom nobody has ever made.
        _ => {
            let first = lie.accounts.first().cloned();
            lie.accounts.extend(first.map(|shown| Shown {
                name: format!("ghost-{which}"),
                identity: shown.identity.map(|id| format!("{id}-ghost-{which}")),
                ..shown
            }));
        }
    }
    lie
}
