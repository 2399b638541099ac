//! What each service owes: a plain bookkeeper that is told what happened and what is true.
//!
//! Whatever cannot be known by looking at panels is a [`Gap`] with its cause, so that all bytes that ever passed
//! are either somebody's, or nobody's, or in a gap.

use std::collections::BTreeMap;

use super::calendar::Zone;
use super::claims::{Claim, Claims};
use super::ledger::{Ledger, Metric, Owner};
use super::lives::Life;
use super::panels::{Answer, Shown};
use super::seen::{Looks, Seen, SourceKey};
use super::story::Story;
use super::telling::Told;
use super::totals::Totals;
use super::truth::Truth;
use super::whmcs::Service;

/// A level is carried on for so long, and a number may be so old to be told, in seconds.
pub const MAX_AGE: i64 = 26 * 3600;

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
    pub(super) unseen: Vec<Gap>,
    untold: Vec<Gap>,
    /// Bytes of each source that are in the books or in a gap, whatever it was called.
    pub(super) accounted: BTreeMap<(u32, Metric), u64>,
    /// Bytes that operators added to what was sent.
    pub(super) corrected: i128,
    /// Bytes by which what panels told of spans is more than what had passed.
    pub(super) revised: BTreeMap<Metric, i128>,
}

/// One panel as it was seen.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub server: i64,
    pub identity: bool,
    /// When its whole list was seen last.
    pub last_look: Option<i64>,
    /// The last list is doubted; whether an operator has said that it is true.
    pub list_doubt: Option<bool>,
    /// The latest life of each name.
    pub names: BTreeMap<String, usize>,
    /// What was seen last of each counter.
    pub seen: BTreeMap<SourceKey, Seen>,
    /// What was told of spans of time.
    pub totals: Totals,
}

impl Oracle {
    /// A bookkeeper of a world in which nothing has happened; `None` where the zone is unknown.
    pub fn new(story: &Story) -> Option<Oracle> {
        let zone = Zone::named(&story.zone)?;
        let side = |server, identity| Side {
            server,
            identity,
            last_look: None,
            list_doubt: None,
            names: BTreeMap::new(),
            seen: BTreeMap::new(),
            totals: Totals::new(),
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
            accounted: BTreeMap::new(),
            corrected: 0,
            revised: BTreeMap::new(),
        })
    }

    /// A poll was committed that had this answer.
    pub fn polled(&mut self, backend: usize, answer: &Answer, truth: &Truth) {
        let at = answer.at;
        let before =
            [Metric::In, Metric::Out].map(|metric| (metric, self.last_look_at(backend, metric))).into();
        let looks = Looks { at, before };
        let lives = answer.accounts.iter().map(|shown| self.life_of(backend, shown, at));
        let present: Vec<usize> = lives.collect();
        let copied = self.copied(backend, &present, answer);
        for ((shown, life), copied) in answer.accounts.iter().zip(present.iter().copied()).zip(copied) {
            self.totals(backend, life, shown, at, &copied);
            self.counters(backend, life, shown, &looks, truth);
            self.level(life, shown, at);
            self.lives[life].listed_at = at;
        }
        let is_doubted =
            self.is_doubtful(backend, &present, answer) && self.backends[backend].list_doubt != Some(true);
        if is_doubted {
            self.replaced(backend, &present, at);
            self.backends[backend].list_doubt = Some(false);
        } else {
            self.absent(backend, &present, at);
            self.nowhere(backend, answer, &present);
            self.backends[backend].list_doubt = None;
        }
        self.hand_over_names(backend);
        for life in present {
            self.find_owner(life, at);
        }
        if !is_doubted {
            self.backends[backend].last_look = Some(at);
        }
    }

    /// An operator says that what is doubted of a panel is true: the next answer is believed.
    pub fn accepted(&mut self, backend: usize) {
        let side = &mut self.backends[backend];
        side.list_doubt = side.list_doubt.map(|_| true);
        for life in self.lives.iter_mut().filter(|life| life.backend == backend) {
            life.collapsed = life.collapsed.map(|(at, level, _, holding)| (at, level, true, holding));
        }
        self.believe_falls(backend);
    }

    /// WHMCS told a server's services.
    pub fn listed(&mut self, server: i64, list: &[Service], at: i64) {
        self.claims.listed(server, list, at);
    }

    /// Until WHMCS told its services whoever had the name was told: with the first poll after that, what the accounts
    /// of this panel had is the service's of that name.
    fn hand_over_names(&mut self, backend: usize) {
        let server = self.backends[backend].server;
        if !self.claims.knows(server) {
            return;
        }
        for number in 0..self.ledger.holdings().len() {
            let holding = &self.ledger.holdings()[number];
            let owner = holding.owner.clone();
            let Owner::Name(_, name) = &owner else { continue };
            if self.lives[holding.life].backend != backend {
                continue;
            }
            let named = self.claims.on(server).filter(|known| known.service.username == *name);
            let (living, ended): (Vec<_>, Vec<_>) = named.partition(|known| known.is_living());
            let known = if living.is_empty() { ended } else { living };
            let new = match known.as_slice() {
                [one] => Owner::Service(one.service.id),
                _ => Owner::Nobody,
            };
            self.ledger.hand_holding(number, &new);
            // What a name was told waits for a service that has it.
            if new != Owner::Nobody {
                self.told.hand_over(&owner, &new);
            }
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
            self.less_placed(backend, holding, self.zone.day(day_at), -amount);
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

    /// The billing month of an instant, as it is written: 2026-03.
    pub fn month_text(&self, at: i64) -> String {
        let month = self.zone.month(at);
        format!("{}-{:02}", month / 100, month % 100)
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

    pub(super) fn not_seen(&mut self, at: i64, metric: Metric, amount: i128, cause: &'static str) {
        if amount != 0 {
            self.unseen.push(Gap { at, metric, amount, cause });
        }
    }

    /// The level before held until now; after too long a silence nobody knows.
    fn level(&mut self, life: usize, shown: &Shown, at: i64) {
        let Some(new) = shown.level else { return };
        let collapses = self.lives[life].level.is_some_and(|(since, before)| {
            at > since && before > 0 && (new == 0 || before > 1 << 30 && new < before / 10)
        });
        match self.lives[life].collapsed.take_if(|_| collapses) {
            // Until it was first measured the level before was whoever's it was then.
            Some((first, low, accepted, holding)) if accepted || at > first => {
                self.held_since(life, holding, low, first);
            }
            Some(doubt) => {
                self.lives[life].collapsed = Some(doubt);
                return;
            }
            None if collapses => {
                self.lives[life].collapsed = Some((at, new, false, self.lives[life].holding));
                return;
            }
            None => self.lives[life].collapsed = None,
        }
        self.held_since(life, self.lives[life].holding, new, at);
    }

    /// A level was measured, and is believed.
    fn held_since(&mut self, life: usize, holding: usize, new: u64, at: i64) {
        if let Some((since, level)) = self.lives[life].level {
            // Measured before what is believed, by a clock that fell back: it is old news.
            if at < since {
                return;
            }
            if at - since <= MAX_AGE {
                self.ledger.held(holding, (since, at), level);
            } else {
                let minutes = at.div_euclid(60) - since.div_euclid(60);
                self.not_seen(
                    at,
                    Metric::GbMonth,
                    i128::from(level) * i128::from(minutes),
                    "not asked for too long",
                );
            }
        }
        self.lives[life].level = Some((at, new));
        self.lives[life].was_read(Metric::GbMonth, at);
    }

    /// Whether another account that is there, on another panel of the server, has a claim to the service as good as
    /// this one's. The one that an operator has named has it; where he named none the one that has owned it alone.
    pub(super) fn is_contested(&self, life: usize, service: i64) -> bool {
        let mine = &self.lives[life];
        let server = self.backends[mine.backend].server;
        let pinned = |one: &Life| self.claims.is_pinned(one.backend, &one.name, service);
        let rivals = self.lives.iter().enumerate().filter(|(number, other)| {
            let there = *number != life && other.is_there() && self.backends[other.backend].server == server;
            there && self.claims.of(server, other.backend, &other.name) == Claim::Service(service)
        });
        let rivals: Vec<&Life> = rivals.map(|(_, other)| other).collect();
        let owns = |one: &Life| *self.ledger.owner(one.holding) == Owner::Service(service);
        let some_pinned = pinned(mine) || rivals.iter().any(|other| pinned(other));
        let alone = owns(mine) && !rivals.iter().any(|other| owns(other));
        !rivals.is_empty() && !pinned(mine) && (some_pinned || !alone)
    }

    /// Whose an account is after this commit. What it measured is the owner's before.
    fn find_owner(&mut self, life: usize, at: i64) {
        let Life { backend, ref name, holding, .. } = self.lives[life];
        let server = self.backends[backend].server;
        let claim = self.claims.of(server, backend, name);
        let by_name = Owner::Name(server, name.clone());
        if !self.claims.knows(server) && *self.ledger.owner(holding) != by_name {
            self.renamed_before_the_list(life, &by_name);
            return;
        }
        self.lives[life].contested = Vec::new();
        let service = match claim {
            Claim::Service(service) => service,
            Claim::Several(services) => {
                self.lives[life].contested = services;
                return;
            }
            Claim::None => return,
        };
        if self.is_contested(life, service) {
            self.lives[life].contested = vec![service];
            return;
        }
        let (old, new) = (self.ledger.owner(holding).clone(), Owner::Service(service));
        if old == new {
            return;
        }
        if let Some(known) = self.claims.service(service) {
            let name = Owner::Name(known.service.server, known.service.username.clone());
            let began = known.service.registered.map(|began| self.zone.month(began));
            // What was told before its contract began was somebody else's.
            let told_first = self.told.first_month(&name);
            if began.zip(told_first).is_some_and(|(began, first)| began <= first) {
                self.told.hand_over(&name, &new);
            }
        }
        let opened = self.ledger.open(life, new);
        self.lives[life].holding = opened;
        self.lives[life].stretches.push((at, opened));
        if old == Owner::Nobody {
            let first = self.claims.service(service).map_or(i32::MAX, |known| {
                let first = known.service.registered.unwrap_or_else(|| {
                    let mut before = self.ledger.holdings()[..opened].iter();
                    let was_owned = before.any(|one| one.life == life && one.owner != Owner::Nobody);
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
    }

    /// Until WHMCS told its services an account goes by its name, and everything it had goes with it to a new one.
    fn renamed_before_the_list(&mut self, life: usize, new: &Owner) {
        for number in 0..self.ledger.holdings().len() {
            if self.ledger.holdings()[number].life == life {
                let old = self.ledger.holdings()[number].owner.clone();
                self.ledger.hand_holding(number, new);
                self.told.hand_over(&old, new);
            }
        }
    }
}
