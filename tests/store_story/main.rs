//! Stories told to the store, on three databases: polls come in, days add up, the journal tells it all
//! again, retention folds, leases change hands, replicas share.

#![allow(clippy::unwrap_used, missing_docs)]

mod adopted;
mod backends;
mod chronicled;
#[path = "../support/databases.rs"]
mod databases;
mod facts;
mod history;
mod invoices;
mod owners;
mod promises;
mod renumbered;
mod reported;
mod rewound;
mod silent;
mod sold;

use std::collections::HashMap;

use whmeter::domain::*;
use whmeter::metering::{Book, Bounds, SettleRules, settle};
use whmeter::settings::Secret;
use whmeter::store::{
    DayPoint, JudgedPoll, Lease, Loaded, Poll, Reach, Store, StoreError, StoreSettings, UsageQuery,
};

use adopted::*;
use backends::*;
use chronicled::*;
use databases::{Databases, Fresh};
use facts::*;
use history::*;
use invoices::*;
use owners::*;
use promises::*;
use renumbered::*;
use reported::*;
use rewound::*;
use sold::*;

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

fn rules() -> SettleRules {
    SettleRules {
        zone: BillingZone::parse("Europe/Warsaw").unwrap(),
        max_gap: Seconds::hours(26),
        bounds: Bounds::default(),
    }
}

async fn open(fresh: &Fresh, keep_days: u32) -> Store {
    Store::open(settings(fresh, keep_days), fresh.folder.path()).await.unwrap()
}

fn settings(fresh: &Fresh, keep_days: u32) -> StoreSettings {
    StoreSettings { url: Secret::new(fresh.url.clone()), keep_days, ..StoreSettings::default() }
}

fn harvest(at: Timestamp, accounts: &[(&str, u64, u64)]) -> Harvest {
    let mut harvest = Harvest::new();
    for (account, level, count) in accounts {
        let account = name(account);
        harvest.add_reading(&account, Meter::StorageUsed, Reading::Gauge { at, level: bytes(*level) });
        let counter =
            Reading::Counter { source: Source::default(), at, epoch: Epoch::Silent, count: bytes(*count) };
        harvest.add_reading(&account, Meter::TrafficOut, counter);
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
    let after = loaded.book.after(&settled);
    let (reach, judged) = (Reach::All, JudgedPoll::default());
    let poll = Poll { at, kind: "minio", harvest, settled, after, reach, judged };
    Ok(store.commit(lease, loaded, poll).await?.day_points)
}

/// The book that a backend's journal gives when it is settled again, from what is folded on.
async fn replayed(store: &Store, of: &BackendId) -> Book {
    let mut book = store.checkpoint(of).await.unwrap();
    for entry in store.journal(of, 1, 10_000).await.unwrap() {
        if entry.counts() {
            book.last_look = entry.last_look;
            let settled = entry.settled(&book, &rules());
            book.apply(&settled);
        }
    }
    book
}

async fn lease(store: &Store, holder: &str, now: Timestamp) -> Option<Lease> {
    store.take_lease(&backend(), "minio", holder, now, Seconds::new(60)).await.unwrap()
}

async fn days_journal_and_standing_agree_and_survive_a_restart(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
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
    let fresh = open(&fresh, 400).await;
    let read = fresh.standing(&state).await.unwrap();
    assert_eq!(kept.accounts, read.accounts);
    assert!(read.accounts[&name("Müller")].gone_at.is_some());
    let reloaded = fresh.load(&backend(), None).await.unwrap();
    assert_eq!(reloaded.book, loaded.book);

    // The journal, settled again from nothing, gives the same book.
    let verified = store.verify(&backend(), &rules()).await.unwrap().unwrap();
    // Of three accounts two meters each: every day, and every month.
    assert_eq!((verified.entries, verified.folds, verified.sums), (60, 0, days.len() as u64 + 6));
    let book = replayed(&store, &backend()).await;
    assert_eq!(book.lives, loaded.book.lives);
    assert_eq!(book.counters, loaded.book.counters);
}

async fn after_our_own_commits_the_standing_in_memory_equals_the_database(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
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
        let other = open(&fresh, 400).await;
        assert_eq!(kept.accounts, other.standing(&state).await.unwrap().accounts, "after step {step}");
        assert_eq!(kept.version, state.version);
    }
}

async fn never_5_a_poll_that_lost_its_lease_cannot_commit(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
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

async fn retention_folds_days_into_months_and_no_sum_moves(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 3).await;
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

async fn a_tampered_journal_is_named(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    for step in 0..5u64 {
        let now = now.plus(Seconds::new(900 * step));
        poll(&store, &lease, &mut loaded, now, &harvest(now, &[("a", step, step)])).await.unwrap();
    }
    let edit = async |sql: &str| {
        let pool = sqlx::AnyPool::connect(&fresh.url).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_string())).execute(&pool).await.unwrap();
        pool.close().await;
    };
    let found = async || store.verify(&backend(), &rules()).await.unwrap();
    assert_eq!(found().await.unwrap().entries, 5);
    for (tamper, repair, reported) in [
        (
            "UPDATE journal SET at = at + 1 WHERE entry = 3",
            "UPDATE journal SET at = at - 1 WHERE entry = 3",
            "journal of s3-fra1: entry 3 was changed after it was written",
        ),
        (
            "UPDATE journal SET back_to = 1 WHERE entry = 4",
            "UPDATE journal SET back_to = NULL WHERE entry = 4",
            "journal of s3-fra1: entry 4 was changed after it was written",
        ),
        (
            "UPDATE day_point SET amount = amount + 1 WHERE amount = 4 AND held_rest = 0",
            "UPDATE day_point SET amount = amount - 1 WHERE amount = 5 AND held_rest = 0",
            "s3-fra1 a traffic_out 2026-11-20: the store has 5 B over 60 min, the journal says 4 B over 60 min",
        ),
        // Days that are said not to be kept any more, and are there.
        (
            "UPDATE backend SET days_from = 20301231;
            UPDATE day_point SET amount = amount + 1 WHERE amount = 4 AND held_rest = 0",
            "UPDATE backend SET days_from = 19700101;
            UPDATE day_point SET amount = amount - 1 WHERE amount = 5 AND held_rest = 0",
            "s3-fra1 a traffic_out 2026-11-20: the store has 5 B over 60 min, the journal says 4 B over 60 min",
        ),
        (
            "UPDATE month_sum SET part = 1 WHERE meter = 2",
            "UPDATE month_sum SET part = 0 WHERE meter = 2",
            "s3-fra1 a traffic_out 2026-11, part 1 of 1: the store has 4 B over 60 min, the journal says \
             nothing",
        ),
        (
            "UPDATE backend SET entries = 6",
            "UPDATE backend SET entries = 5",
            "journal of s3-fra1: entry 6 is missing",
        ),
        ("DELETE FROM journal WHERE entry = 2", "", "journal of s3-fra1: entry 2 is missing"),
    ] {
        edit(tamper).await;
        assert_eq!(found().await.unwrap_err().to_string(), reported);
        if !repair.is_empty() {
            edit(repair).await;
            found().await.unwrap();
        }
    }
}

async fn a_journal_cut_off_at_its_end_is_named(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    for step in 0..5u64 {
        let now = now.plus(Seconds::new(900 * step));
        poll(&store, &lease, &mut loaded, now, &harvest(now, &[("a", step, step)])).await.unwrap();
    }
    let pool = sqlx::AnyPool::connect(&fresh.url).await.unwrap();
    sqlx::raw_sql("DELETE FROM journal WHERE entry = 5").execute(&pool).await.unwrap();
    pool.close().await;
    let cut = store.verify(&backend(), &rules()).await.unwrap().unwrap_err();
    assert_eq!(cut.to_string(), "journal of s3-fra1: entry 5 is missing");
}

/// Half a year of polls, one every nine hours; the journal is folded in between, twice a month.
async fn a_folded_journal_says_the_same_and_goes_on(databases: &Databases) {
    let fresh = databases.fresh().await;
    let keep = StoreSettings {
        keep_journal: whmeter::settings::Period(std::time::Duration::from_secs(40 * 86_400)),
        ..settings(&fresh, 75)
    };
    let store = Store::open(keep, fresh.folder.path()).await.unwrap();
    let start = at("2026-01-05T11:00:00Z");
    let lease = lease(&store, "a", start).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let (mut now, mut folded) = (start, 0);
    let mut total = [0u64; 2];
    for step in 0..480u64 {
        now = start.plus(Seconds::hours(9 * step));
        total = [step * 1_000_003, step * step];
        let accounts = [("a", step % 17, total[0]), ("b", 5, total[1])];
        poll(&store, &lease, &mut loaded, now, &harvest(now, &accounts)).await.unwrap();
        if step % 40 == 39 {
            folded += store.fold_journal(&backend(), now, &rules()).await.unwrap();
            assert_eq!(store.fold_journal(&backend(), now, &rules()).await.unwrap(), 0);
            store.prune(rules().zone.day_of(now), &HashMap::new()).await.unwrap();
            store.verify(&backend(), &rules()).await.unwrap().unwrap();
        }
    }
    let left = store.journal(&backend(), 1, 10_000).await.unwrap();
    let verified = store.verify(&backend(), &rules()).await.unwrap().unwrap();
    assert_eq!((left.len() as u64, verified.entries, verified.folds), (480 - folded, 480 - folded, 4));
    assert_eq!(left[0].entry, folded as i64 + 1);
    assert!(
        now.since(left[0].at) < Seconds::hours(24 * (40 + 31)),
        "whole months older than 40 days are folded"
    );

    // Folds and days and months sum to every byte that was counted.
    let mut sum = [0i128; 2];
    for fold in store.folds(&backend()).await.unwrap() {
        for ((holding, meter, _), part) in &fold.sums {
            let (life, _) = loaded.book.holding(*holding).unwrap();
            if *meter == Meter::TrafficOut {
                sum[usize::from(loaded.book.lives[&life].name == name("b"))] += part.added;
            }
        }
    }
    for made in left.iter().flat_map(|entry| &entry.made).filter(|made| made.meter == Meter::TrafficOut) {
        sum[usize::from(made.account == name("b"))] += made.days.values().map(|day| day.added).sum::<i128>();
    }
    assert_eq!(sum, total.map(i128::from));

    // What was believed at the fold, and the entries after it, settle to what is believed now.
    let book = replayed(&store, &backend()).await;
    assert_eq!(book.lives, loaded.book.lives);
    assert_eq!(book.counters, loaded.book.counters);

    let pool = sqlx::AnyPool::connect(&fresh.url).await.unwrap();
    for (tamper, reported) in [
        (
            "UPDATE journal_fold_part SET body = 'x' WHERE what = 'book'",
            "other beliefs than it was signed with",
        ),
        ("UPDATE journal_fold_part SET body = 'x' WHERE what = 'sums'", "other sums than it was signed with"),
        ("UPDATE journal_fold SET at = at + 1", "was changed after it was written"),
    ] {
        sqlx::raw_sql(tamper).execute(&pool).await.unwrap();
        let difference = store.verify(&backend(), &rules()).await.unwrap().unwrap_err().to_string();
        assert!(difference.contains(reported), "{difference}");
    }
    pool.close().await;
}

async fn a_newer_schema_is_refused_untouched(databases: &Databases) {
    let fresh = databases.fresh().await;
    open(&fresh, 400).await;
    let other = sqlx::AnyPool::connect(&fresh.url).await.unwrap();
    // What a newer whmeter would have left, written with this database's own idea of true.
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        SELECT 9999, 'from the future', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
    sqlx::raw_sql(newer).execute(&other).await.unwrap();
    let refused = Store::open(settings(&fresh, 400), fresh.folder.path()).await.err().unwrap();
    let StoreError::NewerSchema { found, known } = refused else { panic!("{refused}") };
    assert_eq!((found, known), (9999, Store::newest_schema()));
    other.close().await;
}

async fn a_locked_database_is_said_and_nothing_is_half_written(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let other = sqlx::AnyPool::connect(&fresh.url).await.unwrap();
    let lock = match databases.is_sqlite() {
        true => other.begin_with("BEGIN IMMEDIATE").await.unwrap(),
        false => {
            let mut lock = other.begin().await.unwrap();
            sqlx::query("UPDATE backend SET reason = NULL, detail = 'x'").execute(&mut *lock).await.unwrap();
            lock
        }
    };
    let first = harvest(now, &[("a", 1, 1)]);
    let refused = poll(&store, &lease, &mut loaded, now, &first).await.unwrap_err();
    assert!(matches!(refused, StoreError::Locked), "{refused}");
    lock.rollback().await.unwrap();
    assert!(store.backends().await.unwrap()[0].succeeded_at.is_none());
    poll(&store, &lease, &mut loaded, now, &first).await.unwrap();
    other.close().await;
}

async fn two_replicas_share_one_database_and_no_byte_is_counted_twice(databases: &Databases) {
    let fresh = databases.fresh().await;
    let replicas = [open(&fresh, 400).await, open(&fresh, 400).await];
    let start = at("2026-11-20T11:00:00Z");
    let mut kept: [Option<Loaded>; 2] = [None, None];
    for step in 0..20u64 {
        let now = start.plus(Seconds::new(900 * step));
        // They take turns as leases fall, each with a book that may be old.
        let turn = (step % 3 % 2) as usize;
        let store = &replicas[turn];
        let lease = lease(store, &format!("replica {turn}"), now).await.unwrap();
        let mut loaded = store.load(&backend(), kept[turn].take()).await.unwrap();
        let accounts = [("a", step, 1000 * step), ("b", 1, 7 * step)];
        poll(store, &lease, &mut loaded, now, &harvest(now, &accounts)).await.unwrap();
        store.release_lease(&lease).await.unwrap();
        kept[turn] = Some(loaded);
    }
    let month = Month::parse("2026-11").unwrap();
    for (account, sum) in [("a", 19_000), ("b", 133)] {
        let key = AccountKey { backend: backend(), name: name(account) };
        let total = replicas[0].month_total(&key, Meter::TrafficOut, month).await.unwrap().unwrap();
        assert_eq!(total.amount, bytes(sum));
    }
    let state = replicas[0].backends().await.unwrap().remove(0);
    let (one, other) =
        (replicas[0].standing(&state).await.unwrap(), replicas[1].standing(&state).await.unwrap());
    assert_eq!(one.accounts, other.accounts);
    assert_eq!(replicas[1].verify(&backend(), &rules()).await.unwrap().unwrap().entries, 20);
}

async fn names_are_kept_as_the_panel_spells_them(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let accounts = [
        ("alice", 1, 1),
        ("Alice", 2, 2),
        ("Müller ☃", 3, 3),
        ("a b", 4, 4),
        (" a b", 5, 5),
        ("'; --", 6, 6),
    ];
    poll(&store, &lease, &mut loaded, now, &harvest(now, &accounts)).await.unwrap();
    let fresh_book = store.load(&backend(), None).await.unwrap();
    assert_eq!(fresh_book.book, loaded.book);
    assert_eq!(fresh_book.book.names.len(), accounts.len());
}

/// Values beyond what 64 bits of byte-minutes hold.
async fn the_largest_amounts_fit(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 1).await;
    let start = at("2026-10-01T11:00:00Z");
    let lease = lease(&store, "a", start).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let most = Bytes::MAX.get();
    for step in 0..40u64 {
        let now = start.plus(Seconds::hours(24 * step));
        poll(&store, &lease, &mut loaded, now, &harvest(now, &[("a", most, 0)])).await.unwrap();
    }
    let key = AccountKey { backend: backend(), name: name("a") };
    let october = Month::parse("2026-10").unwrap();
    let sum = store.month_total(&key, Meter::StorageUsed, october).await.unwrap().unwrap();
    store.prune(UsageDay::parse("2026-12-01").unwrap(), &HashMap::new()).await.unwrap();
    let folded = store.month_total(&key, Meter::StorageUsed, october).await.unwrap().unwrap();
    assert_eq!(sum, folded);
    assert_eq!(sum.held.get(), u128::from(most) * u128::from(sum.covered.get()));
    assert_eq!(store.load(&backend(), None).await.unwrap().book, loaded.book);
}

/// More rows than go into one statement, and remainders of every size; known accounts beside new ones.
async fn any_number_of_rows_is_put_in(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let start = at("2026-11-20T08:00:00Z");
    let lease = lease(&store, "a", start).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let names: Vec<String> = (0..1100).map(|number| format!("u{number:04}")).collect();
    for (hours, count) in [(0, 73), (1, 599), (2, 1100), (3, 1100)] {
        let now = start.plus(Seconds::new(hours * 3600));
        let accounts: Vec<_> =
            (1..).zip(&names[..count]).map(|(n, name)| (name.as_str(), n, n * hours)).collect();
        poll(&store, &lease, &mut loaded, now, &harvest(now, &accounts)).await.unwrap();
        assert_eq!(store.load(&backend(), None).await.unwrap().book, loaded.book);
    }
    let november = Month::parse("2026-11").unwrap();
    // What a counter had when it was first seen is not usage.
    for (number, moved) in [(1, 3), (73, 3 * 73), (599, 2 * 599), (1100, 1100)] {
        let key = AccountKey { backend: backend(), name: name(&names[number - 1]) };
        let sum = store.month_total(&key, Meter::TrafficOut, november).await.unwrap().unwrap();
        assert_eq!(sum.amount, bytes(moved), "{}", names[number - 1]);
    }
}

macro_rules! stories {
    ($($story:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $story() {
                    super::$story(&super::Databases::Sqlite).await;
                }
            )*
        }

        async fn report_all(databases: &Databases) {
            $(
                eprintln!("{}", stringify!($story));
                $story(databases).await;
            )*
        }
    };
}

stories!(
    days_journal_and_standing_agree_and_survive_a_restart,
    after_our_own_commits_the_standing_in_memory_equals_the_database,
    never_5_a_poll_that_lost_its_lease_cannot_commit,
    retention_folds_days_into_months_and_no_sum_moves,
    a_tampered_journal_is_named,
    a_journal_cut_off_at_its_end_is_named,
    a_folded_journal_says_the_same_and_goes_on,
    a_newer_schema_is_refused_untouched,
    a_locked_database_is_said_and_nothing_is_half_written,
    two_replicas_share_one_database_and_no_byte_is_counted_twice,
    names_are_kept_as_the_panel_spells_them,
    the_largest_amounts_fit,
    what_a_panel_says_of_an_account_fits_whatever_it_is,
    what_a_panel_itself_would_bill_is_kept_by_month_as_it_reckoned_last,
    what_a_level_is_made_of_is_kept_as_it_was_read_last,
    remarks_on_a_list_are_those_of_the_newest,
    any_number_of_rows_is_put_in,
    history_is_read_page_by_page_and_is_the_whole,
    a_panels_own_total_is_kept_until_it_is_told_otherwise,
    a_promise_is_claimed_once_and_its_letters_wait_for_the_truth,
    never_6_the_same_decision_again_is_the_same_letter,
    of_two_waiting_switches_the_newer_counts_and_order_is_kept,
    what_gives_up_is_told_as_it_is_and_can_be_tried_again,
    what_is_left_alone_and_still_limited_can_be_brought_back,
    a_report_is_promised_once_a_day_and_kept_until_it_is_old,
    a_pin_is_kept_with_its_author_and_disturbs_no_poll,
    many_that_start_together_on_an_empty_database_all_start,
    an_account_is_adopted_once_step_by_step,
    a_line_is_intended_once_and_settled_once,
    every_byte_has_one_owner_and_none_moves_between_lives,
    a_month_is_billed_from_a_day_on,
    a_stretch_that_is_moved_by_hand_has_one_payer,
    a_pin_follows_its_account_to_another_name,
    what_was_told_follows_the_service_and_the_last_told_is_the_last,
    sums_of_owners_outgrow_no_database,
    services_keep_what_is_theirs_under_other_numbers,
    what_was_sold_is_kept_with_its_time,
    what_is_taken_back_is_as_if_it_had_never_been_said,
    a_journal_is_taken_back_only_so_far,
    what_people_were_told_of_limits_stays_until_a_poll_finds_otherwise,
    what_is_being_delivered_is_not_withdrawn,
    what_was_not_read_is_kept_as_it_is_believed,
    a_renamed_backend_goes_on_with_all_it_had,
    what_is_remembered_of_a_name_is_not_believed_of_another_backend,
    one_panel_is_one_backends_only,
    what_waits_moves_with_its_backend_and_ends_with_it,
    a_forgotten_backend_ends_its_accounts_and_keeps_what_they_used,
    what_is_changed_by_hand_is_named,
    what_is_changed_by_hand_is_mended,
    replicas_that_tell_at_once_write_one_chronicle,
    a_folded_chronicle_says_the_same,
    a_chain_that_was_written_anew_is_found_by_an_old_head,
    a_keyed_chain_is_made_by_whoever_has_the_key,
    a_month_that_was_changed_by_hand_is_not_added_to,
);

#[tokio::test]
async fn all_stories_on_postgres() {
    if let Some(databases) = Databases::postgres().await {
        // One of them waits for a minute.
        tokio::join!(
            report_all(&databases),
            silent::a_server_that_says_nothing_makes_nobody_deaf(&databases)
        );
    }
}

#[tokio::test]
async fn all_stories_on_mariadb() {
    let Some(databases) = Databases::mariadb().await else { return };
    tokio::join!(report_all(&databases), silent::a_server_that_says_nothing_makes_nobody_deaf(&databases));
    // The default collation would make one customer of alice and Alice.
    let Databases::Server(server) = &databases else { unreachable!("a server") };
    let fresh = Fresh { url: server.default_collation().await, folder: tempfile::tempdir().unwrap() };
    let refused = Store::open(settings(&fresh, 400), fresh.folder.path()).await.err().unwrap();
    assert!(refused.to_string().contains("utf8mb4_bin"), "{refused}");
}
