//! A machine that is started, stopped, restarted and moved, watched through a collector that hangs: what
//! is billed against what really passed. The machine and its collector are made up second by second.

use proptest::prelude::*;

use super::properties::{Ledger, bytes, counter, name, one, start};
use crate::domain::*;

/// What happens to the machine.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// It ends and begins anew after some seconds, on this node or another.
    Restart { down: u64 },
    /// It stands still for some seconds.
    Stop { down: u64 },
    /// The collector repeats itself for some seconds.
    Stall { length: u64 },
}

/// A collector's look at the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Look {
    uptime: u64,
    count: u64,
    run: usize,
}

/// What there is to compare.
struct Outcome {
    /// Everything since the first look.
    passed: i128,
    /// Of it what a poll has been shown.
    shown: i128,
    billed: i128,
    notes: Vec<&'static str>,
}

/// Plays a day of a machine that moves `rate` bytes a second, polled every `every` seconds.
fn play(events: &[(u64, Event)], rate: u64, every: u64, at_first: u64) -> Outcome {
    let (mut run, mut uptime, mut count, mut down, mut stalled) = (0usize, at_first, at_first * rate, 0, 0);
    let mut look = Look { uptime, count, run };
    // The last count a poll was shown of each run.
    let mut shown: Vec<(usize, u64)> = Vec::new();
    let (mut ledger, mut passed) = (Ledger::default(), 0i128);
    for second in 0..86_400u64 {
        for (_, event) in events.iter().filter(|(when, _)| *when == second) {
            match event {
                Event::Restart { down: length } | Event::Stop { down: length } => {
                    (run, uptime, count, down) = (run + 1, 0, 0, *length);
                }
                Event::Stall { length } => stalled = *length,
            }
        }
        if down > 0 {
            down -= 1;
        } else {
            uptime += 1;
            count += rate;
            passed += i128::from(rate);
        }
        stalled = u64::saturating_sub(stalled, 1);
        if second % 10 == 0 && stalled == 0 {
            look = if down > 0 { Look { uptime: 0, count: 0, run } } else { Look { uptime, count, run } };
        }
        if second % every == 0 {
            let now = start().plus(Seconds::new(second));
            let reading = counter(now, Epoch::Running(Seconds::new(look.uptime)), look.count);
            ledger.take(&one(Meter::TrafficOut, reading), now);
            match shown.last_mut() {
                None => {
                    shown.push((look.run, look.count));
                    passed = 0;
                }
                Some((of, known)) if *of == look.run => *known = look.count.max(*known),
                Some(_) => shown.push((look.run, look.count)),
            }
        }
    }
    let first = at_first * rate;
    let shown: i128 = shown.iter().map(|(_, count)| i128::from(*count)).sum::<i128>();
    let began = ledger.notes.iter().find_map(|noted| match noted.note {
        super::Note::FirstSight { count } => Some(count.wide()),
        _ => None,
    });
    let notes = ledger.notes.iter().map(|noted| noted.note.name()).collect();
    let billed = ledger.sum(Meter::TrafficOut);
    Outcome { passed: passed + i128::from(rate), shown: shown - began.unwrap_or(first.into()), billed, notes }
}

fn event(stalls: bool) -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (1..60u64).prop_map(|down| Event::Restart { down }),
        1 => (1..20_000u64).prop_map(|down| Event::Stop { down }),
        (if stalls { 3 } else { 0 }) => (10..300u64).prop_map(|length| Event::Stall { length }),
    ]
}

fn day(stalls: bool) -> impl Strategy<Value = Vec<(u64, Event)>> {
    prop::collection::vec((1..86_400u64, event(stalls)), 0..8)
}

fn pace() -> impl Strategy<Value = u64> {
    prop::sample::select(vec![10u64, 60, 300, 900, 3600])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_no_more_is_billed_than_passed(
        events in day(true), rate in 1..1_000_000u64, every in pace(), at_first in 0..200_000u64,
    ) {
        let outcome = play(&events, rate, every, at_first);
        // Nor than a poll was shown: what was lost elsewhere must not hide a byte counted twice.
        prop_assert!(outcome.billed <= outcome.shown, "{} of {}: {:?}", outcome.billed, outcome.shown, outcome.notes);
        prop_assert!(outcome.billed <= outcome.passed, "{} of {}: {:?}", outcome.billed, outcome.passed, outcome.notes);
    }

    #[test]
    fn all_that_was_shown_is_billed_where_the_collector_does_not_hang(
        events in day(false), rate in 1..1_000_000u64, every in pace(), at_first in 1..200_000u64,
    ) {
        let outcome = play(&events, rate, every, at_first);
        prop_assert!(outcome.billed <= outcome.shown, "{} of {}: {:?}", outcome.billed, outcome.shown, outcome.notes);
        // A run that ends and begins between two polls and has come further than the one before looks
        // like that one: its part is not proven.
        // Two short runs that a stop lies between may be shown by the very same two numbers.
        let ended = |(when, event): &(u64, Event)| match event {
            Event::Restart { down } | Event::Stop { down } => when + down,
            Event::Stall { .. } => *when,
        };
        let mut times: Vec<(u64, u64)> = events.iter().map(|event| (event.0, ended(event))).collect();
        times.sort_unstable();
        let apart = times.windows(2).all(|pair| pair[1].0 > pair[0].1 + 2 * every + 60);
        let unproven = outcome.notes.contains(&"restart_unproven") || outcome.notes.contains(&"went_backwards");
        if every <= 60 && apart && !unproven {
            prop_assert_eq!(outcome.billed, outcome.shown, "{:?}", outcome.notes);
        }
    }
}

/// A made-up minute-by-minute story with the answer to each step.
#[test]
fn a_story_of_one_guest_to_the_byte() {
    let mut ledger = Ledger::default();
    let mut sum = 0;
    // Seconds, uptime, count, bytes this adds.
    for (second, uptime, count, adds) in [
        (0u64, 1000u64, 5000u64, 0i128),
        (60, 1060, 5600, 600),
        (120, 1060, 5600, 0),
        (180, 1180, 6000, 400),
        (240, 12, 80, 80),
        // At 300 its node says nothing of it.
        (360, 132, 90, 10),
        (420, 0, 0, 0),
        (480, 20, 40, 40),
        (3600, 1500, 9000, 9000),
        (3660, 1560, 9500, 500),
        // Moved: the new node repeats what the old one said, then counts anew.
        (3720, 1560, 9500, 0),
        (3780, 55, 300, 300),
    ] {
        let now = start().plus(Seconds::new(second));
        let epoch = Epoch::Running(Seconds::new(uptime));
        ledger.take(&one(Meter::TrafficIn, counter(now, epoch, count)), now);
        sum += adds;
        assert_eq!(ledger.sum(Meter::TrafficIn), sum, "at {second} s");
    }
    let last = ledger.series(Meter::TrafficIn);
    assert_eq!((last.total, ledger.book.lives.len()), (bytes(10_930), 1));
    assert!(ledger.book.names.contains_key(&name()));
}

#[test]
fn a_young_machine_whose_collector_hangs_is_not_billed_twice() {
    let mut ledger = Ledger::default();
    // Old, restarted, and twenty seconds young at the next look; then shown as it was four minutes ago.
    for (second, uptime, count) in
        [(0u64, 5000u64, 90_000u64), (300, 20, 200), (600, 70, 700), (900, 620, 6200)]
    {
        let now = start().plus(Seconds::new(second));
        let epoch = Epoch::Running(Seconds::new(uptime));
        ledger.take(&one(Meter::TrafficOut, counter(now, epoch, count)), now);
    }
    assert_eq!(ledger.sum(Meter::TrafficOut), 6200);
}

#[test]
fn a_card_plugged_in_again_counts_anew() {
    let mut ledger = Ledger::default();
    for (second, epoch, count) in [
        (0, Epoch::Running(Seconds::new(20)), 40),
        (60, Epoch::ResetWhileRunning(Seconds::new(80)), 10),
        (120, Epoch::Running(Seconds::new(140)), 25),
    ] {
        let now = start().plus(Seconds::new(second));
        ledger.take(&one(Meter::TrafficIn, counter(now, epoch, count)), now);
    }
    assert_eq!(ledger.sum(Meter::TrafficIn), 25);
}
