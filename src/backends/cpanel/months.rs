//! Which months a panel is asked for, and which time of them is an account's. Pure.

use chrono::Datelike;

use crate::domain::{BillingZone, Month, Span, Timestamp, UsageDay};

/// While the server's day is at most this, the month before may still grow: logs are processed hours late.
const LATE_DAYS: u32 = 2;
/// How far back a poll asks after an outage, in months.
const FARTHEST: usize = 12;
/// How far back a backfill asks, in months.
const FARTHEST_PAST: usize = 60;

/// The server's months, as seen at one time of asking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    /// Where they begin.
    pub zone: BillingZone,
    /// The time of asking.
    pub now: Timestamp,
}

impl Calendar {
    /// The running day at the server.
    pub fn today(&self) -> UsageDay {
        self.zone.day_of(self.now)
    }

    /// The running month.
    pub fn running(&self) -> Month {
        self.today().month()
    }

    /// What a poll asks, newest first: the running month, the one before while it may grow, and all since `since`.
    pub fn for_poll(&self, since: Option<Timestamp>) -> Vec<Month> {
        let late = if self.today().date().day() <= LATE_DAYS { 2 } else { 1 };
        let first = since.map_or(self.running(), |since| self.zone.day_of(since).month());
        let wanted = self.back().enumerate().take_while(|(index, month)| *index < late || *month >= first);
        wanted.map(|(_, month)| month).take(FARTHEST).collect()
    }

    /// What a backfill asks: the months that a time touches, newest first.
    pub fn for_past(&self, since: Timestamp, until: Timestamp) -> Vec<Month> {
        let first = self.zone.day_of(since).month();
        let touched = |month: &Month| self.zone.start_of(month.first()) < until.min(self.now);
        self.back().take_while(|month| *month >= first).filter(touched).take(FARTHEST_PAST).collect()
    }

    /// The time of a month in which an account was there; none where it was made later.
    pub fn span(&self, month: Month, created: Option<Timestamp>) -> Option<Span> {
        let start = self.zone.start_of(month.first());
        let start = created.map_or(start, |created| created.max(start));
        Span::new(start, self.zone.start_of(month.next().first())).ok()
    }

    /// The running month and all before it.
    fn back(&self) -> impl Iterator<Item = Month> + use<> {
        std::iter::successors(Some(self.running()), |month| Some(month.before()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a time")).expect("in range")
    }

    fn calendar(now: &str) -> Calendar {
        Calendar { zone: BillingZone::parse("Asia/Tokyo").expect("a zone"), now: at(now) }
    }

    fn shown(months: &[Month]) -> String {
        months.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_poll_asks_what_may_have_changed() {
        for (now, since, months) in [
            ("2026-11-21T02:00:00Z", Some("2026-11-21T01:00:00Z"), "2026-11"),
            ("2026-11-21T02:00:00Z", None, "2026-11"),
            // In Tokyo it is December already, and November may still grow.
            ("2026-11-30T15:00:00Z", Some("2026-11-30T14:00:00Z"), "2026-12 2026-11"),
            ("2026-12-02T14:59:59Z", Some("2026-12-02T14:00:00Z"), "2026-12 2026-11"),
            ("2026-12-02T15:00:00Z", Some("2026-12-02T14:00:00Z"), "2026-12"),
            ("2026-12-05T00:00:00Z", Some("2026-10-31T14:59:59Z"), "2026-12 2026-11 2026-10"),
        ] {
            assert_eq!(shown(&calendar(now).for_poll(since.map(at))), months, "{now} {since:?}");
        }
        assert_eq!(
            calendar("2026-12-05T00:00:00Z").for_poll(Some(at("2020-01-01T00:00:00Z"))).len(),
            FARTHEST
        );
    }

    #[test]
    fn the_past_is_the_months_that_it_touches() {
        let past = |since, until| shown(&calendar("2026-02-21T02:00:00Z").for_past(at(since), at(until)));
        // The end is midnight in Tokyo: February is not touched.
        assert_eq!(past("2025-12-05T00:00:00Z", "2026-01-31T15:00:00Z"), "2026-01 2025-12");
        assert_eq!(past("2026-02-05T00:00:00Z", "2027-01-31T15:00:00Z"), "2026-02");
        assert_eq!(past("2026-03-05T00:00:00Z", "2026-04-01T00:00:00Z"), "");
    }

    #[test]
    fn a_span_begins_with_the_account() {
        let (calendar, month) = (calendar("2026-11-21T02:00:00Z"), Month::parse("2026-11").expect("a month"));
        let span = |created: Option<&str>| {
            let span = calendar.span(month, created.map(at))?;
            assert_eq!(span.end(), at("2026-11-30T15:00:00Z"));
            Some(span.start().to_string())
        };
        assert_eq!(span(None).as_deref(), Some("2026-10-31T15:00:00Z"));
        assert_eq!(span(Some("2020-01-01T00:00:00Z")).as_deref(), Some("2026-10-31T15:00:00Z"));
        assert_eq!(span(Some("2026-11-11T01:02:03Z")).as_deref(), Some("2026-11-11T01:02:03Z"));
        assert_eq!(span(Some("2026-11-30T15:00:00Z")), None);
    }
}
