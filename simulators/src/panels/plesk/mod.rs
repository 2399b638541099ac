//! A fake Plesk: subscriptions with their sites, limits and plans, and what each of them moved day by day.
//!
//! Speaks the XML API of one protocol version, and a part of the REST API v2. Figures are live unless they are
//! switched to be the maintenance run's of the night.

mod about;
mod access;
mod choose;
mod directory;
mod figures;
mod front;
mod guid;
mod operations;
mod people;
mod plans;
mod population;
mod refusal;
mod rest;
mod schema;
mod set;
mod switches;
mod traffic;
mod webspace;
mod world;

pub use population::domain;
pub use switches::{Empty, Statistics, Switches, Today};

use crate::faults::{Fault, FaultKind};
use crate::panel::{self, Flag, Kind, Knobs, Landmarks, NamedPanel, NotDone, SimulatedPanel};
use crate::place::{Place, Plot};
use crate::truth::Deed;
use front::PleskFront;
use people::ADMIN;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use world::{Server, Subscription, Watch, bits};

/// How panels of this kind are found by name.
pub const KIND: Kind = Kind::of::<Panel>();

/// What a fake Plesk can be started with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What every panel can be started with.
    pub common: panel::Options,
    /// How it behaves at first.
    pub switches: Switches,
}

impl From<panel::Options> for Options {
    fn from(common: panel::Options) -> Self {
        Self { common, ..Self::default() }
    }
}

/// A running fake Plesk; clones are the same one.
#[derive(Clone)]
pub struct Panel {
    server: Arc<Server>,
    place: Place,
}

impl Panel {
    /// Binds its address, fills it with people and subscriptions, and serves it.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let plot = Plot::bind(KIND.name, &options.common, 1).await?;
        let (knobs, accounts) = (Knobs::new(&options.common), options.common.accounts);
        let subscriptions = population::subscriptions(&knobs.truth, accounts, knobs.clock.now());
        let server = Arc::new(Server {
            knobs,
            people: RwLock::new(population::people(accounts)),
            subscriptions: RwLock::new(subscriptions),
            switches: RwLock::new(options.switches),
            watch: Mutex::new(Watch::default()),
        });
        server.maintain();
        let panel = Self { server: server.clone(), place: plot.place.clone() };
        plot.serve(&panel, PleskFront(server))?;
        Ok(panel)
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.server.switches.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The password and the secret key of whoever logs in so.
    pub fn credentials(&self, login: &str) -> Option<(String, String)> {
        let people = self.server.people();
        people.values().find(|one| one.login == login).map(|one| (one.password(), one.key()))
    }

    /// The status of a subscription, as it is shown.
    pub fn status(&self, account: &str) -> Option<u16> {
        self.server.maintain();
        let subscriptions = self.server.subscriptions();
        subscriptions.get(account).map(|one| self.server.status(one))
    }

    /// The number and the stable identity of a subscription.
    pub fn identity(&self, account: &str) -> Option<(u32, String)> {
        self.server.subscriptions().get(account).map(|one| (one.id, one.guid.clone()))
    }

    fn change(&self, account: &str, change: impl FnOnce(&mut Subscription)) -> Result<(), NotDone> {
        self.server.subscriptions_mut().get_mut(account).map(change).ok_or(NotDone::NoSuchAccount)
    }
}

impl NamedPanel for Panel {
    const NAME: &'static str = "plesk";
    const ABOUT: &'static str = "A web hosting panel: Plesk with its XML API.";
    type Options = Options;
    const FLAGS: &'static [Flag<Options>] = &[
        Flag::one_of("timezone", "Where its days begin.", &crate::zone::NAMES, |options| {
            &mut options.switches.timezone
        }),
        Flag::one_of("statistics", "When its figures are computed.", &["live", "nightly"], |options| {
            &mut options.switches.statistics
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
        let key = self.server.people().get(&ADMIN).map(people::Person::key);
        vec![("secret_key", key.unwrap_or_default()), ("timezone", self.server.switches().timezone)]
    }

    /// Every packet goes to one path, so these are its operators and operations.
    fn landmarks(&self) -> Landmarks {
        Landmarks {
            listing: " webspace.get;",
            usage: " webspace.get;",
            limiting: " webspace.set;",
            meter: "storage",
            usage_key: "real_size",
            calls_per_account: 0,
            figures_age: figures::oldest(self.server.switches().statistics),
        }
    }

    fn accounts(&self) -> Vec<String> {
        let subscriptions = self.server.subscriptions();
        subscriptions.values().filter(|one| !one.vanished).map(|one| one.name.clone()).collect()
    }

    fn set_vanished(&self, account: &str, vanished: bool) -> Result<(), NotDone> {
        let mut was = vanished;
        self.change(account, |one| was = std::mem::replace(&mut one.vanished, vanished))?;
        if was != vanished {
            let deed = if vanished { Deed::Vanish } else { Deed::Reappear };
            let knobs = self.knobs();
            knobs.truth.did_to_all(account, knobs.clock.now_seconds(), deed);
        }
        Ok(())
    }

    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone> {
        self.change(account, |one| match suspended {
            true => one.status |= bits::ADMIN,
            false => one.status &= !bits::ADMIN,
        })
    }

    fn is_limited(&self, account: &str) -> Option<bool> {
        self.status(account).map(|status| status & bits::SUSPENDED != 0)
    }

    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
        operations::operate(&self.server, operation, arguments)
    }

    /// All accounts are in one answer, where its domain stands before its size.
    fn spoil_account(&self, account: &str) -> Fault {
        let subscriptions = self.server.subscriptions();
        let before = subscriptions.get(account).map(|one| {
            let (name, status) = (&one.ascii_name, self.server.status(one));
            format!("<ascii-name>{name}</ascii-name><status>{status}</status><real_size>")
        });
        let find = before.unwrap_or_default();
        let with = format!("{find}many");
        Fault::new(FaultKind::ReplacedText { find, with }).on(self.landmarks().usage)
    }

    /// Its time is over besides: a sum of bits.
    fn meddle(&self, account: &str) -> Result<(), NotDone> {
        self.change(account, |one| one.status |= bits::EXPIRED)
    }
}
