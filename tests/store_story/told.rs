//! What WHMCS was told: the last of each month, and what that month comes to later, folded or not.

use std::collections::HashMap;

use super::*;
use whmeter::store::{Closed, Telling};

fn telling(account: &str, month: &str, metric: &str, value: i64, server: i64) -> Telling {
    Telling {
        account: AccountKey { backend: backend(), name: name(account) },
        month: Month::parse(month).unwrap(),
        metric: metric.to_string().into(),
        server,
        tenant: format!("tenant of {account}"),
        value,
        carried: -7,
        unit: 1 << 30,
        at: at("2026-10-31T12:00:00Z"),
    }
}

async fn closed(store: &Store, server: i64) -> Vec<Closed> {
    let state = store.backends().await.unwrap().remove(0);
    let standing = store.standing(&state).await.unwrap();
    let mut closed =
        store.closed(&standing, server, Month::parse("2026-10").unwrap()).await.unwrap().to_vec();
    closed.sort_by_key(|one| (one.telling.account.clone(), one.telling.metric.clone()));
    closed
}

/// What the store itself says of these months, one at a time.
async fn check(store: &Store, closed: &[Closed]) {
    for one in closed {
        for meter in [Meter::StorageUsed, Meter::TrafficOut] {
            let month = store.month_total(&one.telling.account, meter, one.telling.month).await.unwrap();
            let (amount, held) = one.sums.get(&meter).copied().unwrap_or_default();
            let month = month.expect("read in that month");
            assert_eq!(held, month.held, "{:?} {meter}", one.telling);
            if meter == Meter::TrafficOut {
                assert_eq!(amount, month.amount, "{:?}", one.telling);
            }
        }
    }
}

pub async fn what_was_told_is_kept_and_its_month_goes_on(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 3).await;
    let start = at("2026-10-25T11:00:00Z");
    let lease = lease(&store, "a", start).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let huge = u64::MAX / 4;
    let at_step = |step: u64| start.plus(Seconds::hours(step * 12));
    for step in 0..13u64 {
        let accounts = [("a", huge, 1000 * step), ("b", 5, 7 * step)];
        poll(&store, &lease, &mut loaded, at_step(step), &harvest(at_step(step), &accounts)).await.unwrap();
    }
    let told = vec![
        telling("a", "2026-10", "traffic_out", 11, 12),
        telling("a", "2026-10", "disk_gb_month", 12, 12),
        telling("b", "2026-10", "traffic_out", 13, 12),
        telling("b", "2026-10", "traffic_out", 14, 20),
    ];
    store.put_told(vec![telling("a", "2026-09", "traffic_out", 99, 12)]).await.unwrap();
    store.put_told(told.clone()).await.unwrap();
    let before = closed(&store, 12).await;
    let values: Vec<i64> = before.iter().map(|one| one.telling.value).collect();
    assert_eq!(values, [12, 11, 13]);
    assert_eq!(before[1].telling, told[0], "as it was written");
    check(&store, &before).await;
    assert_eq!(closed(&store, 20).await.len(), 1, "every server was told its own");
    assert!(closed(&store, 21).await.is_empty());

    // The same again is not written again: the time stays that of the first telling.
    let later = |mut telling: Telling| {
        telling.at = at("2026-10-31T18:00:00Z");
        telling
    };
    let moved = Telling { value: 15, ..later(told[2].clone()) };
    store.put_told(vec![later(told[0].clone()), moved.clone()]).await.unwrap();
    let key = |account: &str| AccountKey { backend: backend(), name: name(account) };
    let october = Month::parse("2026-10").unwrap();
    let of_a = store.told(&key("a"), october).await.unwrap();
    assert_eq!(of_a, vec![told[1].clone(), told[0].clone()]);
    assert_eq!(store.told(&key("b"), october).await.unwrap(), vec![moved, told[3].clone()]);

    // The month goes on after it was told; another process sees what this one sees; days may fold.
    let over_midnight = at("2026-11-01T05:00:00Z");
    let accounts = [("a", huge, 1_000_000), ("b", 5, 1_000)];
    poll(&store, &lease, &mut loaded, over_midnight, &harvest(over_midnight, &accounts)).await.unwrap();
    let after = closed(&store, 12).await;
    assert_ne!(after[1].sums, before[1].sums, "October gained its last hours");
    check(&store, &after).await;
    let other = open(&fresh, 3).await;
    assert_eq!(closed(&other, 12).await, after);
    store.prune(UsageDay::parse("2026-11-02").unwrap(), &HashMap::new()).await.unwrap();
    assert_eq!(closed(&open(&fresh, 3).await, 12).await, after, "folding moves nothing");
}
