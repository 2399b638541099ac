//! One subscription, as `webspace/get` shows it, and what of it every poll reports.

use super::names::Names;
use super::settings::ActsAs;
use super::status::Status;
use super::wire::Element;
use crate::domain::{AccountName, Bytes, Facts, Identity, Limit, Policy, UsageDay};
use crate::http::excerpt;

/// The data that a poll asks for, in the order of the schema.
pub(super) const DATASETS: [&str; 3] = ["gen_info", "limits", "subscriptions"];

/// How much of a strange value is shown.
const SHOWN: usize = 40;

/// A subscription.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    /// Its number on this server, by which it is asked about and changed.
    pub id: u64,
    /// Its main domain, by which it is known.
    pub name: AccountName,
    /// What makes it itself, whatever its domain is.
    pub guid: Option<String>,
    /// Bytes it holds, or what is wrong with the figure.
    pub size: Result<Bytes, String>,
    /// Its status, or what is wrong with it.
    pub status: Result<Status, String>,
    /// The day it was made.
    pub created: Option<UsageDay>,
    /// The plans it is made of; the first is the main one.
    pub plans: Vec<String>,
    /// The guid of the reseller, or of the administrator, whose it is.
    pub vendor: Option<String>,
    /// Bytes of the running month as the panel counts them against the limit, where they were asked for.
    pub month_used: Option<u64>,
    ascii_name: Option<String>,
    limits: Vec<(String, String)>,
}

impl Subscription {
    /// Reads a result. Nothing for one that is about no subscription at all, as some releases answer where there is none.
    pub fn read(result: &Element) -> Result<Option<Subscription>, String> {
        let data = match (result.child("data"), result.child("id")) {
            (None, None) => return Ok(None),
            (data, _) => data.ok_or("it has no data")?,
        };
        let info = data.child("gen_info").ok_or("it has no gen_info")?;
        let name = info.text("name").ok_or("it has no name")?;
        let limits = data.child("limits").into_iter().flat_map(|limits| limits.all("limit"));
        let limits =
            limits.filter_map(|limit| Some((limit.text("name")?.into(), limit.text("value")?.into())));
        let plans = data.child("subscriptions").into_iter().flat_map(|all| all.all("subscription"));
        let plans = plans.flat_map(|one| one.all("plan")).filter_map(|plan| plan.text("plan-guid"));
        let used = data.child("resource-usage").into_iter().flat_map(|usage| usage.all("resource"));
        let used = used.filter(|resource| resource.text("name") == Some("max_traffic"));
        Ok(Some(Subscription {
            id: result.whole("id")?,
            name: AccountName::new(name).map_err(|error| error.to_string())?,
            guid: info.text("guid").map(str::to_string),
            size: info.bytes("real_size"),
            status: info.whole("status").map(Status),
            created: info.text("cr_date").and_then(|date| UsageDay::parse(date).ok()),
            plans: plans.map(str::to_string).collect(),
            vendor: info.text("vendor-guid").map(str::to_string),
            month_used: used.filter_map(|resource| resource.whole("value").ok()).next(),
            ascii_name: info.text("ascii-name").map(str::to_string),
            limits: limits.collect(),
        }))
    }

    /// Puts in what the panel says of it besides its usage.
    pub fn put_facts(&self, facts: &mut Facts, names: &Names, acts_as: ActsAs) {
        facts.identity = match &self.guid {
            Some(guid) => Identity::new().with_unique(guid.clone()),
            None => Identity::new(),
        };
        facts.domain = Some(self.ascii_name.clone().unwrap_or_else(|| self.name.to_string()));
        facts.package = self.plans.first().and_then(|guid| names.plan(guid)).map(str::to_string);
        facts.reseller = self.vendor.as_deref().and_then(|guid| names.reseller(guid)).map(str::to_string);
        facts.storage_limit = self.limit("disk_space");
        facts.traffic_limit = self.limit("max_traffic");
        if let Ok(status) = self.status {
            facts.suspended = status.is_suspended();
            facts.suspended_for = status.suspended_for();
            facts.policy = match status.settled() {
                Status::ACTIVE => Some(Policy::Standard),
                shown if shown == Status::ours(acts_as) => Some(Policy::Limited),
                _ => None,
            };
        }
    }

    /// What is wrong with its status, if it says none that is known.
    pub fn strange_status(&self) -> Option<String> {
        match &self.status {
            Ok(status) if status.is_suspended().is_some() => None,
            Ok(status) => Some(status.to_string()),
            Err(problem) => Some(problem.clone()),
        }
    }

    /// A limit in bytes: -1 is none (what public clients know), and one that is not listed is not known. No limit is
    /// nothing: `0` would stand for unlimited here, and nobody says that it does there.
    fn limit(&self, name: &str) -> Limit {
        let value = self.limits.iter().find(|(limit, _)| limit == name).map(|(_, value)| value.as_str());
        match value {
            Some("-1") => Limit::Unlimited,
            Some(digits) => {
                let bytes = digits.parse().ok().and_then(|bytes| Bytes::new(bytes).ok());
                bytes.filter(|bytes| *bytes > Bytes::ZERO).map_or(Limit::Unknown, Limit::UpTo)
            }
            None => Limit::Unknown,
        }
    }
}

/// A row of the list that cannot be read, for people.
pub(super) fn unreadable(result: &Element, problem: &str) -> String {
    let id = result.text("id").map(|id| excerpt(id, SHOWN));
    format!("subscription {}: {problem}", id.as_deref().unwrap_or("without a number"))
}
