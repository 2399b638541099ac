//! What the accounts of one service have together: what a sold limit is judged by.

use super::{Moment, SeriesStanding};
use crate::domain::{Bytes, Meter, Nature, Owner};
use crate::metering::{Life, MonthToDate};
use crate::standing::AccountStanding;

/// One meter of a service, over all accounts it has or had in the running month, wherever they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Together {
    /// The part that is certain: what may trigger something.
    pub certain: Bytes,
    /// All that is known, estimated parts included.
    pub shown: Bytes,
    /// The accounts it has.
    pub accounts: u32,
    /// Of how many of those nothing is known now: stale, missing, unread or doubted.
    pub unknown: u32,
    /// Whether anything is of another account than those that are asked for by themselves.
    parts: u32,
}

/// What was put on a page or a notification of a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The sum; `None` where a part of it was unknown.
    pub sum: Option<Bytes>,
    /// How many accounts it is of.
    pub accounts: u32,
}

impl Default for Together {
    fn default() -> Together {
        Together { certain: Bytes::ZERO, shown: Bytes::ZERO, accounts: 0, unknown: 0, parts: 0 }
    }
}

impl Together {
    /// Adds a life of an account of the book. `read`: it was read in full when it was asked for last.
    pub fn add_life(&mut self, life: &Life, owner: &Owner, meter: Meter, read: bool, moment: &Moment) {
        let parts = life.holdings.iter().flat_map(|holding| &holding.parts);
        let mine = parts.filter(|part| part.owner == *owner);
        let months = mine.filter_map(|part| part.months.get(&meter));
        let present = life.holding().parts.last().filter(|part| part.owner == *owner);
        let living = present.filter(|_| life.ended.is_none()).map(|part| {
            let month = part.months.get(&meter).copied();
            let series = life.series.get(&meter).and_then(|one| SeriesStanding::of(meter, one, month));
            let any = life.series.values().any(|one| one.at.is_some())
                && !is_in_parts(meter, |part| life.series.contains_key(&part));
            (series, any, read && life.is_present())
        });
        self.add(meter, months, living, moment);
    }

    /// Adds an account of another backend, with what the owner has of its earlier lives.
    pub fn add_account(&mut self, account: &AccountStanding, owner: &Owner, meter: Meter, moment: &Moment) {
        let shares = account.shares.iter().filter(|share| share.owner == *owner);
        let months = shares.filter_map(|share| share.months.get(&meter));
        let is_its = account.owner == *owner && account.gone_at.is_none();
        let living = is_its.then(|| {
            let read = account.trouble.is_none() && account.is_present();
            let any = !account.series.is_empty() && !is_in_parts(meter, |part| account.meter(part).is_some());
            (account.meter(meter).copied(), any, read)
        });
        self.add(meter, months, living, moment);
    }

    /// `living`: its series where its panel reports the meter, whether it reports anything, and whether it was read.
    fn add<'m>(
        &mut self,
        meter: Meter,
        months: impl Iterator<Item = &'m MonthToDate>,
        living: Option<(Option<SeriesStanding>, bool, bool)>,
        moment: &Moment,
    ) {
        if meter.nature() == Nature::Flow {
            // What is settled has passed, also where nobody knows what has passed since.
            for month in months.filter(|month| month.month == moment.month) {
                let certain = month.amount.checked_sub(month.estimated).unwrap_or(Bytes::ZERO);
                self.count(certain, month.amount);
            }
        }
        let Some((series, any, read)) = living else { return };
        let series = match (series, any) {
            (Some(series), _) => series,
            // Its panel reports no such meter: nothing of it can be missing.
            (None, true) if read => return,
            (None, _) => {
                (self.accounts, self.unknown) = (self.accounts + 1, self.unknown + 1);
                return;
            }
        };
        self.accounts += 1;
        let known = series.known(moment).ok().filter(|_| read);
        match known.filter(|_| series.doubted.is_none() && series.held_back.is_none()) {
            Some(level) if meter.nature() == Nature::Level => self.count(level, level),
            Some(_) => {}
            None => self.unknown += 1,
        }
    }

    /// Adds what other accounts have.
    pub fn and(&self, other: &Together) -> Together {
        let mut sum = *self;
        sum.count(other.certain, other.shown);
        sum.parts = self.parts + other.parts;
        (sum.accounts, sum.unknown) = (self.accounts + other.accounts, self.unknown + other.unknown);
        sum
    }

    /// What passes either way, of what passes in each direction. Where an account's panel reports only one of them the
    /// other is unknown.
    pub fn both_ways(&self, other: &Together) -> Together {
        let mut sum = *self;
        sum.count(other.certain, other.shown);
        sum.parts = self.parts + other.parts;
        sum.accounts = self.accounts.max(other.accounts);
        sum.unknown = self.unknown.max(other.unknown).max(self.accounts.abs_diff(other.accounts));
        sum
    }

    fn count(&mut self, certain: Bytes, shown: Bytes) {
        self.parts += 1;
        // A sum beyond what a number holds is beyond every limit.
        self.certain = self.certain.checked_add(certain).unwrap_or(Bytes::MAX);
        self.shown = self.shown.checked_add(shown).unwrap_or(Bytes::MAX);
    }

    /// Whether every part of it is known.
    pub fn is_whole(&self) -> bool {
        self.unknown == 0
    }

    /// Whether anything of it is known.
    pub fn is_known(&self) -> bool {
        self.unknown < self.accounts
    }

    /// What is shown of it: where it is one account by itself, that account's number says it all.
    pub fn judged(&self) -> Option<Judged> {
        let is_shared = self.accounts > 1 || self.parts > 1;
        is_shared.then(|| Judged { sum: self.is_whole().then_some(self.shown), accounts: self.accounts })
    }
}

/// Whether what an account moves either way is there in its directions, so that a total of others is not all.
fn is_in_parts(meter: Meter, reports: impl Fn(Meter) -> bool) -> bool {
    meter == Meter::TrafficTotal && Meter::DIRECTIONS.into_iter().any(reports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BillingZone, LifeNo, Month, Seconds, Timestamp};
    use crate::standing::Share;

    const NOW: i64 = 1_795_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(seconds).expect("in range")
    }

    fn moment() -> Moment {
        Moment::new(at(NOW), BillingZone::parse("Europe/Warsaw").expect("a zone"), Seconds::hours(26))
    }

    fn bytes(count: u64) -> Bytes {
        Bytes::new(count).expect("fits")
    }

    fn account(meter: Meter, amount: u64, measured: i64) -> AccountStanding {
        let month = MonthToDate { amount: bytes(amount), ..MonthToDate::new(moment().month) };
        let level = (meter == Meter::StorageUsed).then_some(bytes(amount));
        let (held_back, doubted, month_of) = (None, None, Some(month));
        let at = at(measured);
        let shown = bytes(amount);
        let series = vec![SeriesStanding { meter, at, level, month: month_of, shown, held_back, doubted }];
        let owner = Owner::Service(57);
        let months = [(meter, month)].into_iter().collect();
        let shares = vec![Share { owner: owner.clone(), life: LifeNo::new(1), months }];
        AccountStanding { series, shares, owner, ..AccountStanding::first_seen(at) }
    }

    fn sum(meter: Meter, accounts: &[AccountStanding]) -> Together {
        let mut sum = Together::default();
        accounts.iter().for_each(|one| sum.add_account(one, &Owner::Service(57), meter, &moment()));
        sum
    }

    #[test]
    fn what_moved_in_the_month_counts_also_of_accounts_that_are_gone_and_levels_do_not() {
        let gone = |meter| AccountStanding { gone_at: Some(at(NOW - 50)), ..account(meter, 200, NOW - 100) };
        for (meter, is) in [(Meter::TrafficOut, 203), (Meter::StorageUsed, 3)] {
            let sum = sum(meter, &[gone(meter), account(meter, 3, NOW)]);
            assert_eq!((sum.shown, sum.accounts, sum.is_whole()), (bytes(is), 1, true), "{meter}");
        }
        let mut last = account(Meter::TrafficOut, 70, NOW);
        let month = Month::parse("2026-10").expect("a month");
        for share in &mut last.shares {
            share.months = [(Meter::TrafficOut, MonthToDate::new(month))].into_iter().collect();
        }
        let owned_by_another =
            AccountStanding { owner: Owner::Service(58), ..account(Meter::StorageUsed, 9, NOW) };
        assert_eq!(sum(Meter::TrafficOut, &[last]).shown, Bytes::ZERO, "another month's");
        assert_eq!(sum(Meter::StorageUsed, &[owned_by_another]), Together::default());
    }

    #[test]
    fn never_1_a_part_that_is_not_known_leaves_a_lower_bound_and_no_whole() {
        let good = || account(Meter::StorageUsed, 80, NOW);
        let stale = account(Meter::StorageUsed, 40, NOW - 27 * 3600);
        let missing = AccountStanding { missing_since: Some(at(NOW)), ..good() };
        let unread = AccountStanding { trouble: Some(("busy".into(), at(NOW))), ..good() };
        let mut doubted = good();
        doubted.series[0].doubted = Some(at(NOW));
        let never = AccountStanding { series: Vec::new(), shares: Vec::new(), ..good() };
        for part in [stale, missing, unread, doubted, never] {
            let sum = sum(Meter::StorageUsed, &[good(), part.clone()]);
            assert_eq!((sum.certain, sum.accounts, sum.unknown), (bytes(80), 2, 1), "{part:?}");
            assert!(sum.is_known() && !sum.is_whole());
            assert_eq!(sum.judged(), Some(Judged { sum: None, accounts: 2 }));
        }
        // Traffic that is settled has passed, however long ago.
        let old = account(Meter::TrafficOut, 40, NOW - 27 * 3600);
        let sum = sum(Meter::TrafficOut, &[account(Meter::TrafficOut, 80, NOW), old]);
        assert_eq!((sum.certain, sum.is_whole()), (bytes(120), false));
        // Another panel of the same service, which reports no storage.
        let both = self::sum(Meter::StorageUsed, &[good(), account(Meter::TrafficOut, 7, NOW)]);
        assert_eq!((both.accounts, both.is_whole(), both.judged()), (1, true, None));
    }

    #[test]
    fn both_ways_are_a_sum_of_which_an_account_that_tells_one_way_is_an_unknown_part() {
        let (mut one, two) = (account(Meter::TrafficIn, 3, NOW), account(Meter::TrafficOut, 40, NOW));
        one.series.extend(two.series.clone());
        one.shares.extend(two.shares.clone());
        let both = |accounts: &[AccountStanding]| {
            sum(Meter::TrafficIn, accounts).both_ways(&sum(Meter::TrafficOut, accounts))
        };
        let whole = both(&[one.clone()]);
        assert_eq!((whole.certain, whole.shown, whole.accounts), (bytes(43), bytes(43), 1));
        assert!(whole.is_whole());
        assert_eq!(
            whole.judged(),
            Some(Judged { sum: Some(bytes(43)), accounts: 1 }),
            "no number of its own"
        );
        let total = account(Meter::TrafficTotal, 5, NOW);
        let mixed = sum(Meter::TrafficTotal, &[total.clone(), one.clone()]);
        assert_eq!((mixed.certain, mixed.is_known(), mixed.is_whole()), (bytes(5), true, false));
        assert!(sum(Meter::TrafficTotal, std::slice::from_ref(&total)).is_whole());
        assert!(!sum(Meter::TrafficTotal, std::slice::from_ref(&one)).is_known(), "it is in its directions");
        let part = both(&[one, two]);
        assert_eq!((part.certain, part.accounts, part.unknown), (bytes(83), 2, 1));
        assert!(!both(&[]).is_known());
        // Accounts of both kinds together: what one moved both ways and the other's total.
        let all = sum(Meter::TrafficTotal, std::slice::from_ref(&total)).and(&whole);
        assert_eq!((all.certain, all.accounts, all.is_whole()), (bytes(48), 2, true));
        let missing = AccountStanding { missing_since: Some(at(NOW)), ..total };
        let all = sum(Meter::TrafficTotal, &[missing]).and(&whole);
        assert_eq!(
            (all.certain, all.accounts, all.unknown),
            (bytes(48), 2, 1),
            "a lower bound, and no whole"
        );
    }
}
