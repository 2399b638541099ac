//! The overage formula of OnApp's module for WHMCS on real statistics: from the hourly rows of servers to a billable item,
//! looked at in a file first. docs/invoices.md has the formula, docs/onapp-overage.toml its two readings.

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::onapp::{self, Panel, Scope};
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::truth::Deed;
use whmeter_simulators::whmcs::{self, Whmcs};

use super::house::{BEGIN, DAY, END, HOUR, NOW};
use crate::support::panels::{section, settings};
use crate::support::program::{Site, free_port};

const MEGABYTE: u64 = 1_000_000;

/// Soft limit and extra, as the rules have them.
const FREE: u64 = 1_050_000 * MEGABYTE;

struct Overage {
    site: Site,
    panel: Panel,
    whmcs: Whmcs,
    /// The servers: far over, a little over, a little less than the smallest invoice, within.
    servers: Vec<String>,
}

impl Overage {
    async fn open() -> Overage {
        let clock = |start| panel::Options { accounts: 4, clock: start, ..panel::Options::default() };
        let common = clock(ClockStart::Frozen(BEGIN));
        let options = onapp::Options { common, scope: Scope::Vm, ..onapp::Options::default() };
        let panel = Panel::start(options).await.unwrap();
        let common = clock(ClockStart::Frozen(NOW));
        let whmcs = Whmcs::start(whmcs::Options { common, ..whmcs::Options::default() }).await.unwrap();
        let port = free_port();
        let billing = format!("{}max_age = \"800h\"", settings(&whmcs));
        let backend = section(&panel, "onapp-fra", "every = \"12h\"\nwhmcs_server = 12");
        let site = Site::new(&crate::house(port, &billing, "", &[backend]));
        let servers = panel.accounts();
        let overage = Overage { site, panel, whmcs, servers };
        overage.tell_services(port).await;
        overage.play().await;
        overage
    }

    async fn tell_services(&self, port: u16) {
        let clock = self.site.path().join("clock");
        std::fs::write(&clock, BEGIN.to_string()).unwrap();
        let service = |(number, server): (usize, &String)| {
            json!({ "id": 8_000 + number, "client": 1_042 + number, "username": format!("vm{number}"),
                "account": server, "product": "VPS", "status": "Active" })
        };
        let services: Vec<Value> = self.servers.iter().enumerate().map(service).collect();
        let daemon = self.site.start_told(port, &clock);
        daemon.until("/-/ready", "ready", |got| got.status == 200).await;
        let request = daemon.request("PUT", "/v1/whmcs/services?server=12");
        let body = json!({ "schema": 1, "services": services }).to_string();
        let told = daemon.send(request.header("content-type", "application/json").body(body)).await.unwrap();
        assert_eq!(told.status, 200, "{}", told.text());
        daemon.stop().await;
    }

    /// The month, read every other day. The servers move nothing by themselves: what each moved comes to within a few
    /// kilobytes of what is wanted.
    async fn play(&self) {
        let truth = &self.panel.knobs().truth;
        self.servers.iter().for_each(|server| assert!(truth.did_to_all(server, BEGIN, Deed::Halt)));
        let over = [184_567 * MEGABYTE, 200 * MEGABYTE, 189 * MEGABYTE];
        for (server, over) in self.servers.iter().zip(over) {
            // In the middle of the 10th and the 20th.
            for at in [BEGIN + 9 * DAY + 43_000, BEGIN + 19 * DAY + 43_000] {
                let bytes = (FREE + over) / 4 / 1024 * 1024;
                truth.add_traffic(server, at, Traffic { received: bytes, sent: bytes });
            }
        }
        for at in (0..=15).map(|turn| BEGIN + turn * 2 * DAY + 900).chain([END + 2 * HOUR, NOW]) {
            self.panel.knobs().clock.freeze_at(at);
            self.site.polled(at).await;
        }
    }

    /// What the formula bills, of the panel's own truth: cents, half up.
    fn formula(&self, server: &str) -> Option<String> {
        let moved = self.panel.knobs().truth.traffic_between(server, BEGIN, END).unwrap();
        let over = u128::from((moved.sent + moved.received).saturating_sub(FREE));
        // A megabyte costs the twentieth part of a cent.
        let cents = (over * 5 + 50_000_000) / 100_000_000;
        (cents >= 10).then(|| format!("{}.{:02}", cents / 100, cents % 100))
    }

    async fn rehearse(&self, rule: &str) -> Value {
        let config = std::fs::read_to_string(self.site.config()).unwrap();
        let before = config.split("\n[[price]]").next().unwrap();
        self.site.write("whmeter.toml", &format!("{before}\n[[price]]{rule}"));
        self.site.at(NOW, &["invoice", "--month", "2026-12", "--dry-run", "look.json"]).await.good();
        let look = std::fs::read_to_string(self.site.path().join("look.json")).unwrap();
        serde_json::from_str(&look).unwrap()
    }

    /// Every line is what the formula says, in the state of a line that bills.
    fn check(&self, report: &Value, billing: &str) {
        let mut amounts = Vec::new();
        for server in &self.servers {
            let lines = report["lines"].as_array().unwrap();
            let line = lines.iter().find(|line| line["account"] == server.as_str());
            let line = line.unwrap_or_else(|| panic!("no line of {server}: {report:#}"));
            let moved = self.panel.knobs().truth.traffic_between(server, BEGIN, END).unwrap();
            assert_eq!(line["used_bytes"], moved.sent + moved.received, "{line}");
            match self.formula(server) {
                Some(amount) => {
                    assert_eq!(
                        (&line["state"], &line["amount"]),
                        (&json!(billing), &json!(amount)),
                        "{line}"
                    );
                    amounts.push(amount);
                }
                None => assert_eq!(line["state"], "nothing", "{line}"),
            }
        }
        assert_eq!(amounts, ["92.28", "0.10"], "the two examples of docs/invoices.md that are billed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_formula_of_onapps_module_bills_what_its_hours_add_up_to() {
    let overage = Overage::open().await;
    let readings = include_str!("../../../docs/onapp-overage.toml");
    let rules: Vec<&str> = readings.split("\n[[price]]").skip(1).collect();
    assert_eq!(rules.len(), 2);
    for rule in rules {
        overage.check(&overage.rehearse(rule).await, "would_create");
    }
    assert!(overage.whmcs.knobs().requests.all().is_empty(), "a rehearsal asks WHMCS nothing");

    let bill = ["invoice", "--month", "2026-12", "--json"];
    let billed = overage.site.at(NOW, &bill).await.json();
    overage.check(&billed, "created");
    let again = overage.site.at(NOW + DAY, &bill).await.json();
    overage.check(&again, "already");
    let items = overage.whmcs.items();
    let amounts: Vec<_> = items.iter().map(|item| (item.client, item.amount.as_str())).collect();
    assert_eq!(amounts, [(1_042, "92.28"), (1_043, "0.10")]);
    // Whoever asks why is shown what was billed of both directions together.
    let why = ["explain", "onapp-fra", &overage.servers[0], "traffic_out", "--month", "2026-12"];
    let why = overage.site.at(NOW, &why).await.good();
    assert!(why.contains("92.28 EUR for 2026-12-01 to 2027-01-01, created as item"), "{why}");
    overage.panel.stop();
}
