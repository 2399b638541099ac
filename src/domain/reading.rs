//! What a panel said, in the three ways panels say it.

use super::{Bytes, Seconds, Source, Span, Timestamp};

/// What a panel reports about the start of a counter, which is how a restart is distinguished from growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epoch {
    /// The counter began at this instant (a process start, the first of a month).
    Since(Timestamp),
    /// It has been running this long. Compared with the uptime before, never turned into a start:
    /// a stalled collector repeats an old uptime under a new time.
    Running(Seconds),
    /// It has been running this long, but the count itself was reset since the panel was last asked (a network
    /// card was taken out and put in again).
    ResetWhileRunning(Seconds),
    /// The panel reports neither.
    Silent,
}

/// One thing a panel said about one meter of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// "Holds 7.2 GB."
    Gauge {
        /// When the panel measured, which may be long before we asked.
        at: Timestamp,
        /// Bytes held.
        level: Bytes,
    },
    /// "Moved 3.1 GB that day." Of two for the same span the newer wins.
    PeriodTotal {
        /// Which of the account's counters.
        source: Source,
        /// When the panel measured; before the end of the span the total is still growing.
        at: Timestamp,
        /// The time the total is for, in the panel's own days.
        span: Span,
        /// Bytes moved in it.
        total: Bytes,
    },
    /// "912 GB since I started."
    Counter {
        /// Which of the account's counters.
        source: Source,
        /// When the panel measured.
        at: Timestamp,
        /// When the count began, as far as the panel reports.
        epoch: Epoch,
        /// Bytes since then.
        count: Bytes,
    },
}

impl Reading {
    /// When the panel measured.
    pub fn at(&self) -> Timestamp {
        match self {
            Reading::Gauge { at, .. } | Reading::PeriodTotal { at, .. } | Reading::Counter { at, .. } => *at,
        }
    }
}

/// What an account may do. Each backend translates it: a raw policy, a cap, a suspension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// Everything that was sold.
    Standard,
    /// What is left when the limit is used up.
    Limited,
}

impl Policy {
    /// Its name outside.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Standard => "standard",
            Policy::Limited => "limited",
        }
    }
}
