//! A hundred thousand accounts, and one page of them.

use std::collections::BTreeMap;

use litemap::LiteMap;

use super::*;
use crate::domain::{BillingZone, Month, Seconds, Timestamp};
use crate::metering::MonthToDate;
use crate::reported::Base;
use crate::standing::SeriesStanding;

const ACCOUNTS: u64 = 100_000;
const NOW: i64 = 1_795_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(seconds).expect("in range")
}

fn bytes(count: u64) -> Bytes {
    Bytes::new(count).expect("fits")
}

fn moment() -> Moment {
    Moment::new(at(NOW), BillingZone::parse("Europe/Warsaw").expect("a zone"), Seconds::hours(26))
}

/// Account `n` stores as much as it is called, has moved ten times that, and may store a hundred thousand.
fn account(number: u64) -> AccountStanding {
    let series = |meter, level, moved| SeriesStanding {
        meter,
        at: at(NOW),
        level,
        month: Some(MonthToDate {
            amount: bytes(moved),
            ..MonthToDate::new(Month::parse("2026-11").expect("a month"))
        }),
        shown: bytes(moved),
        held_back: None,
        doubted: None,
    };
    AccountStanding {
        series: vec![
            series(Meter::StorageUsed, Some(bytes(number)), number),
            series(Meter::TrafficOut, None, number * 10),
        ],
        limits: [(Meter::StorageUsed, Limit::UpTo(bytes(ACCOUNTS)))].into_iter().collect(),
        domain: Some(format!("<script>alert({number})</script>\u{202e}.example")),
        ..AccountStanding::first_seen(at(NOW))
    }
}

fn standing() -> Arc<Standing> {
    let name = |number: u64| AccountName::new(&format!("customer-{number:06}")).expect("a name");
    let accounts = (0..ACCOUNTS).map(|number| (name(number), Arc::new(account(number))));
    Arc::new(Standing {
        backend: BackendId::new("s3-fra1").expect("a name"),
        kind: "s3".into(),
        number: 1,
        version: 1,
        acts: 0,
        list_doubt: None,
        accounts: accounts.collect::<BTreeMap<_, _>>(),
        changed: Vec::new(),
        changed_since: (1, 0, 0),
        read_at: 1,
        moved: LiteMap::new(),
    })
}

#[test]
fn a_hundred_thousand_accounts_are_one_page_in_every_order() {
    let (standings, moment) = (vec![standing()], moment());
    let figures = Figures { moment, base: Base::default() };
    let found = |words: &str, state: &str, sort: &str, page| {
        let (numbered, rows) = find(&standings, words, state, sort, page, &moment);
        let html = table(&figures, &rows).into_string();
        assert!(rows.len() <= ROWS && html.matches("<tr class=\"account\"").count() == rows.len());
        assert!(html.len() < ROWS * 2500, "{} bytes", html.len());
        let names: Vec<String> = rows.iter().map(|(_, name, _)| name.to_string()).collect();
        (numbered.total, names)
    };
    let first = |(total, names): (usize, Vec<String>)| {
        (total, names.len(), names.first().cloned().unwrap_or_default())
    };
    let all = ACCOUNTS as usize;
    assert_eq!(first(found("", "", "", None)), (all, ROWS, "customer-000000".into()));
    assert_eq!(first(found("", "", "", Some(3))), (all, ROWS, "customer-000100".into()));
    assert_eq!(
        first(found("", "", "", Some(usize::MAX))),
        (all, ROWS, "customer-099950".into()),
        "the last there is"
    );
    for sort in ["limit", "stored", "traffic"] {
        assert_eq!(first(found("", "", sort, None)), (all, ROWS, "customer-099999".into()), "{sort}");
    }
    assert_eq!(first(found("", "near", "", None)), (20_000, ROWS, "customer-080000".into()));
    assert_eq!(first(found("", "over", "", None)), (0, 0, String::new()));
    assert_eq!(first(found("omer-00012", "", "", None)), (10, 10, "customer-000120".into()));
    // Every account is on one page, and on no other.
    let mut seen = Vec::new();
    for page in 1..=2 {
        seen.extend(found("omer-0001", "", "stored", Some(page)).1);
    }
    assert_eq!(seen.len(), 100);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 100, "none twice");
}
