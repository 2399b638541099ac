//! A fake PUQ VPNcp: the clients of a VPN panel, their traffic per day and their bandwidths.
//!
//! Speaks as 2.x (bearer token, JSON) or as 1.x (cookie, forms). The bodies of 2.x are written down
//! nowhere, so every one of them can be switched to another likely shape.

mod calls;
mod front;
mod operations;
mod reply;
mod switches;
mod system;
mod traffic;
mod world;

pub use switches::{CapType, DaysShape, ListShape, Login, Names, Openapi, Spelling, Switches, Wrapping};
pub use world::client_name;

use crate::faults::Change;
use crate::panel::{self, Flag, Kind, Knobs, Landmarks, NamedPanel, NotDone, SimulatedPanel};
use crate::place::{Place, Plot};
use crate::truth::Deed;
use front::VpncpFront;
use serde_json::Value;
use std::sync::{Arc, PoisonError, RwLock};
use world::{Client, Server};

/// How panels of this kind are found by name.
pub const KIND: Kind = Kind::of::<Panel>();

/// A bandwidth this low, in Mbit/s, is a limit and no plan.
const LIMITED: u64 = 1;

/// What a fake VPNcp can be started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What every panel can be started with.
    pub common: panel::Options,
    /// The bearer token of 2.x.
    pub token: String,
    /// The session cookie of 1.x: 80 hexadecimal characters.
    pub access_hash: String,
    /// How it behaves at first.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            common: panel::Options::default(),
            token: "vpncp-0f3a9c5e71d24b86-token".to_owned(),
            access_hash: "0a1b2c3d4e5f6789".repeat(5),
            switches: Switches::default(),
        }
    }
}

impl From<panel::Options> for Options {
    fn from(common: panel::Options) -> Self {
        Self { common, ..Self::default() }
    }
}

/// A running fake VPNcp; clones are the same one.
#[derive(Clone)]
pub struct Panel {
    server: Arc<Server>,
    place: Place,
}

impl Panel {
    /// Binds its addresses, fills it with clients and serves it.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let plot = Plot::bind(KIND.name, &options.common, 1).await?;
        let knobs = Knobs::new(&options.common);
        let clients = world::settle(&knobs.truth, options.common.accounts, knobs.clock.now());
        let server = Arc::new(Server {
            knobs,
            token: options.token,
            access_hash: options.access_hash,
            clients: RwLock::new(clients),
            switches: RwLock::new(options.switches),
        });
        let panel = Self { server: server.clone(), place: plot.place.clone() };
        plot.serve(&panel, VpncpFront(server))?;
        Ok(panel)
    }

    /// The bearer token of 2.x and the session cookie of 1.x.
    pub fn credentials(&self) -> (String, String) {
        (self.server.token.clone(), self.server.access_hash.clone())
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.server.switches.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The client's own bandwidths in Mbit/s: down and up.
    pub fn caps(&self, account: &str) -> Option<(u64, u64)> {
        self.server.clients().get(account).map(|client| (client.down, client.up))
    }

    /// Whether the client may connect.
    pub fn is_enabled(&self, account: &str) -> Option<bool> {
        self.server.clients().get(account).map(|client| client.enabled)
    }

    /// How often the client was saved.
    pub fn saves(&self, account: &str) -> Option<u64> {
        self.server.clients().get(account).map(|client| client.saves)
    }

    fn change(&self, account: &str, change: impl FnOnce(&mut Client)) -> Result<(), NotDone> {
        self.server.clients_mut().get_mut(account).map(change).ok_or(NotDone::NoSuchAccount)
    }
}

impl NamedPanel for Panel {
    const NAME: &'static str = "vpncp";
    const ABOUT: &'static str = "A VPN panel: PUQ VPNcp of either generation.";
    type Options = Options;
    const FLAGS: &'static [Flag<Options>] = &[
        Flag::one_of("generation", "The generation of its API.", &["1", "2"], |options| {
            &mut options.switches.generation
        }),
        Flag::one_of("timezone", "Where its days begin.", &crate::zone::NAMES, |options| {
            &mut options.switches.timezone
        }),
    ];

    async fn run(options: Options) -> std::io::Result<Self> {
        Self::start(options).await
    }
}

impl SimulatedPanel for Panel {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn place(&self) -> &Place {
        &self.place
    }

    fn knobs(&self) -> &Knobs {
        &self.server.knobs
    }

    fn keys(&self) -> Vec<(&'static str, String)> {
        let (token, access_hash) = self.credentials();
        match self.server.switches().is_first() {
            true => vec![("access_hash", access_hash)],
            false => vec![("token", token)],
        }
    }

    fn landmarks(&self) -> Landmarks {
        let (listing, usage, limiting) = match self.server.switches().is_first() {
            true => ("/api/v1/account", "/traffic_statistics/", "/api/v1/account/"),
            false => ("/api/v1/client", "/traffic/", "/api/v1/client/"),
        };
        Landmarks {
            listing,
            usage,
            limiting,
            meter: "traffic_out",
            usage_key: "traffic_download",
            // The running month, the one before, and the one that shows where the history ends.
            calls_per_account: 3,
            figures_age: self.server.switches().collected_every_minutes * 60,
        }
    }

    fn accounts(&self) -> Vec<String> {
        self.server.there().into_keys().collect()
    }

    fn set_vanished(&self, account: &str, vanished: bool) -> Result<(), NotDone> {
        let mut was = vanished;
        self.change(account, |client| was = std::mem::replace(&mut client.vanished, vanished))?;
        if was != vanished {
            let deed = if vanished { Deed::Vanish } else { Deed::Reappear };
            let knobs = &self.server.knobs;
            knobs.truth.did_to_all(account, knobs.clock.now_seconds(), deed);
        }
        Ok(())
    }

    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone> {
        self.change(account, |client| client.enabled = !suspended)
    }

    fn is_limited(&self, account: &str) -> Option<bool> {
        let clients = self.server.clients();
        let client = clients.get(account)?;
        let is_slow = |mbit: u64| (1..=LIMITED).contains(&mbit);
        Some(!client.enabled || (is_slow(client.down) && is_slow(client.up)))
    }

    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
        operations::operate(&self.server, operation, arguments)
    }

    /// Numbers as texts are usual on this panel.
    fn sends(&self, change: &Change) -> bool {
        *change == Change::Quoted
    }

    fn meddle(&self, account: &str) -> Result<(), NotDone> {
        self.change(account, |client| (client.down, client.up) = (5, 5))
    }
}
