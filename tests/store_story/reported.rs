//! What WHMCS was told: the last of each month, by whoever told it, and what that month comes to later.

use std::sync::Arc;

use super::owners::committed;
use super::*;
use whmeter::ownership::Intent;
use whmeter::reported::{Closed, ClosedMonth, ReportedValue};
use whmeter::standing::Standing;

fn reported(payee: Owner, metric: &str, value: i64) -> ReportedValue {
    ReportedValue {
        tenant: format!("tenant of {payee}"),
        payee,
        month: october(),
        metric: metric.to_string().into(),
        server: 12,
        value,
        carried: -7,
        unit: 1 << 30,
        at: at("2026-10-31T12:00:00Z"),
    }
}

fn october() -> Month {
    Month::parse("2026-10").unwrap()
}

async fn closed(store: &Store) -> Arc<ClosedMonth> {
    closed_from(store, BillFrom::default()).await
}

async fn closed_from(store: &Store, from: BillFrom) -> Arc<ClosedMonth> {
    let mut standings: Vec<Arc<Standing>> = Vec::new();
    for state in store.backends().await.unwrap() {
        standings.push(store.standing(&state).await.unwrap());
    }
    store.closed(&standings, october(), from).await.unwrap()
}

/// Tells, and looks again for as long as another was quicker; says how often it had to look.
async fn report(store: &Store, reported_values: &[ReportedValue]) -> usize {
    for looked in 0..10 {
        let known = store.reported(12);
        let now = at("2026-10-31T12:00:00Z");
        if store.report(12, october(), known, reported_values.to_vec(), now).await.unwrap() {
            return looked;
        }
    }
    panic!("overtaken for ever");
}

fn values(closed: &ClosedMonth, payee: &Owner) -> Vec<(String, i64)> {
    let reported = closed.reported.get(payee).into_iter().flatten();
    reported.map(|Closed { reported, .. }| (reported.metric.to_string(), reported.value)).collect()
}

pub async fn what_was_told_follows_the_service_and_the_last_told_is_the_last(databases: &Databases) {
    let fresh = databases.fresh().await;
    let replicas = [open(&fresh, 3).await, open(&fresh, 3).await];
    let store = &replicas[0];
    let start = at("2026-10-25T11:00:00Z");
    let lease = lease(store, "a", start).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let by_name = Owner::named(12, "a");
    for step in 0..13u64 {
        let now = start.plus(Seconds::hours(step * 12));
        let intents = match step {
            0 => vec![("a", Intent::TakeOver { since: UsageDay::FIRST, owner: by_name.clone() })],
            _ => Vec::new(),
        };
        committed(store, &lease, &mut loaded, now, &[("a", 5, 1000 * step)], &intents).await;
    }
    // Two replicas tell 50, 60, 50: the last told is the last told, whoever remembers what.
    let flow = |value| reported(by_name.clone(), "traffic_out", value);
    assert_eq!(report(&replicas[0], &[flow(50)]).await, 0);
    assert_eq!(report(&replicas[1], &[flow(60)]).await, 1, "it looks again before it says anything");
    let remembered = replicas[0].reported(12);
    let said = |value| std::iter::once(("traffic_out", value, -7));
    assert!(
        remembered.knows(&by_name, october(), "tenant of a on server 12", said(50)),
        "and is out of date"
    );
    assert_eq!(report(&replicas[0], &[flow(50)]).await, 1);
    assert_eq!(report(&replicas[0], &[reported(by_name.clone(), "disk_gb_month", 12)]).await, 0);
    let month = closed(store).await;
    assert_eq!(values(&month, &by_name), [("disk_gb_month".into(), 12), ("traffic_out".into(), 50)]);
    let sums = &month.sums[&by_name];
    assert_eq!(sums[&Meter::TrafficOut].0, bytes(12_000));
    assert_eq!(month.reported[&by_name][0].sums, *sums);

    // The services are told: it was service 7. What was told goes with its holdings; the month goes on.
    let over = at("2026-11-01T05:00:00Z");
    let (from, to) = (by_name.clone(), Owner::Service(7));
    let handed = Intent::HandOver { from, to: to.clone() };
    committed(store, &lease, &mut loaded, over, &[("a", 5, 1_000_000)], &[("a", handed)]).await;
    let month = closed(store).await;
    assert!(!month.reported.contains_key(&by_name), "{:?}", month.reported);
    assert_eq!(values(&month, &to), [("disk_gb_month".into(), 12), ("traffic_out".into(), 50)]);
    assert!(month.reported[&to][1].reported.tenant.starts_with("tenant of a on"), "as WHMCS was told");
    assert!(month.sums[&to][&Meter::TrafficOut].0 > bytes(12_000), "October gained its last hours");
    assert_eq!(store.reported_of(&to, october()).await.unwrap().len(), 2);
    let other = open(&fresh, 3).await;
    assert_eq!(closed(&other).await, month);
    store.prune(UsageDay::parse("2026-11-04").unwrap(), &HashMap::new()).await.unwrap();
    assert_eq!(closed(&open(&fresh, 3).await).await, month, "pruning moves nothing");
    store.verify(&backend(), &rules()).await.unwrap().unwrap();
    store.verify_chronicle().await.unwrap().unwrap();
}

/// Of a month that is billed from a day on every owner has what its days come to from then on.
pub async fn a_month_is_billed_from_a_day_on(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let start = at("2026-10-25T11:00:00Z");
    let lease = lease(&store, "a", start).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    for step in 0..13u64 {
        let now = start.plus(Seconds::hours(step * 12));
        let intents = match step {
            0 => vec![("a", Intent::TakeOver { since: UsageDay::FIRST, owner: Owner::Service(7) })],
            8 => vec![("a", Intent::Open(Owner::Service(8)))],
            _ => Vec::new(),
        };
        committed(&store, &lease, &mut loaded, now, &[("a", 5, 1000 * step)], &intents).await;
    }
    let day = |text| UsageDay::parse(text).unwrap();
    let whole = closed(&store).await;
    for from in ["2026-10-01", "2026-10-25", "2026-10-28", "2026-10-30"].map(day) {
        let part = closed_from(&store, BillFrom::day(from)).await;
        let days = BillingPeriod::new(from, day("2026-11-01")).unwrap();
        let points = store.days(&UsageQuery::default(), days).await.unwrap();
        for (owner, sums) in &whole.sums {
            for meter in sums.keys() {
                let of = || points.iter().filter(|point| (&point.owner, point.meter) == (owner, *meter));
                let held = of().fold(ByteMinutes::ZERO, |sum, point| sum + point.held);
                let moved = match meter {
                    Meter::StorageUsed => 0,
                    _ => of().map(|point| point.amount.get()).sum(),
                };
                assert_eq!(part.sums[owner][meter], (bytes(moved), held), "{owner} {meter} from {from}");
            }
        }
    }
    let last = closed_from(&store, BillFrom::day(day("2026-10-30"))).await;
    assert_eq!(last.sums[&Owner::Service(7)][&Meter::TrafficOut].0, Bytes::ZERO, "nothing, and not unknown");
    assert!(last.sums[&Owner::Service(8)][&Meter::TrafficOut].0 > Bytes::ZERO);
    assert_eq!(*closed_from(&store, BillFrom::day(day("2026-11-01"))).await, ClosedMonth::default());
    assert_eq!(closed(&store).await, whole, "and back");
}

/// More than 64 bits hold, summed over the accounts of one owner.
pub async fn sums_of_owners_outgrow_no_database(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 3).await;
    let start = at("2026-10-25T11:00:00Z");
    let lease = lease(&store, "a", start).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let half = u64::MAX / 4;
    let owner = |name| (name, Intent::TakeOver { since: UsageDay::FIRST, owner: Owner::Service(7) });
    let intents = [owner("a"), owner("b"), owner("c")];
    committed(
        &store,
        &lease,
        &mut loaded,
        start,
        &[("a", half, 0), ("b", half, 0), ("c", half, 0)],
        &intents,
    )
    .await;
    let later = start.plus(Seconds::hours(24));
    let accounts = [("a", half, half), ("b", half, half), ("c", half, 1)];
    committed(&store, &lease, &mut loaded, later, &accounts, &[]).await;
    let month = closed(&store).await;
    let sums = &month.sums[&Owner::Service(7)];
    assert_eq!(sums[&Meter::TrafficOut].0.wide(), 2 * i128::from(half) + 1);
    assert!(sums[&Meter::StorageUsed].1.get() > u128::from(u64::MAX) * 1000);
}
