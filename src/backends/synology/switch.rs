//! Limits an account and restores it exactly: by disabling it, by a group, or by quotas that let nothing more be written.
//!
//! What an account had is remembered with the number of the user, and decides how it is restored whatever the config says by
//! then. Nothing is restored of a user who was made anew under the name, nor what somebody else has changed meanwhile.

use serde::{Deserialize, Serialize};

use super::Synology;
use super::accounts::{User, folded};
use super::call::ApiCall;
use super::freeze::Frozen;
use super::group::Moved;
use super::select::Groups;
use super::settings::Limiting;
use crate::backends::kit::memory::{kept, needed};
use crate::backends::kit::switch::{Plan, read_back};
use crate::backends::{Applied, BackendError, Memory};
use crate::domain::{AccountName, Policy};
use crate::http::excerpt;

/// What `expired` is of a disabled account.
const DISABLED: &str = "now";

/// A user that no NAS has.
const NOBODY: &str = "no-such-user-of-whmeter";

/// What an account had before it was limited.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SavedState {
    /// The number of the user, where it was told.
    uid: Option<u64>,
    #[serde(flatten)]
    had: Had,
}

/// The same, by the way in which it was limited.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "limited", rename_all = "lowercase")]
enum Had {
    /// Its `expired`, verbatim.
    Disable {
        expired: String,
    },
    Group(Moved),
    Quota(Frozen),
}

impl Synology {
    /// What a later restore needs.
    pub(super) async fn remembered(&self, account: &AccountName) -> Result<Memory, BackendError> {
        let user = self.find(account).await?;
        let had = match self.config.limiting {
            Limiting::Disable => Had::Disable { expired: expired(&user)? },
            Limiting::Group => {
                let limited = self.config.limited_group.as_deref().unwrap_or_default();
                let mut relevant = self.config.groups.clone();
                relevant.push(limited.to_string());
                Had::Group(Moved::of(
                    self.nas.groups_of(&user, &relevant).await?,
                    &self.config.groups,
                    limited,
                ))
            }
            Limiting::Quota => Had::Quota(Frozen::of(&self.quotas_of(&user, account).await?)?),
        };
        kept(&SavedState { uid: user.uid, had })
    }

    /// Puts an account under `policy`.
    pub(super) async fn switch(
        &self,
        account: &AccountName,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        // Looked at first: an account that is not there is reported so whatever is remembered.
        let user = self.find(account).await?;
        let saved = needed::<SavedState>(memory)?;
        if let Some((before, now)) = saved.uid.zip(user.uid).filter(|(before, now)| before != now) {
            let found = format!("another user of this name: uid {now}, was {before}");
            return Ok(Applied::LeftAlone { found, limited: user.expired.as_deref() == Some(DISABLED) });
        }
        match saved.had {
            Had::Disable { expired: before } => self.disable(account, &user, policy, &before).await,
            Had::Group(moved) => self.move_between(account, &user, policy, &moved).await,
            Had::Quota(frozen) => self.freeze(account, &user, policy, &frozen).await,
        }
    }

    async fn disable(
        &self,
        account: &AccountName,
        user: &User,
        policy: Policy,
        before: &str,
    ) -> Result<Applied, BackendError> {
        let wanted = match plan(before, policy, &expired(user)?) {
            Plan::AlreadySo => return Ok(Applied::AlreadySo),
            Plan::LeftAlone { found, limited } => return Ok(Applied::LeftAlone { found, limited }),
            Plan::Write(wanted) => wanted,
        };
        // These two and no more: whatever else is sent is overwritten, and what is sent empty is emptied.
        let ask = ApiCall::write("SYNO.Core.User", "set").text("name", &user.name).text("expired", &wanted);
        self.write(&ask, account).await?;
        // By the list: `get` has denied users that were there.
        let look = || async {
            let found = expired(&self.find(account).await?)?;
            Ok(if found == wanted { Ok(()) } else { Err(shown(&found)) })
        };
        read_back(&format!("expired of {account}"), look).await
    }

    /// The local user that is an account, by its name in any case.
    pub(super) async fn find(&self, account: &AccountName) -> Result<User, BackendError> {
        let users = self.nas.users().await?;
        let found = users.all.into_iter().find(|user| folded(&user.name) == folded(account.as_str()));
        let Some(user) = found else {
            return Err(match users.is_whole {
                true => BackendError::NoSuchAccount(account.clone()),
                false => BackendError::Unexpected {
                    at: "SYNO.Core.User list".into(),
                    detail: format!("{account} is not in it, and it is not known to be whole"),
                },
            });
        };
        let administrators = Groups::administrators(&self.nas).await?;
        match user.is_never_an_account(&self.config.access.username)
            || administrators.is_administrator(&user.name)
        {
            true => Err(BackendError::NotOffered(format!("{account} is of the system or an administrator"))),
            false => Ok(user),
        }
    }

    /// Makes a change. What it answers says little; it is read back.
    pub(super) async fn write(&self, ask: &ApiCall, account: &AccountName) -> Result<(), BackendError> {
        match self.nas.call(ask).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(match failure.refusal() {
                Some(refusal) => refusal.clone().about(account),
                None => failure.error(),
            }),
        }
    }

    /// Whether the login may change users: asked to change nobody, DSM looks for the user or for the right.
    pub(super) async fn may_write(&self) -> Result<String, BackendError> {
        let ask = ApiCall::write("SYNO.Core.User", "set").text("name", NOBODY).text("expired", "normal");
        match self.nas.call(&ask).await {
            Ok(_) => Ok("not refused".into()),
            Err(failure) if failure.refusal().is_some_and(|refusal| refusal.code == 3106) => {
                Ok("granted".into())
            }
            Err(failure) => Err(failure.error()),
        }
    }
}

/// What a look at an account makes of a switch. Who was disabled before us stays so whatever we want.
fn plan(before: &str, policy: Policy, found: &str) -> Plan<String> {
    let left_alone = || Plan::left_alone(shown(found), found == DISABLED);
    let (wanted, other) = match policy {
        Policy::Standard => (before, DISABLED),
        Policy::Limited => (DISABLED, before),
    };
    match found {
        _ if before == DISABLED && found != DISABLED => left_alone(),
        found if found == wanted => Plan::AlreadySo,
        found if found == other => Plan::Write(wanted.to_string()),
        _ => left_alone(),
    }
}

fn expired(user: &User) -> Result<String, BackendError> {
    let missing = || BackendError::Unexpected {
        at: "SYNO.Core.User list".into(),
        detail: format!("expired of {} is absent: it could not be restored", user.name),
    };
    user.expired.clone().ok_or_else(missing)
}

fn shown(expired: &str) -> String {
    format!("expired {}", excerpt(expired, 40))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_disabled_is_enabled_again_and_as_it_was() {
        use Policy::{Limited, Standard};
        let write = |wanted: &str| Plan::Write(wanted.to_string());
        let alone = |found: &str| Plan::left_alone(format!("expired {found}"), found == "now");
        // (before the first limit, policy, found now, what is done)
        for (before, policy, found, done) in [
            ("normal", Limited, "normal", write("now")),
            ("normal", Limited, "now", Plan::AlreadySo),
            ("normal", Standard, "now", write("normal")),
            ("normal", Standard, "normal", Plan::AlreadySo),
            ("2027/3/5", Limited, "2027/3/5", write("now")),
            ("2027/3/5", Standard, "now", write("2027/3/5")),
            // Prolonged by somebody meanwhile.
            ("2027/3/5", Standard, "2028/3/5", alone("2028/3/5")),
            ("2027/3/5", Limited, "normal", alone("normal")),
            // Disabled before us, and enabled by whoever did it.
            ("now", Limited, "now", Plan::AlreadySo),
            ("now", Standard, "now", Plan::AlreadySo),
            ("now", Standard, "normal", alone("normal")),
            ("now", Limited, "normal", alone("normal")),
        ] {
            assert_eq!(plan(before, policy, found), done, "{before} {policy:?} {found}");
        }
    }

    #[test]
    fn what_is_remembered_is_read_again_in_each_way() {
        for had in [
            Had::Disable { expired: "2027/3/5".into() },
            Had::Group(Moved::of(vec!["users".into(), "gold".into()], &["gold".into()], "small")),
        ] {
            let saved = SavedState { uid: Some(1041), had };
            let memory = kept(&saved).expect("written");
            assert!(memory.0.contains("\"uid\":1041"), "{memory:?}");
            assert_eq!(needed::<SavedState>(&memory).expect("read"), saved);
        }
    }
}
