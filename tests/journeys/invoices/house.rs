//! A house with a month of usage behind it, and a WHMCS beside it.

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::minio::Panel;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::whmcs::{Options, Whmcs};

use crate::support::panels::{section, settings};
use crate::support::program::{Got, Site, free_port};

pub const GIB: u64 = 1 << 30;
pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 86_400;
/// December 2026 in Warsaw: 2026-11-30T23:00:00Z to 2026-12-31T23:00:00Z.
pub const BEGIN: i64 = 1_796_079_600;
pub const END: i64 = BEGIN + 31 * DAY;
/// Two days later the month is settled.
pub const NOW: i64 = END + 50 * HOUR;

pub const PRICES: &str = r#"
[[price]]
name = "out"
backend = "s3*"
meter = "traffic_out"
included = "1 GiB"
per = "1 GiB"
price = "0.37"
currency = "EUR"

[[price]]
name = "gb-months"
meter = "storage"
included = "limit"
per = "1 GiB"
price = "0.0512"
minimum = "0.10"
currency = "EUR"
description = "{product}: {used} on average, {included} included"
"#;

/// A house with a month behind it, and a WHMCS beside it.
pub struct House {
    pub site: Site,
    panel: Panel,
    pub whmcs: Whmcs,
    port: u16,
}

impl House {
    /// Four accounts: 7-41 is over in both, 7-42 unlimited in storage, 7-411 nobody's, 8-77 has no bucket.
    pub async fn open(prices: &str) -> House {
        // Readings are days apart here.
        House::open_at(prices, "800h", &[0, 10, 31]).await
    }

    /// The same with looks at these days of the month, each with its level and what was sent until then.
    pub async fn open_at(prices: &str, max_age: &str, looks: &[i64]) -> House {
        let panel = crate::start(4, ClockStart::Frozen(BEGIN)).await;
        let common =
            panel::Options { accounts: 3, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
        let whmcs = Whmcs::start(Options { common, ..Options::default() }).await.unwrap();
        let port = free_port();
        let billing = format!("{}max_age = {max_age:?}", settings(&whmcs));
        let backend = section(&panel, "s3", "every = \"12h\"\nwhmcs_server = 12");
        let site = Site::new(&format!("{}{prices}", crate::house(port, &billing, "", &[backend])));
        let house = House { site, panel, whmcs, port };
        let service = |id: u64, client: u64, name: &str, storage: u64| {
            json!({ "id": id, "client": client, "username": name, "product": "S3 [big]", "status": "Active",
                "limits": { "storage": storage } })
        };
        let services = json!({ "schema": 1, "services": [
            service(7731, 1042, "7-41", 2 * GIB), service(7732, 1043, "7-42", 0), service(7733, 1044, "8-77", GIB)] });
        let told = house.put(BEGIN, "services", &services).await;
        assert_eq!(told.status, 200, "{}", told.text());
        house.play(looks).await;
        house
    }

    async fn play(&self, looks: &[i64]) {
        let truth = &self.panel.knobs().truth;
        let happened = [(10 * GIB, 0), (40 * GIB, 3 * GIB), (5 * GIB, 7 * GIB / 3)];
        for (day, (level, sent)) in looks.iter().zip(happened) {
            let at = BEGIN + day * DAY;
            self.panel.knobs().clock.freeze_at(at);
            for name in ["7-41", "7-42", "7-411"] {
                truth.set_level(name, at - 5, level);
                truth.add_traffic(name, at - 5, Traffic { received: 0, sent });
            }
            self.site.polled(at).await;
        }
        let last = BEGIN + looks.last().unwrap() * DAY + HOUR;
        self.panel.knobs().clock.freeze_at(last);
        self.site.polled(last).await;
    }

    /// One more look, at a time after the month.
    pub async fn poll(&self, now: i64) {
        self.panel.knobs().clock.freeze_at(now);
        self.site.polled(now).await;
    }

    /// What WHMCS's hook tells a daemon that runs at this time.
    pub async fn put(&self, now: i64, list: &str, body: &Value) -> Got {
        let clock = self.site.path().join("clock");
        std::fs::write(&clock, now.to_string()).unwrap();
        let daemon = self.site.start_told(self.port, &clock);
        daemon.until("/-/ready", "ready", |got| got.status == 200).await;
        let request = daemon.request("PUT", &format!("/v1/whmcs/{list}?server=12"));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let got = daemon.send(request).await.unwrap();
        daemon.stop().await;
        got
    }

    pub async fn rehearse(&self) -> Value {
        self.site.at(NOW, &["invoice", "--month", "2026-12", "--dry-run", "look.json"]).await.good();
        let text = std::fs::read_to_string(self.site.path().join("look.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// A run at this time with its exit code.
    pub async fn bill(&self, now: i64, more: &[&str]) -> (Option<i32>, Value) {
        let arguments = [&["invoice", "--month", "2026-12", "--json"], more].concat();
        let ran = self.site.at(now, &arguments).await;
        let report = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        (ran.code, report)
    }

    /// The tags of the items in WHMCS with their amounts.
    pub fn items(&self) -> Vec<(String, String)> {
        let tag = |text: &str| text[text.rfind('[').unwrap()..].to_string();
        self.whmcs.items().iter().map(|item| (tag(&item.description), item.amount.clone())).collect()
    }

    pub fn created(&self) -> u64 {
        self.whmcs.knobs().requests.count("AddBillableItem")
    }

    /// Bytes sent until the beginning of a day of the month, as the panel's truth has it.
    pub fn sent_until(&self, name: &str, day: i64) -> u64 {
        self.panel.knobs().truth.traffic_between(name, BEGIN, BEGIN + day * DAY).unwrap().sent
    }

    /// Bytes sent in the month, as the panel's truth has it.
    pub fn sent(&self, name: &str) -> u64 {
        self.panel.knobs().truth.traffic_between(name, BEGIN, END).unwrap().sent
    }
}
