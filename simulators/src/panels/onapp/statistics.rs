//! Statistics of many at once, and money beside them.

use super::ask::Ask;
use super::hours::{Row, Span};
use super::reply::{Said, stat_time};
use super::switches::{Costs, Switches};
use super::world::{Cloud, HOUR, Machine, Server};
use super::{machines, users};
use crate::growth::Traffic;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a gigabyte of traffic costs, in the panel's money.
const PER_GIGABYTE: f64 = 0.02;

/// What an hour of a machine costs.
const PER_HOUR: f64 = 0.0131;

/// The row of a card, with the card's number and name.
type OfCard = (u32, String, Row);

impl Server {
    /// The rows of all cards of a machine, by card.
    fn machine_rows(
        &self,
        switches: &Switches,
        cloud: &Cloud,
        machine: (u32, &Machine),
        span: Span,
    ) -> Vec<OfCard> {
        let rows = machine.1.cards.iter().flat_map(|card| {
            let rows = self.card_rows(switches, cloud, machine, card, span);
            rows.into_iter().map(|row| (card.id, card.label.clone(), row))
        });
        rows.collect()
    }
}

/// `usage_statistics.json`: sums by machine and user, of those that are gone too.
pub fn bulk(server: &Server, switches: &Switches, ask: &Ask) -> Said {
    let cloud = server.cloud();
    let now = server.now();
    let span = match switches.bulk_obeys_period && ask.has_period() {
        true => ask.period(switches, now),
        false => (now - switches.default_hours * HOUR, now),
    };
    let mut sums: BTreeMap<(u32, u32), Traffic> = BTreeMap::new();
    for (id, machine) in &cloud.machines {
        for (_, _, row) in server.machine_rows(switches, &cloud, (*id, machine), span) {
            let sum = sums.entry((*id, row.owner)).or_default();
            *sum = *sum + row.moved;
        }
    }
    let whose = ask.whose(switches);
    let own = sums.into_iter().filter(|((_, owner), _)| whose.is_none_or(|whose| whose == *owner));
    let text = |bytes: u64| format!("{}.0", bytes / switches.kilobyte.max(1));
    let shown = own.map(|((machine, owner), sum)| {
        json!({ "vm_stat": {
            "virtual_machine_id": machine, "user_id": owner, "data_sent": text(sum.sent),
            "data_received": text(sum.received), "data_read": "8400.0", "data_written": "551148.0",
            "reads_completed": "2088.0", "writes_completed": "100749.0", "cpu_usage": "5016.0",
        } })
    });
    Said::List(shown.collect())
}

fn cost(switches: &Switches, amount: f64) -> Value {
    match switches.costs {
        Costs::Floats => amount.into(),
        Costs::Texts => format!("{amount:.4}").into(),
        Costs::Huge => 2.342_100_018_167e28.into(),
    }
}

fn traffic_cost(moved: Traffic) -> f64 {
    (moved.sent + moved.received) as f64 / f64::from(1 << 30) * PER_GIGABYTE
}

/// `users/{id}/user_statistics.json`: what everything cost, in one, or by hour.
pub fn of_user(server: &Server, switches: &Switches, ask: &Ask, user: &str) -> Said {
    let cloud = server.cloud();
    let now = server.now();
    let Some((user, _)) = users::seen(&cloud, switches, ask, user) else {
        return Said::Missing { listed: true };
    };
    let span = ask.period(switches, now);
    let mut hours: BTreeMap<i64, BTreeMap<u32, Traffic>> = BTreeMap::new();
    for (id, machine) in &cloud.machines {
        let rows = server.machine_rows(switches, &cloud, (*id, machine), span);
        for (_, _, row) in rows.into_iter().filter(|(_, _, row)| row.owner == user) {
            let sum = hours.entry(row.end).or_default().entry(*id).or_default();
            *sum = *sum + row.moved;
        }
    }
    if ask.query.first("hourly_stats").is_some() {
        let shown = hours.iter().map(|(end, machines)| {
            let parts = machines.iter().map(|(id, moved)| (*id, (1, *moved)));
            user_stat(switches, user, stat_time(switches, ask, *end), &parts.collect())
        });
        return Said::List(shown.collect());
    }
    let mut whole: BTreeMap<u32, (u32, Traffic)> = BTreeMap::new();
    for (id, moved) in hours.into_values().flatten() {
        let (hours, sum) = whole.entry(id).or_default();
        (*hours, *sum) = (*hours + 1, *sum + moved);
    }
    Said::Tree(user_stat(switches, user, Value::Null, &whole))
}

fn user_stat(switches: &Switches, user: u32, at: Value, machines: &BTreeMap<u32, (u32, Traffic)>) -> Value {
    let costs = |(hours, moved): (u32, Traffic)| (traffic_cost(moved), f64::from(hours) * PER_HOUR);
    let total: f64 = machines.values().map(|sum| costs(*sum)).map(|(usage, fixed)| usage + fixed).sum();
    let shown = machines.iter().map(|(id, sum)| {
        let (usage, fixed) = costs(*sum);
        json!({ "vm_stat": {
            "virtual_machine_id": id, "usage_cost": cost(switches, usage),
            "vm_resources_cost": cost(switches, fixed), "total_cost": cost(switches, usage + fixed),
        } })
    });
    let mut fields = json!({
        "stat_time": at, "vm_cost": cost(switches, total), "backup_cost": cost(switches, 0.0),
        "edge_group_cost": cost(switches, 0.0), "total_cost": cost(switches, total), "currency_code": "USD",
        "user_id": user, "vm_stats": shown.collect::<Vec<_>>(),
    });
    if switches.release() >= (6, 0) {
        fields["total_cost_with_discount"] = cost(switches, total * 0.9);
    }
    json!({ "user_stat": fields })
}

/// `vm_stats.json` of a user's machines, or of one machine: by hour, with what each thing cost.
pub fn by_hour(server: &Server, switches: &Switches, ask: &Ask, user: Option<&str>, key: &str) -> Said {
    let cloud = server.cloud();
    let now = server.now();
    let chosen: Vec<(u32, &Machine)> = match user {
        Some(user) => match users::seen(&cloud, switches, ask, user) {
            Some((user, _)) => cloud.machines_of(Some(user), now).collect(),
            None => return Said::Missing { listed: true },
        },
        None => match machines::seen(server, &cloud, switches, ask, key) {
            Some(machine) => vec![machine],
            None => return Said::Missing { listed: false },
        },
    };
    let span = ask.period(switches, now);
    let mut hours: BTreeMap<(i64, u32), Vec<OfCard>> = BTreeMap::new();
    for machine in chosen {
        for card in server.machine_rows(switches, &cloud, machine, span) {
            hours.entry((card.2.end, machine.0)).or_default().push(card);
        }
    }
    let hour = |((end, machine), cards): ((i64, u32), Vec<OfCard>)| {
        let usage: f64 = cards.iter().map(|(_, _, row)| traffic_cost(row.moved)).sum();
        let id = end / HOUR * 1_000 + i64::from(machine) % 1_000;
        let owner = cards.first().map(|(_, _, row)| row.owner);
        json!({ "vm_hourly_stat": {
            "id": id, "stat_time": stat_time(switches, ask, end), "virtual_machine_id": machine,
            "user_id": owner, "vm_billing_stat_id": id, "currency_code": "USD",
            "total_cost": cost(switches, usage + PER_HOUR), "usage_cost": cost(switches, usage),
            "vm_resources_cost": cost(switches, PER_HOUR),
            "created_at": stat_time(switches, ask, end + 30), "updated_at": stat_time(switches, ask, end + 30),
            "billing_stats": {
                "virtual_machines": [{ "id": machine, "label": "machine", "costs": [
                    { "resource_name": "cpus", "value": 2, "cost": cost(switches, PER_HOUR) },
                ] }],
                "disks": [],
                "network_interfaces": cards.iter().map(|card| card_costs(switches, card)).collect::<Vec<_>>(),
            },
        } })
    };
    Said::List(hours.into_iter().map(hour).collect())
}

fn card_costs(switches: &Switches, (id, label, row): &OfCard) -> Value {
    let resource = |name: &str, bytes: u64| {
        let moved = Traffic { received: 0, sent: bytes };
        let value = bytes / switches.kilobyte.max(1);
        json!({ "resource_name": name, "value": value, "cost": cost(switches, traffic_cost(moved)) })
    };
    json!({ "id": id, "label": label, "costs": [
        resource("ip_addresses", 0), resource("data_sent", row.moved.sent),
        resource("data_received", row.moved.received),
    ] })
}

/// `users/{id}/monthly_bills.json`: no names around the elements.
pub fn bills(server: &Server, switches: &Switches, ask: &Ask, user: &str) -> Said {
    match users::seen(&server.cloud(), switches, ask, user) {
        Some(_) => Said::List(vec![
            json!({ "cost": cost(switches, 3.49), "month": 1 }),
            json!({ "cost": cost(switches, 2.34), "month": 2 }),
        ]),
        None => Said::Missing { listed: true },
    }
}
