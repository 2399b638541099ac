//! The steps of `check`: everything a poll and a switch will need, tried one by one.
//!
//! Changes nothing on the server.

use std::collections::BTreeMap;

use serde_json::Value;

use super::admin::{self, Ask as Call};
use super::metrics::host;
use super::settings::Traffic;
use super::usage::Usage;
use super::wire::ServerState;
use super::{BackendError, Buckets, CheckStep, Minio, People, names};
use crate::http::Url;

/// So many buckets are named at once.
const SHOWN: usize = 50;

impl Minio {
    pub(super) async fn check_all(&self, steps: &mut Vec<CheckStep>) {
        for base in self.admin.addresses().iter().chain(&self.rules.nodes) {
            self.check_address(base, steps).await;
        }
        if steps.iter().any(|step| step.fatal && step.outcome.is_err()) {
            // Credentials tried against the wrong server would only confuse.
            return;
        }
        let people = self.people().await;
        let what = match self.rules.group {
            Some(_) => "signature, rights admin:GetGroup and admin:GetUser",
            None => "signature, right admin:ListUsers, decryption",
        };
        let shown = people.as_ref().map_err(Clone::clone).map(|people| format!("{} users", people.len()));
        step(steps, what, true, shown);
        let buckets = self.check_usage(steps).await;
        if let Ok(people) = &people {
            self.check_owners(people, &buckets, steps).await;
        }
        step(steps, "version, right admin:ServerInfo", false, self.version().await);
        self.check_policies(steps).await;
        self.check_traffic(&buckets, steps).await;
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
                    "{} buckets, but the scanner knows {hidden} more: just deleted, or hidden from this access key",
                    buckets.len()
                ),
            }
        });
        step(steps, "right s3:ListAllMyBuckets", true, shown);
        buckets.unwrap_or_default()
    }

    /// Which buckets are nobody's, by name: what they hold is billed to nobody.
    async fn check_owners(&self, people: &People, buckets: &Buckets, steps: &mut Vec<CheckStep>) {
        let names = Vec::from_iter(buckets.keys().map(String::as_str));
        let documents = self.documents(people, &names).await;
        let shown = documents.map(|documents| {
            let owned = self.owned(people, &names, documents.as_ref());
            let unclaimed: Vec<String> =
                owned.unclaimed().map(|(bucket, why)| format!("{bucket} ({why})")).collect();
            match unclaimed.len() {
                0 => "every bucket is somebody's".to_string(),
                count if count > SHOWN => {
                    format!("{count} are nobody's: {} and others", unclaimed[..SHOWN].join(", "))
                }
                count => format!("{count} are nobody's: {}", unclaimed.join(", ")),
            }
        });
        step(steps, "owners of buckets", false, shown);
        if let Some(detail) = self.strangers(people) {
            step(steps, "buckets", false, Err(BackendError::Unexpected { at: "buckets".into(), detail }));
        }
    }

    /// The lowest release of all nodes: during an upgrade there are several.
    async fn version(&self) -> Result<String, BackendError> {
        let state: ServerState = self.admin.json(Call::get("info", "admin:ServerInfo")).await?;
        let state = match state.wrapped {
            Some(inner) => *inner,
            None => state,
        };
        let lowest =
            state.servers.iter().map(|node| node.version.as_str()).filter(|text| !text.is_empty()).min();
        Ok(format!("{} on {} nodes", lowest.unwrap_or("unknown"), state.servers.len()))
    }

    async fn check_policies(&self, steps: &mut Vec<CheckStep>) {
        let policies: Result<BTreeMap<String, Value>, _> =
            self.admin.json(admin::POLICIES).await.map_err(BackendError::from);
        let shown = policies.map(|policies| format!("{} policies", policies.len()));
        step(steps, "right admin:ListUserPolicies (for bucket_policies)", false, shown);
        for (key, template) in
            [("policy_standard", &self.rules.standard), ("policy_limited", &self.rules.limited)]
        {
            let warnings = template.warnings();
            let outcome = match warnings.is_empty() {
                true => Ok("fine".to_string()),
                false => Err(BackendError::Unexpected { at: key.into(), detail: warnings.join("; ") }),
            };
            step(steps, key, false, outcome);
        }
        if !self.rules.limited.denies() {
            let detail = "has no Deny: accounts whose group has a policy cannot be limited";
            let outcome =
                Err(BackendError::Unexpected { at: "policy_limited".into(), detail: detail.into() });
            step(steps, "policy_limited holds against group policies", false, outcome);
        }
    }

    async fn check_traffic(&self, buckets: &Buckets, steps: &mut Vec<CheckStep>) {
        if self.rules.traffic == Traffic::Off {
            return;
        }
        let outcome = self.pages(buckets, &Buckets::new()).await;
        let shown = outcome.map(|scraped| {
            let nodes = Vec::from_iter(scraped.scrape.started.keys().map(String::as_str));
            format!("nodes {}", nodes.join(", "))
        });
        step(steps, "traffic, right admin:Prometheus", false, shown);
    }
}

fn step(steps: &mut Vec<CheckStep>, name: &str, fatal: bool, outcome: Result<String, BackendError>) {
    steps.push(CheckStep { name: name.to_string(), outcome, fatal });
}
