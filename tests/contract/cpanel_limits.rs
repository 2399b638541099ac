//! cPanel/WHM: suspended with our reason and let go again, and bandwidths cut down and restored.

use serde_json::{Value, json};
use whmeter::backends::{Applied, BackendError, PollRequest};
use whmeter::domain::{Harvest, Policy};

use crate::cpanel::start;
use crate::support::panels::*;

fn operate(pair: &Pair, name: &str, deal: Value) {
    pair.panel.operate(&format!("accounts/{name}"), &deal).unwrap();
}

fn state(pair: &Pair, name: &str) -> Value {
    pair.panel.operate("state", &Value::Null).unwrap()["accounts"][name].clone()
}

/// What an account shows after a poll.
async fn shown(pair: &Pair, keys: &str, name: &str) -> whmeter::domain::Facts {
    let mut harvest = Harvest::new();
    let now = pair.panel.knobs().clock.now_seconds();
    pair.backend_with(keys).poll(&PollRequest::at(instant(now)), &mut harvest).await.unwrap();
    of(&harvest, name).unwrap().facts.clone()
}

#[tokio::test]
async fn only_what_we_suspended_is_let_go_and_a_lock_is_roots() {
    let pair = start(5, json!({})).await;
    let (backend, name) = (pair.backend(), pair.panel.accounts().remove(0));
    let key = account(&name);
    let apply = async |policy, memory: &whmeter::backends::Memory| {
        limiter(&*backend).apply(&target(&key), policy, memory).await.unwrap()
    };
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    assert_eq!(apply(Policy::Limited, &memory).await, Applied::Done);
    let facts = shown(&pair, "", &name).await;
    assert_eq!((facts.policy, facts.suspended), (Some(Policy::Limited), Some(true)));
    assert!(facts.suspended_for.unwrap().starts_with("whmeter:"));
    // Root puts a lock on it: with our reason or another, it is root's to take off.
    operate(&pair, &name, json!({ "op": "suspend", "reason": "whmeter: limit reached", "locked": true }));
    for policy in [Policy::Standard, Policy::Limited] {
        let left = apply(policy, &memory).await;
        assert!(
            matches!(&left, Applied::LeftAlone { found, limited: true } if found.contains("locked")),
            "{left:?}"
        );
    }
    // WHMCS suspends on top of us and overwrites the reason.
    operate(&pair, &name, json!({ "op": "suspend", "reason": "overdue invoice", "locked": false }));
    assert!(matches!(apply(Policy::Standard, &memory).await, Applied::LeftAlone { .. }));
    assert_eq!(shown(&pair, "", &name).await.suspended_for.as_deref(), Some("overdue invoice"));
    // Who was suspended before us stays so, whatever we want.
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    for policy in [Policy::Limited, Policy::Standard] {
        assert_eq!(apply(policy, &memory).await, Applied::AlreadySo);
    }
    assert_eq!(pair.panel.is_limited(&name), Some(true));
    pair.panel.stop();
}

#[tokio::test]
async fn a_suspension_that_outlasts_the_connection_is_read_back_and_not_repeated() {
    let pair = start(4, json!({})).await;
    let (backend, name) = (pair.backend_with("retries = 2"), pair.panel.accounts().remove(0));
    let key = account(&name);
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    // It is done, and the connection breaks before that is said.
    let broken = whmeter_simulators::faults::FaultKind::Reset { after_bytes: 5 };
    pair.panel.knobs().faults.add(whmeter_simulators::faults::Fault::new(broken).on("suspendacct"));
    let applied = limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap();
    assert_eq!((applied, pair.panel.is_limited(&name)), (Applied::Done, Some(true)));
    assert_eq!(pair.panel.knobs().requests.count("suspendacct"), 1);
    pair.panel.knobs().faults.clear();
    // Taken and forgotten: said, and not believed.
    let applied = limiter(&*backend).apply(&target(&key), Policy::Standard, &memory).await.unwrap();
    assert_eq!(applied, Applied::Done);
    pair.panel.operate("switches", &json!({ "writes_ignored": true })).unwrap();
    let error = limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap_err();
    assert!(error.to_string().contains("read back as not suspended"), "{error}");
    pair.panel.stop();
}

#[tokio::test]
async fn a_slow_suspension_is_waited_for() {
    let pair = start(4, json!({ "suspend_milliseconds": 2_500 })).await;
    // Longer than calls usually may take.
    let backend = pair.backend_with("timeout = \"1s\"");
    let key = account(&pair.panel.accounts()[0]);
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    let applied = limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap();
    assert_eq!((applied, pair.panel.is_limited(key.as_str())), (Applied::Done, Some(true)));
    pair.panel.stop();
}

#[tokio::test]
async fn a_bandwidth_is_cut_and_restored_and_others_changes_are_left_alone() {
    const KEYS: &str = "limit_by = 'bandwidth'";
    let pair = start(9, json!({})).await;
    let backend = pair.backend_with(KEYS);
    for name in pair.panel.accounts() {
        let (key, sold) = (account(&name), state(&pair, &name)["bandwidth"].clone());
        let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
        for (policy, policy_shown) in
            [(Policy::Limited, Policy::Limited), (Policy::Standard, Policy::Standard)]
        {
            let applied = limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap();
            assert_eq!(applied, Applied::Done, "{name} {policy:?}");
            let facts = shown(&pair, KEYS, &name).await;
            assert_eq!((facts.policy, facts.suspended), (Some(policy_shown), Some(false)), "{name}");
            // What we made of it is not what was sold.
            assert_eq!(facts.traffic_limit.is_known(), policy == Policy::Standard, "{name}");
            let applied = limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap();
            assert_eq!(applied, Applied::AlreadySo, "{name} {policy:?}");
        }
        assert_eq!(state(&pair, &name)["bandwidth"], sold, "{name}");
        assert_eq!(limiter(&*backend).remember(&target(&key)).await.unwrap(), memory);
        // Limited in one way it is restored in that way, whatever the config says by then.
        limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap();
        let other = pair.backend();
        let applied = limiter(&*other).apply(&target(&key), Policy::Standard, &memory).await.unwrap();
        assert_eq!((applied, &state(&pair, &name)["bandwidth"]), (Applied::Done, &sold));
    }
    let (sold, others) = (account(&pair.panel.accounts()[0]), account(&pair.panel.accounts()[1]));
    let memory = limiter(&*backend).remember(&target(&sold)).await.unwrap();
    let of_another = whmeter::backends::Memory(r#"{"bandwidth":{"bytes":5242880}}"#.into());
    let left = limiter(&*backend).apply(&target(&sold), Policy::Limited, &of_another).await.unwrap();
    assert!(matches!(left, Applied::LeftAlone { limited: false, .. }), "{left:?}");
    assert!(limiter(&*backend).apply(&target(&others), Policy::Standard, &memory).await.is_ok());
    // `limitbw` reports success for users that are not there; `showbw` lists those that were.
    for nobody in ["nobody-77", "gonefish"] {
        let nobody = account(nobody);
        let error = limiter(&*backend).apply(&target(&nobody), Policy::Limited, &memory).await.unwrap_err();
        assert!(matches!(&error, BackendError::NoSuchAccount(name) if *name == nobody), "{error:?}");
    }
    assert_eq!(pair.panel.knobs().requests.count("suspendacct"), 0);
    pair.panel.stop();
}
