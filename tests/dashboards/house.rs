//! A house of three panels: at first all is well with it, then something of everything is wrong.

use chrono::{Datelike, TimeZone};
use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Fault, FaultKind};
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::minio;
use whmeter_simulators::panel::{Options, SimulatedPanel};

use crate::support::house::{house, start};
use crate::support::panels::section;
use crate::support::program::{Daemon, Site};

const HOUR: i64 = 3_600;
const KEYS: &str = "every = \"31d\"\nmax_rate = \"none\"\n";
const GIB: u64 = 1 << 30;

pub struct House {
    s3: minio::Panel,
    /// The accounts of `s3`; those that store something first.
    pub names: Vec<String>,
    web: Box<dyn SimulatedPanel>,
    vpn: Box<dyn SimulatedPanel>,
    old: minio::Panel,
    /// When the running month began in Warsaw.
    month: i64,
    /// What it is now, really: Prometheus has no other time.
    pub now: i64,
    port: u16,
}

impl House {
    /// The panels, some hours before the running month began.
    pub async fn build(port: u16) -> House {
        let now = chrono::Utc::now().with_timezone(&chrono_tz::Europe::Warsaw);
        let first = now.date_naive().with_day(1).unwrap().and_hms_opt(0, 0, 0).unwrap();
        let month = chrono_tz::Europe::Warsaw.from_local_datetime(&first).earliest().unwrap().timestamp();
        let clock = ClockStart::Frozen(month - 5 * HOUR);
        let options = Options { accounts: 4, clock, ..Options::default() };
        let panel = async |kind: &str| {
            let kind = whmeter_simulators::kind(kind).unwrap();
            kind.start(options.clone()).await.unwrap()
        };
        let (web, vpn) = (panel("plesk").await, panel("vpncp").await);
        web.operate("switches", &json!({ "statistics": "live" })).unwrap();
        let (s3, old) = (start(6, clock).await, start(2, clock).await);
        let mut names = s3.accounts();
        names.sort_by_key(|name| s3.knobs().truth.parts(name).is_empty());
        // In the first minutes of a month the story ends a little ahead of the time.
        House { s3, names, web, vpn, old, month, now: now.timestamp().max(month + HOUR), port }
    }

    /// All is well; `old` is in the config yet.
    pub fn config(&self) -> String {
        let old = section(&self.old, "old", KEYS);
        house(self.port, "", "", &[&self.backends()[..], &[old]].concat())
    }

    /// With limits, and with a channel that nobody listens at.
    pub fn stricter(&self) -> String {
        let rule = |meter: &str| {
            format!(
                "\n[[limit]]\nbackend = \"s3\"\nmeter = \"{meter}\"\nsize = \"900 TB\"\nnotify_at = [80]\n\
                 limit_at = 100\nrestore_below = 95\nmax_limited_at_once = \"100%\"\n"
            )
        };
        let notify = "\n[notify]\nchannels = [\"webhook\"]\n[notify.webhook]\nurl = \"http://127.0.0.1:9/hook\"\n\
                      secret = \"0123456789abcdef\"\nretries = 0\n";
        let price = "\n[[price]]\nname = \"stored\"\nmeter = \"storage\"\nof = \"last\"\nincluded = \"0 B\"\nper = \"1 MB\"\nprice = \"0.01\"\n\
                     currency = \"EUR\"\n";
        let rules = [rule("storage"), rule("traffic_out"), price.into()].concat();
        format!("{}{rules}{notify}", house(self.port, "", "", &self.backends()))
    }

    fn backends(&self) -> [String; 3] {
        let of = |panel: &dyn SimulatedPanel, name: &str, server: u32| {
            section(panel, name, &format!("{KEYS}whmcs_server = {server}\n"))
        };
        [of(&self.s3, "s3", 12), of(&*self.web, "web", 13), of(&*self.vpn, "vpn", 14)]
    }

    /// It is `at` for everybody.
    pub fn becomes(&self, site: &Site, at: i64) {
        for panel in [&self.s3 as &dyn SimulatedPanel, &*self.web, &*self.vpn, &self.old] {
            panel.knobs().clock.freeze_at(at);
        }
        std::fs::write(site.path().join("now"), at.to_string()).unwrap();
    }

    /// Before the running month began.
    pub fn become_last_month(&self, site: &Site) {
        self.becomes(site, self.month - 5 * HOUR);
    }

    /// The month before: metered, reported, and then used once more.
    pub async fn last_month(&self, site: &Site, daemon: &Daemon<'_>) {
        self.becomes(site, self.month - 4 * HOUR);
        assert!(self.s3.knobs().truth.set_level(&self.names[1], self.month - 4 * HOUR - 60, 100 * GIB));
        self.sell(daemon, &self.names).await;
        self.poll_all(daemon).await;
        self.becomes(site, self.month - 3 * HOUR);
        self.send(self.month - 3 * HOUR - 60, 40 * GIB);
        self.poll_all(daemon).await;
        self.collect(daemon).await;
        self.send(self.month - HOUR, 3 * GIB);
        self.becomes(site, self.month + 600);
        self.poll_all(daemon).await;
    }

    /// This month, and everybody is sold and known.
    pub async fn all_is_well(&self, site: &Site, daemon: &Daemon<'_>) {
        for (before, traffic) in [(1800, 5), (1200, 7)] {
            self.send(self.now - before - 60, traffic * GIB);
            self.becomes(site, self.now - before);
            self.poll_all(daemon).await;
        }
        self.collect(daemon).await;
    }

    /// Everything but limits, while the config is the one before.
    pub async fn trouble(&self, site: &Site, daemon: &Daemon<'_>) {
        let names = &self.names;
        self.becomes(site, self.now - 600);
        // Not in the list, one name of two services, and a list of other numbers.
        self.sell(daemon, &names[..5]).await;
        let mut services = services(100, &names[..5]);
        services.push(
            json!({ "id": 999, "client": 1, "username": names[4], "product": "S3", "status": "Active" }),
        );
        assert_eq!(tell(daemon, 12, services).await, 200);
        assert_eq!(tell(daemon, 12, self::services(500, &names[..5])).await, 409);
        // Two polls without it, and it is gone.
        self.s3.vanish(&names[3]).unwrap();
        poll(daemon, "s3", "done").await;
        self.becomes(site, self.now - 300);
        poll(daemon, "s3", "done").await;
        self.vpn_is_rewound(site, daemon).await;
    }

    async fn vpn_is_rewound(&self, site: &Site, daemon: &Daemon<'_>) {
        let heads = site.at(self.now - 200, &["status", "--json"]).await;
        let heads: Value = serde_json::from_str(&heads.stdout).unwrap();
        let head = heads["heads"].as_array().unwrap().iter().find_map(|head| {
            head.as_str().unwrap().strip_prefix("journal/vpn:")?.split(':').next()?.parse::<i64>().ok()
        });
        let to = (head.unwrap() - 1).to_string();
        self.becomes(site, self.now - 100);
        site.at(self.now - 100, &["rewind", "vpn", "--to", &to, "--reason", "the panel lied"]).await.good();
        self.becomes(site, self.now - 60);
        poll(daemon, "vpn", "done").await;
    }

    /// What is noticed while it happens: somebody is switched off, counters begin anew, an account is over its limit, which
    /// takes the panel two attempts, and WHMCS asks once more.
    pub async fn things_happen(&self, site: &Site, daemon: &Daemon<'_>) {
        let off = format!("subscriptions/{}", self.web.accounts()[0]);
        self.web.operate(&off, &json!({ "op": "set_status", "status": 272 })).unwrap();
        poll(daemon, "web", "done").await;
        (0..4).for_each(|node| self.s3.restart_node(node));
        self.becomes(site, self.now);
        assert!(self.s3.knobs().truth.set_level(&self.names[0], self.now - 1, 990_000_000_000_000));
        let faults = &self.s3.knobs().faults;
        let path_contains = self.s3.landmarks().limiting.to_string();
        faults.add(Fault { path_contains, ..Fault::new(FaultKind::Failed { status: 500 }) });
        poll(daemon, "s3", "done").await;
        daemon.until("/metrics", "counts the failed switch", |got| failed_switches(&got.text())).await;
        faults.clear();
        let waiting = site.at(self.now, &["outbox", "list", "--json"]).await.json();
        let waiting = waiting.as_array().unwrap().iter();
        for switch in waiting.filter(|entry| entry["channel"] == "policy") {
            site.at(self.now, &["outbox", "retry", &switch["id"].to_string()]).await.good();
        }
        let limited = format!("whmeter_account_limited{{backend=\"s3\",account=\"{}\"}}", self.names[0]);
        daemon.until("/metrics", "limits it", |got| got.sample(&limited) == Some(1)).await;
        self.collect(daemon).await;
    }

    /// An operator lets it go again, and a panel refuses us: the last of all, because commands end that it is left alone.
    pub async fn it_is_let_go(&self, site: &Site, daemon: &Daemon<'_>) {
        site.at(self.now, &["policy", "pin", "s3", &self.names[0], "standard"]).await.good();
        self.web.knobs().faults.add(Fault::new(FaultKind::CredentialsRefused { status: None }));
        poll(daemon, "web", "failed").await;
    }

    /// An account of each backend.
    pub fn accounts(&self) -> [(&'static str, String); 4] {
        let first = |panel: &dyn SimulatedPanel| panel.accounts().remove(0);
        let [web, vpn, old] = [first(&*self.web), first(&*self.vpn), first(&self.old)];
        [("s3", self.names[0].clone()), ("web", web), ("vpn", vpn), ("old", old)]
    }

    fn send(&self, at: i64, bytes: u64) {
        let name = &self.names[0];
        assert!(self.s3.knobs().truth.add_traffic(name, at, Traffic { received: bytes / 2, sent: bytes }));
    }

    /// Everybody of s3, and the plans of web; nobody of vpn.
    async fn sell(&self, daemon: &Daemon<'_>, names: &[String]) {
        assert_eq!(tell(daemon, 12, services(100, names)).await, 200);
        let plan = |(number, name): (usize, &String)| {
            json!({ "id": number + 200, "client": 7, "username": "shared", "domain": name, "product": "Web",
                    "status": "Active", "limits": { "storage": GIB, "traffic_total": GIB } })
        };
        let plans = self.web.accounts().iter().enumerate().map(plan).collect();
        assert_eq!(tell(daemon, 13, plans).await, 200);
    }

    async fn poll_all(&self, daemon: &Daemon<'_>) {
        for backend in ["s3", "web", "vpn", "old"] {
            poll(daemon, backend, "done").await;
        }
    }

    /// WHMCS collects what it bills.
    async fn collect(&self, daemon: &Daemon<'_>) {
        for server in [12, 13, 14] {
            let request = daemon.request("GET", &format!("/v1/whmcs/usage?server={server}"));
            let answer = daemon.send(request.header("X-Whmeter-Purpose", "billing")).await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }

    pub fn stop(&self) {
        [&self.s3 as &dyn SimulatedPanel, &*self.web, &*self.vpn, &self.old]
            .iter()
            .for_each(|panel| panel.stop());
    }
}

/// Whether any attempt to switch an account has failed.
fn failed_switches(page: &str) -> bool {
    let mut lines = page.lines().filter(|line| line.starts_with("whmeter_policy_switch_failures_total{"));
    lines.any(|line| !line.ends_with(" 0"))
}

fn services(first: usize, names: &[String]) -> Vec<Value> {
    let service = |(number, name): (usize, &String)| json!({ "id": first + number, "client": number + 1, "username": name, "product": "S3", "status": "Active" });
    names.iter().enumerate().map(service).collect()
}

async fn tell(daemon: &Daemon<'_>, server: u32, services: Vec<Value>) -> u16 {
    let body = json!({ "schema": 1, "services": services }).to_string();
    let put = daemon.request("PUT", &format!("/v1/whmcs/services?server={server}")).body(body);
    daemon.send(put.header("content-type", "application/json")).await.unwrap().status
}

/// Has a backend polled, and waits for it.
async fn poll(daemon: &Daemon<'_>, backend: &str, ends: &str) {
    let path = format!("/v1/backends/{backend}");
    let asked = daemon.send(daemon.request("POST", &format!("{path}/poll"))).await.unwrap();
    assert_eq!(asked.status, 202, "{}", asked.text());
    daemon.until(&path, ends, |got| got.json()["asked"]["state"] == ends).await;
}
