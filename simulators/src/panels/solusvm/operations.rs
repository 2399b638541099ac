//! What a test can do to this kind of panel alone, below `/solusvm/` on the control address.

use super::period::Policy;
use super::world::{Health, Machine, Master};
use crate::panel::{NotDone, merge};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::PoisonError;

/// What is done to one server.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Deal {
    /// Somebody resets its traffic by hand.
    Reset,
    /// Another reset policy holds from now on (version 2); the count goes on.
    SetPolicy { policy: Policy },
    /// It is sold as another plan, by its place among the plans.
    SetPlan { plan: usize },
    /// It is deleted, and another one is made under its number.
    Recreate,
    /// It moves to another node.
    Migrate { node: u64 },
    /// It is switched on.
    Start,
    /// It is switched off.
    Stop,
}

/// What is done to one node, besides how it does.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum NodeDeal {
    /// It runs another virtualization.
    Retype { virtualization: String },
}

/// Does an operation by its path:
///
/// * `state`: switches, nodes, and what each server has;
/// * `switches`: the fields told are set, the others stay;
/// * `servers/{id}`: `{"op":"reset"}`, `{"op":"set_policy","policy":"never"}`, `{"op":"set_plan","plan":2}`,
///   `{"op":"recreate"}`, `{"op":"migrate","node":2}`, `{"op":"start"}`, `{"op":"stop"}`;
/// * `nodes/{id}`: `{"op":"well"}`, `{"op":"slow","milliseconds":n}`, `{"op":"dead"}`, `{"op":"zeros"}`,
///   `{"op":"retype","virtualization":"xen hvm"}`.
pub fn operate(master: &Master, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
    match operation.split_once('/') {
        None if operation == "state" => Ok(state(master)),
        None if operation == "switches" => merge(&master.switches, arguments),
        Some(("servers", id)) => {
            let deal = Deal::deserialize(arguments).map_err(not_understood)?;
            let id: u64 = id.parse().map_err(|_| NotDone::NoSuchAccount)?;
            deal_with(master, id, deal)?;
            Ok(json!({ "server": id, "at": master.now() }))
        }
        Some(("nodes", id)) => {
            let now = master.now();
            let mut nodes = master.nodes.write().unwrap_or_else(PoisonError::into_inner);
            let node = id.parse().ok().and_then(|id: u64| nodes.get_mut(&id));
            let node = node.ok_or_else(|| NotDone::NotUnderstood(format!("no node {id}")))?;
            match NodeDeal::deserialize(arguments) {
                Ok(NodeDeal::Retype { virtualization }) => node.virtualization = virtualization,
                Err(_) => {
                    node.health = Health::deserialize(arguments).map_err(not_understood)?;
                    node.since = now;
                }
            }
            Ok(json!({ "node": id, "at": now }))
        }
        _ => Err(NotDone::NotUnderstood(format!("no operation {operation}"))),
    }
}

fn deal_with(master: &Master, id: u64, deal: Deal) -> Result<(), NotDone> {
    let now = master.now();
    match deal {
        Deal::Start => return master.run_otherwise(id, |machine| machine.on = true),
        Deal::Stop => return master.run_otherwise(id, |machine| machine.on = false),
        Deal::Migrate { node } if !master.nodes().contains_key(&node) => {
            return Err(NotDone::NotUnderstood(format!("no node {node}")));
        }
        _ => {}
    }
    let before: Machine = master.machines().get(&id).cloned().ok_or(NotDone::NoSuchAccount)?;
    let since = master.counts_since(&before);
    let mut machines = master.machines_mut();
    let machine = machines.get_mut(&id).ok_or(NotDone::NoSuchAccount)?;
    match deal {
        Deal::Reset => (machine.counted_from, machine.policy_since) = (now, now),
        Deal::SetPolicy { policy } => {
            (machine.policy, machine.policy_since, machine.counted_from) = (policy, now, since);
        }
        Deal::SetPlan { plan } => machine.plan = plan,
        Deal::Recreate => {
            machine.generation += 1;
            (machine.created, machine.counted_from, machine.policy_since) = (now, now, now);
        }
        Deal::Migrate { node } => machine.node = node,
        Deal::Start | Deal::Stop => {}
    }
    Ok(())
}

fn not_understood(error: serde_json::Error) -> NotDone {
    NotDone::NotUnderstood(error.to_string())
}

fn state(master: &Master) -> Value {
    let machines = master.machines();
    let shown = machines.iter().map(|(id, machine)| {
        let mut shown = json!(machine);
        shown["counts_since"] = master.counts_since(machine).into();
        shown["uuid"] = machine.uuid(*id).into();
        (id.to_string(), shown)
    });
    let shown: Map<String, Value> = shown.collect();
    json!({ "switches": master.switches(), "nodes": *master.nodes(), "servers": shown })
}
