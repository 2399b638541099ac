//! Promises: put in with the poll that decided them, claimed once, kept in order, true when they are told.

use super::*;
use litemap::LiteMap;
use whmeter::quota::*;
use whmeter::store::{Concluded, Entry, EntryState, Lane, Promise, StaffReport, SwitchEnd};

const ALL: [Channel; 3] = [Channel::Whmcs, Channel::Webhook, Channel::Alertmanager];

fn key(account: &str) -> AccountKey {
    AccountKey { backend: backend(), name: name(account) }
}

fn notification(account: &str, occasion: Occasion, episode: u32) -> Notification {
    Notification {
        occasion,
        account: key(account),
        holding: HoldingNo::new(1),
        meter: Meter::StorageUsed,
        threshold: 100,
        episode,
        used: bytes(1100),
        limit: bytes(1000),
        since: at("2026-11-20T11:00:00Z"),
        at: at("2026-11-20T11:00:00Z"),
        address: Address {
            template: Some("a template".into()),
            mail_to: vec!["ops@example.net".into()],
            product: Some("S3".into()),
        },
    }
}

/// The verdict that an account is to be limited, or restored, for the n-th time.
pub(super) fn verdict(account: &str, to: Policy, number: u32, now: Timestamp) -> Verdict {
    let mut crossings = Crossings::new();
    let limited = to == Policy::Limited;
    let episode = number.div_ceil(2);
    let crossing = Crossing { episode, since: limited.then_some(now), month: None, reminded: 0 };
    crossings.insert((Meter::StorageUsed, 100), crossing);
    let occasions: &[Occasion] =
        if limited { &[Occasion::Limited] } else { &[Occasion::Restored, Occasion::Resolved] };
    Verdict {
        account: name(account),
        holding: HoldingNo::new(1),
        crossings,
        hold: Hold { wanted: to, number, again: 0, confirmed_at: None, left_alone: false, pin: None },
        notifications: occasions.iter().map(|occasion| notification(account, *occasion, episode)).collect(),
        switch: Some(Switch {
            account: key(account),
            holding: HoldingNo::new(1),
            to,
            number,
            why: "it said so".into(),
            at: now,
        }),
    }
}

pub(super) async fn decide(
    store: &Store,
    lease: &Lease,
    loaded: &mut Loaded,
    now: Timestamp,
    mut verdicts: Vec<Verdict>,
) {
    let accounts: Vec<(&str, u64, u64)> =
        verdicts.iter().map(|verdict| (verdict.account.as_str(), 1100, 5)).collect();
    let harvest = harvest(now, &accounts);
    let settled = settle(&loaded.book, &harvest, now, &rules());
    let after = loaded.book.after(&settled);
    for verdict in &mut verdicts {
        let holding = after.life(&verdict.account).unwrap().holding().no;
        verdict.holding = holding;
        verdict.notifications.iter_mut().for_each(|notification| notification.holding = holding);
        verdict.switch.iter_mut().for_each(|switch| switch.holding = holding);
    }
    let limits = verdicts.iter().map(|verdict| {
        (verdict.account.clone(), LiteMap::from_iter([(Meter::StorageUsed, Limit::UpTo(bytes(1000)))]))
    });
    let judged = JudgedPoll {
        limits: limits.collect(),
        mapped: HashMap::new(),
        together: HashMap::new(),
        decided: Decided { verdicts: verdicts.clone(), held: Vec::new() },
        channels: &ALL,
    };
    let (kind, harvest, reach) = ("minio", &harvest, Reach::Some);
    let poll = Poll { at: now, kind, harvest, settled, after, reach, judged };
    store.commit(lease, loaded, poll).await.unwrap();
}

async fn claim(store: &Store, lane: Lane, now: Timestamp) -> Vec<Entry> {
    store.claim_due(&lane, now, 100).await.unwrap()
}

fn switches() -> Lane {
    Lane::Switches(backend())
}

fn kinds(entries: &[Entry]) -> Vec<String> {
    let what = |entry: &Entry| match &entry.promise {
        Promise::Notify(channel, notification) => format!("{channel} {}", notification.occasion.name()),
        Promise::Switch { to, .. } => format!("policy {}", to.name()),
        Promise::Report { .. } => "smtp report".to_string(),
    };
    entries.iter().map(what).collect()
}

pub async fn a_promise_is_claimed_once_and_its_letters_wait_for_the_truth(databases: &Databases) {
    let fresh = databases.fresh().await;
    let (store, other) = (open(&fresh, 400).await, open(&fresh, 400).await);
    let now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    decide(&store, &lease, &mut loaded, now, vec![verdict("alice", Policy::Limited, 1, now)]).await;
    // An alert is about the crossing; what tells of the switch waits for it.
    for channel in [Channel::Whmcs, Channel::Webhook] {
        assert!(claim(&store, Lane::Notifications(channel), now).await.is_empty(), "{channel}");
    }
    let alerts = claim(&store, Lane::Notifications(Channel::Alertmanager), now).await;
    assert_eq!(kinds(&alerts), ["alertmanager limited"]);
    assert!(store.delivered(&alerts[0], "200", now).await.unwrap());
    assert_eq!(store.firing().await.unwrap().len(), 1);

    // Two replicas: one of them gets it.
    let (mine, theirs) = tokio::join!(claim(&store, switches(), now), claim(&other, switches(), now));
    assert_eq!(mine.len() + theirs.len(), 1);
    let switch = mine.into_iter().chain(theirs).next().unwrap();
    assert_eq!(switch.key, "s3-fra1/alice/1/policy/1");
    assert_eq!(store.keep_memory(&key("alice"), "before").await.unwrap(), "before");
    assert_eq!(store.keep_memory(&key("alice"), "later").await.unwrap(), "before", "the first one counts");
    // It dies with it: after the claim somebody else has it, and the first one's word no longer counts.
    let later = now.plus(Seconds::new(16 * 60));
    let again = claim(&other, switches(), later).await;
    assert_eq!((again.len(), again[0].attempts), (1, 2));
    assert_eq!(again[0].tried_at, Some(now), "that it was tried is known");
    let took = SwitchEnd::Took("done".into());
    assert_eq!(store.conclude(&switch, &took, later).await.unwrap(), Concluded::Elsewhere);
    assert_eq!(store.conclude(&again[0], &took, later).await.unwrap(), Concluded::Yes);
    let notifications = claim(&store, Lane::Notifications(Channel::Whmcs), later).await;
    assert_eq!(kinds(&notifications), ["whmcs limited"]);
    assert_eq!(notifications[0].key, "s3-fra1/alice/1/storage/100/1");
    let Promise::Notify(_, reported) = &notifications[0].promise else { panic!("{notifications:?}") };
    assert_eq!(reported, &Notification { at: now, ..notification("alice", Occasion::Limited, 1) });
    // What was read back is shown to everybody, and the next poll knows it.
    let state = store.backends().await.unwrap().remove(0);
    let standing = store.standing(&state).await.unwrap();
    assert_eq!(standing.accounts[&name("alice")].policy, Some(Policy::Limited));
    assert_eq!(standing.accounts[&name("alice")].limit(Meter::StorageUsed), Limit::UpTo(bytes(1000)));
    let loaded = store.load(&backend(), Some(loaded)).await.unwrap();
    assert_eq!(loaded.holds[&name("alice")].confirmed_at, Some(later));
    let fresh_look = other.load(&backend(), None).await.unwrap();
    assert_eq!((&fresh_look.holds, &fresh_look.crossings), (&loaded.holds, &loaded.crossings));
    let acts = store.acts(Some(&key("alice")), 10).await.unwrap();
    let reported: Vec<_> = acts.iter().map(|act| (act.action.as_str(), act.why.as_str())).collect();
    assert_eq!(reported, [("limit", "it said so")]);
}

pub async fn never_6_the_same_decision_again_is_the_same_letter(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    for minute in 0..3 {
        let now = now.plus(Seconds::new(60 * minute));
        decide(&store, &lease, &mut loaded, now, vec![verdict("alice", Policy::Limited, 1, now)]).await;
    }
    let entries = store.entries(&EntryState::ALL, 100).await.unwrap();
    assert_eq!(entries.len(), 1 + ALL.len(), "{:?}", kinds(&entries));
    let switch = claim(&store, switches(), now).await.remove(0);
    store.conclude(&switch, &SwitchEnd::Took("done".into()), now).await.unwrap();
    decide(&store, &lease, &mut loaded, now, vec![verdict("alice", Policy::Limited, 1, now)]).await;
    assert!(claim(&store, switches(), now).await.is_empty(), "what is done is not done again");
}

pub async fn of_two_waiting_switches_the_newer_counts_and_order_is_kept(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let both = |number, to| vec![verdict("alice", to, number, now), verdict("bob", to, number, now)];
    decide(&store, &lease, &mut loaded, now, both(1, Policy::Limited)).await;
    decide(&store, &lease, &mut loaded, now, both(2, Policy::Standard)).await;
    let first = claim(&store, switches(), now).await;
    assert_eq!(kinds(&first), ["policy limited"; 2], "one at a time for each account");
    for entry in &first {
        assert!(!store.switch_is_newest(entry).await.unwrap());
        store.conclude(entry, &SwitchEnd::Superseded, now).await.unwrap();
    }
    let second = claim(&store, switches(), now).await;
    assert_eq!(kinds(&second), ["policy standard"; 2]);
    assert!(store.switch_is_newest(&second[0]).await.unwrap());
    // Alice had never been limited, Bob had.
    store.conclude(&second[0], &SwitchEnd::Nothing, now).await.unwrap();
    store.conclude(&second[1], &SwitchEnd::Took("done".into()), now).await.unwrap();
    let notifications = claim(&store, Lane::Notifications(Channel::Webhook), now).await;
    let reported: Vec<_> =
        notifications.iter().map(|entry| entry.promise.account().unwrap().name.as_str()).collect();
    assert_eq!((kinds(&notifications), reported), (vec!["webhook restored".to_string()], vec!["bob"]));

    // A notification that is put off keeps those behind it, on its own channel and of its own account only.
    decide(&store, &lease, &mut loaded, now, both(3, Policy::Limited)).await;
    let alerts = claim(&store, Lane::Notifications(Channel::Alertmanager), now).await;
    assert_eq!(alerts.len(), 2);
    let later = now.plus(Seconds::new(600));
    assert!(store.put_off(&alerts[0], later, "not now", false).await.unwrap());
    assert!(store.delivered(&alerts[1], "200", now).await.unwrap());
    let next = claim(&store, Lane::Notifications(Channel::Alertmanager), now).await;
    assert!(next.iter().all(|entry| entry.promise.account() != alerts[0].promise.account()), "{next:?}");
    assert!(!next.is_empty());
    // A clock that was set back by hours does not make it wait for hours.
    let back = at("2026-11-20T07:00:00Z");
    let again = claim(&store, Lane::Notifications(Channel::Alertmanager), back).await;
    assert!(again.iter().any(|entry| entry.id == alerts[0].id), "{again:?}");
}

pub async fn what_gives_up_is_told_as_it_is_and_can_be_tried_again(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let both = vec![verdict("alice", Policy::Limited, 1, now), verdict("bob", Policy::Limited, 1, now)];
    decide(&store, &lease, &mut loaded, now, both).await;
    let claimed = claim(&store, switches(), now).await;
    store.conclude(&claimed[0], &SwitchEnd::GaveUp("no such thing".into()), now).await.unwrap();
    store
        .conclude(&claimed[1], &SwitchEnd::LeftAlone { found: "theirs".into(), limited: false }, now)
        .await
        .unwrap();
    // The customer hears that he is over; the operator that nothing came of it.
    let mut notifications = claim(&store, Lane::Notifications(Channel::Whmcs), now).await;
    notifications.extend(claim(&store, Lane::Notifications(Channel::Webhook), now).await);
    let reported: Vec<_> = notifications
        .iter()
        .map(|entry| entry.promise.account().unwrap().name.to_string())
        .zip(kinds(&notifications))
        .collect();
    let expected = [
        ("alice", "whmcs notify"),
        ("bob", "whmcs notify"),
        ("alice", "webhook failed"),
        ("bob", "webhook notify"),
    ];
    assert_eq!(reported, expected.map(|(who, what)| (who.to_string(), what.to_string())));
    assert_eq!(notifications[2].key, "s3-fra1/alice/1/storage/100/1/failed");
    let state = store.policy(&key("bob")).await.unwrap().unwrap();
    assert_eq!((state.left_alone.as_deref(), state.shown, state.remembers), (Some("theirs"), None, false));
    let waiting = store.waiting().await.unwrap();
    assert!(waiting.iter().all(|one| one.channel != "policy"), "{waiting:?}");

    assert!(store.retry_entry(claimed[0].id, now).await.unwrap());
    assert!(!store.retry_entry(claimed[1].id, now).await.unwrap(), "what is done is done");
    let again = claim(&store, switches(), now).await;
    assert_eq!((again.len(), again[0].id), (1, claimed[0].id));
    assert!(store.drop_entry(claimed[0].id, "somebody", now).await.unwrap());
    assert_eq!(store.conclude(&again[0], &SwitchEnd::Nothing, now).await.unwrap(), Concluded::Elsewhere);
    let dropped = store.entries(&[EntryState::Dropped], 10).await.unwrap();
    assert_eq!(dropped[0].said.as_deref(), Some("dropped by somebody"));
    assert_eq!(store.prune_outbox(now.plus(Seconds::hours(24))).await.unwrap(), 2);
}

pub async fn what_is_left_alone_and_still_limited_can_be_brought_back(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let mut alice = verdict("alice", Policy::Limited, 1, now);
    alice.hold.again = 3;
    decide(&store, &lease, &mut loaded, now, vec![alice]).await;
    store.keep_memory(&key("alice"), "before").await.unwrap();
    let conclude = async |limited: bool| {
        let switch = claim(&store, switches(), now).await.remove(0);
        let end = SwitchEnd::LeftAlone { found: "policy a-limited,extra".into(), limited };
        assert_eq!(store.conclude(&switch, &end, now).await.unwrap(), Concluded::Yes);
        store.policy(&key("alice")).await.unwrap().unwrap()
    };
    let state = conclude(true).await;
    assert_eq!((state.hold.again, state.remembers, state.shown), (3, true, Some(Policy::Limited)));
    assert_eq!(state.conflict(), Some(Conflict::StillLimited));
    let reported = state.describe_conflict().unwrap();
    assert_eq!(reported, "left alone, still limited by policy a-limited,extra");
    let loaded_again = store.load(&backend(), None).await.unwrap();
    assert_eq!(loaded_again.holds[&name("alice")], state.hold);
    let acts = store.acts(Some(&key("alice")), 1).await.unwrap();
    assert_eq!(acts[0].after.as_deref(), Some(reported.as_str()));
    // Not to be limited any more, and limited: he is listed, and asked after.
    decide(&store, &lease, &mut loaded, now, vec![verdict("alice", Policy::Standard, 2, now)]).await;
    let state = conclude(true).await;
    assert_eq!((state.hold.wanted, state.hold.again, state.remembers), (Policy::Standard, 0, true));
    let held = store.held_accounts().await.unwrap();
    assert_eq!(held, [(key("alice"), state)]);
    assert_eq!(store.load(&backend(), None).await.unwrap().limited(), [name("alice")]);
    // Theirs alone is left: nothing is remembered, and nothing is wrong.
    decide(&store, &lease, &mut loaded, now, vec![verdict("alice", Policy::Standard, 3, now)]).await;
    let state = conclude(false).await;
    assert_eq!((state.remembers, state.shown, state.conflict()), (false, None, None));
    assert!(store.held_accounts().await.unwrap().is_empty());
}

pub async fn a_pin_is_kept_with_its_author_and_disturbs_no_poll(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    poll(&store, &lease, &mut loaded, now, &harvest(now, &[("alice", 1, 1)])).await.unwrap();
    let pin = Pin { policy: Policy::Limited, until: Some(now.plus(Seconds::hours(1))) };
    store.pin(&key("alice"), Some(pin), "operator ann", now).await.unwrap();
    // The poll that was under way meanwhile is committed as if nothing had been.
    let minute = now.plus(Seconds::new(60));
    poll(&store, &lease, &mut loaded, minute, &harvest(minute, &[("alice", 2, 2)])).await.unwrap();
    let loaded = store.load(&backend(), Some(loaded)).await.unwrap();
    assert_eq!(loaded.holds[&name("alice")].pinned(minute), Some(Policy::Limited));
    assert_eq!(loaded.holds[&name("alice")].pinned(now.plus(Seconds::hours(2))), None);
    let state = store.policy(&key("alice")).await.unwrap().unwrap();
    assert_eq!(state.pinned_by, Some(("operator ann".into(), now)));
    store.pin(&key("alice"), None, "operator ben", minute).await.unwrap();
    let acts = store.acts(None, 10).await.unwrap();
    let reported: Vec<_> = acts.iter().map(|act| (act.actor.as_str(), act.action.as_str())).collect();
    assert_eq!(reported, [("operator ben", "unpin"), ("operator ann", "pin")]);
    assert_eq!(store.held_accounts().await.unwrap().len(), 1);
}

pub async fn many_that_start_together_on_an_empty_database_all_start(databases: &Databases) {
    let fresh = databases.fresh().await;
    let starts = (0..4).map(|_| open(&fresh, 400));
    let stores = futures_util::future::join_all(starts).await;
    for store in &stores {
        assert!(store.backends().await.unwrap().is_empty());
    }
}

/// A rename takes what waits along; what may have arrived already keeps the key the other side knows it by. With a
/// backend that is over its switches are.
pub async fn what_waits_moves_with_its_backend_and_ends_with_it(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let now = at("2026-11-20T11:00:00Z");
    let old = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    decide(&store, &old, &mut loaded, now, vec![verdict("alice", Policy::Limited, 1, now)]).await;
    let switch = claim(&store, switches(), now).await.remove(0);
    store.keep_memory(&key("alice"), "before").await.unwrap();
    store.conclude(&switch, &SwitchEnd::Took("done".into()), now).await.unwrap();
    let tried = claim(&store, Lane::Notifications(Channel::Webhook), now).await.remove(0);
    assert!(store.put_off(&tried, now, "hung up", true).await.unwrap());
    decide(&store, &old, &mut loaded, now, vec![verdict("alice", Policy::Standard, 2, now)]).await;
    store.release_lease(&old).await.unwrap();

    let new = BackendId::new("s3-new").unwrap();
    store.rename_backend((&backend(), &new), "minio", "ann", now).await.unwrap().unwrap();
    let entries = store.entries(&EntryState::ALL, 100).await.unwrap();
    assert!(
        entries.len() >= 8 && entries.iter().all(|entry| entry.promise.account().unwrap().backend == new),
        "{entries:#?}"
    );
    let kept: Vec<_> = entries.iter().filter(|entry| entry.key.starts_with("s3-fra1/")).collect();
    assert_eq!((kept.len(), kept[0].id), (1, tried.id), "{kept:#?}");
    assert!(entries.iter().all(|entry| entry.id == tried.id || entry.key.starts_with("s3-new/alice/1/")));
    assert!(claim(&store, switches(), now).await.is_empty(), "nothing is left under the old name");
    assert_eq!(claim(&store, Lane::Notifications(Channel::Webhook), now).await[0].key, tried.key);
    let new_key = AccountKey { backend: new.clone(), name: name("alice") };
    assert_eq!(store.memory(&new_key).await.unwrap().as_deref(), Some("before"), "what a restore needs");

    let lease = store.take_lease(&new, "minio", "a", now, Seconds::new(60)).await.unwrap().unwrap();
    let mut loaded = store.load(&new, None).await.unwrap();
    let word = whmeter::metering::Forgetting { author: "ann".into(), reason: "sold".into() };
    let settled = whmeter::metering::forget(&loaded.book);
    let correction = whmeter::metering::Correction::Forgotten(word);
    store.commit_correction(&lease, &mut loaded, &correction, settled, now).await.unwrap();
    let waiting = store.entries(&[EntryState::Waiting], 100).await.unwrap();
    assert!(waiting.iter().all(|entry| entry.promise.channel() != "policy" && entry.waits_for.is_none()));
    let dropped = store.entries(&[EntryState::Dropped], 100).await.unwrap();
    assert!(dropped.iter().any(|entry| entry.promise.channel() == "policy"), "{dropped:#?}");
    assert!(store.firing().await.unwrap().is_empty());
}

pub async fn a_report_is_promised_once_a_day_and_kept_until_it_is_old(databases: &Databases) {
    let fresh = databases.fresh().await;
    let (store, other) = (open(&fresh, 400).await, open(&fresh, 400).await);
    let now = at("2026-11-20T05:00:00Z");
    // Longer than one column of any database, and with what mail programs trip over.
    let report = |day: &str, at: Timestamp, plain: &str| StaffReport {
        key: format!("report/{day}"),
        at,
        is_daily: true,
        mail: WordedMail {
            subject: "whmeter: all well".into(),
            plain: plain.into(),
            html: "<p>ą</p>".into(),
        },
        found: (0..20_000)
            .map(|number| vec!["unbilled".to_string(), format!("account {}", number * 7919)])
            .collect(),
        present: [("s3-fra1".to_string(), ["alice".to_string(), "Łucja".into()].into())].into(),
        last_act: 41,
    };
    assert_eq!(store.last_daily_report(now).await.unwrap(), None);
    let to = ["Ops <ops@example.net>".to_string(), "boss@example.net".into()];
    let [mine, theirs] = ["mine", "theirs"].map(|plain| report("2026-11-20", now, plain));
    let (first, second) = tokio::join!(store.promise_report(&mine, &to), other.promise_report(&theirs, &to));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first != second, "one of two replicas tells it");
    let told = if first { mine } else { theirs };
    assert_eq!(other.last_daily_report(now).await.unwrap().as_ref(), Some(&told));

    let claimed = claim(&store, Lane::Notifications(Channel::Smtp), now).await;
    assert_eq!(kinds(&claimed), ["smtp report"]);
    assert_eq!(claimed[0].promise, Promise::Report { to: to.to_vec() });
    assert_eq!((claimed[0].key.as_str(), claimed[0].promise.account()), ("report/2026-11-20", None));
    assert_eq!(store.staff_report(&claimed[0].key).await.unwrap(), Some(told.clone()));
    assert!(store.delivered(&claimed[0], "250 taken", now).await.unwrap());
    assert!(!store.promise_report(&told, &to).await.unwrap(), "delivered, it is not told again");
    assert!(claim(&other, Lane::Notifications(Channel::Smtp), now).await.is_empty());

    // One by hand is none to compare with, and one of a clock that was ahead neither.
    let by_hand = StaffReport {
        key: "report/by-hand/x".into(),
        is_daily: false,
        at: now.plus(Seconds::new(9)),
        ..told.clone()
    };
    assert!(store.promise_report(&by_hand, &[]).await.unwrap());
    let ahead = report("2027-01-01", at("2027-01-01T05:00:00Z"), "ahead");
    assert!(store.promise_report(&ahead, &to).await.unwrap());
    let tomorrow = at("2026-11-21T05:00:00Z");
    assert_eq!(store.last_daily_report(tomorrow).await.unwrap(), Some(told));
    assert_eq!(
        claim(&store, Lane::Report("report/by-hand/x".into()), tomorrow).await[0].promise,
        Promise::Report { to: vec![] }
    );

    assert_eq!(store.prune_reports(tomorrow).await.unwrap(), 2);
    assert_eq!(store.staff_report("report/2026-11-20").await.unwrap(), None);
    assert_eq!(store.last_daily_report(ahead.at).await.unwrap(), Some(ahead.clone()));
    assert_eq!(store.entries(&EntryState::ALL, 9).await.unwrap().len(), 3, "that they were told is known");

    // Once the clock is right again what was made ahead of it is forgotten, and none waits for one that cannot be sent.
    let own = report("2026-12-31", at("2026-12-31T05:00:00Z"), "own");
    assert!(store.promise_report(&own, &to).await.unwrap());
    assert_eq!(store.last_daily_report(ahead.at).await.unwrap().as_ref(), Some(&own));
    let due = claim(&store, Lane::Notifications(Channel::Smtp), ahead.at).await;
    assert_eq!(due.len(), 3, "that by hand, that of the clock ahead, and the day's own: {due:?}");
}
