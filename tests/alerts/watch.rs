//! A real Prometheus with our rules and a real Alertmanager with our example, telling the receiver.
//!
//! The files are taken as shipped, but for durations (seconds instead of minutes) and addresses.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Child;

use crate::receiver::{ReceivedAlert, Receiver};
use crate::support::program::{PATIENCE, Site, free_port};
use crate::support::tools;
use crate::text;

pub struct Watch<'a> {
    site: &'a Site,
    receiver: Receiver,
    alertmanager: String,
    client: reqwest::Client,
    // They end when they are dropped.
    _children: [Child; 2],
}

impl<'a> Watch<'a> {
    /// Scrapes the page at `scraped`; `None` where the programs are missing.
    pub async fn start(site: &'a Site, scraped: u16) -> Option<Watch<'a>> {
        let (prometheus, alertmanager) = (tools::prometheus()?, tools::alertmanager()?);
        let receiver = Receiver::default();
        let (own, other, hooks) = (free_port(), free_port(), receiver.start().await);
        // Not those of WhmeterGone: it would fire before the first scrape.
        let rules = hurried(&text("alerts/whmeter.rules.yml"), &["keep_firing_for: 30m", "for: 35m"]);
        site.write("rules.yml", &rules);
        let example = text("alerts/alertmanager.example.yml");
        assert!(example.contains("https://chat.example.net"));
        let routes = hurried(&example, &["group_wait: 30s", "group_wait: 10s", "group_interval: 5m"]);
        site.write("alertmanager.yml", &routes.replace("https://chat.example.net", &hooks));
        site.write(
            "prometheus.yml",
            &format!(
                "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
                 rule_files: [rules.yml]\n\
                 alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{other}']}}]}}]}}\n\
                 scrape_configs:\n- {{job_name: whmeter, static_configs: [{{targets: \
                 ['127.0.0.1:{scraped}']}}]}}\n"
            ),
        );
        let children = [
            child(
                site,
                &alertmanager,
                "alertmanager",
                &[
                    "--config.file=alertmanager.yml",
                    "--storage.path=alertmanager",
                    "--cluster.listen-address=",
                    &format!("--web.listen-address=127.0.0.1:{other}"),
                ],
            ),
            child(
                site,
                &prometheus,
                "prometheus",
                &[
                    "--config.file=prometheus.yml",
                    "--storage.tsdb.path=tsdb",
                    "--rules.alert.resend-delay=1s",
                    &format!("--web.listen-address=127.0.0.1:{own}"),
                ],
            ),
        ];
        whmeter::http::install_tls();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let alertmanager = format!("http://127.0.0.1:{other}/api/v2/alerts");
        Some(Watch { site, receiver, alertmanager, client, _children: children })
    }

    /// Waits until somebody is told something, and returns it.
    pub async fn until_told(&self, who: &str, status: &str, alert: &str) -> ReceivedAlert {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let alerts = self.receiver.alerts();
            // The newest: an alert that fired before may have fired with other words.
            if let Some(alerts) = alerts.iter().rev().find(|alerts| alerts.is(who, status, alert)) {
                return alerts.clone();
            }
            let logs = || ["alertmanager", "prometheus"].map(|name| log(self.site, name)).concat();
            assert!(Instant::now() < deadline, "{who} never heard {alert} {status}; {alerts:#?}\n{}", logs());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Everything anybody was told.
    pub fn alerts(&self) -> Vec<ReceivedAlert> {
        self.receiver.alerts()
    }

    /// Tells Alertmanager of alerts, as whmeter does.
    pub async fn post(&self, alerts: &Value) {
        let request = self.client.post(&self.alertmanager).header("content-type", "application/json");
        let answer = request.body(alerts.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    /// Waits until Alertmanager has an alert of this name in this state: `active`, or `suppressed` by
    /// another one.
    pub async fn until_held(&self, alert: &str, state: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let held = self.client.get(&self.alertmanager).send().await.unwrap().bytes().await.unwrap();
            let held: Value = serde_json::from_slice(&held).unwrap();
            let mut alerts = held.as_array().unwrap().iter();
            if alerts.any(|one| one["labels"]["alertname"] == alert && one["status"]["state"] == state) {
                return;
            }
            assert!(Instant::now() < deadline, "{alert} is never {state}: {held:#}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The file with these durations cut to a second wherever they stand, and nothing else changed.
fn hurried(text: &str, durations: &[&str]) -> String {
    durations.iter().fold(text.to_string(), |text, duration| {
        assert!(text.contains(duration), "nothing lasts {duration:?}");
        let (key, _) = duration.split_once(": ").unwrap();
        text.replace(duration, &format!("{key}: 1s"))
    })
}

fn child(site: &Site, program: &Path, name: &str, arguments: &[&str]) -> Child {
    let log = std::fs::File::create(site.path().join(format!("{name}.log"))).unwrap();
    let mut command = site.command_of(program, arguments);
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn log(site: &Site, name: &str) -> String {
    std::fs::read_to_string(site.path().join(format!("{name}.log"))).unwrap()
}
