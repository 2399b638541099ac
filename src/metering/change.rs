//! What settling changes: the rules it goes by, and what it adds to lives, days and beliefs.

use litemap::LiteMap;

use super::book::{
    Absence, Baseline, Book, CounterKey, DoubtedLevel, Holding, Implausible, LevelBelief, Life, Part,
    PeriodBelief, SeriesBook,
};
use super::doubt::ListDoubt;
use super::note::{Note, Noted};
use crate::domain::{
    AccountName, BillingZone, ByteMinutes, Bytes, HoldingNo, Identity, LifeNo, Meter, Minutes, Owner,
    Seconds, Source, Span, Timestamp, UsageDay,
};

/// The rules that are the same for every account.
#[derive(Clone, Copy, Debug)]
pub struct SettleRules {
    /// The zone that cuts days and months.
    pub zone: BillingZone,
    /// How long a level is carried on, and a counter's growth across a midnight still distinguished by
    /// day. What lies further apart is a gap.
    pub max_gap: Seconds,
    /// How far a reading may jump or fall and be believed at once.
    pub bounds: Bounds,
}

/// How far a reading may jump or fall and be believed at once. Kept with every entry of the journal: it is settled
/// again by what held then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most that can pass through an account in a second; what jumps further is held back. `None` holds nothing
    /// back.
    pub max_rate: Option<Bytes>,
    /// The same of what an account stores.
    pub max_storage_rate: Option<Bytes>,
    /// A level that falls by more than so many of a hundred, or to nothing, has collapsed.
    pub collapse_percent: u32,
    /// One of less than this may fall to anything but nothing.
    pub collapse_least: Bytes,
    /// It came by another road than before: nothing that fell is settled.
    pub new_road: bool,
}

impl Default for Bounds {
    fn default() -> Bounds {
        let collapse_least = Bytes::new(1 << 30).unwrap_or(Bytes::ZERO);
        Bounds {
            max_rate: None,
            max_storage_rate: None,
            collapse_percent: 90,
            collapse_least,
            new_road: false,
        }
    }
}

/// What a poll changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled {
    /// What became of lives, in the order it happened.
    pub lives: Vec<LifeChange>,
    /// The series that changed, in order of life and meter.
    pub changes: Vec<SeriesChange>,
    /// The counters whose baseline changed, in order.
    pub counters: Vec<(CounterKey, Baseline)>,
    /// Who owns what from now on, in the order it was found. All that was measured comes before.
    pub owners: Vec<OwnerChange>,
    /// What was noticed.
    pub notes: Vec<Noted>,
    /// When the whole list of accounts was last seen.
    pub last_look: Option<Timestamp>,
    /// What readings were held against.
    pub bounds: Bounds,
    /// The doubt of the newest list that stands from now on.
    pub list_doubt: Option<ListDoubt>,
}

impl Settled {
    /// Whether nothing that is believed changes; the time of the last look, and whether it is doubted, may.
    pub fn is_quiet(&self) -> bool {
        self.lives.is_empty() && self.changes.is_empty() && self.counters.is_empty() && self.owners.is_empty()
    }
}

/// What became of a life.
#[derive(Clone, Debug, PartialEq)]
pub struct LifeChange {
    /// Which.
    pub life: LifeNo,
    /// What.
    pub event: LifeEvent,
}

/// Something that happens to a life.
#[derive(Clone, Debug, PartialEq)]
pub enum LifeEvent {
    /// It was seen for the first time. Where its name had a life before, that one ends.
    Born {
        /// Its name.
        name: AccountName,
        /// When.
        at: Timestamp,
        /// Its first holding.
        holding: HoldingNo,
        /// When the life before it, of the same name, was last seen.
        predecessor: Option<Timestamp>,
    },
    /// The panel reports more of its identity than before.
    Identified(Identity),
    /// The panel shows the same account under another name.
    Renamed(AccountName),
    /// It is not in a complete list.
    Missing(Absence),
    /// It is listed again.
    Back,
    /// A later list has confirmed that it is gone; it ended with the first list without it.
    Ended(Timestamp),
}

/// Who owns what from a commit on.
#[derive(Clone, Debug, PartialEq)]
pub enum OwnerChange {
    /// A life has a new owner: one holding ends and the next begins.
    Opened {
        /// The life.
        life: LifeNo,
        /// The holding that begins.
        holding: HoldingNo,
        /// When.
        from: Timestamp,
        /// Who pays from then on.
        owner: Owner,
    },
    /// The days of a holding are shared out anew.
    Parted {
        /// The life.
        life: LifeNo,
        /// The holding.
        holding: HoldingNo,
        /// Who pays for which of its days.
        parts: Vec<Part>,
    },
}

/// What changed of one series: its beliefs after the poll, and what was added to its days.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesChange {
    /// The life.
    pub life: LifeNo,
    /// The meter.
    pub meter: Meter,
    /// When the panel last measured it.
    pub at: Option<Timestamp>,
    /// The level believed from now on.
    pub level: Option<LevelBelief>,
    /// A lower level that is not believed yet.
    pub doubted: Option<DoubtedLevel>,
    /// All bytes settled since first sight.
    pub total: Bytes,
    /// The largest `total` ever.
    pub shown: Bytes,
    /// The period totals that changed.
    pub periods: Vec<((Source, Span), PeriodBelief)>,
    /// Spans whose totals are one from now on, which is among `periods`: those that lie in it are not kept.
    pub folded: Vec<(Source, Span)>,
    /// Readings held back.
    pub implausible: Option<Implausible>,
    /// What was added to each day, by the holding it belongs to.
    pub days: LiteMap<(HoldingNo, UsageDay), DayChange>,
}

impl SeriesChange {
    /// A series as it is believed to be, changed in nothing.
    pub fn unmoved(life: LifeNo, meter: Meter, before: &SeriesBook) -> SeriesChange {
        SeriesChange {
            life,
            meter,
            at: before.at,
            level: before.level,
            doubted: before.doubted,
            total: before.total,
            shown: before.shown,
            implausible: before.implausible,
            periods: Vec::new(),
            folded: Vec::new(),
            days: LiteMap::new(),
        }
    }
}

/// What a poll added to a day point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayChange {
    /// Flows: bytes added, or taken back by a revision.
    pub added: i128,
    /// The part of `added` that is on this day by estimate only.
    pub estimated: i128,
    /// Levels: the last level of the day so far.
    pub level: Option<Bytes>,
    /// Levels: level times time added.
    pub held: ByteMinutes,
    /// Minutes of the day newly accounted for.
    pub covered: Minutes,
}

/// The days and notes one series gathers while its readings are settled.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub days: LiteMap<(HoldingNo, UsageDay), DayChange>,
    pub notes: Vec<(Source, Timestamp, Note)>,
}

impl Effects {
    pub(super) fn day(&mut self, holding: HoldingNo, day: UsageDay) -> &mut DayChange {
        self.days.entry((holding, day)).or_default()
    }

    pub(super) fn note(&mut self, source: &Source, at: Timestamp, note: Note) {
        self.notes.push((source.clone(), at, note));
    }
}

impl Book {
    /// What is believed once a poll's word is taken: a book of its own.
    pub fn after(&self, settled: &Settled) -> Book {
        let mut after = self.clone();
        after.apply(settled);
        after
    }

    /// Takes in what a poll settled: after this the book believes what the store has committed.
    pub fn apply(&mut self, settled: &Settled) {
        for change in &settled.lives {
            self.apply_life(change.clone());
        }
        self.counters.extend(settled.counters.iter().cloned());
        for change in &settled.changes {
            self.apply_series(change);
        }
        for change in &settled.owners {
            self.apply_owner(change);
        }
        self.last_look = settled.last_look;
        self.list_doubt = settled.list_doubt;
    }

    /// Takes in what became of a life.
    pub(super) fn apply_life(&mut self, LifeChange { life: no, event }: LifeChange) {
        match event {
            LifeEvent::Born { name, at, holding, predecessor } => {
                let life = self.newborn(&name, at, holding, predecessor);
                if let Some(before) = self.names.get(&name).and_then(|before| self.lives.get_mut(before)) {
                    let gone = before.absence.map_or(at, |absence| absence.since);
                    before.ended = before.ended.or(Some(gone));
                }
                self.lives.insert(no, life);
                self.names.insert(name, no);
                self.next_life = self.next_life.max(no.next());
                self.next_holding = self.next_holding.max(holding.next());
            }
            LifeEvent::Identified(identity) => {
                if let Some(life) = self.lives.get_mut(&no) {
                    life.identity = life.identity.joined(&identity);
                }
            }
            LifeEvent::Renamed(name) => {
                let nth = self.nth(&name);
                let Some(life) = self.lives.get_mut(&no) else { return };
                let left = std::mem::replace(&mut life.name, name.clone());
                life.nth = nth;
                (life.absence, life.ended) = (None, None);
                self.names.insert(name, no);
                // Where two change names, the name it leaves may be another's by now; else it means who had it before.
                if self.names.get(&left) == Some(&no) {
                    let before = self.lives_of(&left).map(|(no, _)| no).next_back();
                    match before {
                        Some(before) => drop(self.names.insert(left, before)),
                        None => drop(self.names.remove(&left)),
                    }
                }
            }
            LifeEvent::Missing(absence) => self.with(no, |life| life.absence = Some(absence)),
            LifeEvent::Back => self.with(no, |life| {
                (life.absence, life.ended) = (None, None);
                // What it held while nobody saw it is not known: its level goes on from the next reading.
                for (_, series) in life.series.iter_mut() {
                    series.level = None;
                }
            }),
            LifeEvent::Ended(at) => self.with(no, |life| life.ended = Some(at)),
        }
    }

    fn with(&mut self, no: LifeNo, change: impl FnOnce(&mut Life)) {
        if let Some(life) = self.lives.get_mut(&no) {
            change(life);
        }
    }

    /// Which life of this name the next one is.
    fn nth(&self, name: &AccountName) -> u32 {
        if !self.names.contains_key(name) {
            return 1;
        }
        let known = self.lives_of(name).map(|(_, life)| life.nth).max();
        known.map_or(1, |nth| nth + 1)
    }

    /// A life that begins now. A counter that others watch by name goes on where the life before ended.
    pub(super) fn newborn(
        &self,
        name: &AccountName,
        at: Timestamp,
        holding: HoldingNo,
        predecessor: Option<Timestamp>,
    ) -> Life {
        let mut life = Life::new(name, self.nth(name), at, holding);
        life.predecessor = predecessor;
        for (meter, series) in self.life(name).into_iter().flat_map(|before| before.series.iter()) {
            let (total, shown) = (series.total, series.shown);
            life.series.insert(*meter, SeriesBook { total, shown, ..SeriesBook::default() });
        }
        life
    }

    fn apply_series(&mut self, change: &SeriesChange) {
        let Some(life) = self.lives.get_mut(&change.life) else { return };
        for ((no, day), added) in change.days.iter() {
            if let Some(holding) = life.holdings.iter_mut().rev().find(|holding| holding.no == *no) {
                let part = holding.part_of(*day);
                holding.parts[part].add(change.meter, *day, added);
            }
        }
        let series = life.series.entry(change.meter).or_default();
        series.at = change.at;
        series.level = change.level;
        series.doubted = change.doubted;
        series.total = change.total;
        series.shown = change.shown;
        series.implausible = change.implausible;
        for (source, whole) in &change.folded {
            let lies_in = |span: &Span| whole.start() <= span.start() && span.end() <= whole.end();
            series.periods.retain(|(of, span), _| of != source || !lies_in(span));
        }
        series.periods.extend(change.periods.iter().cloned());
    }

    /// Takes in who owns what.
    pub fn apply_owner(&mut self, change: &OwnerChange) {
        match change {
            OwnerChange::Opened { life, holding, from, owner } => {
                self.with(*life, |life| life.holdings.push(Holding::new(*holding, *from, owner.clone())));
                self.next_holding = self.next_holding.max(holding.next());
            }
            OwnerChange::Parted { life, holding, parts } => self.with(*life, |life| {
                if let Some(found) = life.holdings.iter_mut().find(|one| one.no == *holding) {
                    found.parts.clone_from(parts);
                }
            }),
        }
    }
}
