//! SolusVM: servers suspended and let go, where nobody is told why or by whom.

use serde_json::json;
use whmeter::backends::{Applied, BackendError};
use whmeter::domain::Policy;

use super::{operate, start, state};
use crate::support::panels::*;

#[tokio::test]
async fn who_was_suspended_before_stays_so_and_who_is_let_go_is_left_alone() {
    for switches in [json!({}), json!({ "version": 1 })] {
        let pair = start(4, NOW, switches).await;
        let (backend, name) = (pair.backend(), pair.panel.accounts().remove(1));
        let key = account(&name);
        pair.panel.suspend(&name, true).unwrap();
        let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
        let apply = async |policy| limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap();
        for policy in [Policy::Limited, Policy::Standard] {
            assert_eq!(apply(policy).await, Applied::AlreadySo);
            assert_eq!(state(&pair, &name, "suspended"), true);
        }
        // Whoever suspended it let it go: it is not ours to suspend by that memory.
        pair.panel.suspend(&name, false).unwrap();
        assert!(matches!(apply(Policy::Limited).await, Applied::LeftAlone { limited: false, .. }));
        assert_eq!(state(&pair, &name, "suspended"), false);
        let harvest = pair.poll(&*backend).await.unwrap();
        assert_eq!(of(&harvest, &name).unwrap().facts.policy, Some(Policy::Standard));
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_server_that_somebody_else_suspended_is_shown_as_no_policy_of_ours() {
    for switches in [json!({}), json!({ "version": 1 })] {
        let pair = start(4, NOW, switches).await;
        let name = pair.panel.accounts().remove(1);
        pair.panel.suspend(&name, true).unwrap();
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        let facts = &of(&harvest, &name).unwrap().facts;
        assert_eq!((facts.suspended, facts.policy), (Some(true), None));
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_switch_is_done_when_its_task_is_and_the_server_is_read_back() {
    // (how the panel behaves, what is said)
    for (switches, text) in [
        (json!({ "tasks_end": "failed" }), "ended as \"failed\""),
        (json!({ "tasks_end": "canceled" }), "ended as \"canceled\""),
        (json!({ "tasks_end": "done_with_errors" }), "ended as \"done_with_errors\""),
        (json!({ "writes_ignored": true }), "suspended"),
        (json!({ "version": 1, "writes_ignored": true }), "suspended"),
        (json!({ "read_only": true }), "lacks the right"),
    ] {
        let pair = start(3, NOW, switches.clone()).await;
        let (backend, name) = (pair.backend(), pair.panel.accounts().remove(0));
        let key = account(&name);
        let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
        let applied = limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await;
        let error = applied.expect_err(&switches.to_string());
        assert!(error.to_string().contains(text), "{switches}: {error}");
        assert_eq!(state(&pair, &name, "suspended"), false);
        pair.panel.stop();
    }
    // A task that takes a while is waited for.
    let pair = start(3, NOW, json!({ "task_milliseconds": 1_500, "repeat_refused": true })).await;
    let (backend, name) = (pair.backend(), pair.panel.accounts().remove(0));
    let key = account(&name);
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    for (policy, suspended) in [(Policy::Limited, true), (Policy::Standard, false)] {
        let applied = limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap();
        assert_eq!((applied, state(&pair, &name, "suspended")), (Applied::Done, json!(suspended)));
        let again = limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap();
        assert_eq!(again, Applied::AlreadySo);
    }
    pair.panel.stop();
}

#[tokio::test]
async fn a_server_that_is_gone_is_no_account_any_more() {
    for switches in [json!({}), json!({ "version": 1 })] {
        let pair = start(4, NOW, switches).await;
        let (backend, name) = (pair.backend(), pair.panel.accounts().remove(1));
        let key = account(&name);
        let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
        pair.panel.vanish(&name).unwrap();
        let error = limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap_err();
        assert!(matches!(&error, BackendError::NoSuchAccount(gone) if *gone == key), "{error:?}");
        pair.panel.stop();
    }
    // Stopped is not suspended.
    let pair = start(4, NOW, json!({ "version": 1 })).await;
    let name = pair.panel.accounts().remove(0);
    operate(&pair, &format!("servers/{name}"), &json!({ "op": "stop" }));
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    assert_eq!(of(&harvest, &name).unwrap().facts.suspended, Some(false));
    pair.panel.stop();
}
