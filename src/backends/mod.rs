//! The panels: one folder per kind, each behind the same trait.
//!
//! A backend asks its panel and puts what it learned into a [`Harvest`]. It never stores, decides or
//! sums over time: that is the ground floor's.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{AccountName, FoundBy, Harvest, Meter, Policy, Reason, Seconds, Source, Timestamp};
use crate::http::{Http, HttpError, ProbeStep, Url};
use crate::settings::{Section, SettingsError};

mod configured;
mod cpanel;
mod directadmin;
mod heard;
mod kit;
mod minio;
mod onapp;
mod openstack;
mod plesk;
mod proxmox;
mod schedule;
mod solusvm;
mod synology;
#[cfg(feature = "toy")]
mod toy;
mod vpncp;

pub use configured::{CommonSettings, ConfiguredPanel};
pub use heard::Heard;
pub use schedule::Schedule;

// `KINDS`: a kind is its folder and its `mod` line above, of which `build.rs` writes the list.
include!(concat!(env!("OUT_DIR"), "/kinds.rs"));

/// Kinds that tests alone have; no release knows them.
#[doc(hidden)]
pub const TEST_KINDS: &[Kind] = &[
    #[cfg(feature = "toy")]
    toy::KIND,
];

/// The kind called `name`.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().chain(TEST_KINDS).find(|kind| kind.name == name)
}

/// One configured panel: the MinIO at s3-fra1, not "MinIO".
#[async_trait]
pub trait Backend: Send + Sync {
    /// The panel's addresses, every one of them: two backends of a kind that have one in common are one panel. A kind
    /// whose backends each see a part of a panel names the part behind `#`.
    fn addresses(&self) -> Vec<Url> {
        Vec::new()
    }

    /// Puts every answer to `ask`, or the reason there is none, into `harvest`. `Err` means the whole
    /// panel failed; one bad account goes into the harvest and never spoils its neighbours.
    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError>;

    /// Asks the panel step by step whether the credentials and rights are enough for what the config wants. Changes
    /// nothing.
    async fn check(&self, wants: Wants, steps: &mut Vec<CheckStep>);

    /// Whether the config has it report a meter: one that it does not report has not fallen silent.
    fn reports(&self, meter: Meter) -> bool {
        let _ = meter;
        true
    }

    /// How its accounts are put under a policy; `None` where there is no way to.
    fn limiter(&self) -> Option<&dyn Limiter> {
        None
    }

    /// What it still knows of a time gone by; `None` where it keeps nothing.
    fn history(&self) -> Option<&dyn History> {
        None
    }
}

/// A panel whose accounts can be limited, and restored.
#[async_trait]
pub trait Limiter: Send + Sync {
    /// Whether it limits accounts by switching them off, so that an account switched off may be ours.
    fn by_suspending(&self) -> bool {
        false
    }

    /// Reads what a later switch back must restore. The caller stores it before the first switch.
    async fn remember(&self, target: &Target<'_>) -> Result<Memory, BackendError>;

    /// Puts one account under `policy` and reads back that it took; asking twice changes nothing.
    /// `Standard` restores exactly what `memory` holds.
    async fn apply(
        &self,
        target: &Target<'_>,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError>;
}

/// A panel that keeps history.
#[async_trait]
pub trait History: Send + Sync {
    /// Puts what the panel still knows of a time gone by into `harvest`: readings where its history is
    /// exact, estimates where it is not. Asking twice counts nothing twice.
    async fn backfill(&self, past: &Past, harvest: &mut Harvest) -> Result<(), BackendError>;
}

/// The account that is to be limited or restored.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its name on the panel.
    pub account: &'a AccountName,
    /// The counters that were last seen in it and belong to the panel, not to it alone.
    pub sources: &'a [Source],
}

impl<'a> Target<'a> {
    /// An account of which no counters are known.
    pub fn named(account: &'a AccountName) -> Target<'a> {
        Target { account, sources: &[] }
    }
}

/// What the house knows about a kind of panel before it opens one.
pub struct Kind {
    /// "minio": folder, config value and metric label alike.
    pub name: &'static str,
    /// What it can measure.
    pub meters: &'static [Meter],
    /// Whether it can put accounts under the limited policy.
    pub can_limit: bool,
    /// What the names of its accounts are to the services that WHMCS sells.
    pub found_by: FoundBy,
    /// The most that can pass through one of its accounts in a second, in bytes, as far as networks go; the config may
    /// say otherwise.
    pub max_rate: Option<u64>,
    /// How long it is left alone after the first refusal. Rights are changed in two steps, too: [`ASKED_AGAIN_SOON`], unless
    /// its guard counts refusals and then locks out our address, with whoever else comes from it: [`PAST_THE_GUARD`].
    pub refusal_pause: Seconds,
    /// Its config section, ready to be filled in.
    pub sample: &'static str,
    /// Opens one configured panel; asks nothing of it yet.
    pub open: fn(Section, Http) -> Result<Box<dyn Backend>, SettingsError>,
}

/// The first pause after a refusal where nobody is locked out for asking.
pub const ASKED_AGAIN_SOON: Seconds = Seconds::new(60);

/// The first pause after a refusal where a guard looks at the refusals of minutes (cPHulk, Plesk's lock of logins,
/// DirectAdmin's brute force monitor, DSM's Auto Block).
pub const PAST_THE_GUARD: Seconds = Seconds::new(30 * 60);

/// What the config wants of a backend besides metering it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// A rule may limit its accounts: the rights for it are required.
    pub limiting: bool,
}

/// What a poll wants.
#[derive(Clone, Debug)]
pub struct PollRequest {
    /// The time of asking.
    pub now: Timestamp,
    /// The first instant still wanted; panels that keep history fill our gaps from here on.
    pub since: Option<Timestamp>,
    /// One account only, when a user pressed "recalculate".
    pub only: Option<AccountName>,
    /// The accounts we have put under the limited policy: the policy they show is wanted even where it
    /// costs a call of its own.
    pub limited: Vec<AccountName>,
    /// What it has reported before, as it is believed.
    pub heard: Heard,
}

impl PollRequest {
    /// Everything, with no history to fill, of a panel that was never asked before.
    pub fn at(now: Timestamp) -> PollRequest {
        PollRequest { now, since: None, only: None, limited: Vec::new(), heard: Heard::default() }
    }
}

/// The time a backfill wants to know about.
#[derive(Clone, Debug)]
pub struct Past {
    /// The time of asking.
    pub now: Timestamp,
    /// The first instant wanted.
    pub since: Timestamp,
    /// The first instant no longer wanted; at most `now`.
    pub until: Timestamp,
}

/// What an account had before it was limited, in the backend's own words. Opaque to everybody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory(pub String);

/// How a switch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Done, and read back.
    Done,
    /// It was so already.
    AlreadySo,
    /// It was changed outside whmeter meanwhile; it was left as `found`.
    LeftAlone {
        /// What the panel has now.
        found: String,
        /// Whether that still limits the account.
        limited: bool,
    },
}

/// One step of a check.
#[derive(Clone, Debug)]
pub struct CheckStep {
    /// What was tried ("credentials", "right admin:ListUsers").
    pub name: String,
    /// What was found, or what is wrong and what to do.
    pub outcome: Result<String, BackendError>,
    /// Whether a failure here means the backend cannot be used.
    pub fatal: bool,
}

/// Why a panel could not be asked, by what the caller does next.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BackendError {
    /// No connection or no answer in time: try again at the next poll.
    #[error("cannot reach the panel: {0}")]
    Unreachable(String),
    /// Credentials or rights refused: park it, panels ban those who insist.
    #[error("the panel refuses: {0}")]
    Refused(String),
    /// Asked to come back later.
    #[error("the panel is busy: {detail}")]
    Busy {
        /// How long it asked us to stay away.
        after: Option<Duration>,
        /// What it said.
        detail: String,
    },
    /// An answer that is not what the manual promises.
    #[error("unexpected answer at {at}: {detail}")]
    Unexpected {
        /// Which call or field.
        at: String,
        /// What came and what was expected.
        detail: String,
    },
    /// A task of ours stopped: a bug, and not the panel's.
    #[error("internal error: {0}; please report this")]
    Internal(String),
    /// What the panel reported before is missing now, although what it is about is there: unknown, not zero.
    #[error("reported before and missing now: {0}")]
    Silent(String),
    /// The account is not on the panel.
    #[error("no account {0}")]
    NoSuchAccount(AccountName),
    /// This panel, release or configuration has no such thing.
    #[error("not offered: {0}")]
    NotOffered(String),
}

impl BackendError {
    /// The closed set as a label.
    pub fn reason(&self) -> Reason {
        match self {
            BackendError::Unreachable(_) => Reason::Unreachable,
            BackendError::Refused(_) => Reason::Refused,
            BackendError::Busy { .. } => Reason::Busy,
            BackendError::Unexpected { .. } => Reason::Unexpected,
            BackendError::NoSuchAccount(_) => Reason::NoSuchAccount,
            BackendError::NotOffered(_) => Reason::NotOffered,
            BackendError::Internal(_) => Reason::Internal,
            BackendError::Silent(_) => Reason::Silent,
        }
    }
}

/// The caller cares what to do next, not which layer of the network it was.
impl From<HttpError> for BackendError {
    fn from(error: HttpError) -> BackendError {
        match error {
            HttpError::Busy { after, .. } => BackendError::Busy { after, detail: error.to_string() },
            HttpError::NotUnderstood { at, detail } => BackendError::Unexpected { at, detail },
            HttpError::TooLong { ref host, .. }
            | HttpError::BadEncoding { ref host, .. }
            | HttpError::Redirect { ref host, .. }
            | HttpError::Protocol { ref host, .. }
            | HttpError::Malformed { ref host, .. } => {
                BackendError::Unexpected { at: host.clone(), detail: error.to_string() }
            }
            HttpError::Dns { .. }
            | HttpError::Connect { .. }
            | HttpError::Tls { .. }
            | HttpError::Timeout { .. }
            | HttpError::BrokenOff { .. }
            | HttpError::Gateway { .. }
            | HttpError::Closed => BackendError::Unreachable(error.to_string()),
        }
    }
}

/// Without a connection nothing else can work, so these steps are always fatal.
impl From<ProbeStep> for CheckStep {
    fn from(step: ProbeStep) -> CheckStep {
        CheckStep { name: step.name.into(), outcome: step.outcome.map_err(BackendError::from), fatal: true }
    }
}
