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

use crate::control;
use crate::panel::{self, Knobs, Landmarks, NotDone, SimulatedPanel};
use crate::server::{House, bind, serve_control};
use crate::tls;
use crate::wire::Gate;
use async_trait::async_trait;
use cluster::Cluster;
use front::ProxmoxFront;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_util::sync::CancellationToken;
use world::{Guest, World, part};

/// How panels of this kind are found by name.
pub const KIND: panel::Kind = panel::Kind {
    name: "proxmox",
    start: |common| {
        Box::pin(async move {
            let options = Options { common, ..Options::default() };
            let panel = Panel::start(options).await?;
            Ok(Box::new(panel) as Box<dyn SimulatedPanel>)
        })
    },
};

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

/// A running fake cluster; clones are the same one.
#[derive(Clone)]
pub struct Panel {
    cluster: Arc<Cluster>,
    control: SocketAddr,
    authority: Option<PathBuf>,
    stop: CancellationToken,
}

impl Panel {
    /// Binds its addresses, fills it with guests and serves it.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let common = &options.common;
        let certificates = match &common.tls {
            Some(folder) => Some(tls::certificates(folder, KIND.name)?),
            None => None,
        };
        let mut doors = vec![bind(common.listen).await?];
        for _ in 1..options.nodes.max(1) {
            doors.push(bind(SocketAddr::new(common.listen.ip(), 0)).await?);
        }
        let control = bind(common.control).await?;
        let knobs = Knobs::new(common);
        let mut world = World::default();
        let now = knobs.clock.now_seconds();
        population::settle(&mut world, &knobs.truth, common.accounts, doors.len(), now);
        let cluster = Arc::new(Cluster {
            knobs,
            user: options.user.clone(),
            token: options.token.clone(),
            secret: options.secret.clone(),
            scheme: if common.tls.is_some() { "https" } else { "http" },
            doors: doors.iter().map(|door| (door.address, Gate::default())).collect(),
            world: RwLock::new(world),
            switches: RwLock::new(options.switches.clone()),
            turn: AtomicU32::new(1),
        });
        let panel = Self {
            cluster: cluster.clone(),
            control: control.address,
            authority: certificates.as_ref().map(|files| files.authority.clone()),
            stop: CancellationToken::new(),
        };
        let house = House {
            front: Arc::new(ProxmoxFront(cluster.clone())),
            faults: cluster.knobs.faults.clone(),
            requests: cluster.knobs.requests.clone(),
            clock: cluster.knobs.clock.clone(),
            tls: certificates.map(|files| files.server),
            stop: panel.stop.clone(),
        };
        for (index, door) in doors.into_iter().enumerate() {
            house.serve(index, door, cluster.doors[index].1.clone())?;
        }
        serve_control(control, control::routes(Arc::new(panel.clone())), panel.stop.clone());
        Ok(panel)
    }

    /// The base URL of one node.
    pub fn node_url(&self, node: usize) -> String {
        let address = self.cluster.doors.get(node).map(|(address, _)| address.to_string());
        format!("{}://{}", self.cluster.scheme, address.unwrap_or_default())
    }

    /// How many nodes it has.
    pub fn nodes(&self) -> usize {
        self.cluster.doors.len()
    }

    /// The authority's certificate file, when it speaks HTTPS.
    pub fn authority(&self) -> Option<&PathBuf> {
        self.authority.as_ref()
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

#[async_trait]
impl SimulatedPanel for Panel {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn url(&self) -> String {
        self.node_url(0)
    }

    fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    fn settings(&self) -> BTreeMap<&'static str, String> {
        let user = format!("{}!{}", self.cluster.user, self.cluster.token);
        let secret = self.cluster.secret.clone();
        let mut settings = BTreeMap::from([("url", self.url()), ("user", user), ("secret", secret)]);
        if let Some(authority) = &self.authority {
            settings.insert("tls_ca_file", authority.display().to_string());
        }
        settings
    }

    fn knobs(&self) -> &Knobs {
        &self.cluster.knobs
    }

    fn landmarks(&self) -> Landmarks {
        Landmarks {
            listing: "cluster/resources",
            usage: "cluster/resources",
            limiting: "/config",
            meter: "traffic_out",
            usage_key: "netout",
            calls_per_account: 0,
        }
    }

    fn accounts(&self) -> Vec<String> {
        let world = self.cluster.world();
        let there = world.guests.values().filter(|guest| !guest.vanished && !guest.template);
        let mut names: Vec<String> = there.map(|guest| guest.vmid.to_string()).collect();
        names.sort();
        names
    }

    fn vanish(&self, account: &str) -> Result<(), NotDone> {
        self.change(account, |cluster, guest| cluster.set_vanished(guest, true))
    }

    fn reappear(&self, account: &str) -> Result<(), NotDone> {
        self.change(account, |cluster, guest| cluster.set_vanished(guest, false))
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

    fn stop(&self) {
        self.stop.cancel();
    }
}
