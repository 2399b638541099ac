//! What is changed in the database by hand is named, whatever table it is in; and a chain that was written anew is
//! found by a head that was kept elsewhere.

use sha2::{Digest, Sha256};

use super::owners::committed;
use super::promises::{decide, verdict};
use super::*;
use whmeter::ownership::Intent;
use whmeter::pricing::{Money, Quantity, Tag};
use whmeter::reported::ReportedValue;
use whmeter::settings::Period;
use whmeter::store::{CannotRepair, ChainHead, KeyedFrom, LineEnd, NewLine, OldHead, Repair, ReportedBy};

fn november() -> Month {
    Month::parse("2026-11").unwrap()
}

fn reported(server: i64, service: i64, value: i64, now: Timestamp) -> ReportedValue {
    ReportedValue {
        payee: Owner::Service(service),
        month: rules().zone.day_of(now).month(),
        metric: "traffic_out".into(),
        server,
        tenant: "alice".into(),
        value,
        carried: -7,
        unit: 1 << 30,
        at: now,
    }
}

async fn report(store: &Store, server: i64, service: i64, value: i64, now: Timestamp) {
    loop {
        let reported = vec![reported(server, service, value, now)];
        let month = rules().zone.day_of(now).month();
        match store.report(server, month, store.reported(server), reported, now).await {
            Ok(true) => return,
            Ok(false) | Err(StoreError::Locked) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn key(account: &str) -> AccountKey {
    AccountKey { backend: backend(), name: name(account) }
}

/// A backend with an account that a service pays for, a threshold that is crossed, and a row in every table that the
/// chronicle tells of.
async fn everything(store: &Store) -> (Lease, Loaded, Timestamp) {
    let now = at("2026-11-20T11:00:00Z");
    let hour = |hours: u64| now.plus(Seconds::hours(hours));
    let services = [Service::new(7, 1, "alice", "Active"), Service::new(8, 1, "bob", "Active")];
    let addon = Addon {
        id: 3,
        service: 7,
        client: 1,
        username: None,
        name: Some("Backup".into()),
        status: "Active".into(),
        registered: None,
    };
    store.put_services(12, &services, &[addon], now).await.unwrap();
    store.put_services(12, &services[..1], &[], hour(0)).await.unwrap();
    let lease = store.take_lease(&backend(), "minio", "a", now, Seconds::hours(100)).await.unwrap().unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let take = Intent::TakeOver { since: UsageDay::FIRST, owner: Owner::Service(7) };
    committed(store, &lease, &mut loaded, now, &[("alice", 5000, 0)], &[("alice", take)]).await;
    committed(store, &lease, &mut loaded, hour(1), &[("alice", 5000, 1000)], &[]).await;
    decide(store, &lease, &mut loaded, hour(2), vec![verdict("alice", Policy::Limited, 1, hour(2))]).await;
    store.pin_service(&key("alice"), Some(7), "ann", hour(2)).await.unwrap();
    report(store, 12, 7, 50, hour(2)).await;
    report(store, 12, 7, 100, hour(3)).await;
    let tag = Tag { service: 7, period: november().period(), meter: Meter::TrafficOut, correction: 0 };
    let line = NewLine {
        account: key("alice"),
        tag,
        client: 1,
        rule: "traffic".into(),
        hash: "a".repeat(64),
        used: Quantity::of(bytes(1000)),
        included: Bytes::ZERO,
        amount: Money::new(145, 2).unwrap(),
        currency: "EUR".into(),
        description: "x".into(),
    };
    store.intend_line(&line, "ann", hour(3)).await.unwrap();
    let end = LineEnd::Created(Some(17));
    assert!(store.end_line(&line, 1, &end, "so be it", "ann", hour(3)).await.unwrap());
    (lease, loaded, hour(4))
}

/// The first thing that differs, wherever it is.
async fn difference(store: &Store) -> Option<String> {
    let chronicle = store.verify_chronicle().await.unwrap().err().map(|error| error.to_string());
    let journal = store.verify(&backend(), &rules()).await.unwrap().err().map(|error| error.to_string());
    chronicle.or(journal)
}

pub async fn edit(url: &str, sql: &str) {
    let pool = sqlx::AnyPool::connect(url).await.unwrap();
    for sql in sql.split(';').filter(|sql| !sql.trim().is_empty()) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_string())).execute(&pool).await.unwrap();
    }
    pool.close().await;
}

const CHANGED_BY_HAND: [(&str, &str, &str); 44] = [
    (
        "month_sum",
        "UPDATE month_sum SET amount = amount / 10 WHERE meter = 2",
        "s3-fra1 alice traffic_out 2026-11: the store has 100 B over 60 min, the journal says 1000 B",
    ),
    ("month_sum", "DELETE FROM month_sum WHERE meter = 2", "traffic_out 2026-11: the store has nothing"),
    (
        "holding_part",
        "UPDATE holding_part SET service = 8",
        "the store has service 8, the journal says service 7",
    ),
    (
        "crossing",
        "UPDATE crossing SET episode = 7",
        "s3-fra1 alice, storage at 100 percent: the store has crossed since 2026-11-20T13:00:00Z, episode 7, reminder 0, \
         the journal says crossed since 2026-11-20T13:00:00Z, episode 1",
    ),
    (
        "belief",
        "UPDATE belief SET level = 7 WHERE meter = 0",
        "s3-fra1 alice: belief storage: level is 7, the journal says 1100",
    ),
    (
        "belief",
        "UPDATE belief SET shown = 1 WHERE meter = 2",
        "belief traffic_out: shown is 1, the journal says 1000",
    ),
    ("belief", "DELETE FROM belief WHERE meter = 2", "belief traffic_out: is missing, the journal says at"),
    ("baseline", "UPDATE baseline SET amount = amount - 1", "amount is 999, the journal says 1000"),
    ("baseline", "UPDATE baseline SET started = 1", "started is 1, the journal says nothing"),
    ("baseline", "DELETE FROM baseline", "s3-fra1 alice: baseline traffic_out"),
    (
        "period_total",
        "INSERT INTO period_total (life, meter, source, starts, ends, total, at, placed, taken)
            SELECT id, 2, 'x', 1, 2, 3, 2, '', '' FROM life",
        "alice: period_total traffic_out, source \"x\", starts 1, ends 2: is nowhere in the journal",
    ),
    ("holding", "UPDATE holding SET from_at = 5", "s3-fra1 alice: holding: from_at is 5, the journal says 0"),
    (
        "holding",
        "UPDATE holding SET life = life + 1",
        "holding: life is 4294967298, the journal says 4294967297",
    ),
    ("holding", "DELETE FROM holding", "holding: is missing, the journal says life"),
    (
        "holding_part",
        "DELETE FROM holding_part",
        "holding 1: the store has no owner, the journal says service 7",
    ),
    (
        "life",
        "UPDATE life SET name = 'bob', label = 'bob'",
        "s3-fra1 alice: life: name is \"bob\", the journal says \"alice\"; label",
    ),
    ("life", "UPDATE life SET first_seen = 0", "life: first_seen is 0, the journal says 17"),
    ("life", "UPDATE life SET ended_at = 1", "ended_at is 1, the journal says nothing"),
    ("life", "UPDATE life SET id = 77", "s3-fra1 alice: life: is missing, the journal says backend"),
    (
        "life",
        "INSERT INTO life (id, backend, name, nth, label, first_seen, changed)
        VALUES (77, 's3-fra1', 'carol', 1, 'carol', 1, 1)",
        "life id 77: is nowhere in the journal: name \"carol\"",
    ),
    ("life", "DELETE FROM life", "s3-fra1 alice: life: is missing, the journal says backend \"s3-fra1\""),
    (
        "day_point",
        "INSERT INTO day_point (holding, meter, day, amount, estimated, held_peta, held_rest, covered)
            VALUES (4294967390, 2, 20261120, 5, 0, 0, 0, 0)",
        "day_point holding 4294967390, traffic_out, day 20261120: is nowhere in the journal: amount 5",
    ),
    (
        "day_point",
        "UPDATE day_point SET amount = -5 WHERE meter = 2",
        "day_point traffic_out, day 20261120: amount is -5",
    ),
    (
        "month_sum",
        "UPDATE month_sum SET covered = -5 WHERE meter = 2",
        "month_sum part 0, month 202611, traffic_out: covered is -5",
    ),
    ("backend", "UPDATE backend SET next_life = 1", "next_life is 1, the journal says 2"),
    (
        "service_list",
        "DELETE FROM service_list",
        "service_list server 12: is missing, the chronicle says version 2",
    ),
    ("crossing", "DELETE FROM crossing", "storage at 100 percent: the store has nothing, the journal says"),
    ("reported", "UPDATE reported SET value = value * 10", "value is 1000, the chronicle says 100"),
    ("reported", "UPDATE reported SET carried = 5", "carried is 5, the chronicle says -7"),
    ("reported", "UPDATE reported SET unit = 1000", "unit is 1000, the chronicle says 1073741824"),
    (
        "reported",
        "DELETE FROM reported",
        "reported service 7, server 0, name \"\", month 202611, metric \"traffic_out\": is missing, the \
         chronicle says",
    ),
    (
        "service",
        "UPDATE service SET client = 9 WHERE id = 7",
        "service id 7: client is 9, the chronicle says 1",
    ),
    (
        "service",
        "UPDATE service SET listed = 1 WHERE id = 8",
        "service id 8: listed is 1, the chronicle says 0",
    ),
    (
        "service_limit",
        "UPDATE service_limit SET allowed_out = 5 WHERE service = 7",
        "allowed_out is 5, the chronicle says nothing",
    ),
    ("service_limit", "DELETE FROM service_limit", "is missing, the chronicle says"),
    (
        "service_addon",
        "INSERT INTO service_addon (server, id, service, client, status) VALUES (12, 3, 7, 1, 'Active')",
        "service_addon server 12, id 3: is nowhere in the chronicle",
    ),
    ("service_pin", "UPDATE service_pin SET service = 8", "service is 8, the chronicle says 7"),
    ("service_pin", "DELETE FROM service_pin", "account \"alice\": is missing, the chronicle says service 7"),
    ("audit", "DELETE FROM audit", "audit id 1: is missing, the chronicle says at"),
    ("audit", "UPDATE audit SET actor = 'bob' WHERE id = 1", "actor is \"bob\", the chronicle says \"ann\""),
    ("invoice_line", "UPDATE invoice_line SET amount = 1", "amount is 1, the chronicle says 145"),
    (
        "chronicle",
        "UPDATE chronicle SET at = at + 1 WHERE entry = 2",
        "chronicle: entry 2 was changed after it",
    ),
    ("chronicle", "DELETE FROM chronicle WHERE entry = 2", "chronicle: entry 2 is missing"),
    ("chronicle_head", "UPDATE chronicle_head SET entries = 99", "is missing"),
];

pub async fn what_is_changed_by_hand_is_named(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    everything(&store).await;
    assert_eq!(difference(&store).await, None);
    let verified = store.verify_chronicle().await.unwrap().unwrap();
    let reported = store.reported_of(&Owner::Service(7), november()).await.unwrap().remove(0);
    assert_eq!(store.reported_by(&reported).await.unwrap(), ReportedBy::Entry(5));
    let other = ReportedValue { value: 1000, ..reported };
    assert_eq!(store.reported_by(&other).await.unwrap(), ReportedBy::Nowhere);
    // Told, two services and what was sold with them, their list, a pin, two acts, a line.
    assert_eq!((verified.entries, verified.rows), (7, 10));
    let mut wrong = Vec::new();
    for (table, sql, reported) in CHANGED_BY_HAND {
        edit(&fresh.url, &format!("CREATE TABLE before_it AS SELECT * FROM {table}; {sql}")).await;
        let found = difference(&store).await.unwrap_or_default();
        if !found.contains(reported) {
            wrong.push(format!("{sql}: {found}"));
        }
        let back =
            format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM before_it; DROP TABLE before_it");
        edit(&fresh.url, &back).await;
        assert_eq!(difference(&store).await, None, "after {sql}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Rows that would hide that days are missing, or that no backend has written: nothing derives them.
    edit(&fresh.url, "UPDATE backend SET days_from = 20291231; DELETE FROM day_point").await;
    let found = difference(&store).await.unwrap();
    assert!(found.contains("days before 2029-12-31 are not kept"), "{found}");
    assert!(store.strays().await.unwrap().is_empty());
    edit(&fresh.url, "UPDATE crossing SET holding = 77").await;
    assert_eq!(store.strays().await.unwrap(), ["crossing: holding 77"]);
}

pub fn repair() -> Repair {
    Repair { author: "ann".into(), reason: "ticket 9".into() }
}

/// Whatever differs is repaired by the chain that it differs from, once, and not where that chain does not hold.
pub async fn what_is_changed_by_hand_is_mended(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let (lease, _, now) = everything(&store).await;
    let book = store.load(&backend(), None).await.unwrap().book;
    let (mut wrong, mut acts) = (Vec::new(), 2);
    for (table, sql, _) in CHANGED_BY_HAND {
        if table.starts_with("chronicle") {
            continue;
        }
        edit(&fresh.url, sql).await;
        let would = store.would_repair(&backend(), &rules()).await.unwrap().unwrap();
        let would_too = store.would_repair_chronicle().await.unwrap().unwrap();
        assert!(difference(&store).await.is_some(), "a rehearsal repairs nothing: {sql}");
        let repaired = store.repair(&lease, &repair(), &rules(), now).await.unwrap().unwrap();
        let mended_too = store.repair_chronicle(&repair(), now).await.unwrap().unwrap();
        assert_eq!((&would, &would_too), (&repaired, &mended_too));
        let left = difference(&store).await;
        if (repaired.len() + mended_too.len()) == 0 || left.is_some() {
            wrong.push(format!("{sql}: {repaired:?} {mended_too:?} {left:?}"));
        }
        acts += usize::from(!repaired.is_empty()) + usize::from(!mended_too.is_empty());
        assert_eq!(store.load(&backend(), None).await.unwrap().book, book, "after {sql}");
        assert_eq!(store.repair(&lease, &repair(), &rules(), now).await.unwrap().unwrap(), []);
        assert_eq!(store.acts(None, 100).await.unwrap().len(), acts);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let act = store.acts(None, 1).await.unwrap().remove(0);
    assert_eq!((act.action.as_str(), act.actor.as_str(), act.why.as_str()), ("repair", "ann", "ticket 9"));
    // A poll goes on from there, and nobody commits what he remembers of before.
    let mut loaded = store.load(&backend(), None).await.unwrap();
    poll(&store, &lease, &mut loaded, now, &harvest(now, &[("alice", 5000, 9000)])).await.unwrap();
    assert_eq!(difference(&store).await, None);

    edit(&fresh.url, "UPDATE belief SET level = 7; UPDATE journal SET at = at + 1 WHERE entry = 2").await;
    let refused = store.repair(&lease, &repair(), &rules(), now).await.unwrap().unwrap_err();
    assert!(matches!(refused, CannotRepair::Chain(_)), "{refused}");
    assert!(refused.to_string().contains("entry 2 was changed"), "{refused}");
    edit(&fresh.url, "UPDATE service SET client = 9; UPDATE chronicle SET at = at + 1 WHERE entry = 2").await;
    let refused = store.repair_chronicle(&repair(), now).await.unwrap().unwrap_err().to_string();
    assert!(refused.contains("entry 2 was changed"), "{refused}");
}

pub async fn replicas_that_tell_at_once_write_one_chronicle(databases: &Databases) {
    let fresh = databases.fresh().await;
    let replicas = [open(&fresh, 400).await, open(&fresh, 400).await, open(&fresh, 400).await];
    let now = at("2026-11-20T11:00:00Z");
    let reported = |server: i64| {
        let store = replicas[server as usize % 3].clone();
        tokio::spawn(async move {
            for value in 0..10 {
                report(&store, 12 + server, 100 * server + value % 3, value, now).await;
            }
        })
    };
    let all: Vec<_> = (0..6).map(reported).collect();
    for one in all {
        one.await.unwrap();
    }
    let verified = replicas[0].verify_chronicle().await.unwrap().unwrap();
    assert_eq!((verified.entries, verified.rows), (60, 18));
    // The same numbers again cost nothing.
    let known = replicas[0].reported(12);
    assert!(replicas[0].report(12, november(), known, Vec::new(), now).await.unwrap());
    assert_eq!(replicas[0].verify_chronicle().await.unwrap().unwrap().entries, 60);
}

pub async fn a_folded_chronicle_says_the_same(databases: &Databases) {
    let fresh = databases.fresh().await;
    let keep_journal = Period(std::time::Duration::from_secs(40 * 86_400));
    let kept = StoreSettings { keep_journal, ..settings(&fresh, 400) };
    let store = Store::open(kept, fresh.folder.path()).await.unwrap();
    let zone = rules().zone;
    everything(&store).await;
    let (mut folded, mut heads) = (0, Vec::new());
    for step in 0..120 {
        let now = at("2026-11-21T11:00:00Z").plus(Seconds::hours(36 * step));
        report(&store, 12, 7, step as i64, now).await;
        if step % 20 == 7 {
            heads.push(store.heads().await.unwrap().pop().unwrap());
            folded += store.fold_chronicle(now, zone).await.unwrap();
            assert_eq!(store.fold_chronicle(now, zone).await.unwrap(), 0);
            assert_eq!(difference(&store).await, None);
        }
    }
    let verified = store.verify_chronicle().await.unwrap().unwrap();
    assert!(verified.folds >= 3 && folded > 60, "{verified:?}, {folded}");
    assert_eq!(verified.entries, 127 - folded);
    let reported = store.reported_of(&Owner::Service(7), november()).await.unwrap().remove(0);
    assert_eq!(store.reported_by(&reported).await.unwrap(), ReportedBy::Folded);
    assert_eq!(store.old_head(&heads[0]).await.unwrap(), OldHead::Folded);
    assert_eq!(store.old_head(&heads[5]).await.unwrap(), OldHead::Holds);
    for (sql, reported) in [
        ("UPDATE reported SET value = value + 1 WHERE month = 202611", "value is "),
        ("UPDATE chronicle_fold_part SET body = 'x'", "ends a fold with other rows than it was signed with"),
        ("UPDATE chronicle_fold SET chain = 'x'", "ends a fold that was changed after it was written"),
    ] {
        edit(&fresh.url, sql).await;
        let found = difference(&store).await.unwrap_or_default();
        assert!(found.contains(reported), "{sql}: {found}");
    }
}

/// What somebody does who may write to the database: he changes an entry, and makes its link and the head anew.
async fn write_anew(url: &str, entry: i64, before: &str) {
    let pool = sqlx::AnyPool::connect(url).await.unwrap();
    let text = |sql: &'static str| sqlx::query_scalar::<_, String>(sql).fetch_one(&pool);
    let body = text("SELECT body FROM chronicle_part ORDER BY entry DESC LIMIT 1").await.unwrap();
    let sql = "SELECT at FROM chronicle ORDER BY entry DESC LIMIT 1";
    let at: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
    let link = format!("{before}\nchronicle\n{entry}\n{}\n{body}", at + 1);
    let link = hex::encode(Sha256::digest(link));
    pool.close().await;
    let sql = format!(
        "UPDATE chronicle SET at = at + 1, seal = 0, hash = '{link}' WHERE entry = {entry};
        UPDATE chronicle_head SET chain = '{link}'"
    );
    edit(url, &sql).await;
}

pub async fn a_chain_that_was_written_anew_is_found_by_an_old_head(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let now = at("2026-11-20T11:00:00Z");
    report(&store, 12, 7, 1, now).await;
    let first = store.heads().await.unwrap().pop().unwrap();
    report(&store, 12, 7, 2, now).await;
    let last = store.heads().await.unwrap().pop().unwrap();
    let noted: ChainHead = format!("chronicle:2:{}", &last.link[..13]).parse().unwrap();
    assert_eq!(store.old_head(&noted).await.unwrap(), OldHead::Holds);
    write_anew(&fresh.url, 2, &first.link).await;
    store.verify_chronicle().await.unwrap().unwrap();
    assert_eq!(store.old_head(&first).await.unwrap(), OldHead::Holds);
    assert!(matches!(store.old_head(&noted).await.unwrap(), OldHead::Differs(_)));
    let ahead: ChainHead = format!("chronicle:3:{}", last.link).parse().unwrap();
    assert_eq!(store.old_head(&ahead).await.unwrap(), OldHead::Differs("there is no entry 3".into()));
}

pub async fn a_keyed_chain_is_made_by_whoever_has_the_key(databases: &Databases) {
    let fresh = databases.fresh().await;
    let with = |key: &str| {
        let seal_key = Some(Secret::new(key.into()));
        Store::open(StoreSettings { seal_key, ..settings(&fresh, 400) }, fresh.folder.path())
    };
    let refused = |opened: Result<Store, StoreError>| opened.err().unwrap().to_string();
    let now = at("2026-11-20T11:00:00Z");
    let plain = open(&fresh, 400).await;
    everything(&plain).await;
    plain.close().await;

    let keyed = with("the first key of all").await.unwrap();
    report(&keyed, 12, 7, 200, now).await;
    let before = keyed.heads().await.unwrap().pop().unwrap();
    report(&keyed, 12, 7, 300, now).await;
    assert_eq!(difference(&keyed).await, None);
    let runs = async |store: &Store| store.verify_chronicle().await.unwrap().unwrap().keyed;
    let from = |entry, keyed| KeyedFrom { entry, keyed };
    assert_eq!(runs(&keyed).await, [from(1, false), from(8, true)]);

    // Who has no key, or another, begins nothing.
    let plain = Store::open(settings(&fresh, 400), fresh.folder.path()).await;
    assert!(refused(plain).contains("seal_key_file of [store] is not set"));
    let other = refused(with("quite another one...").await);
    assert!(other.contains("is not the key that the chains") && !other.contains("quite"), "{other}");
    assert_eq!(keyed.heads().await.unwrap().pop().unwrap().entry, 9);

    // Changed with a link as only SHA-256 makes it: it cannot pass for one that was made by the key.
    write_anew(&fresh.url, 9, &before.link).await;
    assert_eq!(runs(&keyed).await, [from(1, false), from(8, true), from(9, false)], "and verify tells it");
    edit(&fresh.url, "UPDATE chronicle SET seal = 1 WHERE entry = 9").await;
    assert_eq!(difference(&keyed).await.unwrap(), "chronicle: entry 9 was changed after it was written");
    edit(&fresh.url, "UPDATE chronicle SET seal = 0 WHERE entry = 9").await;

    // Without it again, said in words; what was made by it takes it to be checked.
    let without = with("none").await.unwrap();
    report(&without, 12, 7, 400, now).await;
    assert!(difference(&without).await.unwrap().contains("entry 8 was chained by a key that is not at hand"));
    let keyed = with("the first key of all").await.unwrap();
    assert_eq!(runs(&keyed).await.last(), Some(&from(9, false)));
    let (mut loaded, later) = (keyed.load(&backend(), None).await.unwrap(), now.plus(Seconds::hours(200)));
    let lease = keyed.take_lease(&backend(), "minio", "b", later, Seconds::new(60)).await.unwrap().unwrap();
    let more = harvest(later, &[("alice", 5000, 9000)]);
    poll(&keyed, &lease, &mut loaded, later, &more).await.unwrap();
    let journal = keyed.verify(&backend(), &rules()).await.unwrap().unwrap();
    assert_eq!(journal.keyed.last().map(|last| last.keyed), Some(true), "the journals, too");
}

pub async fn a_month_that_was_changed_by_hand_is_not_added_to(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let (lease, mut loaded, now) = everything(&store).await;
    let state = store.backends().await.unwrap().remove(0);
    let kept = store.standing(&state).await.unwrap();
    edit(&fresh.url, "UPDATE month_sum SET amount = amount / 10 WHERE meter = 2").await;
    let more = harvest(now, &[("alice", 5000, 9000)]);
    let refused = poll(&store, &lease, &mut loaded, now, &more).await.unwrap_err().to_string();
    for part in [
        "alice on s3-fra1",
        "traffic_out in 2026-11",
        "has 100 B",
        "was 1000 B",
        "`whmeter verify`",
        "`whmeter repair s3-fra1 --reason TEXT`",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
    // Nor is it believed by whoever reads it anew; what was known stays as it was, and ages.
    let refused = store.load(&backend(), None).await.unwrap_err().to_string();
    assert!(refused.contains("has 100 B and its days sum to 1000 B"), "{refused}");
    let state = store.backends().await.unwrap().remove(0);
    assert_eq!(store.standing(&state).await.unwrap().accounts, kept.accounts);
    let restarted = open(&fresh, 400).await.standing(&state).await.unwrap();
    let alice = &restarted.accounts[&name("alice")];
    assert!(alice.meter(Meter::TrafficOut).is_none(), "nobody is told the tenth");
    assert!(alice.meter(Meter::StorageUsed).is_some());

    edit(&fresh.url, "UPDATE month_sum SET amount = amount * 10 WHERE meter = 2").await;
    poll(&store, &lease, &mut loaded, now, &more).await.unwrap();
    assert_eq!(store.load(&backend(), None).await.unwrap().book, loaded.book);
    assert_eq!(difference(&store).await, None);
}
