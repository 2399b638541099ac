//! Swift: what accounts hold, and their quotas. Its errors are pages.

use super::call::Call;
use super::reply::{Answered, Reply};
use super::world::{ADMIN_PROJECT, FIRST_PART, Project, World};
use crate::truth::Deed;
use axum::http::Method;
use serde_json::{Map, Value, json};

const QUOTA: &str = "x-account-meta-quota-bytes";
const NO_QUOTA: &str = "x-remove-account-meta-quota-bytes";

/// What needs no token; `None` is what does.
pub fn open(call: &Call<'_>) -> Option<Answered> {
    match call.path {
        ["info"] => {
            let policies = json!([{ "name": "Standard", "default": true, "aliases": "Standard" }]);
            let mut info = Map::new();
            let swift = json!({ "version": "2.30.1", "policies": policies, "max_file_size": 5_368_709_122_u64,
                "account_autocreate": call.switches.account_autocreate });
            info.insert("swift".into(), swift);
            if call.switches.account_quotas {
                info.insert("account_quotas".into(), json!({}));
            }
            Some(Ok(Reply::json(200, Value::Object(info))))
        }
        ["healthcheck"] => Some(Ok(Reply::page(200, "OK"))),
        _ => None,
    }
}

/// What needs one.
pub fn answer(call: &Call<'_>) -> Answered {
    let ["v1", account, path @ ..] = call.path else { return Err(Reply::page(404, "Not Found")) };
    let Some(id) = account.strip_prefix("AUTH_") else { return Err(Reply::page(412, "Precondition Failed")) };
    let is_reseller = call.is_admin() && call.switches.roles.contains("ResellerAdmin");
    if !is_reseller && id != ADMIN_PROJECT {
        return Err(Reply::page(403, "Forbidden"));
    }
    let mut world = call.cloud.world_mut();
    let deleted = world.projects.get(id).is_some_and(|project| project.objects_deleted);
    match (call.method, path) {
        (&Method::HEAD | &Method::GET, [] | [""]) if deleted => {
            Err(Reply::empty(410).with("X-Account-Status", "Deleted"))
        }
        (&Method::HEAD | &Method::GET, [] | [""]) => Ok(shown(call, &world, id)?),
        (&Method::POST, [] | [""]) => write(call, &mut world, id, is_reseller),
        (&Method::PUT, [_, _, ..]) if deleted => Err(Reply::page(503, "Service Unavailable")),
        (&Method::PUT, [_, _, ..]) => upload(call, &mut world, id),
        _ => Err(Reply::page(404, "Not Found")),
    }
}

fn held(call: &Call<'_>, id: &str) -> u64 {
    let at = call.cloud.now() - call.switches.objects_late_seconds;
    if call.elsewhere { 0 } else { call.cloud.knobs.truth.part_level(id, FIRST_PART, at) }
}

/// An id that does not exist is shown like an account that nobody used yet.
fn shown(call: &Call<'_>, world: &World, id: &str) -> Answered {
    let project = world.projects.get(id).filter(|_| !call.elsewhere);
    let bytes = if project.is_some() { held(call, id) } else { 0 };
    let is_used = project.is_some_and(|project| project.has_objects) || bytes > 0;
    if !is_used && !call.switches.account_autocreate {
        return Err(Reply::empty(404));
    }
    let (status, count) = if is_used { (204, 1 + bytes % 977) } else { (200, 0) };
    let containers = u64::from(is_used);
    let mut reply = Reply::empty(status)
        .with("X-Account-Bytes-Used", bytes.to_string())
        .with("X-Account-Object-Count", count.to_string())
        .with("X-Account-Container-Count", containers.to_string())
        .with("X-Account-Storage-Policy-Standard-Bytes-Used", bytes.to_string())
        .with("X-Timestamp", format!("{}.16835", call.cloud.now() - 20 * 86_400));
    if let Some(quota) = project.and_then(|project: &Project| project.object_quota) {
        reply = reply.with("X-Account-Meta-Quota-Bytes", quota.to_string());
    }
    Ok(reply)
}

/// Only whoever is above all accounts sets a quota; an empty one is none.
fn write(call: &Call<'_>, world: &mut World, id: &str, is_reseller: bool) -> Answered {
    let removes = !call.header(NO_QUOTA).is_empty();
    let told = call.headers.contains_key(QUOTA).then(|| call.header(QUOTA));
    if (removes || told.is_some()) && !is_reseller {
        return Err(Reply::page(403, "Forbidden"));
    }
    let quota = match told.filter(|told| !told.is_empty()) {
        Some(told) => {
            Some(told.parse::<u64>().map_err(|_| Reply::page(400, "Bad Request: Invalid bytes quota."))?)
        }
        None => None,
    };
    if let Some(project) = world.projects.get_mut(id).filter(|_| removes || told.is_some()) {
        project.object_quota = quota;
        project.has_objects = true;
    }
    Ok(Reply::empty(204))
}

/// The quota is held against what is there before the upload, so the last object may be too much.
fn upload(call: &Call<'_>, world: &mut World, id: &str) -> Answered {
    let Some(project) = world.projects.get_mut(id).filter(|_| !call.elsewhere) else {
        return Err(Reply::page(404, "Not Found"));
    };
    let full = project.object_quota.is_some_and(|quota| held(call, id) >= quota);
    if full && call.switches.account_quotas {
        return Err(Reply::page(413, "Upload exceeds quota."));
    }
    project.has_objects = true;
    let bytes = call.body.len() as i64;
    call.cloud.knobs.truth.did(id, FIRST_PART, call.cloud.now(), Deed::ChangeLevel(bytes));
    Ok(Reply::empty(201))
}
