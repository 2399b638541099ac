//! A fake OnApp control panel: users, their virtual servers and CDN resources, with hourly statistics.
//!
//! Speaks JSON over HTTP Basic as 2.0 to 7.0 do. Rows of an hour appear after it, late where that is switched, and may
//! be revised. What its accounts are is chosen at its start: virtual servers, users, or users by their CDN traffic.

mod ask;
mod cdn;
mod front;
mod hours;
mod machines;
mod operations;
mod population;
mod queue;
mod reply;
mod simulated;
mod statistics;
mod switches;
mod users;
mod world;
mod writes;

pub use ask::password_of;
pub use machines::{CONSOLE_PASSWORD, ROOT_PASSWORD};
pub use switches::{Costs, Errors, Numbers, Paging, Refusal, Switches, UserCalls};
pub use world::Scope;
pub use writes::LIMITED_PLAN;

use crate::panel::{self, Flag, Kind, Knobs, NamedPanel, NotDone};
use crate::place::{Place, Plot};
use front::OnAppFront;
use std::sync::{Arc, PoisonError, RwLock};
use world::{API_USER, Cloud, Machine, Server};

/// How panels of this kind are found by name.
pub const KIND: Kind = Kind::of::<Panel>();

/// What a fake OnApp can be started with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What every panel can be started with.
    pub common: panel::Options,
    /// What its accounts are.
    pub scope: Scope,
    /// How it behaves at first.
    pub switches: Switches,
}

impl From<panel::Options> for Options {
    fn from(common: panel::Options) -> Self {
        Self { common, ..Self::default() }
    }
}

/// A running fake OnApp; clones are the same one.
#[derive(Clone)]
pub struct Panel {
    server: Arc<Server>,
    place: Place,
}

impl Panel {
    /// Binds its addresses, fills it with accounts and serves it.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let plot = Plot::bind(KIND.name, &options.common, 1).await?;
        let (scope, switches) = (options.scope, options.switches);
        let mut knobs = Knobs::new(&options.common);
        knobs.truth = population::truth(knobs.truth, scope, switches.cdn_megabyte, switches.kilobyte);
        let server = Arc::new(Server {
            knobs,
            scope,
            queue: queue::Queue::default(),
            cloud: RwLock::default(),
            switches: RwLock::new(switches),
        });
        population::settle(&server, options.common.accounts);
        let panel = Self { server: server.clone(), place: plot.place.clone() };
        plot.serve(&panel, OnAppFront(server))?;
        Ok(panel)
    }

    /// The address of the API user, and its key.
    pub fn login(&self) -> (String, String) {
        let cloud = self.server.cloud();
        cloud.user(API_USER).map(|user| (user.email.clone(), user.api_key.clone())).unwrap_or_default()
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.server.switches.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The speeds of a machine's ports, in Mbps.
    pub fn rates(&self, machine: u32) -> Vec<u32> {
        let cloud = self.server.cloud();
        let machine = cloud.machines.get(&machine);
        machine.into_iter().flat_map(|machine| machine.cards.iter().map(|card| card.rate)).collect()
    }

    /// Whether a machine is suspended, and whether it is switched on.
    pub fn power(&self, machine: u32) -> Option<(bool, bool)> {
        self.server.cloud().machines.get(&machine).map(|machine| (machine.suspended, machine.booted))
    }

    /// Whether a user is suspended, and its plan.
    pub fn user(&self, login: &str) -> Option<(bool, u32)> {
        let cloud = self.server.cloud();
        let id = cloud.user_named(login)?;
        cloud.users.get(&id).map(|user| (user.suspended, user.plan))
    }

    /// The machines that a user has now.
    pub fn machines_of(&self, login: &str) -> Vec<u32> {
        let cloud = self.server.cloud();
        let id = cloud.user_named(login);
        cloud.machines_of(id, self.server.now()).filter(|_| id.is_some()).map(|(id, _)| id).collect()
    }

    fn vanish_user(&self, cloud: &mut Cloud, login: &str, vanished: bool) -> Result<bool, NotDone> {
        let now = self.server.now();
        let id = cloud.user_named(login).ok_or(NotDone::NoSuchAccount)?;
        let user = cloud.users.get_mut(&id).ok_or(NotDone::NoSuchAccount)?;
        let was = std::mem::replace(&mut user.deleted, vanished.then_some(now)).is_some();
        let own = cloud.machines.values_mut().filter(|machine| machine.owner_at(now) == id);
        own.for_each(|machine| machine.vanished = vanished);
        let own = cloud.resources.values_mut().filter(|resource| resource.owner == id);
        own.for_each(|resource| resource.vanished = vanished);
        Ok(was)
    }

    fn change(&self, machine: &str, change: impl FnOnce(&mut Machine)) -> Result<(), NotDone> {
        let id: u32 = machine.parse().map_err(|_| NotDone::NoSuchAccount)?;
        self.server.cloud_mut().machines.get_mut(&id).map(change).ok_or(NotDone::NoSuchAccount)
    }
}

impl NamedPanel for Panel {
    const NAME: &'static str = "onapp";
    const ABOUT: &'static str = "A cloud panel: OnApp.";
    type Options = Options;
    const FLAGS: &'static [Flag<Options>] = &[
        Flag::one_of("scope", "What its accounts are.", &["vm", "user", "cdn"], |options| &mut options.scope),
        Flag::new("panel-version", "Its version.", |options| &mut options.switches.version),
    ];

    async fn run(options: Options) -> std::io::Result<Self> {
        Self::start(options).await
    }
}
