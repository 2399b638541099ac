//! The OpenStack backend against a real Keystone, Gnocchi and Swift.
//!
//! Runs where `WHMETER_OPENSTACK_REAL` is set (`make test-real`): then the cloud has to be there, which
//! `openstack_real/cloud.py` starts on loopback. `WHMETER_OPENSTACK_TRUTH` names a file with the addresses, the
//! credentials and the truth of one that runs already, in the same JSON. Without either it says so and passes: the
//! packages are some two hundred.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;

use whmeter::backends::{Applied, Backend, BackendError, Heard, Memory, Past, PollRequest, Target, Wants};
use whmeter::clock::Clock;
use whmeter::domain::{AccountName, Harvest, Limit, Meter, Policy, Reading, Reason};

#[path = "openstack_real/cloud.rs"]
mod cloud;
#[allow(dead_code)] // No test target uses all of it.
mod support;

use cloud::{Cloud, Customer};
use support::panels::{Ledger, instant};

/// Bytes moved and stored are to be these, to the byte.
fn figures(customer: &Customer) -> [(Meter, u64); 2] {
    [(Meter::TrafficIn, customer.traffic_in), (Meter::TrafficOut, customer.traffic_out)]
}

async fn polled(backend: &dyn Backend, heard: Heard) -> Result<Harvest, BackendError> {
    let mut harvest = Harvest::new();
    let ask = PollRequest { heard, ..PollRequest::at(Clock::System.now()) };
    backend.poll(&ask, &mut harvest).await.map(|()| harvest)
}

fn level(harvest: &Harvest, name: &str) -> Option<u64> {
    let harvested = &harvest.accounts()[name];
    harvested.readings.iter().find_map(|(meter, reading)| match (meter, reading) {
        (Meter::StorageUsed, Reading::Gauge { level, .. }) => Some(level.get()),
        _ => None,
    })
}

fn account(name: &str) -> AccountName {
    AccountName::new(name).unwrap()
}

#[tokio::test]
async fn what_customers_moved_and_stored_is_read_to_the_byte() {
    let Some(cloud) = Cloud::start() else { return };
    for login in [cloud.credential(), cloud.password()] {
        let backend = cloud.backend(&format!("{login}storage = ['objects']\nquotas = false\n"));
        let past = Past { now: Clock::System.now(), since: instant(cloud.from), until: Clock::System.now() };
        let mut history = Harvest::new();
        backend.backfill_all(&past, &mut history).await;
        let mut ledger = Ledger::new();
        ledger.take(&history, past.now.get());
        let harvest = polled(&*backend.0, ledger.heard()).await.unwrap();
        assert!(harvest.is_complete());
        ledger.take(&harvest, Clock::System.now().get());
        // The same again changes nothing.
        let again = polled(&*backend.0, ledger.heard()).await.unwrap();
        ledger.take(&again, Clock::System.now().get());
        let names: Vec<&str> = harvest.accounts().keys().map(AccountName::as_str).collect();
        let mut wanted: Vec<&str> = cloud.customers.values().map(|customer| customer.id.as_str()).collect();
        wanted.sort_unstable();
        assert_eq!(names, wanted);
        for (name, customer) in &cloud.customers {
            for (meter, bytes) in figures(customer) {
                assert_eq!(ledger.sum(&customer.id, meter), i128::from(bytes), "{name} {meter}");
            }
            assert_eq!(level(&harvest, &customer.id), Some(customer.objects), "{name}");
        }
    }
    let volumes = cloud.backend(&format!("{}storage = ['objects', 'gnocchi_volumes']\n", cloud.credential()));
    let harvest = polled(&*volumes.0, Heard::default()).await.unwrap();
    for (name, customer) in &cloud.customers {
        let wanted = customer.objects + (customer.volumes_gib << 30);
        assert_eq!(level(&harvest, &customer.id), Some(wanted), "{name}");
    }
    says_what_it_lacks(&cloud).await;
    facts_and_limits(&cloud).await;
}

/// What this cloud does not have is unread, and a wrong secret is refused and not shown.
async fn says_what_it_lacks(cloud: &Cloud) {
    let whole = cloud.backend(&cloud.credential());
    let harvest = polled(&*whole.0, Heard::default()).await.unwrap();
    for (name, harvested) in harvest.accounts() {
        let unread = harvested.unread.iter().find(|unread| unread.meter == Some(Meter::StorageUsed)).unwrap();
        assert_eq!(unread.reason, Reason::NotOffered, "{name} {unread:?}");
        assert!(unread.detail.contains("block-storage"), "{unread:?}");
    }
    let wrong = cloud.credential().replace(&cloud.secret, "wrong-hunter2");
    let error = polled(&*cloud.backend(&wrong).0, Heard::default()).await.unwrap_err();
    assert!(matches!(error, BackendError::Refused(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");

    let mut steps = Vec::new();
    let backend = cloud.backend(&format!("{}storage = ['objects']\n", cloud.credential()));
    backend.0.check(Wants::default(), &mut steps).await;
    let bad: Vec<_> = steps.iter().filter(|step| step.outcome.is_err()).collect();
    assert!(bad.is_empty() && steps.len() > 6, "{bad:?}");
}

/// Names, domains, tags, quotas; a quota lowered and given back, a project disabled and enabled.
async fn facts_and_limits(cloud: &Cloud) {
    let named = |keys: &str| {
        cloud
            .backend(&format!("{}account = 'domain/name'\nstorage = ['objects']\n{keys}", cloud.credential()))
    };
    let plain = named("");
    let harvest = polled(&*plain.0, Heard::default()).await.unwrap();
    if cloud.is_ours {
        let names: Vec<&str> = harvest.accounts().keys().map(AccountName::as_str).collect();
        assert_eq!(
            names,
            [
                "Default/harbor-1",
                "Default/idle-4",
                "Default/quay-2",
                "Default/quay-2-shop",
                "Northpier/pier-3"
            ]
        );
        let facts = |name: &str| &harvest.accounts()[name].facts;
        assert_eq!(facts("Default/harbor-1").package.as_deref(), Some("gold"));
        assert_eq!(
            (facts("Default/idle-4").suspended, facts("Default/harbor-1").suspended),
            (Some(true), Some(false))
        );
        assert_eq!(facts("Northpier/pier-3").reseller.as_deref(), Some("Northpier"));
        assert_eq!(facts("Northpier/pier-3").storage_limit, Limit::Unlimited);
    }
    let name = harvest.accounts().keys().next().unwrap().clone();
    let target = Target::named(&name);
    for way in ["quota", "disable"] {
        let backend = named(&format!("limited = '{way}'\n"));
        let limiter = backend.0.limiter().unwrap();
        let memory = limiter.remember(&target).await.unwrap();
        for policy in [Policy::Limited, Policy::Standard] {
            assert_eq!(
                limiter.apply(&target, policy, &memory).await.unwrap(),
                Applied::Done,
                "{way} {policy:?}"
            );
            assert_eq!(
                limiter.apply(&target, policy, &memory).await.unwrap(),
                Applied::AlreadySo,
                "{way} {policy:?}"
            );
        }
        assert_eq!(limiter.remember(&target).await.unwrap(), memory, "{way}");
        let nobody = account("Default/nobody-77");
        let error = limiter
            .apply(&Target::named(&nobody), Policy::Limited, &Memory(String::new()))
            .await
            .unwrap_err();
        assert!(matches!(error, BackendError::NoSuchAccount(_)), "{error:?}");
    }
    let counts: BTreeMap<bool, usize> =
        harvest.accounts().values().fold(BTreeMap::new(), |mut counts, one| {
            *counts.entry(one.unread.is_empty()).or_default() += 1;
            counts
        });
    assert_eq!(counts.get(&false), None, "everybody was read");
}
