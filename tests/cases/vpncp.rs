//! VPNcp: lists that are cut by a right, and months that are not understood.

use serde_json::{Value, json};

use crate::{Case, failed, warnings};

const KEYS: &str = "kind = \"vpncp\"\naccess_hash = \"hunter2hunter2hunter2\"\ngeneration = 1";
const API: &str = "/api/v1";

impl Case {
    async fn vpncp() -> Case {
        let case = Case::new(KEYS).await;
        case.vpn("system/info", json!({ "timezone": "Europe/Warsaw" }));
        case.vpn(
            "system/config",
            json!({ "traffic_statistics_frequency": 5, "traffic_statistics_history": 12 }),
        );
        case
    }

    fn vpn(&self, path: &str, msg: Value) {
        let body = json!({ "error": "", "msg": msg, "status": "success" });
        self.panel.says(&format!("{API}/{path}"), body.to_string());
    }

    /// So many clients are counted, and these are listed.
    fn clients(&self, count: u64, names: &[&str]) {
        let status = json!({ "count_accounts": count, "count_accounts_available": 500, "license_valid": true,
            "status": "OK", "version": "1.8" });
        self.vpn("system/status", status);
        let client = |name: &&str| json!({ "name": name, "status": "enable", "wg_name": "wg0", "b_download": "0", "b_upload": "0" });
        self.vpn("account", names.iter().map(client).collect());
    }

    fn month(&self, name: &str, month: &str, days: &[(&str, u64)]) {
        let day = |(date, bytes): &(&str, u64)| json!({ "account": name, "date": date, "traffic_download": bytes, "traffic_upload": 0 });
        self.vpn(&format!("account/{name}/traffic_statistics/{month}"), days.iter().map(day).collect());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_shorter_than_the_panels_own_count_makes_nobody_gone() {
    let case = Case::vpncp().await;
    case.clients(2, &["vpn-1", "vpn-2"]);
    for name in ["vpn-1", "vpn-2"] {
        case.month(name, "2026/11", &[("2026-11-20", 700)]);
        case.month(name, "2026/10", &[]);
    }
    case.poll("2026-11-20T08:00:00Z").await;
    // The credential may see one of them only.
    case.clients(2, &["vpn-1"]);
    for now in ["2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"] {
        let report = case.poll(now).await;
        assert!(warnings(&report).contains("1 of 2 clients"), "{report}");
        assert_eq!(case.present(now).await, 2);
    }
    // Deleted in truth: the panel counts one less.
    case.clients(1, &["vpn-1"]);
    case.poll("2026-11-20T12:00:00Z").await;
    case.poll("2026-11-20T13:00:00Z").await;
    assert_eq!(case.present("2026-11-20T13:00:00Z").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_month_that_is_not_understood_leaves_the_other() {
    let case = Case::vpncp().await;
    case.clients(2, &["vpn-1", "vpn-2"]);
    for name in ["vpn-1", "vpn-2"] {
        case.month(name, "2026/11", &[("2026-11-20", 700)]);
        case.month(name, "2026/10", &[]);
        case.month(name, "2026/12", &[("2026-12-01", 5_000)]);
    }
    case.poll("2026-11-30T08:00:00Z").await;
    // On the first days of a month the one before is asked too.
    let now = "2026-12-01T08:00:00Z";
    case.vpn("account/vpn-1/traffic_statistics/2026/11", json!("no such table"));
    let failed = failed(&case.poll(now).await);
    assert!(failed.len() == 1 && failed[0].0 == "vpn-1" && failed[0].2.contains("2026/11"), "{failed:?}");
    for name in ["vpn-1", "vpn-2"] {
        let arguments =
            ["usage", "--account", name, "--meter", "traffic_out", "--month", "2026-12", "--json"];
        let rows = case.run(now, &arguments).await.json();
        assert_eq!(rows[0]["bytes"], 5_000, "{name}: {rows}");
    }
}
