//! The whole path: a panel, whmeter, Prometheus with our rules, Alertmanager with our example, somebody
//! who is told.

use std::time::Duration;

use serde_json::json;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::minio::{Options, Panel};
use whmeter_simulators::panel::{self, SimulatedPanel};

use crate::support::house::{house, start};
use crate::support::panels::section;
use crate::support::program::{Site, free_port};
use crate::watch::Watch;

const GIB: u64 = 1 << 30;

/// Everybody's limit. Nobody is limited, and nobody is told but by the alerts.
const LIMIT: &str = "[[limit]]\nmeter = \"storage\"\nsize = \"100 GiB\"\nnotify_at = [80, 90]\n";

fn set_level(panel: &Panel, level: u64) {
    let now = panel.knobs().clock.now_seconds();
    assert!(panel.knobs().truth.set_level("7-41", now - 1, level));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_hear_that_a_panel_is_down_and_that_it_is_back() {
    let port = free_port();
    let at = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let common = panel::Options { accounts: 4, listen: at, ..panel::Options::default() };
    let options = Options { common, ..Options::default() };
    let panel = Panel::start(options.clone()).await.unwrap();
    let site = Site::new(&house(port, "", "", &[section(&panel, "s3", "every = \"1s\"\nretries = 0")]));
    let daemon = site.serve(port).await;
    let Some(watch) = Watch::start(&site, port).await else { return };
    let success = "whmeter_poll_success{backend=\"s3\"}";
    daemon.until("/metrics", "is well", |got| got.sample(success) == Some(1)).await;

    panel.stop();
    let alerts = watch.until_told("operations", "firing", "WhmeterPollFailing").await;
    assert_eq!(
        alerts.labels,
        json!({"alertname": "WhmeterPollFailing", "backend": "s3", "severity": "warning", "team": "operations"})
    );
    assert_eq!(alerts.annotations["summary"], "Polls of a backend fail");
    assert_eq!(alerts.annotations["runbook_url"], "docs/alerts.md#whmeterpollfailing");
    assert_eq!(alerts.group, json!({"alertname": "WhmeterPollFailing", "backend": "s3"}));

    let panel = Panel::start(options).await.unwrap();
    watch.until_told("operations", "resolved", "WhmeterPollFailing").await;
    // Nobody else heard of it, and of nothing else: the rest of the house is well.
    for alerts in watch.alerts() {
        assert!(
            alerts.who == "operations" && alerts.labels["alertname"] == "WhmeterPollFailing",
            "{alerts:?}"
        );
    }
    daemon.stop().await;
    panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_customer_team_hears_of_the_highest_threshold_alone() {
    let (panel, port) = (start(4, ClockStart::WallClock).await, free_port());
    set_level(&panel, 95 * GIB);
    let site = Site::new(&house(port, "", LIMIT, &[section(&panel, "s3", "every = \"1s\"")]));
    let daemon = site.serve(port).await;
    let Some(watch) = Watch::start(&site, port).await else { return };

    let alerts = watch.until_told("customers", "firing", "WhmeterQuota90").await;
    assert_eq!(
        alerts.labels,
        json!({
            "alertname": "WhmeterQuota90", "backend": "s3", "account": "7-41", "meter": "storage", "kind": "minio", "package": "hosting",
            "severity": "warning", "team": "customers", "threshold": "90",
        })
    );
    assert_eq!(alerts.annotations["description"], "7-41 on s3 has used 95 % of its storage limit.");
    assert_eq!(alerts.group, json!({"backend": "s3"}));
    watch.until_held("WhmeterQuota80", "suppressed").await;

    set_level(&panel, 100 * GIB);
    let alerts = watch.until_told("customers-urgent", "firing", "WhmeterQuota100").await;
    assert_eq!(alerts.annotations["description"], "7-41 on s3 has used 100 % of its storage limit.");
    watch.until_held("WhmeterQuota90", "suppressed").await;
    watch.until_held("WhmeterQuota80", "suppressed").await;
    let hushed = |alerts: &crate::receiver::ReceivedAlert| alerts.labels["alertname"] == "WhmeterQuota80";
    assert!(!watch.alerts().iter().any(hushed), "{:#?}", watch.alerts());

    set_level(&panel, 50 * GIB);
    watch.until_told("customers-urgent", "resolved", "WhmeterQuota100").await;
    // Nobody but the customer team heard of any of it.
    for alerts in watch.alerts() {
        assert!(alerts.who.starts_with("customers"), "{alerts:?}");
    }
    daemon.stop().await;
    panel.stop();
}

/// An alert as whmeter's own channel posts it.
fn direct(account: &str, threshold: &str, severity: &str) -> serde_json::Value {
    let ends = chrono::Utc::now() + Duration::from_secs(240);
    json!({
        "labels": {
            "alertname": "WhmeterQuota", "backend": "s3", "account": account, "meter": "storage",
            "threshold": threshold, "kind": "minio", "severity": severity, "product": "S3 100",
            "whmeter_episode": format!("s3/{account}/storage/{threshold}/1"),
        },
        "annotations": {"summary": "a threshold of the account's own rule"},
        "endsAt": ends.to_rfc3339(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_whmeter_tells_itself_goes_to_the_same_team_and_is_told_once() {
    let (panel, port) = (start(4, ClockStart::WallClock).await, free_port());
    set_level(&panel, 95 * GIB);
    let site = Site::new(&house(port, "", LIMIT, &[section(&panel, "s3", "every = \"1s\"")]));
    let daemon = site.serve(port).await;
    let Some(watch) = Watch::start(&site, port).await else { return };
    watch.until_told("customers", "firing", "WhmeterQuota90").await;

    watch.post(&json!([direct("7-41", "90", "warning"), direct("8-77", "100", "critical")])).await;
    let alerts = watch.until_told("customers", "firing", "WhmeterQuota").await;
    assert_eq!((&alerts.labels["account"], &alerts.labels["threshold"]), (&"7-41".into(), &"90".into()));
    assert_eq!(alerts.group, json!({"backend": "s3", "product": "S3 100"}));
    let alerts = watch.until_told("customers-urgent", "firing", "WhmeterQuota").await;
    assert_eq!(alerts.labels["whmeter_episode"], "s3/8-77/storage/100/1");
    // The rule's alert about the same crossing is hushed from now on.
    watch.until_held("WhmeterQuota90", "suppressed").await;
    daemon.stop().await;
    panel.stop();
}
