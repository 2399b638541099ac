//! When counts begin anew: on the 1st, on the day of creation, or never.

use crate::clock::at;
use crate::zone::{Zone, days_of, month_before};
use chrono::Datelike;
use serde::{Deserialize, Serialize};

/// `plan.reset_limit_policy` of version 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// A count for life.
    #[default]
    Never,
    /// On the 1st of every month.
    FirstDayOfMonth,
    /// On the day of the month that the server was created on.
    VmCreatedDay,
}

/// A day of every month, in a zone.
#[derive(Clone, Copy, Debug)]
pub struct MonthDay {
    /// The day; in a month that is too short its last.
    pub day: u32,
    /// Whose midnight it is.
    pub zone: Zone,
    /// Seconds after midnight.
    pub late: i64,
}

impl MonthDay {
    /// The last such instant until `now` (epoch seconds).
    pub fn last(self, now: i64) -> i64 {
        let today = self.zone.date(at(now));
        let instants = (0..3).filter_map(|behind| {
            let days = days_of(month_before(today, behind));
            let day = days.take_while(|day| day.day() <= self.day).last()?;
            Some(self.zone.start_of(day) + self.late)
        });
        instants.filter(|instant| *instant <= now).max().unwrap_or(i64::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_reset_is_that_of_this_month_or_of_the_one_before() {
        let last = |day, name, late, now: &str| {
            let now = now.parse::<chrono::DateTime<chrono::Utc>>().map(|now| now.timestamp());
            at(MonthDay { day, zone: Zone::named(name), late }.last(now.unwrap_or_default())).to_rfc3339()
        };
        assert_eq!(last(1, "UTC", 0, "2026-11-01T00:00:00Z"), "2026-11-01T00:00:00+00:00");
        assert_eq!(last(1, "UTC", 0, "2026-10-31T23:59:59Z"), "2026-10-01T00:00:00+00:00");
        assert_eq!(last(1, "Europe/Warsaw", 0, "2026-10-31T23:00:00Z"), "2026-10-31T23:00:00+00:00");
        assert_eq!(last(1, "UTC", 3_600, "2026-11-01T00:59:59Z"), "2026-10-01T01:00:00+00:00");
        assert_eq!(last(31, "UTC", 0, "2026-11-30T12:00:00Z"), "2026-11-30T00:00:00+00:00");
        assert_eq!(last(31, "UTC", 0, "2026-03-01T12:00:00Z"), "2026-02-28T00:00:00+00:00");
    }
}
