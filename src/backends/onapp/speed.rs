//! Limits a virtual server by the port speed of its interfaces, and restores exactly what each had.
//!
//! Whether a new speed takes effect before the network is rebuilt is written down nowhere. A rebuild drops the network or
//! reboots the server, so none is asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::panel::ApiCall;
use super::switch::not_gone;
use super::wire::Interface;
use super::{Applied, BackendError, OnApp};
use crate::backends::kit::json::whole;
use crate::backends::kit::switch::{Plan, read_back};
use crate::domain::{AccountName, Policy};
use crate::http::Method;

/// What the interfaces of a server had before it was limited.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ports {
    /// Mbit/s of the limit, as configured when this was remembered.
    pub cap: u64,
    /// By the numbers of the interfaces.
    pub ports: BTreeMap<String, Port>,
}

/// One interface: its port speed exactly as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Port {
    pub label: Option<String>,
    pub rate_limit: Value,
}

/// A port speed in Mbit/s: 0 and null are none, and none is 0 here. `Err` where it is something else.
fn speed(rate_limit: &Value) -> Result<u64, String> {
    match rate_limit {
        Value::Null => Ok(0),
        Value::String(text) if text.trim().is_empty() => Ok(0),
        other => whole(other).ok_or_else(|| "rate_limit is not a whole number of Mbit/s".to_string()),
    }
}

/// Which policy the interfaces show; none where some are slow and some are not, or one cannot be read.
pub(super) fn shown_policy(interfaces: &[Interface], cap: u64) -> Option<Policy> {
    let speeds: Result<Vec<u64>, String> =
        interfaces.iter().map(|interface| speed(&interface.rate_limit)).collect();
    let slow = speeds.ok()?.into_iter().map(|speed| (1..=cap).contains(&speed)).collect::<Vec<_>>();
    match (slow.contains(&true), slow.contains(&false)) {
        (true, false) => Some(Policy::Limited),
        (true, true) => None,
        (false, _) => Some(Policy::Standard),
    }
}

impl Ports {
    /// What is remembered of these interfaces.
    pub fn of(interfaces: &[Interface], cap: u64) -> Result<Ports, String> {
        for interface in interfaces {
            speed(&interface.rate_limit)
                .map_err(|problem| format!("interface {}: {problem}", interface.id))?;
        }
        let ports = interfaces.iter().map(|interface| {
            let port = Port { label: interface.label.clone(), rate_limit: interface.rate_limit.clone() };
            (interface.id.clone(), port)
        });
        Ok(Ports { cap, ports: ports.collect() })
    }

    /// What an interface gets under a policy. One that was sold slower than the limit keeps what it has: a limit never
    /// gives.
    fn wanted(&self, port: &Port, policy: Policy) -> Value {
        match (policy, speed(&port.rate_limit)) {
            (Policy::Limited, Ok(0)) => json!(self.cap),
            (Policy::Limited, Ok(own)) if own > self.cap => json!(self.cap),
            _ => port.rate_limit.clone(),
        }
    }

    /// What a look at the interfaces makes of a switch: those that have to be written. One that was made meanwhile had
    /// nothing to be restored to, and one that is gone needs nothing.
    pub fn plan(&self, policy: Policy, found: &[Interface]) -> Result<Plan<Vec<(String, Port)>>, String> {
        let mut writes = Vec::new();
        let mut known = 0;
        for interface in found {
            let Some(port) = self.ports.get(&interface.id) else { continue };
            known += 1;
            let now = speed(&interface.rate_limit)
                .map_err(|problem| format!("interface {}: {problem}", interface.id))?;
            let [wanted, other] = match policy {
                Policy::Standard => [Policy::Standard, Policy::Limited],
                Policy::Limited => [Policy::Limited, Policy::Standard],
            }
            .map(|policy| self.wanted(port, policy));
            if Ok(now) == speed(&wanted) {
                continue;
            }
            if Ok(now) != speed(&other) {
                let is_limited = shown_policy(found, self.cap) == Some(Policy::Limited);
                return Ok(Plan::left_alone(shown(found), is_limited));
            }
            writes.push((interface.id.clone(), Port { label: port.label.clone(), rate_limit: wanted }));
        }
        match (known, writes.is_empty()) {
            (0, _) => Err("it has none of the interfaces that it had; nothing was changed".into()),
            (_, true) => Ok(Plan::AlreadySo),
            (_, false) => Ok(Plan::Write(writes)),
        }
    }
}

fn shown(interfaces: &[Interface]) -> String {
    let each = interfaces.iter().map(|one| {
        let speed = speed(&one.rate_limit).map_or("?".to_string(), |speed| speed.to_string());
        format!("interface {} at {speed} Mbit/s", one.id)
    });
    each.collect::<Vec<_>>().join(", ")
}

impl OnApp {
    /// What a later restore of the port speeds needs.
    pub(super) async fn remember_ports(&self, account: &AccountName) -> Result<Ports, BackendError> {
        self.machine(account).await?;
        let interfaces = not_gone(self.interfaces(account).await, account)?;
        Ports::of(&interfaces, self.config.cap).map_err(|detail| strange(account, detail))
    }

    /// Sets the port speeds that a policy wants.
    pub(super) async fn switch_ports(
        &self,
        account: &AccountName,
        policy: Policy,
        saved: &Ports,
    ) -> Result<Applied, BackendError> {
        let machine = self.machine(account).await?;
        let found = not_gone(self.interfaces(account).await, account)?;
        let writes = match saved.plan(policy, &found).map_err(|detail| strange(account, detail))? {
            Plan::AlreadySo => return Ok(Applied::AlreadySo),
            Plan::LeftAlone { found, limited } => return Ok(Applied::LeftAlone { found, limited }),
            Plan::Write(writes) => writes,
        };
        super::switch::takes_changes(&machine)?;
        for (interface, port) in writes {
            let path = ["virtual_machines", account.as_str(), "network_interfaces", &interface];
            let mut fields = json!({ "rate_limit": port.rate_limit });
            if let Some(label) = &port.label {
                fields["label"] = json!(label);
            }
            let call = ApiCall::new(Method::PUT, &path, "network interfaces update");
            not_gone(self.panel.write(&call.body(json!({ "network_interface": fields }))).await, account)?;
        }
        let look = || async {
            let found = not_gone(self.interfaces(account).await, account)?;
            let plan = saved.plan(policy, &found).map_err(|detail| strange(account, detail))?;
            Ok(if plan == Plan::AlreadySo { Ok(()) } else { Err(shown(&found)) })
        };
        read_back(&format!("port speeds of {account}"), look).await
    }
}

fn strange(account: &AccountName, detail: String) -> BackendError {
    BackendError::Unexpected { at: format!("network interfaces of {account}"), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interfaces(speeds: &[Value]) -> Vec<Interface> {
        let one = |(place, rate_limit): (usize, &Value)| Interface {
            id: place.to_string(),
            label: Some(format!("eth{place}")),
            rate_limit: rate_limit.clone(),
            created: None,
        };
        speeds.iter().enumerate().map(one).collect()
    }

    fn plan(before: &[Value], policy: Policy, found: &[Value]) -> Plan<Vec<Value>> {
        let ports = Ports::of(&interfaces(before), 2).expect("readable");
        match ports.plan(policy, &interfaces(found)).expect("readable") {
            Plan::Write(writes) => Plan::Write(writes.into_iter().map(|(_, port)| port.rate_limit).collect()),
            Plan::AlreadySo => Plan::AlreadySo,
            Plan::LeftAlone { found, limited } => Plan::LeftAlone { found, limited },
        }
    }

    #[test]
    fn every_interface_gets_back_exactly_what_it_had() {
        use Policy::{Limited, Standard};
        let [none, null, slow, sold] = [json!(0), json!(null), json!(1), json!(100)];
        let before = [none.clone(), null.clone(), slow.clone(), sold.clone()];
        let limited = [json!(2), json!(2), slow.clone(), json!(2)];
        assert_eq!(plan(&before, Limited, &before), Plan::Write(vec![json!(2); 3]));
        assert_eq!(plan(&before, Limited, &limited), Plan::AlreadySo);
        assert_eq!(plan(&before, Standard, &limited), Plan::Write(vec![none, null, sold]));
        assert_eq!(plan(&before, Standard, &before), Plan::AlreadySo);
        // The panel writes no limit as it likes.
        assert_eq!(plan(&[json!(0)], Standard, &[json!(null)]), Plan::AlreadySo);
        // Half done: the rest is written.
        assert_eq!(plan(&[json!(0), json!(0)], Limited, &[json!(2), json!(0)]), Plan::Write(vec![json!(2)]));
        // Somebody else has set one.
        let alone = plan(&[json!(0)], Standard, &[json!(50)]);
        assert_eq!(alone, Plan::left_alone("interface 0 at 50 Mbit/s".into(), false));
        assert_eq!(
            plan(&[json!(0)], Standard, &[json!(1)]),
            Plan::left_alone("interface 0 at 1 Mbit/s".into(), true)
        );
        // One was made meanwhile: it had nothing.
        assert_eq!(plan(&[json!(0)], Limited, &[json!(2), json!(0)]), Plan::AlreadySo);
        let ports = Ports::of(&interfaces(&[json!(0)]), 2).expect("readable");
        assert!(ports.plan(Limited, &[]).is_err());
        assert!(Ports::of(&interfaces(&[json!("fast")]), 2).is_err());
    }

    #[test]
    fn a_policy_shows_where_all_interfaces_agree() {
        let shown = |speeds: &[Value]| shown_policy(&interfaces(speeds), 2);
        assert_eq!(shown(&[json!(2), json!("1")]), Some(Policy::Limited));
        assert_eq!(shown(&[json!(0), json!(null), json!(100)]), Some(Policy::Standard));
        assert_eq!((shown(&[json!(2), json!(100)]), shown(&[json!("x")])), (None, None));
        assert_eq!(shown(&[]), Some(Policy::Standard));
    }
}
