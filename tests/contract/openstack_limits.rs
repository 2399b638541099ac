//! OpenStack: frozen servers, capped ports, lowered quotas, and projects that nobody can log in to.

use serde_json::{Value, json};
use whmeter::backends::{Applied, Limiter, PollRequest};
use whmeter::domain::{Harvest, Policy};
use whmeter_simulators::openstack::Panel;
use whmeter_simulators::panel::SimulatedPanel;

use super::start;
use crate::support::panels::*;

/// What the simulated cloud has of one project.
fn project(panel: &Panel, account: &str) -> Value {
    let state = panel.operate("state", &Value::Null).unwrap();
    let mut all = state["projects"].as_array().unwrap().iter();
    all.find(|one| one["id"] == account).unwrap().clone()
}

async fn apply(
    limiter: &dyn Limiter,
    name: &str,
    policy: Policy,
    memory: &whmeter::backends::Memory,
) -> Applied {
    limiter.apply(&target(&account(name)), policy, memory).await.unwrap()
}

#[tokio::test]
async fn every_way_limits_and_gives_back_exactly_what_was() {
    for way in ["suspend", "pause", "stop", "qos", "quota", "disable"] {
        let (panel, pair) = start(12, |s| s.action_polls = 3).await;
        let backend = pair.backend_with(&format!("limited = '{way}'"));
        let limiter = limiter(&*backend);
        // One whose ports have been sold a policy is among them.
        for name in panel.accounts().into_iter().filter(|name| !panel.servers(name).is_empty()).take(8) {
            let before = project(&panel, &name);
            let memory = limiter.remember(&target(&account(&name))).await.unwrap();
            let runs =
                before["servers"].as_array().unwrap().iter().any(|server| server["status"] == "ACTIVE");
            if !runs && ["suspend", "pause", "stop"].contains(&way) {
                continue;
            }
            assert_eq!(apply(limiter, &name, Policy::Limited, &memory).await, Applied::Done, "{way} {name}");
            assert_eq!(panel.is_limited(&name), Some(true), "{way} {before}");
            assert_eq!(apply(limiter, &name, Policy::Limited, &memory).await, Applied::AlreadySo, "{way}");
            assert_eq!(apply(limiter, &name, Policy::Standard, &memory).await, Applied::Done, "{way}");
            assert_eq!(apply(limiter, &name, Policy::Standard, &memory).await, Applied::AlreadySo, "{way}");
            assert_eq!(project(&panel, &name), before, "{way}");
        }
        panel.stop();
    }
}

#[tokio::test]
async fn a_server_that_is_made_while_its_project_is_limited_is_frozen_too_and_goes_on_with_the_others() {
    let (panel, pair) = start(4, |_| {}).await;
    let backend = pair.backend();
    let name = panel.accounts().remove(0);
    let key = account(&name);
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    apply(limiter(&*backend), &name, Policy::Limited, &memory).await;
    panel.operate(&format!("projects/{name}"), &json!({ "op": "boot" })).unwrap();
    let mut harvest = Harvest::new();
    let ask = PollRequest { limited: vec![key], ..PollRequest::at(instant(NOW)) };
    backend.poll(&ask, &mut harvest).await.unwrap();
    let facts = &of(&harvest, &name).unwrap().facts;
    assert_eq!((facts.policy, facts.policy_differs), (Some(Policy::Limited), true));
    assert_eq!(apply(limiter(&*backend), &name, Policy::Limited, &memory).await, Applied::Done);
    assert_eq!(panel.is_limited(&name), Some(true));
    assert_eq!(apply(limiter(&*backend), &name, Policy::Standard, &memory).await, Applied::Done);
    let servers = project(&panel, &name)["servers"].clone();
    assert!(servers.as_array().unwrap().iter().all(|server| server["status"] == "ACTIVE"), "{servers}");
    panel.stop();
}

#[tokio::test]
async fn who_was_frozen_or_locked_by_somebody_else_stays_so() {
    let (panel, pair) = start(4, |_| {}).await;
    let backend = pair.backend();
    let name = panel.accounts().remove(0);
    let server = panel.servers(&name).remove(0);
    let told = |operation: Value| panel.operate(&format!("servers/{server}"), &operation).unwrap();
    told(json!({ "op": "set_status", "status": "SUSPENDED" }));
    let memory = limiter(&*backend).remember(&target(&account(&name))).await.unwrap();
    for policy in [Policy::Limited, Policy::Standard] {
        assert_eq!(apply(limiter(&*backend), &name, policy, &memory).await, Applied::AlreadySo, "{policy:?}");
    }
    assert_eq!(project(&panel, &name)["servers"][0]["status"], "SUSPENDED");
    told(json!({ "op": "set_status", "status": "ACTIVE" }));
    let memory = limiter(&*backend).remember(&target(&account(&name))).await.unwrap();
    assert_eq!(apply(limiter(&*backend), &name, Policy::Limited, &memory).await, Applied::Done);
    told(json!({ "op": "lock", "reason": "abuse" }));
    let alone = apply(limiter(&*backend), &name, Policy::Standard, &memory).await;
    assert!(
        matches!(&alone, Applied::LeftAlone { found, limited: true } if found.contains("abuse")),
        "{alone:?}"
    );
    panel.stop();
}

#[tokio::test]
async fn releases_without_reasons_and_clouds_that_cannot_freeze_are_told_apart() {
    let (panel, pair) = start(4, |s| s.nova_newest = 60).await;
    let backend = pair.backend();
    let name = panel.accounts().remove(1);
    let before = project(&panel, &name);
    let memory = limiter(&*backend).remember(&target(&account(&name))).await.unwrap();
    assert_eq!(apply(limiter(&*backend), &name, Policy::Limited, &memory).await, Applied::Done);
    assert_eq!(apply(limiter(&*backend), &name, Policy::Standard, &memory).await, Applied::Done);
    assert_eq!(project(&panel, &name), before);
    panel.switch(|s| s.can_freeze = false);
    let error =
        limiter(&*backend).apply(&target(&account(&name)), Policy::Limited, &memory).await.unwrap_err();
    assert!(matches!(error, whmeter::backends::BackendError::NotOffered(_)), "{error:?}");
    panel.switch(|s| s.has_qos = false);
    let qos = pair.backend_with("limited = 'qos'");
    assert!(limiter(&*qos).remember(&target(&account(&name))).await.is_err());
    panel.stop();
}
