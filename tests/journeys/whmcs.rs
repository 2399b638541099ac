//! What WHMCS is told, shape by shape and number by number.

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Daemon, Got, Site, free_port};
use crate::support::signing;

const GIB: u64 = 1 << 30;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value}")).keys().map(String::as_str).collect()
}

/// A decimal string with five places.
fn check_decimal(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no text"));
    let (whole, places) = text.split_once('.').unwrap_or_else(|| panic!("{text}"));
    assert!(places.len() == 5 && [whole, places].concat().bytes().all(|c| c.is_ascii_digit()), "{text}");
}

fn check_month(month: &Value) {
    assert_eq!(keys(month), ["label", "start", "tz"]);
    assert_eq!(month["tz"], "Europe/Warsaw");
    let start: chrono::DateTime<chrono::Utc> = month["start"].as_str().unwrap().parse().unwrap();
    let local = start.with_timezone(&chrono_tz::Europe::Warsaw);
    assert_eq!(local.format("%Y-%m-01T00:00:00").to_string(), local.format("%Y-%m-%dT%H:%M:%S").to_string());
    assert_eq!(month["label"], local.format("%Y-%m").to_string());
}

fn check_values(values: &Value) {
    for (name, value) in values.as_object().unwrap() {
        let known = ["disk", "disk_gb_month", "traffic_in", "traffic_out", "traffic_total"];
        assert!(known.contains(&name.as_str()), "{name}");
        assert_eq!(keys(value), ["collected_at", "value"]);
        check_decimal(&value["value"]);
        assert!(value["collected_at"].is_i64(), "{value}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shape_is_as_promised_and_every_number_the_truth() {
    let panel = crate::start(5, ClockStart::WallClock).await;
    let truth = &panel.knobs().truth;
    let now = panel.knobs().clock.now_seconds();
    for name in ["M%C3%BCller", "a%20b", "x%26y%3Dz"] {
        signing::add_user(&panel, name, "some-secret-of-it").await;
    }
    truth.set_level("7-41", now - 60, 100 * GIB);
    truth.set_level("7-411", now - 60, 0);
    truth.set_level("7-42", now - 60, 3 * GIB / 2 + 5_369); // a half of the last place is 5368.7 bytes
    let port = free_port();
    let site =
        Site::new(&crate::house(port, "", "", &[section(&panel, "s3", "every = \"1h\"\nwhmcs_server = 12")]));
    let daemon = site.serve(port).await;
    let usage = "/v1/whmcs/usage?server=12";
    let all = daemon
        .until(usage, "knows all", |got| got.json()["tenants"].as_object().unwrap().len() == 8)
        .await
        .json();

    assert_eq!(
        keys(&all),
        ["generated_at", "month", "schema", "server", "tenant_key", "tenants", "unit", "withheld"]
    );
    assert_eq!(
        (&all["schema"], &all["server"], &all["tenant_key"]),
        (&json!(1), &json!(12), &json!("username"))
    );
    assert_eq!(all["withheld"], json!([]));
    check_month(&all["month"]);
    all["tenants"].as_object().unwrap().values().for_each(check_values);
    let disk = |name: &str| all["tenants"][name]["disk"]["value"].as_str().unwrap().to_string();
    assert_eq!([disk("7-41"), disk("7-411"), disk("7-42")], ["100.00000", "0.00000", "1.50001"]);
    // Accounts without a bucket hold nothing, which is known; what they moved is not.
    for name in ["8-77", "Müller", "a b", "x&y=z"] {
        assert_eq!(disk(name), "0.00000");
        assert!(all["tenants"][name]["traffic_out"].is_null(), "{name}");
    }
    // First sight bills nothing, and that is a known zero.
    assert_eq!(all["tenants"]["7-41"]["traffic_out"]["value"], "0.00000");

    let ping = daemon.get("/v1/whmcs/ping?server=12").await.json();
    assert_eq!((&ping["server"], &ping["tz"]), (&json!(12), &json!("Europe/Warsaw")));
    assert!(ping["version"].is_string() && (ping["clock"].as_i64().unwrap() - now).abs() < 60, "{ping}");
    assert_eq!(daemon.get("/v1/whmcs/ping?server=13").await.status, 404);

    let one = daemon.get("/v1/whmcs/usage/7-41?server=12").await.json();
    assert_eq!(one["tenant"], "7-41");
    assert_eq!(one["values"], all["tenants"]["7-41"]);
    check_month(&one["month"]);

    let legacy = daemon.get("/v1/whmcs/legacy?server=12").await.json();
    assert_eq!(legacy["tenants"]["7-41"]["disk_mb"], 100 * 1024);
    assert_eq!(legacy["tenants"]["7-411"], json!({ "disk_mb": 0, "bw_mb": 0 }));
    assert_eq!(legacy["tenants"]["8-77"], json!({ "disk_mb": 0 }), "unknown traffic is absent");

    let history = daemon.get("/v1/whmcs/history/7-41?server=12&days=30").await.json();
    assert_eq!(keys(&history), ["days", "months", "schema", "server", "tenant", "unit"]);
    let days = history["days"].as_array().unwrap();
    assert_eq!(days.last().unwrap()["disk"], "100.00000", "{history}");
    assert_eq!(days.last().unwrap()["complete"], false, "a day that still runs");
    assert_eq!(history["months"][0]["disk"], "100.00000");
    for query in ["days=0", "days=5000", "days=-1", "days=x"] {
        assert_eq!(
            daemon.get(&format!("/v1/whmcs/history/7-41?server=12&{query}")).await.status,
            400,
            "{query}"
        );
    }

    check_odd_names(&daemon).await;
    check_recalculation(&daemon, &panel).await;
    let last = "whmeter_whmcs_last_fetch_timestamp_seconds{server=\"12\"}";
    assert_eq!(daemon.get("/metrics").await.sample(last), None, "a look is not WHMCS collecting");
    let telling = daemon.request("GET", usage).header("X-Whmeter-Purpose", "billing");
    assert_eq!(daemon.send(telling).await.unwrap().status, 200);
    let fetched = "whmeter_whmcs_fetches_total{code=\"200\",route=\"usage\",server=\"12\"}";
    let page = daemon.get("/metrics").await;
    assert!(page.sample(fetched) > Some(0), "{}", page.text());
    assert!(page.sample(last) >= Some(now.unsigned_abs()));
    daemon.stop().await;
    site.check_never_said(&["rootsecret123", "some-secret-of-it"]);
    panel.stop();
}

async fn check_odd_names(daemon: &Daemon<'_>) {
    for (path, name) in [("M%C3%BCller", "Müller"), ("a%20b", "a b"), ("x%26y%3Dz", "x&y=z")] {
        let got = daemon.get(&format!("/v1/whmcs/usage/{path}?server=12")).await.json();
        assert_eq!((&got["tenant"], &got["values"]["disk"]["value"]), (&json!(name), &json!("0.00000")));
        assert_eq!(daemon.get(&format!("/v1/whmcs/history/{path}?server=12")).await.status, 200);
    }
    let long = "x".repeat(4000);
    let strangers = [
        "..%2Fx",
        "%2E%2E%2Fx",
        "..%2F..%2Fetc%2Fpasswd",
        "7-4",
        "7-41%00",
        "7-41%0A",
        "%27%20OR%201%3D1--",
        "m%C3%BCller",
        "a+b",
        "%25",
        "7-41%20",
        long.as_str(),
        "%E2%80%AE",
    ];
    for name in strangers {
        for route in ["usage", "history"] {
            let got = daemon.get(&format!("/v1/whmcs/{route}/{name}?server=12")).await;
            check_problem(&got, &[404], name);
        }
        let got = daemon.ask("POST", &format!("/v1/whmcs/recalc/{name}?server=12"), "").await;
        check_problem(&got, &[404], name);
    }
    check_problem(&daemon.get("/v1/whmcs/usage/%ff?server=12").await, &[400, 404], "%ff");
    assert_eq!(daemon.get("/-/ready").await.status, 200);
}

fn check_problem(got: &Got, statuses: &[u16], name: &str) {
    assert!(
        statuses.contains(&got.status),
        "{name}: {} {:?}",
        got.status,
        String::from_utf8_lossy(&got.body)
    );
    assert_eq!(got.header("content-type"), "application/problem+json", "{name}");
    assert!(got.body.len() < 2_000, "{name}: an answer as long as the question");
}

/// The backend's own turn comes in an hour: what is new comes from the recalculation.
async fn check_recalculation(daemon: &Daemon<'_>, panel: &dyn SimulatedPanel) {
    let (truth, now) = (&panel.knobs().truth, panel.knobs().clock.now_seconds());
    truth.set_level("7-41", now - 1, 70 * GIB);
    truth.set_level("7-42", now - 1, 7 * GIB);
    truth.add_traffic("7-41", now - 1, Traffic { received: 5 * GIB, sent: 0 });
    let path = "/v1/whmcs/recalc/7-41?server=12";
    let taken = daemon.ask("POST", path, "").await;
    assert_eq!((taken.status, &taken.json()["tenant"]), (202, &json!("7-41")));
    let again = daemon.ask("POST", path, "").await;
    check_problem(&again, &[429], "again");
    let wait: u64 = again.header("retry-after").parse().unwrap();
    assert!((1..=600).contains(&wait), "{wait}");
    let one = "/v1/whmcs/usage/7-41?server=12";
    let fresh =
        daemon.until(one, "is fresh", |got| got.json()["values"]["disk"]["value"] == "70.00000").await.json();
    let traffic: f64 = fresh["values"]["traffic_in"]["value"].as_str().unwrap().parse().unwrap();
    assert!((5.0..6.0).contains(&traffic), "{fresh}");
    // Nobody else was read, and nobody else is gone.
    let all = daemon.get("/v1/whmcs/usage?server=12").await.json();
    assert_eq!(all["tenants"].as_object().unwrap().len(), 8, "{all}");
    assert_eq!(all["tenants"]["7-42"]["disk"]["value"], "1.50001");
    assert_eq!(
        daemon.ask("POST", "/v1/whmcs/recalc/7-42?server=12", "").await.status,
        202,
        "each has its own turn"
    );
}
