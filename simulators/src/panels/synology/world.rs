//! Who has files on the NAS: users, groups, what each may store and what each stores.

use super::auth::Logins;
use super::mishaps::Mishap;
use super::switches::{Precedence, Switches};
use crate::panel::Knobs;
use crate::truth::Truth;
use crate::zone::Zone;
use chrono::NaiveDate;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The unit of quotas, in bytes.
pub const MEBIBYTE: u64 = 1 << 20;

/// What the volumes count in, in bytes.
pub const BLOCK: u64 = 4_096;

/// What is free on each volume, in bytes.
pub const FREE: u64 = 8 << 40;

/// The shared folder that users' homes are in.
pub const HOMES: &str = "homes";

/// A shared folder that some users have files in.
pub const PROJECTS: &str = "projects";

/// The group of those who may do everything.
pub const ADMINISTRATORS: &str = "administrators";

/// The group of everybody.
pub const EVERYBODY: &str = "users";

/// From this number on users belong to packages.
pub const FIRST_PACKAGE_UID: u32 = 170_000;

/// One local user.
#[derive(Clone, Debug)]
pub struct User {
    /// Its number; files belong to it.
    pub uid: u32,
    /// What the operator wrote.
    pub description: String,
    /// Its address.
    pub email: String,
    /// `normal`, `now`, or the last day, as DSM writes it.
    pub expired: String,
    /// The groups it is in.
    pub groups: BTreeSet<String>,
    /// Its own limits in MiB by shared folder; 0 and none are none set.
    pub quotas: BTreeMap<String, u64>,
    /// The same as the operator set them.
    pub sold: BTreeMap<String, u64>,
    /// Whether it is somebody that is metered.
    pub is_customer: bool,
    /// Whether it has files in `projects`.
    pub has_projects: bool,
    /// Whether it is in no answer.
    pub vanished: bool,
    /// Calls about its quota fail with this code.
    pub fails: Option<u32>,
    /// Its speed limits by protocol, as they were set.
    pub bandwidths: BTreeMap<String, Value>,
    /// How often somebody changed it.
    pub writes: u64,
}

impl User {
    /// Whether it may do everything.
    pub fn is_administrator(&self) -> bool {
        self.groups.contains(ADMINISTRATORS)
    }

    /// Whether it may not log in on this day.
    pub fn is_disabled(&self, today: NaiveDate) -> bool {
        match self.expired.as_str() {
            "now" => true,
            other => NaiveDate::parse_from_str(other, "%Y/%m/%d").is_ok_and(|last| today > last),
        }
    }
}

/// One local group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its number.
    pub gid: u32,
    /// What the operator wrote.
    pub description: String,
    /// Limits in MiB of its members, by shared folder.
    pub limits: BTreeMap<String, u64>,
}

/// The login that a client is given.
#[derive(Clone, Debug)]
pub struct Login {
    /// Its user name.
    pub username: String,
    /// Its password.
    pub password: String,
}

/// The NAS behind its address.
pub struct Server {
    /// Clock, truth, faults, request counts.
    pub knobs: Knobs,
    /// What users have in `projects`; the truth of the panel is what they have in their homes.
    pub projects: Truth,
    /// The client's login.
    pub login: Login,
    /// Who is logged in, who failed to, and which devices are trusted.
    pub logins: Mutex<Logins>,
    /// Calls that will fail.
    pub mishaps: Mutex<Vec<Mishap>>,
    /// When it was started (epoch seconds).
    pub started: Mutex<i64>,
    /// How often `User get` was asked.
    pub gets: AtomicUsize,
    pub(super) users: RwLock<BTreeMap<String, User>>,
    pub(super) groups: RwLock<BTreeMap<String, Group>>,
    pub(super) switches: RwLock<Switches>,
}

impl Server {
    /// The users, to be read.
    pub fn users(&self) -> RwLockReadGuard<'_, BTreeMap<String, User>> {
        self.users.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The users, to be changed.
    pub fn users_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, User>> {
        self.users.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The users that are there, as DSM spells them.
    pub fn there(&self) -> BTreeMap<String, User> {
        let users = self.users();
        let there = users.iter().filter(|(_, user)| !user.vanished);
        there.map(|(name, user)| (name.clone(), user.clone())).collect()
    }

    /// DSM's spelling of a user that is there: names are the same in whatever case.
    pub fn spelled(&self, name: &str) -> Option<String> {
        let wanted = name.to_lowercase();
        let users = self.users();
        let mut there = users.iter().filter(|(_, user)| !user.vanished);
        there.find(|(name, _)| name.to_lowercase() == wanted).map(|(name, _)| name.clone())
    }

    /// A user that is there.
    pub fn user(&self, name: &str) -> Option<(String, User)> {
        let name = self.spelled(name)?;
        let user = self.users().get(&name)?.clone();
        Some((name, user))
    }

    /// The groups.
    pub fn groups(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Group>> {
        self.groups.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is logged in.
    pub fn logins(&self) -> MutexGuard<'_, Logins> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it behaves now.
    pub fn switches(&self) -> Switches {
        self.switches.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its time (epoch seconds).
    pub fn now(&self) -> i64 {
        self.knobs.clock.now_seconds()
    }

    /// The day it has where it stands.
    pub fn today(&self) -> NaiveDate {
        Zone::named(&self.switches().timezone).date(self.knobs.clock.now())
    }

    /// Bytes that a user has in a shared folder now, as far as they are counted.
    pub fn used(&self, switches: &Switches, name: &str, share: &str) -> u64 {
        let truth = if share == HOMES { &self.knobs.truth } else { &self.projects };
        let level = truth.level(name, self.now()).unwrap_or_default();
        match switches.rescan_percent {
            Some(percent) => level / 100 * u64::from(percent.min(100)) / BLOCK * BLOCK,
            None => level,
        }
    }

    /// The limit in MiB that a user has from its groups in a shared folder; 0 where there is none.
    pub fn group_limit(&self, switches: &Switches, user: &User, share: &str) -> u64 {
        if user.is_administrator() {
            return 0;
        }
        let groups = self.groups();
        let of_groups = user.groups.iter().filter_map(|name| groups.get(name)?.limits.get(share).copied());
        let set = of_groups.filter(|limit| *limit > 0);
        match switches.precedence {
            Precedence::Largest => set.max().unwrap_or_default(),
            Precedence::Smallest => set.min().unwrap_or_default(),
        }
    }
}
