//! Limits an account and restores it: suspended with our reason, or its bandwidth of a month cut down.
//!
//! Suspends, lets go on and sets bandwidths; deletes nothing, and never touches a reseller as a whole.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::accounts::Account;
use super::bandwidth::MonthTotals;
use super::panel::{LIMITBW, LISTACCTS, SHOWBW, SUSPENDACCT, UNSUSPENDACCT};
use super::wire::MEBIBYTE;
use super::{Applied, BackendError, Cpanel, Memory};
use crate::backends::kit::memory::{kept, needed};
use crate::backends::kit::suspend::Suspends;
use crate::backends::kit::switch::{Plan, read_back};
use crate::domain::{AccountName, Limit, Policy};

/// The bandwidth of a limited account in MB; 0 would be none at all.
const LIMITED_MB: u64 = 1;

/// What an account had before its bandwidth was cut.
#[derive(Debug, Serialize, Deserialize)]
struct SavedState {
    bandwidth: SavedBandwidth,
}

/// A monthly bandwidth as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedBandwidth {
    Unlimited,
    Bytes(u64),
}

impl SavedBandwidth {
    /// As `limitbw` takes it and two of them are compared: megabytes, rounded up; 0 is unlimited.
    fn megabytes(self) -> u64 {
        match self {
            SavedBandwidth::Unlimited => 0,
            SavedBandwidth::Bytes(bytes) => bytes.div_ceil(MEBIBYTE),
        }
    }
}

/// Whether a memory is of a bandwidth that was cut; none where nothing is remembered.
pub(super) fn is_of_bandwidth(memory: &Memory) -> Option<bool> {
    (!memory.0.is_empty()).then(|| serde_json::from_str::<SavedState>(&memory.0).is_ok())
}

/// Whether a bandwidth limit is the one that we set.
pub(super) fn is_ours(limit: Limit) -> bool {
    limit.up_to().is_some_and(|limit| limit.get() == LIMITED_MB * MEBIBYTE)
}

#[async_trait]
impl Suspends for Cpanel {
    async fn suspended_for(&self, account: &AccountName) -> Result<Option<String>, BackendError> {
        let found = self.account(account).await?.suspended_for();
        found.map_err(|detail| LISTACCTS.unexpected(format!("{account}: {detail}")))
    }

    async fn suspend(&self, account: &AccountName, reason: Option<&str>) -> Result<(), BackendError> {
        let user = ("user", account.as_str());
        let written = match reason {
            Some(reason) => self.panel.post(&SUSPENDACCT, &[user, ("reason", reason)]).await,
            None => self.panel.post(&UNSUSPENDACCT, &[user]).await,
        };
        let Err(error) = written.map_err(BackendError::from) else { return Ok(()) };
        // It may go on there after we have given up: what it has come to is read, and nothing is sent twice.
        match error {
            BackendError::Unreachable(_) if self.suspended_for(account).await?.as_deref() == reason => Ok(()),
            error => Err(error),
        }
    }
}

impl Cpanel {
    /// One account as it is listed now.
    async fn account(&self, account: &AccountName) -> Result<Account, BackendError> {
        let found = self.listed(Some(account)).await?.accounts.pop();
        found.ok_or_else(|| BackendError::NoSuchAccount(account.clone()))
    }

    /// What a later restore of a bandwidth needs.
    pub(super) async fn remember_bandwidth(&self, account: &AccountName) -> Result<Memory, BackendError> {
        kept(&SavedState { bandwidth: self.bandwidth(account).await? })
    }

    /// Puts an account's bandwidth under a policy, and reads back that it took.
    pub(super) async fn apply_bandwidth(
        &self,
        account: &AccountName,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        // Looked at first: `limitbw` reports success for users that do not exist.
        let found = self.bandwidth(account).await?;
        let wanted = match plan(needed::<SavedState>(memory)?.bandwidth, policy, found) {
            Plan::AlreadySo => return Ok(Applied::AlreadySo),
            Plan::LeftAlone { found, limited } => return Ok(Applied::LeftAlone { found, limited }),
            Plan::Write(wanted) => wanted.to_string(),
        };
        self.panel.post(&LIMITBW, &[("user", account.as_str()), ("bwlimit", &wanted)]).await?;
        // The unit of what `limitbw` answers differs between releases: only `showbw` is believed.
        let look = || async {
            let megabytes = self.bandwidth(account).await?.megabytes();
            Ok(if megabytes.to_string() == wanted { Ok(()) } else { Err(shown(megabytes)) })
        };
        read_back("limitbw", look).await
    }

    /// What an account may move in a month.
    async fn bandwidth(&self, account: &AccountName) -> Result<SavedBandwidth, BackendError> {
        // `showbw` lists who was deleted too, and is no proof that somebody is there.
        self.account(account).await?;
        let running = self.calendar(self.panel.http().clock().now()).running();
        let told: MonthTotals = self.month(running, Some(account)).await?;
        match told.limit(account.as_str()) {
            Some(Limit::Unlimited) => Ok(SavedBandwidth::Unlimited),
            Some(Limit::UpTo(bytes)) => Ok(SavedBandwidth::Bytes(bytes.get())),
            Some(Limit::Unknown) | None => Err(SHOWBW.unexpected(format!("{account}: no limit is told"))),
        }
    }
}

/// What a look at a bandwidth makes of a switch, in megabytes. Who was sold as little keeps it: a limit never gives.
fn plan(saved: SavedBandwidth, policy: Policy, found: SavedBandwidth) -> Plan<u64> {
    let (saved, found) = (saved.megabytes(), found.megabytes());
    let (wanted, other) = match policy {
        Policy::Standard => (saved, LIMITED_MB),
        Policy::Limited => (LIMITED_MB, saved),
    };
    match found {
        found if found == wanted => Plan::AlreadySo,
        found if found == other => Plan::Write(wanted),
        found => Plan::left_alone(shown(found), found == LIMITED_MB),
    }
}

fn shown(megabytes: u64) -> String {
    match megabytes {
        0 => "bandwidth unlimited".into(),
        megabytes => format!("bandwidth {megabytes} MB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bandwidth_is_restored_to_the_megabyte_and_left_alone_where_others_set_it() {
        use SavedBandwidth::{Bytes, Unlimited};
        let (sold, ours, others) = (Bytes(10_240 << 20), Bytes(1 << 20), Bytes(500 << 20));
        let alone = |megabytes| Plan::left_alone(format!("bandwidth {megabytes} MB"), false);
        for (saved, policy, found, done) in [
            (sold, Policy::Limited, sold, Plan::Write(1)),
            (sold, Policy::Limited, ours, Plan::AlreadySo),
            (sold, Policy::Standard, ours, Plan::Write(10_240)),
            (sold, Policy::Standard, sold, Plan::AlreadySo),
            (sold, Policy::Standard, others, alone(500)),
            (sold, Policy::Limited, others, alone(500)),
            (Unlimited, Policy::Standard, ours, Plan::Write(0)),
            (Unlimited, Policy::Limited, Unlimited, Plan::Write(1)),
            (Bytes((7 << 20) + 1), Policy::Standard, ours, Plan::Write(8)),
        ] {
            assert_eq!(plan(saved, policy, found), done, "{saved:?} {policy:?} {found:?}");
        }
    }

    #[test]
    fn memories_of_the_two_ways_are_told_apart() {
        let memory = |text: &str| is_of_bandwidth(&Memory(text.into()));
        assert_eq!(memory(r#"{"bandwidth":{"bytes":5}}"#), Some(true));
        assert_eq!(memory(r#"{"bandwidth":"unlimited"}"#), Some(true));
        assert_eq!((memory(r#"{"reason":null}"#), memory("")), (Some(false), None));
    }
}
