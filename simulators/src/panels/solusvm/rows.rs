//! Version 2: servers as rows of pages, their disks and their charts.

use super::plans::Plan;
use super::rest::{Outcome, Refusal};
use super::switches::{Addresses, Switches};
use super::world::{GIB, Health, Machine, Master};
use crate::clock::at;
use crate::form::Form;
use serde_json::{Value, json};

/// The user whose token it is where that is no administrator's.
pub const MEMBER: u64 = 7;

/// A user's address.
pub fn email(user: u64) -> String {
    format!("client{user}@example.net")
}

/// Whether the token sees a server.
pub fn is_seen(switches: &Switches, machine: &Machine) -> bool {
    switches.admin || machine.owner == MEMBER
}

/// The page that a query asks for.
pub fn page(master: &Master, switches: &Switches, asked: &Form) -> Outcome {
    let page = number(asked, "page", "page")?.unwrap_or(1);
    if page == 0 {
        return Err(Refusal::of_field("page", "The page must be at least 1."));
    }
    let mut servers = master.there();
    servers.retain(|_, machine| is_seen(switches, machine));
    if let Some(user) = number(asked, "filter[user_id]", "filter.user_id")? {
        servers.retain(|_, machine| machine.owner == user);
    }
    if let Some(node) = number(asked, "filter[compute_resource_id]", "filter.compute_resource_id")? {
        servers.retain(|_, machine| machine.node == node);
    }
    if let Some(kind) = asked.first("filter[virtualization_type]") {
        if !["kvm", "vz"].contains(&kind) {
            let why = "The selected filter.virtualization_type is invalid.";
            return Err(Refusal::of_field("filter.virtualization_type", why));
        }
        servers.retain(|_, machine| virtualization(master, machine) == kind);
    }
    if let Some(wanted) = asked.first("filter[status]") {
        servers.retain(|id, machine| status(master, *id, machine) == wanted);
    }
    let (total, per_page) = (servers.len(), switches.per_page.max(1));
    let last = total.div_ceil(per_page).max(1);
    let skipped = usize::try_from(page - 1).unwrap_or(usize::MAX).saturating_mul(per_page);
    let shown = servers.iter().skip(skipped).take(per_page);
    let rows: Vec<Value> = shown.map(|(id, machine)| row(master, switches, *id, machine)).collect();
    let path = format!("{}/api/v1/servers", master.base);
    let link = |page: u64| format!("{path}?page={page}");
    let is_last = page >= last as u64;
    let (from, to) = match rows.len() {
        0 => (None, None),
        count => (Some(skipped + 1), Some(skipped + count)),
    };
    Ok(json!({
        "data": rows,
        "links": {
            "first": link(1), "last": link(last as u64), "prev": (page > 1).then(|| link(page - 1)),
            "next": (!is_last).then(|| link(page + 1)),
        },
        "meta": {
            "current_page": page, "from": from, "last_page": last, "path": path, "per_page": per_page, "to": to,
            "total": total,
        },
    }))
}

fn number(asked: &Form, name: &str, field: &str) -> Result<Option<u64>, Refusal> {
    let wrong = || Refusal::of_field(field, &format!("The {field} must be an integer."));
    asked.first(name).map(|text| text.parse().map_err(|_| wrong())).transpose()
}

/// One server.
pub fn row(master: &Master, switches: &Switches, id: u64, machine: &Machine) -> Value {
    let plan = Plan::at(machine.plan);
    let counted = master.counted(id, machine);
    let place = machine.place;
    let host = format!("vps{id}.example.net");
    let (four, six) =
        (format!("198.51.{}.{}", 100 + place / 250, place % 250 + 2), format!("2001:db8::{id:x}"));
    let mut row = json!({
        "id": id, "uuid": machine.uuid(id), "name": host, "description": "",
        "virtualization_type": virtualization(master, machine), "status": status(master, id, machine),
        "is_suspended": machine.suspended, "is_processing": master.tasks.is_busy(id),
        "specifications": plan.specifications(), "fqdns": [host], "boot_mode": "disk",
        "user": { "id": machine.owner, "email": email(machine.owner), "status": "active" },
        "project": { "id": 3, "name": "default" },
        "plan": plan.shown(machine.plan, machine.policy, switches.old_units),
        "usage": { "cpu": place % 5, "network": {
            "incoming": { "value": counted.received }, "outgoing": { "value": counted.sent },
        } },
        "created_at": at(machine.created).format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
    });
    match switches.addresses {
        Addresses::IpAddresses => {
            row["ip_addresses"] = json!({
                "ipv4": [{ "id": 2 * id, "ip": four, "is_primary": true }],
                "ipv6": [{ "id": 2 * id + 1, "primary_ip": six, "is_primary": false }],
            });
        }
        Addresses::Ips => row["ips"] = json!([{ "id": 2 * id, "ip": four, "is_primary": true }]),
    }
    row
}

fn virtualization(master: &Master, machine: &Machine) -> &'static str {
    match master.node_of(machine) {
        Some(node) if node.virtualization == "kvm" => "kvm",
        _ => "vz",
    }
}

fn status(master: &Master, id: u64, machine: &Machine) -> &'static str {
    let is_dead = master.node_of(machine).is_some_and(|node| node.health == Health::Dead);
    match machine.runs() {
        _ if is_dead => "unavailable",
        _ if master.tasks.is_busy(id) => "processing",
        true => "started",
        false => "stopped",
    }
}

/// The disks of one server; all that it holds is on the one it has.
pub fn disks(master: &Master, switches: &Switches, id: u64, machine: &Machine) -> Value {
    let held = master.knobs.truth.level(&id.to_string(), master.now()).unwrap_or(0);
    let actual = if switches.disks_in_gib { held.div_ceil(GIB) } else { held };
    let path = "/var/lib/libvirt/images";
    json!({ "data": [{
        "id": id, "is_primary": true, "name": "primary", "size": Plan::at(machine.plan).disk, "actual_size": actual,
        "path": path, "full_path": format!("{path}/{}", machine.uuid(id)),
        "storage": { "id": machine.node, "name": format!("zfs{}", machine.node) }, "offer": null,
    }] })
}

/// The rates of the last hours, as they are drawn: KB a second.
pub fn chart(master: &Master, switches: &Switches, kind: &str, uuid: &str) -> Option<Value> {
    let there = master.there();
    let mut seen = there.iter().filter(|(_, machine)| is_seen(switches, machine));
    let (id, _) = seen.find(|(id, machine)| machine.uuid(**id) == uuid)?;
    let hour = master.now() - master.now().rem_euclid(3_600);
    let items = (0..3).rev().map(|behind| {
        let (from, to) = (hour - (behind + 1) * 3_600, hour - behind * 3_600);
        let moved = master.knobs.truth.traffic_between(&id.to_string(), from, to).unwrap_or_default();
        let rate = |bytes: u64| if kind == "network" { bytes as f64 / 3_600.0 / 1_024.0 } else { 0.0 };
        let derivative = json!({ "read_kb": rate(moved.received), "write_kb": rate(moved.sent) });
        json!({ "time": at(to).format("%Y-%m-%dT%H:%M:%SZ").to_string(), "derivative": derivative })
    });
    Some(json!({ "data": { "items": items.collect::<Vec<_>>() } }))
}
