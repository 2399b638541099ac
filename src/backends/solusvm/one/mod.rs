//! SolusVM 1, through its master's API: bytes moved since the last reset, of every virtual server.
//!
//! The story of a poll: which nodes are there of each type, which servers are on each, and then a call for every
//! server: there is none that tells of all.

mod api;
mod soup;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::{Map, Value};

use self::api::{CallFailure, Master};
use super::super::kit::check::{is_hopeless, step};
use super::super::kit::json::{rows, whole};
use super::super::kit::many::Patience;
use super::super::kit::suspend_unexplained::{self, Suspends};
use super::super::{Applied, Backend, BackendError, CheckStep, Limiter, Memory, PollRequest, Target, Wants};
use super::reset::epoch;
use super::settings::One;
use crate::domain::{AccountName, Bytes, Harvest, Identity, Limit, Meter, Policy, Reading, Reason, Source};
use crate::http::{Http, Url};

/// The types of node, each of which is listed by itself.
const TYPES: [&str; 4] = ["openvz", "xen", "xen hvm", "kvm"];
/// The only ones whose servers tell what they have stored; the others tell what they were given.
const TELL_DISK: [&str; 3] = ["openvz", "xen", "xenpv"];
/// Servers asked about at once (the vendor's module asks one after the other, a second each).
const AT_ONCE: usize = 4;
/// After so many servers in a row without an answer it is the master that is down.
const GIVEN_UP_AFTER: u32 = 8;

pub(super) fn open(http: Http, settings: One) -> Box<dyn Backend> {
    Box::new(Solus { master: Master::new(http, settings) })
}

/// Servers, with their host names.
type Servers = BTreeMap<AccountName, Option<String>>;

struct Solus {
    master: Master,
}

#[async_trait]
impl Backend for Solus {
    fn addresses(&self) -> Vec<Url> {
        vec![self.master.address().clone()]
    }

    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let (mut servers, is_whole) = self.servers(harvest).await?;
        if let Some(only) = &ask.only {
            servers.retain(|name, _| name == only);
        }
        let asked: Vec<_> =
            servers.keys().map(|name| async move { (name, self.usage(name).await) }.boxed()).collect();
        let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
        let mut patience = Patience::new(GIVEN_UP_AFTER);
        while let Some((name, told)) = answers.next().await {
            let told = told.map_err(|failure| match failure {
                CallFailure::Refusal(refusal) => refusal.about(name),
                CallFailure::Failed(error) => error,
            });
            patience.note(told.as_ref().err())?;
            let facts = harvest.facts_mut(name);
            facts.identity = Identity::new().with_unique(name.to_string());
            facts.domain = servers.get(name).cloned().flatten();
            match told {
                Ok(told) => self.put(ask, name, &told, harvest),
                Err(error) => harvest.unread(name, None, error.reason(), error.to_string()),
            }
        }
        if is_whole && ask.only.is_none() {
            harvest.listed_everyone();
        }
        Ok(())
    }

    async fn check(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        steps.extend(self.master.probe().await);
        if is_hopeless(steps) {
            return;
        }
        let mut harvest = Harvest::new();
        let servers = self.servers(&mut harvest).await;
        let first = servers.as_ref().ok().and_then(|(servers, _)| servers.keys().next().cloned());
        let listed = servers.map(|(servers, _)| format!("{} virtual servers", servers.len()));
        step(steps, "API id and key; nodes and their servers", true, listed);
        for warning in harvest.warnings() {
            let at = "node-virtualservers".to_string();
            step(steps, "every node", false, Err(BackendError::Unexpected { at, detail: warning.clone() }));
        }
        if let Some(first) = first.filter(|_| !is_hopeless(steps)) {
            let told = self.usage(&first).await.map_err(BackendError::from);
            step(steps, "usage of a server", true, told.map(|_| format!("server {first} is read")));
        }
        if wants.limiting && !is_hopeless(steps) {
            let detail = "an admin or reseller key may suspend; nothing was tried".to_string();
            step(steps, "suspending, for limits", false, Ok(detail));
        }
    }

    fn limiter(&self) -> Option<&dyn Limiter> {
        Some(self)
    }
}

#[async_trait]
impl Limiter for Solus {
    fn by_suspending(&self) -> bool {
        true
    }

    async fn remember(&self, target: &Target<'_>) -> Result<Memory, BackendError> {
        suspend_unexplained::remember(self, target.account).await
    }

    async fn apply(
        &self,
        target: &Target<'_>,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        suspend_unexplained::apply(self, target.account, policy, memory).await
    }
}

#[async_trait]
impl Suspends for Solus {
    async fn is_suspended(&self, account: &AccountName) -> Result<bool, BackendError> {
        let told = self.master.read_slow("vserver-status", &[("vserverid", account.as_str())]).await;
        let told = told.map_err(|failure| about(failure, account))?;
        match told.get("statusmsg").and_then(Value::as_str).map(str::trim) {
            Some("disabled") => Ok(true),
            Some("online" | "offline") => Ok(false),
            other => Err(BackendError::Unexpected {
                at: "vserver-status".into(),
                detail: format!(
                    "statusmsg of server {account} is {other:?}, expected online, offline or disabled"
                ),
            }),
        }
    }

    async fn suspend(&self, account: &AccountName, suspended: bool) -> Result<(), BackendError> {
        let action = if suspended { "vserver-suspend" } else { "vserver-unsuspend" };
        let done = self.master.write(action, &[("vserverid", account.as_str())]).await;
        done.map(drop).map_err(|failure| about(failure, account))
    }
}

impl Solus {
    /// Every server of every node, and whether all of them could be listed. Where no node could it is the master that
    /// failed.
    async fn servers(&self, harvest: &mut Harvest) -> Result<(Servers, bool), BackendError> {
        let (mut servers, mut is_whole, mut answered, mut failed) = (Servers::new(), true, false, None);
        for node in self.nodes().await? {
            let found = match self.of_node(&node).await {
                Ok(found) => found,
                Err(error @ (BackendError::Refused(_) | BackendError::Busy { .. })) => return Err(error),
                Err(error) => {
                    is_whole = false;
                    harvest.warn(format!("the servers of node {node} cannot be listed: {error}"));
                    failed = failed.or(Some(error));
                    continue;
                }
            };
            answered = true;
            for row in &found {
                match listed(row) {
                    Some((name, hostname)) => drop(servers.insert(name, hostname)),
                    None => {
                        is_whole = false;
                        harvest.warn(format!("node {node} lists a server without a vserverid"));
                    }
                }
            }
        }
        match failed.filter(|_| !answered) {
            Some(error) => Err(error),
            None => Ok((servers, is_whole)),
        }
    }

    /// The numbers of all nodes. A type that cannot be asked for may have any number of them: nothing is known then.
    async fn nodes(&self) -> Result<BTreeSet<String>, BackendError> {
        let mut nodes = BTreeSet::new();
        for of in TYPES {
            let told = self.master.read("node-idlist", &[("type", of)]).await?;
            let ids = match told.get("nodes").ok_or_else(|| odd("node-idlist", "nodes is missing"))? {
                Value::String(ids) => ids.clone(),
                Value::Number(id) => id.to_string(),
                Value::Null => String::new(),
                other => {
                    let detail = format!("nodes is {other}, expected numbers with commas");
                    return Err(odd("node-idlist", detail));
                }
            };
            nodes.extend(ids.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_string));
        }
        Ok(nodes)
    }

    async fn of_node(&self, node: &str) -> Result<Vec<Value>, BackendError> {
        let told = self.master.read("node-virtualservers", &[("nodeid", node)]).await?;
        let list = told
            .get("virtualservers")
            .ok_or_else(|| odd("node-virtualservers", "virtualservers is missing"))?;
        if list.as_str().is_some_and(str::is_empty) {
            return Ok(Vec::new());
        }
        // PHP writes a list of one as the one.
        if list.get("vserverid").is_some() {
            return Ok(vec![list.clone()]);
        }
        let found = rows(list, &["virtualserver"]);
        let found = found.ok_or_else(|| odd("node-virtualservers", "virtualservers is no list"))?;
        Ok(found.into_iter().map(|(_, row)| row.clone()).collect())
    }

    async fn usage(&self, name: &AccountName) -> Result<Map<String, Value>, CallFailure> {
        // Without pictures: the master would paint them.
        self.master.read_slow("vserver-infoall", &[("vserverid", name.as_str()), ("nographs", "true")]).await
    }

    fn put(&self, ask: &PollRequest, name: &AccountName, told: &Map<String, Value>, harvest: &mut Harvest) {
        let text = |key: &str| told.get(key).and_then(Value::as_str).map(str::trim).unwrap_or_default();
        let bandwidth = Used::read("bandwidth", text("bandwidth"));
        let disk = Used::read("hdd", text("hdd"));
        let facts = harvest.facts_mut(name);
        facts.suspended = match text("state") {
            "disabled" => Some(true),
            "online" | "offline" => Some(false),
            _ => None,
        };
        facts.policy =
            facts.suspended.and_then(|suspended| suspend_unexplained::shown_policy(suspended, ask, name));
        facts.traffic_limit = bandwidth.as_ref().map_or(Limit::Unknown, |used| used.limit());
        facts.storage_limit = disk.as_ref().map_or(Limit::Unknown, |used| used.limit());
        match bandwidth.and_then(|used| self.counter(ask, name, used.used)) {
            Ok(reading) => harvest.add_reading(name, Meter::TrafficTotal, reading),
            Err(detail) => harvest.unread(name, Some(Meter::TrafficTotal), Reason::Unexpected, detail),
        }
        if TELL_DISK.contains(&text("type")) {
            match disk {
                Ok(disk) => {
                    harvest.add_reading(
                        name,
                        Meter::StorageUsed,
                        Reading::Gauge { at: ask.now, level: disk.used },
                    );
                }
                Err(detail) => harvest.unread(name, Some(Meter::StorageUsed), Reason::Unexpected, detail),
            }
        }
    }

    fn counter(&self, ask: &PollRequest, name: &AccountName, count: Bytes) -> Result<Reading, String> {
        let source = Source::new(name.as_str()).map_err(|error| error.to_string())?;
        let before = ask.heard.counter(Meter::TrafficTotal, &source);
        if count == Bytes::ZERO
            && let Some(before) = before.filter(|before| before.count > Bytes::ZERO)
        {
            return Err(format!(
                "bandwidth is 0 after {}: a reset shows by counting again, and a node without data by this",
                before.count
            ));
        }
        let One { days, zone, .. } = self.master.settings();
        Ok(Reading::Counter {
            source,
            at: ask.now,
            epoch: epoch(before, count, ask.now, (*days, *zone), None),
            count,
        })
    }
}

/// `total,used,free,percent`, in bytes.
struct Used {
    total: u64,
    used: Bytes,
}

impl Used {
    fn read(key: &str, text: &str) -> Result<Used, String> {
        let shape = || {
            format!(
                "{key} is {:?}, expected \"total,used,free,percent\" in bytes",
                crate::http::excerpt(text, 80)
            )
        };
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let [total, used, ..] = parts.as_slice() else { return Err(shape()) };
        let number = |text: &str| whole(&Value::from(text)).filter(|_| !text.is_empty()).ok_or_else(shape);
        let used = Bytes::new(number(used)?).map_err(|error| format!("{key}: {error}"))?;
        Ok(Used { total: number(total)?, used })
    }

    /// How "unlimited" is written nobody knows: nothing is unknown.
    fn limit(&self) -> Limit {
        Bytes::new(self.total)
            .ok()
            .filter(|total| *total > Bytes::ZERO)
            .map_or(Limit::Unknown, Limit::of_size)
    }
}

/// A row of a list: the server's number, and its host name.
fn listed(row: &Value) -> Option<(AccountName, Option<String>)> {
    let text = |key: &str| match row.get(key)? {
        Value::String(text) => Some(text.trim().to_string()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let id = text("vserverid").filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some((AccountName::new(&id).ok()?, text("hostname")))
}

fn about(failure: CallFailure, account: &AccountName) -> BackendError {
    match failure {
        CallFailure::Refusal(refusal) => refusal.about(account),
        CallFailure::Failed(error) => error,
    }
}

fn odd(at: &str, detail: impl Into<String>) -> BackendError {
    BackendError::Unexpected { at: at.into(), detail: detail.into() }
}
