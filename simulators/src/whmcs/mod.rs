//! A fake WHMCS: the actions of its external API that mail to customers and invoices need, a mail log, and
//! the billable items it holds.
//!
//! It is no panel, so it is not listed among `PANELS`; but it has the same knobs and control address.
//! Written from WHMCS's developer documentation (API reference) and PHP's of `unserialize`.

mod billing;
mod form;
mod front;
mod mail;
mod operations;
mod reply;
mod switches;
mod unserialize;
mod world;

pub use switches::{ACTIONS, EmptyList, Mishap, MishapKind, Switches, TemplatesShape};
pub use unserialize::unserialize;
pub use world::{BillableItem, Client, Invoice, Mail, Service, Template, World};

use crate::control;
use crate::panel::{self, Knobs, Landmarks, NotDone, SimulatedPanel};
use crate::server::{House, bind, serve_control};
use crate::tls;
use crate::wire::Gate;
use async_trait::async_trait;
use form::Form;
use front::WhmcsFront;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};
use tokio_util::sync::CancellationToken;
use world::Server;

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

/// A running fake WHMCS; clones are the same one.
#[derive(Clone)]
pub struct Whmcs {
    server: Arc<Server>,
    address: SocketAddr,
    control: SocketAddr,
    authority: Option<PathBuf>,
    stop: CancellationToken,
}

impl Whmcs {
    /// Binds its addresses, fills it with clients and serves it.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let common = &options.common;
        let certificates = match &common.tls {
            Some(folder) => Some(tls::certificates(folder, "whmcs")?),
            None => None,
        };
        let door = bind(common.listen).await?;
        let control = bind(common.control).await?;
        let server = Arc::new(Server {
            knobs: Knobs::new(common),
            identifier: options.identifier.clone(),
            secret: options.secret.clone(),
            world: Mutex::new(world::settle(common.accounts)),
            switches: RwLock::new(options.switches.clone()),
        });
        let whmcs = Self {
            server: server.clone(),
            address: door.address,
            control: control.address,
            authority: certificates.as_ref().map(|files| files.authority.clone()),
            stop: CancellationToken::new(),
        };
        let house = House {
            front: Arc::new(WhmcsFront(server.clone())),
            faults: server.knobs.faults.clone(),
            requests: server.knobs.requests.clone(),
            clock: server.knobs.clock.clone(),
            tls: certificates.map(|files| files.server),
            stop: whmcs.stop.clone(),
        };
        house.serve(0, door, Gate::default())?;
        serve_control(control, control::routes(Arc::new(whmcs.clone())), whmcs.stop.clone());
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

#[async_trait]
impl SimulatedPanel for Whmcs {
    fn kind(&self) -> &'static str {
        "whmcs"
    }

    fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/includes/api.php", self.address)
    }

    fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    /// The keys of `[whmcs]`.
    fn settings(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("url", self.url()),
            ("identifier", self.server.identifier.clone()),
            ("secret", self.server.secret.clone()),
        ])
    }

    fn knobs(&self) -> &Knobs {
        &self.server.knobs
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
        }
    }

    /// The user names of its services.
    fn accounts(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.server.world().services.iter().map(|service| service.username.clone()).collect();
        names.sort();
        names
    }

    fn vanish(&self, account: &str) -> Result<(), NotDone> {
        self.set_status(account, "Terminated")
    }

    fn reappear(&self, account: &str) -> Result<(), NotDone> {
        self.set_status(account, "Active")
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

    fn stop(&self) {
        self.stop.cancel();
    }
}
