//! A fake OpenStack cloud: Keystone, Gnocchi, Nova, Cinder, Neutron, Swift, Manila and Glance, each on an address of its own.
//!
//! Accounts are projects. Their traffic lies in Gnocchi as windows of counters that begin anew with every tap; what
//! they store is told by Cinder in GiB, and by Swift in bytes.

mod actions;
mod aggregates;
mod archive;
mod call;
mod catalogue;
mod cinder;
mod cloud;
mod front;
mod glance;
mod gnocchi;
mod keystone;
mod limited;
mod login;
mod neutron;
mod nova;
mod operations;
mod operations_text;
mod population;
mod reply;
mod resources;
mod search;
mod swift;
mod switches;
mod world;

pub use cloud::Identity;
pub use population::project_id;
pub use switches::Switches;

use crate::faults::{Change, Fault, FaultKind};
use crate::panel::{self, Flag, Happening, Kind, Knobs, Landmarks, NamedPanel, NotDone, SimulatedPanel};
use crate::place::{Place, Plot};
use crate::sessions::{Rules, Sessions};
use crate::truth::Deed;
use cloud::Cloud;
use front::OpenStackFront;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, PoisonError, RwLock};
use world::World;

/// How panels of this kind are found by name.
pub const KIND: Kind = Kind::of::<Panel>();

/// What a fake cloud can be started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What every panel can be started with.
    pub common: panel::Options,
    /// Who may ask.
    pub identity: Identity,
    /// How it behaves at first.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        let identity = Identity {
            user: "whmeter".to_owned(),
            password: "S3c-ret-9d41c7".to_owned(),
            credential: "5f0c3a7e9b2d4c61a8f0e1d2c3b4a596".to_owned(),
            secret: "kXoQ0v7cW1-application-credential".to_owned(),
        };
        Self { common: panel::Options::default(), identity, switches: Switches::default() }
    }
}

impl From<panel::Options> for Options {
    fn from(common: panel::Options) -> Self {
        Self { common, ..Self::default() }
    }
}

/// A running fake cloud; clones are the same one.
#[derive(Clone)]
pub struct Panel {
    cloud: Arc<Cloud>,
}

impl Panel {
    /// Binds its addresses, fills it with projects and serves it.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let plot = Plot::bind(KIND.name, &options.common, reply::SERVICES.len()).await?;
        let knobs = Knobs::new(&options.common);
        let mut world = World::default();
        population::settle(&mut world, &knobs.truth, options.common.accounts, knobs.clock.now_seconds());
        let cloud = Arc::new(Cloud {
            knobs,
            identity: options.identity,
            sessions: Sessions::new(Rules::lasting(options.switches.token_seconds)),
            scopes: std::sync::Mutex::default(),
            refused: std::sync::Mutex::default(),
            place: plot.place.clone(),
            world: RwLock::new(world),
            switches: RwLock::new(options.switches),
            turn: AtomicU32::new(1),
        });
        let panel = Self { cloud: cloud.clone() };
        plot.serve(&panel, OpenStackFront(cloud))?;
        Ok(panel)
    }

    /// Who may ask.
    pub fn identity(&self) -> Identity {
        self.cloud.identity.clone()
    }

    /// The base URL of a service, by its type in the catalogue.
    pub fn service_url(&self, kind: &str) -> String {
        let place = reply::SERVICES.iter().position(|service| service.kind() == kind);
        self.cloud.place.url(place.unwrap_or_default())
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.cloud.switches.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The ids of a project's servers that are not deleted.
    pub fn servers(&self, account: &str) -> Vec<String> {
        let world = self.cloud.world();
        let own =
            world.servers.values().filter(|server| server.project == account && server.deleted.is_none());
        own.map(|server| server.id.clone()).collect()
    }

    /// The ids of a project's ports.
    pub fn ports(&self, account: &str) -> Vec<String> {
        let world = self.cloud.world();
        world.ports.values().filter(|port| port.project == account).map(|port| port.id.clone()).collect()
    }

    /// The bytes of a project's images that were uploaded.
    pub fn image_bytes(&self, account: &str) -> u64 {
        glance::bytes(account)
    }

    /// The ids of a project's volumes.
    pub fn volumes(&self, account: &str) -> Vec<String> {
        let world = self.cloud.world();
        world
            .volumes
            .values()
            .filter(|volume| volume.project == account)
            .map(|volume| volume.id.clone())
            .collect()
    }
}

impl NamedPanel for Panel {
    const NAME: &'static str = "openstack";
    const ABOUT: &'static str = "An OpenStack cloud.";
    type Options = Options;
    const FLAGS: &'static [Flag<Options>] = &[
        Flag::new("user", "The user's name, in the domain default.", |options| &mut options.identity.user),
        Flag::new("password", "The user's password.", |options| &mut options.identity.password),
        Flag::new("credential", "The id of the application credential.", |options| {
            &mut options.identity.credential
        }),
        Flag::new("secret", "The secret of the application credential.", |options| {
            &mut options.identity.secret
        }),
        Flag::new("regions", "How many regions there are: 1, or 2.", |options| &mut options.switches.regions),
        Flag::new("polling", "Seconds from one of Ceilometer's polls to the next.", |options| {
            &mut options.switches.polling_seconds
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
        &self.cloud.place
    }

    fn knobs(&self) -> &Knobs {
        &self.cloud.knobs
    }

    fn keys(&self) -> Vec<(&'static str, String)> {
        let identity = self.identity();
        vec![
            ("application_credential_id", identity.credential),
            ("application_credential_secret", identity.secret),
        ]
    }

    fn landmarks(&self) -> Landmarks {
        Landmarks {
            listing: "/v3/projects",
            usage: "/volumes/detail",
            limiting: "/action",
            meter: "storage",
            usage_key: "size",
            // What Swift holds, and Cinder's quota.
            calls_per_account: 2,
            // Windows that are over, and were worked in.
            figures_age: 900,
        }
    }

    fn accounts(&self) -> Vec<String> {
        let world = self.cloud.world();
        let there = world.projects.values().filter(|project| !project.vanished && !project.is_own);
        there.map(|project| project.id.clone()).collect()
    }

    /// Gnocchi keeps what a project leaves behind, and nothing is added to it.
    fn set_vanished(&self, account: &str, vanished: bool) -> Result<(), NotDone> {
        let mut world = self.cloud.world_mut();
        let project = world.projects.get_mut(account).ok_or(NotDone::NoSuchAccount)?;
        if std::mem::replace(&mut project.vanished, vanished) != vanished {
            let deed = if vanished { Deed::Vanish } else { Deed::Reappear };
            self.cloud.knobs.truth.did_to_all(account, self.cloud.now(), deed);
        }
        Ok(())
    }

    /// Nobody logs in to it any more; its servers run on.
    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone> {
        let op = if suspended { "disable" } else { "enable" };
        self.operate(&format!("projects/{account}"), &serde_json::json!({ "op": op })).map(|_| ())
    }

    fn is_limited(&self, account: &str) -> Option<bool> {
        limited::is_limited(&self.cloud, account)
    }

    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
        operations::operate(&self.cloud, operation, arguments)
    }

    /// The size of its first volume, wherever that stands in the list.
    fn spoil_account(&self, account: &str) -> Fault {
        let world = self.cloud.world();
        let place = self.cloud.volumes(&world).iter().position(|(volume, _)| volume.project == account);
        let field = format!("/volumes/{}/size", place.unwrap_or_default());
        Fault::new(FaultKind::ChangedField { field, becomes: Change::Value("many".into()) })
            .on("/volumes/detail")
    }

    /// Without a server that runs there is no tap, and no sample.
    fn lacks(&self, account: &str, meter: &str) -> bool {
        let world = self.cloud.world();
        let has_tap =
            |server: &world::Server| server.past.last().is_some_and(|(_, doing)| doing.taps.is_some());
        let mut own = world.servers.values().filter(|server| server.project == account);
        meter.starts_with("traffic") && !own.any(has_tap)
    }

    fn meddle(&self, account: &str) -> Result<(), NotDone> {
        limited::meddle(&self.cloud, account)
    }

    /// A server that runs gets new taps, or is off for a while.
    fn happening(&self, dice: &mut StdRng) -> Option<Happening> {
        let world = self.cloud.world();
        let runs = |server: &&world::Server| server.status() == world::Status::Active;
        let running: Vec<&world::Server> = world.servers.values().filter(runs).collect();
        let server = running.get(dice.random_range(0..running.len().max(1)))?;
        let set = |status: &str| json!({ "op": "set_status", "status": status });
        let (cause, deeds) = match dice.random_bool(0.3) {
            true => ("stopped", vec![set("SHUTOFF"), set("ACTIVE")]),
            false => ("restarted", vec![json!({ "op": "reboot" })]),
        };
        let operation = format!("servers/{}", server.id);
        Some(Happening {
            what: format!("server {} of {} {cause}", server.id, server.project),
            cause,
            account: Some(server.project.clone()),
            operations: deeds.into_iter().map(|deed| (operation.clone(), deed)).collect(),
        })
    }
}
