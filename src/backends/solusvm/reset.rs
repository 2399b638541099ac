//! When a server's count began anew: neither product tells, so a count that fell is held against the day it is reset on.
//! Pure.

use chrono::{Datelike, Months, NaiveDate};

use crate::domain::{BillingZone, Bytes, Epoch, Timestamp, UsageDay};
use crate::metering::Baseline;

/// The days on whose first minute a count is set to nothing, in the zone of the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResetDays {
    /// The first of every month.
    First,
    /// This day of every month, or its last where it has none such.
    Of(u32),
    /// Some day of the month that the panel does not tell (SolusVM 1, "Reset Bandwidth on Anniversary").
    Untold,
    /// Never: it counts on for ever.
    Never,
}

impl ResetDays {
    /// The last time that counts were to be reset, as of `now`.
    fn last(self, zone: BillingZone, now: Timestamp) -> Option<Timestamp> {
        let today = zone.day_of(now);
        let day = match self {
            ResetDays::First => today.month().first(),
            ResetDays::Untold => today,
            ResetDays::Never => return None,
            ResetDays::Of(day) => {
                let (date, on) = (today.date(), |date: NaiveDate| nearest(date, day));
                let this = on(date)?;
                UsageDay::new(if this > date { on(date.checked_sub_months(Months::new(1))?)? } else { this })
            }
        };
        Some(zone.start_of(day))
    }
}

/// This day of the month that a date lies in, or its last.
fn nearest(date: NaiveDate, day: u32) -> Option<NaiveDate> {
    (28..=day).rev().chain([day]).find_map(|day| date.with_day(day))
}

/// What is known of the beginning of a count, of a server that was made at `created` where the panel tells that.
///
/// One that did not fall was not reset, whatever the date. One that fell over the midnight of its reset was, and so was
/// one that fell later on that day, if its reset had not been seen yet: a busy master comes to it late. Any other fall
/// says nothing, and is doubted.
pub(super) fn epoch(
    before: Option<&Baseline>,
    count: Bytes,
    now: Timestamp,
    (days, zone): (ResetDays, BillingZone),
    created: Option<Timestamp>,
) -> Epoch {
    let Some(before) = before else { return created.map_or(Epoch::Silent, Epoch::Since) };
    let began = began(before);
    if count >= before.count {
        return began.map_or(Epoch::Silent, Epoch::Since);
    }
    let Some(reset) = days.last(zone, now) else { return Epoch::Silent };
    let is_known = days != ResetDays::Untold;
    let is_that_day = zone.day_of(now) == zone.day_of(reset);
    let was_seen = began.is_some_and(|began| began >= reset);
    match () {
        () if reset > before.at => Epoch::Since(reset),
        () if is_known && is_that_day && !was_seen => Epoch::ResetWhileRunning(now.since(reset)),
        () => Epoch::Silent,
    }
}

/// When the count that was heard before had begun.
fn began(before: &Baseline) -> Option<Timestamp> {
    match before.epoch {
        Epoch::Since(began) => Some(began),
        Epoch::Running(uptime) | Epoch::ResetWhileRunning(uptime) => Some(before.at.minus(uptime)),
        Epoch::Silent => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::LifeNo;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a time")).expect("in range")
    }

    fn heard(at: Timestamp, epoch: Epoch) -> Baseline {
        let count = Bytes::new(900).expect("few");
        Baseline { epoch, count, at, doubt: None, holder: LifeNo::new(1), absent: None }
    }

    #[test]
    fn only_a_fall_on_the_expected_day_is_a_reset() {
        let zone = BillingZone::parse("Europe/Kyiv").expect("known");
        let before = heard(at("2026-11-30T21:50:00Z"), Epoch::Silent);
        let december = Epoch::Since(at("2026-11-30T22:00:00Z"));
        // (count, when it was asked, days, what is made of it)
        for (count, now, days, expected) in [
            (5, "2026-11-30T22:05:00Z", ResetDays::First, december),
            (5, "2026-12-02T22:05:00Z", ResetDays::First, december),
            (5, "2026-11-30T21:55:00Z", ResetDays::First, Epoch::Silent),
            (900, "2026-11-30T22:05:00Z", ResetDays::First, Epoch::Silent),
            (5, "2026-11-30T22:05:00Z", ResetDays::Of(1), december),
            (5, "2026-11-30T22:05:00Z", ResetDays::Of(15), Epoch::Silent),
            (5, "2026-11-30T22:05:00Z", ResetDays::Untold, december),
            (5, "2026-11-30T21:59:59Z", ResetDays::Untold, Epoch::Silent),
            (5, "2026-11-30T22:05:00Z", ResetDays::Never, Epoch::Silent),
        ] {
            let count = Bytes::new(count).expect("few");
            assert_eq!(epoch(Some(&before), count, at(now), (days, zone), None), expected, "{now} {days:?}");
        }
    }

    #[test]
    fn a_master_that_comes_late_to_its_resets_resets_once_that_day() {
        let zone = BillingZone::parse("UTC").expect("known");
        let midnight = at("2026-12-01T00:00:00Z");
        let late = |seconds| Epoch::ResetWhileRunning(crate::domain::Seconds::new(seconds));
        let seen = Epoch::Since(midnight);
        let old = Epoch::Since(at("2026-11-01T00:00:00Z"));
        // (what was believed, when it was heard, when it was asked, days, what is made of it)
        for (believed, then, now, days, expected) in [
            (Epoch::Silent, "2026-12-01T00:20:00Z", "2026-12-01T00:50:00Z", ResetDays::First, late(3_000)),
            (old, "2026-12-01T06:20:00Z", "2026-12-01T06:50:00Z", ResetDays::Of(1), late(24_600)),
            (seen, "2026-12-01T00:20:00Z", "2026-12-01T00:50:00Z", ResetDays::First, Epoch::Silent),
            (late(1_200), "2026-12-01T00:20:00Z", "2026-12-01T00:50:00Z", ResetDays::First, Epoch::Silent),
            (old, "2026-12-02T00:20:00Z", "2026-12-02T00:50:00Z", ResetDays::First, Epoch::Silent),
            (old, "2026-12-01T00:20:00Z", "2026-12-01T00:50:00Z", ResetDays::Untold, Epoch::Silent),
        ] {
            let (before, few) = (heard(at(then), believed), Bytes::new(5).expect("few"));
            let told = epoch(Some(&before), few, at(now), (days, zone), None);
            assert_eq!(told, expected, "{believed:?} {now} {days:?}");
        }
        // What did not fall goes on as it began.
        let heard = heard(at("2026-12-01T00:20:00Z"), late(1_200));
        let many = Bytes::new(901).expect("few");
        let now = at("2026-12-01T00:50:00Z");
        assert_eq!(epoch(Some(&heard), many, now, (ResetDays::First, zone), None), seen);
    }

    #[test]
    fn a_server_never_heard_of_counts_since_it_was_made_where_that_is_told() {
        let (zone, made) = (BillingZone::parse("UTC").expect("known"), at("2026-11-05T22:05:00Z"));
        let told =
            |created| epoch(None, Bytes::ZERO, at("2026-12-01T22:05:00Z"), (ResetDays::First, zone), created);
        assert_eq!((told(None), told(Some(made))), (Epoch::Silent, Epoch::Since(made)));
    }

    #[test]
    fn a_day_that_a_month_has_not_is_its_last() {
        let zone = BillingZone::parse("UTC").expect("known");
        for (days, now, last) in [
            (ResetDays::Of(31), "2026-11-30T12:00:00Z", "2026-11-30T00:00:00Z"),
            (ResetDays::Of(31), "2026-11-29T12:00:00Z", "2026-10-31T00:00:00Z"),
            (ResetDays::Of(30), "2027-03-01T12:00:00Z", "2027-02-28T00:00:00Z"),
            (ResetDays::Of(3), "2026-11-02T23:00:00Z", "2026-10-03T00:00:00Z"),
        ] {
            assert_eq!(days.last(zone, at(now)), Some(at(last)), "{days:?} {now}");
        }
    }
}
