//! Which hours are asked for. Pure.
//!
//! A row is of the hour before its `stat_time`. Both ends of a period hit rows that are exactly on the hour, so the
//! vendor's own collectors never ask on the hour but at half past: spans asked so neither overlap nor leave a gap.

use chrono::Datelike;

use crate::domain::{Seconds, Span, Timestamp};

pub(super) const HOUR: Seconds = Seconds::hours(1);

const HALF: Seconds = Seconds::new(1800);

/// The longest period of one call: a month of hourly rows is seven hundred of them.
const LONGEST: Seconds = Seconds::hours(31 * 24);

/// Whole hours, from the start of the first to the end of the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The start of the first hour.
    pub from: Timestamp,
    /// The end of the last: no later than now.
    pub until: Timestamp,
}

impl Window {
    /// What a poll reads: all since the last look, and some hours before it again; on first contact the running month.
    pub fn of_poll(now: Timestamp, since: Option<Timestamp>, reread: Seconds) -> Window {
        let until = hour_of(now);
        let from = match since {
            Some(since) => hour_of(since.min(now)).minus(reread),
            None => first_of_month(until).min(until.minus(reread)),
        };
        Window { from, until }
    }

    /// What a backfill reads.
    pub fn of_past(since: Timestamp, until: Timestamp, now: Timestamp) -> Window {
        let last = hour_of(until.min(now));
        Window { from: hour_of(since), until: last }
    }

    /// The same from an earlier hour on.
    pub fn begun_by(self, at: Timestamp) -> Window {
        Window { from: self.from.min(hour_of(at)), ..self }
    }

    /// The same without hours after this instant.
    pub fn ended_by(self, at: Timestamp) -> Window {
        Window { until: self.until.min(hour_of(at)), ..self }
    }

    /// Its hours.
    pub fn hours(self) -> impl Iterator<Item = Span> {
        let next = |end: &Timestamp| Some(end.plus(HOUR));
        let ends = std::iter::successors(Some(self.from.plus(HOUR)), next);
        ends.take_while(move |end| *end <= self.until).filter_map(|end| Span::new(end.minus(HOUR), end).ok())
    }

    /// The hour that ends at this instant, where it is one of the window's.
    pub fn hour_ending(self, end: Timestamp) -> Option<Span> {
        let is_inside = hour_of(end) == end && end > self.from && end <= self.until;
        Span::new(end.minus(HOUR), end).ok().filter(|_| is_inside)
    }

    /// It in parts that one call each may ask for.
    pub fn parts(self) -> impl Iterator<Item = Window> {
        let next = move |from: &Timestamp| Some(from.plus(LONGEST));
        let starts = std::iter::successors(Some(self.from), next);
        starts
            .take_while(move |from| *from < self.until)
            .map(move |from| Window { from, until: self.until.min(from.plus(LONGEST)) })
    }

    /// `period[startdate]` and `period[enddate]`, in UTC; a blank is written as `+`.
    pub fn period(self) -> [(&'static str, String); 2] {
        let [start, end] = [self.from, self.until].map(|at| written(at.plus(HALF)));
        [("period[startdate]", start), ("period[enddate]", end)]
    }
}

/// An instant as a period writes it.
pub(super) fn written(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// The start of the hour that an instant is in.
pub(super) fn hour_of(at: Timestamp) -> Timestamp {
    at.minus(Seconds::new(at.get().unsigned_abs() % HOUR.get()))
}

/// The start of the month in UTC that an instant is in.
pub(super) fn first_of_month(at: Timestamp) -> Timestamp {
    let day = u64::from(at.to_utc().day0());
    let midnight = at.minus(Seconds::new(at.get().unsigned_abs() % Seconds::hours(24).get()));
    midnight.minus(Seconds::hours(day * 24))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a time")).expect("in range")
    }

    fn shown(window: Window) -> [String; 2] {
        [window.from, window.until].map(|at| at.to_string())
    }

    #[test]
    fn finished_hours_alone_are_asked_for_at_half_past() {
        let now = at("2026-11-21T02:14:00Z");
        let window = Window::of_poll(now, Some(at("2026-11-21T01:05:00Z")), Seconds::hours(6));
        assert_eq!(shown(window), ["2026-11-20T19:00:00Z", "2026-11-21T02:00:00Z"]);
        assert_eq!(window.hours().count(), 7);
        let [(_, start), (_, end)] = window.period();
        assert_eq!((start.as_str(), end.as_str()), ("2026-11-20 19:30:00", "2026-11-21 02:30:00"));
        assert!(window.hour_ending(window.from).is_none(), "it ends before the window begins");
        assert!(window.hour_ending(at("2026-11-21T03:00:00Z")).is_none(), "it is not over");
        assert!(window.hour_ending(at("2026-11-21T01:00:01Z")).is_none());
        let last = window.hour_ending(window.until).expect("the last");
        assert_eq!(last.start(), at("2026-11-21T01:00:00Z"));
    }

    #[test]
    fn the_first_contact_reads_the_running_month_and_no_less_than_a_reread() {
        let first = |now: &str| shown(Window::of_poll(at(now), None, Seconds::hours(6)));
        assert_eq!(first("2026-11-21T02:14:00Z"), ["2026-11-01T00:00:00Z", "2026-11-21T02:00:00Z"]);
        assert_eq!(first("2026-11-01T02:14:00Z"), ["2026-10-31T20:00:00Z", "2026-11-01T02:00:00Z"]);
    }

    #[test]
    fn long_pasts_are_cut_without_a_gap() {
        let now = at("2026-11-21T02:14:00Z");
        let past = Window::of_past(at("2026-01-01T00:20:00Z"), at("2027-01-01T00:00:00Z"), now);
        let parts: Vec<Window> = past.parts().collect();
        assert_eq!((parts[0].from, parts[parts.len() - 1].until), (past.from, at("2026-11-21T02:00:00Z")));
        assert!(parts.windows(2).all(|pair| pair[0].until == pair[1].from));
        assert_eq!(parts.iter().map(|part| part.hours().count()).sum::<usize>(), past.hours().count());
        let nothing = Window::of_past(now, now, now);
        assert_eq!((nothing.parts().count(), nothing.hours().count()), (0, 0));
    }
}
