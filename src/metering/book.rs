//! What we believe of one backend between two polls: its last readings and its running sums.

use std::collections::{BTreeMap, HashMap};

use litemap::LiteMap;

use crate::domain::{
    AccountName, ByteMinutes, Bytes, Epoch, Meter, Minutes, Month, Source, Span, Timestamp, UsageDay,
};

/// The beliefs about every account of one backend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    /// When we last saw the whole list of accounts: a counter that began later is new in full.
    pub last_look: Option<Timestamp>,
    /// Beliefs by account.
    pub accounts: HashMap<AccountName, AccountBook>,
}

/// The beliefs about one account: a short sorted list, where a tree would keep room for eleven.
pub type AccountBook = LiteMap<Meter, SeriesBook>;

/// The beliefs about one meter of one account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesBook {
    /// When the panel last measured it.
    pub at: Option<Timestamp>,
    /// The last level believed.
    pub level: Option<LevelBelief>,
    /// The last count believed, for each source.
    pub baselines: LiteMap<Source, Baseline>,
    /// The last total believed, for each source and span.
    pub periods: BTreeMap<(Source, Span), PeriodBelief>,
    /// The month the last reading lies in, so far.
    pub month: Option<MonthToDate>,
    /// All bytes settled since first sight. A panel that revises a total downwards lowers it.
    pub total: Bytes,
    /// The largest `total` ever: what a counter that must never fall shows.
    pub shown: Bytes,
    /// Readings that jump further than can be: nothing is believed before somebody has looked.
    pub implausible: Option<Implausible>,
}

/// Readings held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Implausible {
    /// When the first of them was measured.
    pub since: Timestamp,
    /// Whether an operator has said that they are true: the next reading is believed.
    pub accepted: bool,
}

/// A level and when it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelBelief {
    /// When the panel measured.
    pub at: Timestamp,
    /// Bytes held from then on, until the next reading.
    pub level: Bytes,
}

/// The last count believed of one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// What the panel told of the counter's beginning.
    pub epoch: Epoch,
    /// The count.
    pub count: Bytes,
    /// When the panel measured it.
    pub at: Timestamp,
    /// A lower count that came after it without a told restart, not believed yet.
    pub doubt: Option<Doubt>,
}

/// A number lower than the one believed: a panel that answers with old data, a restart it hides, or a
/// total it has really taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The lower count.
    pub count: Bytes,
    /// When the panel measured it.
    pub at: Timestamp,
}

/// The last total believed of one span, and the days its bytes were put on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodBelief {
    /// The total.
    pub total: Bytes,
    /// When the panel measured it.
    pub at: Timestamp,
    /// Where its bytes went; the amounts sum to `total`.
    pub placed: BTreeMap<UsageDay, Bytes>,
    /// A lower total that came after it, told once and not believed yet.
    pub doubt: Option<Doubt>,
}

/// The running month of one series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthToDate {
    /// Which month.
    pub month: Month,
    /// Bytes moved in it (flows) or the last level in it (levels).
    pub amount: Bytes,
    /// The part of `amount` whose day is an estimate.
    pub estimated: Bytes,
    /// Level times time.
    pub held: ByteMinutes,
    /// The minutes of the month that readings account for.
    pub covered: Minutes,
}
