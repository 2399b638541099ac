//! The same services under other numbers: whatever was theirs goes with them, at once and for good.

use super::owners::committed;
use super::*;
use whmeter::ownership::Intent;
use whmeter::pricing::{Money, Quantity, Tag};
use whmeter::reported::ReportedValue;
use whmeter::store::{Intent as Line, ListAcceptance, NewLine, ReportedBy};

fn service(id: i64, username: &str, status: &str) -> Service {
    Service::new(id, 1, username, status)
}

fn november() -> Month {
    Month::parse("2026-11").unwrap()
}

fn reported(service: i64, value: i64) -> ReportedValue {
    ReportedValue {
        payee: Owner::Service(service),
        month: november(),
        metric: "traffic_out".into(),
        server: 12,
        tenant: "t".into(),
        value,
        carried: 0,
        unit: 1 << 30,
        at: at("2026-11-20T12:00:00Z"),
    }
}

fn line(service: i64) -> NewLine {
    let tag = Tag { service, period: november().before().period(), meter: Meter::TrafficOut, correction: 0 };
    NewLine {
        account: AccountKey { backend: backend(), name: name("alice") },
        tag,
        client: 1,
        rule: "traffic".into(),
        hash: "a".repeat(64),
        used: Quantity::of(bytes(u64::try_from(service).unwrap())),
        included: Bytes::ZERO,
        amount: Money::new(145, 2).unwrap(),
        currency: "EUR".into(),
        description: "x".into(),
    }
}

/// What became of the numbers of a WHMCS that was installed anew.
const ACCOUNTS: [(&str, i64, i64); 8] = [
    ("alice", 1, 2),
    ("bob", 2, 1),
    ("carol", 3, 900),
    // Not sold any more; her number is erin's now.
    ("dora", 4, -4),
    ("frank", 5, 6),
    ("gina", 8, 9),
    ("ivan", 10, 11),
    // Another server's, whose list has not come yet; his number is carol's now.
    ("gus", 900, -900),
];

fn list(number: impl Fn(&(&'static str, i64, i64)) -> i64) -> Vec<Service> {
    let sold = ACCOUNTS.iter().take(7).filter(|one| number(one) > 0);
    sold.map(|one| service(number(one), one.0, "Active")).collect()
}

fn said(same_services: bool) -> ListAcceptance {
    ListAcceptance { same_services, author: "ann".into(), reason: "installed anew".into() }
}

/// Who pays for each account.
fn owners(book: &Book) -> Vec<(String, String)> {
    let owner = |(account, _, _): &(&str, i64, i64)| {
        ((*account).to_string(), book.life(&name(account)).unwrap().owner().to_string())
    };
    ACCOUNTS.iter().map(owner).collect()
}

fn numbered(number: impl Fn(&(&'static str, i64, i64)) -> i64) -> Vec<(String, String)> {
    ACCOUNTS.iter().map(|one| (one.0.into(), Owner::Service(number(one)).to_string())).collect()
}

pub async fn services_keep_what_is_theirs_under_other_numbers(databases: &Databases) {
    let fresh = databases.fresh().await;
    let keep = StoreSettings {
        keep_journal: whmeter::settings::Period(std::time::Duration::from_secs(86_400)),
        ..settings(&fresh, 400)
    };
    let store = Store::open(keep, fresh.folder.path()).await.unwrap();
    let now = at("2026-11-20T11:00:00Z");
    let hour = |hours: u64| now.plus(Seconds::hours(hours));
    store.put_services(12, &list(|one| one.1), &[], now).await.unwrap();
    store.put_services(13, &[service(900, "gus", "Active")], &[], now).await.unwrap();
    let held = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let take = |service| Intent::TakeOver { since: UsageDay::FIRST, owner: Owner::Service(service) };
    let taken: Vec<(&str, Intent)> = ACCOUNTS.iter().map(|one| (one.0, take(one.1))).collect();
    let used = |times: u64| {
        let of =
            |(index, one): (usize, &(&'static str, i64, i64))| (one.0, 7, times * 10u64.pow(index as u32));
        ACCOUNTS.iter().enumerate().map(of).collect::<Vec<_>>()
    };
    committed(&store, &held, &mut loaded, now, &used(0), &taken).await;
    committed(&store, &held, &mut loaded, hour(1), &used(1), &[]).await;
    let key = |account| AccountKey { backend: backend(), name: name(account) };
    for (account, service) in [("alice", 1), ("gus", 900)] {
        store.pin_service(&key(account), Some(service), "ann", hour(1)).await.unwrap();
    }
    let reported = [reported(1, 100), reported(2, 200), reported(4, 400), reported(900, 9)];
    assert!(store.report(12, november(), store.reported(12), reported.to_vec(), hour(1)).await.unwrap());
    for service in [1, 2, 4] {
        store.intend_line(&line(service), "ann", hour(1)).await.unwrap();
    }

    // Kept in memory from here on, and brought up to date by what has changed.
    let state = store.backends().await.unwrap().remove(0);
    store.standing(&state).await.unwrap();
    let mut anew = list(|one| one.2);
    anew.extend([service(4, "erin", "Active"), service(7, "harry", "Active")]);
    anew.sort_by_key(|one| one.id);
    anew.iter_mut().for_each(|one| one.client = 2);
    let refused = store.put_services(12, &anew, &[], hour(1)).await.unwrap();
    assert_eq!(refused.held.map(|held| (held.moved, held.of)), Some((6, 7)));
    assert_eq!(owners(&store.load(&backend(), None).await.unwrap().book), numbered(|one| one.1));
    // He may change his mind until then.
    store.accept_list(12, &said(false), hour(1)).await.unwrap().unwrap();
    assert_eq!(store.accept_list(12, &said(false), hour(1)).await.unwrap(), None, "he has said so");
    store.accept_list(12, &said(true), hour(1)).await.unwrap().unwrap();
    let put = store.put_services(12, &anew, &[], hour(1)).await.unwrap();
    assert_eq!((put.renumbered, put.held), (ACCOUNTS.len(), None));
    assert!(store.held_lists().await.unwrap().is_empty());

    // Whoever polled meanwhile knows the numbers of before: he commits nothing.
    let late = poll(&store, &held, &mut loaded, hour(2), &harvest(hour(2), &used(2))).await.unwrap_err();
    assert!(matches!(late, StoreError::LostLease { .. }), "{late}");
    let held = lease(&store, "a", hour(2)).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    assert_eq!(owners(&loaded.book), numbered(|one| one.2));
    store.verify(&backend(), &rules()).await.unwrap().unwrap();
    store.verify_chronicle().await.unwrap().unwrap();
    let state = store.backends().await.unwrap().remove(0);
    let standing = store.standing(&state).await.unwrap();
    for (account, _, number) in ACCOUNTS {
        assert_eq!(standing.accounts[&name(account)].owner, Owner::Service(number), "{account}");
    }
    let reported = async |service| {
        let reported = store.reported_of(&Owner::Service(service), november()).await.unwrap();
        reported.first().map(|reported| reported.value)
    };
    let moved = store.reported_of(&Owner::Service(2), november()).await.unwrap().remove(0);
    assert!(
        matches!(store.reported_by(&moved).await.unwrap(), ReportedBy::Entry(entry) if entry > 3),
        "under its new number"
    );
    let values =
        [reported(2).await, reported(1).await, reported(-4).await, reported(4).await, reported(-900).await];
    assert_eq!(values, [Some(100), Some(200), Some(400), None, Some(9)]);
    let pins = store.pinned_services(&backend()).await.unwrap();
    assert_eq!((pins[&name("alice")].service, pins[&name("gus")].service), (2, -900));
    let Line::There(there) = store.intend_line(&line(2), "ann", hour(2)).await.unwrap() else {
        panic!("alice's line is there under her new number");
    };
    assert_eq!((there.line.used, there.line.client), (line(1).used, 2));
    let erin = store.intend_line(&line(4), "ann", hour(2)).await.unwrap();
    assert_eq!(erin, Line::Ours(1), "dora's line is not erin's");

    // The other server's list comes: its one service is no crowd, but an operator has said so beforehand.
    assert_eq!(store.accept_list(13, &said(false), hour(2)).await.unwrap(), None, "nothing is held");
    store.accept_list(13, &said(true), hour(2)).await.unwrap().unwrap();
    assert!(store.held_lists().await.unwrap().is_empty(), "and holds nothing");
    let put = store.put_services(13, &[service(20, "gus", "Active")], &[], hour(2)).await.unwrap();
    assert_eq!(put.renumbered, 1);
    assert_eq!(reported(20).await, Some(9));
    let held =
        store.take_lease(&backend(), "minio", "a", hour(3), Seconds::new(60)).await.unwrap().unwrap_or(held);
    loaded = store.load(&backend(), Some(loaded)).await.unwrap();
    let gus = |one: &(&'static str, i64, i64)| if one.0 == "gus" { 20 } else { one.2 };
    assert_eq!(owners(&loaded.book), numbered(gus));
    committed(&store, &held, &mut loaded, hour(3), &used(3), &[]).await;

    // The journal tells all of it again, before it is folded and after.
    let book = replayed(&store, &backend()).await;
    assert_eq!(book.lives, loaded.book.lives);
    let spring = at("2027-01-20T11:00:00Z");
    let folded = store.fold_journal(&backend(), spring, &rules()).await.unwrap();
    assert_eq!(folded, 5);
    store.verify(&backend(), &rules()).await.unwrap().unwrap();
    store.verify_chronicle().await.unwrap().unwrap();
    assert_eq!(owners(&store.checkpoint(&backend()).await.unwrap()), numbered(gus));
    let sums = store.read_closed(november(), BillFrom::default()).await.unwrap().sums;
    assert_eq!(sums[&Owner::Service(2)][&Meter::TrafficOut].0, bytes(3), "alice, whatever her number");
    assert_eq!(sums[&Owner::Service(-4)][&Meter::TrafficOut].0, bytes(3000));
    assert!(!sums.contains_key(&Owner::Service(4)), "nothing of dora's is erin's");
}
