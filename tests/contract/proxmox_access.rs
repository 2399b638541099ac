//! Proxmox VE: who is let in, by which node, and whose the guests are.

use serde_json::json;
use std::collections::BTreeMap;
use whmeter::backends::{BackendError, Wants};
use whmeter::domain::{Meter, Reason};
use whmeter_simulators::panel::SimulatedPanel;

use crate::proxmox::{Story, node, on, reason, start};
use crate::support::panels::*;

#[tokio::test]
async fn missing_privileges_shorten_lists_and_are_named() {
    let (panel, pair) = start(12).await;
    for right in ["VM.Audit", "Pool.Audit", "Sys.Audit", "VM.Config.Network", "SDN.Use"] {
        panel.switch(|switches| assert!(switches.privileges.remove(right)));
        let polled = pair.poll(&*pair.backend()).await;
        match right {
            "VM.Audit" => {
                let error = polled.unwrap_err();
                assert!(
                    matches!(&error, BackendError::Refused(why) if why.contains("VM.Audit")),
                    "{error:?}"
                );
            }
            _ => crate::check_readings(&pair, &polled.unwrap()),
        }
        let keys = if right == "Pool.Audit" { "account = \"pool\"" } else { "" };
        let steps = crate::steps(&*pair.backend_with(keys)).await;
        let failed = steps.iter().find(|step| step.outcome.is_err()).unwrap();
        assert!(format!("{failed:?}").contains(right), "{failed:?}");
        assert_eq!(failed.fatal, right != "Sys.Audit", "{failed:?}");
        // What only limits need is not required where no rule limits.
        let steps = crate::steps_for(&*pair.backend_with(keys), Wants::default()).await;
        let failed = steps.iter().find(|step| step.outcome.is_err()).unwrap();
        assert_eq!(failed.fatal, ["VM.Audit", "Pool.Audit"].contains(&right), "{failed:?}");
        panel.switch(|switches| assert!(switches.privileges.insert(right.into())));
    }
    panel.switch(|switches| switches.sees_only = Some([101, 103].into()));
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    assert_eq!(harvest.accounts().keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["101", "103"]);
    // A cluster without guests is no error.
    let (_panel, empty) = start(0).await;
    let harvest = empty.poll(&*empty.backend()).await.unwrap();
    assert!(harvest.accounts().is_empty() && harvest.is_complete());
}

#[tokio::test]
async fn another_node_is_asked_where_one_is_dead() {
    let (panel, pair) = start(6).await;
    let mut settings = pair.settings();
    settings.remove("url");
    let urls = (0..panel.nodes()).map(|node| toml::Value::String(panel.node_url(node)));
    settings.insert("urls".into(), toml::Value::Array(urls.collect()));
    settings.insert("retries".into(), toml::Value::Integer(0));
    let backend = pair.opened(settings);
    crate::check_readings(&pair, &pair.poll(&*backend).await.unwrap());
    node(&panel, "pve1", "down");
    for _ in 0..2 {
        let harvest = pair.poll(&*backend).await.unwrap();
        assert_eq!(reason(&harvest, "100").0, Reason::Unreachable);
        assert!(figure(of(&harvest, "101").unwrap(), Meter::TrafficOut).is_some());
    }
    let steps = crate::steps(&*backend).await;
    assert!(steps.iter().any(|step| step.outcome.is_err()), "check names the dead one: {steps:?}");
}

#[tokio::test]
async fn a_password_gets_a_ticket_that_is_renewed_and_a_second_factor_is_explained() {
    let (panel, pair) = start(6).await;
    let mut settings = pair.settings();
    settings.insert("user".into(), toml::Value::String("whmeter@pve".into()));
    let backend = pair.opened(settings.clone());
    for _ in 0..2 {
        crate::check_readings(&pair, &pair.poll(&*backend).await.unwrap());
    }
    assert_eq!(panel.knobs().requests.count("access/ticket"), 1);
    // The cluster's clock runs on and the ticket ends: one more login, no failed poll.
    panel.knobs().clock.advance(7_300);
    crate::check_readings(&pair, &pair.poll(&*backend).await.unwrap());
    assert_eq!(panel.knobs().requests.count("access/ticket"), 2);
    // A write needs a token against forgery besides.
    let key = account("100");
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    limiter(&*backend).apply(&target(&key), whmeter::domain::Policy::Limited, &memory).await.unwrap();
    assert_eq!(panel.is_limited("100"), Some(true));

    panel.switch(|switches| switches.second_factor = true);
    let error = pair.poll(&*pair.opened(settings.clone())).await.unwrap_err();
    assert!(matches!(&error, BackendError::Refused(why) if why.contains("API token")), "{error:?}");
    settings.insert("secret".into(), toml::Value::String("wrong-hunter2".into()));
    panel.knobs().requests.clear();
    let error = pair.poll(&*pair.opened(settings)).await.unwrap_err();
    assert!(
        matches!(&error, BackendError::Refused(_)) && !format!("{error:?}").contains("hunter2"),
        "{error:?}"
    );
    assert_eq!(panel.knobs().requests.all().iter().map(|asked| asked.count).sum::<u64>(), 1);
}

#[tokio::test]
async fn guests_are_added_up_by_pool_tag_or_name_and_nobodys_are_named() {
    let (panel, pair) = start(16).await;
    let mut story = Story::new(&pair, "account = \"pool\"\naccount_pattern = \"cust-<ID>\"");
    story.poll_at(0).await;
    let harvest = story.poll_at(600).await;
    // 100, 101 and 102 are in pool cust-0; 104, 109 and 114 in none.
    let sum = ["100", "101", "102"].map(|guest| moved(pair.truth(), guest, NOW, NOW + 600));
    let sum = sum.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert_eq!(story.ledger.moved("0"), sum);
    let nobodys: BTreeMap<&str, &str> =
        harvest.unclaimed_usage().iter().map(|one| (one.what.as_str(), one.why)).collect();
    assert_eq!(
        nobodys,
        BTreeMap::from([("qemu/104", "orphan"), ("qemu/109", "orphan"), ("qemu/114", "orphan")])
    );
    // 103 and 105 are one account, and only the container tells what it stores: no sum is better than half.
    let mixed = of(&harvest, "1").unwrap();
    assert_eq!(level(mixed), None);
    assert_eq!(unread(mixed, Meter::StorageUsed).unwrap().reason, Reason::NotOffered);
    assert_eq!(mixed.readings.len(), 4);

    on(&panel, "101", json!({"op": "odd", "field": "tags", "raw": "\"svc-1\\u003bsvc-2\""}));
    let tagged = pair.backend_with("account = \"tag\"\naccount_pattern = \"svc-<ID>\"");
    let harvest = pair.poll(&*tagged).await.unwrap();
    assert!(of(&harvest, "1000").is_some() && of(&harvest, "1").is_none());
    assert!(
        harvest.unclaimed_usage().iter().any(|one| (one.what.as_str(), one.why) == ("qemu/101", "ambiguous"))
    );
    let mut ledger = Ledger::new();
    ledger.take(&harvest, NOW + 600);
    // While its node is silent a row tells no tags; who it was is in the store.
    node(&panel, "pve3", "cut");
    panel.knobs().clock.advance(400);
    let harvest = poll_after(&*tagged, NOW + 1000, ledger.heard()).await.unwrap();
    assert_eq!(reason(&harvest, "1002").0, Reason::Unreachable);
    let named = pair.backend_with("account = \"name\"\naccount_pattern = \"<ID>.example.net\"");
    let harvest = pair.poll(&*named).await.unwrap();
    assert!(of(&harvest, "web-101").is_some());
    assert!(harvest.warnings().iter().any(|text| text.contains("silent nodes")), "{:?}", harvest.warnings());
}
