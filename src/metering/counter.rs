//! Counters: growth within an epoch, and what a new epoch proves.

use super::book::{Baseline, Doubt};
use super::note::Note;
use crate::domain::{Bytes, Epoch, Seconds, Timestamp};

/// A told start may wobble by this much and still be the same start: panels work it out from an
/// uptime in whole seconds or minutes.
const WOBBLE: Seconds = Seconds::new(120);

/// One reading of one counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub at: Timestamp,
    pub epoch: Epoch,
    pub count: Bytes,
}

/// What one reading of a counter means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// What to believe from now on.
    pub baseline: Baseline,
    /// Bytes proven to have passed, and since when.
    pub grew: Option<(Timestamp, Bytes)>,
    /// What was noticed.
    pub note: Option<Note>,
    /// Whether everything that passed since the last reading is in `grew`.
    pub whole: bool,
}

impl Count {
    fn believed(self) -> Baseline {
        // What is believed is that it runs; that it was plugged in again is news only once.
        let epoch = match self.epoch {
            Epoch::Replugged(uptime) => Epoch::Running(uptime),
            epoch => epoch,
        };
        Baseline { epoch, count: self.count, at: self.at, doubt: None }
    }

    /// A counter never seen before. It counts only if the panel proves that it began after
    /// `last_look`, when we saw everything there was.
    pub(super) fn first(self, last_look: Option<Timestamp>) -> Step {
        let began = last_look.and_then(|look| match self.epoch {
            Epoch::Since(start) if start > look && start <= self.at => Some(start),
            Epoch::Running(uptime) if uptime < self.at.since(look) => Some(look),
            _ => None,
        });
        let (grew, note) = match began {
            Some(since) => (Some((since, self.count)), Note::BeganSinceLastLook { count: self.count }),
            None => (None, Note::FirstSight { count: self.count }),
        };
        Step { baseline: self.believed(), grew, note: Some(note), whole: began.is_some() }
    }

    /// The next reading of a counter we know.
    pub(super) fn after(self, before: Baseline) -> Step {
        if self.at < before.at {
            return ignored(before, Note::OldAnswer { at: self.at });
        }
        if self.is_frozen(before) {
            return Step { baseline: before, grew: None, note: None, whole: false };
        }
        match self.told_restart(before) {
            Told::Restart { since } => Step {
                baseline: self.believed(),
                grew: Some((since.max(before.at), self.count)),
                note: Some(Note::CounterRestarted { seen: before.at, count: self.count }),
                whole: false,
            },
            Told::OlderEpoch => ignored(before, Note::OldAnswer { at: self.at }),
            Told::SameEpoch => self.within_epoch(before),
        }
    }

    /// A guest's counter that stands still with its uptime was not measured again.
    fn is_frozen(self, before: Baseline) -> bool {
        matches!(self.epoch, Epoch::Running(_)) && self.epoch == before.epoch && self.count == before.count
    }

    fn told_restart(self, before: Baseline) -> Told {
        match (before.epoch, self.epoch) {
            (Epoch::Since(old), Epoch::Since(new)) if new > old.plus(WOBBLE) => Told::Restart { since: new },
            (Epoch::Since(old), Epoch::Since(new)) if old > new.plus(WOBBLE) => Told::OlderEpoch,
            (Epoch::Running(old), Epoch::Running(new)) if new < old => Told::Restart { since: before.at },
            (Epoch::Running(_) | Epoch::Silent, Epoch::Since(new)) if new > before.at => {
                Told::Restart { since: new }
            }
            _ => Told::SameEpoch,
        }
    }

    fn within_epoch(self, before: Baseline) -> Step {
        if let Some(growth) = self.count.checked_sub(before.count) {
            return Step {
                baseline: self.believed(),
                grew: Some((before.at, growth)),
                note: None,
                whole: true,
            };
        }
        match before.doubt {
            // Low twice and growing: the counter really began anew, unseen. Bill from the first low
            // reading on; what it had counted by then is not proven to be new.
            Some(doubt) if self.count >= doubt.count && self.at > doubt.at => Step {
                baseline: self.believed(),
                grew: self.count.checked_sub(doubt.count).map(|growth| (doubt.at, growth)),
                note: Some(Note::RestartUnproven { unproven: doubt.count }),
                whole: false,
            },
            // The very reading that raised the doubt, once more.
            Some(doubt) if self.at == doubt.at && self.count == doubt.count => {
                Step { baseline: before, grew: None, note: None, whole: false }
            }
            _ => Step {
                baseline: Baseline { doubt: Some(Doubt { count: self.count, at: self.at }), ..before },
                grew: None,
                note: Some(Note::WentBackwards { believed: before.count, came: self.count }),
                whole: false,
            },
        }
    }
}

enum Told {
    SameEpoch,
    Restart { since: Timestamp },
    OlderEpoch,
}

fn ignored(before: Baseline, note: Note) -> Step {
    Step { baseline: before, grew: None, note: Some(note), whole: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_700_000_000 + seconds).expect("in range")
    }

    fn count(seconds: i64, epoch: Epoch, count: u64) -> Count {
        Count { at: at(seconds), epoch, count: Bytes::new(count).expect("fits") }
    }

    fn grown(step: &Step) -> Option<u64> {
        step.grew.map(|(_, bytes)| bytes.get())
    }

    #[test]
    fn each_way_a_counter_can_go() {
        let since = |s| Epoch::Since(at(s));
        let up = |s| Epoch::Running(Seconds::new(s));
        // (before, now, bytes counted, note)
        let table = [
            (count(0, Epoch::Silent, 100), count(60, Epoch::Silent, 150), Some(50), None),
            (count(0, Epoch::Silent, 100), count(60, Epoch::Silent, 100), Some(0), None),
            (count(0, Epoch::Silent, 100), count(60, Epoch::Silent, 70), None, Some("went_backwards")),
            (count(0, Epoch::Silent, 100), count(-60, Epoch::Silent, 150), None, Some("old_answer")),
            (count(0, since(-9000), 100), count(600, since(-9060), 150), Some(50), None),
            (count(0, since(-9000), 100), count(600, since(300), 20), Some(20), Some("counter_restarted")),
            // A restart told counts in full even when the new count passed the old one.
            (count(0, since(-9000), 100), count(600, since(300), 120), Some(120), Some("counter_restarted")),
            (count(0, since(-90), 100), count(600, since(-9000), 120), None, Some("old_answer")),
            (count(0, up(500), 100), count(600, up(1100), 150), Some(50), None),
            (count(0, up(500), 100), count(600, up(40), 150), Some(150), Some("counter_restarted")),
            // A stalled collector: the time moved on, the numbers did not.
            (count(0, up(500), 100), count(600, up(500), 100), None, None),
            (count(0, Epoch::Silent, 100), count(600, since(300), 20), Some(20), Some("counter_restarted")),
            (count(0, Epoch::Silent, 100), count(600, since(-300), 120), Some(20), None),
        ];
        for (before, now, bytes, note) in table {
            let step = now.after(before.believed());
            assert_eq!(grown(&step), bytes, "{before:?} then {now:?}");
            assert_eq!(step.note.as_ref().map(Note::name), note, "{before:?} then {now:?}");
        }
    }

    #[test]
    fn a_fall_that_recovers_was_an_old_answer_and_one_that_stays_was_a_restart() {
        let before = count(0, Epoch::Silent, 1000).believed();
        let doubted = count(60, Epoch::Silent, 900).after(before).baseline;
        assert_eq!(grown(&count(120, Epoch::Silent, 1010).after(doubted)), Some(10));
        let confirmed = count(120, Epoch::Silent, 930).after(doubted);
        assert_eq!(grown(&confirmed), Some(30));
        assert_eq!(confirmed.note.map(|note| note.name()), Some("restart_unproven"));
        assert_eq!(count(60, Epoch::Silent, 900).after(doubted).baseline, doubted);
    }

    #[test]
    fn first_sight_counts_only_what_is_proven_new() {
        let look = Some(at(0));
        assert_eq!(grown(&count(60, Epoch::Silent, 5).first(look)), None);
        assert_eq!(grown(&count(60, Epoch::Since(at(-1)), 5).first(look)), None);
        assert_eq!(grown(&count(60, Epoch::Since(at(1)), 5).first(look)), Some(5));
        assert_eq!(grown(&count(60, Epoch::Running(Seconds::new(59)), 5).first(look)), Some(5));
        assert_eq!(grown(&count(60, Epoch::Running(Seconds::new(60)), 5).first(look)), None);
        assert_eq!(grown(&count(60, Epoch::Since(at(1)), 5).first(None)), None);
    }
}
