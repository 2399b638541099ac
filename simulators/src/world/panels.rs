//! What each panel answers when it is asked: the truth, in the way this panel tells it.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime};

use super::story::Shows;
use super::truth::Truth;

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
        let counters = truth.sources_of(id).filter_map(|(source, found)| {
            let run_from = match plan.shows {
                Shows::Month => month_start(at),
                _ => found.run_from()?,
            };
            let moved = found.moved(run_from, at);
            let begun = match plan.shows {
                Shows::Uptime => Begun::Ago(u64::try_from(at - run_from).unwrap_or_default()),
                Shows::Started | Shows::Month => Begun::At(run_from),
                Shows::Silent => Begun::Untold,
            };
            Some(Counter {
                source: found.shown.clone(),
                begun,
                received: moved.received,
                sent: moved.sent,
                truly: Truly { source, run_from },
            })
        });
        let counters: Vec<Counter> = counters.collect();
        Shown {
            name: account.name.clone(),
            identity: plan.identity.then(|| format!("uid-{id}")),
            level: truth.sources_of(id).map(|(_, source)| source.level(at)).reduce(|sum, one| sum + one),
            counters,
        }
    });
    Answer { at, accounts: accounts.collect() }
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
        }),
        // Nobody has anything.
        1 => lie.accounts.iter_mut().for_each(|shown| {
            shown.level = shown.level.map(|_| 0);
            for counter in &mut shown.counters {
                (counter.received, counter.sent) = (0, 0);
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

/// Panels that tell totals of a month cut it in UTC, whatever the billing zone is.
fn month_start(at: i64) -> i64 {
    let date = DateTime::from_timestamp(at, 0).unwrap_or_default().date_naive();
    let first = NaiveDate::from_ymd_opt(date.year(), date.month(), 1);
    first.map_or(0, |first| first.and_time(NaiveTime::MIN).and_utc().timestamp())
}
