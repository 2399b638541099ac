//! prometheus-pve-exporter, written by others against the real thing, must not notice the difference:
//! its numbers are the truth's. `WHMETER_PYTHON` is an interpreter that has the package; where it is
//! missing the test says so and passes, except when `CI` is set.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::proxmox::{Options, Panel};

const NOW: i64 = 1_795_226_400;

/// What the exporter shows: value by series.
fn scrape(python: &std::ffi::OsStr, panel: &Panel) -> BTreeMap<String, f64> {
    let settings = panel.settings();
    let (user, token) = settings["user"].split_once('!').unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scrape_proxmox.py");
    let mut command = Command::new(python);
    command.arg(script).arg(panel.url().replace("https://", ""));
    let output = command.args([user, token, &settings["secret"]]).arg(panel.authority().unwrap()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.into(), value.parse().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exporter_everybody_uses_sees_the_truth() {
    let python = std::env::var_os("WHMETER_PYTHON").unwrap_or_else(|| "python3".into());
    let has_package = Command::new(&python).args(["-c", "import pve_exporter"]).output();
    if !has_package.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "prometheus-pve-exporter is missing: set WHMETER_PYTHON");
        eprintln!("skipped: prometheus-pve-exporter is missing (set WHMETER_PYTHON)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tls = Some(folder.path().to_owned());
    let clock = ClockStart::Frozen(NOW);
    let common = panel::Options { accounts: 20, tls, clock, ..panel::Options::default() };
    let panel = Panel::start(Options { common, ..Options::default() }).await.unwrap();
    let before = scrape(&python, &panel);
    panel.knobs().clock.advance(900);
    let after = scrape(&python, &panel);

    let (mut moving, mut off) = (0, 0);
    for account in panel.accounts() {
        let guest = panel.operate(&format!("guests/{account}"), &Value::Null).unwrap();
        let id = format!("{}/{account}", guest["type"].as_str().unwrap());
        let series = |name: &str| format!("{name}{{id=\"{id}\"}}");
        let grew = |name: &str| after[&series(name)] - before[&series(name)];
        let truth = panel.knobs().truth.traffic_between(&account, NOW, NOW + 900).unwrap();
        assert_eq!(grew("pve_network_transmit_bytes_total") as u64, truth.sent, "{id}");
        assert_eq!(grew("pve_network_receive_bytes_total") as u64, truth.received, "{id}");
        let runs = guest["runs"] == json!(true);
        assert_eq!(after[&series("pve_up")], f64::from(u8::from(runs)), "{id}");
        assert_eq!(grew("pve_uptime_seconds"), if runs { 900.0 } else { 0.0 }, "{id}");
        let stored = panel.knobs().truth.level(&account, NOW + 900).unwrap();
        let stored = if runs && panel.is_container(&account) { stored } else { 0 };
        assert_eq!(after[&series("pve_disk_usage_bytes")] as u64, stored, "{id}");
        moving += i32::from(truth.sent > 0);
        off += i32::from(!runs);
    }
    assert!(moving > 10 && off > 0, "{moving} moved, {off} were off");
    assert!(after.keys().any(|name| name.starts_with("pve_version_info{") && name.contains("9.1")));
    assert_eq!(after["pve_up{id=\"cluster/prod1\"}"], 1.0);
    // Of every guest on the node that was asked it reads the configuration.
    assert!(after.keys().filter(|name| name.starts_with("pve_onboot_status{")).count() >= 6);
    panel.stop();
}
