//! The first servers, and the nodes they run on.

use super::period::Policy;
use super::plans::PLANS;
use super::world::{Health, Machine, Node};
use crate::growth::BEGINNING;
use crate::truth::{Deed, Truth};
use std::collections::BTreeMap;

/// The part of a server that holds and moves bytes.
pub const MACHINE: &str = "machine";

/// The number of the first server.
const FIRST: u64 = 1_001;

const DAY: i64 = 86_400;

/// 2026-05-06T07:08:09Z: far from the days on which tests begin.
const CREATED: i64 = 1_778_051_289;

/// Which node runs what.
const NODES: [(u64, &str); 4] = [(1, "kvm"), (2, "openvz"), (3, "xen"), (4, "kvm")];

/// Makes the nodes.
pub fn nodes(now: i64) -> BTreeMap<u64, Node> {
    let node = |kind: &str| Node { virtualization: kind.to_owned(), health: Health::Well, since: now };
    NODES.iter().map(|(id, kind)| (*id, node(kind))).collect()
}

/// Makes the first servers.
///
/// Three of five count for life, one from the 1st, one from the 6th, its day of creation. Every seventh is five days
/// old and counts for life; every eleventh is off.
pub fn settle(truth: &Truth, accounts: usize, now: i64) -> BTreeMap<u64, Machine> {
    let mut machines = BTreeMap::new();
    for place in 0..accounts {
        let id = FIRST + place as u64;
        let name = id.to_string();
        let is_new = place % 7 == 5;
        let policy = match place % 5 {
            1 if !is_new => Policy::FirstDayOfMonth,
            3 if !is_new => Policy::VmCreatedDay,
            _ => Policy::Never,
        };
        // A clock that stands before the usual day of creation makes them older still.
        let usual = if now > CREATED + 40 * DAY { CREATED } else { BEGINNING + DAY };
        let created = if is_new { now - 5 * DAY } else { usual + place as i64 % 60 };
        truth.enroll_part(&name, MACHINE);
        truth.did_to_all(&name, BEGINNING, Deed::Vanish);
        truth.did_to_all(&name, created, Deed::Reappear);
        let on = place % 11 != 7;
        if !on {
            truth.did_to_all(&name, now, Deed::Halt);
        }
        let machine = Machine {
            place,
            generation: 0,
            node: NODES[place % NODES.len()].0,
            owner: owner(place),
            created,
            plan: place % PLANS.len(),
            policy,
            policy_since: created,
            counted_from: created,
            suspended: false,
            on,
            vanished: false,
        };
        machines.insert(id, machine);
    }
    machines
}

/// The client of the server at a place: every third has two servers.
fn owner(place: usize) -> u64 {
    7 + (place as u64 * 3) / 4
}
