//! Counters: growth within a run, and what a new run proves.

use super::book::{Baseline, Doubt};
use super::note::Note;
use super::uptime::{Run, compare};
use crate::domain::{Bytes, Epoch, LifeNo, Seconds, Timestamp};

/// A reported start may wobble by this much and still be the same start, where it lies before the reading before: a
/// kernel works it out from its uptime in whole seconds.
const WOBBLE: Seconds = Seconds::new(2);

/// The panel's clock, by which a start is reported, and ours, by which readings are, may be this far apart.
const SKEW: Seconds = Seconds::new(300);

/// No cache is this far behind: what stays behind this long is a run we did not see begin.
const LONGEST_BEHIND: Seconds = Seconds::hours(1);

/// One reading of one counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub at: Timestamp,
    pub epoch: Epoch,
    pub count: Bytes,
    /// Whose life shows it.
    pub holder: LifeNo,
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
    /// How much of what passed since the last reading is known.
    pub known: Coverage,
}

/// How much is known of the time since the reading before, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Coverage {
    /// Nothing new: it was not measured again, or the answer is not believed.
    Nothing,
    /// What grew is a part of what passed.
    Part,
    /// What grew is all that passed.
    All,
}

impl Count {
    fn believed(self) -> Baseline {
        // What is believed is that it runs; that it was plugged in again is news only once.
        let epoch = match self.epoch {
            Epoch::ResetWhileRunning(uptime) => Epoch::Running(uptime),
            epoch => epoch,
        };
        Baseline { epoch, count: self.count, at: self.at, doubt: None, holder: self.holder, absent: None }
    }

    /// A counter never seen before. It counts only if the panel proves that it began after
    /// `last_look`, when we saw everything there was.
    pub(super) fn first(self, last_look: Option<Timestamp>) -> Step {
        let began = last_look.and_then(|look| match self.epoch {
            Epoch::Since(start) if start > look && start <= self.at => Some(start),
            Epoch::Running(uptime) | Epoch::ResetWhileRunning(uptime) if uptime < self.at.since(look) => {
                Some(look.max(self.at.minus(uptime)))
            }
            _ => None,
        });
        match began {
            Some(since) => {
                self.grew(since, self.count, Coverage::All, Note::BeganSinceLastLook { count: self.count })
            }
            None => self.unheard(),
        }
    }

    /// The next reading of a counter we know.
    pub(super) fn after(self, before: Baseline) -> Step {
        if self.at < before.at {
            return kept(before, Some(Note::OldAnswer { at: self.at }));
        }
        match (before.epoch, self.epoch) {
            (Epoch::Running(old), Epoch::Running(new) | Epoch::ResetWhileRunning(new)) => {
                self.after_run(before, old, new)
            }
            (Epoch::Since(old), Epoch::Since(new)) if is_later(new, old, before.at) => {
                self.began_by_date(before, new)
            }
            (Epoch::Since(old), Epoch::Since(new)) if old > new.plus(WOBBLE) => self.behind(before),
            (Epoch::Running(_) | Epoch::Silent, Epoch::Since(new)) if new > before.at => {
                self.began(before, new)
            }
            _ => self.within_run(before),
        }
    }

    fn after_run(self, before: Baseline, old: Seconds, new: Seconds) -> Step {
        let stopped = new == Seconds::new(0) && self.count == Bytes::ZERO;
        if stopped {
            return self.stopped(before, old);
        }
        if old == new && self.count == before.count {
            // A count that stands still with its uptime was not measured again.
            return kept(before, None);
        }
        match compare((before.at, old), (self.at, new)) {
            Run::Same => self.within_run(before),
            Run::New { since } if was_stopped(before, old) => {
                self.grew(since, self.count, Coverage::All, Note::Started { count: self.count })
            }
            Run::New { since } => self.began(before, since),
            Run::Behind => self.behind(before),
            Run::Unheard => self.unheard(),
        }
    }

    /// What stands still counts nothing. The run before is kept in mind: a panel that calls a machine
    /// stopped for a moment and then goes on with the same run has lost nothing.
    fn stopped(self, before: Baseline, old: Seconds) -> Step {
        if was_stopped(before, old) {
            return Step { baseline: before, grew: None, note: None, known: Coverage::All };
        }
        let doubt = Some(Doubt { count: Bytes::ZERO, at: self.at });
        let note = Some(Note::Stopped { seen: before.at });
        let baseline = Baseline { doubt, holder: self.holder, ..before };
        Step { baseline, grew: None, note, known: Coverage::Part }
    }

    /// A later start is reported. What began after the last reading has counted since. A panel that was read from a
    /// cache then may have reported the run before, which the count shows by having fallen. But where it began
    /// long before that reading, it is the date that changed, or another counter: nothing proves that it is new.
    fn began_by_date(self, before: Baseline, start: Timestamp) -> Step {
        let fell = self.count < before.count;
        let doubtful = if fell { LONGEST_BEHIND } else { SKEW };
        if start > before.at.minus(doubtful) {
            return self.began(before, start);
        }
        let step = self.within_run(before);
        let moved = Note::StartMoved { start, count: self.count };
        Step { note: step.note.or(Some(moved)), ..step }
    }

    /// A run that began after the last reading counts in full.
    fn began(self, before: Baseline, since: Timestamp) -> Step {
        let note = Note::CounterRestarted { seen: before.at, count: self.count };
        self.grew(since.max(before.at), self.count, Coverage::Part, note)
    }

    /// A run of which nothing is proven but that it is there.
    fn unheard(self) -> Step {
        let note = Some(Note::FirstSight { count: self.count });
        Step { baseline: self.believed(), grew: None, note, known: Coverage::Part }
    }

    /// An uptime or a start from before. Where it stays behind for longer than any cache would, the run is a new
    /// one and counts from the first such reading on; what it had counted by then is not proven.
    fn behind(self, before: Baseline) -> Step {
        match before.doubt {
            Some(doubt) if self.at.since(doubt.at) >= LONGEST_BEHIND => {
                match self.count.checked_sub(doubt.count) {
                    Some(growth) => self.grew(
                        doubt.at,
                        growth,
                        Coverage::Part,
                        Note::RestartUnproven { unproven: doubt.count },
                    ),
                    None => self.unheard(),
                }
            }
            Some(_) => kept(before, None),
            None => self.doubted(before, Note::OldAnswer { at: self.at }),
        }
    }

    fn within_run(self, before: Baseline) -> Step {
        if let Some(growth) = self.count.checked_sub(before.count) {
            let grew = Some((before.at, growth));
            return Step { baseline: self.believed(), grew, note: None, known: Coverage::All };
        }
        if matches!(self.epoch, Epoch::ResetWhileRunning(_)) {
            let note = Note::ResetWhileRunning { seen: before.at, count: self.count };
            return self.grew(before.at, self.count, Coverage::Part, note);
        }
        match before.doubt {
            // Low twice and growing: the counter really began anew, unseen. Bill from the first low
            // reading on; what it had counted by then is not proven to be new.
            Some(doubt) if self.count >= doubt.count && self.at > doubt.at => Step {
                baseline: self.believed(),
                grew: self.count.checked_sub(doubt.count).map(|growth| (doubt.at, growth)),
                note: Some(Note::RestartUnproven { unproven: doubt.count }),
                known: Coverage::Part,
            },
            // The very reading that raised the doubt, once more.
            Some(doubt) if self.at == doubt.at && self.count == doubt.count => kept(before, None),
            _ => {
                let note = Note::WentBackwards { believed: before.count, came: self.count };
                self.doubted(before, note)
            }
        }
    }

    /// What it grows by from then on is whose it was when it was doubted.
    fn doubted(self, before: Baseline, note: Note) -> Step {
        let doubt = Some(Doubt { count: self.count, at: self.at });
        kept(Baseline { doubt, holder: self.holder, ..before }, Some(note))
    }

    fn grew(self, since: Timestamp, growth: Bytes, known: Coverage, note: Note) -> Step {
        Step { baseline: self.believed(), grew: Some((since, growth)), note: Some(note), known }
    }
}

/// Whether a reported start is another than the one believed: one that lies after the last reading is, however near.
fn is_later(new: Timestamp, old: Timestamp, read: Timestamp) -> bool {
    new > old && (new > read || new > old.plus(WOBBLE))
}

impl Baseline {
    /// Whether a start that is reported now proves that the count began anew since it was last read: then one that
    /// is not reported of stands at nothing.
    pub fn began_anew(&self, start: Timestamp) -> bool {
        let is_later = match self.epoch {
            Epoch::Since(old) => is_later(start, old, self.at),
            Epoch::Running(_) | Epoch::ResetWhileRunning(_) | Epoch::Silent => true,
        };
        is_later && start > self.at.minus(SKEW)
    }
}

/// Whether the last thing heard of the counter is that it stands still.
fn was_stopped(before: Baseline, uptime: Seconds) -> bool {
    uptime == Seconds::new(0) || before.doubt.is_some_and(|doubt| doubt.count == Bytes::ZERO)
}

fn kept(baseline: Baseline, note: Option<Note>) -> Step {
    Step { baseline, grew: None, note, known: Coverage::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_700_000_000 + seconds).expect("in range")
    }

    fn count(seconds: i64, epoch: Epoch, count: u64) -> Count {
        Count { at: at(seconds), epoch, count: Bytes::new(count).expect("fits"), holder: LifeNo::new(1) }
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
            (count(0, since(-9000), 100), count(600, since(-9001), 150), Some(50), None),
            // A page of the run before, which began a minute earlier.
            (count(0, since(-9000), 100), count(600, since(-9062), 150), None, Some("old_answer")),
            (count(0, since(-9000), 100), count(600, since(300), 20), Some(20), Some("counter_restarted")),
            // A reported restart counts in full even when the new count passed the old one.
            (count(0, since(-9000), 100), count(600, since(300), 120), Some(120), Some("counter_restarted")),
            (count(0, since(-90), 100), count(600, since(-9000), 120), None, Some("old_answer")),
            // A date that was rewritten: the count went on.
            (count(0, since(-9000), 100), count(600, since(-600), 130), Some(30), Some("start_moved")),
            (count(0, since(-9000), 100), count(600, since(-7200), 70), None, Some("went_backwards")),
            // The last reading came from a cache.
            (count(0, since(-9000), 100), count(600, since(-600), 70), Some(70), Some("counter_restarted")),
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
    fn a_told_start_is_believed_exactly() {
        let since = |s| Epoch::Since(at(s));
        // A process that starts twice within 62 s, a bucket that is deleted and made again: (the start before, when it
        // was read, the start now, what is counted of 3,000,000 that passed since).
        let table = [
            (0, 40, 62, 3_000_000),
            (0, 40, 41, 3_000_000),
            (0, 40, 119, 3_000_000),
            // Read by another clock, a little after it began.
            (0, 70, 62, 3_000_000),
            // The start of the same process, as a kernel's clock was put right by a second.
            (0, 40, 1, 2_888_889),
            (0, 40, 0, 2_888_889),
        ];
        for (old, read, new, counted) in table {
            let before = count(read, since(old), 111_111).believed();
            let step = count(300, since(new), 3_000_000).after(before);
            assert_eq!(grown(&step), Some(counted), "{old}, read at {read}, then {new}");
        }
    }

    #[test]
    fn a_silence_is_nothing_only_where_the_count_is_proven_to_have_begun_anew() {
        let before = count(0, Epoch::Since(at(-9000)), 100).believed();
        let anew = |start| before.began_anew(at(start));
        assert_eq!(
            [anew(-9000), anew(-8999), anew(-600), anew(-20), anew(1)],
            [false, false, false, true, true]
        );
        let young = count(0, Epoch::Since(at(-20)), 0).believed();
        assert!(!young.began_anew(at(-20)), "the very start that was told");
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
