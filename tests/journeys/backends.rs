//! Backends that are called otherwise, are configured twice, are over, or are given to another server of WHMCS: each
//! is told plainly, and every byte is billed once.

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::minio::Panel;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Daemon, Got, Site, free_port};

const HOUR: i64 = 3_600;
const START: i64 = 1_795_176_000;
const ACCOUNT: &str = "7-41";
const GIB: f64 = (1u64 << 30) as f64;

struct Story {
    panel: Panel,
    site: Site,
    port: u16,
}

impl Story {
    async fn begins(backends: impl Fn(&Panel) -> Vec<String>) -> Story {
        let panel = crate::start(4, ClockStart::Frozen(START)).await;
        let port = free_port();
        let site = Site::new(&crate::house(port, "", "", &backends(&panel)));
        Story { panel, site, port }
    }

    /// The config has other backends from now on.
    fn configures(&self, backends: &[String]) {
        std::fs::write(self.site.config(), crate::house(self.port, "", "", backends)).unwrap();
    }

    fn backend(&self, name: &str, server: i64) -> String {
        backend(&self.panel, name, server)
    }

    /// It is so many hours after the start, for everybody.
    fn hour(&self, hours: i64) -> i64 {
        let at = START + hours * HOUR;
        self.panel.knobs().clock.freeze_at(at);
        std::fs::write(self.site.path().join("now"), at.to_string()).unwrap();
        at
    }

    async fn run(&self, hours: i64, arguments: &[&str]) -> crate::support::program::Ran {
        self.site.at(self.hour(hours), arguments).await
    }

    /// The account sends so many GiB in the minute before the hour.
    fn sends(&self, hours: i64, gib: u64) {
        let moved = Traffic { received: 0, sent: gib << 30 };
        assert!(self.panel.knobs().truth.add_traffic(ACCOUNT, START + hours * HOUR - 60, moved));
    }

    fn truth(&self, from: i64, to: i64) -> u64 {
        let [from, to] = [from, to].map(|hours| START + hours * HOUR);
        self.panel.knobs().truth.traffic_between(ACCOUNT, from, to).unwrap().sent
    }

    /// What the account has sent by the ledger: whoever pays, and how much.
    async fn settled(&self, hours: i64) -> Vec<(String, String, u64)> {
        let usage = ["usage", "--account", ACCOUNT, "--meter", "traffic_out", "--by-owner", "--json"];
        let rows = self.run(hours, &usage).await.json();
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_string();
        let row = |row: &Value| (text(row, "backend"), text(row, "owner"), row["bytes"].as_u64().unwrap());
        rows.as_array().unwrap().iter().map(row).collect()
    }

    /// The journal holds, and makes the same again.
    async fn holds(&self, hours: i64) {
        self.run(hours, &["verify"]).await.good();
        assert_eq!(self.run(hours, &["replay", "--json"]).await.json(), json!([]));
    }

    async fn serves(&self) -> Daemon<'_> {
        let daemon = self.site.start_told(self.port, &self.site.path().join("now"));
        daemon.until("/-/ready", "ready", |got| got.status == 200).await;
        daemon
    }

    async fn unconfigured(&self, hours: i64) -> Vec<Value> {
        let rows = self.run(hours, &["report", "--what", "unconfigured", "--json"]).await.json();
        rows.as_array().unwrap().clone()
    }
}

fn backend(panel: &Panel, name: &str, server: i64) -> String {
    section(panel, name, &format!("every = \"31d\"\nwhmcs_server = {server}\n"))
}

async fn reports(daemon: &Daemon<'_>, server: i64, services: &[(i64, &str)]) {
    let service = |(id, username): &(i64, &str)| json!({ "id": id, "client": id + 1000, "username": username, "product": "S3", "status": "Active" });
    let body = json!({ "schema": 1, "services": services.iter().map(service).collect::<Vec<_>>() });
    let put = daemon.request("PUT", &format!("/v1/whmcs/services?server={server}"));
    let put = put.header("content-type", "application/json").body(body.to_string());
    let got = daemon.send(put).await.unwrap();
    assert_eq!(got.status, 200, "{}", got.text());
}

async fn collected(daemon: &Daemon<'_>, server: i64) -> Value {
    let request = daemon.request("GET", &format!("/v1/whmcs/usage?server={server}"));
    let got = daemon.send(request.header("X-Whmeter-Purpose", "billing")).await.unwrap();
    assert_eq!(got.status, 200, "{}", got.text());
    got.json()
}

fn told(answer: &Value, metric: &str) -> Option<f64> {
    answer["tenants"][ACCOUNT][metric]["value"].as_str().map(|text| text.parse().unwrap())
}

fn is_withheld(answer: &Value) -> bool {
    let withheld = answer["withheld"].as_array().unwrap().iter();
    let mut withheld = withheld.filter(|one| one["tenant"] == ACCOUNT);
    answer["tenants"][ACCOUNT].is_null() && withheld.any(|one| one["reason"] == "stale")
}

fn same(told: Option<f64>, bytes: u64) {
    let told = told.expect("reported");
    assert!((told - bytes as f64 / GIB).abs() < 0.000_02, "told {told} of {}", bytes as f64 / GIB);
}

async fn rereads(daemon: &Daemon<'_>, times: usize) {
    daemon.signal("-HUP");
    let deadline = std::time::Instant::now() + crate::support::program::PATIENCE;
    while daemon.log().matches("config read again").count() < times {
        assert!(std::time::Instant::now() < deadline, "{}", daemon.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_renamed_in_the_config_waits_for_its_history_and_goes_on() {
    let story = Story::begins(|panel| vec![backend(panel, "old", 12)]).await;
    story.run(0, &["poll"]).await.good();
    let daemon = story.serves().await;
    reports(&daemon, 12, &[(7731, ACCOUNT)]).await;
    story.sends(1, 10);
    story.run(1, &["poll"]).await.good();
    story.sends(2, 5);
    story.run(2, &["poll"]).await.good();

    story.configures(&[story.backend("new", 12)]);
    rereads(&daemon, 1).await;
    story.sends(3, 3);
    let polled = story.run(3, &["poll", "--json"]).await;
    assert_eq!((polled.code, polled.stdout.contains("\"taken\"")), (Some(1), true), "{polled:?}");
    assert!(polled.stderr.contains("whmeter backend rename old new"), "{polled:?}");
    let checked = story.run(3, &["check"]).await;
    assert_eq!((checked.code, checked.stdout.contains("whmeter backend rename old new")), (Some(1), true));
    let found = story.unconfigured(3).await;
    assert_eq!((found.len(), &found[0]["backend"]), (1, &json!("old")), "{found:?}");
    // What is known is told as long as it is fresh, and no longer.
    same(told(&collected(&daemon, 12).await, "traffic_out"), story.truth(0, 2));
    story.hour(30);
    assert!(is_withheld(&collected(&daemon, 12).await));

    // What would make it worse is refused.
    assert!(story.run(30, &["backend", "rename", "new", "old"]).await.failure(2).contains("in the config"));
    assert!(story.run(30, &["backend", "rename", "old", "newer"]).await.failure(2).contains("no backend"));
    assert!(
        story.run(30, &["backend", "rename", "older", "new"]).await.failure(1).contains("nothing is stored")
    );
    let forget = ["backend", "forget", "new", "--reason", "a mistake"];
    assert!(story.run(30, &forget).await.failure(2).contains("in the config"));

    story.run(30, &["backend", "rename", "old", "new"]).await.good();
    story.sends(31, 7);
    story.run(31, &["poll"]).await.good();
    let rows = story.settled(31).await;
    assert_eq!(rows.iter().map(|row| row.2).sum::<u64>(), story.truth(0, 31), "{rows:?}");
    assert_eq!(rows.iter().map(|row| &row.0).collect::<Vec<_>>(), vec!["new"; rows.len()]);
    let paid: u64 = rows.iter().filter(|row| row.1 == "service 7731").map(|row| row.2).sum();
    same(told(&collected(&daemon, 12).await, "traffic_out"), paid);
    story.holds(31).await;
    assert!(story.unconfigured(31).await.is_empty());
    let listed = story.run(31, &["backend", "list", "--json"]).await.json();
    let one = &listed.as_array().unwrap()[0];
    assert_eq!((&one["backend"], &one["configured"]), (&json!("new"), &json!(true)), "{listed}");
    daemon.stop().await;
    story.panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_panel_under_two_backends_is_metered_once_and_told() {
    let both = |panel: &Panel| vec![backend(panel, "s3", 12), backend(panel, "twin", 12)];
    let story = Story::begins(both).await;
    let mut refused = Vec::new();
    for hours in 0..5 {
        story.sends(hours, 2);
        let polled = story.run(hours, &["poll", "--json"]).await;
        assert_eq!(polled.code, Some(1), "{polled:?}");
        let rows: Value = serde_json::from_str(&polled.stdout).unwrap();
        let wrong = rows.as_array().unwrap().iter().filter(|row| row["ok"] == false);
        let wrong: Vec<_> =
            wrong.map(|row| (row["backend"].to_string(), row["reason"].to_string())).collect();
        assert_eq!((wrong.len(), wrong[0].1.as_str()), (1, "\"taken\""), "{polled:?}");
        refused.push(wrong[0].0.clone());
    }
    refused.dedup();
    assert_eq!(refused.len(), 1, "always the same one");
    let rows = story.settled(4).await;
    assert_eq!(rows.iter().map(|row| row.2).sum::<u64>(), story.truth(0, 4), "{rows:?}");
    let checked = story.run(4, &["check"]).await;
    assert!(checked.stdout.contains("s3 and twin are the same panel"), "{checked:?}");
    // One of the two sections taken out, the other is polled on.
    let kept = if refused[0] == "\"twin\"" { "s3" } else { "twin" };
    story.configures(&[story.backend(kept, 12)]);
    story.run(5, &["poll"]).await.good();
    assert!(story.unconfigured(5).await.is_empty(), "the other one never had accounts");
    story.holds(5).await;
    story.panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_is_over_is_found_and_forgotten_and_its_services_are_told_what_they_used() {
    let story = Story::begins(|panel| vec![backend(panel, "s3", 12)]).await;
    let rest = crate::start(4, ClockStart::Frozen(START)).await;
    let rest_of_server = format!("{}account_include = [\"none-*\"]\n", backend(&rest, "rest", 12));
    story.run(0, &["poll"]).await.good();
    let daemon = story.serves().await;
    reports(&daemon, 12, &[(7731, ACCOUNT)]).await;
    story.sends(1, 10);
    story.run(1, &["poll"]).await.good();
    story.sends(2, 5);
    story.run(2, &["poll"]).await.good();
    let before = collected(&daemon, 12).await;
    assert!(told(&before, "disk").is_some(), "{before}");

    story.configures(&[rest_of_server]);
    rereads(&daemon, 1).await;
    let series = "whmeter_backend_unconfigured_accounts{backend=\"s3\"}";
    daemon
        .until("/metrics", "shows who is polled by nobody", |got: &Got| got.sample(series) == Some(4))
        .await;
    let found = story.unconfigured(3).await;
    assert_eq!((found.len(), &found[0]["backend"]), (1, &json!("s3")), "{found:?}");
    assert!(found[0]["detail"].as_str().unwrap().starts_with("4 accounts"), "{found:?}");
    story.hour(30);
    assert!(is_withheld(&collected(&daemon, 12).await));

    let forget = ["backend", "forget", "s3", "--reason", "the machine is sold"];
    story.run(30, &forget).await.good();
    assert!(story.run(30, &forget).await.good().contains("nothing was changed"));
    let after = collected(&daemon, 12).await;
    same(told(&after, "traffic_out"), story.truth(0, 2));
    assert_eq!(told(&after, "disk"), None, "nothing is stored for it any more: {after}");
    assert!(story.unconfigured(30).await.is_empty());
    let gone = |got: &Got| got.sample(series).is_none();
    daemon.until("/metrics", "shows nobody any more", gone).await;
    story.holds(30).await;
    let audit = daemon.get("/v1/audit").await.json();
    let act = &audit["rows"][0];
    assert_eq!(
        (&act["action"], &act["account"], &act["why"]),
        (&json!("forget"), &Value::Null, &json!(forget[4]))
    );
    daemon.stop().await;
    story.panel.stop();
    rest.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_given_to_another_server_pays_by_the_services_of_each_in_turn() {
    let story = Story::begins(|panel| vec![backend(panel, "s3", 12)]).await;
    story.run(0, &["poll"]).await.good();
    let daemon = story.serves().await;
    reports(&daemon, 12, &[(7731, ACCOUNT)]).await;
    story.sends(1, 10);
    story.run(1, &["poll"]).await.good();
    story.sends(2, 5);
    story.run(2, &["poll"]).await.good();

    story.configures(&[story.backend("s3", 13)]);
    rereads(&daemon, 1).await;
    reports(&daemon, 13, &[(8801, ACCOUNT)]).await;
    // The poll that finds the new owner still measures for the old one.
    story.sends(3, 3);
    story.run(3, &["poll"]).await.good();
    story.sends(4, 7);
    story.run(4, &["poll"]).await.good();
    let rows = story.settled(4).await;
    let of = |owner: &str| rows.iter().filter(|row| row.1 == owner).map(|row| row.2).sum::<u64>();
    assert_eq!(of("service 8801"), story.truth(3, 4), "{rows:?}");
    assert_eq!(rows.iter().map(|row| row.2).sum::<u64>(), story.truth(0, 4), "{rows:?}");
    assert_eq!(of("service 7731"), story.truth(0, 3), "{rows:?}");
    same(told(&collected(&daemon, 13).await, "traffic_out"), story.truth(3, 4));
    story.holds(4).await;
    daemon.stop().await;
    story.panel.stop();
}
