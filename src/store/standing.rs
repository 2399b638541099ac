//! How every account stands now: the read side's copy of the newest committed values.
//!
//! Kept in memory, brought up to date by reading only the accounts that changed since.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{AccountName, BackendId, Bytes, Meter, Policy, Timestamp};
use crate::metering::MonthToDate;

/// One backend as committed at `version`.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The configured panel.
    pub backend: BackendId,
    /// Its kind.
    pub kind: String,
    /// One more with every commit: equal versions are equal standings.
    pub version: i64,
    /// Every account ever seen, by name; those that are gone say so.
    pub accounts: BTreeMap<AccountName, Arc<AccountStanding>>,
    /// The accounts that changed with the newest version read, for whoever renders only those.
    pub changed: Vec<AccountName>,
    /// The version before the newest: `changed` holds what happened since then.
    pub changed_since: i64,
}

/// One account as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountStanding {
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// Since when the panel no longer lists it.
    pub gone_at: Option<Timestamp>,
    /// Whether it is switched off, as far as the panel tells.
    pub suspended: Option<bool>,
    /// Which of our policies the panel shows.
    pub policy: Option<Policy>,
    /// The plan's name on the panel.
    pub package: Option<String>,
    /// Its main domain.
    pub domain: Option<String>,
    /// Bytes it may store, by the panel.
    pub storage_limit: Option<Bytes>,
    /// The reason it could not be read last time, and since when.
    pub trouble: Option<(String, Timestamp)>,
    /// Its meters that were ever read, in the order of [`Meter::ALL`].
    pub series: Vec<SeriesStanding>,
}

/// One meter of one account as it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesStanding {
    /// What is measured.
    pub meter: Meter,
    /// When the panel last measured it: older than the maximum age it is withheld.
    pub at: Timestamp,
    /// The last level (levels only).
    pub level: Option<Bytes>,
    /// The month the last reading lies in, so far.
    pub month: Option<MonthToDate>,
    /// What a counter that must never fall shows: all bytes settled since first sight.
    pub shown: Bytes,
}

/// How the polls of a backend go.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendState {
    /// The configured panel.
    pub backend: BackendId,
    /// Its kind.
    pub kind: String,
    /// One more with every commit.
    pub version: i64,
    /// When it was last polled, well or badly.
    pub polled_at: Option<Timestamp>,
    /// When a poll last succeeded.
    pub succeeded_at: Option<Timestamp>,
    /// Since when, why and with what words polls fail; `None` when the last one succeeded.
    pub failing: Option<Failing>,
}

/// A backend whose last poll failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failing {
    /// Since when.
    pub since: Timestamp,
    /// Why, as a label.
    pub reason: String,
    /// Why, for people.
    pub detail: String,
}

impl AccountStanding {
    /// One of its meters.
    pub fn meter(&self, meter: Meter) -> Option<&SeriesStanding> {
        self.series.iter().find(|series| series.meter == meter)
    }
}
