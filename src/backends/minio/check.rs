//! The steps of `check`: everything a poll and a switch will need, tried one by one.
//!
//! Changes nothing on the server.

use std::collections::BTreeMap;

use serde_json::Value;

use super::admin::{self, ApiCall};
use super::bucket_ownership::MACRO;
use super::metrics::host;
use super::policy;
use super::refusal::CallFailure;
use super::settings::{Switch, Traffic};
use super::switch::limited_name;
use super::usage::Usage;
use super::wire::{Caller, ServerState};
use super::{BackendError, Buckets, CheckStep, Minio, People, Wants, names};
use crate::backends::kit::check::{is_hopeless, step};
use crate::http::Url;

/// So many buckets are named at once.
const SHOWN: usize = 50;

impl Minio {
    pub(super) async fn check_all(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        for base in self.admin.addresses().iter().chain(&self.config.nodes) {
            self.check_address(base, steps).await;
        }
        if is_hopeless(steps) {
            // Credentials tried against the wrong server would only confuse.
            return;
        }
        let Ok(rights) = self.check_signer(steps).await else { return };
        let people = self.people().await;
        let what = match self.config.group {
            Some(_) => "rights admin:GetGroup and admin:GetUser",
            None => "right admin:ListUsers, decryption",
        };
        let shown = people.as_ref().map_err(Clone::clone).map(|people| format!("{} users", people.len()));
        step(steps, what, true, shown);
        let buckets = self.check_usage(steps).await;
        if let Ok(people) = &people {
            self.check_owners(people, &buckets, steps).await;
        }
        step(steps, "version, right admin:ServerInfo", false, self.version().await);
        self.check_policies(wants, people.ok().as_ref(), steps).await;
        if wants.limiting {
            // What is not reported is not known to be missing.
            let fatal = rights.is_some();
            step(steps, "rights that limits need", fatal, self.rights_of_limits(rights.as_ref()));
        }
        self.check_traffic(&buckets, steps).await;
    }

    /// Whether requests are signed right, and what the signer may do where that is reported. Where he is refused as
    /// such, every later step would fail for the same reason.
    async fn check_signer(&self, steps: &mut Vec<CheckStep>) -> Result<Option<Value>, ()> {
        let (fatal, outcome) = match self.admin.streamed(admin::CALLER, Caller::read).await {
            Ok(caller) => {
                step(steps, "credentials", true, Ok(format!("signed in as {}", caller.name)));
                return Ok(caller.policy());
            }
            Err(CallFailure::Refusal(refusal)) => (refusal.is_about_the_signer(), refusal.into()),
            Err(CallFailure::Failed(error)) => (!matches!(error, BackendError::Unexpected { .. }), error),
        };
        step(steps, "credentials", fatal, Err(outcome));
        if fatal { Err(()) } else { Ok(None) }
    }

    /// The rights that a switch needs; of several in one line any is enough.
    fn rights_of_limits(&self, granted: Option<&Value>) -> Result<String, BackendError> {
        let Some(granted) = granted else {
            let why = "the rights of an access key: this server does not report them; the first policy switch \
                 shows them";
            return Err(BackendError::NotOffered(why.into()));
        };
        let mut needed: Vec<&[&str]> =
            vec![&["admin:GetUser"], &["admin:GetPolicy"], &["admin:CreatePolicy"]];
        if self.config.switch == Switch::Mapping {
            needed.push(&["admin:AttachUserOrGroupPolicy", "admin:UpdatePolicyAssociation"]);
            needed.extend([["admin:DeletePolicy"].as_slice(), &["admin:ListUserPolicies"]]);
        }
        if !self.config.limited.denies() {
            needed.push(&["admin:GetGroup"]);
        }
        let has = |any: &&[&str]| any.iter().any(|right| policy::grants(granted, right));
        let missing = Vec::from_iter(needed.iter().filter(|any| !has(any)).map(|any| any.join(" or ")));
        match missing.is_empty() {
            true => Ok("granted".into()),
            false => Err(BackendError::Refused(format!(
                "the right {} is missing, and a rule limits accounts; the README of minio has the whole policy",
                missing.join(", ")
            ))),
        }
    }

    async fn check_address(&self, base: &Url, steps: &mut Vec<CheckStep>) {
        let host = host(base);
        for probed in self.admin.http().probe(base).await {
            let probed = CheckStep::from(probed);
            steps.push(CheckStep { name: format!("{host}: {}", probed.name), ..probed });
        }
        if steps.last().is_some_and(|step| step.outcome.is_err()) {
            return;
        }
        let live = self.admin.live(base).await.map_err(BackendError::from);
        step(
            steps,
            &format!("{host}: alive"),
            true,
            live.map(|answer| format!("{} {}", answer.status(), answer.reason())),
        );
    }

    /// Usage and bucket list together; returns the buckets.
    async fn check_usage(&self, steps: &mut Vec<CheckStep>) -> Buckets {
        let usage: Result<Usage, _> =
            self.admin.streamed(admin::USAGE, Usage::read).await.map_err(BackendError::from);
        let now = self.admin.http().clock().now();
        let shown = usage.as_ref().map_err(Clone::clone).map(|usage| match usage {
            Usage::Known { at: Some(at), sizes, .. } => {
                let hours = now.since(*at).get() / 3600;
                let age =
                    if hours > 26 { format!(", {hours} hours ago: the scanner lags") } else { String::new() };
                format!("{} buckets, scanned {at}{age}", sizes.len())
            }
            Usage::Known { at: None, .. } => "no buckets yet".into(),
            Usage::Unknown { why, .. } => format!("{why}; storage stays unknown until it has"),
        });
        step(steps, "right admin:DataUsageInfo", true, shown);
        let buckets = self.buckets().await;
        let shown = buckets.as_ref().map_err(Clone::clone).map(|buckets| {
            let hidden = usage.as_ref().map_or(0, |usage| names(usage, buckets).len() - buckets.len());
            match hidden {
                0 => format!("{} buckets", buckets.len()),
                hidden => format!(
                    "{} buckets, but the scanner knows {hidden} more: just deleted, or hidden from this \
                     access key",
                    buckets.len()
                ),
            }
        });
        step(steps, "right s3:ListAllMyBuckets", true, shown);
        buckets.unwrap_or_default()
    }

    /// Which buckets are unowned, by name: what they hold is not billed.
    async fn check_owners(&self, people: &People, buckets: &Buckets, steps: &mut Vec<CheckStep>) {
        let names = Vec::from_iter(buckets.keys().map(String::as_str));
        let documents = self.documents(people, &names).await;
        let shown = documents.map(|documents| {
            let owned = self.owned(people, &names, documents.as_ref());
            let unclaimed: Vec<String> =
                owned.unclaimed().map(|(bucket, why)| format!("{bucket} ({why})")).collect();
            match unclaimed.len() {
                0 => "every bucket has an owner".to_string(),
                count if count > SHOWN => {
                    format!("{count} without an owner: {} and others", unclaimed[..SHOWN].join(", "))
                }
                count => format!("{count} without an owner: {}", unclaimed.join(", ")),
            }
        });
        step(steps, "owners of buckets", false, shown);
        if let Some(detail) = self.strangers(people) {
            step(steps, "buckets", false, Err(BackendError::Unexpected { at: "buckets".into(), detail }));
        }
    }

    /// The lowest release of all nodes: during an upgrade there are several.
    async fn version(&self) -> Result<String, BackendError> {
        let state: ServerState = self.admin.json(ApiCall::get("info", "admin:ServerInfo")).await?;
        let state = match state.wrapped {
            Some(inner) => *inner,
            None => state,
        };
        let lowest =
            state.servers.iter().map(|node| node.version.as_str()).filter(|text| !text.is_empty()).min();
        Ok(format!("{} on {} nodes", lowest.unwrap_or("unknown"), state.servers.len()))
    }

    async fn check_policies(&self, wants: Wants, people: Option<&People>, steps: &mut Vec<CheckStep>) {
        let policies: Result<BTreeMap<String, Value>, _> =
            self.admin.json(admin::POLICIES).await.map_err(BackendError::from);
        let shown =
            policies.as_ref().map_err(Clone::clone).map(|policies| format!("{} policies", policies.len()));
        let (what, fatal) = match self.config.switch {
            Switch::Mapping => ("right admin:ListUserPolicies (for bucket_policies)", false),
            // Without the documents nobody knows who is limited.
            Switch::Document => ("right admin:ListUserPolicies (for switch = \"document\")", true),
        };
        step(steps, what, fatal, shown);
        if let (Ok(policies), Some(people), None) = (policies, people, &self.config.group) {
            left_behind(&policies, people, steps);
        }
        for (key, template) in
            [("policy_standard", &self.config.standard), ("policy_limited", &self.config.limited)]
        {
            let warnings = template.warnings();
            let outcome = match warnings.is_empty() {
                true => Ok("fine".to_string()),
                false => Err(BackendError::Unexpected { at: key.into(), detail: warnings.join("; ") }),
            };
            step(steps, key, false, outcome);
        }
        let serves = self.serves_buckets();
        step(steps, "policy_limited serves the buckets of the config", wants.limiting, serves);
        if !self.config.limited.denies() {
            let detail = "has no Deny: accounts whose group has a policy cannot be limited";
            let outcome =
                Err(BackendError::Unexpected { at: "policy_limited".into(), detail: detail.into() });
            step(steps, "policy_limited holds against group policies", false, outcome);
        }
    }

    /// Whether a limited account can read and delete in every bucket that the config says is its: else it could never
    /// get below its limit.
    fn serves_buckets(&self) -> Result<String, BackendError> {
        let wrong = |detail: String| BackendError::Unexpected { at: "policy_limited".into(), detail };
        let (table, by_name) = (&self.config.buckets, self.config.bucket_prefix == MACRO);
        if (!table.is_empty() || !by_name) && !self.config.limited.serves_any_bucket() {
            return Err(wrong(format!(
                "allows nothing in arn:aws:s3:::{MACRO}*, which matches the account's buckets whatever their names: \
                 buckets by bucket_prefix or of the table could not be emptied while it is limited"
            )));
        }
        for user in table.values() {
            if let Err(error) = self.limited_for(user, std::iter::empty()) {
                return Err(wrong(format!(
                    "cannot be written for {user} with the buckets of the table: {error}"
                )));
            }
        }
        Ok("fine".into())
    }

    async fn check_traffic(&self, buckets: &Buckets, steps: &mut Vec<CheckStep>) {
        if self.config.traffic == Traffic::Off {
            return;
        }
        let outcome = self.pages(buckets, &Buckets::new()).await;
        // A server may have no such pages; a right that is missing can be given.
        let fatal = matches!(outcome, Err(BackendError::Refused(_)));
        let shown = outcome.map(|scraped| {
            let nodes = Vec::from_iter(scraped.scrape.started.keys().map(String::as_str));
            format!("nodes {}", nodes.join(", "))
        });
        step(steps, "traffic, right admin:Prometheus", fatal, shown);
    }
}

/// Names limited policies of ours that nobody has: their users were deleted while they were limited.
fn left_behind(policies: &BTreeMap<String, Value>, people: &People, steps: &mut Vec<CheckStep>) {
    let had = |policy: &str| {
        let mut users = people.values();
        users.any(|user| user.as_ref().map_or(true, |user| policy::mapped(&user.policy).contains(policy)))
    };
    let is_limited = |name: &str| limited_name("").len() < name.len() && name.ends_with(&limited_name(""));
    let ours = policies.iter().filter(|(name, document)| is_limited(name) && policy::is_ours(document));
    let left = Vec::from_iter(ours.map(|(name, _)| name.as_str()).filter(|name| !had(name)));
    if !left.is_empty() {
        let detail =
            format!("{} that no user has any more; remove what no group has either", left.join(", "));
        let outcome = Err(BackendError::Unexpected { at: "policies of whmeter".into(), detail });
        step(steps, "policies left behind", false, outcome);
    }
}
