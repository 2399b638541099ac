//! The rewrite in Rust, where it differs: XML errors, its own usage shape, its own account shape.

use super::accounts::Mine;
use super::admin::Route;
use super::refusal::{Origin, Refusal};
use super::reply::Reply;
use super::server::{Call, Server};
use super::switches::go_time;
use super::usage::Found;
use super::world::World;
use crate::xml::Element;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// Actions its policy language lacks; a document with one is refused whole.
const UNKNOWN_ACTIONS: [&str; 1] = ["admin:GetBucketQuota"];

/// Answers an admin call, in its own way where it has one.
pub fn run(route: &Route, call: &Call<'_>) -> Result<Reply, Refusal> {
    match route.name {
        "add-canned-policy" => {
            let text = String::from_utf8_lossy(&call.body);
            if let Some(action) = UNKNOWN_ACTIONS.iter().find(|action| text.contains(**action)) {
                return Err(Refusal::new("InvalidRequest").saying(format!("invalid action: '{action}'")));
            }
            route.run(call)
        }
        "info-canned-policy" => described(call),
        _ => route.run(call),
    }
    .map(|reply| match call.path.starts_with("/rustfs/") {
        true => reply.unsealed(),
        false => reply,
    })
}

fn described(call: &Call<'_>) -> Result<Reply, Refusal> {
    call.must("admin:GetPolicy")?;
    let name = call.parameter("name").unwrap_or_default();
    let world = call.server.world();
    let policy = world.policy(name)?;
    let date =
        |at: Option<DateTime<Utc>>| at.map(|at| at.format("%Y-%m-%d %H:%M:%S%.9f +00:00:00").to_string());
    let told = json!({
        "policy_name": name, "policy": policy.document,
        "create_date": date(policy.created), "update_date": date(policy.updated),
    });
    Ok(Reply::json(told.to_string()))
}

/// Its short errors: always XML, its own codes, 426 without a word.
pub fn refusal(refusal: &Refusal, origin: &Origin<'_>) -> Reply {
    if refusal.status == 426 {
        return Reply::empty(426);
    }
    let is_mapping = origin.path.ends_with("set-user-or-group-policy");
    let (status, code, message) = match refusal.code {
        "XMinioAdminNoSuchPolicy" if is_mapping => (500, "InternalError", "policy does not exist"),
        "XMinioAdminNoSuchUser" if is_mapping => (400, "InvalidArgument", "user not exist"),
        "XMinioAdminNoSuchUser" | "XMinioAdminNoSuchPolicy" | "XMinioAdminNoSuchGroup" => {
            (404, "NoSuchResource", refusal.message.as_str())
        }
        "XMinioAdminConfigBadJSON" | "XMinioMalformedIAMPolicy" | "MalformedPolicy" => {
            (400, "InvalidRequest", refusal.message.as_str())
        }
        "XMinioIAMPolicyInUse" => (500, "InternalError", "policy in use"),
        "AuthorizationParametersError" => (501, "NotImplemented", "unknown service"),
        code => (refusal.status, code, refusal.message.as_str()),
    };
    let body = Element::new("Error").leaf("Code", code).leaf("Message", message);
    let mut reply = Reply::xml(&body.written());
    reply.set_status(status);
    reply
}

/// It has no metrics to fetch: the path is taken for a bucket, the token for a bad header.
pub fn no_metrics(head: &Parts) -> Refusal {
    match head.headers.contains_key("authorization") {
        true => {
            let mut refusal = Refusal::new("InvalidRequest").saying("invalid header: authorization");
            refusal.status = 400;
            refusal
        }
        false => Refusal::new("AccessDenied"),
    }
}

/// What its scanner found. An incomplete snapshot has empty maps and no time.
pub fn usage(server: &Server, scanned: Option<(DateTime<Utc>, Vec<Found<'_>>)>) -> String {
    let (capacity, used) = (97_572_749_312_u64, 23_979_663_360_u64);
    let complete = scanned.filter(|_| !server.scanner().incomplete);
    let is_complete = complete.is_some();
    let (at, found) = complete.unzip();
    let found = found.unwrap_or_default();
    let size: u64 = found.iter().map(|bucket| bucket.size).sum();
    let objects: u64 = found.iter().map(|bucket| bucket.objects).sum();
    let usage: Map<String, Value> =
        found.iter().map(|bucket| (bucket.name.to_owned(), one(bucket))).collect();
    let sizes: Map<String, Value> =
        found.iter().map(|bucket| (bucket.name.to_owned(), bucket.size.into())).collect();
    let update = at.map(|at| json!({ "secs_since_epoch": at.timestamp(), "nanos_since_epoch": 963_590_926 }));
    json!({
        "total_capacity": capacity, "total_used_capacity": used, "total_free_capacity": capacity - used,
        "last_update": update, "scanner_cycle": 20, "scanner_epoch": 1,
        "objects_total_count": objects, "versions_total_count": 0, "delete_markers_total_count": 0,
        "objects_total_size": size, "replication_info": {}, "buckets_count": found.len(),
        "buckets_usage": usage, "usage_snapshot_complete": is_complete, "usage_snapshot_converged": is_complete,
        "usage_snapshot_set_states": [], "usage_snapshot_partial": false, "bucket_sizes": sizes,
        "disk_usage_status": [],
    })
    .to_string()
}

fn one(bucket: &Found<'_>) -> Value {
    let (sizes, versions) = bucket.histograms();
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    json!({
        "size": bucket.size, "replication_pending_size_v1": 0, "replication_failed_size_v1": 0,
        "replicated_size_v1": 0, "replication_pending_count_v1": 0, "replication_failed_count_v1": 0,
        "objects_count": bucket.objects, "object_size_histogram": parsed(&sizes),
        "object_versions_histogram": parsed(&versions), "versions_count": 0, "delete_markers_count": 0,
        "replica_size": 0, "replica_count": 0, "replication_info": {},
    })
}

/// The signer's account with the policy as a text and flat details.
pub fn account(call: &Call<'_>, world: &World, policy: &str, mine: &[Mine<'_>]) -> String {
    let lines = mine.iter().filter_map(|bucket| {
        let place = world.bucket(bucket.name).ok()?;
        let (size, objects) = bucket.found.map_or((0, 0), |found| (found.size, found.objects));
        let limit = place.quota.limit();
        Some(json!({
            "name": bucket.name, "size": size, "objects": objects,
            "details": { "versioning": false, "versioning_suspended": false, "locking": false,
                "replication": false, "quota": (limit > 0).then_some(limit) },
            "expiration": go_time(place.created),
            "access": { "read": bucket.read, "write": bucket.write },
        }))
    });
    let buckets: Vec<Value> = lines.collect();
    json!({ "account_name": call.signer.name, "server": {}, "policy": policy, "buckets": buckets })
        .to_string()
}
