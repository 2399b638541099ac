//! One fake cloud: its state, its switches, its tokens, and what happens to its servers.
//!
//! Every end of a tap tells the truth how much of its count no sample has shown.

use super::switches::Switches;
use super::world::{Doing, GIB, Port, Server, Status, Volume, World};
use crate::growth::Traffic;
use crate::panel::Knobs;
use crate::place::Place;
use crate::sessions::Sessions;
use crate::truth::Deed;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Who may ask: a user with a password, and an application credential of it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The user's name, in the domain `default`.
    pub user: String,
    /// The user's password.
    pub password: String,
    /// The id of the application credential.
    pub credential: String,
    /// Its secret.
    pub secret: String,
}

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A project.
    Project(String),
    /// A domain.
    Domain(String),
    /// The whole system.
    System,
    /// Nothing but itself.
    Unscoped,
}

/// The cloud behind all of its addresses.
pub struct Cloud {
    /// Clock, truth, faults, request counts.
    pub knobs: Knobs,
    /// Who may ask.
    pub identity: Identity,
    /// The tokens that are out.
    pub sessions: Sessions,
    /// What each of them is good for.
    pub scopes: Mutex<BTreeMap<String, Scope>>,
    /// When logins were refused, oldest first.
    pub refused: Mutex<Vec<i64>>,
    /// Its addresses, one per service.
    pub place: Place,
    pub(super) world: RwLock<World>,
    pub(super) switches: RwLock<Switches>,
    pub(super) turn: AtomicU32,
}

impl Cloud {
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

    /// What each token is good for.
    pub fn scopes(&self) -> MutexGuard<'_, BTreeMap<String, Scope>> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cloud's time (epoch seconds).
    pub fn now(&self) -> i64 {
        self.knobs.clock.now_seconds()
    }

    /// A number that is never given twice.
    pub fn next(&self) -> u32 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// What a port's counter shows at an instant; `None` where no tap is there.
    pub fn count(&self, world: &World, port: &Port, at: i64) -> Option<Traffic> {
        let server = world.servers.get(&port.server)?;
        let base = *server.doing(at)?.taps.as_ref()?.get(&port.id)?;
        Some(self.moved(port, at) - base)
    }

    /// What a port has moved in all its life until an instant.
    pub fn moved(&self, port: &Port, at: i64) -> Traffic {
        self.knobs.truth.part_traffic(&port.project, &port.part, at)
    }

    /// GiB of a volume at an instant.
    pub fn gib(&self, volume: &Volume, at: i64) -> u64 {
        self.knobs.truth.part_level(&volume.project, &volume.part(), at) / GIB
    }

    /// Volumes that are there: who holds nothing is deleted.
    pub fn volumes<'w>(&self, world: &'w World) -> Vec<(&'w Volume, u64)> {
        let now = self.now();
        let there = world.volumes.values().filter(|volume| is_there(world, &volume.project));
        there.map(|volume| (volume, self.gib(volume, now))).filter(|(_, gib)| *gib > 0).collect()
    }

    /// GiB of a project's volumes that count towards its quota.
    pub fn gib_in_use(&self, world: &World, project: &str) -> u64 {
        let own = self.volumes(world).into_iter();
        own.filter(|(volume, _)| volume.project == project && volume.consumes_quota).map(|(_, gib)| gib).sum()
    }

    /// Sets a server to a status: taps are made where it runs again, and are gone where it is off.
    pub fn set_status(&self, world: &mut World, id: &str, status: Status) {
        let now = self.now();
        let (ports, account) = (ports_of(world, id), world.servers[id].project.clone());
        let before = world.servers[id].past.last().map(|(_, doing)| doing.clone());
        let had = before.as_ref().and_then(|doing| doing.taps.clone());
        let taps = match (status, had) {
            (Status::Active | Status::Paused, Some(taps)) => Some(taps),
            (Status::Active | Status::Paused, None) => Some(self.fresh_taps(world, &ports, now)),
            (_, Some(taps)) => {
                ports.iter().for_each(|port| self.forget(port, &taps, now));
                None
            }
            (_, None) => None,
        };
        let deed = if status == Status::Active { Deed::GoOn } else { Deed::Halt };
        ports.iter().for_each(|port| {
            self.knobs.truth.did(&account, &port.part, now, deed);
        });
        change(world, id, |server| server.past.push((now, Doing { status, taps })));
    }

    /// Its taps are made anew while it runs: a hard reboot, a resize, a migration.
    pub fn new_taps(&self, world: &mut World, id: &str) {
        let now = self.now();
        let ports = ports_of(world, id);
        let Some((_, Doing { status, taps: Some(taps) })) = world.servers[id].past.last().cloned() else {
            return;
        };
        ports.iter().for_each(|port| self.forget(port, &taps, now));
        let taps = Some(self.fresh_taps(world, &ports, now));
        change(world, id, |server| server.past.push((now, Doing { status, taps })));
    }

    fn fresh_taps(&self, world: &mut World, ports: &[Port], now: i64) -> BTreeMap<String, Traffic> {
        for port in ports {
            if let Some(port) = world.ports.get_mut(&port.id) {
                port.first_tap.get_or_insert(now);
            }
        }
        ports.iter().map(|port| (port.id.clone(), self.moved(port, now))).collect()
    }

    /// A tap ends: what passed since the last sample was never shown.
    fn forget(&self, port: &Port, taps: &BTreeMap<String, Traffic>, now: i64) {
        let made = taps.get(&port.id).copied().unwrap_or_default();
        let switches = self.switches();
        let period = switches.polling_seconds.max(1);
        let sampled = now - (now - switches.polling_offset).rem_euclid(period);
        let shown = self.moved(port, sampled);
        let shown = if shown.sent >= made.sent && shown.received >= made.received { shown } else { made };
        let lost = self.moved(port, now) - shown;
        if lost != Traffic::default() {
            self.knobs.truth.did(&port.project, &port.part, now, Deed::Forget(lost));
        }
    }

    /// Deletes a server; its last window is never polled.
    pub fn delete_server(&self, world: &mut World, id: &str) {
        self.set_status(world, id, Status::Shutoff);
        let now = self.now();
        change(world, id, |server| server.deleted = Some(now));
    }
}

fn change(world: &mut World, id: &str, change: impl FnOnce(&mut Server)) {
    if let Some(server) = world.servers.get_mut(id) {
        change(server);
    }
}

fn ports_of(world: &World, server: &str) -> Vec<Port> {
    world.ports.values().filter(|port| port.server == server).cloned().collect()
}

/// Whether a project is there, so that services list what is its.
pub fn is_there(world: &World, project: &str) -> bool {
    world.projects.get(project).is_some_and(|project| !project.vanished)
}
