//! Accounts, backends and a page to look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use litemap::LiteMap;
use whmeter::domain::{
    AccountName, BackendId, BillingZone, ByteMinutes, Bytes, LifeNo, Limit, Meter, Minutes, Owner, Policy,
    Reason, Seats, Timestamp,
};
use whmeter::exposition::{Exposition, Format, Settings};
use whmeter::metering::{MonthToDate, Note};
use whmeter::quota::Conflict;
use whmeter::reported::ReportedValue;
use whmeter::standing::{AccountStanding, SeriesStanding, Share, Standing};
use whmeter::store::{BackendState, Failing};
use whmeter::telemetry::{PollOutcome, Telemetry};

/// 2026-11-20T12:00:00Z.
pub const NOON: i64 = 1_795_176_000;
pub const HOUR: i64 = 3600;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::new(seconds).expect("a time")
}

pub fn bytes(count: u64) -> Bytes {
    Bytes::new(count).expect("fits")
}

pub fn name(name: &str) -> AccountName {
    AccountName::new(name).expect("a name")
}

pub fn backend(name: &str) -> BackendId {
    BackendId::new(name).expect("a name")
}

pub fn zone() -> BillingZone {
    BillingZone::parse("Europe/Warsaw").expect("a zone")
}

pub fn exposition() -> Exposition {
    Exposition::new(Settings::default(), zone(), Telemetry::new())
}

/// One meter that was read at `when` with `value` as level, sum and month.
pub fn series(meter: Meter, when: i64, value: u64) -> SeriesStanding {
    SeriesStanding {
        meter,
        at: at(when),
        level: (meter == Meter::StorageUsed).then(|| bytes(value)),
        month: Some(MonthToDate {
            month: zone().day_of(at(when)).month(),
            amount: bytes(value / 2),
            estimated: Bytes::ZERO,
            held: ByteMinutes::ZERO,
            covered: Minutes::ZERO,
        }),
        shown: bytes(value),
        held_back: None,
        doubted: None,
    }
}

/// An account of which only the meters are known.
/// A limit of storage that is in force.
pub fn storage(limit: Bytes) -> LiteMap<Meter, Limit> {
    [(Meter::StorageUsed, Limit::of_size(limit))].into_iter().collect()
}

pub fn account(series: Vec<SeriesStanding>) -> AccountStanding {
    AccountStanding {
        life: LifeNo::new(1),
        nth: 1,
        first_seen: at(NOON - 1000 * HOUR),
        missing_since: None,
        gone_at: None,
        suspended: None,
        suspended_for: None,
        policy: None,
        package: None,
        domain: None,
        reseller: None,
        storage_limit: Limit::Unknown,
        traffic_limit: Limit::Unknown,
        limits: Default::default(),
        together: Default::default(),
        owner: Owner::Unowned,
        mapped: None,
        trouble: None,
        series,
        shares: Vec::new(),
    }
}

/// What an owner has held in the running month, in byte-minutes.
fn held(owner: Owner, byte_minutes: u128) -> Share {
    let month = MonthToDate {
        held: ByteMinutes::new(byte_minutes),
        ..MonthToDate::new(zone().day_of(at(NOON)).month())
    };
    Share { owner, life: LifeNo::new(1), months: [(Meter::StorageUsed, month)].into_iter().collect() }
}

/// A value that was reported to server 12 at `when`, with what it carries, in hundred-thousandths of a GiB.
pub fn reported(tenant: &str, metric: &'static str, value: i64, carried: i64, when: i64) -> ReportedValue {
    ReportedValue {
        payee: Owner::Service(57),
        month: zone().day_of(at(when)).month(),
        metric: metric.into(),
        server: 12,
        tenant: tenant.into(),
        value,
        carried,
        unit: 1 << 30,
        at: at(when),
    }
}

pub fn standing(of: &str, accounts: impl IntoIterator<Item = (AccountName, AccountStanding)>) -> Standing {
    Standing {
        backend: backend(of),
        kind: "minio".into(),
        number: 1,
        version: 1,
        accounts: accounts.into_iter().map(|(name, account)| (name, Arc::new(account))).collect(),
        changed: Vec::new(),
        changed_since: (0, 0, 0),
        list_doubt: None,
        read_at: 0,
        moved: Default::default(),
        acts: 0,
    }
}

pub fn commit(standing: &mut Standing, changed: impl IntoIterator<Item = (AccountName, AccountStanding)>) {
    standing.changed.clear();
    for (name, account) in changed {
        standing.changed.push(name.clone());
        standing.accounts.insert(name, Arc::new(account));
    }
    standing.changed_since = standing.stamp();
    standing.version += 1;
}

pub fn text(exposition: &Exposition) -> String {
    String::from_utf8(exposition.text(None, Format::Text)).expect("text")
}

/// Two backends with everything there is to show, and with everything there is to leave out.
pub fn house() -> Exposition {
    let full = AccountStanding {
        suspended: Some(false),
        policy: Some(Policy::Limited),
        package: Some("Gold \"100\"".into()),
        domain: Some("a\\b\nc.example".into()),
        reseller: Some("resel\"01".into()),
        storage_limit: Limit::of_size(bytes(100_000)),
        limits: storage(bytes(100_000)),
        mapped: None,
        // Twice in the month its present owner's, and once somebody else's.
        shares: vec![held(Owner::Unowned, 7_000), held(Owner::Service(57), 900), held(Owner::Unowned, 1)],
        ..account(vec![
            series(Meter::StorageUsed, NOON, 93_410),
            series(Meter::TrafficIn, NOON, 7),
            series(Meter::TrafficOut, NOON, i64::MAX as u64),
        ])
    };
    let gone = AccountStanding { gone_at: Some(at(NOON - 1)), ..full.clone() };
    let old = AccountStanding {
        suspended: Some(true),
        storage_limit: Limit::of_size(bytes(5)),
        limits: storage(bytes(5)),
        mapped: None,
        package: Some("Old".into()),
        ..account(vec![series(Meter::StorageUsed, NOON - 27 * HOUR, 5)])
    };
    let over = AccountStanding {
        storage_limit: Limit::of_size(bytes(3)),
        limits: storage(bytes(3)),
        mapped: None,
        suspended: Some(true),
        policy: Some(Policy::Standard),
        ..account(vec![series(Meter::StorageUsed, NOON, 400), series(Meter::TrafficTotal, NOON, 12)])
    };
    let last_month = account(vec![SeriesStanding {
        month: series(Meter::TrafficIn, NOON - 31 * 24 * HOUR, 10).month,
        ..series(Meter::TrafficIn, NOON, 20)
    }]);
    let standings = vec![
        standing("s3-fra1", [(name("alice"), full), (name("gone"), gone), (name("old"), old)]),
        standing("a \"nas\"", [(name("Zoë"), over), (name("bob"), last_month)]),
    ];
    let telemetry = Telemetry::new();
    telemetry.poll_done(
        &backend("s3-fra1"),
        PollOutcome::Read { read: 2, failed: 1 },
        std::time::Duration::from_millis(1250),
    );
    telemetry.note(&backend("s3-fra1"), &Note::Contradiction);
    telemetry.poll_done(
        &backend("a \"nas\""),
        PollOutcome::Failed(Reason::Unreachable.name()),
        std::time::Duration::from_secs(30),
    );
    telemetry.unclaimed(&backend("s3-fra1"), &[]);
    telemetry.policies(&backend("s3-fra1"), &Conflict::ALL.map(|conflict| (conflict, 0)).into());
    telemetry.whmcs_fetched(12, "/v1/whmcs/usage", 200);
    telemetry.whmcs_collected(12, at(NOON - 60));
    telemetry.whmcs_withheld(12, &BTreeMap::from([("stale", 1)]));
    let exposition = Exposition::new(Settings::default(), zone(), telemetry);
    for standing in &standings {
        exposition.update(standing, at(NOON));
    }
    let told = [
        reported("ali\"ce", "disk", 9_341_000, 0, NOON - 2 * HOUR),
        reported("ali\"ce", "disk_gb_month", 3_820_417, -31_250, NOON - HOUR),
    ];
    exposition.reported(12, told[0].month, &told, at(NOON));
    exposition.backends(&[
        state("s3-fra1", Some(NOON), Some(NOON), None),
        state("a \"nas\"", Some(NOON), Some(NOON - HOUR), Some("unreachable")),
        state("never-polled", None, None, None),
    ]);
    exposition
}

pub fn state(of: &str, polled: Option<i64>, succeeded: Option<i64>, failing: Option<&str>) -> BackendState {
    BackendState {
        backend: backend(of),
        kind: "minio".into(),
        number: 1,
        panel: String::new(),
        acts: 0,
        version: 1,
        polled_at: polled.map(at),
        succeeded_at: succeeded.map(at),
        failing: failing.map(|reason| Failing {
            since: at(NOON - HOUR),
            reason: reason.into(),
            detail: String::new(),
        }),
        parked_until: failing.map(|_| at(NOON + HOUR)),
        rewound_at: failing.map(|_| at(NOON - HOUR)),
        leases: 1,
        leased_until: at(0),
        server_total: None,
        seats: Seats { used: succeeded.map(|_| 412), licensed: failing.is_none().then_some(500) },
    }
}
