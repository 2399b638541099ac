//! DirectAdmin: accounts suspended by us, by others, and by the server itself.

use serde_json::{Value as Json, json};
use whmeter::backends::{Applied, Backend, PollRequest};
use whmeter::domain::{Facts, Harvest, Policy};

use super::{deal, start, switch};
use crate::support::panels::*;

async fn facts(pair: &Pair, backend: &dyn Backend, name: &str, limited: bool) -> Facts {
    let now = pair.panel.knobs().clock.now_seconds();
    let limited = if limited { vec![account(name)] } else { Vec::new() };
    let ask = PollRequest { limited, ..PollRequest::at(instant(now)) };
    let mut harvest = Harvest::new();
    backend.poll(&ask, &mut harvest).await.unwrap();
    of(&harvest, name).unwrap().facts.clone()
}

async fn apply(
    backend: &dyn Backend,
    name: &str,
    policy: Policy,
    memory: &whmeter::backends::Memory,
) -> Applied {
    limiter(backend).apply(&target(&account(name)), policy, memory).await.unwrap()
}

#[tokio::test]
async fn a_suspension_is_ours_where_the_server_tells_so_and_where_it_tells_nothing() {
    for told in ["reason", "details"] {
        let pair = start(5, NOW, json!({})).await;
        switch(&pair, &json!({ "suspension_told": told }));
        for keys in ["", "figures = \"lines\""] {
            let backend = pair.backend_with(keys);
            let name = pair.panel.accounts().remove(0);
            let memory = limiter(&*backend).remember(&target(&account(&name))).await.unwrap();
            assert_eq!(
                apply(&*backend, &name, Policy::Limited, &memory).await,
                Applied::Done,
                "{told} {keys}"
            );
            assert_eq!(pair.panel.is_limited(&name), Some(true));
            let shown = facts(&pair, &*backend, &name, true).await;
            assert_eq!((shown.policy, shown.suspended), (Some(Policy::Limited), Some(true)), "{told} {keys}");
            assert_eq!(apply(&*backend, &name, Policy::Limited, &memory).await, Applied::AlreadySo);
            assert_eq!(
                apply(&*backend, &name, Policy::Standard, &memory).await,
                Applied::Done,
                "{told} {keys}"
            );
            assert_eq!(pair.panel.is_limited(&name), Some(false));
            assert_eq!(facts(&pair, &*backend, &name, true).await.policy, Some(Policy::Standard));
        }
        pair.panel.stop();
    }
}

#[tokio::test]
async fn who_was_suspended_before_or_by_somebody_else_is_never_let_go() {
    let pair = start(6, NOW, json!({})).await;
    let backend = pair.backend();
    let [before, between] = [0, 1].map(|place| pair.panel.accounts().remove(place));
    let theirs = json!({ "op": "suspend", "reason": "billing", "details": "invoice 7" });
    deal(&pair, &before, theirs.clone());
    let shown = facts(&pair, &*backend, &before, false).await;
    assert_eq!((shown.suspended, shown.policy), (Some(true), None));
    assert!(shown.suspended_for.is_some_and(|reason| reason.contains("billing")));
    let memory = limiter(&*backend).remember(&target(&account(&before))).await.unwrap();
    for policy in [Policy::Limited, Policy::Standard] {
        assert_eq!(apply(&*backend, &before, policy, &memory).await, Applied::AlreadySo);
        assert_eq!(pair.panel.is_limited(&before), Some(true));
    }
    // Let go by its owner's payment, and suspended again for abuse.
    let memory = limiter(&*backend).remember(&target(&account(&between))).await.unwrap();
    apply(&*backend, &between, Policy::Limited, &memory).await;
    pair.panel.suspend(&between, false).unwrap();
    deal(&pair, &between, theirs);
    let left = apply(&*backend, &between, Policy::Standard, &memory).await;
    assert!(
        matches!(&left, Applied::LeftAlone { found, limited: true } if found.contains("billing")),
        "{left:?}"
    );
    assert_eq!(pair.panel.is_limited(&between), Some(true));
    pair.panel.stop();
}

#[tokio::test]
async fn what_the_server_suspends_at_a_limit_is_its_own() {
    let pair = start(8, NOW, json!({ "tally_minute": 10, "suspend_at_limit": true })).await;
    let (clock, backend) = (&pair.panel.knobs().clock, pair.backend());
    let state = pair.panel.operate("state", &Json::Null).unwrap();
    let is_plain = |name: &String| state["users"][name]["conf"]["usertype"] != "admin" && name != "sysadmin";
    let name = pair.panel.accounts().into_iter().find(|name| is_plain(name)).unwrap();
    let memory = limiter(&*backend).remember(&target(&account(&name))).await.unwrap();
    for (key, value) in [("bandwidth", "1"), ("suspend_at_limit", "ON")] {
        deal(&pair, &name, json!({ "op": "set", "key": key, "value": value }));
    }
    pair.truth().add_traffic(&name, NOW, whmeter_simulators::growth::Traffic { received: 50 << 20, sent: 0 });
    clock.advance(24 * 3_600);
    // The night's tally has suspended it before we could.
    let shown = facts(&pair, &*backend, &name, false).await;
    assert_eq!((shown.suspended, shown.policy), (Some(true), None), "{shown:?}");
    for told in ["reason", "details"] {
        switch(&pair, &json!({ "suspension_told": told }));
        for policy in [Policy::Limited, Policy::Standard] {
            let applied = apply(&*backend, &name, policy, &memory).await;
            assert!(
                matches!(applied, Applied::LeftAlone { limited: true, .. }),
                "{told} {policy:?}: {applied:?}"
            );
            assert_eq!(pair.panel.is_limited(&name), Some(true));
        }
    }
    pair.panel.stop();
}

#[tokio::test]
async fn an_error_for_what_was_done_is_looked_after_and_a_change_that_is_not_taken_is_said() {
    let pair = start(5, NOW, json!({ "error_though_done": true })).await;
    let backend = pair.backend();
    let name = pair.panel.accounts().remove(0);
    let memory = limiter(&*backend).remember(&target(&account(&name))).await.unwrap();
    assert_eq!(apply(&*backend, &name, Policy::Limited, &memory).await, Applied::Done);
    assert_eq!(apply(&*backend, &name, Policy::Standard, &memory).await, Applied::Done);
    switch(&pair, &json!({ "error_though_done": false, "writes_ignored": true }));
    let error =
        limiter(&*backend).apply(&target(&account(&name)), Policy::Limited, &memory).await.unwrap_err();
    assert!(error.to_string().contains("read back as not suspended"), "{error}");
    assert_eq!(pair.panel.is_limited(&name), Some(false));
    pair.panel.stop();
}
