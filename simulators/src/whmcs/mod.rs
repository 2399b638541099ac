//! A fake WHMCS: the actions of its external API that mail to customers, invoices and orders need, a mail log,
//! the billable items and the orders it holds.
//!
//! It is no panel, so it is not listed among `PANELS`; but it has the same knobs and control address.
//! Written from WHMCS's developer documentation (API reference) and PHP's of `unserialize`.

mod billing;
mod front;
mod mail;
mod operations;
mod orders;
mod reply;
mod switches;
mod world;

pub use crate::php::unserialize;
pub use switches::{ACTIONS, EmptyList, Mishap, MishapKind, Switches, TemplatesShape};
pub use world::{BillableItem, Client, Invoice, Mail, Order, Product, Service, Template, World};

use crate::panel::{self, Kind, Knobs, Landmarks, NamedPanel, NotDone, SimulatedPanel};
use crate::place::{Place, Plot};
use front::WhmcsFront;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, RwLock};
use world::Server;

/// How it is found by name.
pub const KIND: Kind = Kind::of::<Whmcs>();

/// What a fake WHMCS can be started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What every panel can be started with; each account is a service of a client of its own.
    pub common: panel::Options,
    /// The API credential's identifier.
    pub identifier: String,
    /// The API credential's secret.
    pub secret: String,
    /// How it behaves at first.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            common: panel::Options::default(),
            identifier: "Xk2PqW8sLm4RtYv6Zc1NbD3FgH5JkL7Q".to_owned(),
            secret: "9dF0aB2cD4eF6gH8iJ0kL2mN4oP6qR8s".to_owned(),
            switches: Switches::default(),
        }
    }
}

impl From<panel::Options> for Options {
    fn from(common: panel::Options) -> Self {
        Self { common, ..Self::default() }
    }
}

/// A running fake WHMCS; clones are the same one.
#[derive(Clone)]
pub struct Whmcs {
    server: Arc<Server>,
    place: Place,
}

impl Whmcs {
    /// Binds its addresses, fills it with clients and serves it.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let plot = Plot::bind(KIND.name, &options.common, 1).await?;
        let server = Arc::new(Server {
            knobs: Knobs::new(&options.common),
            identifier: options.identifier,
            secret: options.secret,
            world: Mutex::new(world::settle(options.common.accounts)),
            switches: RwLock::new(options.switches),
        });
        let whmcs = Self { server: server.clone(), place: plot.place.clone() };
        plot.serve(&whmcs, WhmcsFront(server))?;
        Ok(whmcs)
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        self.server.switch(change);
    }

    /// Lets something go wrong for one action.
    pub fn mishap(&self, action: &str, kind: MishapKind, times: Option<u32>) {
        self.switch(|switches| switches.mishaps.push(Mishap { action: action.to_owned(), kind, times }));
    }

    /// Changes what it knows.
    pub fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.server.world());
    }

    /// The mails sent, oldest first.
    pub fn outbox(&self) -> Vec<Mail> {
        self.server.world().outbox.clone()
    }

    /// The billable items there are, oldest first: the truth of what customers pay.
    pub fn items(&self) -> Vec<BillableItem> {
        self.server.world().items.clone()
    }

    /// The orders there are, oldest first, and what came of them.
    pub fn orders(&self) -> Vec<Order> {
        self.server.world().orders.clone()
    }

    /// The services there are, by number.
    pub fn services(&self) -> Vec<Service> {
        self.server.world().services.clone()
    }

    /// Puts every item that waits onto an invoice.
    pub fn make_invoices(&self) {
        billing::make_invoices(&self.server, &self.server.switches(), &mut self.server.world());
    }

    fn set_status(&self, account: &str, status: &str) -> Result<(), NotDone> {
        let mut world = self.server.world();
        let service = world.services.iter_mut().find(|service| service.username == account);
        service.map(|service| status.clone_into(&mut service.status)).ok_or(NotDone::NoSuchAccount)
    }
}

impl NamedPanel for Whmcs {
    const NAME: &'static str = "whmcs";
    const ABOUT: &'static str = "A WHMCS that sends mail to customers: no panel, and not among all of them.";
    type Options = Options;

    async fn run(options: Options) -> std::io::Result<Self> {
        Self::start(options).await
    }
}

impl SimulatedPanel for Whmcs {
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
        vec![("identifier", self.server.identifier.clone()), ("secret", self.server.secret.clone())]
    }

    fn url(&self) -> String {
        format!("{}/includes/api.php", self.place.url(0))
    }

    /// The keys of `[whmcs]`.
    fn settings(&self) -> BTreeMap<&'static str, String> {
        let url = ("url", self.url());
        self.keys().into_iter().chain([url]).collect()
    }

    /// It is not polled, so there is nothing to aim at.
    fn landmarks(&self) -> Landmarks {
        Landmarks {
            listing: "/includes/api.php",
            usage: "/includes/api.php",
            limiting: "",
            meter: "storage",
            usage_key: "diskusage",
            calls_per_account: 0,
            figures_age: 0,
        }
    }

    /// The user names of its services.
    fn accounts(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.server.world().services.iter().map(|service| service.username.clone()).collect();
        names.sort();
        names
    }

    fn set_vanished(&self, account: &str, vanished: bool) -> Result<(), NotDone> {
        self.set_status(account, if vanished { "Terminated" } else { "Active" })
    }

    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone> {
        self.set_status(account, if suspended { "Suspended" } else { "Active" })
    }

    fn is_limited(&self, _: &str) -> Option<bool> {
        None
    }

    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
        operations::operate(&self.server, operation, arguments)
    }
}
