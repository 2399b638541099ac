//! The server behind its address: its users, and what it counts of them.

use super::guard::{Caller, Guard};
use super::switches::Switches;
use crate::growth::Traffic;
use crate::panel::{Knobs, NotDone};
use crate::truth::Deed;
use crate::zone::{Zone, month_before};
use chrono::{Datelike, NaiveDate};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The part of an account that holds and moves bytes.
pub const PART: &str = "home";

/// One user.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its place in the order of making.
    pub number: usize,
    /// The name it was made with, by which the truth knows it.
    pub known_as: String,
    /// Its main domain.
    pub domain: String,
    /// `root`, a reseller, or itself.
    pub owner: String,
    /// Its package.
    pub plan: String,
    /// Whether it owns others.
    pub is_reseller: bool,
    /// When it was made (epoch seconds).
    pub created: i64,
    /// Disk in MiB; none is unlimited.
    pub disk_mib: Option<u64>,
    /// Bytes a month; none is unlimited.
    pub bandwidth: Option<u64>,
    /// Why it is suspended, if it is.
    pub suspension: Option<Suspension>,
    /// When it was deleted, if it is.
    pub vanished: Option<i64>,
    /// Deleted users of the same name: from when until when.
    pub earlier: Vec<(i64, i64)>,
    /// Totals of months, by their first day, that rebuilt statistics changed.
    pub revised: BTreeMap<NaiveDate, u64>,
    /// How often it was suspended, let go or given a limit.
    pub writes: u64,
}

/// Why a user is suspended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// The recorded reason.
    pub reason: String,
    /// Since when (epoch seconds).
    pub since: i64,
    /// Only root may let it go.
    pub is_locked: bool,
}

/// The server behind its address.
pub struct Server {
    /// Clock, truth, faults, request counts.
    pub knobs: Knobs,
    /// Who may ask.
    pub guard: Guard,
    /// When it was started: somebody was deleted then.
    pub started: i64,
    pub(super) accounts: RwLock<BTreeMap<String, Account>>,
    pub(super) switches: RwLock<Switches>,
}

impl Server {
    /// The users, to be read.
    pub fn accounts(&self) -> RwLockReadGuard<'_, BTreeMap<String, Account>> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The users, to be changed.
    pub fn accounts_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Account>> {
        self.accounts.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The users that somebody sees, deleted ones among them.
    pub fn seen_by(&self, caller: &Caller) -> Vec<(String, Account)> {
        let switches = self.switches();
        let owner = match caller.is_root {
            true => switches.sees_owner.as_deref(),
            false => Some(caller.user.as_str()),
        };
        let accounts = self.accounts();
        let seen = accounts.iter().filter(|(_, one)| owner.is_none_or(|owner| one.owner == owner));
        seen.map(|(name, one)| (name.clone(), one.clone())).collect()
    }

    /// The users that are there and that somebody sees.
    pub fn there(&self, caller: &Caller) -> Vec<(String, Account)> {
        self.seen_by(caller).into_iter().filter(|(_, one)| one.vanished.is_none()).collect()
    }

    /// How it behaves now.
    pub fn switches(&self) -> Switches {
        self.switches.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server's time.
    pub fn now(&self) -> i64 {
        self.knobs.clock.now_seconds()
    }

    /// Where its months begin.
    pub fn zone(&self) -> Zone {
        Zone::named(&self.switches().timezone)
    }

    /// The first day of the month that it calls the running one.
    pub fn month(&self) -> NaiveDate {
        let late = self.switches().months_reset_late_minutes * 60;
        month_before(self.zone().date(crate::clock::at(self.now() - late)), 0)
    }

    /// When a month, told by its first day, begins and ends (epoch seconds).
    pub fn span(&self, first: NaiveDate) -> (i64, i64) {
        let next = first.checked_add_months(chrono::Months::new(1)).unwrap_or(first);
        (self.zone().start_of(first), self.zone().start_of(next))
    }

    /// Until when bandwidth is processed (epoch seconds).
    pub fn processed_until(&self) -> i64 {
        behind(self.now(), self.switches().processed_every_minutes)
    }

    /// Bytes of a user in a span, as far as they are processed.
    pub fn moved(&self, account: &Account, from: i64, to: i64) -> u64 {
        let to = to.min(self.processed_until());
        let moved = (to > from).then(|| self.knobs.truth.traffic_between(&account.known_as, from, to));
        let Traffic { received, sent } = moved.flatten().unwrap_or_default();
        received + sent
    }

    /// Bytes of a user in a month, as they are told.
    pub fn month_total(&self, account: &Account, first: NaiveDate) -> u64 {
        if let Some(revised) = account.revised.get(&first) {
            return *revised;
        }
        if !self.keeps(first) {
            return 0;
        }
        let (from, to) = self.span(first);
        let from = if self.switches().recreated_carries { from } else { from.max(account.created) };
        self.moved(account, from, to)
    }

    /// Whether the figures of a month are still there.
    pub fn keeps(&self, first: NaiveDate) -> bool {
        let months = |day: NaiveDate| day.year() * 12 + day.month0() as i32;
        months(self.month()) - months(first) < self.switches().history_months as i32
    }

    /// Bytes that a user holds, by the quota cache or accurately.
    pub fn held(&self, account: &Account, is_cached: bool) -> u64 {
        let switches = self.switches();
        if !switches.quotas {
            return 0;
        }
        let at = behind(self.now(), if is_cached { switches.disk_cache_minutes } else { 0 });
        self.knobs.truth.level(&account.known_as, at).unwrap_or_default()
    }

    /// Deletes a user, or puts it back as it was.
    pub fn set_vanished(&self, name: &str, vanished: bool) -> Result<(), NotDone> {
        let now = self.now();
        let mut accounts = self.accounts_mut();
        let account = accounts.get_mut(name).ok_or(NotDone::NoSuchAccount)?;
        if account.vanished.is_some() != vanished {
            account.vanished = vanished.then_some(now);
            let deed = if vanished { Deed::Vanish } else { Deed::Reappear };
            self.knobs.truth.did_to_all(&account.known_as, now, deed);
        }
        Ok(())
    }
}

/// The last instant of a clock that strikes every so many minutes.
fn behind(now: i64, every_minutes: i64) -> i64 {
    match every_minutes * 60 {
        0 => now,
        every => now - now.rem_euclid(every),
    }
}
