//! The first people and subscriptions.

use super::guid::guid;
use super::people::{ADMIN, Person, Rank};
use super::plans::{CUSTOM, PLANS, RESOLD};
use super::world::Subscription;
use crate::growth::BEGINNING;
use crate::truth::{Deed, Truth};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

const STEMS: [&str; 8] = [
    "harbor-lane",
    "quay-house",
    "tide-mill",
    "pier-nine",
    "salt-works",
    "gull-rock",
    "ropewalk",
    "lighter-yard",
];

/// Domains that DNS knows by other letters.
const INTERNATIONAL: [(&str, &str); 4] = [
    ("münchen-fracht", "xn--mnchen-fracht-wob"),
    ("żeglarz", "xn--eglarz-opb"),
    ("café-du-port", "xn--caf-du-port-dbb"),
    ("seeweg-öl", "xn--seeweg-l-t4a"),
];

const RESELLERS: [(u32, &str); 2] = [(2, "quayside"), (3, "northpier")];

/// The number of the first customer.
const FIRST_CUSTOMER: u32 = 10;

/// 2023-02-07T09:30:00Z: when the first subscription was made.
const FIRST_MADE: i64 = 1_675_762_200;

/// How long before the start the latest subscriptions were made.
const NEWCOMER_SECONDS: i64 = 10 * 86_400;

/// The administrator, the resellers, and the customers of so many subscriptions.
pub fn people(subscriptions: usize) -> BTreeMap<u32, Person> {
    let person = |id, login: &str, name: &str, rank, vendor| {
        let (login, name) = (login.to_owned(), name.to_owned());
        (id, Person { id, login, name, rank, vendor, suspended: false })
    };
    let mut people = BTreeMap::from([person(ADMIN, "admin", "Harborla Hosting", Rank::Admin, ADMIN)]);
    people.extend(RESELLERS.map(|(id, login)| person(id, login, login, Rank::Reseller, ADMIN)));
    for number in 0..subscriptions.div_ceil(2) as u32 {
        let vendor = match number % 4 {
            1 => RESELLERS[0].0,
            3 => RESELLERS[1].0,
            _ => ADMIN,
        };
        let (login, name) = (format!("harbor{}", 4_101 + number), format!("M & L Lane {number}"));
        let (id, customer) = person(FIRST_CUSTOMER + number, &login, &name, Rank::Customer, vendor);
        people.insert(id, customer);
    }
    people
}

/// The first subscriptions; every seventh is new since some days, every fourth has additional sites.
pub fn subscriptions(truth: &Truth, accounts: usize, now: DateTime<Utc>) -> BTreeMap<String, Subscription> {
    let made = (0..accounts).map(|number| subscription(number, now.timestamp()));
    let subscriptions: BTreeMap<_, _> = made.map(|one| (one.name.clone(), one)).collect();
    for one in subscriptions.values() {
        one.parts().iter().for_each(|part| truth.enroll_part(&one.name, part));
        if one.created > FIRST_MADE && now.timestamp() - one.created <= NEWCOMER_SECONDS {
            truth.did_to_all(&one.name, BEGINNING, Deed::Vanish);
            truth.did_to_all(&one.name, one.created, Deed::Reappear);
        }
    }
    subscriptions
}

fn subscription(number: usize, now: i64) -> Subscription {
    let id = 12 + 4 * number as u32;
    let (name, ascii_name) = domain(number);
    let customer = number / 2;
    let (owner, is_resold) = match number % 10 {
        9 => (ADMIN, false),
        4 => (RESELLERS[0].0, true),
        _ => (FIRST_CUSTOMER + customer as u32, customer % 2 == 1),
    };
    let plan = match (number % 5, is_resold) {
        (2, _) => None,
        (_, true) => Some(RESOLD),
        (turn, false) => Some(turn % RESOLD),
    };
    let limits = plan.map_or(CUSTOM, |plan| PLANS[plan].limits);
    let sites: &[u32] = match number % 12 {
        0 => &[1, 2],
        4 | 8 => &[1],
        _ => &[],
    };
    let overuse = ["notify", "not_suspend_notify", "not_suspend"].get(number % 4);
    Subscription {
        id,
        guid: guid("subscription", &name),
        sites: sites.iter().map(|site| (id + site, format!("shop{site}.{ascii_name}"))).collect(),
        owner,
        plan,
        addon: number % 6 == 1,
        created: match number % 7 {
            5 => now - NEWCOMER_SECONDS,
            _ => FIRST_MADE + (number as i64 % 300) * 3 * 86_400,
        },
        status: 0,
        overuse: overuse.map(|policy| (*policy).to_owned()),
        limits: limits.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        performance: ["-1".to_owned(), "-1".to_owned()],
        locked: false,
        synchronized: true,
        vanished: false,
        fails: None,
        revised: BTreeMap::new(),
        name,
        ascii_name,
    }
}

/// The domain of subscription number `number`, in both spellings.
pub fn domain(number: usize) -> (String, String) {
    if number % 10 == 3 {
        let (name, ascii) = INTERNATIONAL[number / 10 % INTERNATIONAL.len()];
        return (format!("{name}.n{number:03}.example"), format!("{ascii}.n{number:03}.example"));
    }
    let name = format!("{}-{number:03}.example", STEMS[number % STEMS.len()]);
    (name.clone(), name)
}

#[cfg(test)]
mod tests {
    use super::super::world::{MAIN, site_part};
    use super::*;

    #[test]
    fn names_numbers_and_identities_are_used_once() {
        let truth = Truth::new(1);
        let made = subscriptions(&truth, 300, crate::clock::at(1_795_226_400));
        let mut ids: Vec<u32> = made.values().map(|one| one.id).collect();
        ids.extend(made.values().flat_map(|one| one.sites.iter().map(|(id, _)| *id)));
        let mut guids: Vec<&str> = made.values().map(|one| one.guid.as_str()).collect();
        let (all_ids, all_guids) = (ids.len(), guids.len());
        ids.sort_unstable();
        ids.dedup();
        guids.sort_unstable();
        guids.dedup();
        assert_eq!((made.len(), ids.len(), guids.len()), (300, all_ids, all_guids));
        let people = people(300);
        assert!(made.values().all(|one| people.contains_key(&one.owner)));
        assert!(truth.parts(&domain(0).0).contains(&site_part(13)));
        assert_eq!(truth.parts(&domain(1).0), [MAIN]);
    }
}
