//! Limits by a group: an account is added to the limited one and taken out of those it is sold by, and back.
//!
//! `add` and `remove` answer success whatever is sent, so nothing is believed that was not read back; and each step that
//! takes something away comes after the one that gives.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Synology;
use super::accounts::{User, folded};
use super::call::ApiCall;
use super::nas::{Nas, strange};
use super::refusal::CallFailure;
use crate::backends::kit::json::text;
use crate::backends::kit::switch::{Plan, read_back};
use crate::backends::{Applied, BackendError};
use crate::domain::{AccountName, Policy};

const MEMBER: &str = "SYNO.Core.Group.Member";

/// The groups of an account before it was moved.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moved {
    /// All of them, as far as the NAS told.
    groups: Vec<String>,
    /// Those that it is taken out of.
    removed: Vec<String>,
    /// The one that it is added to.
    to: String,
}

impl Moved {
    /// An account that is in these groups, of which those of `sold` are to be left for `limited`.
    pub fn of(mut groups: Vec<String>, sold: &[String], limited: &str) -> Moved {
        groups.sort_unstable();
        let removed = sold.iter().filter(|one| has(&groups, one)).cloned().collect();
        Moved { removed, to: limited.to_string(), groups }
    }

    /// The groups that tell where an account is.
    fn relevant(&self) -> Vec<String> {
        self.removed.iter().chain([&self.to]).cloned().collect()
    }

    /// What a look at the account's groups makes of a switch. Halfway is what we were broken off at.
    fn plan(&self, policy: Policy, found: &[String]) -> Plan<()> {
        let left_alone = || Plan::left_alone(format!("in {}", found.join(", ")), has(found, &self.to));
        let in_limited = has(found, &self.to);
        if has(&self.groups, &self.to) {
            // Somebody else's doing.
            return if in_limited { Plan::AlreadySo } else { left_alone() };
        }
        let left = self.removed.iter().filter(|one| has(found, one)).count();
        let is_standard = !in_limited && left == self.removed.len();
        let is_limited = in_limited && left == 0;
        match policy {
            Policy::Standard if is_standard => Plan::AlreadySo,
            Policy::Limited if is_limited => Plan::AlreadySo,
            _ if is_standard || in_limited => Plan::Write(()),
            _ => left_alone(),
        }
    }
}

impl Nas {
    /// The groups of a user; where the NAS does not tell (DSM 6), those of `relevant` that have it as a member.
    pub async fn groups_of(&self, user: &User, relevant: &[String]) -> Result<Vec<String>, BackendError> {
        let call = ("SYNO.Core.User.Group", "get");
        match self.call(&ApiCall::get(call.0, call.1).text("name", &user.name)).await {
            Ok(data) => {
                let rows = data.get("groups").and_then(Value::as_array);
                let rows = rows.ok_or_else(|| strange(call, "groups is no list"))?;
                let name = |row: &Value| {
                    let named = row.as_object().and_then(|row| text(row, &["name"]));
                    row.as_str().or(named).map(str::to_string)
                };
                let names: Option<Vec<String>> = rows.iter().map(name).collect();
                names.ok_or_else(|| strange(call, "a group has no name"))
            }
            Err(CallFailure::Refusal(refusal)) if refusal.is_no_method() => self.among(user, relevant).await,
            Err(CallFailure::Failed(BackendError::NotOffered(_))) => self.among(user, relevant).await,
            Err(failure) => Err(failure.error()),
        }
    }

    async fn among(&self, user: &User, groups: &[String]) -> Result<Vec<String>, BackendError> {
        let distinct: BTreeSet<&String> = groups.iter().collect();
        let mut found = Vec::new();
        for group in distinct {
            if self.members(group).await?.contains(&folded(&user.name)) {
                found.push(group.clone());
            }
        }
        Ok(found)
    }
}

impl Synology {
    pub(super) async fn move_between(
        &self,
        account: &AccountName,
        user: &User,
        policy: Policy,
        moved: &Moved,
    ) -> Result<Applied, BackendError> {
        let relevant = moved.relevant();
        let found = self.nas.groups_of(user, &relevant).await?;
        match moved.plan(policy, &found) {
            Plan::AlreadySo => return Ok(Applied::AlreadySo),
            Plan::LeftAlone { found, limited } => return Ok(Applied::LeftAlone { found, limited }),
            Plan::Write(()) => {}
        }
        let limited = std::slice::from_ref(&moved.to);
        let (into, out_of) = match policy {
            Policy::Limited => (limited, moved.removed.as_slice()),
            Policy::Standard => (moved.removed.as_slice(), limited),
        };
        for group in into.iter().filter(|group| !has(&found, group)) {
            self.change_member(account, user, "add", group).await?;
        }
        self.held_to(user, &relevant, |found| into.iter().all(|group| has(found, group))).await?;
        for group in out_of.iter().filter(|group| has(&found, group)) {
            self.change_member(account, user, "remove", group).await?;
        }
        self.held_to(user, &relevant, |found| {
            into.iter().all(|group| has(found, group)) && !out_of.iter().any(|group| has(found, group))
        })
        .await
    }

    async fn change_member(
        &self,
        account: &AccountName,
        user: &User,
        method: &'static str,
        group: &str,
    ) -> Result<(), BackendError> {
        // `members` would be taken without a word, and do nothing.
        let ask = ApiCall::write(MEMBER, method).text("group", group).with("name", json!([user.name]));
        self.write(&ask, account).await
    }

    async fn held_to(
        &self,
        user: &User,
        relevant: &[String],
        is_so: impl Fn(&[String]) -> bool,
    ) -> Result<Applied, BackendError> {
        let is_so = &is_so;
        let look = || async move {
            let found = self.nas.groups_of(user, relevant).await?;
            Ok(if is_so(&found) { Ok(()) } else { Err(format!("in {}", found.join(", "))) })
        };
        read_back(&format!("groups of {}", user.name), look).await
    }
}

/// Whether a group is among these, as DSM compares names.
fn has(groups: &[String], group: &str) -> bool {
    groups.iter().any(|one| folded(one) == folded(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &str) -> Vec<String> {
        names.split_whitespace().map(str::to_string).collect()
    }

    #[test]
    fn only_what_we_moved_is_moved_back() {
        use Policy::{Limited, Standard};
        let alone =
            |found: &str, limited| Plan::left_alone(format!("in {}", groups(found).join(", ")), limited);
        // (before the first limit, policy, found now, what is done)
        for (before, policy, found, done) in [
            ("users gold", Limited, "users gold", Plan::Write(())),
            ("users gold", Limited, "users small gold", Plan::Write(())),
            ("users gold", Limited, "users small", Plan::AlreadySo),
            ("users gold", Standard, "users Small", Plan::Write(())),
            ("users gold", Standard, "users small gold", Plan::Write(())),
            ("users gold", Standard, "users gold", Plan::AlreadySo),
            ("users gold silver", Limited, "users small silver", Plan::Write(())),
            // Upgraded, or taken out by somebody meanwhile.
            ("users gold", Standard, "users silver", alone("users silver", false)),
            ("users gold", Limited, "users", alone("users", false)),
            // In the limited group before us.
            ("users gold small", Limited, "users gold small", Plan::AlreadySo),
            ("users gold small", Standard, "users gold small", Plan::AlreadySo),
            ("users gold small", Standard, "users gold", alone("users gold", false)),
            // In no group that is sold.
            ("users", Limited, "users", Plan::Write(())),
            ("users", Standard, "users small", Plan::Write(())),
        ] {
            let moved = Moved::of(groups(before), &groups("gold silver"), "small");
            assert_eq!(moved.plan(policy, &groups(found)), done, "{before} {policy:?} {found}");
        }
    }
}
