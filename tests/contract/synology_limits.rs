//! Synology: accounts disabled, moved to a group or held by quotas, and given back what they had.

use serde_json::{Value as Json, json};
use whmeter::backends::{Applied, Backend, BackendError, Memory, PollRequest};
use whmeter::domain::{Facts, Harvest, Limit, Policy};

use super::{operate, start, state};
use crate::support::panels::*;

const MODES: [&str; 3] = [
    "limited = \"disable\"",
    "limited = \"group\"\ngroups = [\"PublicSynology\", \"PublicSynology-XL\"]\nlimited_group = \"PublicSynology-limited\"",
    "limited = \"quota\"",
];

fn user(pair: &Pair, name: &str) -> Json {
    let mut user = state(pair)["users"][name].clone();
    user["writes"] = Json::Null;
    user
}

async fn facts(pair: &Pair, backend: &dyn Backend, name: &str, limited: bool) -> Facts {
    let now = pair.panel.knobs().clock.now_seconds();
    let limited = if limited { vec![account(name)] } else { Vec::new() };
    let ask = PollRequest { limited, ..PollRequest::at(instant(now)) };
    let mut harvest = Harvest::new();
    backend.poll(&ask, &mut harvest).await.unwrap();
    of(&harvest, name).unwrap().facts.clone()
}

async fn remember(backend: &dyn Backend, name: &str) -> Memory {
    limiter(backend).remember(&target(&account(name))).await.unwrap()
}

async fn apply(backend: &dyn Backend, name: &str, policy: Policy, memory: &Memory) -> Applied {
    limiter(backend).apply(&target(&account(name)), policy, memory).await.unwrap()
}

/// Somebody in a product group who stores something.
fn one(pair: &Pair) -> String {
    let fits = |name: &String| {
        let user = user(pair, name);
        user["groups"].as_array().unwrap().contains(&json!("PublicSynology"))
            && user["homes_bytes"].as_u64().unwrap() > 4 << 20
    };
    pair.panel.accounts().into_iter().find(fits).unwrap()
}

#[tokio::test]
async fn each_way_limits_and_gives_back_exactly_what_was_there_on_both_generations() {
    for dsm in ["6", "7"] {
        for file_system in ["btrfs", "ext4"] {
            for keys in MODES {
                let pair = start(12, json!({ "dsm": dsm, "file_system": file_system })).await;
                let (backend, name) = (pair.backend_with(keys), one(&pair));
                let what = format!("DSM {dsm}, {file_system}, {keys}");
                let before = user(&pair, &name);
                let sold = facts(&pair, &*backend, &name, true).await;
                assert_eq!(sold.policy, Some(Policy::Standard), "{what}");
                let memory = remember(&*backend, &name).await;
                assert_eq!(apply(&*backend, &name, Policy::Limited, &memory).await, Applied::Done, "{what}");
                assert_eq!(pair.panel.is_limited(&name), Some(true), "{what}");
                let limited = facts(&pair, &*backend, &name, true).await;
                assert_eq!(limited.policy, Some(Policy::Limited), "{what}");
                // What holds it is not what it was sold.
                assert!([sold.storage_limit, Limit::Unknown].contains(&limited.storage_limit), "{what}");
                assert_eq!(
                    apply(&*backend, &name, Policy::Limited, &memory).await,
                    Applied::AlreadySo,
                    "{what}"
                );
                let neighbours = pair.panel.accounts().into_iter().filter(|other| *other != name);
                assert!(
                    neighbours.clone().all(|other| pair.panel.is_limited(&other) == Some(false)),
                    "{what}"
                );
                assert_eq!(apply(&*backend, &name, Policy::Standard, &memory).await, Applied::Done, "{what}");
                assert_eq!(user(&pair, &name), before, "{what}");
                assert_eq!(
                    apply(&*backend, &name, Policy::Standard, &memory).await,
                    Applied::AlreadySo,
                    "{what}"
                );
                assert_eq!(remember(&*backend, &name).await, memory, "{what}");
                assert_eq!(state(&pair)["logins"]["open_sessions"], 0, "{what}");
                pair.panel.stop();
            }
        }
    }
}

#[tokio::test]
async fn nobody_is_taken_out_of_a_group_before_he_is_seen_in_the_other() {
    let pair = start(12, json!({})).await;
    let (backend, name) = (pair.backend_with(MODES[1]), one(&pair));
    let memory = remember(&*backend, &name).await;
    let groups = || user(&pair, &name)["groups"].clone();
    let before = groups();
    // The NAS says that it was done, and it was not: the account keeps what it was sold.
    pair.panel.operate("switches", &json!({ "adds_ignored": true })).unwrap();
    let account = account(&name);
    let applied = limiter(&*backend).apply(&target(&account), Policy::Limited, &memory).await;
    assert!(applied.is_err(), "{applied:?}");
    assert_eq!(groups(), before);
    // And a limited one is not left in no group at all.
    pair.panel.operate("switches", &json!({ "adds_ignored": false })).unwrap();
    assert_eq!(apply(&*backend, &name, Policy::Limited, &memory).await, Applied::Done);
    let limited = groups();
    pair.panel.operate("switches", &json!({ "adds_ignored": true })).unwrap();
    let applied = limiter(&*backend).apply(&target(&account), Policy::Standard, &memory).await;
    assert!(applied.is_err(), "{applied:?}");
    assert_eq!(groups(), limited);
    pair.panel.stop();
}

#[tokio::test]
async fn names_of_every_kind_are_limited_and_a_last_day_is_given_back() {
    let pair = start(20, json!({})).await;
    let backend = pair.backend();
    let names = pair.panel.accounts().into_iter();
    let odd = names.filter(|name| !name.starts_with("cust") || user(&pair, name)["expired"] != "normal");
    let mut days = 0;
    for name in odd {
        let before = user(&pair, &name);
        let memory = remember(&*backend, &name).await;
        assert_eq!(apply(&*backend, &name, Policy::Limited, &memory).await, Applied::Done, "{name}");
        assert_eq!(user(&pair, &name)["expired"], "now");
        assert_eq!(apply(&*backend, &name, Policy::Standard, &memory).await, Applied::Done, "{name}");
        assert_eq!(user(&pair, &name), before);
        days += usize::from(before["expired"] != "normal");
    }
    assert!(days > 0);
    // In another case, as WHMCS may spell it.
    let memory = remember(&*backend, "CUST1001-7100").await;
    assert_eq!(apply(&*backend, "CUST1001-7100", Policy::Limited, &memory).await, Applied::Done);
    assert_eq!(user(&pair, "cust1001-7100")["expired"], "now");
    pair.panel.stop();
}

#[tokio::test]
async fn who_was_off_before_stays_off_and_is_never_taken_for_ours() {
    let pair = start(6, json!({})).await;
    let (backend, name) = (pair.backend(), one(&pair));
    pair.panel.suspend(&name, true).unwrap();
    let shown = facts(&pair, &*backend, &name, false).await;
    assert_eq!((shown.policy, shown.suspended), (None, Some(true)));
    assert_eq!(shown.suspended_for.as_deref(), Some("disabled"));
    let memory = remember(&*backend, &name).await;
    for policy in [Policy::Limited, Policy::Standard] {
        assert_eq!(apply(&*backend, &name, policy, &memory).await, Applied::AlreadySo);
    }
    assert_eq!(user(&pair, &name)["expired"], "now");
    pair.panel.suspend(&name, false).unwrap();
    let applied = apply(&*backend, &name, Policy::Limited, &memory).await;
    assert!(matches!(applied, Applied::LeftAlone { limited: false, .. }), "{applied:?}");
    pair.panel.stop();
}

#[tokio::test]
async fn what_somebody_else_has_changed_is_left_alone_in_every_way() {
    let deals = [
        json!({ "op": "set_expired", "expired": "2033/7/14" }),
        json!({ "op": "set_group", "group": "PublicSynology-limited", "is_member": false }),
        json!({ "op": "set_quota", "share": "homes", "mebibytes": 777_777 }),
    ];
    for (keys, deal) in MODES.into_iter().zip(deals) {
        let pair = start(6, json!({})).await;
        let (backend, name) = (pair.backend_with(keys), one(&pair));
        let memory = remember(&*backend, &name).await;
        assert_eq!(apply(&*backend, &name, Policy::Limited, &memory).await, Applied::Done, "{keys}");
        operate(&pair, &format!("users/{name}"), deal);
        let by_hand = user(&pair, &name);
        for policy in [Policy::Standard, Policy::Limited] {
            let applied = apply(&*backend, &name, policy, &memory).await;
            assert!(matches!(applied, Applied::LeftAlone { limited: false, .. }), "{keys}: {applied:?}");
        }
        assert_eq!(user(&pair, &name), by_hand, "{keys}");
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_restore_goes_by_what_was_remembered_and_not_by_the_config_of_the_day() {
    let pair = start(6, json!({})).await;
    let name = one(&pair);
    let before = user(&pair, &name);
    for keys in MODES {
        let memory = remember(&*pair.backend_with(keys), &name).await;
        apply(&*pair.backend_with(keys), &name, Policy::Limited, &memory).await;
        for other in MODES.into_iter().filter(|other| *other != keys) {
            let limited = apply(&*pair.backend_with(other), &name, Policy::Limited, &memory).await;
            assert_eq!(limited, Applied::AlreadySo, "{other}");
        }
        let restored = apply(&*pair.backend(), &name, Policy::Standard, &memory).await;
        assert_eq!((restored, user(&pair, &name)), (Applied::Done, before.clone()), "{keys}");
    }
    pair.panel.stop();
}

#[tokio::test]
async fn a_name_that_is_somebody_elses_by_now_is_not_restored() {
    let pair = start(6, json!({})).await;
    let (backend, name) = (pair.backend(), one(&pair));
    let memory = remember(&*backend, &name).await;
    apply(&*backend, &name, Policy::Limited, &memory).await;
    operate(&pair, &format!("users/{name}"), json!({ "op": "recreate" }));
    operate(&pair, &format!("users/{name}"), json!({ "op": "set_expired", "expired": "now" }));
    let applied = apply(&*backend, &name, Policy::Standard, &memory).await;
    assert!(matches!(applied, Applied::LeftAlone { limited: true, .. }), "{applied:?}");
    assert_eq!(user(&pair, &name)["expired"], "now");
    pair.panel.stop();
}

#[tokio::test]
async fn what_is_answered_as_done_and_is_not_is_said() {
    for keys in MODES {
        let pair = start(6, json!({ "writes_ignored": true })).await;
        let (backend, name) = (pair.backend_with(keys), one(&pair));
        let (before, memory) = (user(&pair, &name), remember(&*backend, &name).await);
        let applied = limiter(&*backend).apply(&target(&account(&name)), Policy::Limited, &memory).await;
        let error = applied.unwrap_err();
        assert!(error.to_string().contains("read back as"), "{keys}: {error}");
        assert_eq!(user(&pair, &name), before, "nothing was taken away: {keys}");
        // Another administrator is at it.
        operate(&pair, "switches", json!({ "writes_ignored": false, "locked_code": 3112 }));
        let applied = limiter(&*backend).apply(&target(&account(&name)), Policy::Limited, &memory).await;
        assert!(matches!(applied, Err(BackendError::Busy { .. })), "{applied:?}");
        pair.panel.stop();
    }
    // A DSM that does not take quotas of shared folders in this form.
    let pair = start(6, json!({ "share_quota_set": false })).await;
    let (backend, name) = (pair.backend_with(MODES[2]), one(&pair));
    let memory = remember(&*backend, &name).await;
    let applied = limiter(&*backend).apply(&target(&account(&name)), Policy::Limited, &memory).await;
    assert!(applied.is_err_and(|error| error.to_string().contains("quota of homes on /volume1")));
    pair.panel.stop();
}

#[tokio::test]
async fn administrators_and_the_system_are_never_limited() {
    let pair = start(3, json!({})).await;
    let backend = pair.backend();
    for name in ["admin", "guest", "svc-meter", "ops-anna", "SynologyDrive"] {
        let error = limiter(&*backend).remember(&target(&account(name))).await.unwrap_err();
        assert!(matches!(error, BackendError::NotOffered(_)), "{name}: {error:?}");
        let memory = Memory(r#"{"uid":null,"limited":"disable","expired":"normal"}"#.into());
        let applied = limiter(&*backend).apply(&target(&account(name)), Policy::Limited, &memory).await;
        assert!(matches!(applied, Err(BackendError::NotOffered(_))), "{name}: {applied:?}");
    }
    pair.panel.stop();
}
