//! Whose a byte is: lives that end and begin under one name, and owners that change in the middle of it.

use std::collections::{BTreeMap, HashSet};

use super::*;
use whmeter::metering::{look, settle_looked};
use whmeter::ownership::Intent;
use whmeter::store::By;

/// Settles and commits, with what becomes of owners.
pub async fn committed(
    store: &Store,
    lease: &Lease,
    loaded: &mut Loaded,
    at: Timestamp,
    accounts: &[(&str, u64, u64)],
    intents: &[(&str, Intent)],
) {
    let harvest = harvest(at, accounts);
    let opens = intents.iter().filter(|(_, intent)| matches!(intent, Intent::Open(_)));
    let changing: HashSet<AccountName> = opens.map(|(account, _)| name(account)).collect();
    let look = look(&loaded.book, &harvest, at, &changing);
    let mut settled = settle_looked(&loaded.book, &harvest, look, at, &rules());
    let mut after = loaded.book.after(&settled);
    let intents: BTreeMap<LifeNo, Intent> =
        intents.iter().map(|(account, intent)| (after.names[&name(account)], intent.clone())).collect();
    settled.owners = store.owner_changes(loaded, &settled, &after, &intents, at).await.unwrap();
    settled.owners.iter().for_each(|change| after.apply_owner(change.clone()));
    let (harvest, reach, judged) = (&harvest, Reach::Everybody, JudgedPoll::default());
    let poll = Poll { at, kind: "minio", harvest, settled, after, reach, judged };
    store.commit(lease, loaded, poll).await.unwrap();
    assert_eq!(store.load(&backend(), None).await.unwrap().book, loaded.book, "at {at}");
    store.verify(&backend()).await.unwrap().unwrap();
}

/// What every owner has of a meter in November, by account.
async fn owned(store: &Store, meter: Meter) -> Vec<(String, String, u64)> {
    let november = Month::parse("2026-11").unwrap();
    let query = UsageQuery { meter: Some(meter), ..UsageQuery::default() };
    let months = store.months(&query, november, november).await.unwrap();
    let by_month: Vec<_> = months
        .iter()
        .map(|one| (one.account.name.to_string(), one.owner.to_string(), one.usage.amount.get()))
        .collect();
    let totals = store.totals_by_owner(&query, november.period(), By::Day, rules().zone).await.unwrap();
    let mut by_day: BTreeMap<(String, String), u64> = BTreeMap::new();
    for total in totals {
        let owner = total.owner.unwrap().to_string();
        *by_day.entry((total.account.name.to_string(), owner)).or_default() += total.usage.amount.get();
    }
    if meter == Meter::TrafficOut {
        for (account, owner, amount) in &by_month {
            assert_eq!(by_day.get(&(account.clone(), owner.clone())).copied().unwrap_or(0), *amount);
        }
    }
    by_month
}

fn rows(rows: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
    rows.iter().map(|(account, owner, amount)| ((*account).into(), (*owner).into(), *amount)).collect()
}

pub async fn every_byte_has_one_owner_and_none_moves_between_lives(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let start = at("2026-11-03T11:00:00Z");
    let lease = lease(&store, "a", start).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let day = |days: u64, hours: u64| start.plus(Seconds::hours(days * 24 + hours));
    // Nobody's for two days; then a service that was registered on the second of them takes over.
    for (days, count) in [(0, 0), (1, 100), (2, 300)] {
        committed(&store, &lease, &mut loaded, day(days, 0), &[("104", 7, count)], &[]).await;
    }
    let since = UsageDay::parse("2026-11-05").unwrap();
    let over = Intent::TakeOver { since, owner: Owner::Service(7) };
    committed(&store, &lease, &mut loaded, day(2, 1), &[("104", 7, 310)], &[("104", over)]).await;
    let found = owned(&store, Meter::TrafficOut).await;
    assert_eq!(found.iter().map(|(.., amount)| amount).sum::<u64>(), 310, "{found:?}");
    let taken = found.iter().find(|(_, owner, _)| owner == "service 7").unwrap().2;
    assert!((100..210).contains(&taken), "from that day's first minute on: {found:?}");

    // It is sold to another: what this poll measures is the old one's, what comes is the new one's.
    let sold = Intent::Open(Owner::Service(8));
    committed(&store, &lease, &mut loaded, day(3, 0), &[("104", 9, 1_000)], &[("104", sold)]).await;
    committed(&store, &lease, &mut loaded, day(3, 1), &[("104", 9, 1_050)], &[]).await;
    let found = owned(&store, Meter::TrafficOut).await;
    let of = |owner: &str| found.iter().filter(|row| row.1 == owner).map(|row| row.2).sum::<u64>();
    assert_eq!((of("service 8"), of("service 7") + of("nobody")), (50, 1_000), "{found:?}");

    // Terminated, seen gone, confirmed; its name comes back with less: another life, whose owner is nobody yet.
    committed(&store, &lease, &mut loaded, day(4, 0), &[], &[]).await;
    assert!(loaded.book.life(&name("104")).unwrap().ended.is_none(), "one list is not the truth");
    committed(&store, &lease, &mut loaded, day(4, 1), &[], &[]).await;
    assert_eq!(loaded.book.life(&name("104")).unwrap().ended, Some(day(4, 0)), "the first list without it");
    committed(&store, &lease, &mut loaded, day(5, 0), &[("104", 1, 3)], &[]).await;
    committed(&store, &lease, &mut loaded, day(5, 1), &[("104", 1, 5)], &[]).await;
    let months = owned(&store, Meter::TrafficOut).await;
    let newest: Vec<_> = months.iter().filter(|row| row.0 == "104").cloned().collect();
    assert_eq!(newest, rows(&[("104", "nobody", 2)]), "nothing of the life before: {months:?}");
    let before: u64 = months.iter().filter(|row| row.0 == "104~1").map(|row| row.2).sum();
    assert_eq!(before, 1_050);
    let standing = loaded.standing(&name("104")).unwrap();
    assert_eq!(
        (standing.nth, standing.meter(Meter::TrafficOut).unwrap().shown),
        (2, bytes(1_052)),
        "never falls"
    );

    // Nothing was held while nobody was there.
    let query =
        UsageQuery { meter: Some(Meter::StorageUsed), account: Some(name("104~1")), ..UsageQuery::default() };
    let days = store.days(&query, Month::parse("2026-11").unwrap().period()).await.unwrap();
    assert!(days.iter().all(|point| point.day <= UsageDay::parse("2026-11-06").unwrap()), "{days:?}");

    // Folded and pruned, all of it is still told the same.
    let all = [owned(&store, Meter::TrafficOut).await, owned(&store, Meter::StorageUsed).await];
    let kept = StoreSettings {
        keep_journal: whmeter::settings::Period(std::time::Duration::from_secs(86_400)),
        ..settings(&fresh, 400)
    };
    let store = Store::open(kept, fresh.folder.path()).await.unwrap();
    assert!(store.fold_journal(&backend(), at("2027-01-20T11:00:00Z"), &rules()).await.unwrap() > 5);
    store.verify(&backend()).await.unwrap().unwrap();
    let now = [owned(&store, Meter::TrafficOut).await, owned(&store, Meter::StorageUsed).await];
    assert_eq!(now, all);
    assert_eq!(store.load(&backend(), None).await.unwrap().book, loaded.book);
}
