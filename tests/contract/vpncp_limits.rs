//! PUQ VPNcp: bandwidths cut down and clients switched off, in every vocabulary a panel may have.

use whmeter::backends::{Applied, BackendError, Memory, Wants};
use whmeter::domain::Policy;
use whmeter_simulators::panel::SimulatedPanel;
use whmeter_simulators::vpncp::{CapType, Names, Panel, Spelling, Switches, Wrapping};

use super::{generations, set_caps, start, start_with, warned};
use crate::support::panels::*;

async fn limit_and_restore(panel: &Panel, pair: &Pair, name: &str, keys: &str) {
    let (backend, key) = (pair.backend_with(keys), account(name));
    let (caps, enabled) = (panel.caps(name), panel.is_enabled(name));
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    for (policy, limited) in [(Policy::Limited, true), (Policy::Standard, false)] {
        assert_eq!(
            limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap(),
            Applied::Done,
            "{keys} {policy:?}"
        );
        assert_eq!(panel.is_limited(name), Some(limited), "{keys} {policy:?}");
        let saves = panel.saves(name);
        assert_eq!(
            limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap(),
            Applied::AlreadySo,
            "{keys}"
        );
        assert_eq!(panel.saves(name), saves, "what stands there already is not written again");
    }
    assert_eq!((panel.caps(name), panel.is_enabled(name)), (caps, enabled), "{keys}");
    assert_eq!(limiter(&*backend).remember(&target(&key)).await.unwrap(), memory, "{keys}");
}

#[tokio::test]
async fn limits_take_in_every_vocabulary() {
    type Change = fn(&mut Switches);
    let ways: &[Change] = &[
        |_| {},
        |s| (s.names, s.written_names) = (Names::Page, Names::Page),
        // Read under one name, written under another.
        |s| s.written_names = Names::Page,
        |s| s.names = Names::Page,
        |s| s.cap_type = CapType::Text,
        |s| (s.cap_type, s.errors_as_200, s.quoted_numbers) = (CapType::Text, true, true),
        |s| s.spelling = Spelling::Capital,
        |s| s.spelling = Spelling::Participle,
        |s| s.spelling = Spelling::Active,
        |s| s.spelling = Spelling::Boolean,
        |s| s.wrapping = Wrapping::Bare,
    ];
    for (number, change) in ways.iter().enumerate() {
        let (panel, pair) = start_with(4, NOW, change).await;
        let name = panel.accounts().remove(number % 4);
        limit_and_restore(&panel, &pair, &name, "").await;
        limit_and_restore(&panel, &pair, &name, "limited = \"disable\"").await;
        panel.stop();
    }
}

#[tokio::test]
async fn a_cap_of_the_operators_own_holds_and_gives_nobody_more() {
    let (panel, pair) = start(4).await;
    let name = panel.accounts().remove(0);
    set_caps(&panel, &name, 0, 2);
    let backend = pair.backend_with("cap_mbit_per_second = 4");
    let memory = limiter(&*backend).remember(&target(&account(&name))).await.unwrap();
    assert_eq!(
        limiter(&*backend).apply(&target(&account(&name)), Policy::Limited, &memory).await.unwrap(),
        Applied::Done
    );
    assert_eq!(panel.caps(&name), Some((4, 2)));
    // The config changes while somebody is limited: what was remembered counts.
    let backend = pair.backend_with("limited = \"disable\"\ncap_mbit_per_second = 9");
    assert_eq!(
        limiter(&*backend).apply(&target(&account(&name)), Policy::Standard, &memory).await.unwrap(),
        Applied::Done
    );
    assert_eq!((panel.caps(&name), panel.is_enabled(&name)), (Some((0, 2)), Some(true)));
}

#[tokio::test]
async fn who_was_switched_off_before_us_stays_off() {
    let (panel, pair) = start(4).await;
    let name = panel.accounts().remove(0);
    let (backend, key) = (pair.backend_with("limited = \"disable\""), account(&name));
    panel.suspend(&name, true).unwrap();
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    for policy in [Policy::Limited, Policy::Standard] {
        assert_eq!(
            limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap(),
            Applied::AlreadySo
        );
        assert_eq!(panel.is_enabled(&name), Some(false));
    }
    assert_eq!(panel.saves(&name), Some(0));
    // Somebody else switched it on meanwhile: that is not ours to undo.
    panel.suspend(&name, false).unwrap();
    let applied = limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap();
    assert!(matches!(applied, Applied::LeftAlone { .. }), "{applied:?}");
}

#[tokio::test]
async fn slower_bandwidths_by_hand_are_left_alone_and_limit_as_well() {
    let (panel, pair) = start(4).await;
    let name = panel.accounts().remove(0);
    set_caps(&panel, &name, 100, 50);
    let (backend, key) = (pair.backend_with("cap_mbit_per_second = 4"), account(&name));
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    assert_eq!(
        limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap(),
        Applied::Done
    );
    for (down, up, still) in [(1, 2, true), (80, 40, false)] {
        set_caps(&panel, &name, down, up);
        let shown = of(&pair.poll(&*backend).await.unwrap(), &name).unwrap().facts.policy;
        assert_eq!(shown == Some(Policy::Limited), still);
        for policy in [Policy::Limited, Policy::Standard] {
            let applied = limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap();
            assert!(
                matches!(&applied, Applied::LeftAlone { limited, .. } if *limited == still),
                "{applied:?}"
            );
        }
        assert_eq!(panel.caps(&name), Some((down, up)));
    }
}

#[tokio::test]
async fn a_switch_that_does_not_take_is_no_success() {
    for keys in ["", "limited = \"disable\""] {
        for (panel, pair) in generations(3).await {
            let (backend, name) = (pair.backend_with(keys), panel.accounts().remove(0));
            let memory = limiter(&*backend).remember(&target(&account(&name))).await.unwrap();
            panel.switch(|switches| switches.writes_ignored = true);
            let error = limiter(&*backend)
                .apply(&target(&account(&name)), Policy::Limited, &memory)
                .await
                .unwrap_err();
            assert!(
                matches!(&error, BackendError::Unexpected { detail, .. } if detail.contains("not applied: sent")),
                "{error:?}"
            );
            panel.stop();
        }
    }
}

#[tokio::test]
async fn while_a_panel_reconfigures_itself_it_is_read_and_not_written() {
    for (panel, pair) in generations(3).await {
        let (backend, name) = (pair.backend(), panel.accounts().remove(0));
        let memory = limiter(&*backend).remember(&target(&account(&name))).await.unwrap();
        panel.switch(|switches| switches.loading = Some("Loading (firewall)".into()));
        let harvest = pair.poll(&*backend).await.unwrap();
        crate::check_readings(&pair, &harvest);
        assert!(warned(&harvest, "Loading (firewall)"));
        let error =
            limiter(&*backend).apply(&target(&account(&name)), Policy::Limited, &memory).await.unwrap_err();
        assert!(matches!(error, BackendError::Busy { .. }), "{error:?}");
        assert_eq!(panel.saves(&name), Some(0));
        panel.switch(|switches| switches.loading = None);
        assert_eq!(
            limiter(&*backend).apply(&target(&account(&name)), Policy::Limited, &memory).await.unwrap(),
            Applied::Done
        );
        panel.stop();
    }
}

#[tokio::test]
async fn a_token_that_may_only_read_is_told_which_right_it_lacks() {
    let (panel, pair) = start_with(3, NOW, |switches| switches.read_only = true).await;
    let (backend, name) = (pair.backend(), panel.accounts().remove(0));
    let memory = limiter(&*backend).remember(&target(&account(&name))).await.unwrap();
    let error =
        limiter(&*backend).apply(&target(&account(&name)), Policy::Limited, &memory).await.unwrap_err();
    assert!(matches!(&error, BackendError::Refused(why) if why.contains("client:write")), "{error:?}");
    // `check` finds it before anybody is to be limited, and asks only where a rule limits.
    let wrong = crate::fatal(&crate::steps(&*backend).await);
    assert!(wrong.len() == 1 && wrong[0].contains("client:write"), "{wrong:?}");
    assert_eq!(crate::fatal(&crate::steps_for(&*backend, Wants::default()).await), [""; 0]);
    panel.switch(|switches| switches.read_only = false);
    // Without a memory nothing could be restored, so nothing is changed.
    let error = limiter(&*backend)
        .apply(&target(&account(&name)), Policy::Limited, &Memory("{}".into()))
        .await
        .unwrap_err();
    assert!(matches!(error, BackendError::Unexpected { .. }), "{error:?}");
    assert_eq!(panel.saves(&name), Some(0));
}

#[tokio::test]
async fn the_first_generation_keeps_the_whole_contract_of_limits() {
    let (panel, pair) = start_with(4, NOW, |switches| switches.generation = 1).await;
    let name = panel.accounts().remove(0);
    limit_and_restore(&panel, &pair, &name, "").await;
    limit_and_restore(&panel, &pair, &name, "limited = \"disable\"").await;
}
