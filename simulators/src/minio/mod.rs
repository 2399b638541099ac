//! A fake MinIO: admin API, S3 calls and metrics of an object storage with several nodes.
//!
//! Everything a metering client or `mc` touches for users, groups, policies, usage, quotas and
//! metrics is there, with signatures checked and bodies sealed. Objects are kept in memory.

mod accounts;
mod actions;
mod admin;
mod bearer;
mod bucket;
mod exposition;
mod front;
mod groups;
mod health;
mod listing;
mod mapping;
mod metrics;
mod metrics_v2;
mod metrics_v3;
mod operations;
mod policies;
mod policy;
mod population;
mod quota;
mod refusal;
mod reply;
mod report;
mod rustfs;
mod s3;
pub mod sealed;
mod server;
mod signature;
mod switches;
mod usage;
mod users;
mod world;

pub use population::{account_name, account_secret, standard_policy};
pub use switches::{Attach, Flavour, MetricsGuard, QuotaShape, Scanner, Switches};

use crate::control;
use crate::panel::{self, Knobs, Landmarks, NotDone, SimulatedPanel};
use crate::server::{Bound, House, bind, serve_control};
use crate::tls;
use crate::truth::Deed;
use crate::wire::Gate;
use async_trait::async_trait;
use chrono::TimeDelta;
use front::MinioFront;
use policy::Wish;
use serde_json::Value;
use server::{Node, Server};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_util::sync::CancellationToken;
use world::World;

/// How panels of this kind are found by name.
pub const KIND: panel::Kind = panel::Kind {
    name: "minio",
    start: |common| {
        Box::pin(async move {
            let options = Options { common, ..Options::default() };
            let panel = Panel::start(options).await?;
            Ok(Box::new(panel) as Box<dyn SimulatedPanel>)
        })
    },
};

/// What a fake MinIO can be started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What every panel can be started with.
    pub common: panel::Options,
    /// The root user's name.
    pub access_key: String,
    /// The root user's secret.
    pub secret_key: String,
    /// How many nodes it has; each listens on a port of its own.
    pub nodes: usize,
    /// Buckets more that belong to nobody; 100,000 make a usage answer of 94 MB.
    pub bulk_buckets: usize,
    /// How it behaves at first.
    pub switches: Switches,
    /// How its scanner behaves at first.
    pub scanner: Scanner,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            common: panel::Options::default(),
            access_key: "rootuser".to_owned(),
            secret_key: "rootsecret123".to_owned(),
            nodes: 2,
            bulk_buckets: 0,
            switches: Switches::default(),
            scanner: Scanner::default(),
        }
    }
}

/// A running fake MinIO; clones are the same one.
#[derive(Clone)]
pub struct Panel {
    server: Arc<Server>,
    control: SocketAddr,
    authority: Option<PathBuf>,
    stop: CancellationToken,
}

impl Panel {
    /// Binds its addresses, fills it with accounts and serves it.
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
        let server = Arc::new(fresh(&options, &doors));
        let panel = Self {
            server: server.clone(),
            control: control.address,
            authority: certificates.as_ref().map(|files| files.authority.clone()),
            stop: CancellationToken::new(),
        };
        let house = House {
            front: Arc::new(MinioFront(server.clone())),
            faults: server.knobs.faults.clone(),
            requests: server.knobs.requests.clone(),
            clock: server.knobs.clock.clone(),
            tls: certificates.map(|files| files.server),
            stop: panel.stop.clone(),
        };
        for (index, door) in doors.into_iter().enumerate() {
            house.serve(index, door, server.nodes[index].gate.clone())?;
        }
        serve_control(control, control::routes(Arc::new(panel.clone())), panel.stop.clone());
        Ok(panel)
    }

    /// The base URL of one node.
    pub fn node_url(&self, node: usize) -> String {
        format!("{}://{}", self.server.scheme, self.server.label(node))
    }

    /// How many nodes it has.
    pub fn nodes(&self) -> usize {
        self.server.nodes.len()
    }

    /// Root's access key and secret key.
    pub fn credentials(&self) -> (String, String) {
        (self.server.root.clone(), self.server.root_secret.clone())
    }

    /// The authority's certificate file, when it speaks HTTPS.
    pub fn authority(&self) -> Option<&PathBuf> {
        self.authority.as_ref()
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.server.switches.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Changes how its scanner behaves.
    pub fn scan(&self, change: impl FnOnce(&mut Scanner)) {
        change(&mut self.server.scanner.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// When the usage it tells was made (epoch seconds); `None` before the first scan.
    pub fn scanned_at(&self) -> Option<i64> {
        let at = self.server.scanner().finished(self.server.now());
        at.map(|at| at.timestamp())
    }

    /// Restarts a node: its counters begin at nothing.
    pub fn restart_node(&self, node: usize) {
        self.server.restart(node, self.server.now());
    }

    /// Takes a node down, or brings it up with its counters as they are.
    pub fn set_node_up(&self, node: usize, up: bool) {
        let gate = &self.server.nodes[node].gate;
        if up { gate.open() } else { gate.shut() }
    }

    /// Whether a user may do something to a bucket, or to an object in it.
    pub fn may(&self, user: &str, action: &str, bucket: &str, object: &str) -> bool {
        self.server.world().allows(&Wish { action, bucket, object, user })
    }

    /// The names of all policies.
    pub fn policies(&self) -> Vec<String> {
        self.server.world().policies.keys().cloned().collect()
    }

    fn set_vanished(&self, account: &str, vanished: bool) -> Result<(), NotDone> {
        let server = &self.server;
        let (now, nodes) = (server.now().timestamp(), server.nodes.len());
        let mut world = server.world_mut();
        let user = world.users.get_mut(account).ok_or(NotDone::NoSuchAccount)?;
        if user.vanished == vanished {
            return Ok(());
        }
        user.vanished = vanished;
        let deed = if vanished { Deed::Vanish } else { Deed::Reappear };
        server.knobs.truth.did_to_all(account, now, deed);
        for (name, bucket) in world.buckets.iter_mut().filter(|(_, bucket)| bucket.owner == account) {
            bucket.vanished = vanished;
            bucket.counted_from = vec![server.knobs.truth.part_traffic(account, name, now); nodes];
        }
        Ok(())
    }
}

fn fresh(options: &Options, doors: &[Bound]) -> Server {
    let knobs = Knobs::new(&options.common);
    let now = knobs.clock.now();
    let mut world = World::new();
    population::settle(
        &mut world,
        &knobs.truth,
        options.common.accounts,
        options.bulk_buckets,
        doors.len(),
        now,
    );
    let nodes = doors.iter().map(|door| Node {
        address: door.address,
        gate: Gate::default(),
        started: RwLock::new(now),
    });
    let server = Server {
        nodes: nodes.collect(),
        knobs,
        root: options.access_key.clone(),
        root_secret: options.secret_key.clone(),
        scheme: if options.common.tls.is_some() { "https" } else { "http" },
        world: RwLock::new(world),
        switches: RwLock::new(options.switches.clone()),
        scanner: RwLock::new(options.scanner.clone()),
        request_number: AtomicU64::new(1),
    };
    // The nodes have been running for a while, none as long as another.
    for node in 0..server.nodes.len() {
        server.restart(node, now - TimeDelta::hours(24 + 5 * node as i64));
    }
    server
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
        let (access_key, secret) = self.credentials();
        let mut settings =
            BTreeMap::from([("url", self.url()), ("access_key", access_key), ("secret", secret)]);
        if let Some(authority) = &self.authority {
            settings.insert("tls_ca_file", authority.display().to_string());
        }
        settings
    }

    fn knobs(&self) -> &Knobs {
        &self.server.knobs
    }

    fn landmarks(&self) -> Landmarks {
        Landmarks {
            listing: "list-users",
            usage: "datausageinfo",
            limiting: "set-user-or-group-policy",
            meter: "storage",
            usage_key: "size",
            calls_per_account: 0,
        }
    }

    fn accounts(&self) -> Vec<String> {
        let world = self.server.world();
        let there = world.users.iter().filter(|(_, user)| !user.vanished);
        there.map(|(name, _)| name.clone()).collect()
    }

    fn vanish(&self, account: &str) -> Result<(), NotDone> {
        self.set_vanished(account, true)
    }

    fn reappear(&self, account: &str) -> Result<(), NotDone> {
        self.set_vanished(account, false)
    }

    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone> {
        let mut world = self.server.world_mut();
        let user = world.user_mut(account).map_err(|_| NotDone::NoSuchAccount)?;
        user.enabled = !suspended;
        Ok(())
    }

    fn is_limited(&self, account: &str) -> Option<bool> {
        let bucket = format!("{account}-data");
        let wish = Wish { action: "s3:PutObject", bucket: &bucket, object: "new", user: account };
        let world = self.server.world();
        let user = world.user(account).ok()?;
        Some(!user.enabled || !world.allows(&wish))
    }

    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
        operations::operate(&self.server, operation, arguments)
    }

    fn stop(&self) {
        self.stop.cancel();
    }
}
