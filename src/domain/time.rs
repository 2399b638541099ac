//! When: instants, lengths of time, and spans.

use std::fmt;

use chrono::{DateTime, Utc};

/// An instant, in seconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The years a timestamp may lie in (1970 to 9999): outside, somebody's clock or parser is broken.
const LAST_SECOND: i64 = 253_402_300_799;

/// A time or day out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {came:?} is not {expected}")]
pub struct InvalidTime {
    what: &'static str,
    came: String,
    expected: &'static str,
}

impl InvalidTime {
    pub(super) fn new(what: &'static str, came: impl ToString, expected: &'static str) -> InvalidTime {
        InvalidTime { what, came: came.to_string(), expected }
    }
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z: earlier than anything that was ever measured.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// Seconds since the epoch; refused before 1970 or after 9999.
    pub fn new(seconds: i64) -> Result<Timestamp, InvalidTime> {
        if (0..=LAST_SECOND).contains(&seconds) {
            Ok(Timestamp(seconds))
        } else {
            Err(InvalidTime::new("time", seconds, "between the years 1970 and 9999"))
        }
    }

    /// The instant of a chrono time, its fraction of a second cut off.
    pub fn from_utc(time: DateTime<Utc>) -> Result<Timestamp, InvalidTime> {
        Timestamp::new(time.timestamp())
    }

    /// Seconds since the epoch.
    pub fn get(self) -> i64 {
        self.0
    }

    /// As a chrono time, for printing and calendars.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0, 0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// How long from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Seconds {
        Seconds(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// This instant moved on by `by`, at most to the year 9999.
    pub fn plus(self, by: Seconds) -> Timestamp {
        let by = i64::try_from(by.0).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(by).min(LAST_SECOND))
    }

    /// This instant moved back by `by`, at most to 1970.
    pub fn minus(self, by: Seconds) -> Timestamp {
        let by = i64::try_from(by.0).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_sub(by).max(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_utc().format("%Y-%m-%dT%H:%M:%SZ"))
    }
}

/// A length of time in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(u64);

impl Seconds {
    /// That many seconds.
    pub const fn new(seconds: u64) -> Seconds {
        Seconds(seconds)
    }

    /// That many hours.
    pub const fn hours(hours: u64) -> Seconds {
        Seconds(hours * 3600)
    }

    /// The number of seconds.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A length of time in whole minutes of the clock: the minutes that began between two instants, so
/// that the minutes of adjoining spans add up exactly wherever a span is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minutes(u64);

impl Minutes {
    /// No time at all.
    pub const ZERO: Minutes = Minutes(0);

    /// That many minutes.
    pub const fn new(minutes: u64) -> Minutes {
        Minutes(minutes)
    }

    /// The number of minutes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// What is left once `other` goes; `None` where that is more.
    pub fn checked_sub(self, other: Minutes) -> Option<Minutes> {
        self.0.checked_sub(other.0).map(Minutes)
    }
}

impl std::ops::AddAssign for Minutes {
    fn add_assign(&mut self, other: Minutes) {
        self.0 += other.0;
    }
}

/// Time from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    start: Timestamp,
    end: Timestamp,
}

impl Span {
    /// Before every span in their order; takes no time.
    pub const FIRST: Span = Span { start: Timestamp::EPOCH, end: Timestamp::EPOCH };

    /// Behind every span in their order; takes no time.
    pub const LAST: Span = Span { start: Timestamp(LAST_SECOND), end: Timestamp(LAST_SECOND) };

    /// A span that takes time; `end` must be after `start`.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Span, InvalidTime> {
        if start < end {
            Ok(Span { start, end })
        } else {
            Err(InvalidTime::new("span", format!("{start} to {end}"), "one that ends after it starts"))
        }
    }

    /// The first instant inside.
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// The first instant after.
    pub fn end(self) -> Timestamp {
        self.end
    }

    /// Its length.
    pub fn seconds(self) -> Seconds {
        self.end.since(self.start)
    }

    /// Its whole minutes of the clock; see [`Minutes`].
    pub fn minutes(self) -> Minutes {
        Minutes((self.end.0.div_euclid(60) - self.start.0.div_euclid(60)) as u64)
    }

    /// What both spans share.
    pub fn overlap(self, other: Span) -> Option<Span> {
        let (start, end) = (self.start.max(other.start), self.end.min(other.end));
        // No error is made for what is no error: this is asked millions of times.
        (start < end).then_some(Span { start, end })
    }

    /// What is left of it without the other: nothing, one part, or one before and one behind.
    pub fn without(self, other: Span) -> impl Iterator<Item = Span> {
        let before = Span { start: self.start, end: self.end.min(other.start) };
        let behind = Span { start: self.start.max(other.end), end: self.end };
        [before, behind].into_iter().filter(|part| part.start < part.end)
    }
}
