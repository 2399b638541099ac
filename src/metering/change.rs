//! What settling changes: the rules it goes by, and what it adds to days and beliefs.

use litemap::LiteMap;

use super::book::{Baseline, Book, Implausible, LevelBelief, MonthToDate, PeriodBelief, SeriesBook};
use super::note::{Note, Noted};
use crate::domain::{
    AccountName, BillingZone, ByteMinutes, Bytes, Meter, Minutes, Seconds, Source, Span, Timestamp, UsageDay,
};

/// The rules that are the same for every account.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The zone that cuts days and months.
    pub zone: BillingZone,
    /// How long a level is carried on, and a counter's growth across a midnight still told apart by
    /// day. What lies further apart is a gap.
    pub max_gap: Seconds,
    /// The most an account can move or store in a second; what jumps further is held back. `None` holds
    /// nothing back.
    pub max_rate: Option<Bytes>,
}

/// What a poll changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled {
    /// The series that changed, in order of account and meter.
    pub changes: Vec<SeriesChange>,
    /// What was noticed.
    pub notes: Vec<Noted>,
    /// When the whole list of accounts was last seen.
    pub last_look: Option<Timestamp>,
    /// The rate that jumps were held back by.
    pub max_rate: Option<Bytes>,
}

/// What changed of one series: its beliefs after the poll, and what was added to its days.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesChange {
    /// The account.
    pub account: AccountName,
    /// The meter.
    pub meter: Meter,
    /// When the panel last measured it.
    pub at: Option<Timestamp>,
    /// The level believed from now on.
    pub level: Option<LevelBelief>,
    /// The running month.
    pub month: Option<MonthToDate>,
    /// All bytes settled since first sight.
    pub total: Bytes,
    /// The largest `total` ever.
    pub shown: Bytes,
    /// The baselines that changed.
    pub baselines: Vec<(Source, Baseline)>,
    /// The period totals that changed.
    pub periods: Vec<((Source, Span), PeriodBelief)>,
    /// Readings held back.
    pub implausible: Option<Implausible>,
    /// What was added to each day.
    pub days: LiteMap<UsageDay, DayChange>,
}

impl SeriesChange {
    /// A series as it is believed to be, changed in nothing.
    pub(super) fn unmoved(account: &AccountName, meter: Meter, before: &SeriesBook) -> SeriesChange {
        SeriesChange {
            account: account.clone(),
            meter,
            at: before.at,
            level: before.level,
            month: before.month,
            total: before.total,
            shown: before.shown,
            implausible: before.implausible,
            baselines: Vec::new(),
            periods: Vec::new(),
            days: LiteMap::new(),
        }
    }
}

/// What a poll added to a day point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayChange {
    /// Flows: bytes added, or taken back by a revision.
    pub added: i128,
    /// The part of `added` that is on this day by estimate only.
    pub estimated: i128,
    /// Levels: the last level of the day so far.
    pub level: Option<Bytes>,
    /// Levels: level times time added.
    pub held: ByteMinutes,
    /// Minutes of the day newly accounted for.
    pub covered: Minutes,
}

/// The days and notes one series gathers while its readings are settled.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub days: LiteMap<UsageDay, DayChange>,
    pub notes: Vec<(Source, Timestamp, Note)>,
}

impl Effects {
    pub(super) fn day(&mut self, day: UsageDay) -> &mut DayChange {
        self.days.entry(day).or_default()
    }

    pub(super) fn note(&mut self, source: &Source, at: Timestamp, note: Note) {
        self.notes.push((source.clone(), at, note));
    }
}

impl Book {
    /// Takes in what a poll settled: after this the book believes what the store has committed.
    pub fn apply(&mut self, settled: Settled) {
        self.last_look = settled.last_look;
        for change in settled.changes {
            let series = self.accounts.entry(change.account).or_default().entry(change.meter).or_default();
            series.at = change.at;
            series.level = change.level;
            series.month = change.month;
            series.total = change.total;
            series.shown = change.shown;
            series.implausible = change.implausible;
            series.baselines.extend(change.baselines);
            series.periods.extend(change.periods);
        }
    }
}
