//! What is shown is true: not too old, not of another month, not gone, not half a poll.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use whmeter::domain::{Limit, Meter, Month, Policy};
use whmeter::standing::AccountStanding;

use crate::fixtures::*;
use crate::server::Server;

#[test]
fn never_7_no_number_lies_by_age() {
    let facts = AccountStanding {
        suspended: Some(true),
        policy: Some(Policy::Standard),
        storage_limit: Limit::of_size(bytes(9)),
        limits: storage(bytes(9)),
        mapped: None,
        ..account(vec![series(Meter::StorageUsed, NOON - HOUR, 1), series(Meter::TrafficIn, NOON, 2)])
    };
    let mut standing = standing("s3-fra1", [(name("alice"), facts.clone())]);
    let exposition = exposition();
    exposition.update(&standing, at(NOON));
    let shown = |text: &str| {
        [
            "storage_used",
            "storage_month",
            "limit_used",
            "traffic_bytes",
            "account_suspended",
            "storage_limit",
            "account_limited",
        ]
        .map(|family| text.contains(&format!("\nwhmeter_{family}")))
    };
    assert_eq!(shown(&text(&exposition)), [true; 7]);
    // 26 h old is still shown, a second more is not; what came with the traffic goes with it.
    exposition.tick(at(NOON + 25 * HOUR));
    assert_eq!(shown(&text(&exposition)), [true; 7]);
    exposition.tick(at(NOON + 25 * HOUR + 1));
    assert_eq!(shown(&text(&exposition)), [false, false, false, true, true, true, true]);
    exposition.tick(at(NOON + 26 * HOUR + 1));
    assert_eq!(shown(&text(&exposition)), [false; 7]);
    assert!(text(&exposition).contains("whmeter_account_info{"), "who it is does not age");

    // Nobody has to tick: the scrape itself asks for the time.
    let late = NOON + 30 * HOUR;
    commit(&mut standing, [(name("alice"), facts)]);
    exposition.update(&standing, at(NOON + 30 * HOUR));
    let server = Server::start(&exposition, late);
    assert_eq!(shown(&server.get("/metrics")), [false; 7]);
    let read_again = account(vec![series(Meter::StorageUsed, late, 3)]);
    commit(&mut standing, [(name("alice"), read_again)]);
    exposition.update(&standing, at(late));
    assert!(server.get("/metrics").contains("account=\"alice\"} 3\n"), "it returns when it is read again");
    let much_later = Server::start(&exposition, late + 27 * HOUR);
    assert_eq!(shown(&much_later.get("/metrics")), [false; 7]);

    // A failed poll says so, and the last truth stays.
    exposition.tick(at(late));
    exposition.backends(&[state("s3-fra1", Some(late), Some(late), Some("busy"))]);
    let page = server.get("/metrics");
    assert!(page.contains("whmeter_poll_success{backend=\"s3-fra1\"} 0\n"), "{page}");
    assert!(page.contains("account=\"alice\"} 3\n"), "{page}");
}

#[test]
fn a_month_that_is_over_is_hidden_until_the_account_is_read_again() {
    // Half an hour before December begins in Warsaw, which is not when it begins in UTC.
    let eve = zone().start_of(Month::parse("2026-12").expect("a month").first()).get() - HOUR / 2;
    let read = |when, value| account(vec![series(Meter::TrafficOut, when, value)]);
    let mut standing = standing("vpn1", [(name("alice"), read(eve, 100)), (name("bob"), read(eve, 200))]);
    let exposition = exposition();
    exposition.update(&standing, at(eve));
    let months = || text(&exposition).matches("\nwhmeter_traffic_month_bytes").count();
    let totals = || text(&exposition).matches("\nwhmeter_traffic_bytes_total").count();
    exposition.tick(at(eve + HOUR / 2 - 1));
    assert_eq!((months(), totals()), (2, 2));
    exposition.tick(at(eve + HOUR / 2));
    assert_eq!((months(), totals()), (0, 2));
    commit(&mut standing, [(name("bob"), read(eve + HOUR, 220))]);
    exposition.update(&standing, at(eve + HOUR));
    assert_eq!((months(), totals()), (1, 2));
}

#[test]
fn the_month_turns_without_a_poll_and_takes_what_was_reported_of_it_along() {
    let turn = zone().start_of(Month::parse("2026-12").expect("a month").first()).get();
    let exposition = exposition();
    let told = [reported("alice", "disk", 7, 0, turn - HOUR)];
    exposition.reported(12, told[0].month, &told, at(turn - HOUR));
    let page = |now| Server::start(&exposition, now).get("/metrics/self");
    let bounds = |start: i64, end: i64| {
        format!(
            "\nwhmeter_billing_month_start_timestamp_seconds {start}\n# HELP \
             whmeter_billing_month_end_timestamp_seconds When the next billing month begins, in seconds since \
             1970.\n# TYPE whmeter_billing_month_end_timestamp_seconds gauge\n\
             whmeter_billing_month_end_timestamp_seconds {end}\n"
        )
    };
    // November has thirty days in Warsaw, December 31; the clocks were turned back in October.
    let november = page(turn - 1);
    assert!(november.contains(&bounds(turn - 30 * 24 * HOUR, turn)), "{november}");
    assert!(november.contains("whmeter_reported_bytes{"), "{november}");
    let december = page(turn);
    assert!(december.contains(&bounds(turn, turn + 31 * 24 * HOUR)), "{december}");
    assert!(!december.contains("whmeter_reported_"), "{december}");
    // What comes late for a month that is over is not shown as this month's.
    exposition.reported(12, told[0].month, &told, at(turn));
    assert!(!page(turn).contains("whmeter_reported_"));
}

#[test]
fn the_seats_of_a_licence_are_withheld_when_they_are_too_old() {
    let exposition = exposition();
    exposition.backends(&[state("vpn1", Some(NOON), Some(NOON), None)]);
    let shown = |now| Server::start(&exposition, now).get("/metrics").contains("whmeter_licence_seats{");
    assert!(shown(NOON + 26 * HOUR));
    assert!(!shown(NOON + 26 * HOUR + 1));
}

#[test]
fn a_vanished_account_and_a_removed_backend_leave_at_once() {
    let read = || account(vec![series(Meter::StorageUsed, NOON, 1)]);
    let mut standing = standing("s3-fra1", [(name("alice"), read()), (name("bob"), read())]);
    let exposition = exposition();
    exposition.update(&standing, at(NOON));
    commit(&mut standing, [(name("bob"), AccountStanding { gone_at: Some(at(NOON)), ..read() })]);
    exposition.update(&standing, at(NOON));
    assert!(!text(&exposition).contains("bob") && text(&exposition).contains("alice"));
    commit(&mut standing, [(name("bob"), read())]);
    exposition.update(&standing, at(NOON));
    assert!(text(&exposition).contains("bob"), "one that comes back is shown again");
    exposition.remove(&backend("s3-fra1"));
    assert_eq!(text(&exposition), "");
}

#[test]
fn no_half_poll_is_visible() {
    let all = |value| {
        (0..700)
            .map(move |n| (name(&format!("u{n}")), account(vec![series(Meter::StorageUsed, NOON, value)])))
    };
    let mut standing = standing("s3-fra1", all(1));
    let exposition = exposition();
    exposition.update(&standing, at(NOON));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut pages = 0;
            while !stop.load(Ordering::Relaxed) {
                let page = text(&exposition);
                let used = page.lines().filter(|line| line.starts_with("whmeter_storage_used"));
                let values: BTreeSet<_> = used.filter_map(|line| line.rsplit(' ').next()).collect();
                assert_eq!(values.len(), 1, "two polls on one page");
                pages += 1;
            }
            pages
        });
        for value in 2..60 {
            commit(&mut standing, all(value * value * value));
            exposition.update(&standing, at(NOON));
        }
        stop.store(true, Ordering::Relaxed);
        assert!(reader.join().expect("no mixed page") > 0);
    });
}

#[test]
fn one_old_reading_in_a_young_crowd_is_withheld_in_its_own_time() {
    let read = |when| account(vec![series(Meter::StorageUsed, when, 7)]);
    let mut standing = standing("s3-fra1", (0..100).map(|n| (name(&format!("u{n}")), read(NOON))));
    let exposition = exposition();
    exposition.update(&standing, at(NOON));
    commit(&mut standing, [(name("u42"), read(NOON - 20 * HOUR))]);
    exposition.update(&standing, at(NOON));
    let shown = || text(&exposition).matches("\nwhmeter_storage_used_bytes{").count();
    exposition.tick(at(NOON + 6 * HOUR));
    assert_eq!(shown(), 100);
    exposition.tick(at(NOON + 6 * HOUR + 1));
    assert_eq!(shown(), 99);
}
