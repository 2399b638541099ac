//! A panel's own days: a few time zones, worked out by hand so that no two sides share a table.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday};

/// The zones it knows by name.
pub const NAMES: [&str; 6] =
    ["UTC", "Europe/Warsaw", "Europe/London", "Asia/Tokyo", "Pacific/Kiritimati", "America/Bogota"];

/// A time zone the panel can stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Minutes east of UTC in winter.
    winter_minutes: i64,
    /// Whether clocks go forward on the last Sunday of March and back on the last of October, both at
    /// 01:00 UTC.
    european: bool,
}

impl Zone {
    /// The zone with this name; an unknown one is UTC.
    pub fn named(name: &str) -> Self {
        let (winter_minutes, european) = match name {
            "Europe/Warsaw" => (60, true),
            "Europe/London" => (0, true),
            "Asia/Tokyo" => (540, false),
            "Pacific/Kiritimati" => (840, false),
            "America/Bogota" => (-300, false),
            _ => (0, false),
        };
        Self { winter_minutes, european }
    }

    /// The local date at an instant.
    pub fn date(self, at: DateTime<Utc>) -> NaiveDate {
        self.local(at).date()
    }

    /// What clocks show at an instant.
    pub fn local(self, at: DateTime<Utc>) -> NaiveDateTime {
        (at + TimeDelta::minutes(self.offset_minutes(at))).naive_utc()
    }

    /// The instant a local day begins (epoch seconds).
    pub fn start_of(self, day: NaiveDate) -> i64 {
        let midnight = day.and_time(NaiveTime::MIN).and_utc() - TimeDelta::minutes(self.winter_minutes);
        // No European clock changes at midnight: the offset an hour before is that of midnight.
        let summer = self.offset_minutes(midnight - TimeDelta::hours(1)) - self.winter_minutes;
        midnight.timestamp() - summer * 60
    }

    fn offset_minutes(self, at: DateTime<Utc>) -> i64 {
        let change = |month| last_sunday(at.year(), month).and_hms_opt(1, 0, 0).map(|time| time.and_utc());
        let is_summer =
            change(3).is_some_and(|from| at >= from) && change(10).is_some_and(|until| at < until);
        self.winter_minutes + if self.european && is_summer { 60 } else { 0 }
    }
}

/// The first day of the month `behind` months before the one `day` is in.
pub fn month_before(day: NaiveDate, behind: u32) -> NaiveDate {
    let first = day.with_day(1).unwrap_or(day);
    first.checked_sub_months(chrono::Months::new(behind)).unwrap_or(first)
}

/// The days of the month that begins with `first`.
pub fn days_of(first: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    first.iter_days().take_while(move |day| day.month() == first.month())
}

fn last_sunday(year: i32, month: u32) -> NaiveDate {
    let last = NaiveDate::from_ymd_opt(year, month, 31).unwrap_or_default();
    let since_sunday = u64::from(last.weekday().days_since(Weekday::Sun));
    last.checked_sub_days(Days::new(since_sunday)).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn days_are_as_long_as_their_zone_makes_them() {
        let hours = |name: &str, text: &str| {
            let zone = Zone::named(name);
            let next = day(text).succ_opt().unwrap_or_default();
            (zone.start_of(next) - zone.start_of(day(text))) / 3_600
        };
        assert_eq!(hours("Europe/Warsaw", "2026-03-29"), 23);
        assert_eq!(hours("Europe/Warsaw", "2026-10-25"), 25);
        assert_eq!(hours("Europe/London", "2026-10-25"), 25);
        assert_eq!(hours("Asia/Tokyo", "2026-10-25"), 24);
    }

    #[test]
    fn local_days_begin_where_they_should() {
        // 2026-07-01T22:00:00Z and 2026-11-20T15:00:00Z.
        assert_eq!(Zone::named("Europe/Warsaw").start_of(day("2026-07-02")), 1_782_943_200);
        assert_eq!(Zone::named("Asia/Tokyo").start_of(day("2026-11-21")), 1_795_186_800);
        let tokyo = Zone::named("Asia/Tokyo");
        assert_eq!(tokyo.date(crate::clock::at(1_795_186_800)), day("2026-11-21"));
        assert_eq!(tokyo.date(crate::clock::at(1_795_186_799)), day("2026-11-20"));
        let london = Zone::named("Europe/London").local(crate::clock::at(1_782_943_200));
        assert_eq!(london.to_string(), "2026-07-01 23:00:00");
        assert_eq!(month_before(day("2026-03-31"), 1), day("2026-02-01"));
        assert_eq!(days_of(day("2026-02-01")).count(), 28);
    }
}
