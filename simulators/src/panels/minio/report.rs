//! The server about itself: version, nodes, drives.

use super::refusal::Refusal;
use super::reply::Reply;
use super::server::{Call, Server};
use super::switches::Flavour;
use super::usage;
use serde_json::{Value, json};

const DRIVES_PER_NODE: usize = 4;
const DRIVE_BYTES: u64 = 4_000_000_000_000;

/// What `mc admin info` shows.
pub fn info(call: &Call<'_>) -> Result<Reply, Refusal> {
    let server = call.server;
    let world = server.world();
    let found = usage::found(server, &world).map(|(_, found)| found).unwrap_or_default();
    let objects: u64 = found.iter().map(|bucket| bucket.objects).sum();
    let size: u64 = found.iter().map(|bucket| bucket.size).sum();
    let (nodes, up) = (server.nodes.len(), server.nodes_up().len());
    let servers: Vec<Value> = (0..nodes).map(|node| describe(server, node, node == call.node)).collect();
    let region = server.switches().region;
    let told = json!({
        "mode": "online", "region": region, "deploymentID": "5f3c6f6e-0d1a-4f38-9f55-3c1f0f0a7c11",
        "buckets": { "count": world.live_buckets().count() }, "objects": { "count": objects },
        "versions": { "count": 0 }, "deletemarkers": { "count": 0 }, "usage": { "size": size },
        "services": { "kms": {}, "ldap": {} },
        "backend": {
            "backendType": "Erasure", "onlineDisks": up * DRIVES_PER_NODE,
            "offlineDisks": (nodes - up) * DRIVES_PER_NODE, "standardSCParity": 2, "rrSCParity": 1,
            "totalSets": [1], "totalDrivesPerSet": [nodes * DRIVES_PER_NODE],
        },
        "servers": servers,
    });
    let told = match server.switches().flavour {
        Flavour::Rustfs => json!({ "info": told }),
        _ => told,
    };
    Ok(Reply::json(told.to_string()))
}

fn describe(server: &Server, node: usize, is_leader: bool) -> Value {
    let label = server.label(node);
    let is_up = !server.nodes[node].gate.is_shut();
    if !is_up {
        let drives: Vec<Value> = drives(server, node, "unknown");
        return json!({ "state": "offline", "endpoint": label, "scheme": server.scheme, "drives": drives });
    }
    let uptime = (server.now() - server.started(node)).num_seconds().max(0);
    let network = (0..server.nodes.len()).map(|other| {
        let state = if server.nodes[other].gate.is_shut() { "offline" } else { "online" };
        (server.label(other), Value::from(state))
    });
    json!({
        "state": "online", "endpoint": label, "scheme": server.scheme, "uptime": uptime,
        "version": server.switches().version, "commitID": "9e49d5e7a648f00e26f2246f4dc28e6b07f8c84a",
        "network": Value::Object(network.collect()), "drives": drives(server, node, "ok"),
        "poolNumber": 1, "poolNumbers": [1], "edition": "", "is_leader": is_leader, "ilm_expiry_in_progress": false,
        "mem_stats": { "Alloc": 0, "TotalAlloc": 0, "Mallocs": 0, "Frees": 0, "HeapAlloc": 0 },
    })
}

fn drives(server: &Server, node: usize, state: &str) -> Vec<Value> {
    let drive = |index: usize| {
        let path = format!("{}://{}/data{}", server.scheme, server.label(node), index + 1);
        json!({
            "endpoint": path, "path": format!("/data{}", index + 1), "state": state,
            "uuid": format!("00000000-0000-4000-8000-{:012}", node * DRIVES_PER_NODE + index),
            "totalspace": DRIVE_BYTES, "usedspace": DRIVE_BYTES / 4, "availspace": DRIVE_BYTES / 4 * 3,
            "used_inodes": 489_449, "free_inodes": 16_287_767, "local": false, "pool_index": 0, "set_index": 0,
            "disk_index": node * DRIVES_PER_NODE + index, "metrics": {},
        })
    };
    (0..DRIVES_PER_NODE).map(drive).collect()
}

/// The drives of all nodes.
pub fn storage(call: &Call<'_>) -> Result<Reply, Refusal> {
    let server = call.server;
    let nodes = 0..server.nodes.len();
    let disks: Vec<Value> = nodes.flat_map(|node| drives(server, node, "ok")).collect();
    let told = json!({ "Disks": disks, "Backend": {
        "Type": 2, "GatewayOnline": false, "StandardSCData": [2], "RRSCData": [3], "TotalSets": [1],
        "DrivesPerSet": [server.nodes.len() * DRIVES_PER_NODE], "StandardSCParity": 2, "RRSCParity": 1,
    } });
    Ok(Reply::json(told.to_string()))
}
