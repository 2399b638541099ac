//! What a test can do to this kind of panel alone, below `/minio/` on the control address.

use super::bucket::Bucket;
use super::server::Server;
use crate::form::decoded;
use crate::panel::{NotDone, merge};
use crate::truth::{Deed, NOBODY};
use serde_json::{Value, json};

/// Does an operation by its path:
///
/// * `state`: switches, scanner, nodes;
/// * `switches`, `scanner`: the fields told are set, the others stay;
/// * `nodes/{number}`: `{"op":"restart"|"down"|"up"}`;
/// * `buckets/{name}`: `{"op":"set_storage","bytes":n}`, `{"op":"add_traffic","received":n,"sent":n}`, or
///   `{"op":"make","owner":user}`, whatever its name says.
pub fn operate(server: &Server, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
    match operation.split_once('/') {
        None if operation == "state" => Ok(state(server)),
        None if operation == "switches" => merge(&server.switches, arguments),
        None if operation == "scanner" => merge(&server.scanner, arguments),
        Some(("nodes", number)) => {
            let node = number.parse().ok().filter(|node| *node < server.nodes.len());
            let node = node.ok_or_else(|| NotDone::NotUnderstood(format!("no node {number}")))?;
            on_node(server, node, arguments["op"].as_str().unwrap_or_default())?;
            Ok(state(server))
        }
        Some(("buckets", name)) => on_bucket(server, &decoded(name, false), arguments),
        _ => Err(NotDone::NotUnderstood(format!("no operation {operation}"))),
    }
}

fn state(server: &Server) -> Value {
    let nodes = server.nodes.iter().enumerate().map(|(index, node)| {
        json!({
            "address": node.address, "up": !node.gate.is_shut(),
            "started": server.started(index).timestamp(),
        })
    });
    let nodes: Vec<Value> = nodes.collect();
    json!({ "switches": server.switches(), "scanner": server.scanner(), "nodes": nodes })
}

fn on_node(server: &Server, node: usize, operation: &str) -> Result<(), NotDone> {
    match operation {
        "restart" => server.restart(node, server.now()),
        "down" => server.nodes[node].gate.shut(),
        "up" => server.nodes[node].gate.open(),
        other => {
            return Err(NotDone::NotUnderstood(format!("no operation {other:?} on a node")));
        }
    }
    Ok(())
}

fn on_bucket(server: &Server, name: &str, arguments: &Value) -> Result<Value, NotDone> {
    let bytes = |field: &str| arguments[field].as_u64().unwrap_or(0);
    let deed = match arguments["op"].as_str() {
        Some("make") => return make(server, name, arguments["owner"].as_str().unwrap_or(NOBODY)),
        Some("set_storage") => Deed::HoldLevel(bytes("bytes")),
        Some("add_traffic") => {
            Deed::Move(crate::growth::Traffic { received: bytes("received"), sent: bytes("sent") })
        }
        other => {
            return Err(NotDone::NotUnderstood(format!("no operation {other:?} on a bucket")));
        }
    };
    let owner = server.world().buckets.get(name).map(|bucket| bucket.owner.clone());
    let owner = owner.ok_or_else(|| NotDone::NotUnderstood(format!("no bucket {name}")))?;
    let now = server.now().timestamp();
    server.knobs.truth.did(&owner, name, now, deed);
    Ok(json!({ "bucket": name, "at": now }))
}

/// A new bucket of somebody's, which nothing has moved in yet.
fn make(server: &Server, name: &str, owner: &str) -> Result<Value, NotDone> {
    let now = server.now();
    server.knobs.truth.enroll_still_part(owner, name);
    let mut bucket = Bucket::new(owner, now, server.nodes.len());
    bucket.counted_from.fill(server.knobs.truth.part_traffic(owner, name, now.timestamp()));
    server.world_mut().buckets.insert(name.to_owned(), bucket);
    Ok(json!({ "bucket": name, "owner": owner, "at": now.timestamp() }))
}
