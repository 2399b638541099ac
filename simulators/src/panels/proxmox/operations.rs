//! What a test can do to this kind of panel alone, below `/proxmox/` on the control address.

use super::cluster::Cluster;
use super::world::{Guest, GuestKind};
use crate::panel::{NotDone, merge};
use serde_json::{Value, json};

/// Does an operation by its path:
///
/// * `state`: switches, nodes;
/// * `switches`: the fields told are set, the others stay;
/// * `sessions`: `{"op": "revoke_all"}` ends all tickets; see [`Sessions::operate`](crate::sessions::Sessions);
/// * `nodes/{name}`: `{"op": "down" | "up" | "cut" | "join" | "hang" | "recover"}`;
/// * `guests/{vmid}`: without arguments its state; `{"op": "start" | "stop" | "restart" | "pause" | "resume"}`,
///   `{"op": "migrate", "to": "pve2"}`, `{"op": "replug", "card": "net0"}`, `{"op": "lock", "by": "backup"}`,
///   `{"op": "unlock"}`, `{"op": "reuse", "type": "lxc"}`, `{"op": "wait", "key": "net0", "value": "…"}` (a
///   change that waits for the next start), `{"op": "config", "key": "net0", "value": "…"}`,
///   `{"op": "odd", "field": "netout", "raw": "NaN"}` (without `raw` it is well again).
pub fn operate(cluster: &Cluster, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
    match operation.split_once('/') {
        None if operation == "state" => Ok(state(cluster)),
        None if operation == "sessions" => cluster.sessions.operate(arguments),
        None if operation == "switches" => merge(&cluster.switches, arguments),
        Some(("nodes", name)) => {
            let node = node(cluster, name)?;
            cluster.on_node(node, arguments["op"].as_str().unwrap_or_default())?;
            Ok(state(cluster))
        }
        Some(("guests", vmid)) => on_guest(cluster, vmid, arguments),
        _ => Err(not_understood(format!("no operation {operation}"))),
    }
}

fn not_understood(why: impl Into<String>) -> NotDone {
    NotDone::NotUnderstood(why.into())
}

fn state(cluster: &Cluster) -> Value {
    let world = cluster.world();
    let nodes = world.nodes.iter().zip(&cluster.place.doors).map(|(node, (address, _))| {
        json!({ "name": node.name, "address": address, "seen": node.is_seen(), "health": format!("{:?}", node.health) })
    });
    json!({ "switches": cluster.switches(), "nodes": nodes.collect::<Vec<_>>() })
}

fn node(cluster: &Cluster, name: &str) -> Result<usize, NotDone> {
    let world = cluster.world();
    let found = world.nodes.iter().position(|node| node.name == name);
    found.ok_or_else(|| not_understood(format!("no node {name}")))
}

fn on_guest(cluster: &Cluster, vmid: &str, told: &Value) -> Result<Value, NotDone> {
    let text = |key: &str| told[key].as_str().map(str::to_owned);
    let needed = |key: &str| text(key).ok_or_else(|| not_understood(format!("{key} is missing")));
    let target = match text("to") {
        Some(name) => Some(node(cluster, &name)?),
        None => None,
    };
    let mut world = cluster.world_mut();
    let found = vmid.parse().ok().and_then(|vmid: u32| world.guests.get_mut(&vmid));
    let guest = found.ok_or(NotDone::NoSuchAccount)?;
    match told["op"].as_str() {
        None => {}
        Some("start") => cluster.start(guest),
        Some("stop") => cluster.stop(guest),
        Some("restart") => {
            cluster.stop(guest);
            cluster.start(guest);
        }
        Some("pause") => cluster.pause(guest, true),
        Some("resume") => cluster.pause(guest, false),
        Some("migrate") => {
            cluster.migrate(guest, target.ok_or_else(|| not_understood("to is missing"))?);
        }
        Some("replug") => {
            let card = text("card").unwrap_or_else(|| "net0".into());
            cluster.new_address(guest, &card);
            cluster.replug(guest, &card);
        }
        Some("lock") => guest.lock = Some(needed("by")?),
        Some("unlock") => guest.lock = None,
        Some("reuse") => {
            let kind = match needed("type")?.as_str() {
                "lxc" => GuestKind::Lxc,
                _ => GuestKind::Qemu,
            };
            cluster.reuse(guest, kind);
        }
        Some("wait") => {
            guest.pending.insert(needed("key")?, text("value"));
        }
        Some("config") => set(guest, needed("key")?, text("value")),
        Some("odd") => {
            match text("raw") {
                Some(raw) => guest.odd.insert(needed("field")?, raw),
                None => guest.odd.remove(&needed("field")?),
            };
        }
        Some(other) => return Err(not_understood(format!("no operation {other:?} on a guest"))),
    }
    Ok(json!({
        "vmid": guest.vmid, "type": guest.kind.name(), "node": guest.node, "runs": guest.now().run.is_some(),
        "paused": guest.now().paused, "lock": guest.lock, "config": guest.config,
    }))
}

fn set(guest: &mut Guest, key: String, value: Option<String>) {
    match value {
        Some(value) => guest.config.insert(key, value),
        None => guest.config.remove(&key),
    };
}
