//! Whose reading it is: the lives that a list of accounts shows, begins, misses and ends.
//!
//! A name is not an identity: panels give freed names to somebody else. Where the panel reports what makes an
//! account itself, that decides; else an account that was away is the same only if its numbers went on.

use std::collections::{BTreeMap, HashSet};

use super::book::{Absence, Baseline, Book, CounterKey, Life};
use super::change::{LifeChange, LifeEvent};
use super::doubt::Crowd;
use crate::domain::{
    AccountName, Bytes, Epoch, Harvest, Harvested, Identity, LifeNo, Likeness, Map, Meter, Reading, Seconds,
    Set, Source, Timestamp,
};

/// A later complete list confirms that an account is gone; one that comes sooner than this is the same look.
const CONFIRMED_AFTER: Seconds = Seconds::new(120);

/// Whose life each account of a harvest is, and what became of lives by it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// What became of lives, in order.
    pub changes: Vec<LifeChange>,
    /// Counters that no account has any more, from this look on.
    pub lost: Vec<CounterKey>,
    /// How many accounts, of how many, are not in a list that is doubted for it: nothing is made of their absence.
    pub shrunk: Option<(usize, usize)>,
    /// The life that each account of the harvest is, in the harvest's order.
    shown: Vec<LifeNo>,
    /// The lives of names that are not as the book has them.
    of: Map<AccountName, LifeNo>,
    /// Lives that began with this look.
    born: BTreeMap<LifeNo, Life>,
    /// Lives that were missing and are listed again.
    back: Set<LifeNo>,
}

impl Look {
    /// The look that makes these changes: for settling a harvest again.
    pub fn again(book: &Book, changes: Vec<LifeChange>, lost: Vec<CounterKey>) -> Look {
        let mut look = Look { lost, ..Look::default() };
        for change in changes {
            look.take(book, change);
        }
        look
    }

    /// The life that each account of the harvest is, in the harvest's order.
    pub(super) fn shown(&self, book: &Book, harvest: &Harvest) -> Vec<Option<LifeNo>> {
        let accounts = harvest.accounts();
        match self.shown.len() == accounts.len() {
            true => self.shown.iter().copied().map(Some).collect(),
            // It was not made of this harvest, but is settled with it again.
            false => accounts.keys().map(|name| self.life_of(book, name)).collect(),
        }
    }

    /// The life that an account of the harvest is.
    pub fn life_of(&self, book: &Book, name: &AccountName) -> Option<LifeNo> {
        self.of.get(name).or_else(|| book.names.get(name)).copied()
    }

    /// A life as it is at the beginning of this look.
    pub fn life<'a>(&'a self, book: &'a Book, no: LifeNo) -> Option<&'a Life> {
        self.born.get(&no).or_else(|| book.lives.get(&no))
    }

    /// Whether a life began with this look.
    pub(super) fn is_born(&self, no: LifeNo) -> bool {
        self.born.contains_key(&no)
    }

    /// The lives that are listed again.
    pub(super) fn back(&self) -> &Set<LifeNo> {
        &self.back
    }

    /// Whether one life takes the name of the other, which has ended.
    pub(super) fn replaces(&self, book: &Book, no: LifeNo, before: LifeNo) -> bool {
        let name = |no| self.life(book, no).map(|life| &life.name);
        self.is_born(no) && no != before && name(no) == name(before)
    }

    fn take(&mut self, book: &Book, change: LifeChange) {
        match &change.event {
            LifeEvent::Born { name, at, holding, predecessor } => {
                self.born.insert(change.life, book.newborn(name, *at, *holding, *predecessor));
                self.of.insert(name.clone(), change.life);
            }
            LifeEvent::Renamed(name) => drop(self.of.insert(name.clone(), change.life)),
            LifeEvent::Back => drop(self.back.insert(change.life)),
            LifeEvent::Identified(_) | LifeEvent::Missing(_) | LifeEvent::Ended(_) => {}
        }
        self.changes.push(change);
    }
}

/// What is expected of an answer.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The names that get another owner in the same commit: what they show is held against what is believed, as if
    /// they had been away.
    pub changing: HashSet<AccountName>,
    /// The names that may well be gone, and never count towards a list that has shrunk.
    pub leaving: HashSet<AccountName>,
    /// How many accounts may be missing at once.
    pub crowd: Crowd,
}

/// Looks at a harvest asked for at `now`.
pub fn look(book: &Book, harvest: &Harvest, now: Timestamp, expected: &Expected) -> Look {
    let mut looking = Looking { book, now, look: Look::default(), unique: unique_ids(book, harvest) };
    for (name, harvested) in harvest.accounts() {
        let changing = !expected.changing.is_empty() && expected.changing.contains(name);
        let life = looking.account(name, harvested, changing);
        looking.look.shown.push(life);
    }
    if harvest.is_complete() {
        looking.absent(harvest, expected);
    }
    if harvest.has_every_source() && looking.look.shrunk.is_none() {
        looking.lost(harvest);
    }
    looking.look
}

/// The lives that can be known under another name: those whose id no other account ever has, and whose own
/// name the harvest does not show, or shows as another account.
fn unique_ids<'a>(book: &'a Book, harvest: &Harvest) -> Map<&'a str, LifeNo> {
    let shown = harvest.accounts().values().any(|harvested| harvested.facts.identity.unique().is_some());
    if !shown {
        return Map::default();
    }
    let movable = book.lives.iter().filter_map(|(no, life)| {
        let id = life.identity.unique()?;
        let shown = harvest.accounts().get(&life.name).filter(|_| book.names.get(&life.name) == Some(no));
        let is_there = shown.is_some_and(|shown| shown.facts.identity.unique().is_none_or(|it| it == id));
        (!is_there).then_some((id, *no))
    });
    movable.collect()
}

struct Looking<'a> {
    book: &'a Book,
    now: Timestamp,
    look: Look,
    unique: Map<&'a str, LifeNo>,
}

/// What an account's numbers say of whether it is the one that is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    /// It shows less than is believed: it is another.
    Less,
    /// It shows nothing that could be compared.
    Nothing,
    /// It shows everything that is believed, or more.
    All,
}

impl Looking<'_> {
    /// The life that an account is, once it is noted what became of it.
    fn account(&mut self, name: &AccountName, harvested: &Harvested, changing: bool) -> LifeNo {
        let shown = &harvested.facts.identity;
        let Some(no) = self.book.names.get(name).copied() else {
            return self.newcomer(name, shown);
        };
        let Some(life) = self.book.lives.get(&no) else { return no };
        match life.identity.compare(shown) {
            Likeness::Different => return self.newcomer(name, shown),
            Likeness::Same => {}
            Likeness::Unknown => {
                let away = life.absence.is_some() || life.ended.is_some();
                let unread = harvested.unread.iter().any(|unread| unread.meter.is_none());
                let compared = || self.shown(no, life, harvested);
                // What cannot be read proves nothing, one way or the other: then it waits.
                let is_other = match (away || changing, life.ended.is_some()) {
                    (true, true) => !unread && compared() != Shown::All,
                    (true, false) => compared() == Shown::Less,
                    (false, _) => false,
                };
                if is_other {
                    return self.newcomer(name, shown);
                }
            }
        }
        self.returned(no, life);
        self.identify(no, &life.identity, shown);
        no
    }

    /// An account that is listed again, if it was away.
    fn returned(&mut self, no: LifeNo, life: &Life) {
        if life.absence.is_some() || life.ended.is_some() {
            self.change(no, LifeEvent::Back);
        }
    }

    /// An account that is not the one its name had: known by its id under another name, or new.
    fn newcomer(&mut self, name: &AccountName, shown: &Identity) -> LifeNo {
        let known = shown.unique().and_then(|id| self.unique.get(id)).copied();
        if let Some((no, life)) = known.and_then(|no| Some((no, self.book.lives.get(&no)?))) {
            // It may have been away as well, and have come back under its new name.
            self.returned(no, life);
            self.change(no, LifeEvent::Renamed(name.clone()));
            self.identify(no, &life.identity, shown);
            return no;
        }
        let born = self.look.born.len() as u32;
        let no = LifeNo::new(self.book.next_life.get() + born);
        let holding = crate::domain::HoldingNo::new(self.book.next_holding.get() + born);
        let predecessor = self.book.life(name).map(|before| {
            let last_seen = before.absence.map(|absence| absence.last_seen).or(self.book.last_look);
            last_seen.unwrap_or(before.born)
        });
        self.change(no, LifeEvent::Born { name: name.clone(), at: self.now, holding, predecessor });
        self.identify(no, &Identity::new(), shown);
        no
    }

    fn identify(&mut self, no: LifeNo, known: &Identity, shown: &Identity) {
        if !shown.is_empty() && known.joined(shown) != *known {
            self.change(no, LifeEvent::Identified(shown.clone()));
        }
    }

    fn change(&mut self, life: LifeNo, event: LifeEvent) {
        self.look.take(self.book, LifeChange { life, event });
    }

    /// Compares what an account shows with what is believed of a life that was away, or may have been.
    fn shown(&self, no: LifeNo, life: &Life, harvested: &Harvested) -> Shown {
        let last_seen = life.absence.map(|absence| absence.last_seen);
        let mut shown = Shown::Nothing;
        for (meter, reading) in &harvested.readings {
            let one = match reading {
                Reading::Gauge { .. } => Shown::Nothing,
                Reading::Counter { source, at, epoch, count } => {
                    let key = CounterKey::of(*meter, source, no);
                    let believed = self.book.counters.get(&key).filter(|baseline| baseline.holder == no);
                    believed
                        .map_or(Shown::Nothing, |believed| went_on(believed, last_seen, *at, *epoch, *count))
                }
                Reading::PeriodTotal { source, span, total, .. } => {
                    let series = life.series.get(meter);
                    let believed = series.and_then(|series| series.periods.get(&(source.clone(), *span)));
                    match believed {
                        Some(believed) if *total < believed.total => Shown::Less,
                        Some(_) if last_seen.is_none_or(|seen| span.end() <= seen) => Shown::All,
                        _ => Shown::Nothing,
                    }
                }
            };
            match one {
                Shown::Less => return Shown::Less,
                one => shown = shown.max(one),
            }
        }
        shown
    }

    /// Who is not in a complete list is missing, and with a later one gone; unless many are, or the list is empty.
    fn absent(&mut self, harvest: &Harvest, expected: &Expected) {
        let mut listed = self.look.shown.clone();
        listed.sort_unstable();
        // Whose name another account begins a life under has ended with that.
        let replaced = |life: &Life| self.look.of.get(&life.name).is_some_and(|no| self.look.is_born(*no));
        let living = self.book.lives.iter().filter(|(_, life)| life.ended.is_none());
        let absent = living.filter(|(no, life)| listed.binary_search(no).is_err() && !replaced(life));
        let absent: Vec<(LifeNo, Option<Absence>)> = absent.map(|(no, life)| (*no, life.absence)).collect();
        self.look.shrunk = self.shrunk(harvest, &absent, expected);
        if self.look.shrunk.is_some() {
            return;
        }
        for (no, absence) in absent {
            match absence {
                None => {
                    let last_seen = self.book.last_look.unwrap_or(self.now).min(self.now);
                    self.change(no, LifeEvent::Missing(Absence { since: self.now, last_seen }));
                }
                Some(absence) if self.now.since(absence.since) >= CONFIRMED_AFTER => {
                    self.change(no, LifeEvent::Ended(absence.since));
                }
                Some(_) => {}
            }
        }
    }

    /// Whether a list is doubted for those that are not in it, and nobody has said that it is true.
    fn shrunk(
        &self,
        harvest: &Harvest,
        absent: &[(LifeNo, Option<Absence>)],
        expected: &Expected,
    ) -> Option<(usize, usize)> {
        let counts = |life: &Life| life.is_present() && !expected.leaving.contains(&life.name);
        let of = self.book.lives.values().filter(|life| counts(life)).count();
        let lives = absent.iter().filter_map(|(no, _)| self.book.lives.get(no));
        let vanished = lives.filter(|life| counts(life)).count();
        let is_empty = harvest.accounts().is_empty() && vanished > 0;
        let accepted = self.book.list_doubt.is_some_and(|doubt| doubt.accepted);
        ((is_empty || expected.crowd.is(vanished, of)) && !accepted).then_some((vanished, of))
    }

    /// Counters that a complete look shows nobody to have. One whose account could not be read in full may well
    /// be there.
    fn lost(&mut self, harvest: &Harvest) {
        let mut shown: Set<(Meter, &Source)> = Set::default();
        for (meter, reading) in harvest.accounts().values().flat_map(|harvested| &harvested.readings) {
            if let Reading::Counter { source, .. } = reading
                && !source.as_str().is_empty()
            {
                shown.insert((*meter, source));
            }
        }
        let unread = |holder: LifeNo, meter: Meter| {
            let name = self.look.life(self.book, holder).map(|life| &life.name);
            let harvested = name.and_then(|name| harvest.accounts().get(name));
            harvested.is_some_and(|harvested| {
                harvested.unread.iter().any(|unread| unread.meter.is_none_or(|about| about == meter))
            })
        };
        let is_lost = |(key, baseline): &(&CounterKey, &Baseline)| {
            // An account's own counter is away when the account is.
            baseline.absent.is_none()
                && key.own.is_none()
                && !shown.contains(&(key.meter, &key.source))
                && !unread(baseline.holder, key.meter)
        };
        let mut lost: Vec<CounterKey> =
            self.book.counters.iter().filter(is_lost).map(|(key, _)| key.clone()).collect();
        lost.sort_unstable();
        self.look.lost = lost;
    }
}

/// Whether a counter goes on from what is believed of it. Without a time it was last seen it was never away,
/// and it is only asked whether it began anew.
fn went_on(
    believed: &Baseline,
    last_seen: Option<Timestamp>,
    at: Timestamp,
    epoch: Epoch,
    count: Bytes,
) -> Shown {
    let was_stopped = matches!(believed.epoch, Epoch::Running(uptime) if uptime == Seconds::new(0))
        || believed.doubt.is_some_and(|doubt| doubt.count == Bytes::ZERO);
    let away = at.since(last_seen.unwrap_or(believed.at));
    match epoch {
        Epoch::Running(uptime) | Epoch::ResetWhileRunning(uptime) => {
            let stands_still = uptime == Seconds::new(0) && count == Bytes::ZERO;
            match (stands_still, was_stopped) {
                (true, true) => Shown::All,
                _ if uptime < away || count < believed.count => Shown::Less,
                _ => Shown::All,
            }
        }
        // A later start is reported: the count began anew, and says nothing of whose it is.
        Epoch::Since(start) if matches!(believed.epoch, Epoch::Since(known) if start > known) => {
            Shown::Nothing
        }
        _ if count < believed.count => Shown::Less,
        _ => Shown::All,
    }
}

#[cfg(test)]
mod tests {
    use super::super::settle;
    use super::*;
    use crate::domain::{BillingZone, Bytes};
    use crate::metering::{Bounds, SettleRules};

    /// The pools of a cluster, one guest that wanders between them, and what each is settled to have moved.
    struct Pools {
        book: Book,
        lists_sources: bool,
        minutes: i64,
    }

    impl Pools {
        fn new(lists_sources: bool) -> Pools {
            Pools { book: Book::default(), lists_sources, minutes: 0 }
        }

        /// A quarter of an hour later: the guest has counted so much, in this pool or in none.
        fn shows(&mut self, pool: Option<&str>, count: u64) {
            self.minutes += 15;
            let now = Timestamp::new(1_795_000_000 + self.minutes * 60).expect("in range");
            let mut harvest = Harvest::new();
            for name in ["a", "b"] {
                let account = AccountName::new(name).expect("a name");
                let mut read = |source: &str, count: u64| {
                    let source = Source::new(source).expect("a source");
                    let count = Bytes::new(count).expect("fits");
                    let reading = Reading::Counter { source, at: now, epoch: Epoch::Silent, count };
                    harvest.add_reading(&account, Meter::TrafficOut, reading);
                };
                read(&format!("qemu/{name}"), 5);
                if pool == Some(name) {
                    read("qemu/104", count);
                }
            }
            harvest.listed_everyone();
            if self.lists_sources {
                harvest.listed_every_source();
            }
            let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
            let rules = SettleRules { zone, max_gap: Seconds::hours(26), bounds: Bounds::default() };
            let settled = settle(&self.book, &harvest, now, &rules);
            self.book.apply(&settled);
        }

        fn moved(&self) -> [u64; 2] {
            ["a", "b"].map(|name| {
                let name = AccountName::new(name).expect("a name");
                self.book.series(&name, Meter::TrafficOut).map_or(0, |series| series.total.get())
            })
        }
    }

    #[test]
    fn a_guest_that_wanders_between_pools_is_counted_once_for_whoever_had_it() {
        let mut pools = Pools::new(true);
        pools.shows(Some("a"), 100);
        pools.shows(Some("a"), 300);
        assert_eq!(pools.moved(), [200, 0]);
        pools.shows(Some("b"), 500);
        assert_eq!(pools.moved(), [400, 0], "until it was seen in the other it was in the first");
        pools.shows(Some("b"), 50_500);
        pools.shows(Some("a"), 50_600);
        pools.shows(Some("a"), 50_700);
        assert_eq!(pools.moved(), [500, 50_100], "and not all of it again when it comes back");
    }

    #[test]
    fn what_a_guest_moved_while_it_was_in_no_pool_is_nobodys() {
        let mut pools = Pools::new(true);
        pools.shows(Some("a"), 100);
        pools.shows(None, 0);
        pools.shows(Some("b"), 1_000);
        pools.shows(Some("b"), 1_007);
        assert_eq!(pools.moved(), [0, 7]);
        // A counter of a node that was down is no guest in no pool: it is caught up with.
        let mut nodes = Pools::new(false);
        nodes.shows(Some("a"), 100);
        nodes.shows(None, 0);
        nodes.shows(Some("a"), 1_000);
        assert_eq!(nodes.moved(), [900, 0]);
    }
}
