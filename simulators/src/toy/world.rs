//! Who lives on the toy, and what it counts of them.

use crate::panel::{Knobs, NotDone};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long the counters have been running at the start, in seconds.
const COUNTED_FOR: i64 = 3 * 86_400;

/// One account.
#[derive(Clone, Debug)]
pub struct Account {
    id: usize,
    /// Whether it is in no answer.
    pub vanished: bool,
    /// Why it is suspended, if it is.
    pub suspended: Option<String>,
    /// When its counter began.
    started: i64,
}

/// The panel behind its address.
pub struct Server {
    /// Clock, truth, faults, request counts.
    pub knobs: Knobs,
    /// The bearer token.
    pub token: String,
    accounts: Mutex<BTreeMap<String, Account>>,
}

impl Server {
    /// A panel with so many accounts.
    pub fn new(knobs: Knobs, accounts: usize) -> Self {
        let started = knobs.clock.now_seconds() - COUNTED_FOR;
        let account = |id: usize| {
            let name = format!("toy{id:03}");
            knobs.truth.enroll_part(&name, "home");
            (name, Account { id, vanished: false, suspended: None, started })
        };
        let accounts = Mutex::new((1..=accounts).map(account).collect());
        Self { knobs, token: "toy-5d1c7a90b2e84f63-token".into(), accounts }
    }

    /// The panel's time.
    pub fn now(&self) -> i64 {
        self.knobs.clock.now_seconds()
    }

    /// The accounts by name.
    pub fn accounts(&self) -> MutexGuard<'_, BTreeMap<String, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The accounts that are there.
    pub fn there(&self) -> Vec<(String, Account)> {
        let accounts = self.accounts();
        accounts
            .iter()
            .filter(|(_, one)| !one.vanished)
            .map(|(name, one)| (name.clone(), one.clone()))
            .collect()
    }

    /// One account as it is shown.
    pub fn shown(&self, name: &str, account: &Account) -> Value {
        let (now, truth) = (self.now(), &self.knobs.truth);
        let sent = truth.traffic_between(name, account.started, now).unwrap_or_default().sent;
        json!({
            "id": account.id, "name": name, "disk_bytes": truth.level(name, now), "bytes_out": sent,
            "started": account.started, "suspended": account.suspended.is_some(), "reason": account.suspended,
        })
    }

    /// Its counter begins anew.
    pub fn restart(&self, name: &str) -> Result<Value, NotDone> {
        let now = self.now();
        let mut accounts = self.accounts();
        accounts.get_mut(name).ok_or(NotDone::NoSuchAccount)?.started = now;
        Ok(json!({ "account": name, "started": now }))
    }
}
