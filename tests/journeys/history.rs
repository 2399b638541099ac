//! What panels still know of a time gone by: asked for again, counted once, and where it is only about
//! right never counted at all.

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{Options, SimulatedPanel};

use crate::house;
use crate::support::panels::{NOW, section};
use crate::support::program::{Site, free_port};

async fn start(kind: &str) -> Box<dyn SimulatedPanel> {
    let kind = whmeter_simulators::kind(kind).unwrap();
    kind.start(Options { accounts: 3, clock: ClockStart::Frozen(NOW), ..Options::default() }).await.unwrap()
}

async fn site(panel: &dyn SimulatedPanel) -> Site {
    let site = Site::new(&house(free_port(), "", "", &[section(panel, panel.kind(), "")]));
    site.at(NOW, &["poll"]).await.good();
    site
}

async fn bytes(site: &Site, account: &str, from: &str, to: &str) -> u64 {
    let of = ["usage", "--account", account, "--meter", "traffic_out", "--from", from, "--to", to, "--json"];
    let rows = site.at(NOW, &of).await.json();
    rows.as_array().unwrap().iter().map(|row| row["bytes"].as_u64().unwrap()).sum()
}

async fn backfill(panel: &dyn SimulatedPanel, site: &Site) -> Value {
    let month = ["backfill", "--since", "2026-10-01", "--until", "2026-10-31", "--json"];
    panel.knobs().clock.freeze_at(NOW + 1800);
    site.at(NOW + 1800, &month).await.json()
}

#[tokio::test]
async fn a_day_the_panel_corrected_late_is_fetched_when_asked_for_and_counted_once() {
    let panel = start("vpncp").await;
    let site = site(&*panel).await;
    let account = panel.accounts()[1].clone();
    let month = ("2026-10-01", "2026-11-01");
    let told = bytes(&site, &account, month.0, month.1).await;
    let of_day = bytes(&site, &account, "2026-10-20", "2026-10-21").await;
    let truth = panel.knobs().truth.traffic_between(&account, NOW - 86_400 * 51, NOW).unwrap().sent;
    assert!(told > 0 && told < truth);

    let corrected =
        json!({ "op": "restore_day", "day": "2026-10-20", "download": of_day + 1000, "upload": 0 });
    panel.operate(&format!("clients/{account}"), &corrected).unwrap();
    panel.knobs().clock.advance(900);
    site.at(NOW + 900, &["poll"]).await.good();
    assert_eq!(bytes(&site, &account, month.0, month.1).await, told, "a poll asks for the running month");
    let first = backfill(&*panel, &site).await;
    assert_eq!(first[0]["ok"], true, "{first}");
    assert_eq!(bytes(&site, &account, month.0, month.1).await, told + 1000);
    assert_eq!(backfill(&*panel, &site).await[0]["day_points_changed"], 0);
    assert_eq!(bytes(&site, &account, month.0, month.1).await, told + 1000);
    site.run(&["verify"]).await.good();
    assert_eq!(site.run(&["replay", "--json"]).await.json(), json!([]));
}

#[tokio::test]
async fn estimates_stand_beside_the_numbers_and_never_in_them() {
    let panel = start("proxmox").await;
    let site = site(&*panel).await;
    panel.knobs().clock.advance(3600);
    site.at(NOW + 3600, &["poll"]).await.good();
    let account = panel.accounts().remove(0);
    let explain = ["explain", "proxmox", &account, "traffic_out", "--month", "2026-11", "--json"];
    let before = site.at(NOW + 3600, &explain).await.json();
    assert_eq!(before["estimates"], json!([]));

    let since = ["backfill", "--since", "2026-11-18", "--backend", "proxmox", "--json"];
    let told = site.at(NOW + 3600, &since).await.json();
    assert_eq!((&told[0]["ok"], &told[0]["day_points_changed"]), (&json!(true), &json!(0)), "{told}");
    let after = site.at(NOW + 3600, &explain).await.json();
    assert!(after["estimates"].as_array().unwrap().len() >= 3, "{after}");
    assert_eq!((&after["bytes"], &after["days"]), (&before["bytes"], &before["days"]));
}

#[tokio::test]
async fn a_panel_without_history_says_so() {
    let panel = start("minio").await;
    let site = site(&*panel).await;
    let all = site.at(NOW, &["backfill", "--since", "2026-11-01"]).await.good();
    assert!(all.contains("minio: keeps no history"), "{all}");
    let named = site.at(NOW, &["backfill", "--since", "2026-11-01", "--backend", "minio"]).await;
    assert!(named.failure(1).contains("keeps none"));
    let late = site.at(NOW, &["backfill", "--since", "2027-01-01"]).await;
    assert!(late.failure(2).contains("not before its end"));
}
