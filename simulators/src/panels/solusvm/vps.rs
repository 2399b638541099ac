//! Version 1: what is told of a server.

use super::plans::Plan;
use super::soup::Answer;
use super::switches::Switches;
use super::world::{GIB, Health, Machine, Master};
use crate::form::Form;
use serde_json::{Value, json};

/// One row of a node's list: no figures, no state, no plan.
pub fn listed(master: &Master, id: u64, machine: &Machine) -> Value {
    Value::Object(
        described(master, id, machine).into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    )
}

/// The same of one server, with its processors.
pub fn info(master: &Master, id: u64, machine: &Machine) -> Answer {
    let mut fields = described(master, id, machine);
    fields.push(("cpus", Plan::at(machine.plan).vcpu.to_string().into()));
    Answer::of(fields).bare()
}

fn described(master: &Master, id: u64, machine: &Machine) -> Vec<(&'static str, Value)> {
    let plan = Plan::at(machine.plan);
    let kind = kind(master, machine);
    let prefix = kind.split(' ').next().unwrap_or_default();
    let mac = format!("00:16:3e:73:{:02x}:{:02x}", machine.place / 256 % 256, machine.place % 256);
    vec![
        ("vserverid", id.to_string().into()),
        ("ctid-xid", format!("{prefix}{}", id + machine.generation * 100_000).into()),
        ("clientid", machine.owner.to_string().into()),
        ("ipaddress", address(machine).into()),
        ("hostname", format!("vps{id}.example.net").into()),
        ("template", "debian-12-x86_64".into()),
        ("hdd", (plan.disk * GIB).to_string().into()),
        ("memory", plan.ram.to_string().into()),
        ("swap-burst", GIB.to_string().into()),
        ("type", kind.into()),
        ("mac", mac.into()),
    ]
}

/// Everything of one server.
pub fn all(master: &Master, switches: &Switches, id: u64, machine: &Machine, asked: &Form) -> Answer {
    if master.node_of(machine).is_some_and(|node| node.health == Health::Dead) {
        return Answer::error("Unable to connect to the node");
    }
    let state = if asked.get("nostatus") == "true" { "" } else { state(master, machine) };
    let mut fields = vec![
        ("node", Value::from(format!("node{}", machine.node))),
        ("state", state.into()),
        ("mainipaddress", address(machine).into()),
        ("ipaddresses", addresses(machine).into()),
        ("type", kind(master, machine).replace(' ', "").into()),
        ("bandwidth", bandwidth(master, switches, id, machine).into()),
        ("memory", memory(master, switches, machine).into()),
        ("hdd", hdd(master, switches, id, machine).into()),
    ];
    if switches.tells_graphs && asked.get("nographs") != "true" {
        for graph in ["trafficgraph", "loadgraph", "memorygraph"] {
            fields.push((graph, format!("/graphs/{}/{id}/{graph}.png", machine.node).into()));
        }
    }
    if switches.tells_graphs {
        fields.push(("rescuemode", "0".into()));
    }
    Answer::of(fields)
}

/// What the customer's API tells of one server, as far as it is asked for.
pub fn for_customer(
    master: &Master,
    switches: &Switches,
    id: u64,
    machine: &Machine,
    asked: &Form,
) -> Answer {
    let mut fields = vec![
        ("hostname", Value::from(format!("vps{id}.example.net"))),
        ("ipaddress", address(machine).into()),
    ];
    let more = [
        ("bw", bandwidth(master, switches, id, machine)),
        ("hdd", hdd(master, switches, id, machine)),
        ("mem", memory(master, switches, machine)),
        ("ipaddr", addresses(machine)),
    ];
    let wanted = more.into_iter().filter(|(name, _)| asked.get(name) == "true");
    fields.extend(wanted.map(|(name, text)| (name, text.into())));
    Answer::of(fields)
}

/// `online`, `offline`, or `disabled` where it is suspended.
pub fn state(master: &Master, machine: &Machine) -> &'static str {
    let is_dead = master.node_of(machine).is_some_and(|node| node.health == Health::Dead);
    match (machine.suspended, machine.on && !is_dead) {
        (true, _) => "disabled",
        (false, true) => "online",
        (false, false) => "offline",
    }
}

/// Figures of a node that nobody should bill by.
pub fn statistics(id: u64, kind: &str, servers: usize) -> Answer {
    let words = json!({
        "id": id.to_string(), "virt": kind, "name": format!("node{id}"), "ip": "192.0.2.9",
        "hostname": format!("node{id}.example.net"), "memorylimit": 415_834_112, "disklimit": 89_070_272_512_u64,
        "freememory": "3572736", "freedisk": "800522240", "allocatedmemory": 7_213_056,
        "allocatedbandwidth": 503_316_480, "virtualservers": servers, "freeips": 33, "freeipv6": "400",
        "freeipv6subnets": "10", "nodegroupid": "1", "nodegroupname": "EU", "country": "NL", "city": "Amsterdam",
        "sshport": "22", "arch": "x86_64",
    });
    let names = [
        "id",
        "virt",
        "name",
        "ip",
        "hostname",
        "memorylimit",
        "disklimit",
        "freememory",
        "freedisk",
        "allocatedmemory",
        "allocatedbandwidth",
        "virtualservers",
        "freeips",
        "freeipv6",
        "freeipv6subnets",
        "nodegroupid",
        "nodegroupname",
        "country",
        "city",
        "sshport",
        "arch",
    ];
    Answer::of(names.into_iter().map(|name| (name, words[name].clone())).collect())
}

/// Whether the panel knows what a server of this kind holds.
pub fn tells_disk(kind: &str) -> bool {
    ["openvz", "xen"].contains(&kind)
}

fn kind(master: &Master, machine: &Machine) -> String {
    master.node_of(machine).map(|node| node.virtualization).unwrap_or_default()
}

fn address(machine: &Machine) -> String {
    format!("198.51.{}.{}", 100 + machine.place / 250, machine.place % 250 + 2)
}

fn addresses(machine: &Machine) -> String {
    let separator = if machine.place.is_multiple_of(2) { "," } else { ", " };
    format!("{}{separator}203.0.113.{}", address(machine), machine.place % 250 + 2)
}

fn bandwidth(master: &Master, switches: &Switches, id: u64, machine: &Machine) -> String {
    let counted = master.counted(id, machine);
    triple(switches, machine, Plan::at(machine.plan).bandwidth(), counted.received + counted.sent)
}

fn memory(master: &Master, switches: &Switches, machine: &Machine) -> String {
    let total = Plan::at(machine.plan).ram;
    let used = if kind(master, machine) == "openvz" { total / 6 } else { 0 };
    triple(switches, machine, total, used)
}

fn hdd(master: &Master, switches: &Switches, id: u64, machine: &Machine) -> String {
    let used = match tells_disk(&kind(master, machine)) {
        true => master.knobs.truth.level(&id.to_string(), master.now()).unwrap_or(0),
        false => 0,
    };
    triple(switches, machine, Plan::at(machine.plan).disk * GIB, used)
}

/// `total,used,free,percent`: bytes, and percent rounded to a whole number.
fn triple(switches: &Switches, machine: &Machine, total: u64, used: u64) -> String {
    if machine.suspended && !switches.disabled_tells {
        return String::new();
    }
    let free = i128::from(total) - i128::from(used);
    let free = if switches.free_below_zero { free } else { free.max(0) };
    let percent = (u128::from(used) * 200 + u128::from(total)) / (u128::from(total) * 2).max(1);
    format!("{total},{used},{free},{percent}")
}
