//! Inputs from the field: answers of panels as people have reported them, with values of our own, played poll by poll to
//! the real program. Every poll is a process of its own: what a panel has told before is in the store, or nowhere.

#![allow(clippy::unwrap_used, missing_docs)]

mod minio_storage;
mod minio_traffic;
mod panel;
mod proxmox;
#[allow(dead_code)] // No test target uses all of it.
#[path = "../support/mod.rs"]
mod support;
mod vpncp;

use serde_json::Value;

use crate::panel::Panel;
use crate::support::house::house;
use crate::support::program::{Ran, Site, free_port};

/// A house with one backend, and its panel.
pub struct Case {
    pub site: Site,
    pub panel: Panel,
    keys: String,
}

impl Case {
    /// A house whose backend has these keys, besides its address.
    pub async fn new(keys: &str) -> Case {
        let panel = Panel::start().await;
        let site = Site::new(&config(&panel, keys));
        Case { site, panel, keys: keys.into() }
    }

    /// Adds keys to the backend's section.
    pub fn configure(&self, more: &str) {
        let text = config(&self.panel, &format!("{}\n{more}", self.keys));
        std::fs::write(self.site.config(), text).unwrap();
    }

    /// Polls at a time (RFC 3339), whatever comes of it.
    pub async fn try_poll(&self, at: &str) -> Ran {
        self.run(at, &["poll", "--json"]).await
    }

    /// Polls at a time; the report.
    pub async fn poll(&self, at: &str) -> Value {
        let report = self.try_poll(at).await.json();
        report[0].clone()
    }

    pub async fn run(&self, at: &str, arguments: &[&str]) -> Ran {
        let now = seconds(at);
        self.panel.shows(now);
        self.site.at(now, arguments).await
    }

    /// This month's bytes of an account: the last level, or what passed; `None` where nothing is known.
    pub async fn bytes(&self, at: &str, account: &str, meter: &str) -> Option<u64> {
        let arguments = ["usage", "--account", account, "--meter", meter, "--json"];
        let rows = self.run(at, &arguments).await.json();
        rows[0]["bytes"].as_u64()
    }

    /// What is nobody's: state, name and bytes.
    pub async fn unclaimed(&self, at: &str) -> Vec<(String, String, Option<u64>)> {
        let found = self.run(at, &["report", "--what", "unclaimed", "--json"]).await.json();
        let text = |value: &Value| value.as_str().unwrap().to_string();
        let line = |line: &Value| (text(&line["state"]), text(&line["detail"]), line["bytes"].as_u64());
        found.as_array().unwrap().iter().map(line).collect()
    }

    /// How many accounts are on the panel, as far as is believed.
    pub async fn present(&self, at: &str) -> u64 {
        self.run(at, &["backend", "list", "--json"]).await.json()[0]["accounts"].as_u64().unwrap()
    }

    /// The journal holds together, and makes the same numbers again.
    pub async fn verify(&self, at: &str) {
        self.run(at, &["verify"]).await.good();
        assert_eq!(self.run(at, &["replay", "--json"]).await.json(), serde_json::json!([]));
    }
}

fn config(panel: &Panel, keys: &str) -> String {
    let backend =
        format!("\n[[backend]]\nname = \"p\"\nurl = {:?}\nevery = \"31d\"\nretries = 0\n{keys}\n", panel.url);
    house(free_port(), "", "", &[backend])
}

/// The accounts that a poll could not read, each with what is said of it.
pub fn failed(report: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let line = |one: &Value| (text(&one["account"]), text(&one["reason"]), text(&one["detail"]));
    report["failed_accounts"].as_array().unwrap().iter().map(line).collect()
}

/// What a poll warns of, in one text.
pub fn warnings(report: &Value) -> String {
    report["warnings"].to_string()
}

pub fn seconds(at: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(at).unwrap().timestamp()
}
