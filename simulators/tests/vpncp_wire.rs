//! The fake VPNcp against the samples its vendor prints: the same keys, types and nesting.
#![allow(clippy::unwrap_used)]

use reqwest::{Client, Response};
use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::vpncp::{Options, Panel, Switches};

const NOW: i64 = 1_795_226_400;

async fn start(change: impl FnOnce(&mut Switches)) -> Panel {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let common = panel::Options { accounts: 6, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    let mut options = Options { common, ..Options::default() };
    change(&mut options.switches);
    Panel::start(options).await.unwrap()
}

async fn ask(panel: &Panel, call: &str) -> Response {
    let (token, access_hash) = panel.credentials();
    let request = Client::new().get(format!("{}/api/v1/{call}", panel.url()));
    // Each generation looks at its own credential alone.
    let request = request.bearer_auth(token).header("cookie", format!("access_hash={access_hash}"));
    request.send().await.unwrap()
}

async fn get(panel: &Panel, call: &str) -> Value {
    serde_json::from_str(&ask(panel, call).await.text().await.unwrap()).unwrap()
}

/// Whether two values have the same keys and types all the way down; of arrays the first items count.
fn is_like(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| is_like(value, other)))
        }
        (Value::Array(one), Value::Array(other)) => is_like(&one[0], &other[0]),
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

#[tokio::test]
async fn the_first_generation_answers_as_its_manual_prints() {
    let panel = start(|switches| switches.generation = 1).await;
    let status = json!({"error": "", "msg": {"count_accounts": 412, "count_accounts_available": 500,
        "count_wireguard": 12, "license": "2027-06-30T10:15:00+02:00", "license_valid": true, "status": "OK",
        "version": "1.8"}, "status": "success"});
    let told = get(&panel, "system/status").await;
    assert!(is_like(&told, &status), "{told}");
    let accounts = json!({"error": "", "msg": [{"allowed_IPs": "10.20.4.31", "b_download": "25",
        "b_upload": "10", "mangle": "204", "name": "vpn-17-4101-abcd", "password": "x", "private_key": "x",
        "public_key": "x", "status": "enable", "username": "user_77", "wg_name": "Default_3"}],
        "status": "success"});
    let told = get(&panel, "account").await;
    assert!(is_like(&told, &accounts), "{told}");
    let month = json!({"error": "", "msg": [{"account": "vpn-17-4101-abcd", "date": "2026-04-01",
        "traffic_download": 0, "traffic_upload": 0}], "status": "success"});
    let name = panel.accounts().remove(0);
    let told = get(&panel, &format!("account/{name}/traffic_statistics/2026/11")).await;
    assert!(is_like(&told, &month), "{told}");
    assert_eq!(told["msg"].as_array().unwrap().len(), 30, "days to come are listed");
    assert_eq!(told["msg"][29]["traffic_download"], 0);
    for (call, text) in [
        ("account/nobody", "Account not found"),
        (&format!("account/{name}/traffic_statistics/2026/13"), "Wrong month setting"),
        (&format!("account/{name}/traffic_statistics/year/11"), "Wrong year setting"),
    ] {
        assert_eq!(get(&panel, call).await, json!({"error": text, "msg": "", "status": "error"}), "{call}");
    }
    let info = get(&panel, "system/info").await;
    assert_eq!(
        (&info["msg"]["cpu_threads"], &info["msg"]["timezone"]),
        (&json!("4"), &json!("Europe/Warsaw"))
    );
    assert!(get(&panel, "wireguard").await["msg"].is_object());
    assert_eq!(ask(&panel, "openapi.json").await.status(), 404);
    let bare = Client::new().get(format!("{}/api/v1/account", panel.url())).send().await.unwrap();
    assert_eq!(
        bare.text().await.unwrap(),
        json!({"error": "Not authorized", "msg": "", "status": "error"}).to_string()
    );
}

#[tokio::test]
async fn the_second_generation_answers_as_its_papers_tell() {
    let panel = start(|_| {}).await;
    let status = json!({"result": "OK", "message": "", "data": {"count_accounts": 640,
        "count_accounts_available": 1000, "license_valid": true, "status": "OK", "version": "2.3.0"}});
    let told = get(&panel, "system/status").await;
    assert!(is_like(&told, &status), "{told}");
    let told = get(&panel, "client").await;
    for key in ["name", "username", "network_name", "ipv4", "status", "b_download", "b_upload"] {
        assert!(told["data"][0].get(key).is_some(), "{key}: {told}");
    }
    let name = panel.accounts().remove(0);
    let told = get(&panel, &format!("client/{name}/traffic/2026/11")).await;
    let month = json!({"result": "OK", "message": "", "data": [{"client": "vpn-17-4101-abcd",
        "date": "2026-04-15", "traffic_download": 314_572_800, "traffic_upload": 12_582_912}]});
    assert!(is_like(&told, &month), "{told}");
    let document: Value = Client::new()
        .get(format!("{}/api/v1/openapi.json", panel.url()))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .map(|text| serde_json::from_str(&text).unwrap())
        .unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.0"));
    let bare = Client::new().get(format!("{}/api/v1/client", panel.url())).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    assert_eq!(ask(&panel, "client/nobody").await.status(), 404);
    assert_eq!(ask(&panel, "no/such/call").await.text().await.unwrap(), "404 page not found");
}

#[tokio::test]
async fn days_sum_to_the_truth_and_end_with_the_history() {
    let panel = start(|switches| switches.timezone = "Asia/Tokyo".into()).await;
    for name in panel.accounts() {
        let told = get(&panel, &format!("client/{name}/traffic/2026/11")).await;
        let sum = |key: &str| {
            told["data"].as_array().unwrap().iter().map(|day| day[key].as_u64().unwrap()).sum::<u64>()
        };
        // November began in Tokyo at 2026-10-31T15:00:00Z.
        let truth = panel.knobs().truth.traffic_between(&name, 1_793_458_800, NOW).unwrap();
        assert_eq!((sum("traffic_download"), sum("traffic_upload")), (truth.sent, truth.received), "{name}");
        let told = get(&panel, &format!("client/{name}/traffic/2026/09")).await;
        assert!(told["data"].as_array().unwrap().iter().all(|day| day["traffic_download"] == 0));
    }
}

#[tokio::test]
async fn caps_are_written_in_the_words_of_each_generation() {
    for generation in [1, 2] {
        let panel = start(|switches| switches.generation = generation).await;
        let name = panel.accounts().remove(0);
        let (token, access_hash) = panel.credentials();
        let kind = if generation == 1 { "account" } else { "client" };
        let url = format!("{}/api/v1/{kind}/{name}", panel.url());
        let write = |body: &'static str| {
            let request = Client::new().put(&url).bearer_auth(&token);
            request.header("cookie", format!("access_hash={access_hash}")).body(body).send()
        };
        let body =
            if generation == 1 { "b_download=1&b_upload=2" } else { r#"{"b_download":1,"b_upload":2}"# };
        write(body).await.unwrap();
        assert_eq!((panel.caps(&name), panel.saves(&name)), (Some((1, 2)), Some(1)));
        let body = if generation == 1 { "status=disable" } else { r#"{"status":"disable"}"# };
        write(body).await.unwrap();
        assert_eq!((panel.is_enabled(&name), panel.is_limited(&name)), (Some(false), Some(true)));
        let body = if generation == 1 { "b_download=10001" } else { r#"{"b_download":10001}"# };
        let refused = write(body).await.unwrap().text().await.unwrap();
        assert!(refused.contains("error") || refused.contains("ERROR"), "{refused}");
        assert_eq!(panel.caps(&name), Some((1, 2)));
    }
}
