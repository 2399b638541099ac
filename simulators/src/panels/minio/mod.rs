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

use crate::faults::{Change, Fault, FaultKind};
use crate::panel::{self, Flag, Happening, Kind, Knobs, Landmarks, NamedPanel, NotDone, SimulatedPanel};
use crate::place::{Place, Plot};
use crate::truth::Deed;
use chrono::TimeDelta;
use front::MinioFront;
use policy::Wish;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use server::{Node, Server};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use world::World;

/// How panels of this kind are found by name.
pub const KIND: Kind = Kind::of::<Panel>();

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

impl From<panel::Options> for Options {
    fn from(common: panel::Options) -> Self {
        Self { common, ..Self::default() }
    }
}

/// A running fake MinIO; clones are the same one.
#[derive(Clone)]
pub struct Panel {
    server: Arc<Server>,
    place: Place,
}

impl Panel {
    /// Binds its addresses, fills it with accounts and serves it.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let plot = Plot::bind(KIND.name, &options.common, options.nodes).await?;
        let server = Arc::new(fresh(options, &plot.place));
        let panel = Self { server: server.clone(), place: plot.place.clone() };
        plot.serve(&panel, MinioFront(server))?;
        Ok(panel)
    }

    /// The base URL of one node.
    pub fn node_url(&self, node: usize) -> String {
        self.place.url(node)
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
    pub fn authority(&self) -> Option<&Path> {
        self.place.authority()
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
}

fn fresh(options: Options, place: &Place) -> Server {
    let knobs = Knobs::new(&options.common);
    let now = knobs.clock.now();
    let mut world = World::new();
    let (accounts, bulk, nodes) = (options.common.accounts, options.bulk_buckets, place.doors.len());
    population::settle(&mut world, &knobs.truth, accounts, bulk, nodes, now);
    let nodes =
        place.doors.iter().cloned().map(|(address, gate)| Node { address, gate, started: RwLock::new(now) });
    let server = Server {
        nodes: nodes.collect(),
        knobs,
        root: options.access_key,
        root_secret: options.secret_key,
        scheme: place.scheme(),
        world: RwLock::new(world),
        switches: RwLock::new(options.switches),
        scanner: RwLock::new(options.scanner),
        request_number: AtomicU64::new(1),
    };
    // The nodes have been running for a while, none as long as another.
    for node in 0..server.nodes.len() {
        server.restart(node, now - TimeDelta::hours(24 + 5 * node as i64));
    }
    server
}

impl NamedPanel for Panel {
    const NAME: &'static str = "minio";
    const ABOUT: &'static str = "An object storage: MinIO, AIStor or RustFS.";
    type Options = Options;
    const FLAGS: &'static [Flag<Options>] = &[
        Flag::new("access-key", "The root user's name.", |options| &mut options.access_key),
        Flag::new("secret-key", "The root user's secret.", |options| &mut options.secret_key),
        Flag::new("nodes", "How many nodes it has; each listens on a port of its own.", |options| {
            &mut options.nodes
        }),
        Flag::new("bulk-buckets", "Buckets more that belong to nobody.", |options| &mut options.bulk_buckets),
        Flag::one_of("flavour", "Whose server it is.", &["minio", "rustfs", "aistor"], |options| {
            &mut options.switches.flavour
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
        let (access_key, secret) = self.credentials();
        vec![("access_key", access_key), ("secret", secret)]
    }

    fn landmarks(&self) -> Landmarks {
        Landmarks {
            listing: "list-users",
            usage: "datausageinfo",
            limiting: "set-user-or-group-policy",
            meter: "storage",
            usage_key: "size",
            calls_per_account: 0,
            figures_age: 0,
        }
    }

    fn accounts(&self) -> Vec<String> {
        let world = self.server.world();
        let there = world.users.iter().filter(|(_, user)| !user.vanished);
        there.map(|(name, _)| name.clone()).collect()
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

    fn spoil_account(&self, account: &str) -> Fault {
        let field = format!("/bucketsUsageInfo/{account}-data/size");
        Fault::new(FaultKind::ChangedField { field, becomes: Change::Value("many".into()) })
    }

    fn meddle(&self, account: &str) -> Result<(), NotDone> {
        let now = self.server.now();
        let mapped = mapping::map(&mut self.server.world_mut(), account, false, "readonly", now);
        mapped.map_err(|_| NotDone::NoSuchAccount)
    }

    /// One node of several restarts: which part of a count it had, nobody can tell.
    fn happening(&self, _: &mut StdRng) -> Option<Happening> {
        let operations = vec![("nodes/0".to_owned(), json!({ "op": "restart" }))];
        Some(Happening { what: "node restarted".into(), cause: "restarted", account: None, operations })
    }
}
