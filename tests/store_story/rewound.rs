//! A journal that is taken back: days, months, owners and beliefs are as they were, and go on from there.

use super::owners::committed;
use super::promises::{decide, verdict};
use super::*;
use whmeter::metering::Rewind;
use whmeter::ownership::Intent;
use whmeter::quota::Channel;
use whmeter::store::{
    CannotRepair, CannotRewind, Concluded, EntryState, Lane, RewindTo, SwitchEnd, Withdrawn,
};

fn said(to: i64) -> Rewind {
    Rewind { to, author: "ann".into(), reason: "the panel lied".into() }
}

async fn rewind(
    store: &Store,
    lease: &Lease,
    loaded: &mut Loaded,
    to: RewindTo,
    at: Timestamp,
) -> Result<u64, CannotRewind> {
    let unwound = store.unwind(&backend(), to, &loaded.book, &rules()).await.unwrap()?;
    store.commit_rewind(lease, loaded, &unwound, &said(unwound.to), at).await.unwrap();
    Ok(unwound.entries)
}

/// All days and months, and who pays for them.
async fn ledger(store: &Store) -> (Vec<DayPoint>, Vec<(String, String, String, Meter, u64, u128)>) {
    let [first, last] = ["2026-10", "2027-01"].map(|month| Month::parse(month).unwrap());
    let period = BillingPeriod::new(first.first(), last.first()).unwrap();
    let days = store.days(&UsageQuery::default(), period).await.unwrap();
    let months = store.months(&UsageQuery::default(), first, last).await.unwrap();
    let months = months.iter().map(|one| {
        let (account, month, owner) =
            (one.account.name.to_string(), one.month.to_string(), one.owner.to_string());
        (account, month, owner, one.meter, one.usage.amount.get(), one.usage.held.get())
    });
    (days, months.collect())
}

/// What is believed, without the numbers that the next life and holding get, and what others were shown.
fn believed(book: &Book) -> Book {
    let mut book = Book { next_life: LifeNo::new(1), next_holding: HoldingNo::new(1), ..book.clone() };
    for life in book.lives.values_mut() {
        life.series.iter_mut().for_each(|(_, series)| series.shown = Bytes::ZERO);
    }
    book
}

pub async fn what_is_taken_back_is_as_if_it_had_never_been_said(databases: &Databases) {
    let fresh = databases.fresh().await;
    let keep = StoreSettings {
        keep_journal: whmeter::settings::Period(std::time::Duration::from_secs(86_400)),
        ..settings(&fresh, 400)
    };
    let store = Store::open(keep.clone(), fresh.folder.path()).await.unwrap();
    let noon = at("2026-11-29T11:00:00Z");
    let hour = |hours: u64| noon.plus(Seconds::hours(hours));
    let held = lease(&store, "a", noon).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let open = |service| Intent::Open(Owner::Service(service));
    let day = |text: &str| UsageDay::parse(text).unwrap();
    let true_polls = [
        vec![("alice", 100, 10), ("bob", 7, 70), ("carol", 900, 0)],
        vec![("alice", 110, 20), ("bob", 7, 80), ("carol", 900, 5)],
        vec![("alice", 120, 35), ("bob", 9, 80), ("carol", 950, 6)],
    ];
    for (step, accounts) in (0..).zip(&true_polls) {
        let intents = [("alice", open(1)), ("carol", Intent::Keep)];
        committed(&store, &held, &mut loaded, hour(step), accounts, &intents[..usize::from(step == 1)]).await;
    }
    let (before, then) = (ledger(&store).await, loaded.book.clone());
    // Kept in memory from here on.
    let state = store.backends().await.unwrap().remove(0);
    store.standing(&state).await.unwrap();

    // A poll that failed for our clock is dated by another's, which was ahead: it settled nothing, and nobody goes
    // back to it.
    store.record_clock(&held, (hour(50), true), hour(2), "the panel is two days ahead").await.unwrap();

    // What is wrong: bytes, levels, a newcomer, a new owner, a stretch taken over, days to come, somebody gone.
    let wrong = [
        (hour(3), vec![("alice", 1, 9_000), ("bob", 7_000, 80), ("carol", 950, 90), ("mallory", 5, 5)]),
        (hour(16), vec![("alice", 1, 9_100), ("carol", 950, 190), ("mallory", 5, 50)]),
        (hour(40), vec![("alice", 2, 9_200), ("carol", 950, 290), ("mallory", 6, 60)]),
    ];
    let mistakes = [
        vec![("alice", open(2))],
        vec![("carol", Intent::TakeOver { since: day("2026-11-30"), owner: Owner::Service(3) })],
        vec![],
    ];
    for ((now, accounts), intents) in wrong.iter().zip(&mistakes) {
        committed(&store, &held, &mut loaded, *now, accounts, intents).await;
    }
    assert_ne!(ledger(&store).await, before);
    let kept = store.load(&backend(), None).await.unwrap();
    let shown = |book: &Book| book.series(&name("alice"), Meter::TrafficOut).unwrap().shown;
    let was_shown = shown(&loaded.book);

    let taken = rewind(&store, &held, &mut loaded, RewindTo::Time(hour(2)), hour(41)).await;
    assert_eq!(taken, Ok(3));
    assert_eq!(ledger(&store).await, before);
    assert_eq!(believed(&loaded.book), believed(&then));
    assert_eq!(shown(&loaded.book), was_shown, "what others watch does not fall");
    assert!(
        loaded.book.next_life >= kept.book.next_life && loaded.book.next_holding >= kept.book.next_holding
    );
    store.verify(&backend(), &rules()).await.unwrap().unwrap();
    assert_eq!(believed(&replayed(&store, &backend()).await), believed(&then));
    let state = store.backends().await.unwrap().remove(0);
    assert_eq!(state.rewound_at, Some(hour(41)));
    let standing = store.standing(&state).await.unwrap();
    assert!(
        standing.accounts.contains_key(&name("bob")) && !standing.accounts.contains_key(&name("mallory"))
    );
    let elsewhere = Store::open(keep, fresh.folder.path()).await.unwrap();
    assert_eq!(elsewhere.standing(&state).await.unwrap().accounts, standing.accounts);
    // A book of before commits nothing.
    let mut late = kept;
    let refused = poll(&store, &held, &mut late, hour(42), &harvest(hour(42), &true_polls[2])).await;
    assert!(matches!(refused, Err(StoreError::LostLease { .. })), "{refused:?}");

    // It goes on from there: what passed since is counted once, and the newcomer is seen for the first time.
    let truth = [("alice", 130, 45), ("bob", 9, 90), ("carol", 950, 7), ("mallory", 6, 60)];
    committed(&store, &held, &mut loaded, hour(42), &truth, &[]).await;
    let months = ledger(&store).await.1;
    let out = |account: &str| -> u64 {
        let its = months.iter().filter(|one| one.0 == account && one.3 == Meter::TrafficOut);
        its.map(|one| one.4).sum()
    };
    assert_eq!([out("alice"), out("bob"), out("carol"), out("mallory")], [35, 20, 7, 0]);
    let never_used = loaded.book.life(&name("mallory")).unwrap().holding().no;
    assert!(never_used >= HoldingNo::new(6), "no number is given twice: {never_used}");

    // Taken back once more, behind the first time; then folded, rewinds and all.
    assert_eq!(rewind(&store, &held, &mut loaded, RewindTo::Entry(2), hour(43)).await, Ok(2));
    committed(&store, &held, &mut loaded, hour(44), &truth, &[]).await;
    let (whole, book) = (ledger(&store).await, loaded.book.clone());
    let december = at("2026-12-20T11:00:00Z");
    committed(&store, &held, &mut loaded, december, &truth, &[]).await;
    assert!(store.fold_journal(&backend(), at("2027-02-20T11:00:00Z"), &rules()).await.unwrap() > 8);
    store.verify(&backend(), &rules()).await.unwrap().unwrap();
    assert_eq!(believed(&store.checkpoint(&backend()).await.unwrap()).counters, loaded.book.counters);
    assert_eq!(replayed(&store, &backend()).await.lives.len(), book.lives.len());
    let november = |ledger: &[(String, String, String, Meter, u64, u128)]| {
        ledger.iter().filter(|one| one.1 == "2026-11").cloned().collect::<Vec<_>>()
    };
    assert_eq!(november(&ledger(&store).await.1), november(&whole.1));

    // Which of its days had what is folded: that they are not the month is found, and cannot be fixed.
    edit(&fresh.url, "UPDATE day_point SET amount = amount + 1 WHERE meter = 2 AND day = 20261129").await;
    let found = store.verify(&backend(), &rules()).await.unwrap().unwrap_err().to_string();
    assert!(found.contains("traffic_out days of 2026-11: the store has"), "{found}");
    let now = at("2027-02-20T12:00:00Z");
    let held = lease(&store, "b", now).await.unwrap();
    let refused = store.repair(&held, &repair(), &rules(), now).await.unwrap().unwrap_err();
    assert!(matches!(refused, CannotRepair::Left(_)), "{refused}");
    edit(&fresh.url, "UPDATE day_point SET amount = amount - 1 WHERE meter = 2 AND day = 20261129").await;
    // The whole month can.
    edit(&fresh.url, "UPDATE month_sum SET amount = amount + 1 WHERE meter = 2 AND month = 202611").await;
    assert!(!store.repair(&held, &repair(), &rules(), now).await.unwrap().unwrap().is_empty());
    store.verify(&backend(), &rules()).await.unwrap().unwrap();
    assert_eq!(november(&ledger(&store).await.1), november(&whole.1));
}

pub async fn a_journal_is_taken_back_only_so_far(databases: &Databases) {
    let fresh = databases.fresh().await;
    let keep = StoreSettings {
        keep_journal: whmeter::settings::Period(std::time::Duration::from_secs(86_400)),
        ..settings(&fresh, 400)
    };
    let store = Store::open(keep, fresh.folder.path()).await.unwrap();
    let noon = at("2026-11-29T11:00:00Z");
    let held = lease(&store, "a", noon).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    for hours in 0..4u64 {
        let now = noon.plus(Seconds::hours(hours));
        committed(&store, &held, &mut loaded, now, &[("alice", 100 + hours, 10 * hours)], &[]).await;
    }
    let later = noon.plus(Seconds::hours(5));
    let mut back = async |to| rewind(&store, &held, &mut loaded, to, later).await;
    assert_eq!(back(RewindTo::Entry(9)).await, Err(CannotRewind::NoSuchEntry { to: 9, last: 4 }));
    assert_eq!(back(RewindTo::Entry(-1)).await, Err(CannotRewind::NoSuchEntry { to: -1, last: 4 }));
    assert_eq!(back(RewindTo::Entry(4)).await, Err(CannotRewind::Nothing { to: 4 }));
    assert_eq!(back(RewindTo::Time(later)).await, Err(CannotRewind::Nothing { to: 4 }));
    assert_eq!(back(RewindTo::Entry(2)).await, Ok(2));
    assert_eq!(back(RewindTo::Entry(2)).await, Err(CannotRewind::Nothing { to: 2 }));
    assert_eq!(back(RewindTo::Entry(3)).await, Err(CannotRewind::TakenBack { to: 3, by: 5 }));
    // All of it: nothing is known of anybody, as before the first poll.
    assert_eq!(back(RewindTo::Time(noon.minus(Seconds::hours(1)))).await, Ok(2));
    assert_eq!((loaded.book.lives.len(), loaded.book.last_look), (0, None));
    assert_eq!(ledger(&store).await, (Vec::new(), Vec::new()));
    store.verify(&backend(), &rules()).await.unwrap().unwrap();
    committed(&store, &held, &mut loaded, at("2026-12-20T11:00:00Z"), &[("alice", 1, 1)], &[]).await;
    store.fold_journal(&backend(), at("2027-01-20T11:00:00Z"), &rules()).await.unwrap();
    let folded = rewind(&store, &held, &mut loaded, RewindTo::Entry(1), later).await;
    assert_eq!(folded, Err(CannotRewind::Folded { upto: 7 }));
}

/// Limited at hour two, which counts; at hour three alice is restored and bob limited, which is taken back. What of
/// that was delivered stays, what was not is as if it had never been promised.
pub async fn what_people_were_told_of_limits_stays_until_a_poll_finds_otherwise(databases: &Databases) {
    for delivered in [false, true] {
        let fresh = databases.fresh().await;
        let store = open(&fresh, 400).await;
        let noon = at("2026-11-20T11:00:00Z");
        let hour = |hours: u64| noon.plus(Seconds::hours(hours));
        let held = lease(&store, "a", noon).await.unwrap();
        let mut loaded = store.load(&backend(), None).await.unwrap();
        for step in 0..2 {
            let accounts = [("alice", 1_100, step), ("bob", 9, step)];
            committed(&store, &held, &mut loaded, hour(step), &accounts, &[]).await;
        }
        let right = vec![verdict("alice", Policy::Limited, 1, hour(2))];
        decide(&store, &held, &mut loaded, hour(2), right).await;
        carried_out(&store, hour(2)).await;
        let wrong =
            vec![verdict("alice", Policy::Standard, 2, hour(3)), verdict("bob", Policy::Limited, 1, hour(3))];
        decide(&store, &held, &mut loaded, hour(3), wrong).await;
        if delivered {
            carried_out(&store, hour(3)).await;
        }
        let crossed = |loaded: &Loaded, account: &str| {
            let holding = loaded.book.life(&name(account)).unwrap().holding().no;
            let crossings = loaded.crossings.get(&holding);
            crossings.and_then(|its| its.get(&(Meter::StorageUsed, 100))).map(|one| (one.since, one.episode))
        };
        let wanted = |loaded: &Loaded, account: &str| {
            let hold = loaded.holds[&name(account)];
            (hold.wanted, hold.number, hold.confirmed_at.is_some())
        };
        let now = [crossed(&loaded, "alice"), crossed(&loaded, "bob")];
        assert_eq!(now, [Some((None, 1)), Some((Some(hour(3)), 1))]);
        let acts = store.acts(None, 100).await.unwrap().len();
        let unwound =
            store.unwind(&backend(), RewindTo::Time(hour(2)), &loaded.book, &rules()).await.unwrap();
        let unwound = unwound.unwrap();
        let rehearsed = unwound.withdrawn;
        let withdrawn =
            store.commit_rewind(&held, &mut loaded, &unwound, &said(unwound.to), hour(4)).await.unwrap();
        assert_eq!(rehearsed, withdrawn);
        let reported = [crossed(&loaded, "alice"), crossed(&loaded, "bob")];
        let policies = [wanted(&loaded, "alice"), wanted(&loaded, "bob")];
        let waiting = store.entries(&[EntryState::Waiting], 100).await.unwrap().len();
        let acts = store.acts(None, 100).await.unwrap().len() - acts;
        if delivered {
            // Alice was told that she is restored, bob that he is limited: the next poll tells them what has changed.
            assert_eq!(withdrawn, Withdrawn::default());
            assert_eq!(reported, now);
            assert_eq!(policies, [(Policy::Standard, 2, true), (Policy::Limited, 1, true)]);
            assert_eq!((waiting, acts), (0, 1), "the rewind itself");
        } else {
            // Alice is restored: mail and webhook tell that, Alertmanager that it is over. Bob is limited: on all
            // three.
            assert_eq!(withdrawn, Withdrawn { notifications: 6, switches: 2 });
            assert_eq!(reported, [Some((Some(hour(2)), 1)), None]);
            assert_eq!(policies, [(Policy::Limited, 2, true), (Policy::Standard, 1, true)]);
            assert_eq!((waiting, acts), (0, 9));
        }
        store.verify(&backend(), &rules()).await.unwrap().unwrap();
        store.verify_chronicle().await.unwrap().unwrap();
        // The same once more, and true: whoever was not told of it is told now.
        let again = if delivered { 2 } else { 1 };
        let mut bob = verdict("bob", Policy::Limited, 2 * again - 1, hour(5));
        bob.hold.number = again;
        bob.switch.as_mut().unwrap().number = again;
        decide(&store, &held, &mut loaded, hour(5), vec![bob]).await;
        let waiting = store.entries(&[EntryState::Waiting], 100).await.unwrap();
        assert_eq!(waiting.len(), 4, "{waiting:?}");
        assert_eq!(crossed(&loaded, "bob"), Some((Some(hour(5)), again)));
        store.verify(&backend(), &rules()).await.unwrap().unwrap();
    }
}

/// A switch that somebody carries out just now is not withdrawn, nor what tells of it: it may be made already.
pub async fn what_is_being_delivered_is_not_withdrawn(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let noon = at("2026-11-20T11:00:00Z");
    let held = lease(&store, "a", noon).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    committed(&store, &held, &mut loaded, noon, &[("alice", 1_100, 1)], &[]).await;
    let later = noon.plus(Seconds::hours(1));
    decide(&store, &held, &mut loaded, later, vec![verdict("alice", Policy::Limited, 1, later)]).await;
    let switch = store.claim_due(&Lane::Switches(backend()), later, 1).await.unwrap().remove(0);
    rewind(&store, &held, &mut loaded, RewindTo::Entry(1), later).await.unwrap();
    let took = SwitchEnd::Took("done".into());
    assert_eq!(store.conclude(&switch, &took, later).await.unwrap(), Concluded::Yes);
    let notifications = store.claim_due(&Lane::Notifications(Channel::Whmcs), later, 9).await.unwrap();
    assert_eq!(notifications.len(), 1, "it is told of");
    loaded = store.load(&backend(), None).await.unwrap();
    assert_eq!(loaded.crossings.len(), 1);
    assert_eq!(loaded.holds[&name("alice")].wanted, Policy::Limited);
    store.verify(&backend(), &rules()).await.unwrap().unwrap();
}

/// Every switch is made and every notification delivered.
async fn carried_out(store: &Store, now: Timestamp) {
    for switch in store.claim_due(&Lane::Switches(backend()), now, 100).await.unwrap() {
        let took = SwitchEnd::Took("done".into());
        assert_eq!(store.conclude(&switch, &took, now).await.unwrap(), Concluded::Yes);
    }
    for channel in [Channel::Whmcs, Channel::Webhook, Channel::Alertmanager] {
        loop {
            let notifications = store.claim_due(&Lane::Notifications(channel), now, 100).await.unwrap();
            if notifications.is_empty() {
                break;
            }
            for notification in notifications {
                assert!(store.delivered(&notification, "200", now).await.unwrap());
            }
        }
    }
}

/// What nobody has read is believed all the same: a new life goes on with the totals of its name, and of one that is
/// back nobody knows what it held. Whoever starts anew believes it, too.
pub async fn what_was_not_read_is_kept_as_it_is_believed(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let noon = at("2026-11-20T11:00:00Z");
    let hour = |hours: u64| noon.plus(Seconds::hours(hours));
    let held = lease(&store, "a", noon).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let both = [("alice", 100, 10), ("bob", 5_000, 50), ("carol", 7, 7)];
    committed(&store, &held, &mut loaded, hour(0), &both, &[]).await;
    committed(&store, &held, &mut loaded, hour(1), &[("alice", 100, 40), both[1], both[2]], &[]).await;
    for gone in 2..4 {
        committed(&store, &held, &mut loaded, hour(gone), &both[2..], &[]).await;
    }
    let now = hour(5);
    let mut back = Harvest::new();
    for account in ["alice", "bob", "carol"] {
        let unread = name(account);
        back.add_reading(&unread, Meter::StorageUsed, Reading::Gauge { at: now, level: bytes(1) });
    }
    back.listed_everyone();
    poll(&store, &held, &mut loaded, now, &back).await.unwrap();
    assert_eq!(store.load(&backend(), None).await.unwrap().book, loaded.book);
    assert!(loaded.book.lives_of(&name("alice")).count() > 1, "{:?}", loaded.book.lives);
    let series = loaded.book.series(&name("alice"), Meter::TrafficOut).unwrap();
    assert_eq!(series.total, bytes(30), "her name has shown it");
    store.verify(&backend(), &rules()).await.unwrap().unwrap();
}
