//! What we believe of one backend between two polls: its accounts' lives with their last readings, its
//! counters, and the running sums of whoever holds them.

use std::collections::BTreeMap;

use litemap::LiteMap;

use crate::domain::{
    AccountName, ByteMinutes, Bytes, Epoch, HoldingNo, Identity, LifeNo, Map, Meter, Minutes, Month, Nature,
    Owner, Source, Span, Timestamp, UsageDay,
};

use super::change::DayChange;
use super::doubt::ListDoubt;

/// The beliefs about everything of one backend.
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    /// When we last saw the whole list of accounts; of the counters see [`Book::last_look_at`].
    pub last_look: Option<Timestamp>,
    /// Every life there ever was.
    pub lives: BTreeMap<LifeNo, Life>,
    /// The newest life of each name.
    pub names: Map<AccountName, LifeNo>,
    /// The last count believed of each counter.
    pub counters: Map<CounterKey, Baseline>,
    /// The newest list is doubted: too many are not in it.
    pub list_doubt: Option<ListDoubt>,
    /// The number that the next life gets.
    pub next_life: LifeNo,
    /// The number that the next holding gets.
    pub next_holding: HoldingNo,
}

impl SeriesBook {
    /// The sources of its totals, each once.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        let first = self.periods.keys().next().map(|(source, _)| source);
        std::iter::successors(first, |source| {
            // Behind the last of it: no span begins later.
            let after = ((*source).clone(), Span::LAST);
            self.periods.range(after..).next().map(|(key, _)| &key.0)
        })
    }
}

impl Default for Book {
    fn default() -> Book {
        Book {
            last_look: None,
            lives: BTreeMap::new(),
            names: Map::default(),
            counters: Map::default(),
            list_doubt: None,
            next_life: LifeNo::new(1),
            next_holding: HoldingNo::new(1),
        }
    }
}

/// One life of an account: nothing of it crosses into the next life of its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Life {
    /// The panel's name for it now.
    pub name: AccountName,
    /// Which life of that name it is, from 1.
    pub nth: u32,
    /// What the panel has reported about its identity.
    pub identity: Identity,
    /// When it was first seen.
    pub born: Timestamp,
    /// When the life before it, of the same name, was last seen.
    pub predecessor: Option<Timestamp>,
    /// It is not in the newest complete list.
    pub absence: Option<Absence>,
    /// Its end, once a later list has confirmed it: the first list without it.
    pub ended: Option<Timestamp>,
    /// Its meters: a short sorted list, where a tree would keep room for eleven.
    pub series: LiteMap<Meter, SeriesBook>,
    /// Its time, cut where its owner was found to have changed; never empty, oldest first.
    pub holdings: Vec<Holding>,
}

/// Since when an account is missing from complete lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// The first complete list without it.
    pub since: Timestamp,
    /// The last look at all accounts that still showed it.
    pub last_seen: Timestamp,
}

/// A stretch of a life's time. What is measured in it is distinguished from what is measured before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Holding {
    /// Its number.
    pub no: HoldingNo,
    /// The instant it begins after; 1970 for the first, which has all the past.
    pub from: Timestamp,
    /// Who pays for its days, oldest first; never empty. More than one only where somebody took over what had
    /// been unowned, or an operator moved a stretch.
    pub parts: Vec<Part>,
}

/// The days of a holding that one owner pays for: from `since` up to the next part's.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The first day; the first part has all days before, too.
    pub since: UsageDay,
    /// Who pays.
    pub owner: Owner,
    /// The newest month of each meter that has moved in it.
    pub months: LiteMap<Meter, MonthToDate>,
}

/// Which counter of a backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey {
    /// What it counts.
    pub meter: Meter,
    /// Whose it is, where it has no name of its own.
    pub own: Option<LifeNo>,
    /// Its name.
    pub source: Source,
}

impl CounterKey {
    /// The counter that `life` shows under this name.
    pub fn of(meter: Meter, source: &Source, life: LifeNo) -> CounterKey {
        let own = source.as_str().is_empty().then_some(life);
        CounterKey { meter, own, source: source.clone() }
    }
}

/// The beliefs about one meter of one life.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesBook {
    /// When the panel last measured it.
    pub at: Option<Timestamp>,
    /// The last level believed.
    pub level: Option<LevelBelief>,
    /// A much lower level that came after it, measured once and not believed yet.
    pub doubted: Option<DoubtedLevel>,
    /// The last total believed, for each source and span.
    pub periods: BTreeMap<(Source, Span), PeriodBelief>,
    /// All bytes settled since the name was first seen: a later life goes on where the one before ended,
    /// because a counter that others watch must not fall. A panel that revises a total downwards lowers it.
    pub total: Bytes,
    /// The largest `total` ever: what a counter that must never fall shows.
    pub shown: Bytes,
    /// Readings that jump further than can be: nothing is believed before an operator has looked.
    pub implausible: Option<Implausible>,
}

/// Readings held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Implausible {
    /// When the first of them was measured.
    pub since: Timestamp,
    /// Whether an operator has said that they are true: the next reading is believed.
    pub accepted: bool,
}

/// A level and when it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelBelief {
    /// When the panel measured.
    pub at: Timestamp,
    /// Bytes held from then on, until the next reading.
    pub level: Bytes,
}

/// A level that has collapsed, and is believed when a later measurement says it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoubtedLevel {
    /// When the panel first measured it.
    pub at: Timestamp,
    /// What it measured.
    pub level: Bytes,
    /// Whether an operator has said that it is true.
    pub accepted: bool,
}

/// The last count believed of one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// What the panel reported of the counter's beginning.
    pub epoch: Epoch,
    /// The count.
    pub count: Bytes,
    /// When the panel measured it.
    pub at: Timestamp,
    /// A lower count that came after it without a reported restart, not believed yet.
    pub doubt: Option<Doubt>,
    /// Whose life showed it.
    pub holder: LifeNo,
    /// The first complete look at which nobody had it.
    pub absent: Option<Timestamp>,
}

/// A number lower than the one believed: a panel that answers with old data, a restart it hides, or a
/// total it has really taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The lower count.
    pub count: Bytes,
    /// When the panel measured it.
    pub at: Timestamp,
}

/// The last total believed of one span, and the days its bytes were put on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodBelief {
    /// The total.
    pub total: Bytes,
    /// When the panel measured it.
    pub at: Timestamp,
    /// Where its bytes went: day by day, and on a day that was split to whoever held it.
    pub placed: BTreeMap<(UsageDay, HoldingNo), Bytes>,
    /// What was taken back from where, when it fell: there it returns to if it recovers.
    pub taken: BTreeMap<(UsageDay, HoldingNo), Bytes>,
    /// A lower total that came after it, reported once and not believed yet.
    pub doubt: Option<Doubt>,
    /// What of it is in the days of the service's other accounts, and on none of these.
    pub copied: Option<LeftOut>,
}

/// What of a total other accounts of the service had when it was last compared with theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// How much.
    pub amount: Bytes,
    /// When that was.
    pub at: Timestamp,
}

/// One month of one meter, as far as it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthToDate {
    /// Which month.
    pub month: Month,
    /// Bytes moved in it (flows) or the last level in it (levels).
    pub amount: Bytes,
    /// The part of `amount` whose day is an estimate.
    pub estimated: Bytes,
    /// Level times time.
    pub held: ByteMinutes,
    /// The minutes of the month that readings account for.
    pub covered: Minutes,
}

impl MonthToDate {
    /// A month of which nothing is settled yet.
    pub fn new(month: Month) -> MonthToDate {
        MonthToDate {
            month,
            amount: Bytes::ZERO,
            estimated: Bytes::ZERO,
            held: ByteMinutes::ZERO,
            covered: Minutes::ZERO,
        }
    }

    /// Takes in what was added to one of its days. What the sums of a month cannot hold was refused before.
    pub fn add(&mut self, meter: Meter, change: &DayChange) {
        let sum = |so_far: Bytes, more: i128| Bytes::from_wide(so_far.wide() + more).unwrap_or(so_far);
        match meter.nature() {
            Nature::Flow => self.amount = sum(self.amount, change.added),
            Nature::Level => self.amount = change.level.unwrap_or(self.amount),
        }
        self.estimated = sum(self.estimated, change.estimated);
        self.held += change.held;
        self.covered += change.covered;
    }
}

impl Life {
    /// A life that was not seen before: nobody's, until somebody is found to own it.
    pub fn new(name: &AccountName, nth: u32, born: Timestamp, holding: HoldingNo) -> Life {
        Life {
            name: name.clone(),
            nth,
            identity: Identity::new(),
            born,
            predecessor: None,
            absence: None,
            ended: None,
            series: LiteMap::new(),
            holdings: vec![Holding::new(holding, Timestamp::EPOCH, Owner::Unowned)],
        }
    }

    /// The stretch that now runs.
    pub fn holding(&self) -> &Holding {
        // Never empty: it is made with one, and none is ever taken away.
        &self.holdings[self.holdings.len() - 1]
    }

    /// Who pays for what is measured from now on.
    pub fn owner(&self) -> &Owner {
        self.holding().owner()
    }

    /// The stretch that an instant belongs to: the commit that opens one still belongs to the one before.
    pub fn holding_at(&self, at: Timestamp) -> HoldingNo {
        let found = self.holdings.iter().rev().find(|holding| holding.from < at);
        found.unwrap_or(&self.holdings[0]).no
    }

    /// Whether the panel has it, as far as the newest complete list reports.
    pub fn is_present(&self) -> bool {
        self.ended.is_none() && self.absence.is_none()
    }

    /// Its name among other lives of that name: `104`, and for an earlier life `104~1`.
    pub fn label(&self, newest: bool) -> String {
        if newest { self.name.to_string() } else { format!("{}~{}", self.name, self.nth) }
    }
}

impl Holding {
    /// A stretch of one owner.
    pub fn new(no: HoldingNo, from: Timestamp, owner: Owner) -> Holding {
        Holding { no, from, parts: vec![Part { since: UsageDay::FIRST, owner, months: LiteMap::new() }] }
    }

    /// Who pays for its newest days.
    pub fn owner(&self) -> &Owner {
        &self.parts[self.parts.len() - 1].owner
    }

    /// The part that a day belongs to, by its place.
    pub fn part_of(&self, day: UsageDay) -> usize {
        self.parts.iter().rposition(|part| part.since <= day).unwrap_or(0)
    }

    /// Who pays for which days once `owner` pays for those from `since` on: first day and owner, oldest first.
    pub fn parted(&self, since: UsageDay, owner: &Owner) -> Vec<(UsageDay, Owner)> {
        let kept = self.parts.iter().filter(|part| part.since < since);
        let mut parts: Vec<(UsageDay, Owner)> = kept.map(|part| (part.since, part.owner.clone())).collect();
        match parts.last() {
            None => parts.push((UsageDay::FIRST, owner.clone())),
            Some((_, last)) if last == owner => {}
            Some(_) => parts.push((since, owner.clone())),
        }
        parts
    }
}

/// Puts the days of one holding on its parts: what the newest month of each meter has come to in each. Days
/// come in order.
pub fn put_on_parts<'d>(
    parts: Vec<(UsageDay, Owner)>,
    days: impl Iterator<Item = (Meter, UsageDay, &'d DayChange)>,
) -> Vec<Part> {
    let part = |(since, owner)| Part { since, owner, months: LiteMap::new() };
    let mut parts: Vec<Part> = parts.into_iter().map(part).collect();
    for (meter, day, change) in days {
        let place = parts.iter().rposition(|part| part.since <= day).unwrap_or(0);
        parts[place].add(meter, day, change);
    }
    parts
}

impl Part {
    /// Takes in what was added to one of its days.
    pub fn add(&mut self, meter: Meter, day: UsageDay, change: &DayChange) {
        let of = day.month();
        let newest = self.months.entry(meter).or_insert_with(|| MonthToDate::new(of));
        if newest.month < of {
            *newest = MonthToDate::new(of);
        }
        if newest.month == of {
            newest.add(meter, change);
        }
    }
}

impl Book {
    /// When the counters of a meter were last seen: a counter that began later is new in full. The list of accounts may
    /// have been seen since, by polls that could read no counter at all. Only what was there to be read shows that.
    pub fn last_look_at(&self, meter: Meter) -> Option<Timestamp> {
        let of_meter = self.counters.iter().filter(|(key, _)| key.meter == meter);
        let is_there = |one: &&Baseline| {
            one.absent.is_none() && self.lives.get(&one.holder).is_some_and(Life::is_present)
        };
        let there = of_meter.map(|(_, baseline)| baseline).filter(is_there);
        // One that is doubted was read, too.
        let read = there.map(|one| one.doubt.map_or(one.at, |doubt| doubt.at.max(one.at)));
        match read.max() {
            Some(read) => self.last_look.map(|look| look.min(read)),
            // Where there is none, none was missed.
            None => self.last_look,
        }
    }

    /// The newest life of a name.
    pub fn life(&self, name: &AccountName) -> Option<&Life> {
        self.lives.get(self.names.get(name)?)
    }

    /// One meter of the newest life of a name.
    pub fn series(&self, name: &AccountName, meter: Meter) -> Option<&SeriesBook> {
        self.life(name)?.series.get(&meter)
    }

    /// Every life of a name, in the order in which they had it.
    pub fn lives_of(&self, name: &AccountName) -> impl DoubleEndedIterator<Item = (LifeNo, &Life)> {
        let its = self.lives.iter().filter(|(_, life)| life.name == *name);
        let mut its: Vec<(LifeNo, &Life)> = its.map(|(no, life)| (*no, life)).collect();
        its.sort_by_key(|(_, life)| life.nth);
        its.into_iter()
    }

    /// The holding with this number, and whose life it is.
    pub fn holding(&self, no: HoldingNo) -> Option<(LifeNo, &Holding)> {
        let found = |(life, one): (&LifeNo, &'_ Life)| {
            one.holdings.iter().position(|holding| holding.no == no).map(|place| (*life, place))
        };
        let (life, place) = self.lives.iter().find_map(found)?;
        Some((life, &self.lives.get(&life)?.holdings[place]))
    }

    /// The life that is called so: the newest, or with `~N` at the end an earlier one.
    pub fn called(&self, name: &AccountName) -> Option<LifeNo> {
        if let Some(found) = self.names.get(name) {
            return Some(*found);
        }
        let (name, nth) = name.as_str().rsplit_once('~')?;
        let nth: u32 = nth.parse().ok()?;
        let found = self.lives.iter().find(|(_, life)| life.name.as_str() == name && life.nth == nth);
        found.map(|(no, _)| *no)
    }
}
