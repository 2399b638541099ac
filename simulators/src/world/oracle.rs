//! What each service owes: a plain bookkeeper that is told what happened and what is true.
//!
//! Whatever cannot be known by looking at panels is a [`Gap`] with its cause, so that all bytes that ever passed
//! are either somebody's, or nobody's, or in a gap.

use std::collections::{BTreeMap, BTreeSet};

use super::calendar::Zone;
use super::claims::{Claim, Claims};
use super::ledger::{Ledger, Metric, Owner};
use super::lives::Life;
use super::panels::{Answer, Counter, Shown, Truly};
use super::story::Story;
use super::telling::Told;
use super::truth::Truth;
use super::whmcs::Service;

/// A level is carried on for so long, and a number may be so old to be told, in seconds.
pub const MAX_AGE: i64 = 26 * 3600;

/// A guest that was found in another pool: whose are the bytes between the two looks? The old pool's, as with
/// every change of owner.
const MOVED_GROWTH_IS_THE_OLD_POOLS: bool = true;

/// Bytes that no meter could have seen, or whose time to be told is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// When it was found, in epoch seconds.
    pub at: i64,
    /// What of.
    pub metric: Metric,
    /// How much: bytes, or bytes times minutes. Below zero where too much was told.
    pub amount: i128,
    /// Why.
    pub cause: &'static str,
}

/// The bookkeeper.
#[derive(Clone, Debug)]
pub struct Oracle {
    pub(super) zone: Zone,
    pub(super) backends: Vec<Side>,
    pub(super) lives: Vec<Life>,
    pub(super) ledger: Ledger,
    pub(super) claims: Claims,
    pub(super) told: Told,
    unseen: Vec<Gap>,
    untold: Vec<Gap>,
    /// When each source was seen last, whatever it was called.
    last_seen: BTreeMap<u32, i64>,
    /// Bytes that operators added to what was sent.
    corrected: i128,
}

/// One panel as it was seen.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub server: i64,
    pub identity: bool,
    /// When its whole list was seen last.
    pub last_look: Option<i64>,
    /// The latest life of each name.
    pub names: BTreeMap<String, usize>,
    /// What was seen last of each counter.
    seen: BTreeMap<SourceKey, Seen>,
}

/// The life it is the only counter of, or what the panel calls it.
type SourceKey = (Option<usize>, String);

#[derive(Clone, Debug)]
pub(super) struct Seen {
    at: i64,
    /// In which account.
    life: usize,
    truly: Truly,
    received: u64,
    sent: u64,
    /// Whether a whole list was seen since that had it nowhere, and its account all the same.
    was_nowhere: bool,
}

impl Oracle {
    /// A bookkeeper of a world in which nothing has happened; `None` where the zone is unknown.
    pub fn new(story: &Story) -> Option<Oracle> {
        let zone = Zone::named(&story.zone)?;
        let side = |server, identity| Side {
            server,
            identity,
            last_look: None,
            names: BTreeMap::new(),
            seen: BTreeMap::new(),
        };
        Some(Oracle {
            zone,
            backends: story.backends.iter().map(|plan| side(plan.server, plan.identity)).collect(),
            lives: Vec::new(),
            ledger: Ledger::new(zone),
            claims: Claims::default(),
            told: Told::default(),
            unseen: Vec::new(),
            untold: Vec::new(),
            last_seen: BTreeMap::new(),
            corrected: 0,
        })
    }

    /// A poll was committed that had this answer.
    pub fn polled(&mut self, backend: usize, answer: &Answer, truth: &Truth) {
        let at = answer.at;
        let mut present = Vec::new();
        for shown in &answer.accounts {
            let life = self.life_of(backend, shown, at);
            present.push(life);
            for counter in &shown.counters {
                self.counted(backend, life, counter, at, truth);
            }
            self.level(life, shown, at);
            self.lives[life].read_at = at;
        }
        self.absent(backend, &present, at);
        self.nowhere(backend, answer, &present);
        for life in present {
            self.find_owner(life, at);
        }
        self.backends[backend].last_look = Some(at);
    }

    /// WHMCS told a server's services.
    pub fn listed(&mut self, server: i64, list: &[Service], at: i64) {
        if !self.claims.listed(server, list, at) {
            return;
        }
        // Until now whoever had the name was told: what they had is now the service's of that name.
        let names: Vec<Owner> = self.ledger.holdings().iter().map(|holding| holding.owner.clone()).collect();
        for owner in names {
            let Owner::Name(of, name) = &owner else { continue };
            if *of != server {
                continue;
            }
            let named = list.iter().filter(|service| service.username == *name);
            let service = named.max_by_key(|service| service.is_living());
            let new = service.map_or(Owner::Nobody, |service| Owner::Service(service.id));
            self.ledger.hand_over(&owner, &new);
            self.told.hand_over(&owner, &new);
        }
    }

    /// An operator pinned an account, or took that back.
    pub fn pinned(&mut self, backend: usize, name: &str, service: Option<i64>) {
        self.claims.pinned(backend, name, service);
    }

    /// Whether an account of this name was ever seen.
    pub fn knows(&self, backend: usize, name: &str) -> bool {
        self.backends.get(backend).is_some_and(|side| side.names.contains_key(name))
    }

    /// How many bytes an adjustment of so many thousandths of a day comes to; `None` where the account has no such
    /// day, or where it changed hands on it.
    pub fn adjustment(&self, backend: usize, name: &str, at: i64, per_mille: i64) -> Option<i128> {
        let holding = self.holder_of_day(backend, name, at)?;
        let has = self.ledger.day(holding, Metric::Out, self.zone.day(at))?;
        Some(has * i128::from(per_mille) / 1000).filter(|amount| *amount != 0)
    }

    /// An operator added so many bytes to the traffic sent by an account on the day of `day_at`.
    pub fn adjusted(&mut self, backend: usize, name: &str, day_at: i64, amount: i128) {
        if let Some(holding) = self.holder_of_day(backend, name, day_at) {
            self.ledger.add(holding, Metric::Out, self.zone.day(day_at), amount);
            self.corrected += amount;
        }
    }

    /// The one holding of an account that has a day.
    fn holder_of_day(&self, backend: usize, name: &str, day_at: i64) -> Option<usize> {
        let life = *self.backends.get(backend)?.names.get(name)?;
        let day = self.zone.day(day_at);
        let holdings = self.ledger.holdings().iter().enumerate();
        let its = holdings.filter(|(number, holding)| {
            holding.life == life && self.ledger.day(*number, Metric::Out, day).is_some()
        });
        let its: Vec<usize> = its.map(|(number, _)| number).collect();
        match its.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// What could not be seen so far, and what was seen and could not be told.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.unseen.iter().chain(&self.untold)
    }

    pub(super) fn not_told(&mut self, at: i64, metric: Metric, amount: i128, cause: &'static str) {
        if amount != 0 {
            self.untold.push(Gap { at, metric, amount, cause });
        }
    }

    fn not_seen(&mut self, at: i64, metric: Metric, amount: i128, cause: &'static str) {
        if amount != 0 {
            self.unseen.push(Gap { at, metric, amount, cause });
        }
    }

    fn counted(&mut self, backend: usize, life: usize, counter: &Counter, at: i64, truth: &Truth) {
        let own = counter.source.is_empty().then_some(life);
        let key = (own, counter.source.clone());
        let side = &mut self.backends[backend];
        let last_look = side.last_look;
        let now = Seen {
            at,
            life,
            truly: counter.truly,
            received: counter.received,
            sent: counter.sent,
            was_nowhere: false,
        };
        let before = side.seen.insert(key, now);
        let run_from = counter.truly.run_from;
        let (since, holder, base) = match &before {
            // First sight: only what is proven to have begun after everything was seen.
            None if last_look.is_some_and(|look| run_from > look) => (run_from, Some(life), (0, 0)),
            None => (at, None, (counter.received, counter.sent)),
            Some(seen) if seen.truly == counter.truly => {
                let holder = if MOVED_GROWTH_IS_THE_OLD_POOLS { seen.life } else { life };
                let holder = if seen.was_nowhere { None } else { Some(holder) };
                (seen.at, holder, (seen.received, seen.sent))
            }
            // A new run, told by the panel: all it has counted is new, and belongs to whoever has it now.
            Some(_) => (run_from, Some(life), (0, 0)),
        };
        for (metric, count, base) in
            [(Metric::In, counter.received, base.0), (Metric::Out, counter.sent, base.1)]
        {
            if let Some(holder) = holder {
                let holding = self.lives[holder].holding;
                self.ledger.passed(holding, metric, (since, at), count - base);
            }
        }
        self.unseen(before.as_ref(), counter, holder.is_none(), at, truth);
    }

    /// What passed and will never be known: at first sight, before a restart, or while it was nowhere.
    fn unseen(&mut self, before: Option<&Seen>, counter: &Counter, lost: bool, at: i64, truth: &Truth) {
        let Truly { source, run_from } = counter.truly;
        let last = self.last_seen.insert(source, at).unwrap_or(i64::MIN);
        let (to, cause) = match before {
            _ if lost && last == i64::MIN => (at, "first sight"),
            _ if lost => (at, "nobody's, or not known to be the same, for a while"),
            Some(seen) if seen.truly == counter.truly => return,
            _ => (run_from, "ended before it was seen again"),
        };
        let passed = truth.source(source).map(|found| found.moved(last, to)).unwrap_or_default();
        self.not_seen(at, Metric::In, passed.received.into(), cause);
        self.not_seen(at, Metric::Out, passed.sent.into(), cause);
    }

    /// The level before held until now; after too long a silence nobody knows.
    fn level(&mut self, life: usize, shown: &Shown, at: i64) {
        let (before, holding) = (self.lives[life].level, self.lives[life].holding);
        if let Some((since, level)) = before {
            if at - since <= MAX_AGE {
                self.ledger.held(holding, (since, at), level);
            } else {
                let minutes = at.div_euclid(60) - since.div_euclid(60);
                self.not_seen(at, Metric::GbMonth, i128::from(level) * i128::from(minutes), "not asked for too long");
            }
        }
        self.lives[life].level = Some((at, shown.level));
    }

    /// Guests that a whole list had nowhere, though it had their account.
    fn nowhere(&mut self, backend: usize, answer: &Answer, present: &[usize]) {
        let counters = answer.accounts.iter().flat_map(|shown| &shown.counters);
        let there: BTreeSet<&str> = counters.map(|counter| counter.source.as_str()).collect();
        for ((own, source), seen) in &mut self.backends[backend].seen {
            if own.is_none() && !there.contains(source.as_str()) && present.contains(&seen.life) {
                seen.was_nowhere = true;
            }
        }
    }

    /// Whose an account is after this commit. What it measured is the owner's before.
    fn find_owner(&mut self, life: usize, at: i64) {
        let Life { backend, ref name, holding, .. } = self.lives[life];
        let server = self.backends[backend].server;
        let Claim::Service(service) = self.claims.of(server, backend, name) else { return };
        let (old, new) = (self.ledger.owner(holding).clone(), Owner::Service(service));
        if old == new {
            return;
        }
        let opened = self.ledger.open(life, new);
        self.lives[life].holding = opened;
        if old == Owner::Nobody {
            let first = self.claims.service(service).map_or(i32::MAX, |known| {
                let first = known.service.registered.unwrap_or_else(|| {
                    let was_owned = self.lives[life].was_owned;
                    if was_owned { known.first_listed } else { self.zone.month_start(self.zone.month(at)) }
                });
                self.zone.day(first)
            });
            let nobodys = self.ledger.holdings().iter().enumerate();
            let nobodys = nobodys.filter(|(_, one)| one.life == life && one.owner == Owner::Nobody);
            for from in nobodys.map(|(number, _)| number).collect::<Vec<_>>() {
                self.ledger.hand_days(from, opened, first);
            }
        }
        self.lives[life].was_owned = true;
    }

    /// All bytes of one way that passed through the sources of this world, and where they are in the books: held
    /// by somebody or nobody, in gaps, and not seen yet. The first is the sum of the others, or this bookkeeper
    /// is wrong.
    pub fn balance(&self, metric: Metric, truth: &Truth, at: i64) -> (i128, i128) {
        let way = |moved: crate::growth::Traffic| match metric {
            Metric::In => i128::from(moved.received),
            _ => i128::from(moved.sent),
        };
        let passed: i128 = truth.sources().map(|(_, source)| way(source.moved(i64::MIN, at))).sum();
        let owners: BTreeSet<&Owner> = self.ledger.holdings().iter().map(|holding| &holding.owner).collect();
        let held: i128 = owners
            .into_iter()
            .flat_map(|owner| {
                let months = self.ledger.months_of(owner, metric).into_iter();
                months.filter_map(move |month| self.ledger.month(owner, metric, month))
            })
            .sum();
        let corrected = if metric == Metric::Out { self.corrected } else { 0 };
        let in_gaps: i128 = self.unseen.iter().filter(|gap| gap.metric == metric).map(|gap| gap.amount).sum();
        let later = |(id, source): (u32, &super::truth::Source)| {
            way(source.moved(self.last_seen.get(&id).copied().unwrap_or(i64::MIN), at))
        };
        let not_seen: i128 = truth.sources().map(later).sum();
        (passed, held - corrected + in_gaps + not_seen)
    }
}
