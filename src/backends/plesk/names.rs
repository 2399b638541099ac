//! The names of plans and resellers, which subscriptions name by their guids. Read once a day, and where a guid is new.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::panel::Panel;
use super::refusal::CallFailure;
use super::request::Operation;
use super::settings::ActsAs;
use super::subscription::Subscription;
use crate::backends::BackendError;
use crate::domain::{Seconds, Timestamp};

/// How long names are good.
const GOOD_FOR: Seconds = Seconds::hours(24);

/// The names as they were read last.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    plans: BTreeMap<String, String>,
    /// Logins of resellers by their guids; none where they could not be read.
    resellers: Option<BTreeMap<String, String>>,
    /// Guids that were looked for in vain: plans that are gone, and the administrator.
    in_vain: BTreeSet<String>,
    read_at: Option<Timestamp>,
    /// What could not be read.
    problems: Vec<String>,
}

impl Names {
    /// The name of a plan.
    pub fn plan(&self, guid: &str) -> Option<&str> {
        self.plans.get(guid).map(String::as_str)
    }

    /// The login of a reseller; empty for the administrator, who is none.
    pub fn reseller(&self, guid: &str) -> Option<&str> {
        self.resellers.as_ref().map(|resellers| resellers.get(guid).map_or("", String::as_str))
    }

    /// What could not be read, for people.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    fn knows(&self, guid: &str) -> bool {
        let resellers = self.resellers.as_ref();
        self.plans.contains_key(guid)
            || resellers.is_some_and(|resellers| resellers.contains_key(guid))
            || self.in_vain.contains(guid)
    }
}

/// Keeps the names of one panel.
#[derive(Debug, Default)]
pub(super) struct KeptNames(Mutex<Arc<Names>>);

impl KeptNames {
    /// The names that these subscriptions need, read anew where they are old or lack one.
    pub async fn of(
        &self,
        panel: &Panel,
        acts_as: ActsAs,
        now: Timestamp,
        subscriptions: &[Subscription],
    ) -> Arc<Names> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let wanted = subscriptions.iter().flat_map(|one| one.plans.first().into_iter().chain(&one.vendor));
        let wanted: BTreeSet<&String> = wanted.collect();
        let is_good = kept.read_at.is_some_and(|at| now.since(at) < GOOD_FOR);
        if wanted.is_empty() || is_good && wanted.iter().all(|guid| kept.knows(guid)) {
            return kept;
        }
        let mut names = Names { read_at: Some(now), ..Names::default() };
        match plans(panel).await {
            Ok(plans) => names.plans = plans,
            Err(error) => {
                names.plans.clone_from(&kept.plans);
                names.problems.push(format!("names of plans: {error}"));
            }
        }
        // A reseller sees no resellers, and need not be told its own name.
        if acts_as == ActsAs::Admin {
            match resellers(panel).await {
                Ok(resellers) => names.resellers = Some(resellers),
                Err(error) => names.problems.push(format!("resellers: {error}")),
            }
        }
        names.in_vain = wanted.iter().filter(|guid| !names.knows(guid)).map(|guid| (*guid).clone()).collect();
        let names = Arc::new(names);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&names);
        names
    }
}

/// Names of plans by their guids: of all owners, or where that may not be asked of the login itself.
pub(super) async fn plans(panel: &Panel) -> Result<BTreeMap<String, String>, BackendError> {
    match named(panel, &Operation::plans(true)).await {
        Err(CallFailure::Refusal(refusal)) if refusal.is_unknown() => {
            Ok(named(panel, &Operation::plans(false)).await?)
        }
        read => Ok(read?),
    }
}

async fn named(panel: &Panel, operation: &Operation) -> Result<BTreeMap<String, String>, CallFailure> {
    let mut found = BTreeMap::new();
    let refused = panel
        .ask(operation, &mut |result| {
            let (guid, name) = (result.text("guid"), result.text("name"));
            found.extend(guid.zip(name).map(|(guid, name)| (guid.to_string(), name.to_string())));
        })
        .await?;
    match refused.into_iter().next() {
        Some(first) if found.is_empty() => Err(CallFailure::Refusal(first.refusal)),
        _ => Ok(found),
    }
}

/// Logins of resellers by their guids. Of this object names have dashes.
pub(super) async fn resellers(panel: &Panel) -> Result<BTreeMap<String, String>, BackendError> {
    let mut found = BTreeMap::new();
    let refused = panel
        .ask(&Operation::resellers(), &mut |result| {
            let info = result.child("data").and_then(|data| data.child("gen-info"));
            let named = info.and_then(|info| info.text("guid").zip(info.text("login")));
            found.extend(named.map(|(guid, login)| (guid.to_string(), login.to_string())));
        })
        .await?;
    // Whoever is missing would be taken for the administrator's own.
    match refused.into_iter().next() {
        Some(first) => Err(first.refusal.into()),
        None => Ok(found),
    }
}
