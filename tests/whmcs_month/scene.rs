//! Two panels, a whmeter, a WHMCS, and one clock for all of them.

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::minio::Panel;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::house::{house, start};
use crate::support::panels::section;
use crate::support::program::{Daemon, Ran, Site, free_port};
use crate::whmcs::{IDENTIFIER, SECRET, Whmcs};

const GIB: u64 = 1 << 30;
const DAY: i64 = 86_400;
/// December 2026 in Warsaw.
pub const BEGIN: i64 = 1_796_079_600;
pub const END: i64 = BEGIN + 31 * DAY;
pub const MINUTES: i128 = 31 * 1_440;
/// 29 November, nine in the morning: the first look at the panels.
pub const START: i64 = BEGIN - 2 * DAY + 9 * 3_600 + 30;

pub const ALICE: &str = "7-41";
pub const BOB: &str = "7-411";
pub const CAROL: &str = "7-42";
pub const ERIN: &str = "1042-7731";
/// On the other panel.
pub const DAVE: &str = "7-41";
/// The product whose usage whmeter bills by itself.
pub const LEGACY: i64 = 34;
/// Of one GiB, in ten-thousandths.
pub const BOBS_PRICE: i128 = 370;

const BILLING: &str = "billings-token-0123456789";

const SETTINGS: &str = "<?php
return [
    'meters' => [20 => [13]],
    'companions' => [17 => 33],
    'options' => ['Extra traffic' => ['meter' => 'traffic_out', 'each' => '100 GiB']],
];
";

const RULES: &str = r#"
[[price]]
name = "legacy-out"
product = "Legacy*"
meter = "traffic_out"
included = "limit"
pro_rata = true
per = "1 GiB"
price = "0.037"
currency = "EUR"

[[limit]]
product = "Legacy*"
meter = "storage"
size = "whmcs"
notify_at = [80]

[notify]
channels = ["whmcs"]
"#;

/// The services, by their numbers in WHMCS.
pub struct Names {
    pub alice: i64,
    pub bob: i64,
    pub erin: i64,
    pub companion: i64,
}

/// What is there before anything happens.
pub struct Stage {
    panel: Panel,
    other: Panel,
    whmcs: Whmcs,
    site: Site,
    port: u16,
}

/// The same with a daemon that runs.
pub struct Scene<'s> {
    pub panel: &'s Panel,
    pub other: &'s Panel,
    pub whmcs: &'s Whmcs,
    site: &'s Site,
    daemon: Daemon<'s>,
    clock: std::path::PathBuf,
}

pub fn december(day: i64, hour: i64, minute: i64) -> i64 {
    BEGIN + (day - 1) * DAY + hour * 3_600 + minute * 60
}

pub fn november(day: i64, hour: i64, minute: i64) -> i64 {
    december(day - 30, hour, minute)
}

/// The client of an account on the first panel.
pub fn client(account: &str) -> i64 {
    let all = [ALICE, BOB, CAROL, ERIN];
    1_042 + all.iter().position(|one| *one == account).unwrap() as i64
}

const DAVES_CLIENT: i64 = 1_050;

impl Stage {
    /// `None` where something that it stands on is not installed.
    pub async fn open() -> Option<Stage> {
        let whmcs = Whmcs::open(SETTINGS, START).await?;
        let (panel, other) =
            (start(5, ClockStart::Frozen(START)).await, start(2, ClockStart::Frozen(START)).await);
        let port = free_port();
        whmcs.admin(START, "insert", &sold(port)).await;
        let billing = format!(
            "url = {:?}\nidentifier = {IDENTIFIER:?}\nsecret = {SECRET:?}\ncompanion_servers = [20]",
            whmcs.url()
        );
        let token =
            format!("[[http.token]]\nname = \"whmcs\"\nscope = [\"billing\"]\ntoken = {BILLING:?}\n\n");
        let backends = [
            section(&panel, "s3", "every = \"31d\"\nwhmcs_server = 12"),
            section(&other, "s4", "every = \"31d\"\nwhmcs_server = 13"),
        ];
        let config = format!("{}{RULES}", house(port, &billing, &token, &backends));
        for (panel, account, level) in [
            (&panel, ALICE, 30),
            (&panel, BOB, 12),
            (&panel, CAROL, 25),
            (&panel, ERIN, 60),
            (&other, DAVE, 9),
        ] {
            assert!(panel.knobs().truth.set_level(account, START - 60, level * GIB), "{account}");
        }
        Some(Stage { panel, other, whmcs, site: Site::new(&config), port })
    }

    pub fn close(self) {
        self.panel.stop();
        self.other.stop();
        self.site.check_never_said(&[SECRET, BILLING]);
    }
}

impl<'s> Scene<'s> {
    pub async fn open(stage: &'s Stage) -> Scene<'s> {
        let Stage { panel, other, whmcs, site, port } = stage;
        let clock = site.path().join("now");
        std::fs::write(&clock, START.to_string()).unwrap();
        let daemon = site.start_told(*port, &clock);
        daemon.until("/-/ready", "ready", |got| got.status == 200).await;
        Scene { panel, other, whmcs, site, daemon, clock }
    }

    /// It is `at` for everybody.
    fn becomes(&self, at: i64) {
        self.panel.knobs().clock.freeze_at(at);
        self.other.knobs().clock.freeze_at(at);
        self.whmcs.becomes(at);
        std::fs::write(&self.clock, at.to_string()).unwrap();
    }

    pub async fn poll(&self, at: i64) {
        self.becomes(at);
        self.site.polled(at).await;
    }

    pub async fn cron(&self, at: i64, more: &[&str]) {
        self.becomes(at);
        self.whmcs.cron(at, more).await;
    }

    /// Half a minute past the hour the panels are read, five minutes past it WHMCS's cron runs; at midnight sharp, and at noon.
    pub async fn pass_until(&self, from: i64, until: i64) {
        let half_days = (from - BEGIN).div_euclid(DAY / 2) + 1..;
        for half_day in half_days {
            let at = BEGIN + half_day * DAY / 2;
            if at >= until {
                break;
            }
            // A day's boundary is read to the second.
            self.poll(if half_day % 2 == 0 { at } else { at + 30 }).await;
            self.cron(at + 300, &[]).await;
        }
    }

    /// The last quarter of an hour of a month: read once more, collected once more (whmcs/README.md, step 8), and midnight.
    pub async fn month_ends(&self, midnight: i64) {
        self.poll(midnight - 15 * 60 + 30).await;
        self.cron(midnight - 10 * 60, &["do", "--collect"]).await;
        self.poll(midnight).await;
    }

    /// From half a minute past on an account holds so many GiB, which is read at once.
    pub async fn holds(&self, at: i64, account: &str, gibibytes: u64) {
        self.becomes(at + 30);
        assert!(self.panel.knobs().truth.set_level(account, at + 20, gibibytes * GIB), "{account}");
        self.poll(at + 30).await;
    }

    /// Everybody's busy day, besides what accounts move by themselves.
    pub async fn moves(&self, at: i64) {
        let moved = |received: u64, sent: u64| Traffic { received: received * GIB, sent: sent * GIB };
        for (panel, account, moved) in [
            (self.panel, ALICE, moved(1, 150)),
            (self.panel, BOB, moved(0, 200)),
            (self.panel, CAROL, moved(3, 40)),
            (self.panel, ERIN, moved(0, 33)),
            (self.other, DAVE, moved(21, 7)),
        ] {
            assert!(panel.knobs().truth.add_traffic(account, at - 60, moved), "{account}");
        }
        self.poll(at).await;
    }

    pub async fn acts(&self, at: i64, action: &str, wish: &Value) {
        self.becomes(at + 30);
        self.whmcs.admin(at + 30, action, wish).await;
    }

    pub async fn order(&self, at: i64, product: i64, server: i64, account: &str) -> i64 {
        let due = if account == BOB {
            "2027-01-05"
        } else if at > BEGIN {
            "2027-01-01"
        } else {
            "2026-12-01"
        };
        let wish = json!({ "client": client(account), "product": product, "server": server, "username": account,
            "due": due });
        self.becomes(at);
        self.whmcs.admin(at, "order", &wish).await.as_i64().unwrap()
    }

    pub async fn order_on_the_other(&self, at: i64) -> i64 {
        let wish = json!({ "client": DAVES_CLIENT, "product": 17, "server": 13, "username": DAVE, "due": "2026-12-01" });
        self.whmcs.admin(at, "order", &wish).await.as_i64().unwrap()
    }

    async fn service(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let all = self.whmcs.rows("tblhosting").await;
        let found: Vec<_> = all.iter().filter(|row| wanted(row)).collect();
        let [one] = found.as_slice() else { panic!("not one: {all:#?}") };
        (*one).clone()
    }

    pub async fn companion_of(&self, service: i64) -> i64 {
        let found = self.service(|row| row["username"] == format!("whm-{service}")).await;
        assert_eq!((&found["domainstatus"], &found["server"]), (&json!("Active"), &json!(20)));
        found["id"].as_i64().unwrap()
    }

    pub async fn status_of(&self, service: i64) -> String {
        let found = self.service(|row| row["id"] == service).await;
        found["domainstatus"].as_str().unwrap().to_string()
    }

    /// The limit of a tenant as pages of WHMCS show it, once the panel was read.
    pub async fn limit_of(&self, account: &str, metric: &str) -> String {
        let now = self.panel.knobs().clock.now_seconds() + 30;
        self.poll(now).await;
        let path = format!("/v1/whmcs/usage/{account}?server=12");
        let shown = self.daemon.ask("GET", &path, BILLING).await.json();
        shown["limits"][metric].as_str().unwrap_or_else(|| panic!("{shown}")).to_string()
    }

    /// A command of whmeter at a time.
    pub async fn says(&self, at: i64, arguments: &[&str]) -> Ran {
        self.becomes(at);
        self.site.at(at, arguments).await
    }

    /// What WHMCS's module is told of a tenant.
    pub async fn usage_of(&self, account: &str) -> Value {
        self.daemon.ask("GET", &format!("/v1/whmcs/usage/{account}?server=12"), BILLING).await.json()
    }

    /// `whmeter invoice` for December; its exit code and what it prints, where that is JSON.
    pub async fn invoice(&self, at: i64, more: &[&str]) -> (Option<i32>, Value) {
        self.becomes(at);
        let ran = self.site.at(at, &[&["invoice", "--month", "2026-12"], more].concat()).await;
        (ran.code, serde_json::from_str(&ran.stdout).unwrap_or_else(|_| json!(format!("{ran:?}"))))
    }

    /// `explain` shows both limits with their times, and what they come to.
    pub async fn explains_the_pieces(&self, at: i64, included: i128) {
        let arguments = ["explain", "s3", BOB, "traffic_out", "--month", "2026-12", "--json"];
        let told = self.site.at(at, &arguments).await.json();
        let words = self.site.at(at, &arguments[..arguments.len() - 1]).await.good();
        assert!(words.contains("by the time that each was in force"), "{words}");
        let shown = &told["sold"][0];
        assert_eq!(shown["by_time_bytes"], json!(included), "{told:#}");
        let limits: Vec<_> =
            shown["limits"].as_array().unwrap().iter().map(|piece| &piece["bytes"]).collect();
        assert_eq!(limits, [&json!(60 * GIB), &json!(160 * GIB)], "{shown:#}");
    }

    pub async fn close(self) {
        self.daemon.stop().await;
    }
}

/// What is sold: servers, products, prices, options, clients.
fn sold(port: u16) -> Value {
    let server = |id: i64, module: &str| json!({ "id": id, "name": module, "hostname": "127.0.0.1", "type": module, "accesshash": BILLING, "port": port });
    let product = |id: i64, name: &str, module: &str, monthly: &str, storage: &str, out: &str| {
        json!({ "id": id, "name": name, "servertype": module, "stand_in_monthly": monthly, "configoption1": storage,
            "configoption2": out })
    };
    let metric = |product: i64, metric: &str, included: &str, price: &str| json!({ "rel_id": product, "metric": metric, "included": included, "stand_in_price": price });
    let person = |id: i64| json!({ "id": id, "firstname": "A", "lastname": "B", "email": format!("c{id}@example.net") });
    let clients = [ALICE, BOB, CAROL, ERIN].map(client).into_iter().chain([DAVES_CLIENT]);
    json!({
        "tblclients": clients.map(person).collect::<Vec<_>>(),
        "tblservers": [server(12, "whmeter"), server(13, "puqMinIOS3"), server(20, "whmeter")],
        // As WHMCS stores what staff have typed.
        "tblproducts": [
            product(31, "S3 &amp; Backup 100", "whmeter", "4.90", "100 GiB", ""),
            product(32, "S3 &amp; Backup 500", "whmeter", "19.90", "500 GiB", ""),
            product(33, "Metered usage", "whmeter", "0.00", "", ""),
            product(LEGACY, "Legacy 50", "whmeter", "3.00", "50 GiB", "60 GiB"),
            product(17, "Vendor S3", "puqMinIOS3", "9.00", "", ""),
        ],
        "tblusage_items": [
            metric(31, "disk_gb_month", "10", "0.05"), metric(31, "traffic_out", "20", "0.02"),
            metric(32, "disk_gb_month", "50", "0.04"), metric(32, "traffic_out", "100", "0.015"),
            metric(33, "disk", "5", "0.10"), metric(33, "traffic_in", "0", "0.01"),
        ],
        "tblproductconfigoptions": [{ "id": 7, "gid": 1, "optionname": "Extra traffic|Extra traffic (100 GiB)",
            "optiontype": "4" }],
        "tblproductconfigoptionssub": [{ "id": 70, "configid": 7, "optionname": "GiB" }],
    })
}
