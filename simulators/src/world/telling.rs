//! What WHMCS must be told of each service, what it may be told, and what it must not be told.
//!
//! Numbers are hundred-thousandths of a GiB, or of a GiB held for a month.

use std::collections::{BTreeMap, BTreeSet};

use super::calendar::{Month, before, next};
use super::ledger::{Metric, Owner};
use super::lives::Life;
use super::oracle::{MAX_AGE, Oracle};

const GIB: i128 = 1 << 30;
const PLACES: i128 = 100_000;

/// The last number told of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Telling {
    value: i128,
    carried: i128,
}

/// What WHMCS was told, by whom it was told of.
#[derive(Clone, Debug, Default)]
pub struct Told {
    ways: BTreeMap<(Owner, Metric), BTreeMap<Month, Telling>>,
    /// Of both ways together, which is a number of its own: it is told where both are, and lacks what it was not told of.
    totals: BTreeMap<Owner, BTreeMap<Month, Telling>>,
}

impl Told {
    /// The first month of which an owner was told anything.
    pub(super) fn first_month(&self, owner: &Owner) -> Option<Month> {
        let its = self.ways.iter().filter(|((of, _), _)| of == owner);
        its.filter_map(|(_, months)| months.keys().next().copied()).min()
    }

    pub(super) fn hand_over(&mut self, from: &Owner, to: &Owner) {
        for metric in Metric::ALL {
            if let Some(told) = self.ways.remove(&(from.clone(), metric)) {
                put(self.ways.entry((to.clone(), metric)).or_default(), told);
            }
        }
        if let Some(told) = self.totals.remove(from) {
            put(self.totals.entry(to.clone()).or_default(), told);
        }
    }
}

/// What is told under its own number already is the newer.
fn put(known: &mut BTreeMap<Month, Telling>, told: BTreeMap<Month, Telling>) {
    for (month, telling) in told {
        known.entry(month).or_insert(telling);
    }
}

/// One number that WHMCS may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Whose.
    pub owner: Owner,
    /// What WHMCS calls it.
    pub tenant: String,
    /// `disk`, or the name of a [`Metric`].
    pub metric: &'static str,
    /// What is to be told.
    pub number: Number,
}

/// A number, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// It is known.
    Must {
        /// With what is carried.
        value: i128,
        /// Of it what the month before lacked.
        carried: i128,
    },
    /// It is not there yet, or nothing; if it is told it is this.
    May {
        /// With what is carried.
        value: i128,
        /// Of it what the month before lacked.
        carried: i128,
    },
    /// It is not known, and why.
    Never(&'static str),
}

/// How an owner's accounts stand.
struct Standing<'a> {
    /// Those that are there.
    living: Vec<&'a Life>,
    /// Those that are missing and not known to be gone.
    missing: Vec<&'a Life>,
    withheld: Option<&'static str>,
}

impl Standing<'_> {
    /// Whether an account that is there, or that may still be, was not read for too long.
    fn stale(&self, metric: Metric, at: i64) -> Option<&'static str> {
        let fresh = |life: &&Life| {
            life.read_at.get(&metric).is_some_and(|read| (-60..=MAX_AGE).contains(&(at - read)))
        };
        // Who was read, and of whom this was never told, has nothing of it: a user without buckets moves nothing.
        let tells = |life: &&&Life| life.read_at.contains_key(&metric) || life.read_at.is_empty();
        let all = || self.living.iter().chain(&self.missing);
        let mut told = all().filter(tells).peekable();
        let none_tells = told.peek().is_none() && all().next().is_some();
        if !none_tells && told.all(fresh) { None } else { Some("stale, or never read") }
    }
}

impl Oracle {
    /// What WHMCS is to be told when it asks for a server at `at`.
    pub fn expected(&self, server: i64, at: i64) -> Vec<Expected> {
        let mut all: Vec<Expected> = Vec::new();
        if self.claims.knows(server) {
            let living = |name: &str| {
                self.claims.on(server).any(|known| known.is_living() && known.service.username == name)
            };
            for known in self.claims.on(server) {
                let service = &known.service;
                let billed_as = service.parent().unwrap_or(service.id);
                if service.parent().is_none() && self.claims.has_companion(service.id)
                    || self.claims.service(billed_as).is_none()
                {
                    continue;
                }
                // Of one that ended nothing is told; where a living one has its name now, that one is.
                if known.is_living() || !living(&service.username) {
                    let owner = Owner::Service(billed_as);
                    all.extend(self.of(
                        &owner,
                        &service.username,
                        &self.standing(&owner, known.is_living()),
                        at,
                    ));
                }
            }
        }
        // Whoever was known by name is told by name until the first poll after the list, if that name is not also that
        // of a service that has accounts.
        let mut names: Vec<&Owner> = self.ledger.holdings().iter().map(|holding| &holding.owner).collect();
        names.sort_unstable();
        names.dedup();
        let owns = |id: i64| names.contains(&&Owner::Service(id));
        for owner in &names {
            let Owner::Name(on, name) = owner else { continue };
            if *on != server {
                continue;
            }
            let mut services = self.claims.on(server).filter(|known| known.service.username == *name);
            let is_both = services.any(|known| known.is_living() && owns(known.service.id));
            all.retain(|expected| expected.tenant != *name);
            let standing = match is_both {
                true => Standing { withheld: Some("ambiguous"), ..self.standing(owner, true) },
                false => self.standing(owner, true),
            };
            all.extend(self.of(owner, name, &standing, at));
        }
        all
    }

    fn of(&self, owner: &Owner, tenant: &str, standing: &Standing<'_>, at: i64) -> Vec<Expected> {
        let sums = Metric::ALL.map(|metric| (metric.name(), self.summed(owner, metric, standing, at)));
        let numbers = [("disk", disk(standing, at))].into_iter().chain(sums);
        let put =
            |(metric, number)| Expected { owner: owner.clone(), tenant: tenant.to_owned(), metric, number };
        numbers.map(put).collect()
    }

    /// Writes down what WHMCS was told.
    pub fn told(&mut self, owner: &Owner, metric: &str, at: i64, (value, carried): (i128, i128)) {
        let Some(metric) = Metric::ALL.into_iter().find(|one| one.name() == metric) else { return };
        let months = self.told.ways.entry((owner.clone(), metric)).or_default();
        months.insert(self.zone.month(at), Telling { value, carried });
    }

    /// What is right of both ways together, with what is carried, and what is carried.
    pub fn right_total(&self, owner: &Owner, at: i64) -> (i128, i128) {
        let month = self.zone.month(at);
        let told = self.told.totals.get(owner).and_then(|months| months.get(&before(month)));
        let carried = told.map_or(0, |told| self.both_ways(owner, before(month)) + told.carried - told.value);
        ((self.both_ways(owner, month) + carried).max(0), carried)
    }

    /// Writes down what WHMCS was told of both ways together.
    pub fn told_total(&mut self, owner: &Owner, at: i64, (value, carried): (i128, i128)) {
        let months = self.told.totals.entry(owner.clone()).or_default();
        months.insert(self.zone.month(at), Telling { value, carried });
    }

    fn both_ways(&self, owner: &Owner, month: Month) -> i128 {
        let ways = [Metric::In, Metric::Out].map(|way| self.ledger.month(owner, way, month).unwrap_or(0));
        in_units(Metric::In, ways[0] + ways[1], self.minutes(month))
    }

    fn standing(&self, owner: &Owner, is_living: bool) -> Standing<'_> {
        let its = self.lives.iter().filter(|life| self.ledger.owner(life.holding) == owner && !life.is_gone);
        let (living, missing): (Vec<&Life>, Vec<&Life>) = its.partition(|life| life.is_there());
        let competing = match owner {
            Owner::Service(id) => {
                self.lives.iter().any(|life| life.is_there() && life.contested.contains(id))
            }
            Owner::Name(..) | Owner::Nobody => living.len() > 1,
        };
        let withheld = if !is_living {
            Some("ended")
        } else if competing {
            Some("ambiguous")
        } else {
            None
        };
        Standing { living, missing, withheld }
    }

    fn summed(&self, owner: &Owner, metric: Metric, standing: &Standing<'_>, at: i64) -> Number {
        if let Some(why) = standing.withheld.or(standing.stale(metric, at)) {
            return Number::Never(why);
        }
        let month = self.zone.month(at);
        let carried = self.lacking(owner, metric, before(month));
        let own = in_units(metric, self.ledger.month(owner, metric, month).unwrap_or(0), self.minutes(month));
        let value = (own + carried).max(0);
        // Before an account was read in this month nobody knows what it has in it.
        let start = self.zone.month_start(month);
        let all_read = standing.living.iter().all(|life| life.read_at.get(&metric) >= Some(&start));
        if all_read && !standing.living.is_empty() {
            Number::Must { value, carried }
        } else {
            Number::May { value, carried }
        }
    }

    /// What a month that is over has and WHMCS was not told; nothing where it was told nothing at all.
    fn lacking(&self, owner: &Owner, metric: Metric, month: Month) -> i128 {
        let told = self.told.ways.get(&(owner.clone(), metric)).and_then(|months| months.get(&month));
        told.map_or(0, |told| {
            let has = self.ledger.month(owner, metric, month).unwrap_or(0);
            in_units(metric, has, self.minutes(month)) + told.carried - told.value
        })
    }

    fn minutes(&self, month: Month) -> i128 {
        self.zone.minutes_of(month).into()
    }

    /// At the end of a world: what is in the books of services and will not be told, each with its cause. What the
    /// running month would still be told is none of it.
    pub fn close(&mut self, at: i64) {
        let running = self.zone.month(at);
        let owners: BTreeSet<Owner> =
            self.ledger.holdings().iter().map(|holding| holding.owner.clone()).collect();
        for owner in owners {
            let has_ended = match &owner {
                Owner::Service(id) => !self.claims.service(*id).is_some_and(|known| known.is_living()),
                Owner::Nobody | Owner::Name(..) => false,
            };
            let is_over = has_ended || owner == Owner::Nobody;
            for metric in Metric::ALL {
                let months = self.ledger.months_of(&owner, metric);
                for month in months.into_iter().filter(|month| is_over || *month < before(running)) {
                    self.close_month(&owner, metric, month, has_ended, at);
                }
            }
        }
    }

    fn close_month(&mut self, owner: &Owner, metric: Metric, month: Month, has_ended: bool, at: i64) {
        let has = self.ledger.month(owner, metric, month).unwrap_or(0);
        let told = self.told.ways.get(&(owner.clone(), metric));
        let (this, after) = (
            told.and_then(|months| months.get(&month)).copied(),
            told.and_then(|months| months.get(&next(month))).copied(),
        );
        let bytes = |lacking: i128| match metric {
            Metric::GbMonth => lacking * GIB * self.minutes(month) / PLACES,
            _ => lacking * GIB / PLACES,
        };
        let (amount, cause) = match (owner, this, after) {
            (Owner::Nobody, _, _) => (has, "nobody's"),
            (_, None, _) if has_ended => (has, "its service ended before it was told"),
            (_, Some(_), None) if has_ended => {
                (bytes(self.lacking(owner, metric, month)), "its service ended before it was told")
            }
            (_, None, _) => (has, "WHMCS never asked in that month, or was told nothing"),
            (_, Some(_), None) => {
                (bytes(self.lacking(owner, metric, month)), "WHMCS was told nothing in the month after")
            }
            (_, Some(_), Some(after)) => {
                (bytes(self.lacking(owner, metric, month) - after.carried), "changed more than a month later")
            }
        };
        // Half a hundred-thousandth is no gap.
        if bytes(2) < amount.abs() {
            self.not_told(at, metric, amount, cause);
        }
    }
}

/// What all accounts hold together, if all are there.
fn disk(standing: &Standing<'_>, at: i64) -> Number {
    match standing.withheld.or(standing.stale(Metric::GbMonth, at)) {
        Some(why) => Number::Never(why),
        None if !standing.missing.is_empty() => Number::Never("an account is missing"),
        None => {
            let levels = standing.living.iter().filter_map(|life| life.level);
            let value = rounded(levels.map(|(_, level)| i128::from(level)).sum::<i128>() * PLACES, GIB);
            match standing.living.is_empty() {
                false => Number::Must { value, carried: 0 },
                true => Number::May { value, carried: 0 },
            }
        }
    }
}

fn in_units(metric: Metric, amount: i128, minutes: i128) -> i128 {
    match metric {
        Metric::GbMonth => rounded(amount * PLACES, GIB * minutes),
        Metric::In | Metric::Out => rounded(amount * PLACES, GIB),
    }
}

fn rounded(amount: i128, by: i128) -> i128 {
    (amount + by / 2).div_euclid(by)
}
