//! A fake Synology NAS: local users of DSM 6 or 7, what each has stored, and what each may.
//!
//! Speaks DSM's web API: a few files that answer every call, logins with sessions and tokens, one-time passwords and
//! trusted devices, and the guard that blocks addresses. What differs from build to build can be switched.

mod about;
mod ask;
mod auth;
mod catalogue;
mod front;
mod groups;
mod mishaps;
mod operations;
mod population;
mod quota;
mod reply;
mod storage;
mod switches;
mod users;
mod world;

pub use mishaps::Mishap;
pub use population::{LIMITED_GROUP, customer_name};
pub use switches::{
    BlockedSees, Dsm, FileSystem, GroupsShown, Numbers, Precedence, SecondFactor, Switches, TokenFrom,
    UserQuota,
};
pub use world::{Login, User};

use crate::faults::{Change, Fault, FaultKind};
use crate::panel::{self, Flag, Kind, Knobs, Landmarks, NamedPanel, NotDone, SimulatedPanel};
use crate::place::{Place, Plot};
use crate::truth::{Deed, Truth};
use front::SynologyFront;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use world::{BLOCK, HOMES, Server};

/// How panels of this kind are found by name.
pub const KIND: Kind = Kind::of::<Panel>();

/// How long it has been running at the start, in seconds.
const UP_FOR: i64 = 731_240;

/// What a fake Synology can be started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What every panel can be started with.
    pub common: panel::Options,
    /// The client's login, an administrator.
    pub login: Login,
    /// How it behaves at first.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        // Letters that a form has to escape.
        let login =
            Login { username: "svc-meter".to_owned(), password: "m+ter&4f%1c 9d-password".to_owned() };
        Self { common: panel::Options::default(), login, switches: Switches::default() }
    }
}

impl From<panel::Options> for Options {
    fn from(common: panel::Options) -> Self {
        Self { common, ..Self::default() }
    }
}

/// A running fake Synology; clones are the same one.
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
        knobs.truth = knobs.truth.in_blocks_of(BLOCK);
        let projects = Truth::new(options.common.seed).in_blocks_of(BLOCK);
        let customers = options.common.accounts;
        let users = population::users(&knobs.truth, &projects, &options.login.username, customers);
        let started = knobs.clock.now_seconds() - UP_FOR;
        let server = Arc::new(Server {
            knobs,
            projects,
            login: options.login,
            logins: Mutex::default(),
            mishaps: Mutex::default(),
            started: Mutex::new(started),
            gets: std::sync::atomic::AtomicUsize::default(),
            users: RwLock::new(users),
            groups: RwLock::new(population::groups()),
            switches: RwLock::new(options.switches),
        });
        let panel = Self { server: server.clone(), place: plot.place.clone() };
        plot.serve(&panel, SynologyFront(server))?;
        Ok(panel)
    }

    /// The client's login.
    pub fn login(&self) -> Login {
        self.server.login.clone()
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.server.switches.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// A user, by DSM's spelling.
    pub fn user(&self, name: &str) -> Option<User> {
        self.server.users().get(name).cloned()
    }

    /// Bytes that a user has in its home, and in the shared folder `projects`.
    pub fn stored(&self, name: &str) -> (u64, u64) {
        let now = self.server.now();
        let level = |truth: &Truth| truth.level(name, now).unwrap_or_default();
        (level(&self.server.knobs.truth), level(&self.server.projects))
    }

    /// How many sessions are open, and whether the client's address is blocked.
    pub fn sessions(&self) -> (usize, bool) {
        let (switches, now) = (self.server.switches(), self.server.now());
        let logins = self.server.logins();
        (logins.open(&switches, now), logins.is_blocked(&switches, now))
    }

    fn change(&self, account: &str, change: impl FnOnce(&mut User)) -> Result<(), NotDone> {
        let mut users = self.server.users_mut();
        users.get_mut(account).filter(|user| user.is_customer).map(change).ok_or(NotDone::NoSuchAccount)
    }
}

impl NamedPanel for Panel {
    const NAME: &'static str = "synology";
    const ABOUT: &'static str = "A storage device: Synology with DSM 6 or 7.";
    type Options = Options;
    const FLAGS: &'static [Flag<Options>] = &[
        Flag::one_of("dsm", "The generation of DSM.", &["6", "7"], |options| &mut options.switches.dsm),
        Flag::one_of("file-system", "How quotas are counted.", &["btrfs", "ext4"], |options| {
            &mut options.switches.file_system
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
        let login = self.login();
        vec![("username", login.username), ("password", login.password)]
    }

    fn landmarks(&self) -> Landmarks {
        Landmarks {
            listing: "SYNO.Core.User.list",
            usage: "SYNO.Core.Quota.get",
            limiting: "SYNO.Core.User.set",
            meter: "storage",
            usage_key: "used",
            // Several are asked for in one batch.
            calls_per_account: 0,
            figures_age: 0,
        }
    }

    fn accounts(&self) -> Vec<String> {
        let there = self.server.there().into_iter().filter(|(_, user)| user.is_customer);
        there.map(|(name, _)| name).collect()
    }

    fn set_vanished(&self, account: &str, vanished: bool) -> Result<(), NotDone> {
        let mut was = vanished;
        self.change(account, |user| was = std::mem::replace(&mut user.vanished, vanished))?;
        if was != vanished {
            let deed = if vanished { Deed::Vanish } else { Deed::Reappear };
            self.server.knobs.truth.did_to_all(account, self.server.now(), deed);
            self.server.projects.did_to_all(account, self.server.now(), deed);
        }
        Ok(())
    }

    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone> {
        let expired = if suspended { "now" } else { "normal" };
        self.change(account, |user| user.expired = expired.to_owned())
    }

    /// By being kept out, by its group, or by a limit that is below what it has.
    fn is_limited(&self, account: &str) -> Option<bool> {
        let today = self.server.today();
        let users = self.server.users();
        let user = users.get(account)?;
        let level = self.server.knobs.truth.level(account, self.server.now())?;
        let [quota, sold] = [&user.quotas, &user.sold].map(|all| all.get(HOMES).copied().unwrap_or_default());
        // Whoever has outgrown what was sold is not held by it here.
        let is_full = (1..=level / world::MEBIBYTE).contains(&quota) && quota != sold;
        Some(user.is_disabled(today) || user.groups.contains(LIMITED_GROUP) || is_full)
    }

    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
        operations::operate(&self.server, operation, arguments)
    }

    /// What the account has now stands in the answer once: whatever the batch, it is found by its own figure.
    fn spoil_account(&self, account: &str) -> Fault {
        let switches = self.server.switches();
        let used = quota::mebibytes(&switches, self.server.used(&switches, account, HOMES));
        let (find, with) = (format!("\"used\":{used}}}"), json!({ "used": "many" }).to_string());
        let with = with.trim_start_matches('{').to_owned();
        Fault::new(FaultKind::ReplacedText { find, with }).on(self.landmarks().usage)
    }

    /// MiB are floats as often as not, and texts on some builds.
    fn sends(&self, change: &Change) -> bool {
        let floats = [Change::Value(json!(1.5)), Change::RawText("1e3".into())];
        *change == Change::Quoted || floats.contains(change)
    }

    fn meddle(&self, account: &str) -> Result<(), NotDone> {
        self.change(account, |user| user.expired = "2033/7/14".to_owned())
    }
}
