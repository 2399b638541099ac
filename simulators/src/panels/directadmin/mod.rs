//! A fake DirectAdmin server: administrators, resellers and their users, with what they store and what they moved in
//! the running month.
//!
//! Speaks the old `CMD_` commands, url-encoded or as JSON, and the newer JSON API on the same address. What differs
//! from build to build, or is written down nowhere, can be switched.

mod api;
mod ask;
mod config;
mod figures;
mod front;
mod guard;
mod lists;
mod modify;
mod operations;
mod population;
mod reply;
mod select;
mod stats;
mod switches;
mod tables;
mod tally;
mod usage;
mod world;

pub use ask::password_of;
pub use population::user_name;
pub use switches::{Blacklisted, Cells, EmptyList, Entities, KeyRefusal, SuspensionTold, Switches};
pub use world::{Login, Rank, Suspension};

use crate::faults::{Change, Fault, FaultKind};
use crate::panel::{self, Flag, Kind, Knobs, Landmarks, NamedPanel, NotDone, SimulatedPanel};
use crate::place::{Place, Plot};
use crate::truth::Deed;
use front::DirectAdminFront;
use serde_json::Value;
use std::sync::{Arc, PoisonError, RwLock};
use world::{Account, Server};

/// How panels of this kind are found by name.
pub const KIND: Kind = Kind::of::<Panel>();

/// What a fake DirectAdmin can be started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What every panel can be started with.
    pub common: panel::Options,
    /// The secrets of its first administrator.
    pub login: Login,
    /// How it behaves at first.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        let login = Login {
            username: "sysadmin".to_owned(),
            password: "sysadmin-4f1c-password".to_owned(),
            login_key: "key-9c5e71d24b860f3a".to_owned(),
        };
        Self { common: panel::Options::default(), login, switches: Switches::default() }
    }
}

impl From<panel::Options> for Options {
    fn from(common: panel::Options) -> Self {
        Self { common, ..Self::default() }
    }
}

/// A running fake DirectAdmin; clones are the same one.
#[derive(Clone)]
pub struct Panel {
    server: Arc<Server>,
    place: Place,
}

impl Panel {
    /// Binds its addresses, fills it with accounts and serves it.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let plot = Plot::bind(KIND.name, &options.common, 1).await?;
        let knobs = Knobs::new(&options.common);
        let now = knobs.clock.now_seconds();
        let people = population::settle(&knobs.truth, &options.login.username, options.common.accounts, now);
        let server = Arc::new(Server {
            knobs,
            login: options.login,
            guard: guard::Guard::default(),
            tally_by_hand: std::sync::Mutex::default(),
            selections: std::sync::atomic::AtomicUsize::default(),
            accounts: RwLock::new(people),
            switches: RwLock::new(options.switches),
        });
        let panel = Self { server: server.clone(), place: plot.place.clone() };
        plot.serve(&panel, DirectAdminFront(server))?;
        Ok(panel)
    }

    /// The secrets of its first administrator.
    pub fn login(&self) -> Login {
        self.server.login.clone()
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.server.switches.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Why an account is suspended, if it is.
    pub fn suspension(&self, account: &str) -> Option<Suspension> {
        self.server.accounts().get(account)?.suspension.clone()
    }

    /// A value of an account's configuration.
    pub fn conf(&self, account: &str, key: &str) -> Option<String> {
        self.server.accounts().get(account)?.conf.get(key).cloned()
    }

    /// When an account was made (epoch seconds).
    pub fn created(&self, account: &str) -> Option<i64> {
        self.server.accounts().get(account).map(|one| one.created)
    }

    /// How often somebody failed to log in, or saw the login page.
    pub fn failures(&self) -> u32 {
        self.server.guard.failures()
    }

    fn change(&self, account: &str, change: impl FnOnce(&mut Account)) -> Result<(), NotDone> {
        self.server.accounts_mut().get_mut(account).map(change).ok_or(NotDone::NoSuchAccount)
    }
}

impl NamedPanel for Panel {
    const NAME: &'static str = "directadmin";
    const ABOUT: &'static str = "A hosting panel: DirectAdmin.";
    type Options = Options;
    const FLAGS: &'static [Flag<Options>] = &[
        Flag::one_of("timezone", "Where its months begin.", &crate::zone::NAMES, |options| {
            &mut options.switches.timezone
        }),
        Flag::new(
            "tally-minute",
            "Minutes after midnight of the nightly tally; null counts all the time.",
            |options| &mut options.switches.tally_minute,
        ),
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

    /// The secret is the login key, which is used like a password.
    fn keys(&self) -> Vec<(&'static str, String)> {
        let login = self.login();
        let zone = self.server.switches().timezone;
        vec![("username", login.username), ("password", login.login_key), ("timezone", zone)]
    }

    fn landmarks(&self) -> Landmarks {
        Landmarks {
            listing: "SHOW_ALL_USERS",
            usage: "CMD_ALL_USER_SHOW",
            limiting: "SELECT_USERS",
            meter: "storage",
            usage_key: "usage",
            calls_per_account: 0,
            figures_age: 0,
        }
    }

    fn accounts(&self) -> Vec<String> {
        self.server.there().into_keys().collect()
    }

    fn set_vanished(&self, account: &str, vanished: bool) -> Result<(), NotDone> {
        let mut was = vanished;
        self.change(account, |one| was = std::mem::replace(&mut one.vanished, vanished))?;
        if was != vanished {
            let deed = if vanished { Deed::Vanish } else { Deed::Reappear };
            self.server.knobs.truth.did_to_all(account, self.server.now(), deed);
        }
        Ok(())
    }

    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone> {
        let details = "asked for by the customer".to_owned();
        let by_operator = Suspension { reason: "billing".to_owned(), details, at_limit_of: None };
        let now = self.server.now();
        self.change(account, |one| match suspended {
            true => one.suspension = Some(by_operator),
            false => (one.suspension, one.released) = (None, Some(now)),
        })
    }

    fn is_limited(&self, account: &str) -> Option<bool> {
        self.server.accounts().get(account).map(|one| one.suspension.is_some())
    }

    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
        operations::operate(&self.server, operation, arguments)
    }

    /// A cell of the table of everybody.
    fn spoil_account(&self, account: &str) -> Fault {
        let place = self.accounts().iter().position(|name| name == account).unwrap_or_default();
        let field = format!("/{place}/quota/usage");
        let becomes = Change::Value("many".into());
        Fault::new(FaultKind::ChangedField { field, becomes }).on(self.landmarks().usage)
    }

    fn meddle(&self, account: &str) -> Result<(), NotDone> {
        self.suspend(account, true)
    }
}
