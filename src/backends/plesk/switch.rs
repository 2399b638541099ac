//! Limits a subscription by suspending it, and restores it.
//!
//! A status has no reason: 16 may be ours, WHMCS's, or an administrator's. So `0` is written only where the status was 0
//! before us and is exactly what we wrote; every other bit means that somebody else has had a hand in it.

use serde::{Deserialize, Serialize};

use super::request::{Operation, Which};
use super::status::Status;
use super::subscription::Subscription;
use super::wire::Element;
use super::{Applied, Memory, Plesk};
use crate::backends::BackendError;
use crate::backends::kit::memory::{kept, needed};
use crate::backends::kit::switch::{Plan, read_back};
use crate::domain::{AccountName, Policy};

/// What is remembered, in the order of the schema.
const DATASETS: [&str; 4] = ["gen_info", "limits", "performance", "subscriptions"];

/// What a subscription had before it was limited. Only its status is ever written; the rest is for whoever asks later
/// what it had, because changing a subscription cuts it from its plan.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SavedState {
    status: u64,
    /// What suspending writes with the login of that time.
    ours: u64,
    overuse: Option<String>,
    disk_space: Option<String>,
    max_traffic: Option<String>,
    bandwidth: Option<String>,
    max_connections: Option<String>,
    locked: Option<bool>,
    synchronized: Option<bool>,
}

impl SavedState {
    fn read(status: Status, ours: Status, data: &Element) -> SavedState {
        let limits = data.child("limits");
        let limit = |name: &str| {
            let mut all = limits.into_iter().flat_map(|limits| limits.all("limit"));
            let found = all.find(|limit| limit.text("name") == Some(name));
            found.and_then(|limit| limit.text("value")).map(str::to_string)
        };
        let performance =
            |name: &str| data.child("performance").and_then(|all| all.text(name)).map(str::to_string);
        let subscription = data.child("subscriptions").and_then(|all| all.child("subscription"));
        SavedState {
            status: status.settled().0,
            ours: ours.0,
            overuse: limits.and_then(|limits| limits.text("overuse")).map(str::to_string),
            disk_space: limit("disk_space"),
            max_traffic: limit("max_traffic"),
            bandwidth: performance("bandwidth"),
            max_connections: performance("max_connections"),
            locked: subscription.and_then(|one| one.truth("locked")),
            synchronized: subscription.and_then(|one| one.truth("synchronized")),
        }
    }

    /// What a look at a subscription makes of a switch.
    fn plan(&self, policy: Policy, found: Status) -> Plan<Status> {
        let (before, found) = (Status(self.status), found.settled());
        let left_alone = || Plan::left_alone(found.to_string(), found.is_suspended() == Some(true));
        if before != Status::ACTIVE {
            // Who was suspended before us stays so whatever we want; and a web service that is off is not ours to lose.
            return match found == before
                && (policy == Policy::Standard || before.is_suspended() == Some(true))
            {
                true => Plan::AlreadySo,
                false => left_alone(),
            };
        }
        let (wanted, other) = match policy {
            Policy::Standard => (Status::ACTIVE, Status(self.ours)),
            Policy::Limited => (Status(self.ours), Status::ACTIVE),
        };
        match found {
            found if found == wanted => Plan::AlreadySo,
            found if found == other => Plan::Write(wanted),
            _ => left_alone(),
        }
    }
}

impl Plesk {
    /// What a later restore needs.
    pub(super) async fn remembered(&self, account: &AccountName) -> Result<Memory, BackendError> {
        let (result, one) = self.look(account, &DATASETS).await?;
        let data = result.child("data").ok_or_else(|| strange(account, "it has no data".into()))?;
        kept(&SavedState::read(status(&one)?, Status::ours(self.config.acts_as), data))
    }

    /// Puts a subscription under `policy`.
    pub(super) async fn switch(
        &self,
        account: &AccountName,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        // Looked at first: a subscription that is not there is reported so whatever is remembered.
        let (_, one) = self.look(account, &DATASETS[..1]).await?;
        let (found, remembered) = (status(&one)?, needed::<SavedState>(memory)?);
        let wanted = match remembered.plan(policy, found) {
            Plan::AlreadySo => return Ok(Applied::AlreadySo),
            Plan::LeftAlone { found, limited } => return Ok(Applied::LeftAlone { found, limited }),
            Plan::Write(wanted) => wanted,
        };
        if found.is_in_backup() {
            let detail = format!("{account} is in backup or restore, its status is not changed meanwhile");
            return Err(BackendError::Busy { after: None, detail });
        }
        let written = self.panel.ask_one(&Operation::set_status(one.id, Some(wanted.0))).await;
        written.map_err(|failure| match failure.refusal() {
            Some(refusal) => refusal.clone().about(account),
            None => failure.error(),
        })?;
        let look = || async {
            let found = status(&self.look(account, &DATASETS[..1]).await?.1)?;
            Ok(if found.settled() == wanted { Ok(()) } else { Err(found.to_string()) })
        };
        read_back(&format!("webspace/set of {account}"), look).await
    }

    /// One subscription as it is now.
    async fn look(
        &self,
        account: &AccountName,
        datasets: &[&str],
    ) -> Result<(Element, Subscription), BackendError> {
        let operation = Operation::subscriptions(Which::Named(account.as_str()), datasets);
        let found = match self.panel.ask_one(&operation).await {
            Ok(found) => found,
            Err(failure) => {
                return Err(match failure.refusal() {
                    Some(refusal) => refusal.clone().about(account),
                    None => failure.error(),
                });
            }
        };
        let gone = || BackendError::NoSuchAccount(account.clone());
        let result = found.ok_or_else(gone)?;
        let one =
            Subscription::read(&result).map_err(|problem| strange(account, problem))?.ok_or_else(gone)?;
        match one.name == *account {
            true => Ok((result, one)),
            false => Err(strange(account, format!("{} came in its place", one.name))),
        }
    }
}

fn status(one: &Subscription) -> Result<Status, BackendError> {
    one.status.clone().map_err(|problem| strange(&one.name, problem))
}

fn strange(account: &AccountName, detail: String) -> BackendError {
    BackendError::Unexpected { at: format!("subscription {account}"), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(status: u64) -> SavedState {
        SavedState::read(Status(status), Status(16), &Element::default())
    }

    #[test]
    fn only_what_we_wrote_is_taken_back() {
        use Policy::{Limited, Standard};
        let write = |bits| Plan::Write(Status(bits));
        let alone = |bits: u64, limited| Plan::left_alone(Status(bits).to_string(), limited);
        // (before the first limit, policy, found now, what is done)
        for (before, policy, found, done) in [
            (0, Limited, 0, write(16)),
            (0, Limited, 16, Plan::AlreadySo),
            (0, Standard, 16, write(0)),
            (0, Standard, 0, Plan::AlreadySo),
            // A backup runs, which is nobody's doing.
            (0, Standard, 20, write(0)),
            (4, Limited, 4, write(16)),
            // Expired, switched off by the customer or with its owner meanwhile.
            (0, Standard, 272, alone(272, true)),
            (0, Standard, 80, alone(80, true)),
            (0, Limited, 256, alone(256, true)),
            (0, Limited, 2, alone(2, true)),
            (0, Standard, 32, alone(32, true)),
            // Suspended before us, by whomever.
            (16, Limited, 16, Plan::AlreadySo),
            (16, Standard, 16, Plan::AlreadySo),
            (16, Standard, 0, alone(0, false)),
            (64, Limited, 0, alone(0, false)),
            // The web service alone is off: writing would lose that.
            (8, Limited, 8, alone(8, false)),
            (8, Standard, 8, Plan::AlreadySo),
            (0, Limited, 8, alone(8, false)),
        ] {
            assert_eq!(saved(before).plan(policy, Status(found)), done, "{before} {policy:?} {found}");
        }
    }
}
