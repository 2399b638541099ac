//! What all fake panels have in common: how they are started, asked and stopped.

use crate::clock::{Clock, ClockStart};
use crate::faults::Faults;
use crate::requests::Requests;
use crate::truth::Truth;
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

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
}

/// Why an operation was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// There is no such account.
    NoSuchAccount,
    /// The operation or its arguments make no sense here.
    NotUnderstood(String),
}

/// A running fake panel.
#[async_trait]
pub trait SimulatedPanel: Send + Sync {
    /// The kind's name, as a config says it.
    fn kind(&self) -> &'static str;

    /// Where the panel answers.
    fn url(&self) -> String;

    /// Where it is controlled.
    fn control_url(&self) -> String;

    /// The keys and values a config section needs to reach it.
    fn settings(&self) -> BTreeMap<&'static str, String>;

    /// Its clock, truth, faults and request counts.
    fn knobs(&self) -> &Knobs;

    /// Where to aim faults.
    fn landmarks(&self) -> Landmarks;

    /// The accounts it shows now, sorted.
    fn accounts(&self) -> Vec<String>;

    /// The account is gone from every answer.
    fn vanish(&self, account: &str) -> Result<(), NotDone>;

    /// The account is back.
    fn reappear(&self, account: &str) -> Result<(), NotDone>;

    /// The account is switched off by the panel's operator, or on again.
    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone>;

    /// Whether the panel keeps the account from storing more; `None` when it is unknown.
    fn is_limited(&self, account: &str) -> Option<bool>;

    /// An operation of this kind of panel alone, by its path below `/{kind}/`.
    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone>;

    /// Closes its addresses and breaks its connections.
    fn stop(&self);
}

/// A kind of panel that can be started by name.
pub struct Kind {
    /// The kind's name, as a config says it.
    pub name: &'static str,
    /// Starts one.
    pub start: fn(Options) -> BoxFuture<'static, Started>,
}

/// A running panel, or why it could not start.
pub type Started = std::io::Result<Box<dyn SimulatedPanel>>;
