//! What is on the server: people, subscriptions with their sites, and what happened to them.

use super::people::{Person, Rank};
use super::switches::Switches;
use crate::growth::Traffic;
use crate::panel::Knobs;
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The part of an account that is its main site; additional sites are parts of their own.
pub const MAIN: &str = "main";

/// Why a subscription is off: the bits of its status, added up. 4 comes and goes with a backup and is none of them.
pub mod bits {
    /// Whoever owns it is off.
    pub const PARENT: u16 = 2;
    /// Its web service is off.
    pub const NO_WEB: u16 = 8;
    /// By the administrator.
    pub const ADMIN: u16 = 16;
    /// By the reseller.
    pub const RESELLER: u16 = 32;
    /// Its time is over.
    pub const EXPIRED: u16 = 256;
    /// Any of those that keep it from being used: 1, 2, 16, 32, 64, 256.
    pub const SUSPENDED: u16 = 1 | PARENT | ADMIN | RESELLER | 64 | EXPIRED;
}

/// One subscription.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The number the panel gave.
    pub id: u32,
    /// The stable identity.
    pub guid: String,
    /// Its domain.
    pub name: String,
    /// Its domain in letters that DNS knows.
    pub ascii_name: String,
    /// The number of its owner.
    pub owner: u32,
    /// Its plan among `PLANS`.
    pub plan: Option<usize>,
    /// Whether it has an add-on besides.
    pub addon: bool,
    /// When it was made (epoch seconds).
    pub created: i64,
    /// Its own bits of the status; that of the parent comes from whoever owns it.
    pub status: u16,
    /// What happens beyond its limits.
    pub overuse: Option<String>,
    /// What it may use, in the order it is listed.
    pub limits: Vec<(String, i64)>,
    /// `bandwidth` and `max_connections` as they were written.
    pub performance: [String; 2],
    /// Whether changes of its plan pass it by.
    pub locked: bool,
    /// Whether it is as its plan says.
    pub synchronized: bool,
    /// Its additional sites: number and domain.
    pub sites: Vec<(u32, String)>,
    /// Whether it is in no answer.
    pub vanished: bool,
    /// Every result about it is an error with this code.
    pub fails: Option<u16>,
    /// Days whose figures were corrected later.
    pub revised: BTreeMap<NaiveDate, Traffic>,
}

impl Subscription {
    /// A limit, where one is listed.
    pub fn limit(&self, name: &str) -> Option<i64> {
        self.limits.iter().find(|(listed, _)| listed == name).map(|(_, value)| *value)
    }

    /// Sets a limit, or lists it no longer.
    pub fn set_limit(&mut self, name: &str, value: Option<i64>) {
        let place = self.limits.iter().position(|(listed, _)| listed == name);
        match (place, value) {
            (Some(place), Some(value)) => self.limits[place].1 = value,
            (None, Some(value)) => self.limits.push((name.to_owned(), value)),
            (Some(place), None) => drop(self.limits.remove(place)),
            (None, None) => {}
        }
    }

    /// The parts that move and hold what is its: the main site, and each additional one.
    pub fn parts(&self) -> Vec<String> {
        let sites = self.sites.iter().map(|(id, _)| site_part(*id));
        std::iter::once(MAIN.to_owned()).chain(sites).collect()
    }
}

/// The part of an additional site.
pub fn site_part(id: u32) -> String {
    format!("site-{id}")
}

/// What the server did by itself, and who was turned away.
#[derive(Debug, Default)]
pub struct Watch {
    /// When the operator had figures computed (epoch seconds).
    pub runs: Vec<i64>,
    /// The last maintenance run whose consequences are drawn.
    pub maintained: i64,
    /// Wrong passwords in a row, and until when the login is locked.
    pub wrong: BTreeMap<String, (u32, i64)>,
}

/// The panel behind its address.
pub struct Server {
    /// Clock, truth, faults, request counts.
    pub knobs: Knobs,
    /// Everybody by number.
    pub(super) people: RwLock<BTreeMap<u32, Person>>,
    /// The subscriptions by their domains.
    pub(super) subscriptions: RwLock<BTreeMap<String, Subscription>>,
    pub(super) switches: RwLock<Switches>,
    pub(super) watch: Mutex<Watch>,
}

impl Server {
    /// Everybody, to be read.
    pub fn people(&self) -> RwLockReadGuard<'_, BTreeMap<u32, Person>> {
        self.people.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everybody, to be changed.
    pub fn people_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<u32, Person>> {
        self.people.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The subscriptions, to be read.
    pub fn subscriptions(&self) -> RwLockReadGuard<'_, BTreeMap<String, Subscription>> {
        self.subscriptions.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The subscriptions, to be changed.
    pub fn subscriptions_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Subscription>> {
        self.subscriptions.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it did by itself.
    pub fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it behaves now.
    pub fn switches(&self) -> Switches {
        self.switches.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The subscriptions that somebody sees, by their numbers.
    pub fn seen_by(&self, caller: &Person) -> Vec<Subscription> {
        let people = self.people();
        let may_see = |owner: u32| people.get(&owner).is_some_and(|owner| caller.sees(owner));
        let subscriptions = self.subscriptions();
        let seen = subscriptions.values().filter(|one| !one.vanished && may_see(one.owner));
        let mut seen: Vec<_> = seen.cloned().collect();
        seen.sort_unstable_by_key(|one| one.id);
        seen
    }

    /// The status as it is shown: its own bits, and the one of whoever it belongs to.
    pub fn status(&self, subscription: &Subscription) -> u16 {
        let people = self.people();
        let owner = people.get(&subscription.owner);
        let vendor = owner.and_then(|owner| people.get(&owner.vendor));
        let is_off = [owner, vendor].iter().flatten().any(|one| one.rank != Rank::Admin && one.suspended);
        subscription.status | if is_off { bits::PARENT } else { 0 }
    }
}
