//! A fake Proxmox VE cluster: several nodes, virtual machines and containers that start, stop, move
//! and hang, and the calls a metering client or an exporter makes.
//!
//! Figures are those of the last ten-second snapshot of each node, as in the real thing.

mod chart;
mod cluster;
mod front;
mod login;
mod operations;
mod population;
mod power;
mod reply;
mod rows;
mod settings;
mod switches;
mod world;

pub use switches::Switches;

use crate::faults::{Change, Fault, FaultKind};
use crate::panel::{self, Flag, Happening, Kind, Knobs, Landmarks, NamedPanel, NotDone, SimulatedPanel};
use crate::place::{Place, Plot};
use cluster::Cluster;
use front::ProxmoxFront;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, PoisonError, RwLock};
use world::{Guest, SNAPSHOT, World, part};

/// How panels of this kind are found by name.
pub const KIND: Kind = Kind::of::<Panel>();

/// Below this rate (mebibytes per second) a card counts as limited.
const SLOW: f64 = 1.0;

/// What a fake cluster can be started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What every panel can be started with.
    pub common: panel::Options,
    /// `user@realm`.
    pub user: String,
    /// The name of its API token.
    pub token: String,
    /// The token's secret, and the user's password.
    pub secret: String,
    /// How many nodes it has; each listens on a port of its own.
    pub nodes: usize,
    /// How it behaves at first.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            common: panel::Options::default(),
            user: "whmeter@pve".to_owned(),
            token: "metrics".to_owned(),
            secret: "6f1c2b1e-9c2d-4b6e-8f00-2d9a6f1e7c55".to_owned(),
            nodes: 3,
            switches: Switches::default(),
        }
    }
}

impl From<panel::Options> for Options {
    fn from(common: panel::Options) -> Self {
        Self { common, ..Self::default() }
    }
}

/// A running fake cluster; clones are the same one.
#[derive(Clone)]
pub struct Panel {
    cluster: Arc<Cluster>,
}

impl Panel {
    /// Binds its addresses, fills it with guests and serves it.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let plot = Plot::bind(KIND.name, &options.common, options.nodes).await?;
        let knobs = Knobs::new(&options.common);
        let mut world = World::default();
        let (accounts, nodes) = (options.common.accounts, plot.place.doors.len());
        population::settle(&mut world, &knobs.truth, accounts, nodes, knobs.clock.now_seconds());
        let cluster = Arc::new(Cluster {
            knobs,
            user: options.user,
            token: options.token,
            secret: options.secret,
            sessions: login::sessions(),
            place: plot.place.clone(),
            world: RwLock::new(world),
            switches: RwLock::new(options.switches),
            turn: AtomicU32::new(1),
        });
        let panel = Self { cluster: cluster.clone() };
        plot.serve(&panel, ProxmoxFront(cluster))?;
        Ok(panel)
    }

    /// The base URL of one node.
    pub fn node_url(&self, node: usize) -> String {
        self.cluster.place.url(node)
    }

    /// How many nodes it has.
    pub fn nodes(&self) -> usize {
        self.cluster.place.doors.len()
    }

    /// The authority's certificate file, when it speaks HTTPS.
    pub fn authority(&self) -> Option<&Path> {
        self.cluster.place.authority()
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.cluster.switches.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether an account's guest is a container.
    pub fn is_container(&self, account: &str) -> bool {
        self.with_guest(account, |guest| guest.kind == world::GuestKind::Lxc) == Some(true)
    }

    /// Whether an account's guest is on.
    pub fn is_on(&self, account: &str) -> bool {
        self.with_guest(account, |guest| guest.now().run.is_some()) == Some(true)
    }

    fn with_guest<T>(&self, account: &str, ask: impl Fn(&Guest) -> T) -> Option<T> {
        let world = self.cluster.world();
        account.parse().ok().and_then(|vmid: u32| world.guests.get(&vmid)).map(ask)
    }

    fn change(&self, account: &str, change: impl Fn(&Cluster, &mut Guest)) -> Result<(), NotDone> {
        let mut world = self.cluster.world_mut();
        let guest = account.parse().ok().and_then(|vmid: u32| world.guests.get_mut(&vmid));
        change(&self.cluster, guest.ok_or(NotDone::NoSuchAccount)?);
        Ok(())
    }
}

impl NamedPanel for Panel {
    const NAME: &'static str = "proxmox";
    const ABOUT: &'static str = "A Proxmox VE cluster.";
    type Options = Options;
    const FLAGS: &'static [Flag<Options>] = &[
        Flag::new("user", "The user, with its realm.", |options| &mut options.user),
        Flag::new("token", "The name of its API token.", |options| &mut options.token),
        Flag::new("secret", "The token's secret, and the user's password.", |options| &mut options.secret),
        Flag::new("nodes", "How many nodes it has; each listens on a port of its own.", |options| {
            &mut options.nodes
        }),
        Flag::one_of("release", "The release.", &["7", "8", "9"], |options| &mut options.switches.version),
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
        &self.cluster.place
    }

    fn knobs(&self) -> &Knobs {
        &self.cluster.knobs
    }

    fn keys(&self) -> Vec<(&'static str, String)> {
        let user = format!("{}!{}", self.cluster.user, self.cluster.token);
        vec![("user", user), ("secret", self.cluster.secret.clone())]
    }

    fn landmarks(&self) -> Landmarks {
        Landmarks {
            listing: "cluster/resources",
            usage: "cluster/resources",
            limiting: "/config",
            meter: "traffic_out",
            usage_key: "netout",
            calls_per_account: 0,
            figures_age: SNAPSHOT,
        }
    }

    fn accounts(&self) -> Vec<String> {
        let world = self.cluster.world();
        let there = world.guests.values().filter(|guest| !guest.vanished && !guest.template);
        let mut names: Vec<String> = there.map(|guest| guest.vmid.to_string()).collect();
        names.sort();
        names
    }

    fn set_vanished(&self, account: &str, vanished: bool) -> Result<(), NotDone> {
        self.change(account, |cluster, guest| cluster.set_vanished(guest, vanished))
    }

    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone> {
        self.change(account, |cluster, guest| match suspended {
            true => cluster.stop(guest),
            false => cluster.start(guest),
        })
    }

    fn is_limited(&self, account: &str) -> Option<bool> {
        self.with_guest(account, |guest| {
            let slow = |card: &String| {
                let setting = guest.config.get(card).map_or("", String::as_str);
                let rate = part(setting, "rate").and_then(|rate| rate.parse::<f64>().ok());
                part(setting, "link_down") == Some("1") || rate.is_some_and(|rate| rate > 0.0 && rate < SLOW)
            };
            guest.now().paused || guest.cards().all(slow)
        })
    }

    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
        operations::operate(&self.cluster, operation, arguments)
    }

    /// The id of its row is another's.
    fn spoil_account(&self, account: &str) -> Fault {
        let (find, with) = (format!("/{account}\""), format!("/{account}0\""));
        Fault::new(FaultKind::ReplacedText { find, with })
    }

    /// The hypervisor cannot look into a machine's disk, and a container that is off tells nothing.
    fn lacks(&self, account: &str, meter: &str) -> bool {
        meter == "storage" && !(self.is_container(account) && self.is_on(account))
    }

    /// Old releases write numbers as texts, and Perl may write a whole number as a float.
    fn sends(&self, change: &Change) -> bool {
        matches!(change, Change::Quoted) || *change == Change::RawText("1e3".into())
    }

    /// Its first card gets a rate.
    fn meddle(&self, account: &str) -> Result<(), NotDone> {
        self.change(account, |_, guest| {
            if let Some(card) = guest.config.get_mut("net0") {
                let parts = card.split(',').filter(|part| !part.starts_with("rate="));
                *card = parts.chain(["rate=3"]).collect::<Vec<_>>().join(",");
            }
        })
    }

    /// A guest is restarted, or stopped for a while.
    fn happening(&self, dice: &mut StdRng) -> Option<Happening> {
        let accounts = self.accounts();
        let account = accounts[dice.random_range(0..accounts.len())].clone();
        let (cause, deeds): (_, &[&str]) = match dice.random_bool(0.3) {
            true => ("stopped", &["stop", "start"]),
            false => ("restarted", &["restart"]),
        };
        let operation = |deed: &&str| (format!("guests/{account}"), json!({ "op": deed }));
        let operations = deeds.iter().map(operation).collect();
        Some(Happening {
            what: format!("guest {account} {cause}"),
            cause,
            account: Some(account),
            operations,
        })
    }
}
