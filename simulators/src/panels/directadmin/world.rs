//! Who lives on the server: administrators, resellers and users, with what each was given.

use super::guard::Guard;
use super::switches::Switches;
use crate::panel::Knobs;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The megabyte of this panel, in bytes.
pub const MEGABYTE: u64 = 1 << 20;

/// What an account may do; higher ones may do all that lower ones may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// A customer.
    User,
    /// Somebody with users of his own.
    Reseller,
    /// Whose server it is.
    Admin,
}

impl Rank {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Reseller => "reseller",
            Self::Admin => "admin",
        }
    }
}

/// Why an account is suspended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suspension {
    /// A key from the panel's fixed list: `billing`, `other`, ...
    pub reason: String,
    /// Free text.
    pub details: String,
    /// The first second of the month whose limit was reached, where the panel did it by itself.
    pub at_limit_of: Option<i64>,
}

/// One account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its place in the order of making.
    pub number: usize,
    /// What it may do.
    pub rank: Rank,
    /// Whose it is.
    pub creator: String,
    /// When it was made (epoch seconds).
    pub created: i64,
    /// Its totals hold nothing that passed before this instant.
    pub counted_from: i64,
    /// Whether it is in no answer.
    pub vanished: bool,
    /// Why it is suspended, if it is.
    pub suspension: Option<Suspension>,
    /// When somebody unsuspended it last.
    pub released: Option<i64>,
    /// Its domains, the default one first.
    pub domains: Vec<String>,
    /// What `user.conf` has of it besides: limits in MB or `unlimited`, `ON` and `OFF`, the package.
    pub conf: BTreeMap<String, String>,
    /// Bytes missing from the totals of the month that began then: a removed domain, a tally that ran again.
    pub missing: BTreeMap<i64, u64>,
}

impl Account {
    /// A value of its configuration; an absent one is empty.
    pub fn conf(&self, key: &str) -> &str {
        self.conf.get(key).map_or("", String::as_str)
    }

    /// The default domain; administrators may have none.
    pub fn domain(&self) -> &str {
        self.domains.first().map_or("", String::as_str)
    }

    /// A limit in bytes that is told in MB; `None` is unlimited.
    pub fn limit_bytes(&self, key: &str) -> Option<u64> {
        self.conf(key).parse::<u64>().ok().map(|megabytes| megabytes.saturating_mul(MEGABYTE))
    }
}

/// The secrets of the login that a client is given.
#[derive(Clone, Debug)]
pub struct Login {
    /// Its user name.
    pub username: String,
    /// Its password.
    pub password: String,
    /// A login key of it.
    pub login_key: String,
}

/// The server behind its address.
pub struct Server {
    /// Clock, truth, faults, request counts.
    pub knobs: Knobs,
    /// The first administrator's secrets.
    pub login: Login,
    /// Who failed to log in how often.
    pub guard: Guard,
    /// When a tally was started by hand last.
    pub tally_by_hand: Mutex<Option<i64>>,
    /// How often accounts were suspended or released: the words for it vary.
    pub selections: AtomicUsize,
    pub(super) accounts: RwLock<BTreeMap<String, Account>>,
    pub(super) switches: RwLock<Switches>,
}

impl Server {
    /// The accounts, to be read.
    pub fn accounts(&self) -> RwLockReadGuard<'_, BTreeMap<String, Account>> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The accounts, to be changed.
    pub fn accounts_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Account>> {
        self.accounts.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The accounts that are there.
    pub fn there(&self) -> BTreeMap<String, Account> {
        let accounts = self.accounts();
        let there = accounts.iter().filter(|(_, account)| !account.vanished);
        there.map(|(name, account)| (name.clone(), account.clone())).collect()
    }

    /// How it behaves now.
    pub fn switches(&self) -> Switches {
        self.switches.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server's time (epoch seconds).
    pub fn now(&self) -> i64 {
        self.knobs.clock.now_seconds()
    }
}
