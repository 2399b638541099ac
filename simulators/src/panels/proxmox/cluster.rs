//! One fake cluster: its state, its switches, and what happens to its guests and nodes.
//!
//! Every end of a count tells the truth how much of it no snapshot has shown.

use super::population::{config, mac};
use super::switches::Switches;
use super::world::{Doing, Guest, GuestKind, Health, Run, SNAPSHOT, World};
use crate::growth::Traffic;
use crate::panel::{Knobs, NotDone};
use crate::place::Place;
use crate::sessions::Sessions;
use crate::truth::Deed;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The cluster behind all of its addresses.
pub struct Cluster {
    /// Clock, truth, faults, request counts.
    pub knobs: Knobs,
    /// `user@realm`.
    pub user: String,
    /// The name of its token.
    pub token: String,
    /// The token's secret, and the user's password.
    pub secret: String,
    /// The tickets that it has given out.
    pub sessions: Sessions,
    /// Where each node listens, and its gate.
    pub place: Place,
    pub(super) world: RwLock<World>,
    pub(super) switches: RwLock<Switches>,
    pub(super) turn: AtomicU32,
}

impl Cluster {
    /// The state, to be read.
    pub fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, to be changed.
    pub fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it behaves now.
    pub fn switches(&self) -> Switches {
        self.switches.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The cluster's time.
    pub fn now(&self) -> i64 {
        self.knobs.clock.now_seconds()
    }

    /// A number that is never given twice.
    pub fn next(&self) -> u32 {
        self.turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }

    /// Begins a run: every card counts from nothing.
    pub fn start(&self, guest: &mut Guest) {
        if guest.now().run.is_some() {
            return;
        }
        let now = self.now();
        for (key, value) in std::mem::take(&mut guest.pending) {
            match value {
                Some(value) => guest.config.insert(key, value),
                None => guest.config.remove(&key),
            };
        }
        guest.past.push((now, Doing { run: Some(self.fresh_run(guest, now)), paused: false }));
        self.knobs.truth.did_to_all(&guest.vmid.to_string(), now, Deed::GoOn);
    }

    /// Ends its run.
    pub fn stop(&self, guest: &mut Guest) {
        if guest.now().run.is_none() {
            return;
        }
        let now = self.now();
        guest.cards().for_each(|card| self.forget(guest, card, now));
        guest.past.push((now, Doing::default()));
        self.knobs.truth.did_to_all(&guest.vmid.to_string(), now, Deed::Halt);
    }

    /// Stops its processor, or lets it go on; the counts stay.
    pub fn pause(&self, guest: &mut Guest, paused: bool) {
        let doing = guest.now();
        if doing.run.is_none() || doing.paused == paused {
            return;
        }
        let now = self.now();
        guest.past.push((now, Doing { paused, ..doing }));
        let deed = if paused { Deed::Halt } else { Deed::GoOn };
        self.knobs.truth.did_to_all(&guest.vmid.to_string(), now, deed);
    }

    /// Moves it to another node, running or not: there it begins to count anew, and does not stop moving
    /// bytes for it.
    pub fn migrate(&self, guest: &mut Guest, node: usize) {
        let now = self.now();
        guest.node = node;
        let doing = guest.now();
        if doing.run.is_some() {
            guest.cards().for_each(|card| self.forget(guest, card, now));
            let run = Some(self.fresh_run(guest, now));
            guest.past.push((now, Doing { run, ..doing }));
        }
    }

    /// Takes a card out and puts it in again: it counts from nothing while the guest runs on.
    pub fn replug(&self, guest: &mut Guest, card: &str) {
        let (now, mut doing) = (self.now(), guest.now());
        if let Some(run) = &mut doing.run {
            self.forget(guest, card, now);
            run.plugged.insert(card.to_owned(), self.moved(guest, card, now));
            guest.past.push((now, doing));
        }
    }

    /// Gone from every answer, or back with a run that begins now.
    pub fn set_vanished(&self, guest: &mut Guest, vanished: bool) {
        if guest.vanished == vanished {
            return;
        }
        let (now, account) = (self.now(), guest.vmid.to_string());
        guest.vanished = vanished;
        if vanished {
            guest.cards().for_each(|card| self.forget(guest, card, now));
            self.knobs.truth.did_to_all(&account, now, Deed::Vanish);
            return;
        }
        self.knobs.truth.did_to_all(&account, now, Deed::Reappear);
        let doing = guest.now();
        let run = doing.run.is_some().then(|| self.fresh_run(guest, now));
        guest.past.push((now, Doing { run, ..doing }));
    }

    /// Deleted, and its number given to a new guest that starts now.
    pub fn reuse(&self, guest: &mut Guest, kind: GuestKind) {
        self.stop(guest);
        self.set_vanished(guest, true);
        guest.vanished = false;
        self.knobs.truth.did_to_all(&guest.vmid.to_string(), self.now(), Deed::Reappear);
        guest.kind = kind;
        guest.config = config(guest.vmid, kind, 1, self.next() as usize);
        guest.past.clear();
        self.new_address(guest, "net0");
        guest.past.push((self.now(), Doing::default()));
        self.start(guest);
    }

    /// Gives a card an address of its own.
    pub fn new_address(&self, guest: &mut Guest, card: &str) {
        let fresh = mac(guest.vmid, 7 + self.next());
        if let Some(setting) = guest.config.get_mut(card) {
            let parts = setting.split(',').map(|part| match part.split_once('=') {
                Some((key, value)) if value.starts_with("BC:24:11:") => format!("{key}={fresh}"),
                _ => part.to_owned(),
            });
            *setting = parts.collect::<Vec<_>>().join(",");
        }
    }

    /// What happens to a node: `down`, `up` (power), `cut`, `join` (network), `hang`, `recover` (collector).
    pub fn on_node(&self, node: usize, what: &str) -> Result<(), NotDone> {
        let now = self.now();
        let mut world = self.world_mut();
        let (health, shut) = match what {
            "down" | "cut" => (Health::Offline(now), true),
            "up" | "join" | "recover" => (Health::Online, false),
            "hang" => (Health::Hanging(now), false),
            other => return Err(NotDone::NotUnderstood(format!("no operation {other:?} on a node"))),
        };
        if what == "down" || what == "up" {
            let here = world.guests.values_mut().filter(|guest| guest.node == node && !guest.vanished);
            for guest in here.filter(|guest| !guest.template) {
                if what == "down" { self.stop(guest) } else { self.start(guest) }
            }
            world.nodes[node].started = now;
        }
        world.nodes[node].health = health;
        let gate = &self.place.doors[node].1;
        if shut {
            gate.shut()
        } else {
            gate.open()
        }
        Ok(())
    }

    /// What a card has moved in all its life until an instant.
    pub fn moved(&self, guest: &Guest, card: &str, at: i64) -> Traffic {
        self.knobs.truth.part_traffic(&guest.vmid.to_string(), card, at)
    }

    fn fresh_run(&self, guest: &Guest, now: i64) -> Run {
        let cards = guest.cards().map(|card| (card.clone(), self.moved(guest, card, now)));
        Run { since: now, plugged: cards.collect::<BTreeMap<_, _>>() }
    }

    /// A card's count ends: what passed since the last snapshot was never shown.
    fn forget(&self, guest: &Guest, card: &str, now: i64) {
        let plugged = guest.now().run.and_then(|run| run.plugged.get(card).copied());
        let Some(plugged) = plugged else { return };
        let shown = self.moved(guest, card, now - now.rem_euclid(SNAPSHOT));
        let shown = if shown.sent >= plugged.sent { shown } else { plugged };
        let lost = self.moved(guest, card, now) - shown;
        if lost != Traffic::default() {
            self.knobs.truth.did(&guest.vmid.to_string(), card, now, Deed::Forget(lost));
        }
    }
}
