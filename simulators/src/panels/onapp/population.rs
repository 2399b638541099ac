//! The first users, machines and CDN resources.

use super::cdn;
use super::world::{API_USER, Card, Cloud, GIGABYTE, Machine, Resource, Scope, Server, User};
use crate::growth::BEGINNING;
use crate::truth::{Deed, Truth};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const DAY: i64 = 86_400;

/// How long before the start the latest accounts were made.
const NEWCOMER_SECONDS: i64 = 10 * DAY;

/// The numbers of the first of each.
const FIRST_USER: u32 = 117;
const FIRST_MACHINE: u32 = 1_343;
const FIRST_CARD: u32 = 2_688;
const FIRST_RESOURCE: u32 = 41;

const NAMES: [[&str; 2]; 5] =
    [["Ada", "Holm"], ["Jörg", "Söhne & Co"], ["Brigid", "O'Neill"], ["Zoë", "100% Möbel"], ["Ivo", "Lund"]];

/// Fourteen lowercase letters and digits, always the same for a thing.
pub fn identifier(kind: &str, number: u32) -> String {
    let digits = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let hash = Sha256::digest(format!("{kind}\0{number}"));
    hash.iter().take(14).map(|byte| char::from(digits[usize::from(*byte) % digits.len()])).collect()
}

/// Forty hex digits.
pub fn hex_key(kind: &str, number: u32) -> String {
    hex::encode(Sha256::digest(format!("{kind}\0{number}")))[..40].to_owned()
}

/// The truth that such accounts have, in what the panel can tell exactly.
pub fn truth(seed_truth: Truth, scope: Scope, cdn_megabyte: u64, kilobyte: u64) -> Truth {
    seed_truth.in_blocks_of(GIGABYTE).in_packets_of(scope.packet(cdn_megabyte, kilobyte))
}

/// Makes the first users, machines and resources, so many accounts of the scope in all.
pub fn settle(server: &Server, accounts: usize) {
    let now = server.now();
    let users = match server.scope {
        Scope::Vm => accounts.div_ceil(3) + 1,
        _ => accounts,
    };
    let mut cloud = Cloud::default();
    for number in 0..users {
        let id = if number == 0 { API_USER } else { FIRST_USER + number as u32 - 1 };
        cloud.users.insert(id, user(id, number, now));
    }
    let owners: Vec<u32> = cloud.users.keys().copied().collect();
    let machines = match server.scope {
        Scope::Vm => accounts,
        // Everybody has one, and some have more.
        _ => users + users / 3,
    };
    let mut card = FIRST_CARD;
    for number in 0..machines {
        let id = FIRST_MACHINE + number as u32 * 3;
        let owner = owners[match server.scope {
            Scope::Vm => (number / 3 + 1).min(owners.len() - 1),
            _ => number % owners.len(),
        }];
        let cards = if number % 4 == 1 { 2 } else { 1 };
        let machine = machine(server.scope, id, number, owner, card..card + cards, now);
        card += cards;
        cloud.machines.insert(id, machine);
    }
    for (number, owner) in owners.iter().enumerate() {
        for further in 0..if number % 5 == 2 { 2 } else { 1 } {
            let id = FIRST_RESOURCE + (number * 2 + further) as u32;
            cloud.resources.insert(id, resource(id, number, *owner, now));
        }
    }
    enroll(server, &cloud);
    *server.cloud_mut() = cloud;
}

fn user(id: u32, number: usize, now: i64) -> User {
    let login = match number {
        0 => "opsadmin".to_owned(),
        _ => format!("cust{id}"),
    };
    let created = now - (200 + number as i64 % 700) * DAY - number as i64 * 61;
    User {
        identifier: identifier("user", id),
        email: format!("{login}@cp.example.test"),
        login,
        names: NAMES[number % NAMES.len()].map(str::to_owned),
        created,
        updated: created,
        suspended: false,
        deleted: None,
        plan: if number.is_multiple_of(2) { 12 } else { 13 },
        group: number as u32 % 3 + 1,
        api_key: hex_key("key", id),
    }
}

fn machine(
    scope: Scope,
    id: u32,
    number: usize,
    owner: u32,
    cards: std::ops::Range<u32>,
    now: i64,
) -> Machine {
    // Every seventh is new, and never since a full hour.
    let age = if number % 7 == 5 { NEWCOMER_SECONDS } else { (70 + number as i64 % 600) * DAY };
    let created = now - age - number as i64 * 61;
    // Some are switched off; where machines are accounts these are few, and not the first.
    let halted = number % 9 == 8 && scope == Scope::Vm;
    let card = |(place, id): (usize, u32)| Card {
        id,
        label: format!("eth{place}"),
        rate: if number.is_multiple_of(3) { 0 } else { 100 },
        lost: Vec::new(),
        revised: BTreeMap::new(),
    };
    Machine {
        identifier: identifier("machine", id),
        label: format!("web-{number:02}"),
        domain: format!("harbor-{number}.example.test"),
        owners: vec![(BEGINNING, owner)],
        created,
        updated: created,
        suspended: false,
        with_user: false,
        booted: !halted,
        halted,
        vanished: false,
        size: (2 + number as u32 % 3, 4_096),
        cards: cards.enumerate().map(card).collect(),
        package: (number % 5 == 3).then_some(4),
    }
}

fn resource(id: u32, number: usize, owner: u32, now: i64) -> Resource {
    let groups = cdn::GROUPS.iter().take(number % 3 + 1).map(|(group, _)| *group).collect();
    Resource {
        owner,
        hostname: format!("cdn-{id}.example.test"),
        reference: 90_170 + id,
        groups,
        created: now - (300 + number as i64) * DAY,
        vanished: false,
    }
}

/// Tells the truth of all of them.
fn enroll(server: &Server, cloud: &Cloud) {
    let truth = &server.knobs.truth;
    let login = |id: &u32| cloud.users.get(id).map_or("", |user| user.login.as_str());
    if server.scope != Scope::Vm {
        cloud.users.values().for_each(|user| truth.enroll(&user.login));
    }
    for (id, machine) in &cloud.machines {
        for card in &machine.cards {
            let (account, part) = server.card_place(login(&machine.owners[0].1), *id, card.id);
            truth.enroll_part(&account, &part);
            truth.did(&account, &part, BEGINNING, Deed::Vanish);
            truth.did(&account, &part, machine.created, Deed::Reappear);
            if machine.halted {
                truth.did(&account, &part, BEGINNING, Deed::Halt);
            }
        }
    }
    for (id, resource) in &cloud.resources {
        for group in &resource.groups {
            let (account, part) = server.resource_place(login(&resource.owner), *id, *group);
            truth.enroll_part(&account, &part);
        }
    }
}
