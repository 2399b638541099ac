//! The sentences of "What never happens" that settling answers for, each by its number; 3 and 4 are
//! properties, the others have their tests where they are kept (store, settings, usage API).

use super::properties::{Ledger, bytes, counter, name, one, rules, start};
use crate::domain::*;

fn gauge(at: Timestamp, level: u64) -> Harvest {
    one(Meter::StorageUsed, Reading::Gauge { at, level: bytes(level) })
}

fn notes(ledger: &Ledger) -> Vec<&'static str> {
    ledger.notes.iter().map(|noted| noted.note.name()).collect()
}

#[test]
fn never_1_unknown_never_becomes_zero() {
    let mut ledger = Ledger::default();
    let hour = |n| start().plus(Seconds::hours(n));
    ledger.take(&gauge(hour(0), 100), hour(0));
    // The account is seen but its storage was not read: nothing of it moves.
    let mut harvest = Harvest::new();
    harvest.unread(&name(), Some(Meter::StorageUsed), Reason::Unexpected, "bucket not scanned");
    harvest.listed_everyone();
    assert_eq!(ledger.take(&harvest, hour(1)), 0);
    // Three days nobody measured have no level and no time; they are not days of zero bytes.
    ledger.take(&gauge(hour(80), 100), hour(80));
    let days: Vec<_> =
        ledger.days.iter().map(|((_, _, day), sums)| (day.to_string(), sums.0, sums.2)).collect();
    assert_eq!(days, [("2026-10-24".to_string(), 100, 0), ("2026-10-27".to_string(), 100, 0)]);
    assert_eq!(notes(&ledger), ["first_sight", "gap"]);
    // A real zero is stored as zero.
    ledger.take(&gauge(hour(81), 0), hour(81));
    assert_eq!(notes(&ledger)[2..], ["level_collapsed"]);
    assert_eq!(
        ledger.days.last_key_value().map(|(_, sums)| sums.0),
        Some(100),
        "once it may be a failed scan"
    );
    ledger.take(&gauge(hour(82), 0), hour(82));
    assert_eq!(ledger.days.last_key_value().map(|(_, sums)| sums.0), Some(0));
}

#[test]
fn never_1_who_owns_nothing_any_more_without_a_word_is_not_empty() {
    let mut ledger = Ledger::default();
    let hour = |n| start().plus(Seconds::hours(n));
    ledger.take(&gauge(hour(0), 654_321), hour(0));
    for n in 1..5 {
        let mut harvest = gauge(hour(n), 0);
        harvest.owns_unknown(&name());
        ledger.take(&harvest, hour(n));
    }
    let level = |ledger: &Ledger| ledger.series(Meter::StorageUsed).level.map(|belief| belief.level.get());
    assert_eq!((level(&ledger), notes(&ledger)), (Some(654_321), vec!["first_sight", "level_collapsed"]));
    // The very measurement that showed it full does not prove it empty, whoever owns it by now.
    let mut same = Ledger::default();
    same.take(&gauge(hour(0), 654_321), hour(0));
    for level_shown in [0, 0, 654_321] {
        same.take(&gauge(hour(0), level_shown), hour(1));
        assert_eq!(level(&same), Some(654_321), "{level_shown}");
    }
    assert_eq!(notes(&same), ["first_sight", "level_collapsed", "level_recovered"]);
    // Once it is known that it owns nothing it is empty.
    ledger.take(&gauge(hour(5), 0), hour(5));
    assert_eq!(level(&ledger), Some(0));
}

#[test]
fn never_2_a_look_that_read_no_counter_was_no_look_at_counters() {
    let hour = |n| start().plus(Seconds::hours(n));
    let counted = |source: &str, at, began, count| {
        let source = Source::new(source).expect("a name");
        Reading::Counter { source, at, epoch: Epoch::Since(began), count: bytes(count) }
    };
    let mut ledger = Ledger::default();
    let mut first = one(Meter::TrafficOut, counted("a", hour(1), start(), 900));
    first.listed_everyone();
    ledger.take(&first, hour(1));
    // Everybody is seen, their levels are read, and no traffic.
    for n in 2..5 {
        let mut blind = gauge(hour(n), 7);
        blind.listed_everyone();
        ledger.take(&blind, hour(n));
    }
    let mut again = one(Meter::TrafficOut, counted("a", hour(5), start(), 901));
    again.add_reading(&name(), Meter::TrafficOut, counted("made meanwhile", hour(5), hour(2), 15_000));
    again.add_reading(&name(), Meter::TrafficOut, counted("there before", hour(5), start(), 4_000));
    again.listed_everyone();
    ledger.take(&again, hour(5));
    assert_eq!(ledger.sum(Meter::TrafficOut), 15_001);
}

#[test]
fn never_2_first_sight_bills_nothing_unless_the_panel_proves_it_new() {
    let mut ledger = Ledger::default();
    let hour = |n| start().plus(Seconds::hours(n));
    let mut first = one(Meter::TrafficOut, counter(hour(1), Epoch::Since(start()), 900));
    first.listed_everyone();
    ledger.take(&first, hour(1));
    assert_eq!(ledger.sum(Meter::TrafficOut), 0);
    // A second counter that began after that look counts in full, one that began before does not.
    let mut second = Harvest::new();
    for (source, began) in [("new", 90), ("old", 30)] {
        let epoch = Epoch::Since(start().plus(Seconds::new(began * 60)));
        let source = Source::new(source).expect("a name");
        let reading = Reading::Counter { source, at: hour(2), epoch, count: bytes(500) };
        second.add_reading(&name(), Meter::TrafficOut, reading);
    }
    ledger.take(&second, hour(2));
    assert_eq!(ledger.sum(Meter::TrafficOut), 500);
    assert_eq!(notes(&ledger), ["first_sight", "began_since_last_look", "first_sight"]);
}

#[test]
fn never_4_a_difference_across_midnight_is_shared_by_time_and_the_last_day_takes_the_remainder() {
    let mut ledger = Ledger::default();
    let zone = rules().zone;
    let midnight = zone.start_of(UsageDay::parse("2026-10-26").expect("a day"));
    let (from, to) = (midnight.minus(Seconds::new(200)), midnight.plus(Seconds::new(100)));
    ledger.take(&one(Meter::TrafficIn, counter(from, Epoch::Silent, 1000)), from);
    ledger.take(&one(Meter::TrafficIn, counter(to, Epoch::Silent, 1100)), to);
    let days: Vec<_> = ledger.days.iter().map(|((_, _, day), sums)| (day.to_string(), sums.0)).collect();
    assert_eq!(days, [("2026-10-25".to_string(), 66), ("2026-10-26".to_string(), 34)]);
}

#[test]
fn days_hold_as_many_hours_as_they_have() {
    let zone = rules().zone;
    for (day, hours) in [("2026-10-25", 25u64), ("2026-03-29", 23), ("2028-02-29", 24)] {
        let mut ledger = Ledger::default();
        let day = UsageDay::parse(day).expect("a day");
        let span = zone.span_of(day).expect("a day");
        let (mut at, mut count) = (span.start().minus(Seconds::hours(1)), 0);
        while at < span.end().plus(Seconds::hours(1)) {
            let mut harvest = gauge(at, 10);
            harvest.add_reading(&name(), Meter::TrafficOut, counter(at, Epoch::Silent, count));
            ledger.take(&harvest, at);
            at = at.plus(Seconds::new(900));
            count += 7;
        }
        let minutes = hours * 60;
        let sums = ledger.days[&(name(), Meter::StorageUsed, day)];
        assert_eq!(sums, (10, u128::from(10 * minutes), minutes));
        let moved = ledger.days[&(name(), Meter::TrafficOut, day)];
        assert_eq!((moved.0, moved.2), (i128::from(hours * 4 * 7), minutes));
    }
}

#[test]
fn never_7_a_panel_that_repeats_old_data_moves_nothing_and_says_so() {
    let mut ledger = Ledger::default();
    let hour = |n| start().plus(Seconds::hours(n));
    ledger.take(&gauge(hour(2), 100), hour(2));
    assert_eq!(ledger.take(&gauge(hour(1), 50), hour(3)), 0);
    assert_eq!(ledger.series(Meter::StorageUsed).at, Some(hour(2)), "its age stays what it is");
    // A clock that is ahead does not make tomorrow's numbers: it was measured when we asked.
    ledger.take(&gauge(hour(30), 70), hour(4));
    assert_eq!(ledger.series(Meter::StorageUsed).at, Some(hour(4)));
    assert_eq!(notes(&ledger), ["first_sight", "old_answer", "clock_ahead"]);
}

#[test]
fn month_totals_are_counters_whose_epoch_is_the_month() {
    let mut ledger = Ledger::default();
    let zone = rules().zone;
    let first = |month: &str| zone.start_of(Month::parse(month).expect("a month").first());
    let (october, november) = (first("2026-10"), first("2026-11"));
    let (late, early) = (november.minus(Seconds::new(600)), november.plus(Seconds::new(300)));
    ledger.take(
        &one(Meter::TrafficOut, counter(late.minus(Seconds::hours(1)), Epoch::Since(october), 9_000)),
        late,
    );
    ledger.take(&one(Meter::TrafficOut, counter(late, Epoch::Since(october), 9_500)), late);
    ledger.take(&one(Meter::TrafficOut, counter(early, Epoch::Since(november), 40)), early);
    let days: Vec<_> = ledger.days.iter().map(|((_, _, day), sums)| (day.to_string(), sums.0)).collect();
    assert_eq!(days, [("2026-10-31".to_string(), 500), ("2026-11-01".to_string(), 40)]);
    // The old month's answer, served once more from a cache, changes nothing.
    let again = early.plus(Seconds::new(60));
    assert_eq!(ledger.take(&one(Meter::TrafficOut, counter(again, Epoch::Since(october), 9_600)), again), 0);
}

#[test]
fn never_4_a_counter_that_wraps_bills_what_is_proven_and_says_what_is_not() {
    for (modulus, grows) in [(1u64 << 32, 300u64), (Bytes::MAX.get(), 70_000)] {
        for epoch in [Epoch::Silent, Epoch::Since(start().minus(Seconds::hours(50)))] {
            let mut ledger = Ledger::default();
            let mut count = modulus - grows - 1;
            for minute in 0..5u64 {
                let now = start().plus(Seconds::new(minute * 60));
                ledger.take(&one(Meter::TrafficOut, counter(now, epoch, count)), now);
                count = (count + grows) % modulus;
            }
            // Four times it grew; the growth in which it wrapped is not proven.
            assert_eq!(ledger.sum(Meter::TrafficOut), i128::from(grows) * 3);
            assert_eq!(notes(&ledger), ["first_sight", "went_backwards", "restart_unproven"]);
        }
    }
}

#[test]
fn never_2_an_account_that_vanished_and_came_back_goes_on_where_it_was() {
    let mut ledger = Ledger::default();
    let hour = |n| start().plus(Seconds::hours(n));
    let look = |ledger: &mut Ledger, n: u64, count: Option<u64>| {
        let mut harvest = Harvest::new();
        if let Some(count) = count {
            harvest.add_reading(
                &name(),
                Meter::TrafficOut,
                counter(hour(n), Epoch::Running(Seconds::hours(9 + n)), count),
            );
        }
        harvest.listed_everyone();
        ledger.take(&harvest, hour(n));
    };
    look(&mut ledger, 0, Some(1000));
    look(&mut ledger, 1, Some(1500));
    look(&mut ledger, 2, None);
    look(&mut ledger, 3, None);
    // The same run is back, and what it moved while nobody listed it is known.
    look(&mut ledger, 4, Some(4000));
    assert_eq!(ledger.sum(Meter::TrafficOut), 3000);
}
