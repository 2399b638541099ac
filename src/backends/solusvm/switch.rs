//! Limits a server by suspending it, and restores it. Neither product keeps why a server is suspended, and WHMCS's own
//! modules suspend by the same call: only what was running before we suspended it is let go again.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::super::kit::memory::{kept, needed};
use super::super::kit::switch::{Plan, read_back};
use super::super::{Applied, BackendError, Memory, PollRequest};
use crate::domain::{AccountName, Policy};

/// A panel that suspends servers without a word why.
#[async_trait]
pub(super) trait Suspends: Send + Sync {
    /// Whether a server is suspended. One that is not there is [`BackendError::NoSuchAccount`].
    async fn is_suspended(&self, account: &AccountName) -> Result<bool, BackendError>;

    /// Suspends a server, or lets it go on.
    async fn suspend(&self, account: &AccountName, suspended: bool) -> Result<(), BackendError>;
}

/// What a server was before it was limited.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct SavedState {
    suspended: bool,
}

/// The policy that a server shows. One that is suspended and was not limited by us was suspended by somebody else.
pub(super) fn shown_policy(suspended: bool, ask: &PollRequest, account: &AccountName) -> Option<Policy> {
    match suspended {
        false => Some(Policy::Standard),
        true => ask.limited.contains(account).then_some(Policy::Limited),
    }
}

/// What a later restore needs.
pub(super) async fn remember(panel: &dyn Suspends, account: &AccountName) -> Result<Memory, BackendError> {
    kept(&SavedState { suspended: panel.is_suspended(account).await? })
}

/// Puts a server under a policy, and reads back that it took.
pub(super) async fn apply(
    panel: &dyn Suspends,
    account: &AccountName,
    policy: Policy,
    memory: &Memory,
) -> Result<Applied, BackendError> {
    let found = panel.is_suspended(account).await?;
    let wanted = match needed::<SavedState>(memory)?.plan(policy, found) {
        Plan::AlreadySo => return Ok(Applied::AlreadySo),
        Plan::LeftAlone { found, limited } => return Ok(Applied::LeftAlone { found, limited }),
        Plan::Write(wanted) => wanted,
    };
    panel.suspend(account, wanted).await?;
    let look = || async {
        let found = panel.is_suspended(account).await?;
        Ok(if found == wanted { Ok(()) } else { Err(shown(found).to_string()) })
    };
    read_back("suspended", look).await
}

impl SavedState {
    fn plan(self, policy: Policy, found: bool) -> Plan<bool> {
        match policy {
            Policy::Limited if found => Plan::AlreadySo,
            // Suspended before us, and let go meanwhile by whoever did it.
            Policy::Limited if self.suspended => Plan::left_alone(shown(found).into(), false),
            Policy::Limited => Plan::Write(true),
            Policy::Standard if found == self.suspended => Plan::AlreadySo,
            Policy::Standard if self.suspended => Plan::left_alone(shown(found).into(), false),
            Policy::Standard => Plan::Write(false),
        }
    }
}

fn shown(suspended: bool) -> &'static str {
    if suspended { "suspended" } else { "not suspended" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_suspended_before_us_is_never_let_go() {
        let alone = Plan::left_alone("not suspended".into(), false);
        // (suspended before, policy, suspended now, what is done)
        for (before, policy, found, done) in [
            (false, Policy::Limited, false, Plan::Write(true)),
            (false, Policy::Limited, true, Plan::AlreadySo),
            (false, Policy::Standard, true, Plan::Write(false)),
            (false, Policy::Standard, false, Plan::AlreadySo),
            (true, Policy::Limited, true, Plan::AlreadySo),
            (true, Policy::Standard, true, Plan::AlreadySo),
            (true, Policy::Limited, false, alone.clone()),
            (true, Policy::Standard, false, alone.clone()),
        ] {
            assert_eq!(
                SavedState { suspended: before }.plan(policy, found),
                done,
                "{before} {policy:?} {found}"
            );
        }
    }
}
