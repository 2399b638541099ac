//! Whose a byte is: lives that end and begin under one name, and owners that change in the middle of it.

use std::collections::{BTreeMap, HashSet};

use super::*;
use whmeter::metering::{Expected, Moved, Settled, look, settle_looked};
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
    let look = look(&loaded.book, &harvest, at, &Expected { changing, ..Expected::default() });
    let mut settled = settle_looked(&loaded.book, &harvest, look, at, &rules());
    let mut after = loaded.book.after(&settled);
    let intents: BTreeMap<LifeNo, Intent> =
        intents.iter().map(|(account, intent)| (after.names[&name(account)], intent.clone())).collect();
    settled.owners = store.owner_changes(loaded, &settled, &after, &intents, at).await.unwrap();
    settled.owners.iter().for_each(|change| after.apply_owner(change));
    let (harvest, reach, judged) = (&harvest, Reach::All, JudgedPoll::default());
    let poll = Poll { at, kind: "minio", harvest, settled, after, reach, judged };
    store.commit(lease, loaded, poll).await.unwrap();
    assert_eq!(store.load(&backend(), None).await.unwrap().book, loaded.book, "at {at}");
    store.verify(&backend(), &rules()).await.unwrap().unwrap();
    store.verify_chronicle().await.unwrap().unwrap();
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
    let other = [("900", 1, 1)];
    committed(&store, &lease, &mut loaded, day(4, 0), &other, &[]).await;
    assert!(loaded.book.life(&name("104")).unwrap().ended.is_none(), "one list is not the truth");
    committed(&store, &lease, &mut loaded, day(4, 1), &other, &[]).await;
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
    store.verify(&backend(), &rules()).await.unwrap().unwrap();
    store.verify_chronicle().await.unwrap().unwrap();
    let now = [owned(&store, Meter::TrafficOut).await, owned(&store, Meter::StorageUsed).await];
    assert_eq!(now, all);
    assert_eq!(store.load(&backend(), None).await.unwrap().book, loaded.book);
}

/// Gives a service all days of an account from one on; says how many holdings that changed.
async fn move_stretch(
    store: &Store,
    lease: &Lease,
    loaded: &mut Loaded,
    at: Timestamp,
    since: &str,
    service: i64,
) -> usize {
    let since = UsageDay::parse(since).unwrap();
    let life = loaded.book.called(&name("a")).unwrap();
    let intents = [(life, Intent::Move { since, owner: Owner::Service(service) })].into();
    let owners = store.owner_changes(loaded, &Settled::default(), &loaded.book, &intents, at).await.unwrap();
    let count = owners.len();
    if count > 0 {
        let moved = Moved { account: name("a"), since, service, author: "ann".into() };
        store.commit_move(lease, loaded, &moved, owners, None, at).await.unwrap();
    }
    assert_eq!(store.load(&backend(), None).await.unwrap().book, loaded.book, "since {since}");
    store.verify(&backend(), &rules()).await.unwrap().unwrap();
    store.verify_chronicle().await.unwrap().unwrap();
    count
}

/// Bytes sent by month and by owner: by the days and by the months, which are the same.
async fn sent(store: &Store) -> BTreeMap<(String, String), u64> {
    let query = UsageQuery { meter: Some(Meter::TrafficOut), ..UsageQuery::default() };
    let [first, last] = ["2026-10", "2026-11"].map(|month| Month::parse(month).unwrap());
    let mut months: BTreeMap<(String, String), u64> = BTreeMap::new();
    for one in store.months(&query, first, last).await.unwrap() {
        *months.entry((one.month.to_string(), one.owner.to_string())).or_default() += one.usage.amount.get();
    }
    let period = BillingPeriod::new(first.first(), last.next().first()).unwrap();
    if store.days_kept_from(None).await.unwrap() <= period.first() {
        let mut days: BTreeMap<(String, String), u64> = BTreeMap::new();
        for one in store.days(&query, period).await.unwrap() {
            let key = (one.day.month().to_string(), one.owner.to_string());
            *days.entry(key).or_default() += one.amount.get();
        }
        assert_eq!(days, months);
    }
    months
}

pub async fn a_stretch_that_is_moved_by_hand_has_one_payer(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let start = at("2026-10-25T11:00:00Z");
    let lease = lease(&store, "a", start).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    for step in 0..=20u64 {
        let intents = match step {
            0 => vec![("a", Intent::TakeOver { since: UsageDay::FIRST, owner: Owner::Service(7) })],
            10 => vec![("a", Intent::Open(Owner::Service(8)))],
            _ => Vec::new(),
        };
        let now = start.plus(Seconds::hours(step * 12));
        committed(&store, &lease, &mut loaded, now, &[("a", 5, 1000 * step)], &intents).await;
    }
    let now = start.plus(Seconds::hours(241));
    let month_sums = |sent: &BTreeMap<(String, String), u64>| {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        sent.iter().for_each(|((month, _), sum)| *sums.entry(month.clone()).or_default() += sum);
        sums
    };
    let before = sent(&store).await;
    let of = |sent: &BTreeMap<(String, String), u64>, month: &str, service: u64| {
        sent.get(&(month.to_string(), format!("service {service}"))).copied().unwrap_or(0)
    };
    // The first of two holdings is cut, the second is another's as a whole.
    assert_eq!(move_stretch(&store, &lease, &mut loaded, now, "2026-10-28", 9).await, 2);
    let after = sent(&store).await;
    assert_eq!(month_sums(&after), month_sums(&before), "not a byte moves");
    let early = of(&after, "2026-10", 7);
    assert!(early > 4_000 && early < 6_000, "{after:?}");
    let october = month_sums(&before)["2026-10"];
    assert_eq!((of(&after, "2026-10", 9), of(&after, "2026-10", 8)), (october - early, 0));
    assert_eq!(of(&after, "2026-11", 9), month_sums(&before)["2026-11"]);
    assert_eq!(loaded.book.life(&name("a")).unwrap().owner(), &Owner::Service(9));
    let acts = store.acts(None, 10).await.unwrap();
    assert_eq!((acts[0].action.as_str(), acts[0].before.as_deref()), ("move", Some("service 8")));
    assert_eq!(acts[0].after.as_deref(), Some("service 9 from 2026-10-28 on"));

    // The same again changes nothing; what comes is the new owner's, and so are days that are revised.
    assert_eq!(move_stretch(&store, &lease, &mut loaded, now, "2026-10-28", 9).await, 0);
    committed(&store, &lease, &mut loaded, start.plus(Seconds::hours(252)), &[("a", 5, 21_000)], &[]).await;
    assert_eq!(month_sums(&sent(&store).await)["2026-11"], month_sums(&before)["2026-11"] + 1_000);
    assert!(move_stretch(&store, &lease, &mut loaded, now, "2026-11-02", 8).await > 0, "a part of it back");
    let state = store.backends().await.unwrap().remove(0);
    let other = open(&fresh, 400).await;
    let (kept, read) = (store.standing(&state).await.unwrap(), other.standing(&state).await.unwrap());
    assert_eq!(kept.accounts, read.accounts);

    // Settled again from nothing the journal gives the same book.
    let book = replayed(&store, &backend()).await;
    assert_eq!(book.lives, loaded.book.lives);

    // Of days that are not kept any more everybody keeps what he had.
    let whole = sent(&store).await;
    store.prune(UsageDay::parse("2027-12-06").unwrap(), &HashMap::new()).await.unwrap();
    assert!(move_stretch(&store, &lease, &mut loaded, now, "2026-11-01", 7).await > 0);
    let pruned = sent(&store).await;
    for service in [7, 8, 9] {
        assert_eq!(of(&pruned, "2026-10", service), of(&whole, "2026-10", service), "{pruned:?}");
    }
    assert_eq!(of(&pruned, "2026-11", 7), month_sums(&whole)["2026-11"]);
}

/// The panel calls two accounts otherwise, one by the name that the other had.
pub async fn a_pin_follows_its_account_to_another_name(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let start = at("2026-11-03T11:00:00Z");
    let lease = lease(&store, "a", start).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let called = |at, accounts: &[(&str, &str)]| {
        let rows: Vec<_> = accounts.iter().map(|(account, _)| (*account, 5, 7)).collect();
        let mut harvest = harvest(at, &rows);
        for (account, id) in accounts {
            harvest.facts_mut(&name(account)).identity = Identity::new().with_unique(*id);
        }
        harvest
    };
    let first = called(start, &[("one", "1"), ("two", "2"), ("three", "3")]);
    poll(&store, &lease, &mut loaded, start, &first).await.unwrap();
    for (account, service) in [("one", 11), ("two", 12)] {
        let key = AccountKey { backend: backend(), name: name(account) };
        store.pin_service(&key, Some(service), "ann", start).await.unwrap();
    }
    let later = start.plus(Seconds::hours(1));
    let renamed = called(later, &[("two", "1"), ("second", "2"), ("three", "3")]);
    poll(&store, &lease, &mut loaded, later, &renamed).await.unwrap();
    let pins = store.pinned_services(&backend()).await.unwrap();
    let pins: HashMap<_, _> = pins.into_iter().map(|(name, pin)| (name, (pin.service, pin.nth))).collect();
    assert_eq!(pins, HashMap::from([(name("two"), (11, Some(1))), (name("second"), (12, Some(1)))]));
    // What no account is called any more can be unpinned.
    let key = AccountKey { backend: backend(), name: name("one") };
    store.pin_service(&key, None, "ann", later).await.unwrap();
    assert!(store.pin_service(&key, Some(1), "ann", later).await.is_err());
}
