//! A fake SolusVM: virtual servers, what they moved since the last reset, and what their disks hold.
//!
//! Two products share the name. It speaks as version 2 (REST and JSON, a bearer token) or as version 1 (forms to one
//! `command.php`, tags or JSON, `id` and `key`).

mod command;
mod front;
mod operations;
mod period;
mod plans;
mod population;
mod rest;
mod rows;
mod soup;
mod switches;
mod tasks;
mod vps;
mod world;

pub use period::Policy;
pub use switches::{Addresses, Switches, TaskEnd};
pub use world::{Health, Machine, Node, Secrets};

use crate::faults::{Change, Fault, FaultKind};
use crate::panel::{self, Flag, Kind, Knobs, Landmarks, NamedPanel, NotDone, SimulatedPanel};
use crate::place::{Place, Plot};
use crate::truth::Deed;
use front::SolusvmFront;
use serde_json::Value;
use std::sync::{Arc, PoisonError, RwLock};
use world::Master;

/// How panels of this kind are found by name.
pub const KIND: Kind = Kind::of::<Panel>();

/// What a fake SolusVM can be started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What every panel can be started with.
    pub common: panel::Options,
    /// Who may ask.
    pub secrets: Secrets,
    /// How it behaves at first.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        let pair = |id: &str, key: &str| (id.repeat(5), key.repeat(5));
        let secrets = Secrets {
            token: "solus-5b0e71d24b860f3a-token".to_owned(),
            admin: pair("k7Qx2mZ9", "Vt4wB8sL"),
            reseller: pair("h3Nd6yR1", "Jc5pG0fT"),
        };
        Self { common: panel::Options::default(), secrets, switches: Switches::default() }
    }
}

impl From<panel::Options> for Options {
    fn from(common: panel::Options) -> Self {
        Self { common, ..Self::default() }
    }
}

/// A running fake SolusVM; clones are the same one.
#[derive(Clone)]
pub struct Panel {
    master: Arc<Master>,
    place: Place,
}

impl Panel {
    /// Binds its addresses, fills it with servers and serves it.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let plot = Plot::bind(KIND.name, &options.common, 1).await?;
        let knobs = Knobs::new(&options.common);
        let now = knobs.clock.now_seconds();
        let machines = population::settle(&knobs.truth, options.common.accounts, now);
        let master = Arc::new(Master {
            knobs,
            secrets: options.secrets,
            base: plot.place.url(0),
            tasks: tasks::Tasks::default(),
            nodes: RwLock::new(population::nodes(now)),
            machines: RwLock::new(machines),
            switches: RwLock::new(options.switches),
        });
        let panel = Self { master: master.clone(), place: plot.place.clone() };
        plot.serve(&panel, SolusvmFront(master))?;
        Ok(panel)
    }

    /// Who may ask.
    pub fn secrets(&self) -> Secrets {
        self.master.secrets.clone()
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.master.switches.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// A server, there or not.
    pub fn machine(&self, account: &str) -> Option<Machine> {
        self.master.machines().get(&account.parse().ok()?).cloned()
    }

    /// Since when a server's count holds what passed (epoch seconds).
    pub fn counts_since(&self, account: &str) -> Option<i64> {
        self.machine(account).map(|machine| self.master.counts_since(&machine))
    }
}

impl NamedPanel for Panel {
    const NAME: &'static str = "solusvm";
    const ABOUT: &'static str = "A panel for virtual servers: SolusVM of either product.";
    type Options = Options;
    const FLAGS: &'static [Flag<Options>] = &[
        Flag::one_of("version", "Which product it is.", &["1", "2"], |options| &mut options.switches.version),
        Flag::one_of("timezone", "Where version 1 stands.", &crate::zone::NAMES, |options| {
            &mut options.switches.timezone
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
        &self.master.knobs
    }

    fn keys(&self) -> Vec<(&'static str, String)> {
        let (secrets, switches) = (self.secrets(), self.master.switches());
        match switches.is_first() {
            true => vec![
                ("version", "1".to_owned()),
                ("id", secrets.admin.0),
                ("key", secrets.admin.1),
                ("timezone", switches.timezone),
            ],
            false => vec![("version", "2".to_owned()), ("token", secrets.token)],
        }
    }

    fn landmarks(&self) -> Landmarks {
        match self.master.switches().is_first() {
            true => Landmarks {
                listing: "node-virtualservers",
                usage: "vserver-infoall",
                limiting: "vserver-suspend",
                meter: "traffic_total",
                usage_key: "bandwidth",
                calls_per_account: 1,
                figures_age: 0,
            },
            // The key stands in both directions, and nowhere else.
            false => Landmarks {
                listing: "servers",
                usage: "servers",
                limiting: "suspend",
                meter: "traffic_in",
                usage_key: "value",
                calls_per_account: 0,
                figures_age: 0,
            },
        }
    }

    fn accounts(&self) -> Vec<String> {
        let mut names: Vec<String> = self.master.there().keys().map(u64::to_string).collect();
        names.sort_unstable();
        names
    }

    fn set_vanished(&self, account: &str, vanished: bool) -> Result<(), NotDone> {
        let mut machines = self.master.machines_mut();
        let machine = account.parse().ok().and_then(|id: u64| machines.get_mut(&id));
        let machine = machine.ok_or(NotDone::NoSuchAccount)?;
        if std::mem::replace(&mut machine.vanished, vanished) != vanished {
            let deed = if vanished { Deed::Vanish } else { Deed::Reappear };
            self.master.knobs.truth.did_to_all(account, self.master.now(), deed);
        }
        Ok(())
    }

    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone> {
        self.master.set_suspended(account.parse().map_err(|_| NotDone::NoSuchAccount)?, suspended)
    }

    fn is_limited(&self, account: &str) -> Option<bool> {
        self.machine(account).map(|machine| machine.suspended)
    }

    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
        operations::operate(&self.master, operation, arguments)
    }

    /// A figure in the row of one page, or in the account's own call.
    fn spoil_account(&self, account: &str) -> Fault {
        let becomes = Change::Value("many".into());
        let switches = self.master.switches();
        if switches.is_first() {
            let changed = FaultKind::ChangedField { field: "bandwidth".to_owned(), becomes };
            return Fault::new(changed).on(&format!(" vserver-infoall {account};"));
        }
        let place = self.master.there().keys().position(|id| id.to_string() == account).unwrap_or_default();
        let (page, row) = (place / switches.per_page + 1, place % switches.per_page);
        let field = format!("/data/{row}/usage/network/incoming/value");
        Fault::new(FaultKind::ChangedField { field, becomes }).on(&format!(" page {page};"))
    }

    fn lacks(&self, account: &str, meter: &str) -> bool {
        if !self.master.switches().is_first() {
            return ["storage", "traffic_total"].contains(&meter);
        }
        let node = self.machine(account).and_then(|machine| self.master.node_of(&machine));
        match meter {
            "traffic_in" | "traffic_out" => true,
            "storage" => !node.is_some_and(|node| vps::tells_disk(&node.virtualization)),
            _ => false,
        }
    }

    /// Limits come as texts of digits, and so may figures; a number in JSON may be written with an exponent.
    fn sends(&self, change: &Change) -> bool {
        let is_sent = matches!(change, Change::Quoted) || *change == Change::RawText("1e3".into());
        is_sent && !self.master.switches().is_first()
    }

    fn other_products(&self) -> Vec<Value> {
        vec![serde_json::json!({ "version": 1 })]
    }

    /// No count is ever reset.
    fn forget_nothing(&self) {
        self.master.machines_mut().values_mut().for_each(|machine| machine.policy = Policy::Never);
    }
}
