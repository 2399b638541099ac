//! What all fake panels have in common: how they are started, asked and stopped.

use crate::clock::{Clock, ClockStart};
use crate::faults::{Change, Fault, FaultKind, Faults};
use crate::place::Place;
use crate::requests::Requests;
use crate::truth::Truth;
use rand::rngs::StdRng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

pub use crate::kind::{Flag, FlagShown, Kind, NamedPanel, Started};

/// What every fake panel can be started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many accounts it has.
    pub accounts: usize,
    /// Same seed, same truth.
    pub seed: u64,
    /// What its clock shows first.
    pub clock: ClockStart,
    /// A folder for the authority's certificate; with it the panel speaks HTTPS.
    pub tls: Option<PathBuf>,
    /// Where the panel listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where its control address listens; port 0 takes a free one.
    pub control: SocketAddr,
}

impl Default for Options {
    fn default() -> Self {
        let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self { accounts: 10, seed: 1, clock: ClockStart::WallClock, tls: None, listen: free, control: free }
    }
}

/// The knobs every panel has; clones turn the same ones.
#[derive(Clone, Debug)]
pub struct Knobs {
    /// Its time.
    pub clock: Clock,
    /// What its accounts really hold and moved.
    pub truth: Truth,
    /// What goes wrong.
    pub faults: Faults,
    /// What was asked.
    pub requests: Requests,
}

impl Knobs {
    /// Fresh knobs for these options.
    pub fn new(options: &Options) -> Self {
        Self {
            clock: Clock::new(options.clock),
            truth: Truth::new(options.seed),
            faults: Faults::default(),
            requests: Requests::default(),
        }
    }
}

/// Texts of a panel's paths and keys, so that a test can aim faults without knowing the panel.
#[derive(Clone, Copy, Debug)]
pub struct Landmarks {
    /// In the path of the call that lists accounts.
    pub listing: &'static str,
    /// In the path of the call that tells usage.
    pub usage: &'static str,
    /// In the path of the call that limits an account; empty when there is none.
    pub limiting: &'static str,
    /// What the usage answer tells first: `storage`, `traffic_in`, `traffic_out` or `traffic_total`.
    pub meter: &'static str,
    /// The key of that figure in the usage answer.
    pub usage_key: &'static str,
    /// How many calls one poll needs for each account; 0 where one call tells of everybody.
    pub calls_per_account: u64,
    /// How old a figure may be when it is told, in seconds.
    pub figures_age: i64,
}

/// Something that happens to a panel by itself and makes counters begin anew.
#[derive(Clone, Debug)]
pub struct Happening {
    /// What happens, for people.
    pub what: String,
    /// The word for it in the note of a gap: `restarted`, `stopped`.
    pub cause: &'static str,
    /// Whose counters begin anew, so that a client can tell; `None` where it cannot, and a byte that passed since the
    /// last look is lost without a word.
    pub account: Option<String>,
    /// What has to be done to the panel, in this order, with some time between: operations and their arguments.
    pub operations: Vec<(String, Value)>,
}

/// Why an operation was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// There is no such account.
    NoSuchAccount,
    /// The operation or its arguments make no sense here.
    NotUnderstood(String),
}

/// Sets the fields told and leaves the others; tells what all are then.
pub fn merge<T: Serialize + DeserializeOwned>(place: &RwLock<T>, told: &Value) -> Result<Value, NotDone> {
    let mut current = place.write().unwrap_or_else(PoisonError::into_inner);
    let misread = |error: serde_json::Error| NotDone::NotUnderstood(error.to_string());
    let mut merged = serde_json::to_value(&*current).map_err(misread)?;
    let Some(fields) = told.as_object() else {
        return Err(NotDone::NotUnderstood("an object is expected: the fields to set".into()));
    };
    for (name, value) in fields {
        merged[name] = value.clone();
    }
    *current = serde_json::from_value(merged).map_err(misread)?;
    serde_json::to_value(&*current).map_err(misread)
}

/// A running fake panel.
pub trait SimulatedPanel: Send + Sync {
    /// The kind's name, as a config says it.
    fn kind(&self) -> &'static str;

    /// Its addresses.
    fn place(&self) -> &Place;

    /// Its clock, truth, faults and request counts.
    fn knobs(&self) -> &Knobs;

    /// The keys that a config section needs besides the address: who asks, and the secret.
    fn keys(&self) -> Vec<(&'static str, String)>;

    /// Where to aim faults.
    fn landmarks(&self) -> Landmarks;

    /// The accounts it shows now, sorted.
    fn accounts(&self) -> Vec<String>;

    /// The account is gone from every answer, or back.
    fn set_vanished(&self, account: &str, vanished: bool) -> Result<(), NotDone>;

    /// The account is switched off by the panel's operator, or on again.
    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone>;

    /// Whether the panel keeps the account from storing more; `None` when it is unknown.
    fn is_limited(&self, account: &str) -> Option<bool>;

    /// An operation of this kind of panel alone, by its path below `/{kind}/`.
    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone>;

    /// Where the panel answers.
    fn url(&self) -> String {
        self.place().url(0)
    }

    /// Where it is controlled.
    fn control_url(&self) -> String {
        self.place().control_url()
    }

    /// The keys and values a config section needs to reach it.
    fn settings(&self) -> BTreeMap<&'static str, String> {
        let mut settings: BTreeMap<_, _> = self.keys().into_iter().collect();
        settings.insert("url", self.url());
        settings.extend(self.place().authority().map(|file| ("tls_ca_file", file.display().to_string())));
        settings
    }

    /// The account is gone from every answer.
    fn vanish(&self, account: &str) -> Result<(), NotDone> {
        self.set_vanished(account, true)
    }

    /// The account is back.
    fn reappear(&self, account: &str) -> Result<(), NotDone> {
        self.set_vanished(account, false)
    }

    /// Closes its addresses and breaks its connections.
    fn stop(&self) {
        self.place().stop();
    }

    /// A fault that spoils what the panel says of one account alone. By default the account's own call tells a text
    /// for its usage.
    fn spoil_account(&self, account: &str) -> Fault {
        let becomes = Change::Value("many".into());
        let field = self.landmarks().usage_key.to_owned();
        Fault::new(FaultKind::ChangedField { field, becomes }).on(&format!("/{account}/"))
    }

    /// Whether the account has nothing for a meter, by its nature and without a word of it.
    fn lacks(&self, account: &str, meter: &str) -> bool {
        let _ = (account, meter);
        false
    }

    /// Whether the real panel is known to send its figures changed so, and a client has to read them like plain ones.
    fn sends(&self, change: &Change) -> bool {
        let _ = change;
        false
    }

    /// The panel's operator gives a limited account a policy that is neither what it was sold nor the limited one; an
    /// error where the panel has no such policy.
    fn meddle(&self, account: &str) -> Result<(), NotDone> {
        let _ = account;
        Err(NotDone::NotUnderstood(format!("{} has no policies", self.kind())))
    }

    /// The switches that make it another product of its kind, or another release that differs as much: whoever tests a kind
    /// tests each of them.
    fn other_products(&self) -> Vec<Value> {
        Vec::new()
    }

    /// From now on it forgets nothing that nobody can have seen, such as what passed between the last poll and a reset:
    /// for tests in which no byte may be missing.
    fn forget_nothing(&self) {}

    /// What may happen to it next; `None` where nothing ever begins anew.
    fn happening(&self, dice: &mut StdRng) -> Option<Happening> {
        let _ = dice;
        None
    }
}
