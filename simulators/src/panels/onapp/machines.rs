//! Virtual servers and their network cards.

use super::ask::Ask;
use super::reply::{Said, number, stat_time, time};
use super::switches::Switches;
use super::users;
use super::world::{Card, Cloud, GIGABYTE, Machine, Server};
use crate::clock::at;
use crate::zone::{Zone, month_before};
use serde_json::{Value, json};

/// The passwords that the list of machines shows to everybody who may read it.
pub const ROOT_PASSWORD: &str = "r00t-Kz81-cleartext";
/// The same for the console.
pub const CONSOLE_PASSWORD: &str = "vnc-Qe27-cleartext";

/// The operating systems.
const TEMPLATES: [(u32, &str); 3] =
    [(264, "Debian 12 x64"), (271, "Ubuntu 24.04 x64"), (280, "AlmaLinux 9 x64")];

impl Server {
    /// Bytes allocated to a machine.
    pub fn disk(&self, cloud: &Cloud, id: u32, machine: &Machine) -> u64 {
        let owner = cloud.users.get(&machine.owner_at(self.now()));
        let login = owner.map_or("", |user| user.login.as_str());
        let level = |card: &Card| {
            let (account, part) = self.card_place(login, id, card.id);
            self.knobs.truth.part_level(&account, &part, self.now())
        };
        machine.cards.iter().map(level).sum()
    }

    /// Bytes that went through a machine's cards since the month began.
    fn month(&self, cloud: &Cloud, id: u32, machine: &Machine) -> u64 {
        let utc = Zone::named("UTC");
        let from = utc.start_of(month_before(utc.date(at(self.now())), 0));
        let owner = cloud.users.get(&machine.owner_at(self.now()));
        let login = owner.map_or("", |user| user.login.as_str());
        let moved = machine.cards.iter().map(|card| {
            let (account, part) = self.card_place(login, id, card.id);
            let until = |at| self.knobs.truth.part_traffic(&account, &part, at);
            let moved = until(self.now()) - until(from);
            moved.sent + moved.received
        });
        moved.sum()
    }

    /// A machine as it is shown.
    pub fn shown(&self, switches: &Switches, cloud: &Cloud, id: u32, machine: &Machine) -> Value {
        let (template, template_label) = TEMPLATES[id as usize % TEMPLATES.len()];
        let mut fields = json!({
            "id": id, "identifier": machine.identifier, "label": machine.label, "hostname": machine.label,
            "domain": machine.domain, "user_id": machine.owner_at(self.now()), "booted": machine.booted,
            "built": true, "locked": self.queue.is_locked(id, self.now()), "suspended": machine.suspended,
            "state": "delivered", "recovery_mode": false, "cpus": machine.size.0, "cpu_shares": 40,
            "memory": machine.size.1, "min_disk_size": 5, "hypervisor_id": 3, "hypervisor_type": "kvm",
            "template_id": template, "template_label": template_label, "operating_system": "linux",
            "strict_virtual_machine_id": null, "instance_package_id": machine.package, "vip": null,
            "note": null, "admin_note": null, "time_zone": null, "deleted_at": null,
            "price_per_hour": 0.0, "price_per_hour_powered_off": 0.0,
        });
        let month = self.month(cloud, id, machine) / switches.monthly_kilobyte.max(1);
        fields["total_disk_size"] = number(switches, self.disk(cloud, id, machine) / GIGABYTE);
        fields["monthly_bandwidth_used"] = number(switches, month);
        fields["created_at"] = time(switches, machine.created);
        fields["updated_at"] = time(switches, machine.updated);
        fields["initial_root_password"] = ROOT_PASSWORD.into();
        fields["initial_root_password_encrypted"] = false.into();
        fields["remote_access_password"] = CONSOLE_PASSWORD.into();
        fields["ip_addresses"] = json!([{ "ip_address": {
            "id": id, "address": format!("192.0.2.{}", id % 250 + 1), "netmask": "255.255.255.0",
            "gateway": "192.0.2.1", "free": false,
        } }]);
        json!({ "virtual_machine": fields })
    }

    /// A card as it is shown.
    pub fn shown_card(&self, switches: &Switches, machine: (u32, &Machine), number: usize) -> Option<Value> {
        let card = machine.1.cards.get(number)?;
        let rate = match card.rate {
            0 if switches.unlimited_is_null => Value::Null,
            rate => rate.into(),
        };
        Some(json!({ "network_interface": {
            "id": card.id, "identifier": super::population::identifier("card", card.id), "label": card.label,
            "virtual_machine_id": machine.0, "network_join_id": 4,
            "mac_address": format!("00:16:3e:5a:{:02x}:{:02x}", card.id / 256 % 256, card.id % 256),
            "primary": number == 0, "connected": true, "rate_limit": rate, "usage": null,
            "usage_last_reset_at": null, "usage_month_rolled_at": null, "default_firewall_rule": "ACCEPT",
            "adapter_type": null, "created_at": time(switches, machine.1.created),
            "updated_at": time(switches, machine.1.updated),
        } }))
    }
}

/// A machine by number or identifier, if the caller sees it.
pub fn seen<'a>(
    server: &Server,
    cloud: &'a Cloud,
    switches: &Switches,
    ask: &Ask,
    key: &str,
) -> Option<(u32, &'a Machine)> {
    let (id, machine) = cloud.machine(key)?;
    let owner = machine.owner_at(server.now());
    ask.whose(switches).is_none_or(|whose| whose == owner).then_some((id, machine))
}

/// `virtual_machines.json`.
pub fn list(server: &Server, switches: &Switches, ask: &Ask) -> Said {
    let cloud = server.cloud();
    let there = cloud.machines_of(ask.whose(switches), server.now());
    Said::List(there.map(|(id, machine)| server.shown(switches, &cloud, id, machine)).collect())
}

/// `users/{id}/virtual_machines.json`.
pub fn of_user(server: &Server, switches: &Switches, ask: &Ask, user: &str) -> Said {
    let cloud = server.cloud();
    let Some((user, _)) = users::seen(&cloud, switches, ask, user) else {
        return Said::Missing { listed: true };
    };
    let own = cloud.machines_of(Some(user), server.now());
    Said::List(own.map(|(id, machine)| server.shown(switches, &cloud, id, machine)).collect())
}

/// `virtual_machines/{id}.json`.
pub fn one(server: &Server, switches: &Switches, ask: &Ask, key: &str) -> Said {
    let cloud = server.cloud();
    match seen(server, &cloud, switches, ask, key) {
        Some((id, machine)) => Said::Tree(server.shown(switches, &cloud, id, machine)),
        None => Said::Missing { listed: false },
    }
}

/// `virtual_machines/{id}/network_interfaces.json`, or one of them.
pub fn cards(server: &Server, switches: &Switches, ask: &Ask, key: &str, card: Option<&str>) -> Said {
    let cloud = server.cloud();
    let Some(machine) = seen(server, &cloud, switches, ask, key) else {
        return Said::Missing { listed: false };
    };
    let shown = |number| server.shown_card(switches, machine, number);
    match card {
        None => Said::List((0..machine.1.cards.len()).filter_map(shown).collect()),
        Some(card) => match machine.1.cards.iter().position(|one| one.id.to_string() == card).and_then(shown)
        {
            Some(card) => Said::Tree(card),
            None => Said::Missing { listed: true },
        },
    }
}

/// `virtual_machines/{id}/network_interfaces/{nic}/usage.json`.
pub fn usage(server: &Server, switches: &Switches, ask: &Ask, key: &str, card: &str) -> Said {
    let cloud = server.cloud();
    let found = seen(server, &cloud, switches, ask, key);
    let found = found.and_then(|machine| {
        let card = machine.1.cards.iter().find(|one| one.id.to_string() == card)?;
        Some((machine, card))
    });
    let Some((machine, card)) = found else { return Said::Missing { listed: false } };
    let rows = server.card_rows(switches, &cloud, machine, card, ask.period(switches, server.now()));
    let kilobytes = |bytes: u64| bytes / switches.kilobyte.max(1);
    let shown = rows.iter().map(|row| {
        json!({ "net_hourly_stat": {
            "id": row.end / 3_600 * 100 + i64::from(card.id) % 100, "virtual_machine_id": machine.0,
            "network_interface_id": card.id, "user_id": row.owner,
            "data_sent": kilobytes(row.moved.sent), "data_received": kilobytes(row.moved.received),
            "stat_time": stat_time(switches, ask, row.end),
            "created_at": stat_time(switches, ask, row.created + 1),
            "updated_at": stat_time(switches, ask, row.updated + 1),
        } })
    });
    Said::List(shown.collect())
}
