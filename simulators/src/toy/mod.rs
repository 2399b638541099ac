//! A toy: the smallest panel there can be, as `docs/adding-a-panel.md` makes one. Tests alone have it.
//!
//! Accounts with what they store and a counter of what they sent; suspended and unsuspended with a reason.

mod front;
mod world;

use crate::faults::{Change, Fault, FaultKind};
use crate::panel::{self, Happening, Kind, Knobs, Landmarks, NamedPanel, NotDone, SimulatedPanel};
use crate::place::{Place, Plot};
use crate::truth::Deed;
use front::ToyFront;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::sync::Arc;
use world::{Account, Server};

/// How panels of this kind are found by name.
pub const KIND: Kind = Kind::of::<Panel>();

/// A running toy; clones are the same one.
#[derive(Clone)]
pub struct Panel {
    server: Arc<Server>,
    place: Place,
}

impl Panel {
    fn change(&self, account: &str, change: impl FnOnce(&mut Account)) -> Result<(), NotDone> {
        self.server.accounts().get_mut(account).map(change).ok_or(NotDone::NoSuchAccount)
    }
}

impl NamedPanel for Panel {
    const NAME: &'static str = "toy";
    const ABOUT: &'static str = "A toy: the smallest panel there can be.";
    type Options = panel::Options;

    async fn run(options: panel::Options) -> std::io::Result<Self> {
        let plot = Plot::bind(Self::NAME, &options, 1).await?;
        let server = Arc::new(Server::new(Knobs::new(&options), options.accounts));
        let panel = Self { server: server.clone(), place: plot.place.clone() };
        plot.serve(&panel, ToyFront(server))?;
        Ok(panel)
    }
}

impl SimulatedPanel for Panel {
    fn kind(&self) -> &'static str {
        Self::NAME
    }

    fn place(&self) -> &Place {
        &self.place
    }

    fn knobs(&self) -> &Knobs {
        &self.server.knobs
    }

    fn keys(&self) -> Vec<(&'static str, String)> {
        vec![("token", self.server.token.clone())]
    }

    fn landmarks(&self) -> Landmarks {
        Landmarks {
            listing: "/api/accounts",
            usage: "/api/accounts",
            limiting: "/suspend",
            meter: "storage",
            usage_key: "disk_bytes",
            calls_per_account: 0,
            figures_age: 0,
        }
    }

    fn accounts(&self) -> Vec<String> {
        self.server.there().into_iter().map(|(name, _)| name).collect()
    }

    fn set_vanished(&self, account: &str, vanished: bool) -> Result<(), NotDone> {
        self.change(account, |one| one.vanished = vanished)?;
        let deed = if vanished { Deed::Vanish } else { Deed::Reappear };
        self.server.knobs.truth.did_to_all(account, self.server.now(), deed);
        Ok(())
    }

    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone> {
        self.change(account, |one| one.suspended = suspended.then(|| "by the operator".into()))
    }

    fn is_limited(&self, account: &str) -> Option<bool> {
        self.server.accounts().get(account).map(|one| one.suspended.is_some())
    }

    /// `{"op": "restart"}` on `accounts/{name}` lets its counter begin anew.
    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
        match (operation.split_once('/'), arguments["op"].as_str()) {
            (Some(("accounts", name)), Some("restart")) => self.server.restart(name),
            _ => Err(NotDone::NotUnderstood(format!("no operation {operation} {arguments}"))),
        }
    }

    fn spoil_account(&self, account: &str) -> Fault {
        let place = self.accounts().iter().position(|name| name == account).unwrap_or_default();
        let field = format!("/accounts/{place}/disk_bytes");
        Fault::new(FaultKind::ChangedField { field, becomes: Change::Value("many".into()) }).on("offset=0")
    }

    /// Its database driver writes large numbers as texts or as floats.
    fn sends(&self, change: &Change) -> bool {
        *change == Change::Quoted || *change == Change::RawText("1e3".into())
    }

    fn meddle(&self, account: &str) -> Result<(), NotDone> {
        self.suspend(account, true)
    }

    fn happening(&self, dice: &mut StdRng) -> Option<Happening> {
        let accounts = self.accounts();
        let account = accounts[dice.random_range(0..accounts.len())].clone();
        let operations = vec![(format!("accounts/{account}"), json!({ "op": "restart" }))];
        let what = format!("counter of {account} restarted");
        Some(Happening { what, cause: "restarted", account: Some(account), operations })
    }
}
