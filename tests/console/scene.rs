//! A house with a month behind it: a panel whose accounts have grown, one that cannot be reached, services with names that
//! nobody would want on a page, prices, limits, and tokens for an operator and for somebody who only looks.

use serde_json::json;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::minio::Panel;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::house::{house, start};
use crate::support::panels::section;
use crate::support::program::{Daemon, PATIENCE, Site, free_port};

pub const OPERATOR: &str = "operators-token-0123456789";
pub const VIEWER: &str = "viewers-token-0123456789";
pub const BILLING: &str = "billings-token-0123456789";
pub const TIED: &str = "tied-to-twelve-0123456789";

/// What a customer may call a product, and a page has to bear.
pub const PRODUCT: &str = "<script>alert(1)</script> \"Pro\" & \u{202e}live";

const GB: u64 = 1_000_000_000;
const DAY: i64 = 86_400;

pub struct Scene {
    pub panel: Panel,
    pub site: Site,
    pub port: u16,
    pub accounts: Vec<String>,
}

fn token(name: &str, scopes: &str, secret: &str, more: &str) -> String {
    format!("[[http.token]]\nname = {name:?}\nscope = [{scopes}]\ntoken = {secret:?}\n{more}\n")
}

/// The tokens of the house.
pub fn tokens() -> String {
    [
        token("operator", "\"read\", \"admin\"", OPERATOR, ""),
        token("viewer", "\"read\"", VIEWER, ""),
        token("billing", "\"billing\"", BILLING, ""),
        token("tied", "\"admin\", \"billing\"", TIED, "server = 12\n"),
    ]
    .concat()
}

const RULES: &str = "
[[limit]]
meter = \"storage\"
size = \"100 GB\"
notify_at = [80, 90]
limit_at = 100
restore_below = 95
max_limited_at_once = \"none\"

[[price]]
name = \"storage\"
meter = \"storage\"
included = \"0 B\"
per = \"1 GB\"
price = \"0.02\"
currency = \"EUR\"
";

impl Scene {
    /// Plays so many days, a poll each.
    pub async fn play(days: i64) -> Scene {
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
        let began = now - days * DAY;
        let panel = start(14, ClockStart::Frozen(began)).await;
        let gone = start(1, ClockStart::WallClock).await;
        let accounts = panel.accounts();
        let port = free_port();
        let backends = [
            section(&panel, "s3-fra1", "every = \"1s\"\nwhmcs_server = 12\nmax_rate = \"none\"\n"),
            section(&gone, "s3-ams2", "every = \"1h\"\nwhmcs_server = 13\n"),
        ];
        gone.stop();
        let whmcs = "unit_base = 1000";
        let rules = RULES.replace("max_limited_at_once = \"none\"\n", "max_limited_at_once = 100\n");
        let site = Site::new(&(house(port, whmcs, &tokens(), &backends) + &rules));
        let scene = Scene { panel, site, port, accounts };
        for day in 0..days {
            let at = began + day * DAY;
            scene.panel.knobs().clock.freeze_at(at);
            scene.grow(day, at);
            scene.site.at(at, &["poll", "--backend", "s3-fra1"]).await.good();
        }
        scene.grow(days, now);
        scene.panel.knobs().clock.follow();
        scene
    }

    /// The first account goes beyond its limit, the second comes near it, the others are well below.
    fn grow(&self, day: i64, at: i64) {
        let truth = &self.panel.knobs().truth;
        for (number, account) in self.accounts.iter().enumerate() {
            let (base, daily) = match number {
                0 => (61, 2),
                1 => (70, 0),
                number => (3 * number as u64, (number as u64) % 3),
            };
            let wave = (day as u64 * 7 + number as u64 * 3) % 5;
            let level =
                (base + daily * day as u64) * GB + wave * GB / 3 + if number == 1 { 18 * GB } else { 0 };
            // Some have no bucket, and store nothing.
            assert!(truth.set_level(account, at - 1, level) || number > 1, "{account}");
        }
    }

    /// The daemon, once it has read everything and knows what is sold: all accounts but two.
    pub async fn serve(&self) -> Daemon<'_> {
        let daemon = self.site.serve(self.port).await;
        let service = |(number, account): (usize, &String)| {
            json!({ "id": 7000 + number, "client": 40 + number, "username": account, "status": "Active",
                "product": if number == 0 { PRODUCT } else { "Storage 100" } })
        };
        let sold: Vec<_> =
            self.accounts.iter().enumerate().take(self.accounts.len() - 2).map(service).collect();
        let request = daemon.request("PUT", "/v1/whmcs/services?server=12").bearer_auth(BILLING);
        let body = json!({ "schema": 1, "services": sold }).to_string();
        let put = request.header("content-type", "application/json").body(body);
        assert_eq!(daemon.send(put).await.unwrap().status, 200);
        let first = format!("/v1/accounts/s3-fra1/{}", self.accounts[0]);
        daemon
            .until_as(&first, VIEWER, "is limited and mapped", |got| {
                let body = got.json();
                body["policy"] == "limited" && body["service"] == 7000
            })
            .await;
        daemon
    }

    /// Waits until the panel limits an account, or does not.
    pub async fn until_limited(&self, account: &str, limited: bool) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while self.panel.is_limited(account) != Some(limited) {
            assert!(std::time::Instant::now() < deadline, "{account} never limited: {limited}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}
