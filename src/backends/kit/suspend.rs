//! Limiting by suspending, for panels that keep why an account is suspended: only what we suspended is let go again.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::memory::{kept, needed};
use super::switch::{Plan, read_back};
use crate::backends::{Applied, BackendError, Memory};
use crate::domain::{AccountName, Policy};
use crate::http::excerpt;

/// The reason that we suspend for. Whoever is suspended for another one was suspended by somebody else.
pub const OURS: &str = "whmeter: limit reached";

/// How much of somebody else's reason is shown.
const SHOWN: usize = 80;

/// A panel that suspends accounts and keeps why.
#[async_trait]
pub trait Suspends: Send + Sync {
    /// Why an account is suspended, if it is. An account that is not there is [`BackendError::NoSuchAccount`].
    async fn suspended_for(&self, account: &AccountName) -> Result<Option<String>, BackendError>;

    /// Suspends an account for a reason, or lets it go on. Asked twice it changes nothing more.
    async fn suspend(&self, account: &AccountName, reason: Option<&str>) -> Result<(), BackendError>;
}

/// What an account had before it was limited: why it was suspended, if it was.
#[derive(Serialize, Deserialize)]
struct SavedState {
    reason: Option<String>,
}

/// What a later restore needs.
pub async fn remember(panel: &dyn Suspends, account: &AccountName) -> Result<Memory, BackendError> {
    kept(&SavedState { reason: panel.suspended_for(account).await? })
}

/// Puts an account under a policy, and reads back that it took.
pub async fn apply(
    panel: &dyn Suspends,
    account: &AccountName,
    policy: Policy,
    memory: &Memory,
) -> Result<Applied, BackendError> {
    // Looked at first: an account that is not there is reported so whatever is remembered.
    let found = panel.suspended_for(account).await?;
    let wanted = match needed::<SavedState>(memory)?.plan(policy, found) {
        Plan::AlreadySo => return Ok(Applied::AlreadySo),
        Plan::LeftAlone { found, limited } => return Ok(Applied::LeftAlone { found, limited }),
        Plan::Write(wanted) => wanted,
    };
    panel.suspend(account, wanted.as_deref()).await?;
    let look = || async {
        let found = panel.suspended_for(account).await?;
        Ok(if found == wanted { Ok(()) } else { Err(shown(found.as_deref())) })
    };
    read_back("suspended", look).await
}

/// The policy that an account shows: none where somebody else has suspended it.
pub fn shown_policy(reason: Option<&str>) -> Option<Policy> {
    match reason {
        None => Some(Policy::Standard),
        Some(OURS) => Some(Policy::Limited),
        Some(_) => None,
    }
}

impl SavedState {
    /// What a look at an account makes of a switch. What was suspended before us stays so whatever we want.
    fn plan(self, policy: Policy, found: Option<String>) -> Plan<Option<String>> {
        let limited = self.reason.clone().or(Some(OURS.into()));
        let (wanted, other) = match policy {
            Policy::Standard => (self.reason, limited),
            Policy::Limited => (limited, self.reason),
        };
        match found {
            found if found == wanted => Plan::AlreadySo,
            found if found == other => Plan::Write(wanted),
            found => Plan::left_alone(shown(found.as_deref()), found.is_some()),
        }
    }
}

fn shown(reason: Option<&str>) -> String {
    reason.map_or("not suspended".into(), |reason| format!("suspended: {}", excerpt(reason, SHOWN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_suspended_is_let_go_again() {
        let (ours, theirs) = (Some(OURS), Some("abuse"));
        let write = |wanted: Option<&str>| Plan::Write(wanted.map(String::from));
        let alone = |reason: &str| Plan::left_alone(format!("suspended: {reason}"), true);
        // (before the first limit, policy, found now, what is done)
        let cases = [
            (None, Policy::Limited, None, write(ours)),
            (None, Policy::Limited, ours, Plan::AlreadySo),
            (None, Policy::Limited, theirs, alone("abuse")),
            (None, Policy::Standard, ours, write(None)),
            (None, Policy::Standard, None, Plan::AlreadySo),
            (None, Policy::Standard, theirs, alone("abuse")),
            (theirs, Policy::Limited, theirs, Plan::AlreadySo),
            (theirs, Policy::Standard, theirs, Plan::AlreadySo),
            (theirs, Policy::Standard, None, Plan::left_alone("not suspended".into(), false)),
        ];
        for (before, policy, found, done) in cases {
            let [reason, found] = [before, found].map(|reason| reason.map(String::from));
            let case = format!("{before:?} {policy:?} {found:?}");
            assert_eq!(SavedState { reason }.plan(policy, found), done, "{case}");
        }
    }
}
