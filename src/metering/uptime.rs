//! What an uptime reported beside a count proves: the same run, a new one, or an answer from before.
//!
//! Uptimes are compared with uptimes and with the time between two readings. A start worked out from
//! our own clock would move with every stall of the panel's collector.

use crate::domain::{Seconds, Timestamp};

/// Two answers of one panel may be this far apart in age.
const LAG: Seconds = Seconds::new(30);

/// A collector that hangs repeats itself at most this long before the panel stops answering for it.
const LONGEST_STALL: Seconds = Seconds::new(330);

/// What the uptime of a reading says about the run it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// The run of the reading before.
    Same,
    /// A run that began after the reading before, not earlier than `since`.
    New { since: Timestamp },
    /// Shorter than the run before would be by now, and yet longer than the time between: an answer from before, or
    /// another machine's.
    Behind,
    /// It was said to be stopped, and has been running since long before that.
    Unheard,
}

/// Compares a reading with the one believed before; both are when it was read and how long it ran.
pub(super) fn compare(before: (Timestamp, Seconds), now: (Timestamp, Seconds)) -> Run {
    let (seen, old) = before;
    let (at, new) = now;
    let between = at.since(seen).get();
    let since = seen.max(at.minus(new));
    let began_after = new.get() <= between.saturating_add(LONGEST_STALL.get());
    match (old.get(), began_after) {
        (0, true) => Run::New { since },
        (0, false) => Run::Unheard,
        // Asked again within moments: an answer as old as that is no proof of anything.
        _ if new < old && between + (old.get() - new.get()) <= LAG.get() => Run::Behind,
        (_, true) if new < old => Run::New { since },
        (_, false) if new < old => Run::Behind,
        // It has grown, but even a collector that hung cannot have made so little of so much time: it
        // ended and began in between.
        _ if new.get().saturating_add(LONGEST_STALL.get()) < between => Run::New { since },
        // It began before the reading before, which reported a run that had begun long before that: another
        // machine has the name.
        _ if new.get().saturating_add(LONGEST_STALL.get()) < old.get().saturating_add(between) => Run::Behind,
        _ => Run::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_700_000_000 + seconds).expect("in range")
    }

    #[test]
    fn each_way_an_uptime_can_go() {
        let new = |since| Run::New { since: at(since) };
        // (uptime before, seconds later, uptime then, what it means)
        let table = [
            (1000, 60, 1060, Run::Same),
            (1000, 60, 1031, Run::Same),
            (1000, 60, 12, new(48)),
            (1000, 60, 400, Run::Behind),
            // The collector stalled when it was last read; the run began before that reading.
            (1000, 60, 380, new(0)),
            (80, 3060, 1500, new(1560)),
            (1000, 3600, 4590, Run::Same),
            // A node that lags behind the one asked before.
            (900_000, 10, 899_990, Run::Behind),
            // A young machine: shown as it was before, or as the collector left it when it hung.
            (100, 10, 95, Run::Behind),
            (100, 60, 72, new(0)),
            (20, 300, 70, Run::Same),
            // It would have run for 501,000 seconds by now; it ran already when it was said to have run for longer.
            (1000, 500_000, 500_400, Run::Behind),
            (1000, 500_000, 500_700, Run::Same),
            (0, 60, 20, new(40)),
            (0, 60, 900_000, Run::Unheard),
        ];
        for (old, later, uptime, run) in table {
            let found = compare((at(0), Seconds::new(old)), (at(later), Seconds::new(uptime)));
            assert_eq!(found, run, "{old}, {later} s later {uptime}");
        }
    }
}
