//! How much: whole bytes, and bytes held over time. GB and GiB exist only at the doors.

use std::fmt;

use super::time::Minutes;

/// Whole bytes, at most `i64::MAX` so that every database can store them exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

/// A byte count beyond what a meter can mean (above `i64::MAX`, or negative).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte count {0} is outside 0 to {max}", max = i64::MAX)]
pub struct TooManyBytes(pub i128);

impl Bytes {
    /// No bytes at all: a real zero, never a stand-in for "unknown".
    pub const ZERO: Bytes = Bytes(0);
    /// The largest amount a meter can hold.
    pub const MAX: Bytes = Bytes(i64::MAX as u64);

    /// Checks that `count` fits; anything above `i64::MAX` is refused.
    pub fn new(count: u64) -> Result<Bytes, TooManyBytes> {
        Bytes::from_wide(i128::from(count))
    }

    /// The same check for a sum or difference worked out in a wider type.
    pub fn from_wide(count: i128) -> Result<Bytes, TooManyBytes> {
        if (0..=i128::from(i64::MAX)).contains(&count) {
            Ok(Bytes(count as u64))
        } else {
            Err(TooManyBytes(count))
        }
    }

    /// The count as an unsigned number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The count as the databases store it. Never negative.
    pub fn as_i64(self) -> i64 {
        self.0 as i64
    }

    /// The count for wide arithmetic.
    pub fn wide(self) -> i128 {
        i128::from(self.0)
    }

    /// The sum, or `None` beyond [`Bytes::MAX`].
    pub fn checked_add(self, other: Bytes) -> Option<Bytes> {
        Bytes::from_wide(self.wide() + other.wide()).ok()
    }

    /// The difference, or `None` below zero.
    pub fn checked_sub(self, other: Bytes) -> Option<Bytes> {
        self.0.checked_sub(other.0).map(Bytes)
    }

    /// This level held for `minutes`.
    pub fn held_for(self, minutes: Minutes) -> ByteMinutes {
        ByteMinutes(u128::from(self.0) * u128::from(minutes.get()))
    }

    /// Whether `self` is at least `percent` % of `limit`, compared exactly. A limit of zero means
    /// there is none, so nothing reaches it.
    pub fn reaches(self, percent: u32, limit: Bytes) -> bool {
        limit.0 > 0 && u128::from(self.0) * 100 >= u128::from(limit.0) * u128::from(percent)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Bytes times minutes: what a level amounts to over time. Divided by the minutes covered it is the
/// average level; divided by the minutes of a month it is GB-months.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteMinutes(u128);

impl ByteMinutes {
    /// Nothing held, or no time passed.
    pub const ZERO: ByteMinutes = ByteMinutes(0);

    /// Wraps a product of bytes and minutes.
    pub fn new(product: u128) -> ByteMinutes {
        ByteMinutes(product)
    }

    /// The product itself.
    pub fn get(self) -> u128 {
        self.0
    }

    /// What is left once `other` goes; `None` where that is more.
    pub fn checked_sub(self, other: ByteMinutes) -> Option<ByteMinutes> {
        self.0.checked_sub(other.0).map(ByteMinutes)
    }

    /// The average level over `covered` minutes, rounded down; `None` when no time is covered.
    pub fn average(self, covered: Minutes) -> Option<Bytes> {
        let average = self.0.checked_div(u128::from(covered.get()))?;
        Bytes::from_wide(i128::try_from(average).ok()?).ok()
    }
}

impl std::ops::Add for ByteMinutes {
    type Output = ByteMinutes;
    fn add(self, other: ByteMinutes) -> ByteMinutes {
        // 2^63 bytes for 2^64 minutes still fit into a u128: this cannot overflow in our universe.
        ByteMinutes(self.0 + other.0)
    }
}

impl std::ops::AddAssign for ByteMinutes {
    fn add_assign(&mut self, other: ByteMinutes) {
        *self = *self + other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stop_at_what_every_database_can_store() {
        assert_eq!(Bytes::new(i64::MAX as u64), Ok(Bytes::MAX));
        assert_eq!(Bytes::new(1 << 63), Err(TooManyBytes(1 << 63)));
        assert_eq!(Bytes::from_wide(-1), Err(TooManyBytes(-1)));
        assert_eq!(Bytes::MAX.checked_add(Bytes(1)), None);
        assert_eq!(Bytes(3).checked_sub(Bytes(4)), None);
    }

    #[test]
    fn percentages_compare_exactly_and_no_limit_is_never_reached() {
        let limit = Bytes::MAX;
        assert!(Bytes::MAX.reaches(100, limit));
        assert!(!Bytes(limit.0 - 1).reaches(100, limit));
        assert!(Bytes(9).reaches(90, Bytes(10)));
        assert!(!Bytes(u64::MAX / 4).reaches(1, Bytes::ZERO));
    }

    #[test]
    fn an_average_needs_time() {
        assert_eq!(Bytes(7).held_for(Minutes::new(3)).average(Minutes::new(2)), Some(Bytes(10)));
        assert_eq!(ByteMinutes(5).average(Minutes::ZERO), None);
    }
}
