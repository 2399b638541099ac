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

/// What is known of the beginning of a count. One that did not fall was not reset, whatever the date; one that fell
/// over the day of its reset was; any other fall says nothing, and is doubted.
pub(super) fn epoch(
    before: Option<&Baseline>,
    count: Bytes,
    now: Timestamp,
    days: ResetDays,
    zone: BillingZone,
) -> Epoch {
    let fallen = before.filter(|before| count < before.count);
    let reset = fallen.and_then(|before| days.last(zone, now).filter(|reset| *reset > before.at));
    reset.map_or(Epoch::Silent, Epoch::Since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::LifeNo;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a time")).expect("in range")
    }

    #[test]
    fn only_a_fall_over_the_expected_day_is_a_reset() {
        let zone = BillingZone::parse("Europe/Kyiv").expect("known");
        let before = Baseline {
            epoch: Epoch::Silent,
            count: Bytes::new(900).expect("few"),
            at: at("2026-11-30T21:50:00Z"),
            doubt: None,
            holder: LifeNo::new(1),
            absent: None,
        };
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
            assert_eq!(epoch(Some(&before), count, at(now), days, zone), expected, "{now} {days:?}");
        }
        let none = epoch(None, Bytes::ZERO, at("2026-12-01T22:05:00Z"), ResetDays::First, zone);
        assert_eq!(none, Epoch::Silent);
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
