//! Days and months of the billing zone, worked out apart from the meter.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;

/// A day as a number: 20260329.
pub type Day = i32;

/// A month as a number: 202603.
pub type Month = i32;

/// The zone that cuts days and months.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    /// The zone with this IANA name; `None` for a name that is none.
    pub fn named(name: &str) -> Option<Zone> {
        name.parse().ok().map(Zone)
    }

    /// The day an instant (epoch seconds) lies in.
    pub fn day(self, at: i64) -> Day {
        number(self.local_date(at))
    }

    /// The month an instant lies in.
    pub fn month(self, at: i64) -> Month {
        month_of(self.day(at))
    }

    /// The first instant of the day that an instant lies in.
    pub fn day_start(self, at: i64) -> i64 {
        self.midnight(self.local_date(at))
    }

    /// The first instant after the day that an instant lies in.
    pub fn day_end(self, at: i64) -> i64 {
        self.midnight(self.local_date(at) + Days::new(1))
    }

    /// The first instant of a month.
    pub fn month_start(self, month: Month) -> i64 {
        let first = NaiveDate::from_ymd_opt(month / 100, (month % 100) as u32, 1);
        self.midnight(first.unwrap_or(NaiveDate::MIN))
    }

    /// The minutes a month has: a day more or less than a multiple of 1440 where clocks change.
    pub fn minutes_of(self, month: Month) -> i64 {
        (self.month_start(next(month)) - self.month_start(month)) / 60
    }

    /// The parts of a time by the days it touches, in order; nothing where no time passed.
    pub fn cut(self, from: i64, to: i64) -> Vec<(Day, i64, i64)> {
        let mut parts = Vec::new();
        let mut start = from;
        while start < to {
            let end = self.day_end(start).min(to);
            parts.push((self.day(start), start, end));
            start = end;
        }
        parts
    }

    /// `2026-03-29`, as WHMCS writes the day of an instant.
    pub fn date_text(self, at: i64) -> String {
        self.local_date(at).format("%Y-%m-%d").to_string()
    }

    fn local_date(self, at: i64) -> NaiveDate {
        DateTime::from_timestamp(at, 0).unwrap_or_default().with_timezone(&self.0).date_naive()
    }

    /// Midnight, or the earlier of two. Zones that skip midnight are not played.
    fn midnight(self, date: NaiveDate) -> i64 {
        let midnight = self.0.from_local_datetime(&date.and_time(NaiveTime::MIN));
        midnight.earliest().map_or(0, |start| start.timestamp())
    }
}

/// The month a day lies in.
pub fn month_of(day: Day) -> Month {
    day / 100
}

/// The month after.
pub fn next(month: Month) -> Month {
    if month % 100 == 12 { month + 89 } else { month + 1 }
}

/// The month before.
pub fn before(month: Month) -> Month {
    if month % 100 == 1 { month - 89 } else { month - 1 }
}

fn number(date: NaiveDate) -> Day {
    date.year() * 10_000 + date.month() as i32 * 100 + date.day() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_the_hours_that_clocks_give_them() {
        let zone = Zone::named("Europe/Warsaw").expect("a zone");
        // 2026-03-29, when clocks go from two to three.
        let noon = 1_774_778_400;
        assert_eq!(zone.day(noon), 20_260_329);
        assert_eq!(zone.day_end(noon) - zone.day_start(noon), 23 * 3600);
        assert_eq!(zone.minutes_of(202_603), 31 * 1440 - 60);
        assert_eq!(zone.minutes_of(202_610), 31 * 1440 + 60);
        assert_eq!((next(202_612), before(202_701)), (202_701, 202_612));
        let parts = zone.cut(noon, noon + 86_400);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts.iter().map(|(_, from, to)| to - from).sum::<i64>(), 86_400);
    }
}
