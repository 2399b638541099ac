//! Who lives on the panel: clients with their bandwidths, and what a restored backup changed.

use super::switches::Switches;
use crate::growth::{BEGINNING, Traffic};
use crate::panel::Knobs;
use crate::truth::{Deed, Truth};
use crate::zone::Zone;
use chrono::{DateTime, NaiveDate, Utc};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The part of an account that moves bytes.
pub const TUNNEL: &str = "tunnel";

/// Bandwidths in Mbit/s as plans have them; 0 is the network's default.
const PLANS: [(u64, u64); 5] = [(25, 10), (100, 50), (0, 0), (50, 50), (10, 5)];

const NETWORKS: [&str; 3] = ["office", "home", "default"];

/// How long before the start the latest client was made.
const NEWCOMER_SECONDS: i64 = 10 * 86_400;

/// One client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its place in the order of making.
    pub number: usize,
    /// Own bandwidth towards the customer in Mbit/s.
    pub down: u64,
    /// Own bandwidth from the customer in Mbit/s.
    pub up: u64,
    /// Whether it may connect.
    pub enabled: bool,
    /// Whether it is in no answer.
    pub vanished: bool,
    /// How often it was saved: on 1.x each time drops its connection.
    pub saves: u64,
    /// Days whose figures a restored backup changed.
    pub restored: BTreeMap<NaiveDate, Traffic>,
}

impl Client {
    /// The network it is in.
    pub fn network(&self) -> &'static str {
        NETWORKS[self.number % NETWORKS.len()]
    }
}

/// The panel behind its address.
pub struct Server {
    /// Clock, truth, faults, request counts.
    pub knobs: Knobs,
    /// The bearer token of 2.x.
    pub token: String,
    /// The session cookie of 1.x.
    pub access_hash: String,
    pub(super) clients: RwLock<BTreeMap<String, Client>>,
    pub(super) switches: RwLock<Switches>,
}

impl Server {
    /// The clients, to be read.
    pub fn clients(&self) -> RwLockReadGuard<'_, BTreeMap<String, Client>> {
        self.clients.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clients, to be changed.
    pub fn clients_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Client>> {
        self.clients.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clients that are there.
    pub fn there(&self) -> BTreeMap<String, Client> {
        let clients = self.clients();
        let there = clients.iter().filter(|(_, client)| !client.vanished);
        there.map(|(name, client)| (name.clone(), client.clone())).collect()
    }

    /// How it behaves now.
    pub fn switches(&self) -> Switches {
        self.switches.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes of one client on one local day, as far as they are collected.
    pub fn day(&self, name: &str, client: &Client, day: NaiveDate) -> Traffic {
        if let Some(restored) = client.restored.get(&day) {
            return *restored;
        }
        let switches = self.switches();
        let zone = Zone::named(&switches.timezone);
        let next = day.succ_opt().unwrap_or(day);
        let until = zone.start_of(next).min(self.collected_until());
        let from = zone.start_of(day);
        let moved = (until > from).then(|| self.knobs.truth.traffic_between(name, from, until));
        moved.flatten().unwrap_or_default()
    }

    /// The instant of the last collection (epoch seconds).
    pub fn collected_until(&self) -> i64 {
        let now = self.knobs.clock.now_seconds();
        match self.switches().collected_every_minutes * 60 {
            0 => now,
            every => now - now.rem_euclid(every),
        }
    }
}

/// The name of client number `index`, as the WHMCS module makes them.
pub fn client_name(index: usize) -> String {
    let letters: String =
        (0..4).map(|place| char::from(b'a' + ((index * 7 + place * 5) % 26) as u8)).collect();
    format!("vpn-{}-{}-{letters}", 17 + index / 3, 4_101 + index)
}

/// Makes the first clients; every seventh is new since some days.
pub fn settle(truth: &Truth, accounts: usize, now: DateTime<Utc>) -> BTreeMap<String, Client> {
    let mut clients = BTreeMap::new();
    for number in 0..accounts {
        let name = client_name(number);
        truth.enroll_part(&name, TUNNEL);
        if number % 7 == 5 {
            truth.did_to_all(&name, BEGINNING, Deed::Vanish);
            truth.did_to_all(&name, now.timestamp() - NEWCOMER_SECONDS, Deed::Reappear);
        }
        let (down, up) = PLANS[number % PLANS.len()];
        let restored = BTreeMap::new();
        let client = Client { number, down, up, enabled: true, vanished: false, saves: 0, restored };
        clients.insert(name, client);
    }
    clients
}
