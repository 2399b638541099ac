//! What servers are sold as: disk, memory, and how much they may move.

use super::period::Policy;
use super::world::GIB;
use serde_json::{Value, json};

/// A limit of traffic: how much, in which unit, and whether the number is told as a text.
type Limit = Option<(u64, &'static str, bool)>;

/// One plan.
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// GiB of disk.
    pub disk: u64,
    /// Bytes of memory.
    pub ram: u64,
    /// Processors.
    pub vcpu: u64,
    total: Limit,
    incoming: Limit,
    outgoing: Limit,
}

/// The plans that are sold.
pub const PLANS: [Plan; 4] = [
    Plan {
        name: "KVM-2",
        disk: 40,
        ram: 2 * GIB,
        vcpu: 2,
        total: Some((2, "TiB", false)),
        incoming: None,
        outgoing: None,
    },
    Plan {
        name: "Harborla S",
        disk: 80,
        ram: 4 * GIB,
        vcpu: 2,
        total: None,
        incoming: Some((4_096, "GiB", false)),
        outgoing: Some((3, "TiB", true)),
    },
    Plan { name: "Unmetered", disk: 160, ram: 8 * GIB, vcpu: 4, total: None, incoming: None, outgoing: None },
    Plan {
        name: "KVM-1",
        disk: 20,
        ram: GIB,
        vcpu: 1,
        total: Some((1_500, "GiB", true)),
        incoming: None,
        outgoing: None,
    },
];

impl Plan {
    /// The plan with this place; beyond the last they begin again.
    pub fn at(place: usize) -> &'static Self {
        &PLANS[place % PLANS.len()]
    }

    /// Bytes that may pass both ways together in version 1, where nothing is unlimited.
    pub fn bandwidth(&self) -> u64 {
        let limits = [self.total, self.incoming, self.outgoing];
        let sum: u64 = limits.iter().flatten().map(|(count, unit, _)| count * bytes(unit)).sum();
        if sum == 0 { 15_000 * GIB } else { sum }
    }

    /// The plan as it stands in a server's row.
    pub fn shown(&self, id: usize, policy: Policy, old_units: bool) -> Value {
        let kind = if self.incoming.is_some() { "separate" } else { "total" };
        let volume = |limit: Limit| {
            let (count, unit, as_text) = limit.unwrap_or((0, "KiB", false));
            let told = if as_text { Value::from(count.to_string()) } else { count.into() };
            let unit = if old_units { unit.replace('i', "") } else { unit.to_owned() };
            json!({ "is_enabled": limit.is_some(), "limit": told, "unit": unit })
        };
        json!({
            "id": id + 1, "name": self.name, "params": self.specifications(),
            "reset_limit_policy": policy, "network_traffic_limit_type": kind,
            "limits": {
                "network_total_traffic": volume(self.total),
                "network_incoming_traffic": volume(self.incoming),
                "network_outgoing_traffic": volume(self.outgoing),
                "network_incoming_bandwidth": { "is_enabled": false, "limit": 0, "unit": "Kbps" },
                "network_outgoing_bandwidth": { "is_enabled": false, "limit": 0, "unit": "Kbps" },
                "network_reduce_bandwidth": { "is_enabled": self.total.is_some(), "limit": 10, "unit": "Mbps" },
            },
        })
    }

    /// Disk in GiB, memory in bytes, processors.
    pub fn specifications(&self) -> Value {
        json!({ "disk": self.disk, "ram": self.ram, "vcpu": self.vcpu })
    }
}

fn bytes(unit: &str) -> u64 {
    if unit == "TiB" { 1_024 * GIB } else { GIB }
}
