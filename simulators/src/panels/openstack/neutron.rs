//! Neutron: ports, and policies of bandwidth.

use super::call::Call;
use super::cloud::is_there;
use super::reply::{Answered, Reply};
use super::world::{Port, QosPolicy, World, uuid};
use axum::http::Method;
use serde_json::{Value, json};

/// What needs no token; `None` is what does.
pub fn open(call: &Call<'_>) -> Option<Answered> {
    let links = json!([{ "rel": "self", "href": format!("{}/v2.0/", call.base) }]);
    match call.path {
        [""] => Some(Ok(Reply::json(
            200,
            json!({ "versions": [{ "id": "v2.0", "status": "CURRENT", "links": links }] }),
        ))),
        _ => None,
    }
}

/// What needs one.
pub fn answer(call: &Call<'_>) -> Answered {
    let missing = || Reply::neutron(404, "HTTPNotFound", "The resource could not be found.");
    let ["v2.0", path @ ..] = call.path else { return Err(missing()) };
    match (call.method, path) {
        (&Method::GET, ["extensions"]) => {
            let aliases =
                ["quotas", "port-security"].into_iter().chain(call.switches.has_qos.then_some("qos"));
            let rows =
                aliases.map(|alias| json!({ "alias": alias, "name": alias, "description": "", "links": [] }));
            Ok(Reply::json(200, json!({ "extensions": rows.collect::<Vec<_>>() })))
        }
        (&Method::GET, ["ports"]) => ports(call, &call.cloud.world()),
        (_, ["ports", id]) => port(call, id),
        (_, ["qos", rest @ ..]) if call.switches.has_qos => policies(call, rest),
        _ => Err(missing()),
    }
}

fn row(world: &World, port: &Port) -> Value {
    let status = world.servers.get(&port.server).map(|server| server.status().power());
    json!({
        "id": port.id, "name": "", "project_id": port.project, "tenant_id": port.project, "device_id": port.server,
        "device_owner": "compute:nova", "mac_address": port.mac, "admin_state_up": true,
        "status": if status == Some(1) { "ACTIVE" } else { "DOWN" }, "network_id": uuid(4, "network"),
        "qos_policy_id": port.policy, "qos_network_policy_id": null, "fixed_ips": [],
    })
}

/// Ports of servers that are there, and each project's router, which is no server's.
fn ports(call: &Call<'_>, world: &World) -> Answered {
    let shows = |project: &str| call.is_admin() && !call.elsewhere && is_there(world, project);
    let there = world.ports.values().filter(|port| shows(&port.project));
    let there =
        there.filter(|port| world.servers.get(&port.server).is_some_and(|server| server.deleted.is_none()));
    let routers = world.projects.values().filter(|project| shows(&project.id)).map(|project| {
        json!({ "id": uuid(4, &format!("router {}", project.id)), "project_id": project.id,
            "tenant_id": project.id, "device_owner": "network:router_interface", "qos_policy_id": null,
            "qos_network_policy_id": null, "device_id": "", "status": "ACTIVE", "mac_address": "fa:16:3e:00:00:01" })
    });
    let mut rows: Vec<Value> = there.map(|port| row(world, port)).chain(routers).collect();
    let told = |name: &str| {
        call.query
            .pairs()
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect::<Vec<_>>()
    };
    for name in ["project_id", "tenant_id", "device_id", "device_owner", "id"] {
        let wanted = told(name);
        rows.retain(|row| wanted.is_empty() || wanted.contains(&row[name].as_str().unwrap_or_default()));
    }
    rows.sort_by_key(|row| row["id"].as_str().unwrap_or_default().to_owned());
    let (mut page, next) =
        call.page(rows, usize::MAX, |row| row["id"].as_str().unwrap_or_default().to_owned())?;
    let fields = told("fields");
    for row in page.iter_mut().filter_map(Value::as_object_mut).filter(|_| !fields.is_empty()) {
        row.retain(|name, _| fields.contains(&name.as_str()));
    }
    let mut answer = json!({ "ports": page });
    if let Some(links) = call.links(next) {
        answer["ports_links"] = links;
    }
    Ok(Reply::json(200, answer))
}

fn port(call: &Call<'_>, id: &str) -> Answered {
    let mut world = call.cloud.world_mut();
    let known = world.ports.get(id).is_some_and(|port| call.is_admin() && is_there(&world, &port.project));
    let missing = || Reply::neutron(404, "PortNotFound", &format!("Port {id} could not be found."));
    if !known || call.elsewhere {
        return Err(missing());
    }
    if *call.method == Method::PUT {
        let told = call.json()["port"]["qos_policy_id"].clone();
        if let Some(policy) = told.as_str().filter(|policy| !world.policies.contains_key(*policy)) {
            return Err(Reply::neutron(
                404,
                "QosPolicyNotFound",
                &format!("QoS policy {policy} could not be found."),
            ));
        }
        let port = world.ports.get_mut(id).ok_or_else(missing)?;
        port.policy = told.as_str().map(str::to_owned);
    }
    Ok(Reply::json(200, json!({ "port": row(&world, &world.ports[id]) })))
}

fn policy_row(policy: &QosPolicy) -> Value {
    let rules = policy.rules.iter().map(|(id, direction, kbps, burst)| {
        json!({ "id": id, "type": "bandwidth_limit", "direction": direction, "max_kbps": kbps, "max_burst_kbps": burst,
            "qos_policy_id": policy.id })
    });
    json!({ "id": policy.id, "name": policy.name, "shared": true, "is_default": false, "description": "",
        "project_id": "", "rules": rules.collect::<Vec<_>>() })
}

fn policies(call: &Call<'_>, path: &[&str]) -> Answered {
    let (mut world, told) = (call.cloud.world_mut(), call.json());
    let missing =
        |id: &str| Reply::neutron(404, "QosPolicyNotFound", &format!("QoS policy {id} could not be found."));
    if !call.is_admin() {
        return Err(Reply::neutron(403, "PolicyNotAuthorized", "rule:create_policy is disallowed by policy"));
    }
    match (call.method, path) {
        (&Method::GET, ["policies"]) => {
            let wanted = call.query.first("name");
            let there =
                world.policies.values().filter(|policy| wanted.is_none_or(|name| policy.name == name));
            Ok(Reply::json(200, json!({ "policies": there.map(policy_row).collect::<Vec<_>>() })))
        }
        (&Method::GET, ["policies", id]) => {
            let policy = world.policies.get(*id).ok_or_else(|| missing(id))?;
            Ok(Reply::json(200, json!({ "policy": policy_row(policy) })))
        }
        (&Method::POST, ["policies"]) => {
            let id = uuid(4, &format!("policy {}", call.cloud.next()));
            let name = told["policy"]["name"].as_str().unwrap_or_default().to_owned();
            let policy = QosPolicy { id: id.clone(), name, rules: Vec::new() };
            let shown = json!({ "policy": policy_row(&policy) });
            world.policies.insert(id, policy);
            Ok(Reply::json(201, shown))
        }
        (&Method::DELETE, ["policies", id]) => {
            if world.ports.values().any(|port| port.policy.as_deref() == Some(*id)) {
                let text = format!("QoS Policy {id} is used by port.");
                return Err(Reply::neutron(409, "QosPolicyInUse", &text));
            }
            world.policies.remove(*id).map(|_| Reply::empty(204)).ok_or_else(|| missing(id))
        }
        (&Method::POST, ["policies", id, "bandwidth_limit_rules"]) => {
            let rule = &told["bandwidth_limit_rule"];
            let number = |name: &str| rule[name].as_u64().unwrap_or(0);
            let direction = rule["direction"].as_str().unwrap_or("egress").to_owned();
            let made = (
                uuid(4, &format!("rule {}", call.cloud.next())),
                direction,
                number("max_kbps"),
                number("max_burst_kbps"),
            );
            let policy = world.policies.get_mut(*id).ok_or_else(|| missing(id))?;
            if policy.rules.iter().any(|(_, direction, ..)| *direction == made.1) {
                let text = format!("QoS rule of type bandwidth_limit already exists for {}.", made.1);
                return Err(Reply::neutron(409, "QoSRulesConflict", &text));
            }
            let shown = json!({ "bandwidth_limit_rule": { "id": made.0, "direction": made.1, "max_kbps": made.2,
                "max_burst_kbps": made.3 } });
            policy.rules.push(made);
            Ok(Reply::json(201, shown))
        }
        _ => Err(Reply::neutron(404, "HTTPNotFound", "The resource could not be found.")),
    }
}
