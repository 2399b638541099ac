//! Cinder: volumes, snapshots and backups of everybody, and quotas. Manila: shares.

use super::call::Call;
use super::cloud::is_there;
use super::reply::{Answered, Reply};
use super::world::{ADMIN_PROJECT, Project, World, default_quota, uuid};
use crate::clock::at;
use axum::http::Method;
use serde_json::{Map, Value, json};

/// What needs no token; `None` is what does.
pub fn open(call: &Call<'_>) -> Option<Answered> {
    let version = json!({ "id": "v3.0", "status": "CURRENT", "version": "3.71", "min_version": "3.0",
        "updated": "2023-08-31T00:00:00Z", "links": [{ "rel": "self", "href": format!("{}/v3/", call.base) }] });
    match call.path {
        [""] => Some(Ok(Reply::json(300, json!({ "versions": [version] })))),
        ["v3"] | ["v3", ""] => Some(Ok(Reply::json(200, json!({ "versions": [version] })))),
        _ => None,
    }
}

/// What needs one.
pub fn answer(call: &Call<'_>) -> Answered {
    let told = call.header("openstack-api-version").strip_prefix("volume 3.").unwrap_or("0");
    let minor: u32 = told.parse().unwrap_or(0);
    if minor > 71 {
        return Err(Reply::fault(
            406,
            &format!("Version 3.{minor} is not supported by the API. Minimum is 3.0 and maximum is 3.71."),
        ));
    }
    let ["v3", _, path @ ..] = call.path else {
        return Err(Reply::fault(404, "The resource could not be found."));
    };
    let reply = match (call.method, path) {
        (&Method::GET, ["volumes", "detail"] | ["volumes"]) => volumes(call, minor),
        (&Method::GET, [kind @ ("snapshots" | "backups"), "detail"]) => copies(call, kind),
        (_, ["os-quota-sets", project]) => quota(call, project),
        (&Method::GET, ["limits"]) => limits(call, minor),
        _ => Err(Reply::fault(404, "The resource could not be found.")),
    };
    Ok(reply?.with("OpenStack-API-Version", format!("volume 3.{minor}")))
}

fn stamp(seconds: i64) -> String {
    at(seconds).format("%Y-%m-%dT%H:%M:%S.000000").to_string()
}

fn listed(call: &Call<'_>, key: &str, rows: Vec<Value>) -> Answered {
    let id = |row: &Value| row["id"].as_str().unwrap_or_default().to_owned();
    let (page, next) = call.page(rows, call.switches.cinder_page, id)?;
    let mut answer = json!({ key: page });
    if let Some(links) = call.links(next) {
        answer[format!("{key}_links")] = links;
    }
    Ok(Reply::json(200, answer))
}

fn volumes(call: &Call<'_>, minor: u32) -> Answered {
    let world = call.cloud.world();
    let there =
        call.cloud.volumes(&world).into_iter().filter(|(volume, _)| call.shows(&world, &volume.project));
    let wanted = call.query.first("project_id").filter(|_| call.wants_all());
    let there = there.filter(|(volume, _)| wanted.is_none_or(|id| volume.project == id));
    let rows = there.map(|(volume, gib)| {
        let attached = volume.status == "in-use";
        let mut row = json!({
            "id": volume.id, "name": null, "size": gib, "status": volume.status, "volume_type": "ssd",
            "created_at": stamp(volume.created), "updated_at": stamp(volume.created), "bootable": "true",
            "attachments": if attached { json!([{ "volume_id": volume.id, "device": "/dev/vda" }]) } else { json!([]) },
            "multiattach": false, "metadata": {}, "encrypted": false, "availability_zone": "nova",
        });
        if call.is_admin() {
            row["os-vol-tenant-attr:tenant_id"] = json!(volume.project);
        }
        if minor >= 65 {
            row["consumes_quota"] = json!(volume.consumes_quota);
        }
        row
    });
    listed(call, "volumes", rows.collect())
}

/// Every third project has a snapshot and a backup of 5 GiB.
fn copies(call: &Call<'_>, kind: &str) -> Answered {
    let world = call.cloud.world();
    let there = accounts(&world).filter(|project| project.tags.iter().any(|tag| tag == "plan:gold"));
    let rows = there.filter(|project| call.shows(&world, &project.id)).map(|project| {
        let mut row = json!({ "id": uuid(4, &format!("{kind} {}", project.id)), "name": "nightly", "size": 5,
            "status": "available", "volume_id": uuid(4, &project.id), "created_at": "2026-03-01T03:00:00.000000" });
        let key = match kind {
            "snapshots" => "os-extended-snapshot-attributes:project_id",
            _ => "os-backup-project-attr:project_id",
        };
        row[key] = json!(project.id);
        row
    });
    listed(call, kind, rows.collect())
}

fn accounts(world: &World) -> impl Iterator<Item = &Project> {
    world.projects.values().filter(|project| !project.is_own && !project.vanished)
}

/// A quota set, of any id; those of the admin alone are written.
fn quota(call: &Call<'_>, id: &str) -> Answered {
    if !call.is_admin() {
        return Err(Reply::fault(403, "Policy doesn't allow volume_extension:quotas:show to be performed."));
    }
    let mut world = call.cloud.world_mut();
    let used = call.cloud.gib_in_use(&world, id) as i64;
    let held = world.volumes.values().filter(|volume| volume.project == id).count();
    let project = world.projects.get_mut(id);
    match *call.method {
        Method::GET => {
            let limits = project.map_or_else(default_quota, |project| project.quota.clone());
            let usage = call.query.get("usage").eq_ignore_ascii_case("true");
            let mut set = Map::new();
            set.insert("id".into(), json!(id));
            for (key, limit) in limits {
                let in_use = match key.as_str() {
                    "gigabytes" | "gigabytes_ssd" => used,
                    "volumes" => held as i64,
                    _ => 0,
                };
                let shown = json!({ "in_use": in_use, "limit": limit, "reserved": 0 });
                set.insert(key, if usage { shown } else { json!(limit) });
            }
            Ok(Reply::json(200, json!({ "quota_set": set })))
        }
        Method::PUT => {
            let told = call.json();
            let Some(limits) = told["quota_set"].as_object() else {
                return Err(Reply::fault(400, "Missing required element quota_set in request body."));
            };
            let mut quota = project.as_ref().map_or_else(default_quota, |project| project.quota.clone());
            for (key, limit) in limits.iter().filter(|(key, _)| quota.contains_key(*key)).collect::<Vec<_>>()
            {
                let limit = limit.as_i64().filter(|limit| *limit >= -1);
                let limit = limit
                    .ok_or_else(|| Reply::fault(400, &format!("Invalid input for field/attribute {key}.")))?;
                if key == "gigabytes" && call.switches.refuses_low_quota && (0..used).contains(&limit) {
                    return Err(Reply::fault(400, "Quota limit must be greater than the usage."));
                }
                quota.insert(key.clone(), limit);
            }
            if let Some(project) = project {
                project.quota = quota.clone();
            }
            Ok(Reply::json(200, json!({ "quota_set": quota })))
        }
        Method::DELETE => {
            if let Some(project) = project {
                project.quota = default_quota();
            }
            Ok(Reply::empty(200))
        }
        _ => Err(Reply::fault(405, "Method not allowed")),
    }
}

fn limits(call: &Call<'_>, minor: u32) -> Answered {
    let project =
        call.query.first("project_id").filter(|_| minor >= 39 && call.is_admin()).unwrap_or(ADMIN_PROJECT);
    let world = call.cloud.world();
    let quota = world.projects.get(project).map_or_else(default_quota, |project| project.quota.clone());
    let used = call.cloud.gib_in_use(&world, project);
    let absolute = json!({ "maxTotalVolumeGigabytes": quota["gigabytes"], "totalGigabytesUsed": used,
        "maxTotalVolumes": quota["volumes"], "maxTotalSnapshots": quota["snapshots"] });
    Ok(Reply::json(200, json!({ "limits": { "rate": [], "absolute": absolute } })))
}

/// Manila.
pub fn shares(call: &Call<'_>) -> Answered {
    if !matches!(
        (call.method, call.path),
        (&Method::GET, ["v2", "shares", "detail"] | ["v2", _, "shares", "detail"])
    ) {
        return Err(Reply::fault(404, "The resource could not be found."));
    }
    let world = call.cloud.world();
    let there =
        accounts(&world).filter(|project| is_there(&world, &project.id) && call.shows(&world, &project.id));
    let rows = there.map(|project| {
        json!({ "id": uuid(4, &format!("share {}", project.id)), "name": "files", "size": call.switches.share_gib,
            "status": "available", "share_proto": "NFS", "project_id": project.id, "created_at": stamp(0) })
    });
    listed(call, "shares", rows.collect())
}
