//! Names, spellings, pins and rivals.

use super::*;
use crate::domain::{AccountName, FoundBy, HoldingNo, Owner, Service, Timestamp, UsageDay};
use crate::metering::Life;

fn service(id: i64, username: &str, status: &str) -> Service {
    Service::new(id, 1, username, status)
}

fn name(text: &str) -> AccountName {
    AccountName::new(text).expect("valid")
}

/// Rulings of accounts: name, pin, owner so far.
fn rulings(services: &Services, accounts: &[(&str, Option<i64>, Option<i64>)]) -> Vec<Ruling> {
    let names: Vec<AccountName> = accounts.iter().map(|(text, ..)| name(text)).collect();
    let all: Vec<Claimant<'_>> = names
        .iter()
        .zip(accounts)
        .map(|(name, (_, pinned, owner))| Claimant {
            name,
            by: FoundBy::Username,
            pinned: *pinned,
            owner: *owner,
        })
        .collect();
    let claims = Claims::new(Some(12), Some(services), all.iter().copied());
    all.iter().map(|claimant| claims.ruling(claimant)).collect()
}

fn owned(service: i64) -> Ruling {
    Ruling::Owned { service, pinned: false }
}

fn pinned(service: i64) -> Ruling {
    Ruling::Owned { service, pinned: true }
}

fn contested(services: &[i64], withholds: bool) -> Ruling {
    Ruling::Contested { services: services.to_vec(), withholds }
}

#[test]
fn the_name_decides_then_its_spelling_then_who_is_alive_and_a_pin_before_all() {
    let services = Services::new(vec![
        service(1, "alice", "Active"),
        service(2, "Alice", "Active"),
        service(3, "Bob ", "Active"),
        service(4, "carol", "Terminated"),
        service(5, "carol", "Suspended"),
        service(6, "dave", "Active"),
        service(7, "dave", "Active"),
        service(8, "erin", "Cancelled"),
        service(9, "whm-6", "Active"),
    ]);
    let one = |account: &str, pin: Option<i64>| rulings(&services, &[(account, pin, None)]).remove(0);
    assert_eq!(one("alice", None), owned(1));
    assert_eq!(one("Alice", None), owned(2));
    assert_eq!(one("ALICE", None), contested(&[1, 2], true));
    assert_eq!(one("bob", None), owned(3));
    assert_eq!(one("carol", None), owned(5));
    assert_eq!(one("dave", None), contested(&[6, 7], true));
    assert_eq!(one("dave", Some(7)), pinned(7));
    assert_eq!(one("eve", Some(99)), Ruling::Unclaimed, "the pinned one is gone");
    assert_eq!(one("x", Some(4)), Ruling::Unclaimed, "the pinned one has ended");
    assert_eq!(one("erin", None), Ruling::Unclaimed);
    assert_eq!(one("whm-6", None), Ruling::Unclaimed, "a companion has no account of its own");
}

#[test]
fn accounts_that_are_named_by_their_site_find_their_service_by_its_domain() {
    let sold = |id, username: &str, domain: Option<&str>, account: Option<&str>| Service {
        domain: domain.map(str::to_string),
        account: account.map(str::to_string),
        ..service(id, username, "Active")
    };
    // One login, several subscriptions: its name alone says nothing.
    let services = Services::new(vec![
        sold(1, "mlane", Some("harbor-lane.example"), None),
        sold(2, "mlane", Some("bücher.example"), None),
        sold(3, "mlane", None, None),
        sold(4, "vmuser", Some("vps.example"), Some("4711")),
    ]);
    let one = |account: &str, by: FoundBy| {
        let name = name(account);
        let claimant = Claimant { name: &name, by, pinned: None, owner: None };
        Claims::new(Some(12), Some(&services), std::iter::once(claimant)).ruling(&claimant)
    };
    assert_eq!(one("harbor-lane.example", FoundBy::Domain), owned(1));
    assert_eq!(one("Harbor-Lane.example", FoundBy::Domain), owned(1));
    assert_eq!(one("xn--bcher-kva.example", FoundBy::Domain), owned(2), "a domain in its other spelling");
    assert_eq!(one("mlane", FoundBy::Domain), Ruling::Unclaimed);
    assert_eq!(one("harbor-lane.example", FoundBy::Username), Ruling::Unclaimed);
    assert_eq!(one("mlane", FoundBy::Username), contested(&[1, 2, 3], true));
    // What the panel's own module tells goes before both.
    for by in [FoundBy::Username, FoundBy::Domain] {
        assert_eq!(one("4711", by), owned(4));
        assert_eq!(one("vmuser", by), Ruling::Unclaimed);
        assert_eq!(one("vps.example", by), Ruling::Unclaimed);
    }
}

#[test]
fn the_exact_name_takes_its_service_alone_and_the_others_are_left_over() {
    let services = Services::new(vec![service(1, "alice", "Active")]);
    let found = rulings(&services, &[("ALICE", None, None), ("alice", None, None), ("Alice", None, None)]);
    assert_eq!(found, [contested(&[1], false), owned(1), contested(&[1], false)]);
    let two = Services::new(vec![service(1, "bob", "Active"), service(2, "BOB", "Active")]);
    let found = rulings(&two, &[("bob", None, None), ("Bob", None, None)]);
    assert_eq!(found, [owned(1), contested(&[2], true)], "what has its exact account waits for no other");
    let spelled = rulings(&services, &[("ALICE", None, None), ("Alice", None, None)]);
    assert_eq!(spelled, [contested(&[1], true), contested(&[1], true)]);
}

#[test]
fn of_two_accounts_of_one_name_the_owner_keeps_it_and_both_wait() {
    let services = Services::new(vec![service(1, "alice", "Active")]);
    let both = rulings(&services, &[("alice", None, Some(1)), ("alice", None, None)]);
    assert_eq!(both, [owned(1), contested(&[1], true)]);
    let new = rulings(&services, &[("alice", None, None), ("alice", None, None)]);
    assert_eq!(new, [contested(&[1], true), contested(&[1], true)]);
    let said = rulings(&services, &[("alice", Some(1), None), ("alice", Some(1), None)]);
    assert_eq!(said, [pinned(1), pinned(1)]);
    let names = [name("alice"), name("bob")];
    let of = |pin: Option<i64>| {
        let all = [(0, None, None), (1, pin, None)];
        let all = all.map(|(index, pinned, owner): (usize, Option<i64>, Option<i64>)| Claimant {
            name: &names[index],
            by: FoundBy::Username,
            pinned,
            owner,
        });
        Claims::new(Some(12), Some(&services), all.into_iter()).is_contested(1)
    };
    assert!(of(Some(1)), "bob by an operator's word, alice by her name");
    assert!(!of(None));
}

#[test]
fn a_list_of_other_numbers_is_told_from_names_that_are_sold_again() {
    let owning = [service(5, "alice", "Active"), service(9, "bob", "Active"), service(7, "carol", "Active")];
    let same = |list: &[Service]| renumbered(owning.iter(), list);
    let anew = [service(3, "alice", "Active"), service(5, "bob", "Active")];
    assert_eq!(same(&anew), [(5, 3), (9, 5)].into(), "numbers are given to others");
    let resold =
        [service(5, "alice", "Terminated"), service(12, "alice", "Active"), service(9, "bobby", "Active")];
    assert!(same(&resold).is_empty(), "sold again; another username");
}

#[test]
fn the_same_services_are_found_by_their_names_and_others_keep_out_of_their_numbers() {
    let known = |id, username: &'static str, is_live, is_here| KnownService {
        id,
        username: Some(username),
        is_live,
        is_here,
    };
    let list = [
        service(2, "alice", "Active"),
        service(1, "bob", "Active"),
        service(3, "carol", "Active"),
        service(4, "dora", "Active"),
        service(5, "dora", "Active"),
        service(6, "alice", "Terminated"),
        service(7, "gus", "Active"),
    ];
    let before = [
        known(1, "alice", true, true),
        known(2, "bob", true, true),
        known(3, "carol", true, true),
        known(9, "dora", true, true),
        known(8, "alice", false, true),
        known(4, "eve", false, true),
        known(5, "frank", true, false),
        known(7, "gus", true, false),
        KnownService { id: 6, username: None, is_live: false, is_here: false },
        known(-5, "parked before", false, true),
        known(11, "harry", true, true),
    ];
    let numbers = new_numbers(&before, &list);
    // Two change places; who ended is found among the ended; who is not found, or whose number is taken, gets one of
    // our own, and two called dora are nobody in particular.
    let expected = [(1, 2), (2, 1), (8, 6), (4, -4), (5, -10), (6, -6), (9, -9), (11, -11)];
    assert_eq!(numbers, expected.into(), "carol and gus have theirs still");
    let unchanged = [known(3, "carol", true, true), known(4, "eve", false, true)];
    let same = [service(3, "carol", "Active")];
    assert!(new_numbers(&unchanged, &same).is_empty(), "nobody has another number");
    let unique: std::collections::HashSet<&i64> = numbers.values().collect();
    assert_eq!(unique.len(), numbers.len());
}

#[test]
fn pins_may_cross() {
    let services = Services::new(vec![service(1, "alice", "Active"), service(2, "carol", "Active")]);
    let found = rulings(&services, &[("bob", Some(1), None), ("alice", Some(2), None)]);
    assert_eq!(found, [pinned(1), pinned(2)]);
}

fn day(text: &str) -> UsageDay {
    UsageDay::parse(text).expect("a day")
}

#[test]
fn what_is_nobodys_is_taken_from_the_day_the_contract_began() {
    let mut sold = service(1, "alice", "Active");
    let life = Life::new(&name("alice"), 1, Timestamp::EPOCH, HoldingNo::new(1));
    let today = day("2026-11-20");
    let intended = |sold: &Service, life: &Life| {
        let services = Services::new(vec![sold.clone()]);
        let sold = Sold { server: Some(12), services: Some(&services), by: FoundBy::Username };
        intent(life, &owned(1), &sold, today, |_| Some(day("2026-11-18")))
    };
    let since = |sold: &Service, life: &Life| match intended(sold, life) {
        Intent::TakeOver { since, owner: Owner::Service(1) } => since,
        other => panic!("{other:?}"),
    };
    assert_eq!(since(&sold, &life), day("2026-11-01"), "never owned: the running month");
    sold.registered = Some(day("2026-09-03"));
    assert_eq!(since(&sold, &life), day("2026-09-03"));
    sold.registered = Some(day("2026-11-21"));
    assert_eq!(since(&sold, &life), today, "it is tomorrow where WHMCS is");
    sold.registered = Some(day("2026-11-22"));
    assert_eq!(intended(&sold, &life), Intent::Open(Owner::Service(1)), "nothing of today's is its own");
    sold.registered = None;
    let mut owned_before = life.clone();
    owned_before.holdings[0].parts[0].owner = Owner::Service(9);
    owned_before.holdings.push(crate::metering::Holding::new(
        HoldingNo::new(2),
        Timestamp::EPOCH,
        Owner::Unowned,
    ));
    assert_eq!(since(&sold, &owned_before), day("2026-11-18"), "since it was first listed");
}

#[test]
fn an_account_keeps_its_owner_until_a_living_service_claims_it() {
    let mut life = Life::new(&name("alice"), 1, Timestamp::EPOCH, HoldingNo::new(1));
    life.holdings[0].parts[0].owner = Owner::Service(7);
    let today = day("2026-11-20");
    let of = |life: &Life, ruling: &Ruling| {
        intent(life, ruling, &Sold { server: Some(12), services: None, by: FoundBy::Username }, today, |_| {
            None
        })
    };
    assert_eq!(of(&life, &Ruling::Unclaimed), Intent::Keep);
    assert_eq!(of(&life, &contested(&[1, 2], true)), Intent::Keep);
    assert_eq!(of(&life, &Ruling::ByName(Owner::named(12, "alice"))), Intent::Keep);
    assert_eq!(of(&life, &owned(8)), Intent::Open(Owner::Service(8)));
    life.holdings[0].parts[0].owner = Owner::named(12, "alice");
    let to = |to| Intent::HandOver { from: Owner::named(12, "alice"), to };
    assert_eq!(of(&life, &owned(8)), to(Owner::Service(8)));
    assert_eq!(of(&life, &Ruling::Unclaimed), to(Owner::Unowned));
    let other = Owner::named(13, "alice");
    assert_eq!(of(&life, &Ruling::ByName(other.clone())), Intent::Open(other));
    // The panel has renamed it.
    let renamed = Owner::named(12, "alina");
    assert_eq!(of(&life, &Ruling::ByName(renamed.clone())), to(renamed));
}
