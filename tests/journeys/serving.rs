//! `serve`: its pages, a panel in trouble, numbers that grow old, a config that changes, and the end.

use std::io::Read;
use std::time::Duration;

use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Fault, FaultKind};
use whmeter_simulators::minio::Panel;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Site, free_port};

const SECRET: &str = "rootsecret123";

/// The storage line of one account.
fn storage(backend: &str, account: &str) -> String {
    format!("whmeter_storage_used_bytes{{backend=\"{backend}\",account=\"{account}\"}}")
}

fn success(backend: &str) -> String {
    format!("whmeter_poll_success{{backend=\"{backend}\"}}")
}

/// A panel that goes with the machine's clock, and one account whose level is known.
async fn panel(level: u64) -> Panel {
    let panel = crate::start(4, ClockStart::WallClock).await;
    set_level(&panel, level);
    panel
}

fn set_level(panel: &Panel, level: u64) {
    let now = panel.knobs().clock.now_seconds();
    assert!(panel.knobs().truth.set_level("7-41", now - 1, level));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_there_plain_packed_and_as_openmetrics() {
    let (panel, other, port) = (panel(1_234_567_890_123).await, panel(1_234_567_890_123).await, free_port());
    let backends =
        [("s3-a", &panel), ("s3-b", &other)].map(|(name, panel)| section(panel, name, "every = \"1h\""));
    let site = Site::new(&crate::house(port, "", "", &backends));
    let daemon = site.serve(port).await;
    assert_eq!(daemon.get("/-/healthy").await.text().trim(), "ok");
    let there = |got: &crate::support::program::Got| {
        ["s3-a", "s3-b"].iter().all(|name| got.sample(&storage(name, "7-41")).is_some())
    };
    let plain = daemon.until("/metrics", "shows both backends", there).await;
    assert_eq!(plain.sample(&storage("s3-a", "7-41")), Some(1_234_567_890_123));
    assert_eq!(plain.sample(&storage("s3-a", "8-77")), Some(0), "a real zero is a value");
    assert_eq!(plain.sample(&success("s3-b")), Some(1));
    assert!(plain.header("content-type").starts_with("text/plain; version=0.0.4"), "{plain:?}");
    for series in [
        "whmeter_build_info{",
        "whmeter_traffic_bytes_total{",
        "whmeter_poll_accounts{",
        "whmeter_account_info{",
    ] {
        assert!(plain.text().contains(&format!("\n{series}")), "{series}");
    }

    let packed = daemon.request("GET", "/metrics").header("accept-encoding", "gzip");
    let packed = daemon.send(packed).await.unwrap();
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut unpacked = String::new();
    flate2::read::MultiGzDecoder::new(&packed.body[..]).read_to_string(&mut unpacked).unwrap();
    let line = format!("{} 1234567890123\n", storage("s3-b", "7-41"));
    assert!(unpacked.contains(&line), "{unpacked}");

    let open =
        daemon.request("GET", "/metrics").header("accept", "application/openmetrics-text; version=1.0.0");
    let open = daemon.send(open).await.unwrap();
    assert!(open.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(open.text().ends_with("\n# EOF\n"));
    assert!(open.text().contains(&line));
    assert!(open.text().contains("# TYPE whmeter_traffic_bytes counter\n"));

    let own = daemon.get("/metrics/self").await.text();
    assert!(own.contains("whmeter_poll_failures_total{") && !own.contains("account=\""), "{own}");
    let one = daemon.get("/metrics/backend/s3-a").await.text();
    assert!(one.contains(&storage("s3-a", "7-41")) && !one.contains("s3-b"), "{one}");
    assert!(!one.contains("whmeter_build_info"), "{one}");
    let none = daemon.get("/metrics/backend/s3-c").await;
    assert_eq!((none.status, none.header("content-type")), (404, "application/problem+json"));
    let targets = daemon.get("/metrics/targets").await.json();
    let paths: Vec<&str> = targets
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["labels"]["__metrics_path__"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["/metrics/backend/s3-a", "/metrics/backend/s3-b"]);
    assert!(daemon.stop().await < Duration::from_secs(10));
    site.check_never_said(&[SECRET]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panel_in_trouble_is_counted_and_the_last_truth_stays() {
    let (panel, port) = (panel(777_000).await, free_port());
    let site =
        Site::new(&crate::house(port, "", "", &[section(&panel, "s3", "every = \"1s\"\nretries = 0")]));
    let daemon = site.serve(port).await;
    let well = daemon.until("/metrics", "is well", |got| got.sample(&success("s3")) == Some(1)).await;
    let failures =
        |reason: &str| format!("whmeter_poll_failures_total{{backend=\"s3\",reason=\"{reason}\"}}");
    for reason in ["unreachable", "refused", "busy", "unexpected", "no_such_account", "not_offered", "taken"]
    {
        assert_eq!(well.sample(&failures(reason)), Some(0), "{reason} must be there before it happens");
    }
    let last_success = "whmeter_poll_last_success_timestamp_seconds{backend=\"s3\"}";
    for (kind, reason) in [
        (FaultKind::Failed { status: 500 }, "unexpected"),
        (FaultKind::Reset { after_bytes: 5 }, "unreachable"),
        (FaultKind::HtmlPage { status: 200 }, "unexpected"),
    ] {
        let before = daemon.get("/metrics").await.sample(&failures(reason)).unwrap();
        panel.knobs().faults.add(Fault::new(kind.clone()));
        let ill = daemon
            .until("/metrics", "is ill", |got| {
                got.sample(&failures(reason)).is_some_and(|count| count > before + 1)
            })
            .await;
        assert_eq!(ill.sample(&success("s3")), Some(0), "{kind:?}");
        assert_eq!(ill.sample(&storage("s3", "7-41")), Some(777_000), "{kind:?}: the last truth must stay");
        assert!(ill.sample(last_success).is_some());
        panel.knobs().faults.clear();
        daemon.until("/metrics", "recovers", |got| got.sample(&success("s3")) == Some(1)).await;
    }
    set_level(&panel, 888_000);
    daemon.until("/metrics", "goes on", |got| got.sample(&storage("s3", "7-41")) == Some(888_000)).await;
    daemon.stop().await;
    site.check_never_said(&[SECRET]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_7_what_is_too_old_is_withheld_from_prometheus_and_whmcs_alike() {
    let (panel, port) = (panel(777_000).await, free_port());
    let backend = section(&panel, "s3", "every = \"1s\"\nretries = 0\nwhmcs_server = 12");
    let site = Site::new(&crate::house(port, "max_age = \"4s\"", "", &[backend]));
    let daemon = site.serve(port).await;
    let usage = "/v1/whmcs/usage?server=12";
    let known =
        daemon.until(usage, "knows it", |got| got.json()["tenants"]["7-41"]["disk"].is_object()).await.json();
    let collected = known["tenants"]["7-41"]["disk"]["collected_at"].as_i64().unwrap();
    assert!((panel.knobs().clock.now_seconds() - collected).abs() < 10, "{known}");
    panel.knobs().faults.add(Fault::new(FaultKind::Failed { status: 500 }));
    let line = storage("s3", "7-41");
    let page = daemon.until("/metrics", "withholds it", |got| got.sample(&line).is_none()).await;
    assert_eq!(page.sample(&success("s3")), Some(0));
    assert!(!page.text().contains("\nwhmeter_storage_used_bytes{"), "{}", page.text());
    assert!(!page.text().contains("\nwhmeter_traffic_month_bytes{"), "{}", page.text());
    let told = daemon.get(usage).await.json();
    assert_eq!(told["tenants"], serde_json::json!({}), "{told}");
    let withheld = told["withheld"].as_array().unwrap();
    assert_eq!(withheld.len(), 4, "{told}");
    let mine = withheld.iter().find(|one| one["tenant"] == "7-41").unwrap();
    assert_eq!(mine["reason"], "stale", "{told}");
    assert!(mine["since"].as_str().unwrap().ends_with('Z'), "{told}");
    let alone = daemon.get("/v1/whmcs/usage/7-41?server=12").await.json();
    assert_eq!((&alone["values"], &alone["withheld"]["reason"]), (&serde_json::json!({}), &"stale".into()));
    let legacy = daemon.get("/v1/whmcs/legacy?server=12").await.json();
    assert_eq!(
        (&legacy["tenants"], legacy["withheld"].as_array().unwrap().len()),
        (&serde_json::json!({}), 4)
    );
    let counted = "whmeter_whmcs_withheld_tenants{reason=\"stale\",server=\"12\"}";
    assert_eq!(daemon.get("/metrics").await.sample(counted), Some(4));
    panel.knobs().faults.clear();
    daemon.until(usage, "is back", |got| got.json()["tenants"]["7-41"]["disk"].is_object()).await;
    daemon.until("/metrics", "is back", |got| got.sample(&line) == Some(777_000)).await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_8_no_panel_slows_another_and_a_stop_does_not_wait_for_one() {
    let (slow, quick, port) = (panel(1).await, panel(2).await, free_port());
    let backends = [
        section(&slow, "slow", "every = \"1s\"\ntimeout = \"10m\""),
        section(&quick, "quick", "every = \"1s\""),
    ];
    slow.knobs().faults.add(Fault::new(FaultKind::Drip { bytes_per_tick: 1 }));
    let site = Site::new(&crate::house(port, "", "", &backends));
    let daemon = site.serve(port).await;
    for level in [100, 200, 300] {
        set_level(&quick, level);
        let line = storage("quick", "7-41");
        daemon.until("/metrics", "goes on", |got| got.sample(&line) == Some(level)).await;
    }
    assert_eq!(slow.knobs().requests.count("list-users"), 1, "one poll at a time");
    let page = daemon.get("/metrics").await;
    assert_eq!((page.sample(&success("slow")), page.sample(&storage("slow", "7-41"))), (None, None));
    // The slow one still drips.
    let took = daemon.stop().await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    site.check_never_said(&[SECRET]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_config_is_taken_in_and_a_broken_one_is_not() {
    let (one, two, port) = (panel(111).await, panel(222).await, free_port());
    let of = |panel: &Panel, name: &str| section(panel, name, "every = \"1s\"");
    let site = Site::new(&crate::house(port, "", "", &[of(&one, "one"), of(&two, "two")]));
    let daemon = site.serve(port).await;
    let shows = |name: &'static str, level: Option<u64>| {
        move |got: &crate::support::program::Got| got.sample(&storage(name, "7-41")) == level
    };
    daemon.until("/metrics", "shows one", shows("one", Some(111))).await;
    daemon.until("/metrics", "shows two", shows("two", Some(222))).await;

    let broken = crate::house(port, "", "", &[of(&one, "one"), of(&two, "two")]).replace("every", "evry");
    std::fs::write(site.config(), broken).unwrap();
    daemon.signal("-HUP");
    daemon.until_logged("keeping the running configuration").await;
    let log = daemon.log();
    let refused = log.lines().find(|line| line.contains("keeping the running configuration")).unwrap();
    assert!(
        refused.contains("whmeter.toml:") && refused.contains("evry") && refused.contains("every"),
        "{refused}"
    );
    set_level(&two, 333);
    daemon.until("/metrics", "goes on as before", shows("two", Some(333))).await;

    let three = panel(333).await;
    let changed = crate::house(port, "", "", &[of(&one, "one"), of(&three, "three")]);
    std::fs::write(site.config(), changed).unwrap();
    daemon.signal("-HUP");
    daemon.until("/metrics", "shows three", shows("three", Some(333))).await;
    daemon.until("/metrics", "drops two", |got| !got.text().contains("backend=\"two\",account")).await;
    let found = "whmeter_backend_unconfigured_accounts{backend=\"two\"}";
    let rest = |got: &crate::support::program::Got| {
        got.text().lines().filter(|line| line.contains("backend=\"two\"")).count() == 1
            && got.sample(found).is_some()
    };
    daemon.until("/metrics", "tells of two only that nobody polls it", rest).await;
    assert_eq!(daemon.get("/metrics/backend/two").await.status, 404);
    daemon.until("/metrics", "keeps one", shows("one", Some(111))).await;
    daemon.stop().await;

    // What it knew is shown at once after a restart, before anybody is asked.
    [&one, &three].iter().for_each(|panel| panel.stop());
    let daemon = site.serve(port).await;
    assert_eq!(daemon.get("/metrics").await.sample(&storage("three", "7-41")), Some(333));
    daemon.stop().await;
    site.check_never_said(&[SECRET]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_password_parks_the_panel() {
    let (panel, port) = (panel(5).await, free_port());
    let backend = section(&panel, "s3", "every = \"1s\"").replace(SECRET, "wrong-hunter2-hunter2");
    let site = Site::new(&crate::house(port, "", "", &[backend]));
    let daemon = site.serve(port).await;
    let line = "whmeter_poll_failures_total{backend=\"s3\",reason=\"refused\"}";
    daemon.until("/metrics", "is refused", |got| got.sample(line) == Some(1)).await;
    let asked = panel.knobs().requests.count("");
    // Several turns later nobody has insisted; time itself is what is waited for.
    let deadline = std::time::Instant::now() + Duration::from_secs(4);
    while std::time::Instant::now() < deadline {
        assert_eq!(panel.knobs().requests.count(""), asked, "panels ban those who insist");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(daemon.get("/metrics").await.sample(&success("s3")), Some(0));
    daemon.stop().await;
    site.check_never_said(&["hunter2"]);
}
