//! One configured backend as the collector sees it: what to ask, when, and how it went last time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::timetable::Schedule;
use crate::backends::{Backend, Kind};
use crate::domain::{AccountName, BackendId, Bytes, Seconds, Timestamp};
use crate::settings::{Rate, SettingsError};
use crate::store::Loaded;

/// The keys every backend's section has, whatever its kind.
#[derive(Clone, Debug, Deserialize)]
pub struct CommonSettings {
    /// For ever: it is part of every key.
    pub name: String,
    /// `tblservers.id` that this backend answers for.
    #[serde(default)]
    pub whmcs_server: Option<i64>,
    /// `"15m"`, 1s to 31d, or a cron line.
    #[serde(default = "quarter_hour")]
    pub every: String,
    /// How many days this backend's daily points are kept, where not as the store says.
    #[serde(default)]
    pub keep_days: Option<u32>,
    /// How long after a period's end it may be billed: panels tell some things late.
    #[serde(default = "two_days")]
    pub settle_hours: u32,
    /// The most one account can move or store in a second; what jumps further is held back.
    #[serde(default)]
    pub max_rate: Option<Rate>,
    /// Only these accounts, as globs; all when empty.
    #[serde(default)]
    pub account_include: Vec<String>,
    /// Never these accounts, as globs.
    #[serde(default)]
    pub account_exclude: Vec<String>,
}

fn quarter_hour() -> String {
    "15m".into()
}

fn two_days() -> u32 {
    48
}

/// The longest one poll may take altogether, before it counts as failed.
const POLL_BUDGET: Duration = Duration::from_secs(15 * 60);

/// One configured backend.
pub struct Metered {
    /// Its name.
    pub id: BackendId,
    /// Its kind.
    pub kind: &'static Kind,
    /// `tblservers.id` that it answers for.
    pub whmcs_server: Option<i64>,
    /// How many days its daily points are kept, where not as the store says.
    pub keep_days: Option<u32>,
    /// How long after a period's end it may be billed.
    pub settle: Seconds,
    /// The most one account can move or store in a second.
    pub max_rate: Option<Bytes>,
    /// The panel.
    pub backend: Arc<dyn Backend>,
    pub(super) schedule: Schedule,
    pub(super) budget: Duration,
    include: GlobSet,
    exclude: GlobSet,
    pub(super) last: Mutex<LastTime>,
}

/// What a poll leaves for the next one.
#[derive(Debug, Default)]
pub(super) struct LastTime {
    /// The book as we committed it.
    pub loaded: Option<Loaded>,
    /// Not to be asked before, because the panel refused us or asked for peace.
    pub not_before: Option<Timestamp>,
    /// What was to be mended at the last poll, and is logged already.
    pub warned: HashSet<String>,
    /// How often in a row it refused us.
    pub refusals: u32,
}

impl Metered {
    /// Takes the common keys of a section; what is left is the kind's own, opened as `backend`.
    pub fn new(
        common: &CommonSettings,
        kind: &'static Kind,
        backend: Box<dyn Backend>,
    ) -> Result<Metered, SettingsError> {
        let wrong = |key: &str| {
            let key = key.to_string();
            move |problem: String| SettingsError::new(key, problem)
        };
        let max_rate = common.max_rate.map(|rate| Bytes::new(rate.0));
        Ok(Metered {
            id: BackendId::new(&common.name).map_err(|error| wrong("name")(error.to_string()))?,
            kind,
            whmcs_server: common.whmcs_server,
            keep_days: common.keep_days,
            settle: Seconds::hours(common.settle_hours.into()),
            max_rate: max_rate.transpose().map_err(|error| wrong("max_rate")(error.to_string()))?,
            backend: Arc::from(backend),
            schedule: common.every.parse().map_err(wrong("every"))?,
            budget: POLL_BUDGET,
            include: globs(&common.account_include).map_err(wrong("account_include"))?,
            exclude: globs(&common.account_exclude).map_err(wrong("account_exclude"))?,
            last: Mutex::new(LastTime::default()),
        })
    }

    /// Whether the config leaves nobody out.
    pub fn wants_everybody(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// Whether the config wants this account.
    pub fn wants(&self, account: &AccountName) -> bool {
        let included = self.include.is_empty() || self.include.is_match(account.as_str());
        included && !self.exclude.is_match(account.as_str())
    }
}

fn globs(patterns: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(|error| error.to_string())?);
    }
    set.build().map_err(|error| error.to_string())
}
