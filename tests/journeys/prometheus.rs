//! A real Prometheus scrapes `serve` and answers with the truth.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{PATIENCE, Site, free_port};
use crate::support::tools;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_shows_what_the_panel_really_holds() {
    let Some(program) = tools::prometheus() else { return };
    let panel = crate::start(4, ClockStart::WallClock).await;
    let now = panel.knobs().clock.now_seconds();
    panel.knobs().truth.set_level("7-41", now - 60, 98_765_432_109);
    let (port, own) = (free_port(), free_port());
    let tokens = "[[http.token]]\nname = \"prometheus\"\nscope = [\"metrics\"]\ntoken = \"scrapers-token-0123456789\"\n";
    let site = Site::new(&crate::house(port, "", tokens, &[section(&panel, "s3", "every = \"1s\"")]));
    site.write("scraper.token", "scrapers-token-0123456789");
    site.write(
        "prometheus.yml",
        &format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: whmeter\n  authorization: {{credentials_file: scraper.token}}\n  \
             static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
        ),
    );
    let daemon = site.serve(port).await;
    let mut command = site.command_of(
        &program,
        &[
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=tsdb",
            &format!("--web.listen-address=127.0.0.1:{own}"),
        ],
    );
    let log = std::fs::File::create(site.path().join("prometheus.log")).unwrap();
    let mut child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |query: &str| -> Option<Value> {
        let url = reqwest::Url::parse_with_params(
            &format!("http://127.0.0.1:{own}/api/v1/query"),
            [("query", query)],
        );
        let answer = client.get(url.unwrap()).send().await.ok()?.bytes().await.ok()?;
        let answer: Value = serde_json::from_slice(&answer).ok()?;
        answer["data"]["result"].get(0).map(|found| found["value"][1].clone())
    };
    let until = async |query: &str, wanted: &str| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = ask(query).await;
            if found.as_ref().is_some_and(|found| found == wanted) {
                return;
            }
            let log = || std::fs::read_to_string(site.path().join("prometheus.log")).unwrap();
            assert!(Instant::now() < deadline, "{query} is {found:?}, not {wanted}\n{}", log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    until("whmeter_storage_used_bytes{account=\"7-41\"}", "98765432109").await;
    until("whmeter_storage_used_bytes{account=\"8-77\"}", "0").await;
    until("up{job=\"whmeter\"}", "1").await;
    until("whmeter_poll_success{backend=\"s3\"}", "1").await;
    // It moves on as the panel does.
    let moved = panel.knobs().clock.now_seconds();
    panel.knobs().truth.set_level("7-41", moved - 1, 5);
    until("whmeter_storage_used_bytes{account=\"7-41\"}", "5").await;

    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    tokio::time::timeout(PATIENCE, child.wait()).await.expect("prometheus does not stop").unwrap();
    daemon.stop().await;
    site.check_never_said(&["rootsecret123", "scrapers-token"]);
    panel.stop();
}
