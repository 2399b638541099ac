//! Backends by other names: a history moves as a whole, a panel is one backend's only, and a backend that is over
//! ends its accounts.

use std::time::Duration;

use super::*;
use whmeter::metering::{Correction, Forgetting, forget};
use whmeter::store::{CannotRename, EntryState};

fn called(name: &str) -> BackendId {
    BackendId::new(name).unwrap()
}

fn november() -> BillingPeriod {
    Month::parse("2026-11").unwrap().period()
}

async fn leased(store: &Store, of: &str, now: Timestamp) -> Lease {
    store.take_lease(&called(of), "minio", "a", now, Seconds::new(60)).await.unwrap().unwrap()
}

/// So many polls of a backend, from `start` on, a day apart, of an account that moves so much each day.
async fn polled(store: &Store, of: &str, start: Timestamp, days: u64, moves: u64) -> Loaded {
    // The first lease makes its row.
    store.release_lease(&leased(store, of, start).await).await.unwrap();
    let mut loaded = store.load(&called(of), None).await.unwrap();
    for day in 0..days {
        let now = start.plus(Seconds::hours(24 * day));
        let lease = leased(store, of, now).await;
        let accounts = [("alice", 1000 + day, moves * day), (of, 7, day)];
        poll(store, &lease, &mut loaded, now, &harvest(now, &accounts)).await.unwrap();
        store.release_lease(&lease).await.unwrap();
    }
    loaded
}

async fn rename(store: &Store, old: &str, new: &str, now: Timestamp) -> Result<(), CannotRename> {
    store.rename_backend((&called(old), &called(new)), "minio", "operator ann", now).await.unwrap()
}

pub async fn a_renamed_backend_goes_on_with_all_it_had(databases: &Databases) {
    let fresh = databases.fresh().await;
    let month = Duration::from_secs(30 * 86_400);
    let keep = StoreSettings { keep_journal: whmeter::settings::Period(month), ..settings(&fresh, 400) };
    let store = Store::open(keep, fresh.folder.path()).await.unwrap();
    let start = at("2026-08-20T11:00:00Z");
    let kept_old = polled(&store, "old", start, 100, 1000).await;
    let last = start.plus(Seconds::hours(24 * 99));
    let folded = store.fold_journal(&called("old"), last, &rules()).await.unwrap();
    assert!(folded > 20, "{folded}");
    let folds = store.verify(&called("old"), &rules()).await.unwrap().unwrap().folds;
    let state = store.backends().await.unwrap().remove(0);
    let standing = store.standing(&state).await.unwrap();
    let november_of = async |of: &str| {
        let query = UsageQuery { backend: Some(called(of)), ..UsageQuery::default() };
        let days = store.days(&query, november()).await.unwrap();
        days.into_iter().map(|day| (day.account.name, day.meter, day.day, day.amount)).collect::<Vec<_>>()
    };
    let before = november_of("old").await;

    // The new name was refused the panel, and its process remembers that it has nothing.
    let refused = leased(&store, "new", last).await;
    store.record_failure(&refused, last, Reason::Taken, "it is old's").await.unwrap();
    let kept_new = store.load(&called("new"), None).await.unwrap();
    for state in store.backends().await.unwrap() {
        store.standing(&state).await.unwrap();
    }
    assert_eq!(
        rename(&store, "old", "new", last).await,
        Err(CannotRename::Polling),
        "somebody polls the new one"
    );
    store.release_lease(&refused).await.unwrap();
    let flying = leased(&store, "old", last).await;
    assert_eq!(
        rename(&store, "old", "new", last).await,
        Err(CannotRename::Polling),
        "somebody polls the old one"
    );
    // One whose lease has run out is not waited for, and can never commit.
    let later = last.plus(Seconds::new(61));
    assert_eq!(rename(&store, "none", "new", later).await, Err(CannotRename::Unknown(called("none"))));
    let other =
        store.rename_backend((&called("old"), &called("new")), "proxmox", "ann", later).await.unwrap();
    assert!(matches!(other, Err(CannotRename::OtherKind { .. })), "{other:?}");
    rename(&store, "old", "new", later).await.unwrap();
    let mut too_late = kept_old.clone();
    let answer = harvest(later, &[("alice", 1, 200_000)]);
    let refused = poll(&store, &flying, &mut too_late, later, &answer).await.unwrap_err();
    assert!(matches!(refused, StoreError::LostLease { .. }), "{refused}");
    assert!(store.record_failure(&flying, later, Reason::Busy, "late").await.is_err());

    // Nothing is left of the old name, and nothing is another number than it was.
    let names: Vec<_> = store.backends().await.unwrap().into_iter().map(|state| state.backend).collect();
    assert_eq!(names, [called("new")]);
    assert_eq!(november_of("new").await, before);
    assert!(november_of("old").await.is_empty());
    assert!(store.load(&called("old"), Some(kept_old.clone())).await.unwrap().book.lives.is_empty());
    let moved = store.load(&called("new"), Some(kept_new)).await.unwrap();
    assert_eq!((&moved.book.lives, &moved.book.counters), (&kept_old.book.lives, &kept_old.book.counters));
    assert_eq!(store.verify(&called("new"), &rules()).await.unwrap().unwrap().folds, folds);
    store.verify_chronicle().await.unwrap().unwrap();
    assert_eq!(replayed(&store, &called("new")).await.lives, moved.book.lives);
    let state = store.backends().await.unwrap().remove(0);
    assert_eq!(store.standing(&state).await.unwrap().accounts, standing.accounts);
    let acts = store.acts(None, 10).await.unwrap();
    let reported: Vec<_> =
        acts.iter().map(|act| (act.backend.as_str(), &act.account, act.action.as_str())).collect();
    assert_eq!(reported, [("new", &None, "rename")]);
    assert_eq!((acts[0].before.as_deref(), acts[0].after.as_deref()), (Some("old"), Some("new")));

    // The next poll goes on from the last, also over the next fold.
    let mut loaded = moved;
    for day in 100..140u64 {
        let now = start.plus(Seconds::hours(24 * day));
        let lease = leased(&store, "new", now).await;
        let accounts = [("alice", 5, 1000 * day), ("old", 7, day)];
        poll(&store, &lease, &mut loaded, now, &harvest(now, &accounts)).await.unwrap();
        store.release_lease(&lease).await.unwrap();
    }
    let end = start.plus(Seconds::hours(24 * 140));
    assert!(store.fold_journal(&called("new"), end, &rules()).await.unwrap() > 0);
    assert!(store.verify(&called("new"), &rules()).await.unwrap().unwrap().folds > folds);
    store.verify_chronicle().await.unwrap().unwrap();
    let query = UsageQuery {
        backend: Some(called("new")),
        account: Some(name("alice")),
        meter: Some(Meter::TrafficOut),
        owner: None,
    };
    let year =
        BillingPeriod::new(UsageDay::parse("2026-01-01").unwrap(), UsageDay::parse("2028-01-01").unwrap());
    let sum: u64 = store.days(&query, year.unwrap()).await.unwrap().iter().map(|day| day.amount.get()).sum();
    assert_eq!(sum, 139_000, "every byte once");
}

pub async fn what_is_remembered_of_a_name_is_not_believed_of_another_backend(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let start = at("2026-11-01T11:00:00Z");
    // The first has had many more commits than the second, and both were looked at here.
    let mut kept = polled(&store, "one", start, 20, 1000).await;
    polled(&store, "two", start, 2, 5).await;
    for state in store.backends().await.unwrap() {
        store.standing(&state).await.unwrap();
    }
    let later = start.plus(Seconds::hours(24 * 20));
    assert_eq!(rename(&store, "two", "one", later).await, Err(CannotRename::HasAccounts(called("one"))));
    rename(&store, "one", "three", later).await.unwrap();
    rename(&store, "two", "one", later).await.unwrap();
    let elsewhere = open(&fresh, 400).await;
    for state in store.backends().await.unwrap() {
        let standing = store.standing(&state).await.unwrap();
        assert_eq!(
            standing.accounts,
            elsewhere.standing(&state).await.unwrap().accounts,
            "{}",
            state.backend
        );
        store.verify(&state.backend, &rules()).await.unwrap().unwrap();
    }
    assert!(kept.book.names.contains_key(&name("one")));
    kept = store.load(&called("one"), Some(kept)).await.unwrap();
    assert!(kept.book.names.contains_key(&name("two")) && !kept.book.names.contains_key(&name("one")));
}

pub async fn one_panel_is_one_backends_only(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let (first, second) = (leased(&store, "first", now).await, leased(&store, "second", now).await);
    let panel = |addresses: &[&str]| addresses.iter().map(|one| one.to_string()).collect::<Vec<_>>();
    let both = panel(&["node1:9000", "node2:9000"]);
    let claim = async |lease: &Lease, addresses: &[String], now| {
        store.claim_panel(lease, "minio", addresses, now).await.unwrap().map_err(|taken| taken.by)
    };
    // Neither has accounts yet: the one that is about to have some counts.
    claim(&first, &both, now).await.unwrap();
    assert_eq!(claim(&second, &panel(&["node2:9000"]), now).await, Err(called("first")));
    // It found none, and is polled no more: then the other may have it.
    store.release_lease(&first).await.unwrap();
    claim(&second, &panel(&["node2:9000"]), now).await.unwrap();
    let mut loaded = store.load(&called("second"), None).await.unwrap();
    poll(&store, &second, &mut loaded, now, &harvest(now, &[("a", 1, 1)])).await.unwrap();
    store.release_lease(&second).await.unwrap();
    let later = now.plus(Seconds::hours(1));
    let first = leased(&store, "first", later).await;
    assert_eq!(claim(&first, &both, later).await, Err(called("second")));
    // Another kind of panel may listen on the same host and port in turn; another port is another panel.
    assert!(store.claim_panel(&first, "proxmox", &both, later).await.unwrap().is_ok());
    claim(&first, &panel(&["node2:9443"]), later).await.unwrap();
    // A panel that moves takes its backend along, and leaves its address to others.
    let second = leased(&store, "second", later).await;
    claim(&second, &panel(&["elsewhere:9000"]), later).await.unwrap();
    claim(&first, &both, later).await.unwrap();
}

pub async fn a_forgotten_backend_ends_its_accounts_and_keeps_what_they_used(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let start = at("2026-11-01T11:00:00Z");
    let mut loaded = polled(&store, "gone", start, 10, 1000).await;
    let last = start.plus(Seconds::hours(24 * 9));
    // One is missing from the last list already.
    let missing = last.plus(Seconds::new(900));
    let lease = leased(&store, "gone", missing).await;
    poll(&store, &lease, &mut loaded, missing, &harvest(missing, &[("alice", 1009, 9000)])).await.unwrap();
    let days = store.days(&UsageQuery::default(), november()).await.unwrap();

    let now = last.plus(Seconds::hours(48));
    let lease = leased(&store, "gone", now).await;
    let forgetting = Forgetting { author: "operator ann".into(), reason: "sold".into() };
    let settled = forget(&loaded.book);
    let correction = Correction::Forgotten(forgetting.clone());
    store.commit_correction(&lease, &mut loaded, &correction, settled, now).await.unwrap();

    assert_eq!(store.days(&UsageQuery::default(), november()).await.unwrap(), days);
    let reloaded = store.load(&called("gone"), None).await.unwrap();
    assert_eq!(reloaded.book, loaded.book);
    for (account, end) in [("alice", missing), ("gone", missing)] {
        assert_eq!(loaded.book.life(&name(account)).unwrap().ended, Some(end), "{account}");
    }
    store.verify(&called("gone"), &rules()).await.unwrap().unwrap();
    store.verify_chronicle().await.unwrap().unwrap();
    assert_eq!(replayed(&store, &called("gone")).await.lives, loaded.book.lives);
    let entries = store.journal(&called("gone"), 1, 100).await.unwrap();
    assert_eq!(entries.last().unwrap().corrected, Some(correction));
    let state = store.backends().await.unwrap().remove(0);
    assert_eq!(store.standing(&state).await.unwrap().present().count(), 0);
    let acts = store.acts(None, 10).await.unwrap();
    let reported: Vec<_> =
        acts.iter().map(|act| (act.actor.as_str(), act.action.as_str(), act.why.as_str())).collect();
    assert_eq!(reported, [("operator ann", "forget", "sold")]);
    assert!(store.entries(&[EntryState::Waiting], 10).await.unwrap().is_empty());

    // Its panel may be another backend's from then on, and it may come back itself.
    let back = now.plus(Seconds::hours(1));
    let lease = leased(&store, "gone", back).await;
    poll(&store, &lease, &mut loaded, back, &harvest(back, &[("alice", 1, 9500)])).await.unwrap();
    store.verify(&called("gone"), &rules()).await.unwrap().unwrap();
    store.verify_chronicle().await.unwrap().unwrap();
    assert_eq!(replayed(&store, &called("gone")).await.lives, loaded.book.lives);
}
