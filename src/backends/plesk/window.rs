//! Which days a panel is asked for. Pure.

use crate::domain::{BillingZone, Timestamp, UsageDay};

/// So many days before today are read at every poll: statistics run at night, and are revised for some days.
pub(super) const REVISED_DAYS: u64 = 3;

/// The most days that a poll reads back after a silence; more is a backfill's.
pub(super) const FARTHEST_DAYS: u64 = 62;

/// The panel's days from one on, at one time of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub zone: BillingZone,
    pub now: Timestamp,
    /// The first day that is asked for.
    pub first: UsageDay,
}

impl Window {
    /// What a poll asks: the last days, which are still revised, and all since a gap began; on first contact the running
    /// month.
    pub fn of_poll(zone: BillingZone, now: Timestamp, since: Option<Timestamp>) -> Window {
        let today = zone.day_of(now);
        let wanted = since.map_or(today.month().first(), |since| zone.day_of(since));
        let first = wanted.min(today.minus_days(REVISED_DAYS)).max(today.minus_days(FARTHEST_DAYS));
        Window { zone, now, first }
    }

    /// The running day at the panel.
    pub fn today(self) -> UsageDay {
        self.zone.day_of(self.now)
    }

    /// The days from the first until today.
    pub fn days(self) -> impl Iterator<Item = UsageDay> {
        let today = self.today();
        std::iter::successors(Some(self.first), |day| Some(day.next())).take_while(move |day| *day <= today)
    }

    /// Whether a day is among the last, which the panel surely has not forgotten.
    pub fn is_recent(self, day: UsageDay) -> bool {
        day >= self.today().minus_days(REVISED_DAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_asks_what_may_have_changed() {
        let at = |text: &str| Timestamp::from_utc(text.parse().expect("a time")).expect("in range");
        let tokyo = BillingZone::parse("Asia/Tokyo").expect("a zone");
        let first = |now, since: Option<&str>| {
            let window = Window::of_poll(tokyo, at(now), since.map(at));
            (window.first.to_string(), window.days().count())
        };
        let usual = first("2026-11-21T02:00:00Z", Some("2026-11-21T01:00:00Z"));
        assert_eq!(usual, ("2026-11-18".into(), 4));
        assert_eq!(first("2026-11-21T02:00:00Z", None), ("2026-11-01".into(), 21));
        // The month is young: the days before it are still revised.
        assert_eq!(first("2026-11-30T15:00:01Z", None), ("2026-11-28".into(), 4));
        assert_eq!(first("2026-11-21T02:00:00Z", Some("2026-11-09T14:59:59Z")).0, "2026-11-09");
        assert_eq!(first("2026-11-21T02:00:00Z", Some("2026-11-09T15:00:00Z")).0, "2026-11-10");
        assert_eq!(first("2026-11-21T02:00:00Z", Some("2025-11-09T15:00:00Z")).0, "2026-09-20");
    }
}
