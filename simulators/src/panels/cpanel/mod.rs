//! A fake cPanel/WHM server: users of root and of resellers, their disks, their bandwidth of a month, suspensions.
//!
//! Speaks WHM API 1, and can be switched to the shapes of older builds and wrappers.

mod accounts;
mod bandwidth;
mod disk;
mod envelope;
mod front;
mod guard;
mod list;
mod operations;
mod policy;
mod population;
mod switches;
mod system;
mod uapi;
mod world;

pub use guard::reseller_token;
pub use population::user_name;
pub use switches::{DiskUsed, Envelope, Switches};

use crate::faults::{Change, Fault, FaultKind};
use crate::panel::{self, Flag, Kind, Knobs, Landmarks, NamedPanel, NotDone, SimulatedPanel};
use crate::place::{Place, Plot};
use front::CpanelFront;
use guard::{Caller, Guard};
use serde_json::Value;
use std::sync::{Arc, PoisonError, RwLock};
use world::{Account, Server, Suspension};

/// How panels of this kind are found by name.
pub const KIND: Kind = Kind::of::<Panel>();

/// What a fake server can be started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What every panel can be started with.
    pub common: panel::Options,
    /// The API token of root: 32 letters and digits.
    pub token: String,
    /// The legacy access hash of root, without its line ends.
    pub access_hash: String,
    /// The password of root.
    pub password: String,
    /// How it behaves at first.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            common: panel::Options::default(),
            token: "7T3XQ0V5E1C8J2M6B9N4R7K1H5L8P2WZ".to_owned(),
            access_hash: "0a1b2c3d4e5f6789".repeat(58),
            password: "Quay-44-lanterns".to_owned(),
            switches: Switches::default(),
        }
    }
}

impl From<panel::Options> for Options {
    fn from(common: panel::Options) -> Self {
        Self { common, ..Self::default() }
    }
}

/// A running fake server; clones are the same one.
#[derive(Clone)]
pub struct Panel {
    server: Arc<Server>,
    place: Place,
}

impl Panel {
    /// Binds its address, fills it with users and serves it.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let plot = Plot::bind(KIND.name, &options.common, 1).await?;
        let mut knobs = Knobs::new(&options.common);
        knobs.truth = knobs.truth.in_blocks_of(disk::BLOCK);
        let (count, now) = (options.common.accounts, knobs.clock.now());
        let accounts = population::settle(&knobs.truth, count, now, &options.switches.timezone);
        let server = Arc::new(Server {
            knobs,
            guard: Guard::new(options.token, options.access_hash, options.password),
            started: now.timestamp(),
            accounts: RwLock::new(accounts),
            switches: RwLock::new(options.switches),
        });
        let panel = Self { server: server.clone(), place: plot.place.clone() };
        plot.serve(&panel, CpanelFront(server))?;
        Ok(panel)
    }

    /// The API token of root.
    pub fn token(&self) -> String {
        self.server.guard.token.clone()
    }

    /// The password of root.
    pub fn password(&self) -> String {
        self.server.guard.password.clone()
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.server.switches.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Why a user is suspended; none for one that is not.
    pub fn suspended_for(&self, account: &str) -> Option<String> {
        self.of(account, |one| one.suspension.as_ref().map(|suspension| suspension.reason.clone())).flatten()
    }

    /// Limits of a user: disk in MiB, and bytes a month; none is unlimited.
    pub fn limits(&self, account: &str) -> Option<(Option<u64>, Option<u64>)> {
        self.of(account, |one| (one.disk_mib, one.bandwidth))
    }

    /// When a user was made (epoch seconds).
    pub fn created(&self, account: &str) -> Option<i64> {
        self.of(account, |one| one.created)
    }

    /// How often a user was suspended, let go or given a limit.
    pub fn writes(&self, account: &str) -> Option<u64> {
        self.of(account, |one| one.writes)
    }

    fn of<T>(&self, account: &str, ask: impl FnOnce(&Account) -> T) -> Option<T> {
        self.server.accounts().get(account).map(ask)
    }

    fn change(&self, account: &str, change: impl FnOnce(&mut Account)) -> Result<(), NotDone> {
        self.server.accounts_mut().get_mut(account).map(change).ok_or(NotDone::NoSuchAccount)
    }

    fn suspend_for(&self, account: &str, reason: &str) -> Result<(), NotDone> {
        let since = self.server.now();
        let suspension = Suspension { reason: reason.to_owned(), since, is_locked: false };
        self.change(account, |one| one.suspension = Some(suspension))
    }
}

impl NamedPanel for Panel {
    const NAME: &'static str = "cpanel";
    const ABOUT: &'static str = "A web hosting panel: cPanel and WHM.";
    type Options = Options;
    const FLAGS: &'static [Flag<Options>] = &[
        Flag::one_of("timezone", "Where its months begin.", &crate::zone::NAMES, |options| {
            &mut options.switches.timezone
        }),
        Flag::new("processed-every", "Minutes between runs over bandwidth logs; 0 is none.", |options| {
            &mut options.switches.processed_every_minutes
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
        let timezone = self.server.switches().timezone;
        vec![("user", "root".to_owned()), ("token", self.token()), ("timezone", timezone)]
    }

    fn landmarks(&self) -> Landmarks {
        Landmarks {
            listing: "/json-api/listaccts",
            usage: "/json-api/showbw",
            limiting: "suspendacct",
            meter: "traffic_total",
            usage_key: "totalbytes",
            calls_per_account: 0,
            figures_age: self.server.switches().processed_every_minutes * 60,
        }
    }

    fn accounts(&self) -> Vec<String> {
        let root = Caller { user: "root".to_owned(), is_root: true };
        self.server.there(&root).into_iter().map(|(name, _)| name).collect()
    }

    fn set_vanished(&self, account: &str, vanished: bool) -> Result<(), NotDone> {
        self.server.set_vanished(account, vanished)
    }

    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone> {
        match suspended {
            true => self.suspend_for(account, "by the operator"),
            false => self.change(account, |one| one.suspension = None),
        }
    }

    fn is_limited(&self, account: &str) -> Option<bool> {
        self.of(account, |one| one.suspension.is_some())
    }

    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
        operations::operate(&self.server, operation, arguments)
    }

    fn spoil_account(&self, account: &str) -> Fault {
        let place = self.accounts().iter().position(|name| name == account).unwrap_or_default();
        let field = format!("/data/acct/{place}/totalbytes");
        let becomes = Change::Value("many".into());
        Fault::new(FaultKind::ChangedField { field, becomes }).on("/json-api/showbw")
    }

    /// Numbers as texts are usual on this panel.
    fn sends(&self, change: &Change) -> bool {
        *change == Change::Quoted
    }

    /// WHMCS suspends for an unpaid invoice.
    fn meddle(&self, account: &str) -> Result<(), NotDone> {
        self.suspend_for(account, "unpaid invoice")
    }
}
