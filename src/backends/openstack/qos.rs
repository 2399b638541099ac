//! Limits a project by a policy with a low rate on each port of its servers, and gives every port its own policy back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::OpenStack;
use super::catalogue::Service;
use super::paging::PAGE;
use super::projects::Project;
use super::session::ApiCall;
use crate::backends::kit::switch::{Plan, read_back};
use crate::backends::{Applied, BackendError};
use crate::domain::Policy;
use crate::http::Method;

/// What is remembered: the cap, and the policy of each port; `None` in it is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedPorts {
    kilobits: u64,
    ports: BTreeMap<String, Option<String>>,
}

/// Ports by id, with the policy of each.
type Ports = BTreeMap<String, Option<String>>;

impl OpenStack {
    /// The ports of a project's servers; those of routers and load balancers are the cloud's.
    async fn ports(&self, project: &Project) -> Result<Ports, BackendError> {
        let mut call =
            ApiCall::get(Service::Network, "ports").with("project_id", &project.id).with("limit", PAGE);
        for field in ["id", "qos_policy_id", "device_owner"] {
            call = call.with("fields", field);
        }
        let mut ports = Ports::new();
        for row in self.cloud.rows(&call, "ports").await? {
            let is_server = row["device_owner"].as_str().is_some_and(|owner| owner.starts_with("compute:"));
            let Some(id) = row["id"].as_str().filter(|_| is_server) else { continue };
            ports.insert(id.into(), row["qos_policy_id"].as_str().map(String::from));
        }
        Ok(ports)
    }

    pub(super) async fn remembered_ports(&self, project: &Project) -> Result<SavedPorts, BackendError> {
        let kilobits = self.config.limited_rate.0;
        let cap = self.cap(kilobits).await?;
        let mut ports = self.ports(project).await?;
        // One that has our cap already was capped before somebody forgot about it: it had none.
        ports
            .values_mut()
            .filter(|policy| cap.is_some() && **policy == cap)
            .for_each(|policy| *policy = None);
        Ok(SavedPorts { kilobits, ports })
    }

    pub(super) async fn switch_ports(
        &self,
        project: &Project,
        policy: Policy,
        saved: &SavedPorts,
    ) -> Result<Applied, BackendError> {
        let cap = match policy {
            Policy::Limited => Some(self.made_cap(saved.kilobits).await?),
            Policy::Standard => self.cap(saved.kilobits).await?,
        };
        let ports = self.ports(project).await?;
        let (mut done, mut alone) = (false, Vec::new());
        for (id, found) in &ports {
            match plan(saved, policy, cap.as_ref(), id, found) {
                Plan::AlreadySo => {}
                Plan::LeftAlone { found, .. } => alone.push(found),
                Plan::Write(wanted) => {
                    let body = json!({ "port": { "qos_policy_id": wanted } });
                    let call = ApiCall::new(Method::PUT, Service::Network, &format!("ports/{id}"));
                    self.cloud.call(&call.with_body(body)).await?;
                    done = true;
                }
            }
        }
        let capped =
            |ports: &Ports| cap.is_some() && !ports.is_empty() && ports.values().all(|policy| *policy == cap);
        if done {
            let look = || async {
                let ports = self.ports(project).await?;
                let mut left = ports.iter().filter(|(id, found)| {
                    matches!(plan(saved, policy, cap.as_ref(), id, found), Plan::Write(_))
                });
                Ok(match left.next() {
                    None => Ok(()),
                    Some((id, found)) => {
                        Err(format!("port {id} with {}", found.as_deref().unwrap_or("no policy")))
                    }
                })
            };
            read_back("qos_policy_id", look).await?;
            return Ok(Applied::Done);
        }
        Ok(match alone.is_empty() {
            true => Applied::AlreadySo,
            false => Applied::LeftAlone { found: alone.join(", "), limited: capped(&ports) },
        })
    }

    /// The policy that a project's ports show, and whether some of them are not under it.
    pub(super) async fn shown_by_ports(
        &self,
        project: &Project,
    ) -> Result<(Option<Policy>, bool), BackendError> {
        let cap = self.cap(self.config.limited_rate.0).await?;
        let ports = self.ports(project).await?;
        let capped = ports.values().filter(|policy| cap.is_some() && **policy == cap).count();
        Ok(match capped {
            0 => (Some(Policy::Standard), false),
            capped => (Some(Policy::Limited), capped < ports.len()),
        })
    }

    /// The policy with our cap, where it has been made.
    async fn cap(&self, kilobits: u64) -> Result<Option<String>, BackendError> {
        let row = self.cap_row(kilobits).await?;
        Ok(row.and_then(|row| row["id"].as_str().map(String::from)))
    }

    async fn cap_row(&self, kilobits: u64) -> Result<Option<Value>, BackendError> {
        let name = cap_name(kilobits);
        let call = ApiCall::get(Service::Network, "qos/policies").with("name", &name);
        let rows = self.cloud.rows(&call, "policies").await?;
        Ok(rows.into_iter().find(|row| row["name"] == name.as_str()))
    }

    /// The policy with our cap, made where there is none, with a rule for each direction.
    async fn made_cap(&self, kilobits: u64) -> Result<String, BackendError> {
        let (id, has) = match self.cap_row(kilobits).await? {
            Some(row) => {
                let rules = row["rules"].as_array().map(|rules| directions(rules));
                // A release that shows no rules with a policy: it was made whole.
                (
                    row["id"].as_str().map(String::from),
                    rules.unwrap_or_else(|| WAYS.map(String::from).to_vec()),
                )
            }
            None => {
                let body = json!({ "policy": { "name": cap_name(kilobits), "shared": true } });
                let made: Value =
                    self.cloud.json(&ApiCall::post(Service::Network, "qos/policies", body)).await?;
                (made["policy"]["id"].as_str().map(String::from), Vec::new())
            }
        };
        let id = id.ok_or_else(|| BackendError::Unexpected {
            at: "qos/policies".into(),
            detail: "the policy has no id".into(),
        })?;
        let path = format!("qos/policies/{id}/bandwidth_limit_rules");
        for direction in WAYS.into_iter().filter(|way| !has.iter().any(|has| has == way)) {
            let rule =
                json!({ "max_kbps": kilobits, "max_burst_kbps": kilobits * 8 / 10, "direction": direction });
            self.cloud
                .call(&ApiCall::post(Service::Network, &path, json!({ "bandwidth_limit_rule": rule })))
                .await?;
        }
        Ok(id)
    }
}

/// The two ways that a port's bytes go.
const WAYS: [&str; 2] = ["egress", "ingress"];

/// The ways that rules of a rate are for.
fn directions(rules: &[Value]) -> Vec<String> {
    let rates = rules.iter().filter(|rule| rule["max_kbps"].is_number());
    rates.filter_map(|rule| rule["direction"].as_str().map(String::from)).collect()
}

/// One policy for each cap, kept for good: one that ports use cannot be deleted.
fn cap_name(kilobits: u64) -> String {
    format!("whmeter-cap-{kilobits}kbit")
}

/// What a look at one port makes of a switch. One that was made meanwhile had no policy of its own.
fn plan(
    saved: &SavedPorts,
    policy: Policy,
    cap: Option<&String>,
    id: &str,
    found: &Option<String>,
) -> Plan<Option<String>> {
    let before = saved.ports.get(id).cloned().unwrap_or_default();
    let is_capped = cap.is_some() && found.as_ref() == cap;
    match policy {
        Policy::Limited if is_capped => Plan::AlreadySo,
        Policy::Limited if *found == before => Plan::Write(cap.cloned()),
        Policy::Standard if is_capped => Plan::Write(before),
        Policy::Standard if *found == before => Plan::AlreadySo,
        _ => Plan::left_alone(format!("port {id} with policy {}", found.as_deref().unwrap_or("none")), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_gets_its_own_policy_back_and_others_changes_stay() {
        let text = |text: &str| Some(text.to_string());
        let saved =
            SavedPorts { kilobits: 2_000, ports: [("a".into(), None), ("b".into(), text("gold"))].into() };
        let cap = "cap".to_string();
        let write = |policy: Option<String>| Plan::Write(policy);
        for (policy, port, found, wanted) in [
            (Policy::Limited, "a", None, write(text("cap"))),
            (Policy::Limited, "b", text("gold"), write(text("cap"))),
            (Policy::Limited, "b", text("cap"), Plan::AlreadySo),
            (Policy::Standard, "a", text("cap"), write(None)),
            (Policy::Standard, "b", text("cap"), write(text("gold"))),
            (Policy::Standard, "b", text("gold"), Plan::AlreadySo),
            // Made while it was limited.
            (Policy::Limited, "c", None, write(text("cap"))),
            (Policy::Standard, "c", text("cap"), write(None)),
        ] {
            assert_eq!(plan(&saved, policy, Some(&cap), port, &found), wanted, "{policy:?} {port} {found:?}");
        }
        for (policy, port) in [(Policy::Limited, "a"), (Policy::Standard, "b"), (Policy::Limited, "c")] {
            let found = plan(&saved, policy, Some(&cap), port, &text("silver"));
            assert!(matches!(found, Plan::LeftAlone { .. }), "{policy:?} {port}");
        }
    }
}
