//! What a test can do to this kind of panel alone, below `/openstack/` on the control address.

use super::actions::{finish_all, status_named};
use super::cloud::Cloud;
use super::population::{add_port, add_server, add_volume, rules};
use super::reply::SERVICES;
use super::world::{GIB, QosPolicy, Status, World, uuid};
use crate::panel::{NotDone, merge};
use crate::truth::Deed;
use serde_json::{Value, json};

/// Does an operation by its path:
///
/// * `state`: switches, and every project with what is its;
/// * `switches`: the fields told are set, the others stay;
/// * `sessions`: `{"op": "revoke_all"}` ends all tokens;
/// * `services/{type}`: `{"op": "down" | "up"}`;
/// * `projects/{id}`: `enable`, `disable`, `{"op": "rename", "to": "…"}`, `boot` (a further server, running),
///   `{"op": "add_volume", "gib": 10}`, `{"op": "set_quota", "gigabytes": 500}`, `{"op": "set_object_quota", "bytes":
///   n}` (null is none), `delete_objects`;
/// * `servers/{id}`: `{"op": "set_status", "status": "SHUTOFF"}`, `reboot`, `migrate` (both begin to count anew),
///   `delete`, `{"op": "lock", "reason": "…"}`, `unlock`;
/// * `tasks`: all of them are done;
/// * `volumes/{id}`: `{"op": "extend", "gib": 40}`, `delete`, `{"op": "transfer", "to": "…"}`, `{"op": "set_status",
///   "status": "deleting"}`, `internal`;
/// * `ports/{id}`: `{"op": "set_policy", "mbit": 10}` (null is none).
pub fn operate(cloud: &Cloud, operation: &str, told: &Value) -> Result<Value, NotDone> {
    let (what, id) = operation.split_once('/').unwrap_or((operation, ""));
    let op = told["op"].as_str().unwrap_or_default();
    let mut world = cloud.world_mut();
    match what {
        "state" => {}
        "sessions" => return cloud.sessions.operate(told),
        "switches" => return merge(&cloud.switches, told),
        "tasks" => finish_all(cloud, &mut world),
        "services" => on_service(cloud, id, op)?,
        "projects" => on_project(cloud, &mut world, id, op, told)?,
        "servers" => on_server(cloud, &mut world, id, op, told)?,
        "volumes" => on_volume(cloud, &mut world, id, op, told)?,
        "ports" => {
            let policy = told["mbit"].as_u64().map(|mbit| sold(&mut world, mbit));
            world.ports.get_mut(id).ok_or(NotDone::NoSuchAccount)?.policy = policy;
        }
        _ => return Err(not_understood(operation)),
    }
    Ok(state(cloud, &world))
}

fn not_understood(what: &str) -> NotDone {
    NotDone::NotUnderstood(format!("no operation {what}"))
}

/// A policy of the operator's own.
pub fn sold(world: &mut World, mbit: u64) -> String {
    let name = format!("sold-{mbit}mbit");
    let id = uuid(4, &name);
    let policy = || QosPolicy { id: id.clone(), name: name.clone(), rules: rules(mbit * 1_000) };
    world.policies.entry(id.clone()).or_insert_with(policy);
    id
}

fn on_service(cloud: &Cloud, kind: &str, op: &str) -> Result<(), NotDone> {
    let place =
        SERVICES.iter().position(|service| service.kind() == kind).ok_or_else(|| not_understood(kind))?;
    let gate = &cloud.place.doors[place].1;
    match op {
        "down" => gate.shut(),
        "up" => gate.open(),
        other => return Err(not_understood(other)),
    }
    Ok(())
}

fn on_project(cloud: &Cloud, world: &mut World, id: &str, op: &str, told: &Value) -> Result<(), NotDone> {
    let now = cloud.now();
    let project = world.projects.get_mut(id).ok_or(NotDone::NoSuchAccount)?;
    match op {
        "enable" => (project.enabled, project.disabled_at) = (true, None),
        "disable" => (project.enabled, project.disabled_at) = (false, Some(now)),
        "rename" => project.name = told["to"].as_str().unwrap_or_default().to_owned(),
        "set_quota" => {
            project.quota.insert("gigabytes".into(), told["gigabytes"].as_i64().unwrap_or(-1));
        }
        "set_object_quota" => project.object_quota = told["bytes"].as_u64(),
        "delete_objects" => {
            project.objects_deleted = true;
            cloud.knobs.truth.did(id, super::world::FIRST_PART, now, Deed::HoldLevel(0));
        }
        "boot" => {
            let server = add_server(world, id, "late", now);
            let part = format!("port-{}", world.ports.len());
            add_port(world, &cloud.knobs.truth, &server, &part, None);
            cloud.set_status(world, &server, Status::Active);
        }
        "add_volume" => {
            add_volume(world, &cloud.knobs.truth, id, told["gib"].as_u64().unwrap_or(10), now);
        }
        other => return Err(not_understood(other)),
    }
    Ok(())
}

fn on_server(cloud: &Cloud, world: &mut World, id: &str, op: &str, told: &Value) -> Result<(), NotDone> {
    let server = world.servers.get_mut(id).ok_or(NotDone::NoSuchAccount)?;
    match op {
        "set_status" => {
            server.frozen = false;
            let status = status_named(&told["status"]).ok_or_else(|| not_understood("status"))?;
            cloud.set_status(world, id, status);
        }
        "reboot" | "migrate" => cloud.new_taps(world, id),
        "delete" => cloud.delete_server(world, id),
        "lock" => server.locked = Some(told["reason"].as_str().map(str::to_owned)),
        "unlock" => server.locked = None,
        other => return Err(not_understood(other)),
    }
    Ok(())
}

fn on_volume(cloud: &Cloud, world: &mut World, id: &str, op: &str, told: &Value) -> Result<(), NotDone> {
    let (now, truth) = (cloud.now(), &cloud.knobs.truth);
    let volume = world.volumes.get_mut(id).ok_or(NotDone::NoSuchAccount)?;
    let hold =
        |project: &str, part: &str, gib: u64| truth.did(project, part, now, Deed::HoldLevel(gib * GIB));
    let (owner, part) = (volume.project.clone(), volume.part());
    match op {
        "extend" => _ = hold(&owner, &part, told["gib"].as_u64().unwrap_or(0)),
        "delete" => _ = hold(&owner, &part, 0),
        "set_status" => volume.status = told["status"].as_str().unwrap_or_default().to_owned(),
        "internal" => volume.consumes_quota = false,
        "transfer" => {
            let to = told["to"].as_str().unwrap_or_default().to_owned();
            let gib = truth.part_level(&owner, &part, now) / GIB;
            truth.enroll_still_part(&to, &part);
            hold(&owner, &part, 0);
            hold(&to, &part, gib);
            volume.project = to;
        }
        other => return Err(not_understood(other)),
    }
    Ok(())
}

fn state(cloud: &Cloud, world: &World) -> Value {
    let projects = world.projects.values().map(|project| {
        let servers = world.servers.values().filter(|server| server.project == project.id);
        let servers = servers.map(|server| {
            json!({ "id": server.id, "status": server.status().name(), "locked": server.locked, "deleted": server.deleted })
        });
        let ports = world.ports.values().filter(|port| port.project == project.id);
        let ports = ports.map(|port| {
            let policy = port.policy.as_ref().and_then(|id| world.policies.get(id));
            json!({ "id": port.id, "server": port.server, "policy": policy.map(|policy| policy.name.clone()) })
        });
        let volumes = world.volumes.values().filter(|volume| volume.project == project.id);
        let volumes = volumes.map(|volume| {
            json!({ "id": volume.id, "gib": cloud.gib(volume, cloud.now()), "status": volume.status })
        });
        json!({ "id": project.id, "name": project.name, "domain": project.domain, "parent": project.parent,
            "enabled": project.enabled, "vanished": project.vanished, "is_own": project.is_own,
            "gigabytes": project.quota["gigabytes"], "object_quota": project.object_quota,
            "servers": servers.collect::<Vec<_>>(), "ports": ports.collect::<Vec<_>>(),
            "volumes": volumes.collect::<Vec<_>>() })
    });
    json!({ "switches": cloud.switches(), "projects": projects.collect::<Vec<_>>() })
}
