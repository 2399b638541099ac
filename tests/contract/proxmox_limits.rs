//! Proxmox VE: limits by rate and by pause, with everything that gets in between.

use serde_json::json;
use whmeter::backends::{Applied, Backend, BackendError, PollRequest};
use whmeter::domain::{Harvest, Policy};
use whmeter_simulators::faults::{Fault, FaultKind};
use whmeter_simulators::panel::SimulatedPanel;

use crate::proxmox::{on, set_rate, start};
use crate::support::panels::*;

async fn shown(pair: &Pair, backend: &dyn Backend, name: &str) -> Option<Policy> {
    facts(pair, backend, name).await.0
}

/// The policy that is enforced, and whether it is not quite ours.
async fn facts(pair: &Pair, backend: &dyn Backend, name: &str) -> (Option<Policy>, bool) {
    let now = pair.panel.knobs().clock.now_seconds();
    let ask = PollRequest { limited: vec![account(name)], ..PollRequest::at(instant(now)) };
    let mut harvest = Harvest::new();
    backend.poll(&ask, &mut harvest).await.unwrap();
    let facts = &of(&harvest, name).unwrap().facts;
    (facts.policy, facts.policy_differs)
}

/// The configuration of a guest, with the keys that matter.
fn card(panel: &dyn SimulatedPanel, name: &str, card: &str) -> String {
    on(panel, name, json!(null))["config"][card].as_str().unwrap().to_string()
}

/// A card without its rate, its parts in order.
fn rest(card: &str) -> Vec<String> {
    let mut parts: Vec<String> =
        card.split(',').filter(|part| !part.starts_with("rate=")).map(str::to_string).collect();
    parts.sort();
    parts
}

#[tokio::test]
async fn a_rate_is_set_on_every_card_and_nothing_else_of_it_changes() {
    // A machine with a rate of its own, a container, and a machine with two cards.
    for (name, cards) in [("101", vec!["net0"]), ("103", vec!["net0"]), ("106", vec!["net0", "net1"])] {
        for version in [7, 8, 9] {
            let (panel, pair) = start(8).await;
            panel.switch(|switches| switches.version = version);
            let backend = pair.backend_with("limited_rate = \"2 Mbit/s\"");
            let key = account(name);
            let before: Vec<String> = cards.iter().map(|net| card(&panel, name, net)).collect();
            let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
            assert_eq!(
                limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap(),
                Applied::Done
            );
            for (net, before) in cards.iter().zip(&before) {
                let now = card(&panel, name, net);
                assert!(now.contains("rate=0.238419"), "{now}");
                assert_eq!(rest(&now), rest(before), "{version}");
            }
            assert_eq!(shown(&pair, &*backend, name).await, Some(Policy::Limited));
            assert_eq!(
                limiter(&*backend).apply(&target(&key), Policy::Standard, &memory).await.unwrap(),
                Applied::Done
            );
            for (net, before) in cards.iter().zip(&before) {
                let now = card(&panel, name, net);
                assert_eq!(
                    (rest(&now), now.contains("rate=100")),
                    (rest(before), before.contains("rate=100"))
                );
            }
        }
    }
}

#[tokio::test]
async fn a_slower_rate_by_hand_limits_as_well_and_a_card_put_in_anew_stays_limited() {
    let (panel, pair) = start(8).await;
    let backend = pair.backend_with("limited_rate = \"10 Mbit/s\"");
    let key = account("100");
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    assert_eq!(
        limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap(),
        Applied::Done
    );
    assert_eq!(facts(&pair, &*backend, "100").await, (Some(Policy::Limited), false));
    set_rate(&panel, "100", Some("0.5"));
    assert_eq!(facts(&pair, &*backend, "100").await, (Some(Policy::Limited), true));
    for policy in [Policy::Limited, Policy::Standard] {
        let applied = limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap();
        let Applied::LeftAlone { found, limited: true } = applied else { panic!("{applied:?}") };
        assert!(found.contains("rate 0.5"), "{found}");
    }
    set_rate(&panel, "100", Some("7"));
    assert_eq!(facts(&pair, &*backend, "100").await, (Some(Policy::Standard), false));
    let applied = limiter(&*backend).apply(&target(&key), Policy::Standard, &memory).await.unwrap();
    assert!(matches!(applied, Applied::LeftAlone { limited: false, .. }), "{applied:?}");

    // The card is another one now, and our rate stands on it.
    let key = account("103");
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    assert_eq!(
        limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap(),
        Applied::Done
    );
    let now = card(&panel, "103", "net0");
    let mac = now.split(',').find_map(|part| part.strip_prefix("hwaddr=")).unwrap().to_string();
    let other = now.replace(&mac, "BC:24:11:FF:FF:FF");
    on(&panel, "103", json!({"op": "wait", "key": "net0", "value": other}));
    on(&panel, "103", json!({"op": "restart"}));
    assert_eq!(facts(&pair, &*backend, "103").await.0, Some(Policy::Limited));
    let applied = limiter(&*backend).apply(&target(&key), Policy::Standard, &memory).await.unwrap();
    assert!(
        matches!(&applied, Applied::LeftAlone { found, limited: true } if found.contains("another card")),
        "{applied:?}"
    );
}

#[tokio::test]
async fn a_rate_outlives_what_gets_in_between() {
    let (panel, pair) = start(8).await;
    let backend = pair.backend();
    let key = account("100");
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    let limit = async || limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await;

    on(&panel, "100", json!({"op": "lock", "by": "backup"}));
    let error = limit().await.unwrap_err();
    assert!(matches!(&error, BackendError::Busy { detail, .. } if detail.contains("locked")), "{error:?}");
    on(&panel, "100", json!({"op": "unlock"}));

    on(&panel, "100", json!({"op": "wait", "key": "net0", "value": "virtio=BC:24:11:00:00:01,bridge=vmbr9"}));
    let error = limit().await.unwrap_err();
    assert!(matches!(&error, BackendError::Busy { detail, .. } if detail.contains("net0")), "{error:?}");
    assert_eq!(panel.is_limited("100"), Some(false));
    // The next start brings it into force: another card than the one remembered.
    on(&panel, "100", json!({"op": "restart"}));
    assert!(matches!(limit().await.unwrap(), Applied::LeftAlone { .. }));

    // Another guest; it moved a moment ago, and the listing still says where it was.
    let key = account("102");
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    let stale = FaultKind::ReplacedText { find: "\"pve3\"".into(), with: "\"pve1\"".into() };
    panel.knobs().faults.add(Fault::new(stale).on("cluster/resources").times(1));
    assert_eq!(
        limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap(),
        Applied::Done
    );
    assert_eq!(panel.is_limited("102"), Some(true));

    // Its node is down: the others of the house are not held up by it.
    panel.operate("nodes/pve3", &json!({"op": "cut"})).unwrap();
    let error = limiter(&*backend).apply(&target(&key), Policy::Standard, &memory).await.unwrap_err();
    assert!(matches!(&error, BackendError::Unreachable(why) if why.contains("595")), "{error:?}");
    panel.operate("nodes/pve3", &json!({"op": "join"})).unwrap();
    assert_eq!(
        limiter(&*backend).apply(&target(&key), Policy::Standard, &memory).await.unwrap(),
        Applied::Done
    );

    panel.switch(|switches| assert!(switches.privileges.remove("SDN.Use")));
    let error = limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap_err();
    assert!(matches!(&error, BackendError::Refused(why) if why.contains("SDN.Use")), "{error:?}");
}

#[tokio::test]
async fn who_writes_at_the_same_time_is_not_overwritten() {
    let (panel, pair) = start(8).await;
    let backend = pair.backend();
    for (name, times, done) in [("100", 2, true), ("103", 3, true), ("104", 9, false)] {
        let key = account(name);
        let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
        // The digest that comes is not the one that will be asked for.
        let digest = FaultKind::ReplacedText { find: "\"digest\":\"".into(), with: "\"digest\":\"0".into() };
        panel.knobs().faults.add(Fault::new(digest).on(&format!("/{name}/config")).times(times));
        panel.knobs().requests.clear();
        let applied = limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await;
        match done {
            true => assert_eq!(applied.unwrap(), Applied::Done, "{name}"),
            false => {
                let error = applied.unwrap_err();
                assert!(matches!(error, BackendError::Busy { .. }), "{error:?}");
                let writes = panel.knobs().requests.all();
                let writes = writes.iter().find(|asked| asked.method == "PUT").unwrap();
                assert_eq!(writes.count, 4);
            }
        }
        assert_eq!(panel.is_limited(name), Some(done), "{name}");
        panel.knobs().faults.clear();
    }
}

#[tokio::test]
async fn a_pool_is_limited_guest_by_guest_and_restored_as_it_was() {
    let (panel, pair) = start(9).await;
    let backend = pair.backend_with("account = \"pool\"");
    let key = account("cust-0");
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    assert_eq!(
        limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap(),
        Applied::Done
    );
    let limited = |names: [&str; 3]| names.map(|name| panel.is_limited(name) == Some(true));
    assert_eq!(limited(["100", "101", "102"]), [true; 3]);
    assert_eq!(limited(["103", "104", "105"]), [false; 3]);
    // One was set by hand meanwhile: the others are restored, and it is said.
    set_rate(&panel, "101", Some("7"));
    assert_eq!(shown(&pair, &*backend, "cust-0").await, Some(Policy::Standard));
    let applied = limiter(&*backend).apply(&target(&key), Policy::Standard, &memory).await.unwrap();
    assert!(
        matches!(&applied, Applied::LeftAlone { found, .. } if found.contains("qemu/101")),
        "{applied:?}"
    );
    assert_eq!(limited(["100", "101", "102"]), [false; 3]);
    assert!(card(&panel, "101", "net0").contains("rate=7"));
}

#[tokio::test]
async fn a_machine_is_paused_and_goes_on_and_what_was_off_stays_off() {
    let (panel, pair) = start(12).await;
    let backend = pair.backend_with("limited = \"pause\"");
    let state = |name: &str| {
        let guest = on(&panel, name, json!(null));
        (guest["runs"] == true, guest["paused"] == true)
    };
    let apply = async |name: &str, policy, memory: &_| {
        limiter(&*backend).apply(&target(&account(name)), policy, memory).await
    };

    let memory = limiter(&*backend).remember(&target(&account("100"))).await.unwrap();
    for (policy, paused) in [(Policy::Limited, true), (Policy::Standard, false)] {
        assert_eq!(apply("100", policy, &memory).await.unwrap(), Applied::Done);
        assert_eq!(state("100"), (true, paused));
        panel.knobs().clock.advance(10);
        let expected = if paused { Policy::Limited } else { Policy::Standard };
        assert_eq!(shown(&pair, &*backend, "100").await, Some(expected));
        assert_eq!(apply("100", policy, &memory).await.unwrap(), Applied::AlreadySo);
    }
    // 110 was off before it was limited: it is not started for being restored.
    let memory = limiter(&*backend).remember(&target(&account("110"))).await.unwrap();
    for policy in [Policy::Limited, Policy::Standard] {
        assert_eq!(apply("110", policy, &memory).await.unwrap(), Applied::AlreadySo);
        assert_eq!(state("110"), (false, false));
    }
    // 101 was paused by its owner: it stays so.
    on(&panel, "101", json!({"op": "pause"}));
    let memory = limiter(&*backend).remember(&target(&account("101"))).await.unwrap();
    for policy in [Policy::Limited, Policy::Standard] {
        assert_eq!(apply("101", policy, &memory).await.unwrap(), Applied::AlreadySo);
        assert_eq!(state("101"), (true, true));
    }
    // Shut down by its owner while limited: the next start is his, too.
    let memory = limiter(&*backend).remember(&target(&account("102"))).await.unwrap();
    assert_eq!(apply("102", Policy::Limited, &memory).await.unwrap(), Applied::Done);
    on(&panel, "102", json!({"op": "stop"}));
    assert_eq!(apply("102", Policy::Standard, &memory).await.unwrap(), Applied::AlreadySo);
    assert_eq!(state("102"), (false, false));

    let error = limiter(&*backend).remember(&target(&account("103"))).await.unwrap_err();
    assert!(matches!(&error, BackendError::NotOffered(why) if why.contains("rate")), "{error:?}");
    // Limited one way, it cannot be restored the other way.
    let error = limiter(&*pair.backend())
        .apply(&target(&account("100")), Policy::Standard, &memory)
        .await
        .unwrap_err();
    assert!(matches!(&error, BackendError::NotOffered(why) if why.contains("pause")), "{error:?}");
}

#[tokio::test]
async fn a_pause_that_fails_says_so() {
    let (panel, pair) = start(8).await;
    let backend = pair.backend_with("limited = \"pause\"");
    let key = account("100");
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    let limit = async || limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await;
    on(&panel, "100", json!({"op": "lock", "by": "snapshot"}));
    let error = limit().await.unwrap_err();
    assert!(matches!(error, BackendError::Busy { .. }), "{error:?}");
    on(&panel, "100", json!({"op": "unlock"}));
    panel.switch(|switches| assert!(switches.privileges.remove("VM.PowerMgmt")));
    let error = limit().await.unwrap_err();
    assert!(matches!(&error, BackendError::Refused(why) if why.contains("VM.PowerMgmt")), "{error:?}");
    assert_eq!(panel.is_limited("100"), Some(false));
    panel.switch(|switches| {
        switches.privileges.insert("VM.PowerMgmt".into());
        switches.task_polls = 3;
    });
    let failed = FaultKind::ReplacedText { find: "\"OK\"".into(), with: "\"got timeout\"".into() };
    panel.knobs().faults.add(Fault::new(failed).on("/tasks/").times(4));
    let error = limit().await.unwrap_err();
    assert!(
        matches!(&error, BackendError::Unexpected { detail, .. } if detail.contains("got timeout")),
        "{error:?}"
    );
}
