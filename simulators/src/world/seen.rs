//! Counters as they were seen: what grew between two looks and whose it is, and what was lost in between.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::{Metric, Owner};
use super::oracle::Oracle;
use super::panels::{Answer, Begun, Counter, Shown, Truly};
use super::truth::Truth;
use crate::growth::Traffic;

/// The life it is the only counter of, or what the panel calls it.
pub(super) type SourceKey = (Option<usize>, String);

/// An answer, and when the counters of each way were seen last before it.
pub(super) struct Looks {
    pub at: i64,
    pub before: BTreeMap<Metric, Option<i64>>,
}

/// A counter as it is believed to stand.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// In which account.
    pub life: usize,
    /// Whether a whole list was seen since that had it nowhere, and its account all the same.
    was_nowhere: bool,
    /// Whether a whole list was seen since that had neither it nor its account.
    was_away: bool,
    pub ways: BTreeMap<Metric, Way>,
}

impl Seen {
    /// Whether nobody had it before this life shows it. One that was away with its account has only come back.
    fn was_nobodys(&self, life: usize) -> bool {
        self.was_nowhere || self.was_away && self.life != life
    }
}

/// One way of a counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    at: i64,
    pub count: u64,
    pub truly: Truly,
    /// A count below it, told without a word of a restart: not believed before it is told twice.
    doubt: Option<(i64, u64)>,
}

/// What a reading means.
struct Step {
    way: Way,
    /// Since when so many bytes grew, if any is proven.
    grew: Option<(i64, u64)>,
    /// Whether what did not grow is lost for ever.
    is_final: bool,
    cause: &'static str,
}

impl Oracle {
    /// The counters of one account were read. What one of several says counts; the account is read when all say
    /// something that is believed.
    pub(super) fn counters(
        &mut self,
        backend: usize,
        life: usize,
        shown: &Shown,
        looks: &Looks,
        truth: &Truth,
    ) {
        let at = looks.at;
        let mut doubted = BTreeSet::new();
        for counter in &shown.counters {
            self.counted((backend, life), counter, truth, &mut doubted, looks);
        }
        for metric in [Metric::In, Metric::Out] {
            if !shown.counters.is_empty() && !doubted.contains(&metric) {
                self.lives[life].was_read(metric, at);
            }
        }
    }

    fn counted(
        &mut self,
        (backend, life): (usize, usize),
        counter: &Counter,
        truth: &Truth,
        doubted: &mut BTreeSet<Metric>,
        looks: &Looks,
    ) {
        let at = looks.at;
        let own = counter.source.is_empty().then_some(life);
        let key = (own, counter.source.clone());
        let before = self.backends[backend].seen.remove(&key);
        // Measured before what is believed, by a clock that fell back: it is old news.
        if let Some(newer) = before.clone().filter(|seen| seen.ways.values().any(|way| way.at > at)) {
            self.backends[backend].seen.insert(key, newer);
            return;
        }
        let mut ways = BTreeMap::new();
        for (metric, count) in [(Metric::In, counter.received), (Metric::Out, counter.sent)] {
            let last_look = looks.before.get(&metric).copied().flatten();
            let now = Way { at, count, truly: counter.truly, doubt: None };
            let known = before.as_ref().and_then(|seen| seen.ways.get(&metric));
            // Once nobody had it, what it says is news.
            let was_nobodys = before.as_ref().is_some_and(|seen| seen.was_nobodys(life));
            let mut step = match known.filter(|_| !was_nobodys) {
                None => first(now, counter.begun, last_look),
                Some(known) => next(now, counter.begun, *known),
            };
            if was_nobodys {
                step.cause = "in nobody's pool for a while";
            }
            // What a counter grew by is whose it was.
            let holder = before.as_ref().filter(|_| !was_nobodys).map_or(life, |seen| seen.life);
            if !step.is_final {
                doubted.insert(metric);
            }
            self.booked(metric, &step, holder, at, truth);
            ways.insert(metric, step.way);
        }
        self.backends[backend].seen.insert(key, Seen { life, was_nowhere: false, was_away: false, ways });
    }

    /// Puts what grew into the books, and what was lost into a gap.
    fn booked(&mut self, metric: Metric, step: &Step, holder: usize, at: i64, truth: &Truth) {
        let (source, cause) = (step.way.truly.source, step.cause);
        let mut grew = 0;
        if let Some((since, bytes)) = step.grew {
            self.ledger.passed(self.lives[holder].holding, metric, (since, at), bytes);
            grew = bytes;
        }
        if !step.is_final {
            return;
        }
        let passed = truth.source(source).map_or(0, |found| of(metric, found.moved(i64::MIN, at)));
        let before = self.accounted.insert((source, metric), passed).unwrap_or(0);
        self.not_seen(at, metric, i128::from(passed - before) - i128::from(grew), cause);
    }

    /// When a counter that there was would have been seen: with the last list, if any of those that are there was read.
    pub(super) fn last_look_at(&self, backend: usize, metric: Metric) -> Option<i64> {
        let side = &self.backends[backend];
        let there = side.seen.values().filter(|seen| !seen.was_nowhere && self.lives[seen.life].is_there());
        let ways = there.filter_map(|seen| seen.ways.get(&metric));
        let read = ways.map(|way| way.doubt.map_or(way.at, |(at, _)| at.max(way.at))).max();
        read.map_or(side.last_look, |read| side.last_look.map(|look| look.min(read)))
    }

    /// Guests that a whole list had nowhere.
    pub(super) fn nowhere(&mut self, backend: usize, answer: &Answer, present: &[usize]) {
        // Of one that could not be read nobody knows what it has.
        let unread = answer.accounts.iter().zip(present).filter(|(shown, _)| shown.unread);
        let unread: BTreeSet<usize> = unread.map(|(_, life)| *life).collect();
        let counters = answer.accounts.iter().flat_map(|shown| &shown.counters);
        let there: BTreeSet<&str> = counters.map(|counter| counter.source.as_str()).collect();
        for ((own, source), seen) in &mut self.backends[backend].seen {
            if own.is_none() && !there.contains(source.as_str()) && !unread.contains(&seen.life) {
                match present.contains(&seen.life) {
                    true => seen.was_nowhere = true,
                    false => seen.was_away = true,
                }
            }
        }
    }

    /// All bytes of one way that passed through the sources of this world, and where they are: in somebody's or
    /// nobody's books, in gaps, and not seen yet. The first is the sum of the others, or this bookkeeper is wrong.
    pub fn balance(&self, metric: Metric, truth: &Truth, at: i64) -> (i128, i128) {
        let owners: BTreeSet<&Owner> = self.ledger.holdings().iter().map(|holding| &holding.owner).collect();
        let of_owner = |owner: &Owner| -> i128 {
            let months = self.ledger.months_of(owner, metric).into_iter();
            months.filter_map(|month| self.ledger.month(owner, metric, month)).sum()
        };
        let held: i128 = owners.into_iter().map(of_owner).sum();
        let corrected = if metric == Metric::Out { self.corrected } else { 0 };
        let revised = self.revised.get(&metric).copied().unwrap_or(0);
        let in_gaps: i128 = self.unseen.iter().filter(|gap| gap.metric == metric).map(|gap| gap.amount).sum();
        let (mut passed, mut not_yet) = (0, 0);
        for (id, source) in truth.sources() {
            let all = i128::from(of(metric, source.moved(i64::MIN, at)));
            passed += all;
            not_yet += all - i128::from(self.accounted.get(&(id, metric)).copied().unwrap_or(0));
        }
        (passed, held - corrected - revised + in_gaps + not_yet)
    }
}

/// A counter that was never seen: it counts only if it is proven to have begun after everything was seen.
fn first(now: Way, begun: Begun, last_look: Option<i64>) -> Step {
    let step = |grew| Step { way: now, grew, is_final: true, cause: "first sight" };
    match (started(begun, now.at), last_look) {
        (Some(since), Some(look)) if since > look => step(Some((since, now.count))),
        _ => step(None),
    }
}

/// A counter that was seen before.
fn next(now: Way, begun: Begun, before: Way) -> Step {
    let cause = "passed before a counter began anew, and was not seen";
    let step = |way, grew| Step { way, grew, is_final: true, cause };
    if let Some(since) = started(begun, now.at) {
        if now.truly == before.truly && now.count >= before.count {
            return step(now, Some((before.at, now.count - before.count)));
        }
        // A new run, and the panel says so: all it has counted is new. So it is where the last look may have been
        // answered from a cache.
        let from_a_cache = matches!(begun, Begun::At(_)) && now.count < before.count;
        if since > before.at - if from_a_cache { 3_600 } else { 0 } {
            return step(now, Some((since.max(before.at), now.count)));
        }
        // Another account has the name, whose counter began before: nothing proves what of it is new.
        let is_behind = match begun {
            Begun::At(_) => since < before.truly.run_from,
            _ => since > before.truly.run_from,
        };
        if is_behind {
            return behind(now, before);
        }
    }
    match (now.count.checked_sub(before.count), before.doubt) {
        (Some(growth), _) => step(now, Some((before.at, growth))),
        // Low twice: it began anew, unseen. What it had counted by the first low reading is not proven.
        (None, Some((low_at, low))) if now.count >= low && now.at > low_at => {
            step(now, Some((low_at, now.count - low)))
        }
        (None, _) => {
            let way = Way { doubt: Some((now.at, now.count)), ..before };
            Step { way, grew: None, is_final: false, cause }
        }
    }
}

/// What looks like an old answer is one for an hour. Then it is another counter, known from its first reading on.
fn behind(now: Way, before: Way) -> Step {
    let step = |way, grew, is_final| Step { way, grew, is_final, cause: "another's counter under the name" };
    match before.doubt {
        None => step(Way { doubt: Some((now.at, now.count)), ..before }, None, false),
        Some((at, _)) if now.at - at < 3_600 => step(before, None, false),
        Some((at, count)) => step(now, now.count.checked_sub(count).map(|growth| (at, growth)), true),
    }
}

fn started(begun: Begun, at: i64) -> Option<i64> {
    match begun {
        Begun::Ago(seconds) => Some(at - i64::try_from(seconds).unwrap_or(i64::MAX)),
        Begun::At(began) => Some(began),
        Begun::Untold => None,
    }
}

fn of(metric: Metric, moved: Traffic) -> u64 {
    match metric {
        Metric::In => moved.received,
        Metric::Out | Metric::GbMonth => moved.sent,
    }
}
