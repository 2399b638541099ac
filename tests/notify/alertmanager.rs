//! A real Alertmanager: the alert fires, is kept alive without becoming another, and resolves.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use whmeter::domain::{Seconds, Timestamp};
use whmeter::notify::{Channels, Firing};
use whmeter::quota::{Channel, Notification, Occasion};

use crate::{at, channels, delivery, is_later, is_never, notification, program};

const PATIENCE: Duration = Duration::from_secs(30);

/// A running Alertmanager.
struct Running {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
    client: reqwest::Client,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Running {
    async fn start(program: &Path) -> Running {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("a.yml"),
            "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n",
        )
        .unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(program)
            .current_dir(folder.path())
            .args(["--config.file=a.yml", "--storage.path=kept", "--cluster.listen-address="])
            .args([format!("--web.listen-address=127.0.0.1:{port}"), "--web.route-prefix=/am".into()])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        whmeter::http::install_tls();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let running = Running { child, port, folder, client };
        let deadline = Instant::now() + PATIENCE;
        while running.ask("status").await.is_none() {
            assert!(Instant::now() < deadline, "{}", running.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        running
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/am", self.port)
    }

    async fn ask(&self, call: &str) -> Option<Value> {
        let answer = self.client.get(format!("{}/api/v2/{call}", self.url())).send().await.ok()?;
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }

    /// The alerts that fire now.
    async fn firing(&self) -> Vec<Value> {
        self.ask("alerts").await.unwrap().as_array().unwrap().clone()
    }

    fn channels(&self) -> Channels {
        // The first member of the cluster is down.
        let urls = format!("['http://127.0.0.1:9', '{}']", self.url());
        let more = "generator_url = 'https://meter.example.net/'\nretries = 0";
        channels(&format!("channels = ['alertmanager']\n[alertmanager]\nurls = {urls}\n{more}"), None)
    }
}

/// The machine's own time: a real Alertmanager has no other.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    at(since.as_secs() as i64)
}

fn told(occasion: Occasion, account: &str, now: Timestamp) -> Notification {
    let mut notification = notification(occasion, account);
    notification.since = now.minus(Seconds::new(60));
    notification.at = now;
    notification
}

async fn tell(channels: &Channels, notification: &Notification, now: Timestamp) -> String {
    let mut telling = delivery(notification);
    telling.now = now;
    channels.deliver(Channel::Alertmanager, &telling).await.unwrap().answer
}

fn seconds(alert: &Value, key: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(alert[key].as_str().unwrap()).unwrap().timestamp()
}

#[tokio::test]
async fn an_alert_fires_is_kept_alive_and_resolves() {
    let Some(program) = program("WHMETER_ALERTMANAGER", "prometheus-alertmanager") else { return };
    let running = Running::start(&program).await;
    let channels = running.channels();
    let first = now();
    let notice = told(Occasion::Notify, "1042-7731", first);
    let answer = tell(&channels, &notice, first).await;
    assert!(answer.contains("not notified: 127.0.0.1:9"), "{answer}");
    let [alert] = &running.firing().await[..] else { panic!("{:?}", running.firing().await) };
    let labels = serde_json::json!({"alertname": "WhmeterQuota", "backend": "s3-fra1", "account": "1042-7731",
        "meter": "storage", "threshold": "90", "kind": "minio", "severity": "warning",
        "product": "S3 Storage 100", "whmeter_episode": "s3-fra1/1042-7731/1/storage/90/2"});
    assert_eq!(alert["labels"], labels);
    assert_eq!(alert["generatorURL"], "https://meter.example.net/");
    assert!(alert["annotations"]["summary"].as_str().unwrap().contains("93.41 %"), "{alert}");
    assert!(alert["annotations"]["description"].as_str().unwrap().contains("93.41 GiB"), "{alert}");
    assert_eq!(seconds(alert, "startsAt"), first.get() - 60);
    assert_eq!(seconds(alert, "endsAt"), first.get() + 240);

    // Told again a minute later, by more notifications than fit into one call.
    let later = first.plus(Seconds::new(60));
    let others: Vec<_> =
        (0..600).map(|n| told(Occasion::Notify, &format!("other-{n}"), first)).chain([notice]).collect();
    let product = Some("S3 Storage 100");
    let firing: Vec<_> =
        others.iter().map(|notification| Firing { notification, kind: "minio", product }).collect();
    channels.keep_firing(&firing, later).await.unwrap();
    let all = running.firing().await;
    assert_eq!(all.len(), 601, "the same alert twice is one alert");
    let kept = all.iter().find(|alert| alert["labels"] == labels).unwrap();
    assert_eq!(seconds(kept, "endsAt"), later.get() + 240);

    let ended = now();
    tell(&channels, &told(Occasion::Resolved, "1042-7731", ended), ended).await;
    let deadline = Instant::now() + PATIENCE;
    while running.firing().await.len() != 600 {
        assert!(Instant::now() < deadline, "it still fires: {}", running.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(running.firing().await.iter().all(|alert| alert["labels"] != labels));
}

#[tokio::test]
async fn check_tells_each_member_and_a_cluster_that_is_down_is_told_later() {
    let Some(program) = program("WHMETER_ALERTMANAGER", "prometheus-alertmanager") else { return };
    let mut running = Running::start(&program).await;
    let channels = running.channels();
    let steps = channels.check(&[]).await;
    let [(_, down), (name, up)] = &steps[..] else { panic!("{steps:?}") };
    assert!(down.is_err() && name.contains(&running.port.to_string()), "{steps:?}");
    assert!(up.as_ref().unwrap().starts_with("Alertmanager 0."), "{up:?}");
    assert!(running.firing().await.is_empty());
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    let notice = notification(Occasion::Notify, "a");
    let error = channels.deliver(Channel::Alertmanager, &delivery(&notice)).await.unwrap_err();
    assert!(is_later(&error), "{error}");
    let failed = notification(Occasion::Failed, "a");
    assert!(is_never(&channels.deliver(Channel::Alertmanager, &delivery(&failed)).await.unwrap_err()));
}
