//! One story told to the store: polls come in, days add up, the journal tells it all again, retention
//! folds, leases change hands.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::path::Path;

use whmeter::domain::*;
use whmeter::metering::{Book, Rules, settle};
use whmeter::settings::Secret;
use whmeter::store::{Lease, Loaded, Poll, Store, StoreError, StoreSettings, UsageQuery};

fn at(text: &str) -> Timestamp {
    Timestamp::from_utc(text.parse().unwrap()).unwrap()
}

fn bytes(count: u64) -> Bytes {
    Bytes::new(count).unwrap()
}

fn name(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

fn backend() -> BackendId {
    BackendId::new("s3-fra1").unwrap()
}

fn rules() -> Rules {
    Rules { zone: BillingZone::parse("Europe/Warsaw").unwrap(), max_gap: Seconds::hours(26) }
}

async fn open(folder: &Path, keep_days: u32) -> Store {
    let settings =
        StoreSettings { url: Secret::new("sqlite:story.db".into()), keep_days, ..StoreSettings::default() };
    Store::open(settings, folder).await.unwrap()
}

fn harvest(at: Timestamp, accounts: &[(&str, u64, u64)]) -> Harvest {
    let mut harvest = Harvest::new();
    for (account, level, count) in accounts {
        let account = name(account);
        harvest.read(&account, Meter::StorageUsed, Reading::Gauge { at, level: bytes(*level) });
        let counter =
            Reading::Counter { source: Source::default(), at, epoch: Epoch::Silent, count: bytes(*count) };
        harvest.read(&account, Meter::TrafficOut, counter);
    }
    harvest.listed_everyone();
    harvest
}

async fn poll(
    store: &Store,
    lease: &Lease,
    loaded: &mut Loaded,
    at: Timestamp,
    harvest: &Harvest,
) -> Result<usize, StoreError> {
    let settled = settle(&loaded.book, harvest, at, &rules());
    let poll = Poll { at, kind: "minio", harvest, settled, partial: false };
    Ok(store.commit(lease, loaded, poll).await?.day_points)
}

async fn lease(store: &Store, holder: &str, now: Timestamp) -> Option<Lease> {
    store.take_lease(&backend(), "minio", holder, now, Seconds::new(60)).await.unwrap()
}

#[tokio::test]
async fn days_journal_and_standing_agree_and_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 400).await;
    let noon = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", noon).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let mut now = noon;
    for step in 0..60u64 {
        now = noon.plus(Seconds::new(step * 900));
        let mut accounts = vec![("7-41", 1000 + step, step * 10), ("Müller", 7, 0)];
        if step >= 10 {
            accounts.push(("7-42", 0, 5 * step));
        }
        if step > 50 {
            accounts.remove(1);
        }
        poll(&store, &lease, &mut loaded, now, &harvest(now, &accounts)).await.unwrap();
    }
    // Never 3: the same answer twice changes nothing.
    let before = store.days(&UsageQuery::default(), Month::parse("2026-11").unwrap().period()).await.unwrap();
    let again = harvest(now, &[("7-41", 1059, 590), ("7-42", 0, 295)]);
    assert_eq!(poll(&store, &lease, &mut loaded, now, &again).await.unwrap(), 0);
    let days = store.days(&UsageQuery::default(), Month::parse("2026-11").unwrap().period()).await.unwrap();
    assert_eq!(days, before);

    let sum = |account: &str, meter: Meter| -> u64 {
        let of = days.iter().filter(|day| day.account.name == name(account) && day.meter == meter);
        of.map(|day| day.amount.get()).sum()
    };
    assert_eq!(sum("7-41", Meter::TrafficOut), 590);
    assert_eq!(sum("7-42", Meter::TrafficOut), 295 - 50, "first sight bills nothing");
    let key = AccountKey { backend: backend(), name: name("7-41") };
    let month = store.month_total(&key, Meter::TrafficOut, Month::parse("2026-11").unwrap()).await.unwrap();
    assert_eq!(month.unwrap().amount, bytes(590));

    // The standing kept in memory is what a fresh process reads, and what the book of the lease says.
    let state = store.backends().await.unwrap().remove(0);
    let kept = store.standing(&state).await.unwrap();
    let fresh = open(folder.path(), 400).await;
    let read = fresh.standing(&state).await.unwrap();
    assert_eq!(kept.accounts, read.accounts);
    assert!(read.accounts[&name("Müller")].gone_at.is_some());
    let reloaded = fresh.load(&backend(), None).await.unwrap();
    assert_eq!(reloaded.book, loaded.book);

    // The journal, settled again from nothing, gives the same book.
    assert_eq!(store.verify_chain(&backend()).await.unwrap().unwrap(), 60);
    let mut book = Book::default();
    for entry in store.journal(&backend(), 1, 1000).await.unwrap() {
        book.last_look = entry.last_look;
        let settled = settle(&book, &entry.harvest, entry.at, &rules());
        book.apply(settled);
    }
    assert_eq!(book.accounts, loaded.book.accounts);
}

#[tokio::test]
async fn after_our_own_commits_the_standing_in_memory_equals_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    for (step, accounts) in [
        vec![("a", 1, 1), ("b", 2, 2)],
        vec![("a", 3, 3)],
        vec![("a", 3, 3), ("b", 5, 5), ("c", 0, 0)],
        vec![("a", 4, 2), ("b", 5, 5), ("c", 0, 9)],
    ]
    .iter()
    .enumerate()
    {
        let now = now.plus(Seconds::new(900 * step as u64));
        poll(&store, &lease, &mut loaded, now, &harvest(now, accounts)).await.unwrap();
        let state = store.backends().await.unwrap().remove(0);
        let kept = store.standing(&state).await.unwrap();
        let other = open(folder.path(), 400).await;
        assert_eq!(kept.accounts, other.standing(&state).await.unwrap().accounts, "after step {step}");
        assert_eq!(kept.version, state.version);
    }
}

#[tokio::test]
async fn never_5_a_poll_that_lost_its_lease_cannot_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let slow = lease(&store, "slow", now).await.unwrap();
    assert!(lease(&store, "quick", now.plus(Seconds::new(59))).await.is_none());
    let later = now.plus(Seconds::new(60));
    let quick = lease(&store, "quick", later).await.unwrap();
    assert!(quick.fence > slow.fence);

    let mut of_slow = store.load(&backend(), None).await.unwrap();
    let mut of_quick = of_slow.clone();
    let first = harvest(later, &[("a", 1, 1)]);
    let refused = poll(&store, &slow, &mut of_slow, later, &first).await.unwrap_err();
    assert!(matches!(refused, StoreError::LostLease { .. }), "{refused}");
    assert!(
        store
            .days(&UsageQuery::default(), Month::parse("2026-11").unwrap().period())
            .await
            .unwrap()
            .is_empty()
    );
    assert!(!store.renew_lease(&slow, later, Seconds::new(60)).await.unwrap());
    assert!(store.record_failure(&slow, later, Reason::Busy, "late").await.is_err());
    poll(&store, &quick, &mut of_quick, later, &first).await.unwrap();

    // Nor can a book that is not the newest be committed, even under the right lease.
    let mut stale = store.load(&backend(), None).await.unwrap();
    let next = later.plus(Seconds::new(60));
    poll(&store, &quick, &mut of_quick, next, &harvest(next, &[("a", 2, 2)])).await.unwrap();
    let refused = poll(&store, &quick, &mut stale, next, &harvest(next, &[("a", 9, 9)])).await.unwrap_err();
    assert!(matches!(refused, StoreError::LostLease { .. }), "{refused}");
}

#[tokio::test]
async fn retention_folds_days_into_months_and_no_sum_moves() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 3).await;
    let start = at("2026-10-20T11:00:00Z");
    let lease = lease(&store, "a", start).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    for step in 0..40u64 {
        let now = start.plus(Seconds::hours(step * 24));
        poll(&store, &lease, &mut loaded, now, &harvest(now, &[("a", 100 * step, 1000 * step)]))
            .await
            .unwrap();
    }
    let key = AccountKey { backend: backend(), name: name("a") };
    let months = ["2026-10", "2026-11"].map(|month| Month::parse(month).unwrap());
    let sums = async |store: &Store| {
        let mut sums = Vec::new();
        for month in months {
            for meter in [Meter::StorageUsed, Meter::TrafficOut] {
                sums.push(store.month_total(&key, meter, month).await.unwrap().unwrap());
            }
        }
        sums
    };
    let before = sums(&store).await;
    let today = UsageDay::parse("2026-11-28").unwrap();
    let pruned = store.prune(today, &HashMap::new()).await.unwrap();
    assert!(pruned.day_points > 60, "{pruned:?}");
    assert_eq!(sums(&store).await, before);
    let kept = store.days(&UsageQuery::default(), months[1].period()).await.unwrap();
    assert_eq!(kept.iter().map(|day| day.day).min(), Some(UsageDay::parse("2026-11-25").unwrap()));
    assert_eq!(store.prune(today, &HashMap::new()).await.unwrap().day_points, 0);
    assert_eq!(
        store.prune(UsageDay::parse("2027-01-01").unwrap(), &HashMap::new()).await.unwrap().day_points,
        kept.len() as u64
    );
    assert_eq!(sums(&store).await, before);
    assert_eq!(before[1].amount.get() + before[3].amount.get(), 39_000);
}

#[tokio::test]
async fn a_tampered_journal_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    for step in 0..5u64 {
        let now = now.plus(Seconds::new(900 * step));
        poll(&store, &lease, &mut loaded, now, &harvest(now, &[("a", step, step)])).await.unwrap();
    }
    let edit = async |sql: &str| {
        let url = format!("sqlite:{}", folder.path().join("story.db").display());
        let pool = sqlx::AnyPool::connect(&url).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_string())).execute(&pool).await.unwrap();
        pool.close().await;
    };
    assert_eq!(store.verify_chain(&backend()).await.unwrap(), Ok(5));
    edit("UPDATE journal SET at = at + 1 WHERE entry = 3").await;
    assert_eq!(store.verify_chain(&backend()).await.unwrap().unwrap_err().entry, 3);
    edit("UPDATE journal SET at = at - 1 WHERE entry = 3; DELETE FROM journal WHERE entry = 5").await;
    assert_eq!(store.verify_chain(&backend()).await.unwrap().unwrap_err().entry, 5);
}

#[tokio::test]
async fn a_newer_schema_and_a_locked_database_are_refused_clearly_and_nothing_is_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let url = format!("sqlite:{}", folder.path().join("story.db").display());
    let other = sqlx::AnyPool::connect(&url).await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let refused = poll(&store, &lease, &mut loaded, now, &harvest(now, &[("a", 1, 1)])).await.unwrap_err();
    assert!(matches!(refused, StoreError::Locked), "{refused}");
    lock.rollback().await.unwrap();
    assert!(store.backends().await.unwrap()[0].succeeded_at.is_none());
    poll(&store, &lease, &mut loaded, now, &harvest(now, &[("a", 1, 1)])).await.unwrap();

    sqlx::raw_sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .execute(&other)
    .await
    .unwrap();
    let settings = StoreSettings { url: Secret::new("sqlite:story.db".into()), ..StoreSettings::default() };
    let refused = Store::open(settings, folder.path()).await.err().unwrap();
    assert!(matches!(refused, StoreError::NewerSchema { found: 9999, known: 1 }), "{refused}");
}
