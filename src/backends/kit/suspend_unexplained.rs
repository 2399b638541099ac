//! Limiting by suspending, for panels that do not keep why an account is suspended: WHMCS's own modules suspend by the
//! same call, so only what was not suspended before us is let go again.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::memory::{kept, needed};
use super::switch::{Plan, read_back};
use crate::backends::{Applied, BackendError, Memory, PollRequest};
use crate::domain::{AccountName, Policy};

/// A panel that suspends accounts without a word why.
#[async_trait]
pub trait Suspends: Send + Sync {
    /// Whether an account is suspended. One that is not there is [`BackendError::NoSuchAccount`].
    async fn is_suspended(&self, account: &AccountName) -> Result<bool, BackendError>;

    /// Suspends an account, or lets it go on.
    async fn suspend(&self, account: &AccountName, suspended: bool) -> Result<(), BackendError>;
}

/// What an account was before it was limited.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct SavedState {
    suspended: bool,
}

/// The policy that an account shows. One that is suspended and was not limited by us was suspended by somebody else.
pub fn shown_policy(suspended: bool, ask: &PollRequest, account: &AccountName) -> Option<Policy> {
    match suspended {
        false => Some(Policy::Standard),
        true => ask.limited.contains(account).then_some(Policy::Limited),
    }
}

/// What a later restore needs.
pub async fn remember(panel: &dyn Suspends, account: &AccountName) -> Result<Memory, BackendError> {
    kept(&SavedState { suspended: panel.is_suspended(account).await? })
}

/// Puts an account under a policy, and reads back that it took.
pub async fn apply(
    panel: &dyn Suspends,
    account: &AccountName,
    policy: Policy,
    memory: &Memory,
) -> Result<Applied, BackendError> {
    let found = panel.is_suspended(account).await?;
    let wanted = match plan(needed::<SavedState>(memory)?.suspended, policy, found) {
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

/// What a look makes of a switch of something that was suspended `before` us, or not. What was stays so: whoever let it
/// go meanwhile meant it.
pub fn plan(before: bool, policy: Policy, found: bool) -> Plan<bool> {
    let wanted = before || policy == Policy::Limited;
    match found == wanted {
        true => Plan::AlreadySo,
        false if before => Plan::left_alone(shown(found).into(), found),
        false => Plan::Write(wanted),
    }
}

/// In words for people.
pub fn shown(suspended: bool) -> &'static str {
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
            assert_eq!(plan(before, policy, found), done, "{before} {policy:?} {found}");
        }
    }
}
