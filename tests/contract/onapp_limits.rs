//! OnApp: port speeds, toggles without a reason, users with all that is theirs, and plans.

use serde_json::{Value, json};
use whmeter::backends::{Applied, Backend, BackendError, Memory};
use whmeter::domain::Policy;
use whmeter_simulators::onapp::{LIMITED_PLAN, Panel, Scope};
use whmeter_simulators::panel::SimulatedPanel;

use crate::onapp::start;
use crate::support::panels::*;

async fn remember(backend: &dyn Backend, name: &str) -> Memory {
    limiter(backend).remember(&target(&account(name))).await.unwrap()
}

async fn apply(
    backend: &dyn Backend,
    name: &str,
    policy: Policy,
    memory: &Memory,
) -> Result<Applied, BackendError> {
    limiter(backend).apply(&target(&account(name)), policy, memory).await
}

fn rates(panel: &Panel, name: &str) -> Vec<u32> {
    panel.rates(name.parse().unwrap())
}

fn at(panel: &Panel, name: &str, deal: Value) {
    panel.operate(&format!("machines/{name}"), &deal).unwrap();
}

#[tokio::test]
async fn every_port_gets_back_what_it_had_and_what_somebody_set_stays() {
    for switches in [json!({}), json!({ "unlimited_is_null": true }), json!({ "version": "2.3.2" })] {
        let (pair, panel) = start(Scope::Vm, 6, switches).await;
        let backend = pair.backend_with("cap_mbit_per_second = 2");
        let name = pair.panel.accounts().into_iter().find(|name| rates(&panel, name).len() == 2).unwrap();
        at(&panel, &name, json!({ "op": "set_rate", "card": 0, "rate": 0 }));
        at(&panel, &name, json!({ "op": "set_rate", "card": 1, "rate": 1 }));
        let memory = remember(&*backend, &name).await;
        assert_eq!(apply(&*backend, &name, Policy::Limited, &memory).await.unwrap(), Applied::Done);
        assert_eq!(rates(&panel, &name), [2, 1], "who bought less keeps less");
        assert_eq!(apply(&*backend, &name, Policy::Limited, &memory).await.unwrap(), Applied::AlreadySo);
        at(&panel, &name, json!({ "op": "set_rate", "card": 0, "rate": 50 }));
        let left = apply(&*backend, &name, Policy::Standard, &memory).await.unwrap();
        assert!(
            matches!(&left, Applied::LeftAlone { found, limited: false } if found.contains("50 Mbit/s")),
            "{left:?}"
        );
        assert_eq!(rates(&panel, &name), [50, 1]);
        at(&panel, &name, json!({ "op": "set_rate", "card": 0, "rate": 2 }));
        assert_eq!(apply(&*backend, &name, Policy::Standard, &memory).await.unwrap(), Applied::Done);
        assert_eq!(rates(&panel, &name), [0, 1]);
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_toggle_is_never_sent_blindly_and_what_ran_is_started() {
    for boots in [false, true] {
        let (pair, panel) = start(Scope::Vm, 4, json!({ "boots_when_released": boots })).await;
        let backend = pair.backend_with("limit_by = 'suspend'");
        let name = pair.panel.accounts().remove(0);
        let power = || panel.power(name.parse().unwrap()).unwrap();
        let memory = remember(&*backend, &name).await;
        for _ in 0..3 {
            apply(&*backend, &name, Policy::Limited, &memory).await.unwrap();
            assert_eq!(power(), (true, false));
        }
        assert_eq!(pair.panel.knobs().requests.count("/suspend.json"), 1, "three switches, one toggle");
        for _ in 0..3 {
            apply(&*backend, &name, Policy::Standard, &memory).await.unwrap();
            assert_eq!(power(), (false, true));
        }
        assert_eq!(pair.panel.knobs().requests.count("/suspend.json"), 2);
        assert_eq!(pair.panel.knobs().requests.count("/startup.json"), u64::from(!boots));
        // Suspended by somebody else before us: it stays so.
        pair.panel.suspend(&name, true).unwrap();
        let memory = remember(&*backend, &name).await;
        for policy in [Policy::Limited, Policy::Standard] {
            assert_eq!(apply(&*backend, &name, policy, &memory).await.unwrap(), Applied::AlreadySo);
        }
        assert_eq!(power(), (true, false));
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_locked_server_waits_and_a_lost_action_is_no_success() {
    let (pair, panel) = start(Scope::Vm, 4, json!({ "action_seconds": 60 })).await;
    let backend = pair.backend_with("limit_by = 'suspend'");
    let name = pair.panel.accounts().remove(0);
    let memory = remember(&*backend, &name).await;
    at(&panel, &name, json!({ "op": "lock", "seconds": 30 }));
    let busy = apply(&*backend, &name, Policy::Limited, &memory).await.unwrap_err();
    assert!(matches!(busy, BackendError::Busy { .. }), "{busy:?}");
    assert_eq!(pair.panel.is_limited(&name), Some(false));
    pair.panel.knobs().clock.advance(31);
    assert_eq!(apply(&*backend, &name, Policy::Limited, &memory).await.unwrap(), Applied::Done);
    pair.panel.knobs().clock.advance(61);
    // Let go, and locked by that: it is started by the next attempt.
    let busy = apply(&*backend, &name, Policy::Standard, &memory).await.unwrap_err();
    assert!(matches!(busy, BackendError::Busy { .. }), "{busy:?}");
    pair.panel.knobs().clock.advance(61);
    assert_eq!(apply(&*backend, &name, Policy::Standard, &memory).await.unwrap(), Applied::Done);
    pair.panel.knobs().clock.advance(61);
    assert_eq!(panel.power(name.parse().unwrap()), Some((false, true)));

    pair.panel.operate("switches", &json!({ "action_seconds": 0, "writes_ignored": true })).unwrap();
    let lost = apply(&*backend, &name, Policy::Limited, &memory).await.unwrap_err();
    assert!(lost.to_string().contains("read back as not suspended"), "{lost}");
    assert_eq!(pair.panel.is_limited(&name), Some(false));
    pair.panel.stop();
}

#[tokio::test]
async fn users_are_suspended_by_whichever_verb_and_their_servers_run_again() {
    for (scope, switches) in [
        (Scope::User, json!({})),
        (Scope::User, json!({ "version": "2.3.2" })),
        (Scope::User, json!({ "user_calls": "get" })),
        (Scope::Cdn, json!({ "suspends_twice": false })),
    ] {
        let (pair, panel) = start(scope, 6, switches.clone()).await;
        let backend = pair.backend();
        let name = pair.panel.accounts().remove(1);
        let machines = panel.machines_of(&name);
        let power = || machines.iter().map(|id| panel.power(*id).unwrap()).collect::<Vec<_>>();
        let before = power();
        let memory = remember(&*backend, &name).await;
        assert_eq!(
            apply(&*backend, &name, Policy::Limited, &memory).await.unwrap(),
            Applied::Done,
            "{switches}"
        );
        assert_eq!(apply(&*backend, &name, Policy::Limited, &memory).await.unwrap(), Applied::AlreadySo);
        assert!(power().iter().all(|(suspended, _)| *suspended));
        assert_eq!(
            apply(&*backend, &name, Policy::Standard, &memory).await.unwrap(),
            Applied::Done,
            "{switches}"
        );
        assert_eq!(power(), before, "{switches}");
        assert_eq!(apply(&*backend, &name, Policy::Standard, &memory).await.unwrap(), Applied::AlreadySo);
        assert_eq!(remember(&*backend, &name).await, memory);
        // Suspended before us: it stays so.
        pair.panel.suspend(&name, true).unwrap();
        let memory = remember(&*backend, &name).await;
        assert_eq!(apply(&*backend, &name, Policy::Standard, &memory).await.unwrap(), Applied::AlreadySo);
        assert_eq!(panel.user(&name).unwrap().0, true);
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_plan_is_switched_under_either_name_and_a_plan_of_somebody_elses_stays() {
    for version in ["6.4.0-61", "5.10.0-2"] {
        let (pair, panel) = start(Scope::User, 4, json!({ "version": version })).await;
        let backend = pair.backend_with(&format!("limit_by = 'plan'\nlimited_plan = {LIMITED_PLAN}"));
        let name = pair.panel.accounts().remove(1);
        let plan = || panel.user(&name).unwrap().1;
        let (before, memory) = (plan(), remember(&*backend, &name).await);
        assert_eq!(apply(&*backend, &name, Policy::Limited, &memory).await.unwrap(), Applied::Done);
        assert_eq!((plan(), pair.panel.is_limited(&name)), (LIMITED_PLAN, Some(true)));
        panel.operate(&format!("users/{name}"), &json!({ "op": "set_plan", "plan": 77 })).unwrap();
        for policy in [Policy::Standard, Policy::Limited] {
            let left = apply(&*backend, &name, policy, &memory).await.unwrap();
            assert!(
                matches!(&left, Applied::LeftAlone { found, limited: false } if found.ends_with("77")),
                "{left:?}"
            );
        }
        panel.operate(&format!("users/{name}"), &json!({ "op": "set_plan", "plan": LIMITED_PLAN })).unwrap();
        assert_eq!(apply(&*backend, &name, Policy::Standard, &memory).await.unwrap(), Applied::Done);
        assert_eq!(plan(), before);
        pair.panel.stop();
    }
}
