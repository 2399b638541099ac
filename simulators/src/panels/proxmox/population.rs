//! Who lives in a fresh cluster: machines and containers, on and off, with one card or two.

use super::world::{Doing, Guest, GuestKind, Health, Node, Run, World};
use crate::truth::Truth;
use std::collections::BTreeMap;

/// The number of the first guest.
const FIRST: u32 = 100;

/// The number of the template, which is no account.
pub const TEMPLATE: u32 = 900_000;

const DAY: i64 = 86_400;

/// Fills a world with nodes and guests; every second kind of oddity is among the first sixteen.
pub fn settle(world: &mut World, truth: &Truth, accounts: usize, nodes: usize, now: i64) {
    for index in 0..nodes {
        let started = now - 30 * DAY - 3_600 * index as i64;
        world.nodes.push(Node { name: format!("pve{}", index + 1), started, health: Health::Online });
    }
    for index in 0..accounts {
        let guest = guest(index, nodes);
        add(world, truth, guest, now - 20 * DAY, (index % 16 != 10).then_some(now - uptime(index)));
    }
    if accounts > 0 {
        let mut template = guest(0, nodes);
        template.vmid = TEMPLATE;
        template.template = true;
        template.name = "debian-13".into();
        template.past.push((now - 20 * DAY, Doing::default()));
        world.guests.insert(TEMPLATE, template);
    }
}

/// Between an hour and a week, no two alike.
fn uptime(index: usize) -> i64 {
    3_600 + 10 * (index as i64 * 7_919 % 60_000)
}

fn add(world: &mut World, truth: &Truth, mut guest: Guest, made: i64, started: Option<i64>) {
    let account = guest.vmid.to_string();
    let cards: Vec<String> = guest.cards().cloned().collect();
    cards.iter().for_each(|card| truth.enroll_part(&account, card));
    // A root file system is never empty.
    if guest.kind == GuestKind::Lxc && truth.level(&account, made).is_none_or(|level| level < 1 << 20) {
        truth.set_level(&account, made, 600_000_000 + u64::from(guest.vmid));
    }
    guest.past.push((made, Doing::default()));
    match started {
        None => {
            truth.did_to_all(&account, made, crate::truth::Deed::Halt);
        }
        Some(since) => {
            let plugged = cards.iter().map(|card| (card.clone(), truth.part_traffic(&account, card, since)));
            let run = Some(Run { since, plugged: plugged.collect() });
            guest.past.push((since, Doing { run, paused: false }));
        }
    }
    world.guests.insert(guest.vmid, guest);
}

fn guest(index: usize, nodes: usize) -> Guest {
    let vmid = FIRST + index as u32;
    let kind = if index % 4 == 3 { GuestKind::Lxc } else { GuestKind::Qemu };
    let cards = if index % 8 == 6 { 2 } else { 1 };
    Guest {
        vmid,
        kind,
        name: match kind {
            GuestKind::Qemu => format!("web-{vmid}.example.net"),
            GuestKind::Lxc => format!("ct{vmid}"),
        },
        pool: (index % 5 != 4).then(|| format!("cust-{}", index / 3)),
        tags: if index % 7 == 5 { "gold".into() } else { format!("gold;svc-{}", 1_000 + index) },
        template: false,
        node: index % nodes,
        config: config(vmid, kind, cards, index),
        pending: BTreeMap::new(),
        lock: None,
        vanished: false,
        past: Vec::new(),
        odd: BTreeMap::new(),
    }
}

/// A configuration as the server writes it.
pub fn config(vmid: u32, kind: GuestKind, cards: usize, index: usize) -> BTreeMap<String, String> {
    let rate = if index % 5 == 1 { ",rate=100" } else { "" };
    let size = 8 + 4 * (index % 7);
    let mut config = BTreeMap::new();
    let mut set = |key: &str, value: String| config.insert(key.to_owned(), value);
    for card in 0..cards {
        let mac = mac(vmid, card as u32);
        let value = match kind {
            GuestKind::Qemu => format!("virtio={mac},bridge=vmbr{card},firewall=1{rate}"),
            GuestKind::Lxc => format!(
                "name=eth{card},bridge=vmbr{card},firewall=1,gw=192.0.2.1,hwaddr={mac},ip=192.0.2.20/24{rate},type=veth"
            ),
        };
        set(&format!("net{card}"), value);
    }
    match kind {
        GuestKind::Qemu => {
            set("scsi0", format!("local-zfs:vm-{vmid}-disk-0,iothread=1,size={size}G"));
            set("efidisk0", format!("local-zfs:vm-{vmid}-disk-1,efitype=4m,size=528K"));
            set("ide2", "local:iso/debian.iso,media=cdrom,size=700M".into());
            set("meta", "creation-qemu=10.1.2,ctime=1790000000".into());
            set("name", format!("web-{vmid}.example.net"));
        }
        GuestKind::Lxc => {
            set("rootfs", format!("local-zfs:subvol-{vmid}-disk-0,size={size}G"));
            set("hostname", format!("ct{vmid}"));
        }
    }
    set("memory", "4096".into());
    set("onboot", "1".into());
    config
}

/// The address of a card; another one each time it is made.
pub fn mac(vmid: u32, turn: u32) -> String {
    let [_, a, b, c] = vmid.wrapping_mul(64).wrapping_add(turn).to_be_bytes();
    format!("BC:24:11:{a:02X}:{b:02X}:{c:02X}")
}
