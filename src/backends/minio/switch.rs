//! Limits an account and restores it: another policy mapped, or the account's own policy overwritten.
//!
//! Never touches what somebody else changed meanwhile, and believes nothing it has not read back.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::admin::ApiCall;
use super::bucket_ownership::{by_config, filled};
use super::policy::{self, mapped, same};
use super::refusal::CallFailure;
use super::settings::{PanelConfig, Switch};
use super::wire::{Entities, Group, User};
use super::{Applied, BackendError, Memory, Minio, People};
use crate::backends::kit::memory::{kept, recalled};
use crate::backends::kit::switch::read_back;
use crate::domain::{AccountName, Harvest, Policy};
use crate::http::Method;

/// What the name of a limited policy ends in.
pub(super) const LIMITED: &str = "-limited";

/// What an account had before it was limited.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "switch", rename_all = "lowercase")]
enum SavedState {
    /// The exact list of policies mapped on the user; empty when there was none.
    Mapping { policy: String },
    /// The user's own document, and the one that was to replace it.
    Document { document: Value, limited: Value },
}

/// The policy that limits `user`.
pub(super) fn limited_name(user: &str) -> String {
    format!("{user}{LIMITED}")
}

/// The limited policies that users have, by name; `None` for one that is mapped and does not exist.
pub(super) type Limits = BTreeMap<String, Option<Value>>;

impl Minio {
    /// The limited policy that each of `people`, or the one asked for, has; read where `documents` does not report it.
    pub(super) async fn limits(
        &self,
        people: &People,
        only: Option<&AccountName>,
        documents: Option<&BTreeMap<String, Value>>,
        harvest: &mut Harvest,
    ) -> Limits {
        let has_it = |(name, user): (&String, &Result<User, BackendError>)| {
            let limited = limited_name(name);
            let has = user.as_ref().is_ok_and(|user| mapped(&user.policy).contains(limited.as_str()));
            has.then_some(limited)
        };
        let wanted = people.iter().filter(|(name, _)| only.is_none_or(|only| only.as_str() == *name));
        let names = wanted.filter_map(has_it);
        if let Some(documents) = documents {
            return names.map(|name| (name.clone(), documents.get(&name).cloned())).collect();
        }
        let asked = names.map(|name| async move { (self.document(&name).await, name) }.boxed());
        let mut limits = Limits::new();
        for (document, name) in self.admin.some_at_once(asked.collect()).await {
            match document {
                Ok(document) => drop(limits.insert(name, document)),
                Err(error) => {
                    harvest.warn(format!("what the policy {name} enforces cannot be seen: {error}"))
                }
            }
        }
        limits
    }

    /// Which of our two policies is enforced on a user, and whether the limited one is not as we would write it.
    pub(super) fn enforced(
        &self,
        name: &str,
        user: &User,
        documents: Option<&BTreeMap<String, Value>>,
        limits: &Limits,
    ) -> (Option<Policy>, bool) {
        let mapped = mapped(&user.policy);
        match self.config.switch {
            Switch::Mapping => {
                let limited = limited_name(name);
                if !mapped.contains(limited.as_str()) {
                    return (Some(Policy::Standard), false);
                }
                let alone = mapped.len() == 1;
                let own = documents.and_then(|documents| documents.get(name));
                match limits.get(&limited) {
                    // Its document could not be read: by its name.
                    None => (alone.then_some(Policy::Limited), !alone),
                    // The server allows nothing at all to whoever has a policy that does not exist.
                    Some(None) => (alone.then_some(Policy::Limited), true),
                    Some(Some(document)) => {
                        let outdated = self.is_outdated(name, document, own);
                        // What an operator's own text limits is the operator's business.
                        let alone_holds = alone && (!outdated || policy::limits(document));
                        let holds = alone_holds || policy::denies_writing(document);
                        (Some(if holds { Policy::Limited } else { Policy::Standard }), !alone || outdated)
                    }
                }
            }
            Switch::Document => {
                let Some(document) = documents.and_then(|documents| documents.get(*mapped.get(name)?)) else {
                    return (None, false);
                };
                let is = |wanted: Result<Value, String>| wanted.is_ok_and(|wanted| same(document, &wanted));
                if policy::is_ours(document) || is(self.config.limited.fill(name)) {
                    let outdated = self.is_outdated(name, document, None);
                    let holds = !outdated || policy::limits(document);
                    (Some(if holds { Policy::Limited } else { Policy::Standard }), outdated)
                } else if is(self.config.standard.fill(name)) {
                    (Some(Policy::Standard), false)
                } else {
                    (None, false)
                }
            }
        }
    }

    /// Whether a limited document is not what it would be now: the config has changed, or his own policy has.
    fn is_outdated(&self, name: &str, limited: &Value, own: Option<&Value>) -> bool {
        // What he had by policy is noted in it.
        let standard = std::iter::once(limited).chain(own);
        self.limited_for(name, standard).is_ok_and(|wanted| !same(limited, &wanted))
    }

    /// What a later restore needs.
    pub(super) async fn remembered(&self, account: &AccountName) -> Result<Memory, BackendError> {
        let name = checked(account)?;
        let user = self.known_user(account).await?;
        let remembered = match self.config.switch {
            // Limited already, by a hand we do not know: its standard is the policy called like it.
            Switch::Mapping if is_only(&user.policy, &limited_name(name)) => {
                SavedState::Mapping { policy: name.to_string() }
            }
            Switch::Mapping => SavedState::Mapping { policy: user.policy },
            Switch::Document => {
                let document = self.own_document(account, &user).await?;
                let limited = self.limited_for(name, std::iter::once(&document))?;
                SavedState::Document { document, limited }
            }
        };
        kept(&remembered)
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
        let standard = match recalled(memory)? {
            Some(SavedState::Mapping { policy }) => policy,
            Some(SavedState::Document { .. }) => return Err(other_switch("document")),
            None => name.to_string(),
        };
        let user = self.known_user(account).await?;
        let is_limited = is_only(&user.policy, &limited);
        match policy {
            Policy::Limited if is_limited => self.refresh_limited(account, &user, &standard).await,
            _ if mapped(&user.policy) != mapped(&standard) && !is_limited => {
                let limited = self.still_limits(&user, &limited).await?;
                Ok(Applied::LeftAlone { found: shown(&user.policy), limited })
            }
            Policy::Limited => {
                self.will_hold(&user).await?;
                let document = self.limited_document(name, &standard).await?;
                self.put_limited(&limited, &document).await?;
                self.map(account, &user.policy, &limited).await
            }
            Policy::Standard => {
                let applied = match is_limited {
                    true => {
                        self.ensure_standard(name, &standard).await?;
                        self.map(account, &user.policy, &standard).await?
                    }
                    false => Applied::AlreadySo,
                };
                self.tidy(&limited).await;
                Ok(applied)
            }
        }
    }

    /// Writes a limited policy, where its name is nobody else's: neither a policy has it that we have not written,
    /// nor a user, who is to have a policy of his name. One that somebody has made ready, saying the same, stays
    /// theirs.
    async fn put_limited(&self, limited: &str, wanted: &Value) -> Result<(), BackendError> {
        match self.document(limited).await? {
            Some(found) if same(&found, wanted) => return Ok(()),
            Some(found) if !policy::is_ours(&found) => {
                return Err(not_for_limits(format!(
                    "there is a policy {limited} that whmeter has not written; rename it or remove it"
                )));
            }
            Some(_) | None => {}
        }
        match self.user(limited).await {
            Err(CallFailure::Refusal(refusal)) if refusal.is_gone() => self.put_policy(limited, wanted).await,
            Err(failure) => Err(failure.into()),
            Ok(_) => Err(not_for_limits(format!(
                "its limited policy would be called {limited}, and so is a user, whose policy that is by custom; rename \
                 one of the two users"
            ))),
        }
    }

    /// Whether our limited policy, mapped beside others, still keeps a user from writing.
    async fn still_limits(&self, user: &User, limited: &str) -> Result<bool, BackendError> {
        if !mapped(&user.policy).contains(limited) {
            return Ok(false);
        }
        Ok(self.document(limited).await?.is_some_and(|document| policy::denies_writing(&document)))
    }

    /// Removes a limited policy of ours that nobody has any more. The account is restored whatever comes of it, so
    /// trouble is reported and not passed on.
    async fn tidy(&self, limited: &str) {
        if let Err(error) = self.remove_unused(limited).await {
            tracing::warn!(
                policy = limited,
                "it is not attached to any user any more, and could not be \
                 removed: {error}"
            );
        }
    }

    async fn remove_unused(&self, limited: &str) -> Result<(), BackendError> {
        let ours = self.document(limited).await?.is_some_and(|found| policy::is_ours(&found));
        if !ours || self.somebody_has(limited).await? {
            return Ok(());
        }
        let query = [("name", limited)];
        let ask =
            ApiCall { method: &Method::DELETE, ..ApiCall::get("remove-canned-policy", "admin:DeletePolicy") };
        match self.admin.call(ask.with(&query)).await {
            Ok(_) => Ok(()),
            // Somebody was given it a moment ago.
            Err(CallFailure::Refusal(refusal)) if refusal.code == "XMinioIAMPolicyInUse" => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Whether any user or group has a policy; also where that cannot be asked, because releases that lack the call
    /// remove policies in use.
    async fn somebody_has(&self, policy: &str) -> Result<bool, BackendError> {
        let query = [("policy", policy)];
        let ask = ApiCall::get("idp/builtin/policy-entities", "admin:ListUserPolicies").with(&query);
        match self.admin.sealed::<Entities>(ask).await {
            Ok(entities) => Ok(entities.policies.iter().any(|one| one.policy == policy && one.is_had())),
            Err(CallFailure::Refusal(refusal)) if refusal.is_unknown_call() => Ok(true),
            Err(failure) => Err(failure.into()),
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
        let (standard, limited) = match recalled(memory)? {
            Some(SavedState::Document { document, limited }) => (document, limited),
            Some(SavedState::Mapping { .. }) => return Err(other_switch("mapping")),
            None => {
                let standard = self.config.standard.fill(name).map_err(not_for_limits)?;
                let limited = self.limited_for(name, std::iter::once(&standard))?;
                (standard, limited)
            }
        };
        // The config may have changed since: then he is limited as it says now.
        let renewed = self.limited_for(name, std::iter::once(&standard))?;
        let ours = policy::is_ours(&current) && policy::limits(&current);
        let is_limited = same(&current, &limited) || same(&current, &renewed) || ours;
        let wanted = match policy {
            Policy::Limited => &renewed,
            Policy::Standard => &standard,
        };
        if same(&current, wanted) {
            return Ok(Applied::AlreadySo);
        }
        if !is_limited && !same(&current, &standard) {
            let found = format!("another document in policy {name}");
            return Ok(Applied::LeftAlone { found, limited: false });
        }
        if policy == Policy::Limited {
            self.will_hold(&user).await?;
        }
        self.put_policy(name, wanted).await?;
        let look = || async {
            let is_there = self.document(name).await?.is_some_and(|found| same(&found, wanted));
            Ok(if is_there { Ok(()) } else { Err(format!("another document in policy {name}")) })
        };
        read_back("policy switch", look).await
    }

    /// Already limited: only the document may have to be updated.
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
            Some(found) if !policy::is_ours(&found) => Ok(Applied::LeftAlone {
                found: format!("policy {limited}, which whmeter has not written"),
                limited: policy::limits(&found),
            }),
            _ => {
                self.will_hold(user).await?;
                self.put_policy(&limited, &wanted).await?;
                Ok(Applied::Done)
            }
        }
    }

    /// Without a Deny, rights that a group gives would outlive the limit unseen.
    async fn will_hold(&self, user: &User) -> Result<(), BackendError> {
        if self.config.limited.denies() {
            return Ok(());
        }
        for group in &user.groups {
            let query = [("group", group.as_str())];
            let group_policy: Group =
                self.admin.json(ApiCall::get("group", "admin:GetGroup").with(&query)).await?;
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
        if self.config.bucket_policies {
            let mut policies = mapped(standard);
            // While he is limited it reports what is his, mapped or not.
            policies.insert(name);
            for policy in policies {
                documents.extend(self.document(policy).await?);
            }
        }
        self.limited_for(name, documents.iter())
    }

    /// The limited document for a user: it serves the buckets that are his by the config, and by these policies.
    pub(super) fn limited_for<'a>(
        &self,
        name: &str,
        standard: impl Iterator<Item = &'a Value>,
    ) -> Result<Value, BackendError> {
        let PanelConfig { limited, buckets, bucket_prefix, bucket_policies, .. } = &self.config;
        let by_policy = match bucket_policies {
            true => policy::buckets(standard, name, &filled(bucket_prefix, name)),
            false => BTreeSet::new(),
        };
        limited.limited(name, by_config(buckets, bucket_prefix, name), by_policy).map_err(not_for_limits)
    }

    /// Writes the standard policy where a restore needs it and it is not there.
    async fn ensure_standard(&self, name: &str, standard: &str) -> Result<(), BackendError> {
        if !mapped(standard).contains(name) || self.document(name).await?.is_some() {
            return Ok(());
        }
        let document = self.config.standard.fill(name).map_err(not_for_limits)?;
        self.put_policy(name, &document).await
    }

    async fn known_user(&self, account: &AccountName) -> Result<User, BackendError> {
        self.user(account.as_str()).await.map_err(|failure| match failure {
            CallFailure::Refusal(refusal) if refusal.is_gone() => {
                BackendError::NoSuchAccount(account.clone())
            }
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
        let ask = ApiCall::get("info-canned-policy", "admin:GetPolicy").with(&query);
        match self.admin.json(ask).await {
            Ok(answer) => Ok(Some(policy::unwrapped(answer))),
            Err(CallFailure::Refusal(refusal)) if refusal.is_gone() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn put_policy(&self, name: &str, document: &Value) -> Result<(), BackendError> {
        let (query, body) = ([("name", name)], document.to_string());
        let ask = ApiCall::put("add-canned-policy", "admin:CreatePolicy").with(&query).body(body.as_bytes());
        match self.admin.call(ask).await {
            Ok(_) => Ok(()),
            Err(CallFailure::Refusal(refusal)) if refusal.status == 400 => Err(BackendError::Unexpected {
                at: "add-canned-policy".into(),
                detail: format!("the server does not accept the document of {name}: {}", refusal.sketch),
            }),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Maps `wanted` in place of `current` and reads back that it took.
    async fn map(&self, account: &AccountName, current: &str, wanted: &str) -> Result<Applied, BackendError> {
        let name = account.as_str();
        let query = [("isGroup", "false"), ("policyName", wanted), ("userOrGroup", name)];
        let ask = ApiCall::put("set-user-or-group-policy", "admin:AttachUserOrGroupPolicy").with(&query);
        match self.admin.call(ask).await {
            Ok(_) => {}
            Err(CallFailure::Refusal(refusal)) if refusal.is_unknown_call() => {
                self.exchange(name, &mapped(current), &mapped(wanted)).await?;
            }
            Err(CallFailure::Refusal(refusal)) if refusal.code == "XMinioAdminNoSuchUser" => {
                return Err(BackendError::NoSuchAccount(account.clone()));
            }
            Err(failure) => return Err(failure.into()),
        }
        let look = || async {
            let found = self.known_user(account).await?.policy;
            Ok(if mapped(&found) == mapped(wanted) { Ok(()) } else { Err(shown(&found)) })
        };
        read_back("policy switch", look).await
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
        let ask = ApiCall { method: &Method::POST, ..ApiCall::get(call, right) }.body(&sealed);
        let done = [
            "XMinioAdminPolicyChangeAlreadyApplied",
            "XMinioPolicyAlreadyAttached",
            "XMinioPolicyNotAttached",
        ];
        match self.admin.call(ask).await {
            Ok(_) => Ok(()),
            Err(CallFailure::Refusal(refusal)) if done.contains(&refusal.code.as_str()) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }
}

fn checked(account: &AccountName) -> Result<&str, BackendError> {
    policy::check_name(account.as_str()).map_err(not_for_limits).map(|()| account.as_str())
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
