//! Nova: servers, their counters, and the hours that they existed.

use super::actions;
use super::call::Call;
use super::cloud::is_there;
use super::reply::{Answered, Reply};
use super::world::{Server, Status, World};
use crate::clock::at;
use axum::http::Method;
use chrono::NaiveDateTime;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What needs no token; `None` is what does.
pub fn open(call: &Call<'_>) -> Option<Answered> {
    let links = json!([{ "rel": "self", "href": format!("{}/v2.1/", call.base) }]);
    let version = json!({
        "id": "v2.1", "status": "CURRENT", "version": format!("2.{}", call.switches.nova_newest),
        "min_version": "2.1", "updated": "2013-07-23T11:33:21Z", "links": links,
    });
    match call.path {
        [""] => Some(Ok(Reply::json(200, json!({ "versions": [version] })))),
        ["v2.1"] | ["v2.1", ""] => Some(Ok(Reply::json(200, json!({ "version": version })))),
        _ => None,
    }
}

/// What needs one; the answer repeats the version that was asked for.
pub fn answer(call: &Call<'_>) -> Answered {
    let minor = minor(call)?;
    let version = format!("compute 2.{minor}");
    let repeats = |reply: Reply| reply.with("OpenStack-API-Version", version.clone());
    route(call, minor).map(repeats).map_err(repeats)
}

/// The microversion behind `2.` that is asked for: the lowest unless told.
fn minor(call: &Call<'_>) -> Result<u32, Reply> {
    let told = call.header("openstack-api-version").strip_prefix("compute ");
    let older = Some(call.header("x-openstack-nova-api-version")).filter(|told| !told.is_empty());
    let Some(told) = told.or(older) else { return Ok(1) };
    if told == "latest" {
        return Ok(call.switches.nova_newest);
    }
    let minor = told.strip_prefix("2.").and_then(|minor| minor.parse().ok());
    let minor: u32 =
        minor.ok_or_else(|| Reply::fault(400, &format!("API Version String '{told}' is invalid.")))?;
    if minor > call.switches.nova_newest {
        let text = format!(
            "Version {told} is not supported by the API. Minimum is 2.1 and maximum is 2.{}.",
            call.switches.nova_newest
        );
        return Err(Reply::fault(406, &text));
    }
    Ok(minor)
}

fn route(call: &Call<'_>, minor: u32) -> Answered {
    match (call.method, call.path) {
        (&Method::GET, ["v2.1", "servers"] | ["v2.1", "servers", "detail"]) => {
            list(call, &call.cloud.world(), minor)
        }
        (&Method::GET, ["v2.1", "servers", id]) => {
            let mut world = call.cloud.world_mut();
            find(call, &world, id)?;
            actions::go_on(call.cloud, &mut world, id);
            Ok(Reply::json(200, json!({ "server": row(&world.servers[*id], minor) })))
        }
        (&Method::GET, ["v2.1", "servers", id, "diagnostics"]) => {
            diagnostics(call, &call.cloud.world(), id, minor)
        }
        (&Method::POST, ["v2.1", "servers", id, "action"]) => {
            let mut world = call.cloud.world_mut();
            find(call, &world, id)?;
            actions::answer(call, &mut world, id, minor)
        }
        (&Method::GET, ["v2.1", "os-simple-tenant-usage"]) => usage(call, &call.cloud.world(), minor),
        _ => Err(Reply::fault(404, "The resource could not be found.")),
    }
}

/// Whose a server is plays no part for an admin.
fn find(call: &Call<'_>, world: &World, id: &str) -> Result<(), Reply> {
    let found = world.servers.get(id).filter(|server| server.deleted.is_none() && !call.elsewhere);
    let found = found.filter(|server| is_there(world, &server.project) && call.is_admin());
    found.map(|_| ()).ok_or_else(|| Reply::fault(404, &format!("Instance {id} could not be found.")))
}

fn list(call: &Call<'_>, world: &World, minor: u32) -> Answered {
    let project = call.query.first("project_id").filter(|_| call.wants_all());
    let there = world
        .servers
        .values()
        .filter(|server| server.deleted.is_none() && call.shows(world, &server.project));
    let rows: Vec<&Server> = there.filter(|server| project.is_none_or(|id| server.project == id)).collect();
    let (page, next) = call.page(rows, call.switches.nova_page, |server| server.id.clone())?;
    let mut answer = json!({ "servers": page.iter().map(|server| row(server, minor)).collect::<Vec<_>>() });
    if let Some(links) = call.links(next) {
        answer["servers_links"] = links;
    }
    Ok(Reply::json(200, answer))
}

fn row(server: &Server, minor: u32) -> Value {
    let (status, stamp) = (server.status(), |seconds| at(seconds).format("%Y-%m-%dT%H:%M:%SZ").to_string());
    let updated = server.past.last().map_or(server.created, |(at, _)| *at);
    let flavor = match minor {
        0..47 => json!({ "id": "2", "links": [] }),
        _ => json!({ "vcpus": 1, "ram": 2_048, "disk": server.disk, "ephemeral": 0, "swap": 0,
            "original_name": "m1.small", "extra_specs": {} }),
    };
    let mut row = json!({
        "id": server.id, "name": server.name, "tenant_id": server.project, "user_id": "5e0d", "status": status.name(),
        "OS-EXT-STS:vm_state": status.state(), "OS-EXT-STS:power_state": status.power(),
        "OS-EXT-STS:task_state": server.task.map(|(name, _, _)| name), "flavor": flavor, "addresses": {},
        "created": stamp(server.created), "updated": stamp(updated), "metadata": {},
    });
    if minor >= 9 {
        row["locked"] = json!(server.locked.is_some());
    }
    if minor >= 73 {
        row["locked_reason"] = json!(server.locked.clone().flatten());
    }
    row
}

fn diagnostics(call: &Call<'_>, world: &World, id: &str, minor: u32) -> Answered {
    find(call, world, id)?;
    let server = &world.servers[id];
    if !matches!(server.status(), Status::Active | Status::Paused) {
        let text = format!(
            "Cannot 'get_diagnostics' instance {id} while it is in vm_state {}",
            server.status().state()
        );
        return Err(Reply::fault(409, &text));
    }
    // As a look at the tap now, not at the last sample.
    let soon = call.cloud.now() + 1;
    let ports = world.ports.values().filter(|port| port.server == id);
    let counts = ports.filter_map(|port| {
        let base = *server.doing(soon)?.taps.as_ref()?.get(&port.id)?;
        Some((port, call.cloud.moved(port, call.cloud.now()) - base))
    });
    let counts: Vec<_> = counts.collect();
    if minor < 48 {
        let flat = counts.iter().enumerate().flat_map(|(place, (_, moved))| {
            [
                (format!("vnet{place}_rx"), json!(moved.received)),
                (format!("vnet{place}_tx"), json!(moved.sent)),
            ]
        });
        return Ok(Reply::json(200, Value::Object(flat.collect::<Map<_, _>>())));
    }
    let cards = counts.iter().map(|(port, moved)| {
        json!({ "mac_address": port.mac, "rx_octets": moved.received, "tx_octets": moved.sent, "rx_packets": 70_122,
            "tx_packets": 301_877, "rx_drop": 0, "rx_errors": 0, "tx_drop": 0, "tx_errors": 0, "rx_rate": null,
            "tx_rate": null })
    });
    let since = server.past.last().map_or(server.created, |(at, _)| *at);
    let state = if server.status() == Status::Paused { "paused" } else { "running" };
    Ok(Reply::json(
        200,
        json!({ "state": state, "driver": "libvirt", "hypervisor": "kvm", "hypervisor_os": "linux",
            "uptime": call.cloud.now() - since, "num_nics": counts.len(), "num_cpus": 1, "num_disks": 1,
            "nic_details": cards.collect::<Vec<_>>(), "disk_details": [], "cpu_details": [], "config_drive": false,
            "memory_details": { "maximum": 2_048, "used": 2_048 } }),
    ))
}

/// Hours of existence by project, with the newest flavor; whether a server ran plays no part.
fn usage(call: &Call<'_>, world: &World, minor: u32) -> Answered {
    if !call.is_admin() {
        return Err(Reply::fault(403, "Policy doesn't allow os_compute_api:os-simple-tenant-usage:list"));
    }
    let now = call.cloud.now();
    let time = |name: &str, default: i64| {
        let told = call.query.first(name);
        let read = told.and_then(|text| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok());
        read.map_or(default, |time| time.and_utc().timestamp())
    };
    let (from, to) = (time("start", now - 28 * 86_400), time("end", now));
    let rows: Vec<&Server> = world.servers.values().filter(|_| !call.elsewhere).collect();
    let most = if minor >= 40 { call.switches.nova_page } else { 1_000 };
    let (page, next) = call.page(rows, most, |server| server.id.clone())?;
    let mut tenants: BTreeMap<&str, Vec<(&Server, f64)>> = BTreeMap::new();
    for server in page {
        let there = server.deleted.unwrap_or(to).min(to).min(now) - server.created.max(from);
        if there > 0 {
            tenants.entry(&server.project).or_default().push((server, there as f64 / 3_600.0));
        }
    }
    let stamp = |seconds| at(seconds).format("%Y-%m-%dT%H:%M:%S.000000").to_string();
    let detailed = call.query.first("detailed") == Some("1");
    let rows = tenants.into_iter().map(|(tenant, servers)| {
        let total = |of: &dyn Fn(&Server) -> f64| servers.iter().map(|(server, hours)| of(server) * hours).sum::<f64>();
        let mut row = json!({ "tenant_id": tenant, "start": stamp(from), "stop": stamp(to),
            "total_hours": total(&|_| 1.0), "total_vcpus_usage": total(&|_| 1.0),
            "total_memory_mb_usage": total(&|_| 2_048.0), "total_local_gb_usage": total(&|server| server.disk as f64) });
        if detailed {
            let each = servers.iter().map(|(server, hours)| {
                json!({ "instance_id": server.id, "name": server.name, "hours": hours, "local_gb": server.disk,
                    "vcpus": 1, "memory_mb": 2_048, "flavor": "m1.small", "state": server.status().state(),
                    "tenant_id": tenant, "started_at": stamp(server.created), "ended_at": server.deleted.map(stamp) })
            });
            row["server_usages"] = each.collect();
        }
        row
    });
    let mut answer = json!({ "tenant_usages": rows.collect::<Vec<_>>() });
    if let Some(links) = call.links(next.filter(|_| minor >= 40)) {
        answer["tenant_usages_links"] = links;
    }
    Ok(Reply::json(200, answer))
}
