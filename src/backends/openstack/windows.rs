//! From the windows of a counter to readings of it: growth, gaps and restarts. Pure.
//!
//! A counter begins anew when its machine is stopped, migrated or resized, without a word; a window in which that happens
//! may show a mixture of both runs. So a fall is believed once the window after it is no lower, and of several falling
//! windows in a row the last alone is the restart (method A of the fact sheet; the sums telescope).

use super::gnocchi::{Kept, Point};
use crate::domain::{Bytes, Seconds, Timestamp};

/// Readings within a quarter of an hour are one: every zone's midnight is at the end of one.
const QUARTER: i64 = 900;

/// What a closed window shows of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// The end of the window.
    pub at: Timestamp,
    pub count: Bytes,
    /// Whether the count began anew in this window.
    pub began_anew: bool,
}

/// Until when windows are closed: newer ones still change.
pub(super) fn closed_until(now: Timestamp, window: Seconds) -> Timestamp {
    let length = window.get().max(1) as i64;
    let begun = now.get().div_euclid(length) * length;
    Timestamp::new(begun - length).unwrap_or(Timestamp::EPOCH)
}

/// What the windows of a counter show, oldest first, of which `before` was the last one believed. Without one only the
/// first that is shown counts from anything. `is_over` says that no window follows any more.
pub(super) fn shown(
    points: &[Point],
    before: Option<(Timestamp, Bytes)>,
    kept: Kept,
    until: Timestamp,
    is_over: bool,
) -> Vec<Shown> {
    let end = |point: &Point| point.start.plus(kept.window);
    // A window that began before the last one believed had ended is told already, whatever its length.
    let is_new = |point: &Point| before.is_none_or(|(at, _)| point.start >= at);
    let closed: Vec<(Timestamp, Bytes)> = points
        .iter()
        .filter(|point| is_new(point) && end(point) <= until)
        .filter_map(|point| Some((end(point), Bytes::new(point.value as u64).ok()?)))
        .collect();
    // What was the last, or the most, of a window is no mixture.
    let may_be_mixed = kept.by == "mean";
    let mut last = before.map(|(_, count)| count);
    let mut all = Vec::new();
    for (place, (at, count)) in closed.iter().copied().enumerate() {
        let began_anew = last.is_some_and(|last| count < last);
        if began_anew && may_be_mixed {
            match closed.get(place + 1) {
                // It may be a mixture: the next window will tell.
                None if !is_over => break,
                Some((_, next)) if *next < count => continue,
                _ => {}
            }
        }
        last = Some(count);
        all.push(Shown { at, count, began_anew });
    }
    thinned(all, before.is_none())
}

/// Without the readings that tell nothing which the next does not: those within a quarter of an hour, if no restart
/// follows them. The first of all is what the others are compared with, and stays.
fn thinned(all: Vec<Shown>, is_first: bool) -> Vec<Shown> {
    let quarter = |shown: &Shown| (shown.at.get() - 1).div_euclid(QUARTER);
    let tells = |place: usize| match all.get(place + 1) {
        Some(_) if is_first && place == 0 => true,
        Some(next) => all[place].began_anew || next.began_anew || quarter(next) != quarter(&all[place]),
        None => true,
    };
    (0..all.len()).filter(|place| tells(*place)).map(|place| all[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Kept = Kept { window: Seconds::new(300), by: "mean" };

    fn at(window: i64) -> Timestamp {
        Timestamp::new(1_795_226_400 + window * 300).expect("in range")
    }

    fn bytes(count: u64) -> Bytes {
        Bytes::new(count).expect("fits")
    }

    /// Windows by their number and value.
    fn points(values: &[(i64, f64)]) -> Vec<Point> {
        values.iter().map(|(window, value)| Point { start: at(*window), value: *value }).collect()
    }

    /// What is billed: growth, and the whole count where it began anew.
    fn billed(shown: &[Shown], before: Option<u64>) -> u64 {
        let mut last = before;
        shown.iter().fold(0, |sum, one| {
            let from = match (one.began_anew, last) {
                (true, _) => 0,
                (false, Some(last)) => last,
                (false, None) => one.count.get(),
            };
            last = Some(one.count.get());
            sum + one.count.get() - from
        })
    }

    fn all(values: &[(i64, f64)], before: Option<(i64, u64)>) -> Vec<Shown> {
        let before = before.map(|(window, count)| (at(window), bytes(count)));
        shown(&points(values), before, KEPT, at(1_000), false)
    }

    #[test]
    fn windows_that_may_still_change_wait() {
        let until = closed_until(at(10).plus(Seconds::new(299)), KEPT.window);
        assert_eq!(until, at(9));
        let seen = shown(&points(&[(7, 1.0), (8, 2.0), (9, 3.0)]), None, KEPT, until, false);
        assert_eq!(seen.last().map(|one| (one.at, one.count)), Some((at(9), bytes(2))));
    }

    #[test]
    fn growth_telescopes_over_gaps_and_mixed_windows() {
        // (windows, billed from a baseline of 100)
        let table: &[(&[(i64, f64)], u64)] = &[
            (&[(0, 150.0), (1, 200.0)], 100),
            (&[(0, 150.0), (9, 900.0)], 800),
            (&[(0, 150.4), (1, 150.6)], 50),
            // A restart: 40 and then 60 more.
            (&[(0, 150.0), (1, 40.0), (2, 100.0)], 50 + 100),
            // A mixture of both runs, then the new one: the mixture is not counted.
            (&[(0, 150.0), (1, 95.0), (2, 40.0), (3, 50.0)], 50 + 50),
            // A mixture that the new run soon passes: what it has since its beginning is counted once.
            (&[(0, 150.0), (1, 95.0), (2, 120.0)], 50 + 120),
            // Two restarts, one after the other.
            (&[(0, 20.0), (1, 30.0), (2, 10.0), (3, 11.0)], 30 + 11),
            // A fall that nothing follows yet.
            (&[(0, 150.0), (1, 40.0)], 50),
            (&[(0, 40.0)], 0),
            (&[], 0),
        ];
        for (values, wanted) in table {
            assert_eq!(billed(&all(values, Some((0, 100))), Some(100)), *wanted, "{values:?}");
        }
    }

    #[test]
    fn a_fall_that_waited_is_settled_by_the_next_window_or_by_the_end() {
        let first = all(&[(0, 150.0), (1, 40.0)], Some((0, 100)));
        let last = first.last().expect("the growth before it");
        assert_eq!((last.at, last.count), (at(1), bytes(150)));
        let again = shown(
            &points(&[(0, 150.0), (1, 40.0), (2, 45.0)]),
            Some((last.at, last.count)),
            KEPT,
            at(9),
            false,
        );
        assert_eq!(billed(&again, Some(150)), 45);
        let over = shown(&points(&[(0, 150.0), (1, 40.0)]), Some((last.at, last.count)), KEPT, at(9), true);
        assert_eq!(billed(&over, Some(150)), 40);
    }

    #[test]
    fn what_is_no_mixture_waits_for_nothing() {
        let values = points(&[(0, 150.0), (1, 40.0), (2, 30.0)]);
        let kept = Kept { by: "last", ..KEPT };
        let seen = shown(&values, Some((at(0), bytes(100))), kept, at(9), false);
        assert_eq!(billed(&seen, Some(100)), 50 + 40 + 30);
    }

    #[test]
    fn what_was_told_already_is_not_told_again_by_a_coarser_window() {
        // Minutes were read until 10:40; the hour's mean is below what was believed, and no restart.
        let hour = Kept { window: Seconds::hours(1), by: "mean" };
        let before = Some((at(8), bytes(800)));
        let seen = shown(&points(&[(0, 500.0), (12, 1_500.0)]), before, hour, at(100), false);
        assert_eq!(seen, [Shown { at: at(24), count: bytes(1_500), began_anew: false }]);
    }

    #[test]
    fn a_quarter_of_an_hour_is_one_reading_unless_a_restart_is_in_it() {
        let steady: Vec<(i64, f64)> = (0..12).map(|window| (window, 100.0 + window as f64)).collect();
        assert_eq!(all(&steady, Some((0, 90))).len(), 4);
        // Without one before it the first is what the others are compared with.
        let counts: Vec<u64> = all(&steady, None).iter().map(|one| one.count.get()).collect();
        assert_eq!(counts, [100, 102, 105, 108, 111]);
        let restarted = all(&[(0, 100.0), (1, 150.0), (2, 7.0), (3, 8.0), (4, 9.0), (5, 10.0)], None);
        let counts: Vec<u64> = restarted.iter().map(|one| one.count.get()).collect();
        assert_eq!(counts, [100, 150, 7, 10]);
    }
}
