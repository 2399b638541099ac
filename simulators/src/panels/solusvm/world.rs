//! Who lives on the panel: virtual servers on their nodes, with what was counted of them.

use super::period::{MonthDay, Policy};
use super::switches::Switches;
use super::tasks::Tasks;
use crate::clock::at;
use crate::growth::Traffic;
use crate::panel::{Knobs, NotDone};
use crate::truth::Deed;
use crate::zone::Zone;
use chrono::Datelike;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A gibibyte, in bytes.
pub const GIB: u64 = 1 << 30;

/// How a node does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Health {
    /// Well.
    #[default]
    Well,
    /// It takes so long to tell of a server (version 1).
    Slow {
        /// How long.
        milliseconds: u64,
    },
    /// It does not answer: version 1 tells an error, version 2 what it knew then.
    Dead,
    /// It counts nothing: every count is told as 0.
    Zeros,
}

/// Where servers run.
#[derive(Clone, Debug, Serialize)]
pub struct Node {
    /// As version 1 calls it: `kvm`, `openvz`, `xen`, `xen hvm`.
    pub virtualization: String,
    /// How it does.
    pub health: Health,
    /// Since when (epoch seconds).
    pub since: i64,
}

/// One virtual server.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Its place in the order of making.
    pub place: usize,
    /// How often another one was made under its number.
    pub generation: u64,
    /// Its node's number.
    pub node: u64,
    /// Whose it is: the number of a client.
    pub owner: u64,
    /// When it was made (epoch seconds).
    pub created: i64,
    /// What it was sold: a place among the plans of `plans.rs`.
    pub plan: usize,
    /// When version 2 begins to count anew.
    pub policy: Policy,
    /// Since when that holds: what was due before is not done any more (epoch seconds).
    pub policy_since: i64,
    /// Nothing that passed before is counted (epoch seconds).
    pub counted_from: i64,
    /// Whether somebody suspended it.
    pub suspended: bool,
    /// Whether it is switched on.
    pub on: bool,
    /// Whether it is in no answer.
    pub vanished: bool,
}

impl Machine {
    /// Whether it runs.
    pub fn runs(&self) -> bool {
        self.on && !self.suspended
    }

    /// What version 2 calls it whatever its number.
    pub fn uuid(&self, id: u64) -> String {
        format!("{id:08x}-{:04x}-4e57-9a51-{:012x}", self.generation, id * 7_919 + self.generation)
    }
}

/// Who may ask.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Version 2: the bearer token.
    pub token: String,
    /// Version 1: `id` and `key` of the administrators' API.
    pub admin: (String, String),
    /// Version 1: `id` and `key` of a reseller's.
    pub reseller: (String, String),
}

/// The panel behind its address.
pub struct Master {
    /// Clock, truth, faults, request counts.
    pub knobs: Knobs,
    /// Who may ask.
    pub secrets: Secrets,
    /// Where it answers.
    pub base: String,
    /// What version 2 has been asked to do.
    pub tasks: Tasks,
    pub(super) nodes: RwLock<BTreeMap<u64, Node>>,
    pub(super) machines: RwLock<BTreeMap<u64, Machine>>,
    pub(super) switches: RwLock<Switches>,
}

impl Master {
    /// The servers, to be read.
    pub fn machines(&self) -> RwLockReadGuard<'_, BTreeMap<u64, Machine>> {
        self.machines.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The servers, to be changed.
    pub fn machines_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<u64, Machine>> {
        self.machines.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The nodes, to be read.
    pub fn nodes(&self) -> RwLockReadGuard<'_, BTreeMap<u64, Node>> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The servers that are there, by number.
    pub fn there(&self) -> BTreeMap<u64, Machine> {
        let machines = self.machines();
        let there = machines.iter().filter(|(_, machine)| !machine.vanished);
        there.map(|(id, machine)| (*id, machine.clone())).collect()
    }

    /// One that is there.
    pub fn one(&self, id: u64) -> Option<Machine> {
        self.machines().get(&id).filter(|machine| !machine.vanished).cloned()
    }

    /// The node of a server.
    pub fn node_of(&self, machine: &Machine) -> Option<Node> {
        self.nodes().get(&machine.node).cloned()
    }

    /// How it behaves now.
    pub fn switches(&self) -> Switches {
        self.switches.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The panel's time (epoch seconds).
    pub fn now(&self) -> i64 {
        self.knobs.clock.now_seconds()
    }

    /// Since when a server's count holds what passed (epoch seconds).
    pub fn counts_since(&self, machine: &Machine) -> i64 {
        let switches = self.switches();
        let (zone, late) = match switches.is_first() {
            true => (Zone::named(&switches.timezone), switches.reset_late_minutes * 60),
            false => (Zone::named("UTC"), 0),
        };
        let created_on = zone.date(at(machine.created)).day();
        let day = match (switches.is_first(), machine.policy) {
            (true, _) if switches.anniversary => created_on,
            (true, _) | (false, Policy::FirstDayOfMonth) => 1,
            (false, Policy::VmCreatedDay) => created_on,
            (false, Policy::Never) => return machine.counted_from,
        };
        let last = MonthDay { day, zone, late }.last(self.now());
        if last > machine.policy_since { last.max(machine.counted_from) } else { machine.counted_from }
    }

    /// What the panel counted of a server, in bytes.
    pub fn counted(&self, id: u64, machine: &Machine) -> Traffic {
        let node = self.node_of(machine);
        let until = match node.as_ref().map(|node| node.health) {
            Some(Health::Zeros) => return Traffic::default(),
            Some(Health::Dead) => node.map_or(0, |node| node.since),
            _ => self.now(),
        };
        let from = self.counts_since(machine);
        let moved = self.knobs.truth.traffic_between(&id.to_string(), from, until.max(from));
        moved.unwrap_or_default()
    }

    /// Suspends a server or resumes it: what is suspended does not run.
    pub fn set_suspended(&self, id: u64, suspended: bool) -> Result<(), NotDone> {
        self.run_otherwise(id, |machine| machine.suspended = suspended)
    }

    /// Changes what decides whether a server runs; the truth learns of it.
    pub fn run_otherwise(&self, id: u64, change: impl FnOnce(&mut Machine)) -> Result<(), NotDone> {
        let mut machines = self.machines_mut();
        let machine = machines.get_mut(&id).ok_or(NotDone::NoSuchAccount)?;
        let ran = machine.runs();
        change(machine);
        let deed = match (ran, machine.runs()) {
            (true, false) => Deed::Halt,
            (false, true) => Deed::GoOn,
            _ => return Ok(()),
        };
        self.knobs.truth.did_to_all(&id.to_string(), self.now(), deed);
        Ok(())
    }
}
