//! The fake MinIO's metrics, scraped and held against the known truth.
#![allow(clippy::unwrap_used)]

mod support;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use std::collections::BTreeMap;
use support::client;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::minio::{MetricsGuard, Options, Panel};
use whmeter_simulators::panel::{self, SimulatedPanel};

const NOW: i64 = 1_795_226_400;

async fn start(accounts: usize) -> Panel {
    let clock = ClockStart::Frozen(NOW);
    let common = panel::Options { accounts, clock, ..panel::Options::default() };
    Panel::start(Options { common, ..Options::default() }).await.unwrap()
}

fn token(panel: &Panel, expires_in: i64) -> String {
    let (name, secret) = panel.credentials();
    let expires = panel.knobs().clock.now_seconds() + expires_in;
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let header = part(r#"{"alg":"HS512","typ":"JWT"}"#.into());
    let claims = part(format!(r#"{{"exp":{expires},"sub":"{name}","iss":"prometheus"}}"#));
    let signed = format!("{header}.{claims}");
    let mut mac = Hmac::<sha2::Sha512>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

async fn scrape(panel: &Panel, node: usize, path: &str) -> BTreeMap<String, f64> {
    let request = client().get(format!("{}{path}", panel.node_url(node))).bearer_auth(token(panel, 600));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.rsplit_once(' ').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

fn sent(panel: &Panel, node: usize, bucket: &str) -> String {
    let server = panel.node_url(node).replace("http://", "");
    format!("minio_bucket_traffic_sent_bytes{{bucket=\"{bucket}\",server=\"{server}\"}}")
}

const V2: &str = "/minio/v2/metrics/bucket";

#[tokio::test]
async fn traffic_adds_up_over_nodes_to_the_byte() {
    let panel = start(3).await;
    let knobs = panel.knobs();
    let nodes = [sent(&panel, 0, "7-41-data"), sent(&panel, 1, "7-41-data")];
    let sum = |lines: &BTreeMap<String, f64>| nodes.iter().map(|name| lines[name]).sum::<f64>();
    let before = scrape(&panel, 0, V2).await;
    knobs.clock.advance(7_201);
    knobs.truth.add_traffic("7-41", NOW + 60, Traffic { received: 0, sent: 12_345 });
    let after = scrape(&panel, 1, V2).await;
    let truth = knobs.truth.traffic_between("7-41", NOW, NOW + 7_201).unwrap();
    assert_eq!(sum(&after) - sum(&before), truth.sent as f64);

    panel.set_node_up(1, false);
    let alone = scrape(&panel, 0, V2).await;
    assert!(alone.contains_key(&nodes[0]) && !alone.contains_key(&nodes[1]));
    assert!(client().get(panel.node_url(1)).send().await.is_err());
    panel.set_node_up(1, true);
    assert_eq!(sum(&scrape(&panel, 0, V2).await), sum(&after));

    panel.restart_node(1);
    let restarted = scrape(&panel, 0, V2).await;
    assert!(!restarted.contains_key(&nodes[1]), "absent while nothing has passed");
    let cluster = scrape(&panel, 0, "/minio/v2/metrics/cluster").await;
    let server = panel.node_url(1).replace("http://", "");
    let started = cluster[&format!("minio_node_process_starttime_seconds{{server=\"{server}\"}}")];
    assert_eq!(started, (NOW + 7_201) as f64);
    knobs.clock.advance(3_600);
    let later = scrape(&panel, 0, V2).await;
    let own = knobs.truth.traffic_between("7-41", NOW + 7_201, NOW + 10_801).unwrap();
    let grown = later[&nodes[1]] + later[&nodes[0]] - restarted[&nodes[0]];
    assert_eq!(grown, own.sent as f64);
}

#[tokio::test]
async fn the_third_version_swaps_directions_and_knows_one_node() {
    let panel = start(3).await;
    panel.knobs().clock.advance(86_400);
    let v2 = scrape(&panel, 0, V2).await;
    for node in 0..2 {
        let v3 = scrape(&panel, node, "/minio/metrics/v3/bucket/api/7-41-data").await;
        let server = panel.node_url(node).replace("http://", "");
        let labels = format!("{{bucket=\"7-41-data\",server=\"{server}\",type=\"s3\"}}");
        let truly_sent = v2[&sent(&panel, node, "7-41-data")];
        assert_eq!(v3[&format!("minio_bucket_api_traffic_received_bytes{labels}")], truly_sent);
        assert_eq!(v3.keys().filter(|name| name.contains("traffic")).count(), 2);
    }
    panel.switch(|switches| switches.v3_swapped = false);
    let v3 = scrape(&panel, 0, "/minio/metrics/v3/bucket/api/7-41-data").await;
    let named = v3.iter().find(|(name, _)| name.contains("traffic_sent")).unwrap();
    assert_eq!(*named.1, v2[&sent(&panel, 0, "7-41-data")]);
}

#[tokio::test]
async fn a_hundred_buckets_are_all_that_is_shown() {
    let panel = start(150).await;
    let buckets = |lines: BTreeMap<String, f64>| {
        lines.keys().filter(|name| name.starts_with("minio_bucket_usage_total_bytes")).count()
    };
    assert_eq!(buckets(scrape(&panel, 0, V2).await), 100);
    panel.switch(|switches| switches.cut_at_100_buckets = false);
    assert!(buckets(scrape(&panel, 0, V2).await) > 150);
}

#[tokio::test]
async fn metrics_are_guarded_in_the_words_of_the_release() {
    let panel = start(3).await;
    let ask = async |token: Option<String>| {
        let mut request = client().get(format!("{}{V2}", panel.url()));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = ask(None).await;
    assert!(status == 403 && text.contains(r#""Code":"AccessDenied""#));
    assert_eq!(ask(Some(token(&panel, -1))).await.0, 403);
    panel.switch(|switches| switches.metrics_guard = MetricsGuard::JwtOldWords);
    assert_eq!(ask(None).await, (403, String::new()));
    assert_eq!(ask(Some(token(&panel, -1))).await.0, 401);
    panel.switch(|switches| switches.metrics_guard = MetricsGuard::Public);
    assert_eq!(ask(None).await.0, 200);
}
