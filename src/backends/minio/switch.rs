//! Limits an account and restores it: another policy mapped, or the account's own policy overwritten.
//!
//! Never touches what somebody else changed meanwhile, and believes nothing it has not read back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::admin::Ask as Call;
use super::claim::filled;
use super::policy::{self, mapped, same};
use super::refusal::Failure;
use super::settings::{Rules, Switch};
use super::wire::{Group, User};
use super::{Applied, BackendError, Memory, Minio};
use crate::domain::{AccountName, Policy};
use crate::http::Method;

/// What the name of a limited policy ends in.
pub(super) const LIMITED: &str = "-limited";

/// How often a change is looked for before we say that it did not take; another node may lag.
const LOOKS: u32 = 5;

/// What an account had before it was limited.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "switch", rename_all = "lowercase")]
enum Remembered {
    /// The exact list of policies mapped on the user; empty when there was none.
    Mapping { policy: String },
    /// The user's own document, and the one that was to replace it.
    Document { document: Value, limited: Value },
}

/// The policy that limits `user`.
pub(super) fn limited_name(user: &str) -> String {
    format!("{user}{LIMITED}")
}

impl Minio {
    /// Which of our two policies a user is under; `None` for one that is neither.
    pub(super) fn shown_policy(
        &self,
        name: &str,
        user: &User,
        documents: Option<&BTreeMap<String, Value>>,
    ) -> Option<Policy> {
        let mapped = mapped(&user.policy);
        if self.rules.switch == Switch::Mapping {
            return match Vec::from_iter(mapped).as_slice() {
                [one] if *one == limited_name(name) => Some(Policy::Limited),
                [one] if *one == name => Some(Policy::Standard),
                _ => None,
            };
        }
        let document = documents?.get(*mapped.get(name)?)?;
        let is = |wanted: Result<Value, String>| wanted.is_ok_and(|wanted| same(document, &wanted));
        if is(self.rules.limited.fill(name)) || policy::is_noted(document) {
            Some(Policy::Limited)
        } else if is(self.rules.standard.fill(name)) {
            Some(Policy::Standard)
        } else {
            None
        }
    }

    /// What a later restore needs.
    pub(super) async fn remembered(&self, account: &AccountName) -> Result<Memory, BackendError> {
        let name = checked(account)?;
        let user = self.known_user(account).await?;
        let remembered = match self.rules.switch {
            // Limited already, by a hand we do not know: its standard is the policy called like it.
            Switch::Mapping if is_only(&user.policy, &limited_name(name)) => {
                Remembered::Mapping { policy: name.to_string() }
            }
            Switch::Mapping => Remembered::Mapping { policy: user.policy },
            Switch::Document => {
                let document = self.own_document(account, &user).await?;
                let limited = self.limited_for(name, std::slice::from_ref(&document))?;
                Remembered::Document { document, limited }
            }
        };
        let text = serde_json::to_string(&remembered)
            .map_err(|error| BackendError::Unexpected { at: "memory".into(), detail: error.to_string() })?;
        Ok(Memory(text))
    }

    /// Limits by mapping `<user>-limited`, restores by mapping what was remembered.
    pub(super) async fn switch_mapping(
        &self,
        account: &AccountName,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        let name = checked(account)?;
        let limited = limited_name(name);
        let standard = match read(memory)? {
            Some(Remembered::Mapping { policy }) => policy,
            Some(Remembered::Document { .. }) => return Err(other_switch("document")),
            None => name.to_string(),
        };
        let user = self.known_user(account).await?;
        let is_limited = is_only(&user.policy, &limited);
        match policy {
            Policy::Limited if is_limited => self.refresh_limited(account, &user, &standard).await,
            _ if mapped(&user.policy) != mapped(&standard) && !is_limited => {
                Ok(Applied::LeftAlone { found: shown(&user.policy) })
            }
            Policy::Limited => {
                self.will_hold(&user).await?;
                let document = self.limited_document(name, &standard).await?;
                self.put_policy(&limited, &document).await?;
                self.map(account, &user.policy, &limited).await
            }
            Policy::Standard if !is_limited => Ok(Applied::AlreadySo),
            Policy::Standard => {
                self.ensure_standard(name, &standard).await?;
                self.map(account, &user.policy, &standard).await
            }
        }
    }

    /// Limits by overwriting the policy called like the user, restores by writing back what it was.
    pub(super) async fn switch_document(
        &self,
        account: &AccountName,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        let name = checked(account)?;
        let user = self.known_user(account).await?;
        let current = self.own_document(account, &user).await?;
        let (standard, limited) = match read(memory)? {
            Some(Remembered::Document { document, limited }) => (document, limited),
            Some(Remembered::Mapping { .. }) => return Err(other_switch("mapping")),
            None => {
                let standard = self.rules.standard.fill(name).map_err(not_for_limits)?;
                let limited = self.limited_for(name, std::slice::from_ref(&standard))?;
                (standard, limited)
            }
        };
        let (wanted, replaced) = match policy {
            Policy::Limited => (&limited, &standard),
            Policy::Standard => (&standard, &limited),
        };
        if same(&current, wanted) {
            return Ok(Applied::AlreadySo);
        }
        if !same(&current, replaced) {
            return Ok(Applied::LeftAlone { found: format!("another document in policy {name}") });
        }
        if policy == Policy::Limited {
            self.will_hold(&user).await?;
        }
        self.put_policy(name, wanted).await?;
        for look in 0..LOOKS {
            patience(look).await;
            if self.document(name).await?.is_some_and(|found| same(&found, wanted)) {
                return Ok(Applied::Done);
            }
        }
        Err(did_not_take(&format!("another document in policy {name}")))
    }

    /// Already limited: only the document may have to be brought up to date.
    async fn refresh_limited(
        &self,
        account: &AccountName,
        user: &User,
        standard: &str,
    ) -> Result<Applied, BackendError> {
        let (name, limited) = (account.as_str(), limited_name(account.as_str()));
        let wanted = self.limited_document(name, standard).await?;
        match self.document(&limited).await? {
            Some(found) if same(&found, &wanted) => Ok(Applied::AlreadySo),
            _ => {
                self.will_hold(user).await?;
                self.put_policy(&limited, &wanted).await?;
                Ok(Applied::Done)
            }
        }
    }

    /// Without a Deny, rights that a group gives would outlive the limit unseen.
    async fn will_hold(&self, user: &User) -> Result<(), BackendError> {
        if self.rules.limited.denies() {
            return Ok(());
        }
        for group in &user.groups {
            let query = [("group", group.as_str())];
            let group_policy: Group =
                self.admin.json(Call::get("group", "admin:GetGroup").with(&query)).await?;
            if !mapped(&group_policy.policy).is_empty() {
                return Err(BackendError::NotOffered(format!(
                    "the limit would not hold: group {group} gives the policy {} and policy_limited has no Deny; \
                     add one for s3:PutObject",
                    group_policy.policy
                )));
            }
        }
        Ok(())
    }

    /// The limited document for a user whose standard policies are known by name.
    async fn limited_document(&self, name: &str, standard: &str) -> Result<Value, BackendError> {
        let mut documents = Vec::new();
        if self.rules.bucket_policies {
            for policy in mapped(standard) {
                documents.extend(self.document(policy).await?);
            }
        }
        self.limited_for(name, &documents)
    }

    fn limited_for(&self, name: &str, standard: &[Value]) -> Result<Value, BackendError> {
        let Rules { limited, bucket_prefix, bucket_policies, .. } = &self.rules;
        let limited = limited.fill(name).map_err(not_for_limits)?;
        Ok(match bucket_policies {
            true => policy::with_buckets(limited, standard, name, &filled(bucket_prefix, name)),
            false => limited,
        })
    }

    /// Writes the standard policy where a restore needs it and it is not there.
    async fn ensure_standard(&self, name: &str, standard: &str) -> Result<(), BackendError> {
        if !mapped(standard).contains(name) || self.document(name).await?.is_some() {
            return Ok(());
        }
        let document = self.rules.standard.fill(name).map_err(not_for_limits)?;
        self.put_policy(name, &document).await
    }

    async fn known_user(&self, account: &AccountName) -> Result<User, BackendError> {
        self.user(account.as_str()).await.map_err(|failure| match failure {
            Failure::Said(said) if said.is_gone() => BackendError::NoSuchAccount(account.clone()),
            other => other.into(),
        })
    }

    /// The document of the policy called like the user, which must be the one he is under: any other
    /// may be shared with users who are within their limits.
    async fn own_document(&self, account: &AccountName, user: &User) -> Result<Value, BackendError> {
        let name = account.as_str();
        if !is_only(&user.policy, name) {
            return Err(BackendError::NotOffered(format!(
                "switch = \"document\" overwrites the policy called {name}, but the account is under {}",
                shown(&user.policy)
            )));
        }
        let gone = || BackendError::Unexpected {
            at: "info-canned-policy".into(),
            detail: format!("policy {name} is mapped but does not exist"),
        };
        self.document(name).await?.ok_or_else(gone)
    }

    async fn document(&self, policy: &str) -> Result<Option<Value>, BackendError> {
        let query = [("name", policy)];
        let ask = Call::get("info-canned-policy", "admin:GetPolicy").with(&query);
        match self.admin.json(ask).await {
            Ok(answer) => Ok(Some(policy::unwrapped(answer))),
            Err(Failure::Said(said)) if said.is_gone() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn put_policy(&self, name: &str, document: &Value) -> Result<(), BackendError> {
        let (query, body) = ([("name", name)], document.to_string());
        let ask = Call::put("add-canned-policy", "admin:CreatePolicy").with(&query).body(body.as_bytes());
        match self.admin.call(ask).await {
            Ok(_) => Ok(()),
            Err(Failure::Said(said)) if said.status == 400 => Err(BackendError::Unexpected {
                at: "add-canned-policy".into(),
                detail: format!("the server does not accept the document of {name}: {}", said.sketch),
            }),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Maps `wanted` in place of `current` and reads back that it took.
    async fn map(&self, account: &AccountName, current: &str, wanted: &str) -> Result<Applied, BackendError> {
        let name = account.as_str();
        let query = [("isGroup", "false"), ("policyName", wanted), ("userOrGroup", name)];
        let ask = Call::put("set-user-or-group-policy", "admin:AttachUserOrGroupPolicy").with(&query);
        match self.admin.call(ask).await {
            Ok(_) => {}
            Err(Failure::Said(said)) if said.is_unknown_call() => {
                self.exchange(name, &mapped(current), &mapped(wanted)).await?;
            }
            Err(Failure::Said(said)) if said.code == "XMinioAdminNoSuchUser" => {
                return Err(BackendError::NoSuchAccount(account.clone()));
            }
            Err(failure) => return Err(failure.into()),
        }
        let mut found = String::new();
        for look in 0..LOOKS {
            patience(look).await;
            found = self.known_user(account).await?.policy;
            if mapped(&found) == mapped(wanted) {
                return Ok(Applied::Done);
            }
        }
        Err(did_not_take(&shown(&found)))
    }

    /// Where mapping at one stroke is gone: attach the new, then detach the old.
    async fn exchange(
        &self,
        name: &str,
        current: &BTreeSet<&str>,
        wanted: &BTreeSet<&str>,
    ) -> Result<(), BackendError> {
        let attach = Vec::from_iter(wanted.difference(current));
        let detach = Vec::from_iter(current.difference(wanted));
        self.change("idp/builtin/policy/attach", name, &attach).await?;
        self.change("idp/builtin/policy/detach", name, &detach).await
    }

    async fn change(&self, call: &'static str, name: &str, policies: &[&&str]) -> Result<(), BackendError> {
        if policies.is_empty() {
            return Ok(());
        }
        let body = serde_json::json!({"policies": policies, "user": name}).to_string();
        let sealed = self.admin.seal(body.into_bytes()).await?;
        let right = "admin:UpdatePolicyAssociation";
        let ask = Call { method: &Method::POST, ..Call::get(call, right) }.body(&sealed);
        let done = [
            "XMinioAdminPolicyChangeAlreadyApplied",
            "XMinioPolicyAlreadyAttached",
            "XMinioPolicyNotAttached",
        ];
        match self.admin.call(ask).await {
            Ok(_) => Ok(()),
            Err(Failure::Said(said)) if done.contains(&said.code.as_str()) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// Waits before looking whether a change took: not at all first, a second in all.
async fn patience(look: u32) {
    tokio::time::sleep(Duration::from_millis(100) * look).await;
}

fn did_not_take(found: &str) -> BackendError {
    let detail = format!("accepted, but read back as {found}");
    BackendError::Unexpected { at: "policy switch".into(), detail }
}

fn checked(account: &AccountName) -> Result<&str, BackendError> {
    policy::check_name(account.as_str()).map_err(not_for_limits).map(|()| account.as_str())
}

fn read(memory: &Memory) -> Result<Option<Remembered>, BackendError> {
    if memory.0.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(&memory.0).map(Some).map_err(|error| BackendError::Unexpected {
        at: "memory".into(),
        detail: format!("what was remembered cannot be read: {error}"),
    })
}

fn other_switch(was: &str) -> BackendError {
    BackendError::NotOffered(format!(
        "the account was limited with switch = \"{was}\"; set it back until the account is restored"
    ))
}

fn not_for_limits(problem: String) -> BackendError {
    BackendError::NotOffered(format!("cannot be limited: {problem}"))
}

fn is_only(policy: &str, wanted: &str) -> bool {
    mapped(policy) == BTreeSet::from([wanted])
}

fn shown(policy: &str) -> String {
    if policy.is_empty() { "no policy".into() } else { format!("policy {policy}") }
}
