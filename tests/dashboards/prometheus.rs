//! A real Prometheus that scrapes a house, with the rules as they are shipped, and is asked what panels ask.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Child;

use crate::board::file;
use crate::support::program::{PATIENCE, Site, free_port};
use crate::support::tools;

pub struct Prometheus<'a> {
    site: &'a Site,
    own: u16,
    client: reqwest::Client,
    // It ends when it is dropped.
    _child: Child,
}

impl<'a> Prometheus<'a> {
    /// Scrapes the page at `scraped` every second; `None` where the program is missing.
    pub fn start(site: &'a Site, scraped: u16) -> Option<Prometheus<'a>> {
        let (program, own) = (tools::prometheus()?, free_port());
        let rules = file("alerts/whmeter.rules.yml");
        site.write(
            "prometheus.yml",
            &format!(
                "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
                 rule_files: ['{}']\nscrape_configs:\n- job_name: whmeter\n  static_configs: [{{targets: \
                 ['127.0.0.1:{scraped}']}}]\n",
                rules.display()
            ),
        );
        let listens = format!("--web.listen-address=127.0.0.1:{own}");
        let arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", &listens];
        let log = std::fs::File::create(site.path().join("prometheus.log")).unwrap();
        let mut command = site.command_of(&program, &arguments);
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        whmeter::http::install_tls();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Some(Prometheus { site, own, client, _child: child })
    }

    /// The values that a query finds now; an error where it is no query. What is no number is no value: a share of
    /// nothing.
    pub async fn ask(&self, query: &str) -> Result<Vec<f64>, String> {
        let url = format!("http://127.0.0.1:{}/api/v1/query", self.own);
        let url = reqwest::Url::parse_with_params(&url, [("query", query)]).unwrap();
        let answer = self.client.get(url).send().await.map_err(|error| error.to_string())?;
        let answer = answer.bytes().await.map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        if answer["status"] != "success" {
            return Err(answer["error"].to_string());
        }
        let found = answer["data"]["result"].as_array().unwrap().iter();
        let values = found.map(|one| one["value"][1].as_str().unwrap().parse::<f64>().unwrap());
        Ok(values.filter(|value| !value.is_nan()).collect())
    }

    /// Waits until a query finds something.
    pub async fn until(&self, query: &str) -> Vec<f64> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.ask(query).await;
            match &found {
                Ok(values) if !values.is_empty() => return found.unwrap(),
                _ => {}
            }
            let log = || std::fs::read_to_string(self.site.path().join("prometheus.log")).unwrap();
            assert!(Instant::now() < deadline, "{query} finds {found:?}\n{}", log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
