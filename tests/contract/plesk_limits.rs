//! Plesk: subscriptions suspended and let go, where a status says neither why nor by whom.

use serde_json::json;
use whmeter::backends::{Applied, BackendError};
use whmeter::domain::{Harvest, Policy};

use super::{backend_of, on, operate, start, state};
use crate::support::panels::*;

fn status(pair: &Pair, name: &str) -> u64 {
    state(pair)["subscriptions"][name]["status"].as_u64().unwrap()
}

/// The facts of an account as a poll shows them.
async fn facts(pair: &Pair, name: &str) -> whmeter::domain::Facts {
    let harvest: Harvest = pair.poll(&*pair.backend()).await.unwrap();
    of(&harvest, name).unwrap().facts.clone()
}

#[tokio::test]
async fn a_limit_is_of_one_subscription_also_under_an_international_name() {
    let pair = start(14, json!({})).await;
    let backend = pair.backend();
    let names = pair.panel.accounts();
    let international = names.iter().find(|name| !name.is_ascii()).unwrap();
    for name in [international, &names[0]] {
        let key = account(name);
        let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
        let apply = async |policy| limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap();
        assert_eq!(apply(Policy::Limited).await, Applied::Done);
        assert_eq!(status(&pair, name), 16);
        let others = names.iter().filter(|other| *other != name);
        assert!(others.clone().all(|other| status(&pair, other) == 0), "neighbours of the same owner");
        let facts = facts(&pair, name).await;
        assert_eq!((facts.suspended, facts.policy), (Some(true), Some(Policy::Limited)));
        assert_eq!(facts.suspended_for.as_deref(), Some("suspended by the administrator"));
        assert_eq!(apply(Policy::Standard).await, Applied::Done);
        assert_eq!(status(&pair, name), 0);
        assert_eq!(
            limiter(&*backend).remember(&target(&key)).await.unwrap(),
            memory,
            "nothing else has changed"
        );
    }
    pair.panel.stop();
}

#[tokio::test]
async fn whatever_somebody_else_added_is_left_alone() {
    let pair = start(4, json!({})).await;
    let (backend, name) = (pair.backend(), pair.panel.accounts().remove(1));
    let key = account(&name);
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap();
    // Expired, switched off by the customer, by a reseller, with its owner; ours may be among them.
    for bits in [272, 80, 48, 18, 256, 64, 2] {
        on(&pair, &name, json!({ "op": "set_status", "status": bits }));
        for policy in [Policy::Standard, Policy::Limited] {
            let applied = limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap();
            assert!(
                matches!(&applied, Applied::LeftAlone { limited: true, found } if found.contains(&bits.to_string())),
                "{bits}: {applied:?}"
            );
        }
        assert_eq!(status(&pair, &name), bits);
        let facts = facts(&pair, &name).await;
        assert_eq!((facts.suspended, facts.policy), (Some(true), None), "{bits}");
    }
    on(&pair, &name, json!({ "op": "set_status", "status": 16 }));
    let applied = limiter(&*backend).apply(&target(&key), Policy::Standard, &memory).await.unwrap();
    assert_eq!((applied, status(&pair, &name)), (Applied::Done, 0));
    pair.panel.stop();
}

#[tokio::test]
async fn who_was_suspended_before_stays_so() {
    let pair = start(4, json!({})).await;
    let (backend, name) = (pair.backend(), pair.panel.accounts().remove(1));
    let key = account(&name);
    for bits in [16, 64, 256, 272] {
        on(&pair, &name, json!({ "op": "set_status", "status": bits }));
        let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
        for policy in [Policy::Limited, Policy::Standard] {
            let applied = limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap();
            assert_eq!((applied, status(&pair, &name)), (Applied::AlreadySo, bits));
        }
    }
    pair.panel.stop();
}

#[tokio::test]
async fn a_backup_is_no_suspension_and_nothing_is_changed_meanwhile() {
    let pair = start(4, json!({})).await;
    let (backend, name) = (pair.backend(), pair.panel.accounts().remove(1));
    let key = account(&name);
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    on(&pair, &name, json!({ "op": "set_status", "status": 4 }));
    let shown = facts(&pair, &name).await;
    assert_eq!((shown.suspended, shown.policy), (Some(false), Some(Policy::Standard)));
    let error = limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap_err();
    assert!(matches!(error, BackendError::Busy { .. }) && status(&pair, &name) == 4, "{error:?}");
    on(&pair, &name, json!({ "op": "set_status", "status": 20 }));
    assert_eq!(facts(&pair, &name).await.policy, Some(Policy::Limited));
    pair.panel.stop();
}

#[tokio::test]
async fn a_customer_who_is_off_takes_his_subscriptions_along() {
    let pair = start(8, json!({})).await;
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    assert!(harvest.accounts().values().all(|one| one.facts.suspended == Some(false)));
    operate(&pair, "people/harbor4101", json!({ "op": "suspend" }));
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    let off: Vec<_> = harvest.accounts().values().filter(|one| one.facts.suspended == Some(true)).collect();
    assert!(!off.is_empty() && off.len() < harvest.accounts().len());
    for one in off {
        assert_eq!(one.facts.suspended_for.as_deref(), Some("its owner is suspended"));
    }
    pair.panel.stop();
}

#[tokio::test]
async fn a_resellers_login_writes_its_own_bit() {
    let pair = start(20, json!({})).await;
    let backend = backend_of(&pair, "quayside", "acts_as = 'reseller'");
    let harvest = pair.poll(&*backend).await.unwrap();
    let key = harvest.accounts().keys().next().unwrap().clone();
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    let apply = async |policy| limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap();
    assert_eq!(apply(Policy::Limited).await, Applied::Done);
    assert_eq!(status(&pair, key.as_str()), 32);
    // The administrator's 16 is not its to take back.
    on(&pair, key.as_str(), json!({ "op": "set_status", "status": 16 }));
    assert!(matches!(apply(Policy::Standard).await, Applied::LeftAlone { limited: true, .. }));
    on(&pair, key.as_str(), json!({ "op": "set_status", "status": 32 }));
    assert_eq!(apply(Policy::Standard).await, Applied::Done);
    assert_eq!(status(&pair, key.as_str()), 0);
    // Somebody else's subscription is none that it knows.
    let foreign = pair.panel.accounts().into_iter().find(|name| of(&harvest, name).is_none()).unwrap();
    let error = limiter(&*backend).remember(&target(&account(&foreign))).await.unwrap_err();
    assert!(matches!(error, BackendError::NoSuchAccount(_) | BackendError::Refused(_)), "{error:?}");
    pair.panel.stop();
}

#[tokio::test]
async fn the_nightly_run_suspends_who_is_beyond_his_limit_and_that_is_seen() {
    let pair = start(4, json!({})).await;
    let name = pair.panel.accounts().remove(1);
    on(&pair, &name, json!({ "op": "set_limit", "name": "disk_space", "value": 1 }));
    on(&pair, &name, json!({ "op": "set_overuse", "policy": "block" }));
    pair.truth().set_level(&name, NOW, 5_000_000);
    operate(&pair, "maintenance", json!({}));
    let facts = facts(&pair, &name).await;
    assert_eq!(facts.suspended, Some(true));
    assert!(facts.suspended_for.is_some());
    pair.panel.stop();
}
