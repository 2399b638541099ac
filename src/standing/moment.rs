//! What "now" means to whoever says a number: which month runs, and what is too old.

use crate::domain::{BillingZone, Minutes, Month, Seconds, Span, Timestamp};

/// A moment, as seen from the billing zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time.
    pub now: Timestamp,
    /// What cuts days and months.
    pub zone: BillingZone,
    /// A measurement older than this is no number of now.
    pub max_age: Seconds,
    /// The billing month that runs.
    pub month: Month,
    /// Its first instant.
    pub month_start: Timestamp,
    /// The first instant of the next one.
    pub month_end: Timestamp,
}

impl Moment {
    /// Two clocks are two clocks: so far ahead of ours a measurement may seem to be.
    pub const CLOCKS_DIFFER: Seconds = Seconds::new(60);

    /// The moment `now`.
    pub fn new(now: Timestamp, zone: BillingZone, max_age: Seconds) -> Moment {
        let month = zone.day_of(now).month();
        let start = |month: Month| zone.start_of(month.first());
        Moment { now, zone, max_age, month, month_start: start(month), month_end: start(month.next()) }
    }

    /// Whether something measured at `at` is a number of now. What is measured in the future is not: then one of
    /// the clocks is wrong.
    pub fn is_fresh(&self, at: Timestamp) -> bool {
        self.now.since(at) <= self.max_age && at.since(self.now) <= Moment::CLOCKS_DIFFER
    }

    /// The first instant at which something measured at `at` is too old.
    pub fn expiry(&self, at: Timestamp) -> Timestamp {
        at.plus(self.max_age).plus(Seconds::new(1))
    }

    /// The minutes of the running month.
    pub fn month_minutes(&self) -> Minutes {
        // Not by the zone once more: every tenant of an answer asks for it.
        Span::new(self.month_start, self.month_end).map_or(Minutes::ZERO, Span::minutes)
    }

    /// Whether an instant lies in the running month.
    pub fn is_in_month(&self, at: Timestamp) -> bool {
        at >= self.month_start && at < self.month_end
    }
}
