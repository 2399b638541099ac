//! Lines of invoices: one intent among many, no day billed twice, and whatever was unknown is settled once.

use super::*;
use whmeter::pricing::{Money, Quantity, Tag};
use whmeter::store::{BillableItem, Intent, LineEnd, LineState, NewLine};

fn line(account: &str, service: i64, period: (&str, &str), correction: u32) -> NewLine {
    let day = |text: &str| UsageDay::parse(text).unwrap();
    let period = BillingPeriod::new(day(period.0), day(period.1)).unwrap();
    NewLine {
        account: AccountKey { backend: backend(), name: name(account) },
        tag: Tag { service, period, meter: Meter::StorageUsed, correction },
        client: 1042,
        rule: "gb-months".into(),
        hash: "a".repeat(64),
        // Beyond 64 bits, and no whole number of bytes.
        used: Quantity::average(ByteMinutes::new(123_456_789_012_345_678_901), Minutes::new(44_640)).unwrap(),
        included: bytes(7),
        amount: Money::new(145, 2).unwrap(),
        currency: "EUR".into(),
        description: "Müller's storage".into(),
    }
}

const MARCH: (&str, &str) = ("2026-03-01", "2026-04-01");

pub async fn a_line_is_intended_once_and_settled_once(databases: &Databases) {
    let fresh = databases.fresh().await;
    let stores = [open(&fresh, 400).await, open(&fresh, 400).await];
    let now = at("2026-04-03T12:00:00Z");
    let march = line("alice", 7731, MARCH, 0);
    let intents = (0..8).map(|number| {
        let (store, march) = (stores[number % 2].clone(), march.clone());
        tokio::spawn(async move { store.intend_line(&march, "somebody", now).await.unwrap() })
    });
    let mut ours = 0;
    for intent in intents.collect::<Vec<_>>() {
        match intent.await.unwrap() {
            Intent::Ours(attempt) => ours += attempt,
            Intent::There(known) => assert_eq!((known.state, &known.line), (LineState::Intended, &march)),
            Intent::Overlaps(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(ours, 1, "one of eight, for the first time");

    // Days that a service has in common with a line of its own are billed already, whatever account it is made
    // out for; another service's are free: an account may have had several payers.
    let store = &stores[0];
    for (other, is_free) in [
        (line("alice", 7731, ("2026-03-31", "2026-04-02"), 0), false),
        (line("alice", 99, MARCH, 0), true),
        (line("bob", 7731, ("2026-03-10", "2026-03-11"), 0), false),
        (line("bob", 98, MARCH, 0), true),
        (line("alice", 7731, ("2026-04-01", "2026-05-01"), 0), true),
        (line("alice", 7731, MARCH, 1), true),
    ] {
        let intent = store.intend_line(&other, "somebody", now).await.unwrap();
        assert_eq!(matches!(intent, Intent::Ours(1)), is_free, "{intent:?}");
        assert_eq!(matches!(intent, Intent::Overlaps(_)), !is_free, "{intent:?}");
    }
    // Refused it may be tried again, and only the newest attempt ends it.
    let end = |attempt, end: LineEnd| {
        let (store, march) = (store.clone(), march.clone());
        async move { store.end_line(&march, attempt, &end, "said", "somebody", now).await.unwrap() }
    };
    assert!(end(1, LineEnd::Refused).await);
    assert!(!end(1, LineEnd::Unknown).await, "it has ended");
    assert_eq!(store.intend_line(&march, "somebody", now).await.unwrap(), Intent::Ours(2));
    assert!(!end(1, LineEnd::Created(Some(1))).await, "an attempt that others have given up on");
    assert!(end(2, LineEnd::Unknown).await);

    // WHMCS's own list: too early it says nothing, in time it does, and what turns up is there.
    let item = |id, tag: String| BillableItem { id, tag: Some(tag) };
    let none = BillableItem { id: 3, tag: None };
    let reported =
        stores[1].settle_by_items(std::slice::from_ref(&none), now.plus(Seconds::new(300)), now).await;
    assert_eq!((reported.as_ref().unwrap().absent, reported.unwrap().open), (0, 5));
    let late = now.plus(Seconds::new(301));
    let bobs = line("bob", 98, MARCH, 0).tag.to_string();
    let reported = store.settle_by_items(&[none, item(5, bobs.clone())], late, now).await.unwrap();
    assert_eq!((reported.created, reported.absent, reported.open), (1, 4, 0));
    let known = store.invoice_line(&bobs).await.unwrap().unwrap();
    assert_eq!(
        (known.state, known.billable, &known.line),
        (LineState::Created, Some(5), &line("bob", 98, MARCH, 0))
    );
    let items = [item(6, march.tag.to_string()), item(9, march.tag.to_string())];
    let reported = store.settle_by_items(&items, late, now).await.unwrap();
    assert_eq!((reported.created, reported.twice), (1, vec![march.tag.to_string()]));
    let lines = store.invoice_lines(march.tag.period).await.unwrap();
    assert_eq!(lines.iter().filter(|line| line.state == LineState::Created).count(), 2);
    assert!(store.open_lines().await.unwrap().is_empty());

    // A list that may have been cut says nothing of what is older than itself.
    let may = line("alice", 7731, ("2026-05-01", "2026-06-01"), 0);
    assert_eq!(store.intend_line(&may, "somebody", late).await.unwrap(), Intent::Ours(1));
    let later = late.plus(Seconds::new(1000));
    let cut = |from: i64| (from..from + 20_000).map(|id| BillableItem { id, tag: None }).collect::<Vec<_>>();
    assert_eq!(store.settle_by_items(&cut(100), later, later).await.unwrap().open, 1);
    assert_eq!(store.settle_by_items(&cut(2), later, later).await.unwrap().absent, 1);

    let acts = store.acts(Some(&march.account), 100).await.unwrap();
    assert!(acts.len() >= 5 && acts.iter().all(|act| act.action == "invoice"), "{acts:#?}");

    let hash = "b".repeat(64);
    assert!(!store.is_armed(&hash).await.unwrap());
    for _ in 0..2 {
        store.arm_rules(&[(hash.clone(), "gb-months".into())], "somebody", now).await.unwrap();
    }
    assert!(stores[1].is_armed(&hash).await.unwrap() && !store.is_armed(&"c".repeat(64)).await.unwrap());
}
