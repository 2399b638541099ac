//! Who lives in the cloud: users, their machines with network cards, their CDN resources; and who asks.

use super::queue::Queue;
use super::switches::Switches;
use crate::growth::Traffic;
use crate::panel::Knobs;
use crate::truth::NOBODY;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The gigabyte of disks, in bytes.
pub const GIGABYTE: u64 = 1 << 30;

/// An hour, in seconds.
pub const HOUR: i64 = 3_600;

/// The number of the API user.
pub const API_USER: u32 = 1;

/// What the accounts are whose truth is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Virtual servers, by their numbers.
    #[default]
    Vm,
    /// Users by their logins, with all that their virtual servers hold and move.
    User,
    /// Users by their logins, with what their CDN resources move.
    Cdn,
}

impl Scope {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::User => "user",
            Self::Cdn => "cdn",
        }
    }

    /// What CDN traffic is whole packets of, so that two decimals of a megabyte tell it exactly.
    pub fn packet(self, cdn_megabyte: u64, kilobyte: u64) -> u64 {
        if self == Self::Cdn { cdn_megabyte / 4 } else { kilobyte }
    }
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// Fourteen letters and digits.
    pub identifier: String,
    /// Its name.
    pub login: String,
    /// Its address, the login for its key.
    pub email: String,
    /// How it is called.
    pub names: [String; 2],
    /// When it was made (epoch seconds).
    pub created: i64,
    /// When it was changed last.
    pub updated: i64,
    /// Whether it is suspended.
    pub suspended: bool,
    /// When it was deleted.
    pub deleted: Option<i64>,
    /// Its plan.
    pub plan: u32,
    /// Its group.
    pub group: u32,
    /// Forty hex digits.
    pub api_key: String,
}

/// A network card of a machine.
#[derive(Clone, Debug)]
pub struct Card {
    /// Its number.
    pub id: u32,
    /// `eth0`.
    pub label: String,
    /// Its port's speed in Mbps; 0 is without limit.
    pub rate: u32,
    /// Rows that are not there, by the end of their hour.
    pub lost: Vec<i64>,
    /// Rows that tell something else, in bytes, by the end of their hour, and since when.
    pub revised: BTreeMap<i64, (Traffic, i64)>,
}

/// A virtual server.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Fourteen letters and digits.
    pub identifier: String,
    /// `web-01`.
    pub label: String,
    /// Its domain.
    pub domain: String,
    /// Whose it has been from when on; the last is its owner.
    pub owners: Vec<(i64, u32)>,
    /// When it was made (epoch seconds).
    pub created: i64,
    /// When it was changed last.
    pub updated: i64,
    /// Whether it is suspended.
    pub suspended: bool,
    /// It was suspended with its owner, and will be released with it.
    pub with_user: bool,
    /// Whether it is switched on.
    pub booted: bool,
    /// Switched off by its owner: it moves nothing, and has no rows.
    pub halted: bool,
    /// Whether it is in no answer.
    pub vanished: bool,
    /// Processors and memory in MB.
    pub size: (u32, u32),
    /// Its cards.
    pub cards: Vec<Card>,
    /// Its package; none where it was sized freely.
    pub package: Option<u32>,
}

impl Machine {
    /// Whose it was at an instant.
    pub fn owner_at(&self, at: i64) -> u32 {
        let held = self.owners.iter().rev().find(|(from, _)| *from <= at);
        held.or(self.owners.first()).map_or(API_USER, |(_, owner)| *owner)
    }
}

/// A CDN resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Whose it is.
    pub owner: u32,
    /// Its name.
    pub hostname: String,
    /// Its number at the CDN behind the panel.
    pub reference: u32,
    /// The edge groups that deliver it.
    pub groups: Vec<u32>,
    /// When it was made (epoch seconds).
    pub created: i64,
    /// Whether it is gone.
    pub vanished: bool,
}

/// All that is in the cloud, by numbers.
#[derive(Clone, Debug, Default)]
pub struct Cloud {
    /// Users.
    pub users: BTreeMap<u32, User>,
    /// Virtual servers.
    pub machines: BTreeMap<u32, Machine>,
    /// CDN resources.
    pub resources: BTreeMap<u32, Resource>,
}

impl Cloud {
    /// A user that is not deleted.
    pub fn user(&self, id: u32) -> Option<&User> {
        self.users.get(&id).filter(|user| user.deleted.is_none())
    }

    /// The number of the user with this login, deleted or not.
    pub fn user_named(&self, login: &str) -> Option<u32> {
        self.users.iter().find(|(_, user)| user.login == login).map(|(id, _)| *id)
    }

    /// A machine that is there, by number or identifier.
    pub fn machine(&self, key: &str) -> Option<(u32, &Machine)> {
        let found = self.machines.iter().find(|(id, one)| id.to_string() == key || one.identifier == key);
        found.filter(|(_, one)| !one.vanished).map(|(id, one)| (*id, one))
    }

    /// Machines that are there, whosever or of one user.
    pub fn machines_of(&self, owner: Option<u32>, now: i64) -> impl Iterator<Item = (u32, &Machine)> {
        let there = self.machines.iter().filter(|(_, one)| !one.vanished);
        let own = there.filter(move |(_, one)| owner.is_none_or(|owner| one.owner_at(now) == owner));
        own.map(|(id, one)| (*id, one))
    }

    /// Resources that are there, whosever or of one user.
    pub fn resources_of(&self, owner: Option<u32>) -> impl Iterator<Item = (u32, &Resource)> {
        let there = self.resources.iter().filter(|(_, one)| !one.vanished);
        there.filter(move |(_, one)| owner.is_none_or(|owner| one.owner == owner)).map(|(id, one)| (*id, one))
    }
}

/// The panel behind its address.
pub struct Server {
    /// Clock, truth, faults, request counts.
    pub knobs: Knobs,
    /// What its accounts are.
    pub scope: Scope,
    /// Actions that wait, run or are over.
    pub queue: Queue,
    pub(super) cloud: RwLock<Cloud>,
    pub(super) switches: RwLock<Switches>,
}

impl Server {
    /// The cloud, to be read.
    pub fn cloud(&self) -> RwLockReadGuard<'_, Cloud> {
        self.cloud.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cloud, to be changed.
    pub fn cloud_mut(&self) -> RwLockWriteGuard<'_, Cloud> {
        self.cloud.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it behaves now.
    pub fn switches(&self) -> Switches {
        self.switches.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The panel's time (epoch seconds).
    pub fn now(&self) -> i64 {
        self.knobs.clock.now_seconds()
    }

    /// Where the truth of a card is, as long as the machine was a user's: account and part.
    pub fn card_place(&self, login: &str, machine: u32, card: u32) -> (String, String) {
        match self.scope {
            Scope::Vm => (machine.to_string(), card.to_string()),
            Scope::User => (login.to_owned(), format!("{machine}-{card}")),
            Scope::Cdn => (NOBODY.to_owned(), format!("{machine}-{card}")),
        }
    }

    /// Where the truth of a resource in an edge group is: account and part.
    pub fn resource_place(&self, login: &str, resource: u32, group: u32) -> (String, String) {
        let account = if self.scope == Scope::Cdn { login } else { NOBODY };
        (account.to_owned(), format!("cdn-{resource}-{group}"))
    }
}
