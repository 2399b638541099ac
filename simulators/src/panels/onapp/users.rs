//! Users: the list, short and in full, one of them, what it could still have, groups.

use super::ask::Ask;
use super::reply::{Said, time};
use super::switches::Switches;
use super::world::{Cloud, GIGABYTE, Server, User};
use serde_json::{Value, json};

/// Groups of users.
const GROUPS: [&str; 3] = ["Direct customers", "Reseller Quayside", "Reseller Northpier"];

/// What every role may do; the tree of it makes the full list slow.
const ROLE: [&str; 6] = [
    "users.read",
    "virtual_machines.read",
    "virtual_machines.power",
    "cdn_resources.read",
    "vm_stats",
    "networks.read",
];

/// `users.json`.
pub fn list(server: &Server, switches: &Switches, ask: &Ask) -> Said {
    let cloud = server.cloud();
    let whose = ask.whose(switches);
    let is_short = switches.knows_short && ask.query.first("short").is_some();
    let shown = cloud.users.iter().filter(|(id, user)| {
        let is_there = user.deleted.is_none() || switches.deleted_stay;
        is_there && whose.is_none_or(|whose| whose == **id)
    });
    let shown = shown.map(|(id, user)| {
        let mut fields = fields(switches, *id, user);
        if !is_short {
            fields["roles"] = roles();
        }
        json!({ "user": fields })
    });
    Said::List(shown.collect())
}

/// `users/{id}.json`, or the caller's own as `profile.json`.
pub fn one(server: &Server, switches: &Switches, ask: &Ask, id: &str) -> Said {
    let cloud = server.cloud();
    match seen(&cloud, switches, ask, id) {
        Some((id, user)) => Said::Tree(json!({ "user": details(server, switches, &cloud, id, user) })),
        None => Said::Missing { listed: true },
    }
}

/// A user by its number, if the caller sees it.
pub fn seen<'a>(cloud: &'a Cloud, switches: &Switches, ask: &Ask, id: &str) -> Option<(u32, &'a User)> {
    let id: u32 = id.parse().ok()?;
    let user = cloud.user(id)?;
    ask.whose(switches).is_none_or(|whose| whose == id).then_some((id, user))
}

/// A user with what is told of one alone.
pub fn details(server: &Server, switches: &Switches, cloud: &Cloud, id: u32, user: &User) -> Value {
    let now = server.now();
    let machines: Vec<_> = cloud.machines_of(Some(id), now).collect();
    let disks: u64 = machines.iter().map(|(id, machine)| server.disk(cloud, *id, machine)).sum();
    let mut fields = fields(switches, id, user);
    fields["roles"] = roles();
    fields["used_cpus"] = machines.iter().map(|(_, machine)| machine.size.0).sum::<u32>().into();
    fields["used_cpu_shares"] = (machines.len() * 40).into();
    fields["used_memory"] = machines.iter().map(|(_, machine)| machine.size.1).sum::<u32>().into();
    fields["used_disk_size"] = (disks / GIGABYTE).into();
    fields["used_ip_addresses"] = json!([{ "ip_address": { "id": id, "address": "192.0.2.17" } }]);
    fields["memory_available"] = 184_863.into();
    fields["disk_space_available"] = 3_276.into();
    fields["additional_fields"] = json!([]);
    fields
}

fn roles() -> Value {
    let permissions = ROLE.iter().enumerate().map(|(number, identifier)| {
        json!({ "permission": { "id": number + 1, "identifier": identifier, "label": format!("May {identifier}") } })
    });
    json!([{ "role": { "id": 2, "label": "User", "permissions": permissions.collect::<Vec<_>>() } }])
}

fn fields(switches: &Switches, id: u32, user: &User) -> Value {
    let status = match (user.deleted, user.suspended) {
        (Some(_), _) => "deleted",
        (None, true) => "suspended",
        (None, false) => "active",
    };
    let mut fields = json!({
        "id": id, "identifier": user.identifier, "login": user.login, "email": user.email,
        "first_name": user.names[0], "last_name": user.names[1], "status": status, "suspend_at": null,
        "deleted_at": user.deleted.map(|at| time(switches, at)),
        "activated_at": time(switches, user.created + 1), "created_at": time(switches, user.created),
        "updated_at": time(switches, user.updated),
        "time_zone": if id == super::world::API_USER { switches.time_zone.as_str() } else { "Kyiv" },
        "locale": "en", "user_group_id": user.group, "group_id": null, "cdn_status": "ACTIVE",
        "cdn_account_status": "ACTIVE", "monthly_price": "0.0", "payment_amount": "150.0",
        "outstanding_amount": -12.5, "total_amount": 137.5, "discount_due_to_free": "0.0",
        "total_amount_with_discount": "137.5",
    });
    fields[switches.plan_key()] = user.plan.into();
    fields
}

/// `users/{id}/limits.json`: what it may still ask for, some of it beside `limits`.
pub fn limits(server: &Server, switches: &Switches, ask: &Ask, id: &str) -> Said {
    if seen(&server.cloud(), switches, ask, id).is_none() {
        return Said::Missing { listed: true };
    }
    Said::Tree(json!({
        "limits": {
            "memory": 8_192, "cpus": 8, "cpu_shares": 400, "rate": 1_000, "primary_disk_size": 460,
            "swap_disk_size": 460,
            "hypervisors": [{ "id": 1, "label": "kvm1", "hypervisor_type": "kvm" }],
            "hypervisor_groups": [{ "id": 3, "label": "Zone A" }],
            "data_store_groups": [{ "id": 1, "label": "SSD" }],
            "network_groups": [{ "id": 2, "label": "Public" }],
        },
        "best_data_store_group_primary_id": 1, "best_data_store_group_swap_id": 1, "best_network_group_id": 2,
    }))
}

/// `user_groups.json`.
pub fn groups() -> Said {
    let group =
        |(number, label): (usize, &&str)| json!({ "user_group": { "id": number + 1, "label": label } });
    Said::List(GROUPS.iter().enumerate().map(group).collect())
}
