//! What the cluster shows: the rows of `/cluster/resources` and of the lists per node.
//!
//! Every figure is that of the node's last snapshot; a row nobody renewed for five minutes loses its
//! figures.

use super::cluster::Cluster;
use super::reply::RAW;
use super::switches::Switches;
use super::world::{EXPIRY, Guest, GuestKind, Node, World};
use crate::growth::Traffic;
use serde_json::{Map, Value, json};

/// The rows of `/cluster/resources`; `only` is one of its types.
pub fn resources(cluster: &Cluster, only: Option<&str>) -> Value {
    let (world, switches, now) = (cluster.world(), cluster.switches(), cluster.now());
    let wants = |kind: &str| only.is_none_or(|only| only == kind);
    let may = |right: &str| switches.privileges.contains(right);
    let mut rows = Vec::new();
    if only.is_none() && may("Pool.Audit") {
        let pools =
            world.guests.values().filter(|guest| !guest.vanished).filter_map(|guest| guest.pool.as_ref());
        let pools: std::collections::BTreeSet<_> = pools.collect();
        rows.extend(
            pools
                .into_iter()
                .map(|pool| json!({ "id": format!("/pool/{pool}"), "type": "pool", "pool": pool })),
        );
    }
    if wants("vm") {
        let mut guests: Vec<_> =
            world.guests.values().filter(|guest| !guest.vanished && sees(&switches, guest)).collect();
        // As strings: 1000 stands before 101.
        guests.sort_by_key(|guest| guest.vmid.to_string());
        rows.extend(guests.into_iter().map(|guest| guest_row(cluster, &world, &switches, guest, now)));
    }
    for node in world.nodes.iter().filter(|_| wants("node")) {
        rows.push(node_row(node, now, may("Sys.Audit")));
    }
    for node in world.nodes.iter().filter(|_| wants("storage") && may("Datastore.Audit")) {
        let status = if node.is_seen() { "available" } else { "unknown" };
        rows.push(json!({
            "id": format!("storage/{}/local-zfs", node.name), "type": "storage", "storage": "local-zfs",
            "node": node.name, "plugintype": "zfspool", "status": status, "shared": 0,
            "content": "images,rootdir", "disk": 25_294_921_728_u64, "maxdisk": 962_664_386_560_u64,
        }));
    }
    if switches.version >= 9 && wants("network") {
        rows.extend(world.nodes.iter().map(|node| {
            json!({
                "id": format!("network/{}/zone/localnetwork", node.name), "type": "network", "node": node.name,
                "network": "localnetwork", "network-type": "zone", "status": "ok",
            })
        }));
    }
    Value::Array(rows)
}

/// Whether the user may see a guest.
pub fn sees(switches: &Switches, guest: &Guest) -> bool {
    let some = switches.sees_only.as_ref().is_none_or(|some| some.contains(&guest.vmid));
    switches.privileges.contains("VM.Audit") && some
}

fn node_row(node: &Node, now: i64, with_figures: bool) -> Value {
    let status = if node.is_seen() { "online" } else { "offline" };
    let mut row =
        json!({ "id": format!("node/{}", node.name), "type": "node", "node": node.name, "status": status });
    if with_figures && node.is_seen() {
        let figures = json!({
            "uptime": now - node.started, "level": "", "cpu": 0.1103515625, "maxcpu": 32, "mem": 68_719_476_736_u64,
            "maxmem": 274_877_906_944_u64, "disk": 9_663_676_416_u64, "maxdisk": 100_861_726_720_u64, "cgroup-mode": 2,
        });
        merge(&mut row, figures);
    }
    row
}

fn guest_row(cluster: &Cluster, world: &World, switches: &Switches, guest: &Guest, now: i64) -> Value {
    let mut row = json!({
        "id": guest.id(), "type": guest.kind.name(), "vmid": guest.vmid, "node": world.nodes[guest.node].name,
    });
    if let Some(pool) = guest.pool.as_ref().filter(|_| switches.privileges.contains("Pool.Audit")) {
        row["pool"] = json!(pool);
    }
    match figures(cluster, &world.nodes[guest.node], guest, now) {
        None => row["status"] = json!("unknown"),
        Some(figures) => {
            merge(&mut row, figures.row(guest));
            row["name"] = json!(guest.name);
            row["template"] = json!(u8::from(guest.template));
            if !guest.tags.is_empty() {
                row["tags"] = json!(guest.tags);
            }
            if let Some(lock) = &guest.lock {
                row["lock"] = json!(lock);
            }
            if switches.version >= 9 {
                row["memhost"] = row["mem"].clone();
            }
        }
    }
    // Containers of old releases wrote what was a number as text.
    if switches.version == 7 && guest.kind == GuestKind::Lxc {
        for key in ["vmid", "disk", "maxdisk", "netin", "netout"] {
            if let Some(number) = row.get_mut(key) {
                *number = json!(number.to_string());
            }
        }
    }
    for (key, raw) in &guest.odd {
        row[key] = json!(format!("{RAW}{raw}"));
    }
    row
}

/// The figures of a guest at its node's last snapshot.
pub struct Figures {
    /// `running`, `stopped` or `paused`.
    pub status: &'static str,
    /// Seconds since its run began.
    pub uptime: i64,
    /// What each card has counted.
    pub cards: Vec<(String, Traffic)>,
    used: u64,
}

/// The figures of a guest; `None` where nobody has told any for long, or yet.
pub fn figures(cluster: &Cluster, node: &Node, guest: &Guest, now: i64) -> Option<Figures> {
    let at = node.snapshot(now);
    let doing = guest.doing(at).filter(|_| now - at <= EXPIRY)?;
    let Some(run) = &doing.run else {
        return Some(Figures { status: "stopped", uptime: 0, cards: Vec::new(), used: 0 });
    };
    let counted = |card: &String| {
        let plugged = run.plugged.get(card).copied().unwrap_or_default();
        (card.clone(), cluster.moved(guest, card, at) - plugged)
    };
    Some(Figures {
        status: if doing.paused { "paused" } else { "running" },
        uptime: at - run.since,
        cards: guest.cards().map(counted).collect(),
        used: match guest.kind {
            GuestKind::Qemu => 0,
            GuestKind::Lxc => cluster.knobs.truth.level(&guest.vmid.to_string(), at).unwrap_or(0),
        },
    })
}

impl Figures {
    /// All cards together: in is towards the guest.
    pub fn sum(&self) -> Traffic {
        self.cards.iter().fold(Traffic::default(), |sum, (_, moved)| sum + *moved)
    }

    fn row(&self, guest: &Guest) -> Value {
        let (sum, on) = (self.sum(), u64::from(self.uptime > 0));
        json!({
            "status": self.status, "uptime": self.uptime, "netin": sum.received, "netout": sum.sent,
            "disk": self.used, "maxdisk": guest.disk_size(), "cpu": on as f64 * 0.018_120_374_001_723_9,
            "maxcpu": 2, "mem": on * 2_147_483_648, "maxmem": 4_294_967_296_u64, "diskread": on * 53_700_096,
            "diskwrite": on * 1_229_848_576,
        })
    }
}

/// The guests of one kind on one node, with their cards where `full`.
pub fn on_node(cluster: &Cluster, node: usize, kind: GuestKind, full: bool) -> Value {
    let (world, switches, now) = (cluster.world(), cluster.switches(), cluster.now());
    let here = world.guests.values().filter(|guest| guest.node == node && guest.kind == kind);
    let here = here.filter(|guest| !guest.vanished && sees(&switches, guest));
    Value::Array(here.map(|guest| current(cluster, &world.nodes[node], guest, now, full)).collect())
}

/// One guest as its own node tells it, which asks it anew.
pub fn current(cluster: &Cluster, node: &Node, guest: &Guest, now: i64, full: bool) -> Value {
    let figures = figures(cluster, node, guest, now);
    let figures = figures.unwrap_or(Figures { status: "stopped", uptime: 0, cards: Vec::new(), used: 0 });
    let mut row = figures.row(guest);
    let runs = figures.uptime > 0;
    row["name"] = json!(guest.name);
    row["vmid"] = json!(guest.vmid);
    let strings = cluster.switches().version < 9 && guest.kind == GuestKind::Lxc;
    if strings {
        row["vmid"] = json!(guest.vmid.to_string());
    }
    row["status"] = json!(if guest.now().run.is_some() { "running" } else { "stopped" });
    if guest.kind == GuestKind::Qemu {
        let doing = guest.now();
        row["qmpstatus"] = json!(match (doing.run.is_some(), doing.paused) {
            (false, _) => "stopped",
            (true, true) => "paused",
            (true, false) => "running",
        });
        if full && runs {
            let cards = figures.cards.iter().map(|(card, moved)| {
                let tap = format!("tap{}i{}", guest.vmid, card.trim_start_matches("net"));
                (tap, json!({ "netin": moved.received, "netout": moved.sent }))
            });
            row["nics"] = Value::Object(cards.collect::<Map<_, _>>());
        }
    }
    row
}

fn merge(row: &mut Value, more: Value) {
    if let (Value::Object(row), Value::Object(more)) = (row, more) {
        row.extend(more);
    }
}
