//! One answer is not the truth, nor is our clock: what is doubted changes nothing until it is confirmed or accepted.

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Site, free_port};

const START: i64 = 1_795_176_000;
const HOUR: i64 = 3_600;

async fn usage(site: &Site, now: i64) -> Value {
    site.at(now, &["usage", "--json"]).await.json()
}

async fn held(site: &Site, now: i64) -> Vec<String> {
    let found = site.at(now, &["report", "--what", "held-back", "--json"]).await.json();
    found.as_array().unwrap().iter().map(|line| line["state"].as_str().unwrap().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_shrinks_makes_nobody_gone_until_somebody_accepts_it() {
    let panel = crate::start(8, ClockStart::Frozen(START)).await;
    let keys = "whmcs_server = 12\nevery = \"31d\"";
    let port = free_port();
    let site = Site::new(&crate::house(port, "", "", &[section(&panel, "s3", keys)]));
    let poll = async |hours: i64| {
        panel.knobs().clock.freeze_at(START + hours * HOUR);
        site.at(START + hours * HOUR, &["poll", "--json"]).await.json();
        START + hours * HOUR
    };
    let present = async |now: i64| {
        let list = site.at(now, &["backend", "list", "--json"]).await.json();
        list[0]["accounts"].as_u64().unwrap()
    };
    let now = poll(0).await;
    assert_eq!((present(now).await, held(&site, now).await.len()), (8, 0));
    let names = panel.accounts();
    for name in &names[..6] {
        panel.vanish(name).unwrap();
    }
    for hours in [1, 2, 3] {
        let now = poll(hours).await;
        assert_eq!(present(now).await, 8, "no account counts as gone");
        assert_eq!(held(&site, now).await, ["list"]);
    }
    for name in &names[..6] {
        panel.reappear(name).unwrap();
    }
    let now = poll(4).await;
    assert_eq!(held(&site, now).await, Vec::<String>::new(), "the right is back");
    let nothing = ["accept", "s3", "--reason", "x"];
    assert!(site.at(now, &nothing).await.failure(1).contains("nothing is held back"));

    for name in &names[..6] {
        panel.vanish(name).unwrap();
    }
    let now = poll(5).await;
    let accepted = site.at(now, &["accept", "s3", "--reason", "they left"]).await.good();
    assert!(accepted.contains("6 of 8 accounts"), "{accepted}");
    poll(6).await;
    let now = poll(7).await;
    assert_eq!((present(now).await, held(&site, now).await.len()), (2, 0));
    site.at(now, &["verify"]).await.good();
    assert_eq!(site.at(now, &["replay", "--json"]).await.json(), json!([]));
    panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_other_numbers_is_refused_until_somebody_accepts_it() {
    let panel = crate::start(6, ClockStart::Frozen(START)).await;
    let port = free_port();
    let site = Site::new(&crate::house(
        port,
        "",
        "",
        &[section(&panel, "s3", "whmcs_server = 12\nevery = \"31d\"")],
    ));
    site.write("now", &START.to_string());
    let daemon = site.start_told(port, &site.path().join("now"));
    // Its own poll is over before others come with clocks that are ahead of its.
    daemon
        .until("/v1/backends/s3", "polled", |got| got.status == 200 && got.json()["succeeded_at"].is_string())
        .await;
    let names = panel.accounts();
    let tell = async |first: usize| {
        let service = |(index, name): (usize, &String)| json!({ "id": first + index, "client": 1, "username": name, "status": "Active" });
        let services: Vec<Value> = names.iter().enumerate().map(service).collect();
        let body = json!({ "schema": 1, "services": services }).to_string();
        let put =
            daemon.request("PUT", "/v1/whmcs/services?server=12").header("content-type", "application/json");
        daemon.send(put.body(body)).await.unwrap()
    };
    assert_eq!(tell(100).await.status, 200);
    site.polled(START).await;
    let owners = async || {
        let rows = site.at(START, &["usage", "--by-owner", "--json"]).await.json();
        let rows = rows.as_array().unwrap().clone();
        rows.iter().map(|row| row["owner"].as_str().unwrap().to_string()).collect::<Vec<_>>()
    };
    let before = owners().await;
    assert!(before.iter().all(|owner| owner.starts_with("service 10")), "{before:?}");
    let refused = tell(500).await;
    assert_eq!((refused.status, refused.header("content-type")), (409, "application/problem+json"));
    assert!(refused.text().contains("6 of 6 services"), "{}", refused.text());
    assert_eq!(held(&site, START).await, ["services"]);
    site.at(START + 900, &["poll"]).await;
    assert_eq!(owners().await, before, "the list before stays");
    assert_eq!(tell(100).await.status, 200, "the numbers before are taken in as ever");
    assert_eq!(held(&site, START).await, Vec::<String>::new());
    assert_eq!(tell(500).await.status, 409);
    site.at(START, &["accept", "s3", "--reason", "they are others"]).await.good();
    assert_eq!(tell(500).await.status, 200);
    for now in [START + 1800, START + 2400] {
        panel.knobs().clock.freeze_at(now);
        site.polled(now).await;
    }
    let others = owners().await;
    assert!(others.iter().any(|owner| owner.starts_with("service 50")), "{others:?}");

    // Installed anew once more, and the same services: all that was theirs goes with them.
    assert_eq!(tell(503).await.status, 409);
    let account = ["accept", "s3", &names[0], "--renumbered", "--reason", "x"];
    assert!(site.at(START, &account).await.failure(2).contains("--renumbered"));
    let said = site.at(START, &["accept", "s3", "--renumbered", "--reason", "a restored copy"]).await.good();
    assert!(said.contains("6 of 6 services") && said.contains("the same services"), "{said}");
    let names_told = daemon.get("/v1/whmcs/usage?server=12").await.text();
    assert_eq!(tell(503).await.status, 200);
    assert_eq!(daemon.get("/v1/whmcs/usage?server=12").await.text(), names_told);
    let moved = |owner: &String| match owner.strip_prefix("service 50") {
        Some(number) => format!("service 50{}", number.parse::<u32>().unwrap() + 3),
        // The services of the numbers before are in no list any more.
        None => owner.replace("service 10", "service -10"),
    };
    let expected: Vec<String> = others.iter().map(moved).collect();
    let mut found = owners().await;
    found.sort();
    let mut sorted = expected.clone();
    sorted.sort();
    assert_eq!(found, sorted, "before any poll");
    panel.knobs().clock.freeze_at(START + 2700);
    site.polled(START + 2700).await;
    site.at(START + 2700, &["verify"]).await.good();
    assert_eq!(site.at(START + 2700, &["replay", "--json"]).await.json(), json!([]));
    let explained = site.at(START + 2700, &["explain", "s3", &names[0], "storage"]).await.good();
    assert!(explained.contains("other numbers"), "{explained}");
    daemon.stop().await;
    panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_is_not_committed_against_everybody_who_knows_the_time() {
    let panel = crate::start(2, ClockStart::Frozen(START)).await;
    let port = free_port();
    let site = Site::new(&crate::house(port, "", "", &[section(&panel, "s3", "every = \"31d\"")]));
    site.polled(START).await;
    let clock = &panel.knobs().clock;
    // Twenty days ahead for one poll, then right again.
    clock.freeze_at(START + HOUR);
    let refused = site.at(START + 20 * 24 * HOUR, &["poll", "--json"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let report: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(report[0]["reason"], "clock", "{report}");
    let december = ["usage", "--from", "2026-11-22", "--to", "2026-12-31", "--json"];
    assert_eq!(site.at(START + HOUR, &december).await.json(), json!([]), "no day that has not come");
    site.polled(START + HOUR).await;
    site.at(START + HOUR, &["verify"]).await.good();
    let before = usage(&site, START + HOUR).await;
    assert_ne!(before, json!([]));
    // Behind nothing is dated into days to come.
    clock.freeze_at(START + 2 * HOUR);
    site.polled(START + 2 * HOUR - 600).await;
    // A panel whose own clock is slow for good.
    clock.freeze_at(START + 6 * HOUR - 600);
    let refused = site.at(START + 6 * HOUR, &["poll", "--json"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let accepted = site.at(START + 6 * HOUR, &["accept", "s3", "--reason", "no NTP there"]).await.good();
    assert!(accepted.contains("600 s behind"), "{accepted}");
    clock.freeze_at(START + 7 * HOUR - 600);
    site.polled(START + 7 * HOUR).await;
    panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_that_are_cut_are_not_cut_in_another_zone() {
    let panel = crate::start(2, ClockStart::Frozen(START)).await;
    let config = crate::house(free_port(), "", "", &[section(&panel, "s3", "every = \"31d\"")]);
    let site = Site::new(&config.replace("Europe/Warsaw", "America/New_York"));
    // A database without a day may be of another zone yet.
    site.at(START, &["prune"]).await.good();
    assert_eq!(usage(&site, START).await, json!([]));
    std::fs::write(site.config(), &config).unwrap();
    site.polled(START).await;
    std::fs::write(site.config(), config.replace("Europe/Warsaw", "America/New_York")).unwrap();
    let refused = site.at(START, &["poll"]).await.failure(1);
    assert!(refused.contains("set it back to Europe/Warsaw"), "{refused}");
    std::fs::write(site.config(), config).unwrap();
    site.at(START + HOUR, &["usage"]).await.good();
    panel.stop();
}
