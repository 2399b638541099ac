//! The rule file against the other files that speak of it: runbook, unit tests, the page itself.

use std::collections::BTreeSet;

use crate::text;

/// One alert as the rule file has it.
pub struct Alert {
    pub name: String,
    lines: Vec<String>,
}

impl Alert {
    /// A label it is given; the labels of an alert stand on one line.
    pub fn label(&self, name: &str) -> String {
        let line = self.lines.iter().find(|line| line.trim_start().starts_with("labels: {"));
        let line = line.unwrap_or_else(|| panic!("{}: no labels", self.name));
        let pairs = line.split(['{', '}', ',']).filter_map(|pair| pair.split_once(':'));
        let mut found = pairs.filter(|(key, _)| key.trim() == name);
        let (_, value) = found.next().unwrap_or_else(|| panic!("{}: no label {name}", self.name));
        value.trim().trim_matches('"').to_string()
    }

    fn annotation(&self, name: &str) -> Option<String> {
        let start = format!("          {name}: ");
        self.lines.iter().find_map(|line| line.strip_prefix(&start)).map(str::to_string)
    }
}

/// Every alert there is.
pub fn alerts() -> Vec<Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    for line in text("alerts/whmeter.rules.yml").lines() {
        if let Some(name) = line.trim_start().strip_prefix("- alert: ") {
            alerts.push(Alert { name: name.to_string(), lines: Vec::new() });
        } else if let Some(alert) = alerts.last_mut() {
            alert.lines.push(line.to_string());
        }
    }
    assert!(alerts.len() > 10, "only {} alerts found", alerts.len());
    alerts
}

#[test]
fn every_alert_has_a_summary_a_description_and_a_section_in_the_runbook() {
    let book = text("docs/alerts.md");
    let sections: Vec<&str> = book.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    for alert in alerts() {
        let name = &alert.name;
        let link = alert.annotation("runbook_url").unwrap_or_default();
        assert_eq!(link, format!("docs/alerts.md#{}", name.to_lowercase()), "{name}");
        assert!(sections.contains(&name.as_str()), "{name}: no section in docs/alerts.md");
        let summary = alert.annotation("summary").unwrap_or_default();
        assert!(
            !summary.is_empty() && !summary.contains("{{"),
            "{name}: a summary is the same for all: {summary}"
        );
        assert!(alert.annotation("description").is_some(), "{name}: no description");
    }
    for section in &sections {
        assert!(alerts().iter().any(|alert| alert.name == *section), "{section}: no such alert any more");
    }
    assert_eq!(sections.len(), alerts().len());
    for part in ["**Means:**", "**At stake:**", "**Look at"] {
        assert_eq!(book.matches(part).count(), sections.len(), "{part} stands in every section");
    }
}

#[test]
fn every_alert_is_tested_both_ways() {
    let tests = ["", "days."].map(|part| text(&format!("alerts/whmeter.rules.{part}test.yml"))).concat();
    for alert in alerts() {
        let silent = format!("alertname: {}, exp_alerts: [] }}", alert.name);
        assert!(tests.contains(&silent), "{}: no test that it is silent", alert.name);
        let fires = format!("alertname: {}\n        exp_alerts:\n          - exp_labels:", alert.name);
        assert!(tests.contains(&fires), "{}: no test that it fires", alert.name);
    }
}

/// The label names of a series up to its closing brace: `name{a="1", b="2"`. A value may hold anything
/// but what ends it, so they are found from behind: a name is what stands before `="`.
fn keys(series: &str) -> BTreeSet<&str> {
    let before = series.split("=\"").map(|part| part.rsplit(['{', ',', ' ']).next().unwrap_or_default());
    let mut keys: Vec<&str> = before.collect();
    keys.pop();
    keys.into_iter().collect()
}

#[test]
fn unit_tests_feed_series_as_the_page_has_them() {
    let page = text("tests/golden/metrics.txt");
    let mut compared = 0;
    for part in ["", "days."] {
        let tests = text(&format!("alerts/whmeter.rules.{part}test.yml"));
        for line in tests.lines() {
            let Some((_, series)) = line.split_once("series: '") else { continue };
            let series = series.split_once('\'').unwrap().0;
            let name = series.split('{').next().unwrap();
            let shown = page.lines().find(|line| line.starts_with(&format!("{name}{{")));
            let Some((shown, _)) = shown.and_then(|line| line.rsplit_once("} ")) else { continue };
            compared += 1;
            let exported = keys(shown);
            for label in keys(series.trim_end_matches('}')) {
                // What Prometheus adds.
                let added = label == "instance";
                assert!(added || exported.contains(label), "{series}: the page has {exported:?}");
            }
        }
    }
    assert!(compared > 30, "only {compared} series compared");
}
