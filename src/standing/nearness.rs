//! How far an account has come towards its limits.

use super::{AccountStanding, Moment};
use crate::domain::{Bytes, Meter};

/// One meter of an account against its limit, both known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nearness {
    /// Which meter.
    pub meter: Meter,
    /// What the limit is judged by: the account's own number, or what all accounts of its service have together.
    pub used: Bytes,
    /// The limit in force; never zero.
    pub limit: Bytes,
    /// How many accounts `used` is of.
    pub accounts: u32,
}

impl Nearness {
    /// Used in percent of the limit, rounded down: 100 is reached, and not almost.
    pub fn percent(&self) -> u128 {
        self.parts_of(100)
    }

    /// Used in so many parts of the limit, rounded down.
    pub fn parts_of(&self, whole: u128) -> u128 {
        u128::from(self.used.get()) * whole / u128::from(self.limit.get().max(1))
    }
}

impl AccountStanding {
    /// What a limit of one of its meters is judged by, and how many accounts that is of: its own number, or what all
    /// accounts of its service have together. `None` where it, or a part of it, is unknown at the moment.
    pub fn judged(&self, meter: Meter, moment: &Moment) -> (Option<Bytes>, u32) {
        let own = self.meter(meter).and_then(|series| series.known(moment).ok());
        match self.together.get(&meter) {
            Some(judged) => (own.and(judged.sum), judged.accounts),
            None => (own, 1),
        }
    }

    /// One meter against its limit; `None` where there is no limit, or where one of the two is unknown at the moment.
    pub fn nearness(&self, meter: Meter, moment: &Moment) -> Option<Nearness> {
        let limit = self.limit(meter).up_to()?;
        let (used, accounts) = self.judged(meter, moment);
        Some(Nearness { meter, used: used?, limit, accounts })
    }

    /// The limit that it is nearest to, or furthest beyond.
    pub fn nearest_limit(&self, moment: &Moment) -> Option<Nearness> {
        let near = Meter::ALL.into_iter().filter_map(|meter| self.nearness(meter, moment));
        near.max_by_key(|near| near.parts_of(1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BillingZone, Limit, Seconds, Timestamp};
    use crate::standing::{Judged, SeriesStanding};

    const NOW: i64 = 1_795_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(seconds).expect("in range")
    }

    fn bytes(count: u64) -> Bytes {
        Bytes::new(count).expect("fits")
    }

    fn account(level: u64, measured: i64, limit: Limit) -> AccountStanding {
        let series = SeriesStanding {
            meter: Meter::StorageUsed,
            at: at(measured),
            level: Some(bytes(level)),
            month: None,
            shown: bytes(level),
            held_back: None,
            doubted: None,
        };
        let limits = [(Meter::StorageUsed, limit)].into_iter().collect();
        AccountStanding { series: vec![series], limits, ..AccountStanding::first_seen(at(NOW)) }
    }

    fn nearest(account: &AccountStanding) -> Option<u128> {
        let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
        let moment = Moment::new(at(NOW), zone, Seconds::hours(26));
        account.nearest_limit(&moment).map(|near| near.percent())
    }

    #[test]
    fn never_1_what_is_not_known_is_near_to_nothing() {
        let limit = Limit::UpTo(bytes(1000));
        assert_eq!(nearest(&account(999, NOW, limit)), Some(99));
        assert_eq!(nearest(&account(1000, NOW, limit)), Some(100));
        assert_eq!(nearest(&account(999, NOW - 27 * 3600, limit)), None, "too old");
        assert_eq!(nearest(&account(999, NOW, Limit::Unknown)), None);
        assert_eq!(nearest(&account(999, NOW, Limit::Unlimited)), None);
        let mut shared = account(999, NOW, limit);
        shared.together =
            [(Meter::StorageUsed, Judged { sum: Some(bytes(1500)), accounts: 2 })].into_iter().collect();
        assert_eq!(nearest(&shared), Some(150));
        shared.together = [(Meter::StorageUsed, Judged { sum: None, accounts: 2 })].into_iter().collect();
        assert_eq!(nearest(&shared), None, "a part of it is unknown");
    }
}
