//! What somebody has changed in the database is repaired by a command; what a rewind leaves behind is withdrawn or
//! told; and whoever is stopped leaves no lease behind.

use std::time::Duration;

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Fault, FaultKind};
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::minio::Panel;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::{NOW, section};
use crate::support::program::{Daemon, Site, free_port};

const HOUR: i64 = 3600;
const KEYS: &str = "every = \"31d\"\nwhmcs_server = 12\nmax_rate = \"none\"";

async fn edited(site: &Site, sql: &'static str) {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}", site.path().join("whmeter.db").display());
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    sqlx::raw_sql(sql).execute(&pool).await.unwrap();
    pool.close().await;
}

/// It is `now` for everybody.
fn becomes(site: &Site, panel: &Panel, now: i64) {
    panel.knobs().clock.freeze_at(now);
    std::fs::write(site.path().join("now"), now.to_string()).unwrap();
}

async fn polled(site: &Site, panel: &Panel, now: i64) {
    becomes(site, panel, now);
    site.polled(now).await;
}

fn sends(panel: &Panel, account: &str, at: i64, bytes: u64) {
    assert!(panel.knobs().truth.add_traffic(account, at, Traffic { received: 0, sent: bytes }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_has_changed_is_mended_and_polls_go_on() {
    let panel = crate::start(4, ClockStart::Frozen(NOW)).await;
    let port = free_port();
    let site = Site::new(&crate::house(port, "", "", &[section(&panel, "s3", KEYS)]));
    polled(&site, &panel, NOW).await;
    sends(&panel, "7-41", NOW + HOUR - 60, 400 << 30);
    polled(&site, &panel, NOW + HOUR).await;
    let now = NOW + 2 * HOUR;
    becomes(&site, &panel, now);
    let usage = || async { site.at(now, &["usage", "--format", "json"]).await.json() };
    let before = usage().await;

    // A tenth of the month: nothing of the backend is counted any more, and the error says what to do.
    edited(&site, "UPDATE month_sum SET amount = amount / 10 WHERE meter = 2; UPDATE belief SET level = 7")
        .await;
    let failed = site.at(now, &["poll"]).await;
    let said = failed.stdout.clone() + &failed.stderr;
    assert_eq!(failed.code, Some(1));
    assert!(said.contains("`whmeter repair s3 --reason TEXT`"), "{said}");
    let said = site.at(now, &["verify"]).await.failure(1);
    assert!(said.contains("; `whmeter repair s3 --reason TEXT` restores it from the chain"), "{said}");
    let repair = ["repair", "s3", "--reason", "somebody was in the database"];
    let rehearsed = site.at(now, &[&repair[..], &["--dry-run"]].concat()).await.good();
    assert!(
        rehearsed.contains("7-41: month_sum part 0, month 202611, traffic_out: amount is "),
        "{rehearsed}"
    );
    assert!(rehearsed.contains("belief storage: level is 7, the journal says"), "{rehearsed}");
    assert!(rehearsed.contains("rows would be repaired"), "{rehearsed}");
    site.at(now, &["verify"]).await.failure(1);
    let done = site.at(now, &[&repair[..], &["--json"]].concat()).await.json();
    assert_eq!(done["rows"].as_array().unwrap().len(), rehearsed.lines().count() - 1, "{done}");
    assert_eq!((&done["backend"], &done["written"]), (&json!("s3"), &json!(true)));
    site.at(now, &["verify"]).await.good();
    assert_eq!(usage().await, before);
    site.polled(now).await;
    let again = site.at(now, &repair).await.good();
    assert_eq!(again, "s3: nothing differs; nothing was changed\n");

    // What the chronicle tells is repaired by it; it is written down there, too.
    edited(&site, "DELETE FROM audit; DELETE FROM service_list").await;
    let said = site.at(now, &["verify"]).await.failure(1);
    assert!(said.contains("`whmeter repair --chronicle --reason TEXT`"), "{said}");
    let done = site.at(now, &["repair", "--chronicle", "--reason", "the same"]).await.good();
    assert!(done.contains("audit id 1: is missing") && done.contains("chronicle: 1 row repaired"), "{done}");
    site.at(now, &["verify"]).await.good();

    // A chain that does not hold derives nothing.
    edited(&site, "UPDATE belief SET level = 7; UPDATE journal SET fence = fence + 1 WHERE entry = 2").await;
    let refused = site.at(now, &repair).await.failure(1);
    assert!(refused.contains("the journal itself does not hold") && refused.contains("entry 2"), "{refused}");
    let misused = site.at(now, &["repair", "s3", "--chronicle", "--reason", "x"]).await;
    assert_eq!(misused.code, Some(2));
    assert!(site.at(now, &["repair", "s4", "--reason", "x"]).await.failure(2).contains("known: s3"));
    panel.stop();
}

async fn asked(daemon: &Daemon<'_>) -> Value {
    let request = daemon.request("GET", "/v1/whmcs/usage?server=12").header("X-Whmeter-Purpose", "billing");
    let answer = daemon.send(request).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// A living service whose every byte is taken back after WHMCS was told of it: nobody knows until its panel is
/// looked at, then it has used nothing, and what was told too much is given back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_usage_is_taken_back_altogether_is_told_nothing_used() {
    // Three hours before December, in Warsaw.
    let start = NOW - NOW % 86_400 + 9 * 86_400 + 20 * HOUR;
    let panel = crate::start(4, ClockStart::Frozen(start)).await;
    let port = free_port();
    let config =
        |more: &str| crate::house(port, "", "", &[section(&panel, "s3", &format!("{KEYS}\n{more}"))]);
    let site = Site::new(&config(""));
    becomes(&site, &panel, start);
    let clock = site.path().join("now");
    let daemon = site.start_told(port, &clock);
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;
    let list = json!({ "schema": 1, "services": [{ "id": 7, "client": 1, "username": "7-41", "status": "Active" }] });
    let put =
        daemon.request("PUT", "/v1/whmcs/services?server=12").header("content-type", "application/json");
    assert_eq!(daemon.send(put.body(list.to_string())).await.unwrap().status, 200);
    site.polled(start).await;
    sends(&panel, "7-41", start + 60, 10 << 30);
    polled(&site, &panel, start + HOUR / 2).await;
    daemon.until("/v1/whmcs/usage?server=12", "shown", |got| got.text().contains("\"10.")).await;
    let told = asked(&daemon).await["tenants"]["7-41"]["traffic_out"]["value"].clone();
    let rewind = ["rewind", "s3", "--to", "0", "--reason", "the wrong panel"];
    let rehearsed = site.at(start + HOUR / 2, &[&rewind[..], &["--dry-run"]].concat()).await.good();
    assert!(rehearsed.contains(" B of 4 accounts on 1 day"), "{rehearsed}");
    let done = site.at(start + HOUR / 2, &[&rewind[..], &["--json"]].concat()).await.json();
    let levels = &done["taken_back"]["storage"];
    assert_eq!((&levels["accounts"], &levels["days"]), (&json!(4), &json!(1)), "{done}");
    let not_looked = |got: &crate::support::program::Got| {
        let withheld = &got.json()["withheld"];
        withheld[0]["tenant"] == "7-41" && withheld[0]["reason"] == "never_read"
    };
    daemon.until("/v1/whmcs/usage?server=12", "withholds", not_looked).await;
    daemon.stop().await;

    // It is not on this panel at all: it has used nothing.
    std::fs::write(site.config(), config("account_exclude = [\"7-41\"]")).unwrap();
    polled(&site, &panel, start + HOUR).await;
    let daemon = site.start_told(port, &clock);
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;
    // A look: WHMCS does not collect again before the month ends.
    let answer = daemon.get("/v1/whmcs/usage?server=12").await.json();
    let values = &answer["tenants"]["7-41"];
    assert_eq!(values["traffic_out"]["value"], "0.00000", "{answer}");
    assert!(values["disk_gb_month"]["value"] == "0.00000" && values.get("disk").is_none(), "{answer}");
    let single = daemon.get("/v1/whmcs/usage/7-41?server=12").await.json();
    assert_eq!(single["values"]["traffic_out"]["value"], "0.00000", "{single}");
    // What it was told too much is given back with the next month.
    polled(&site, &panel, start + 3 * HOUR).await;
    let answer = asked(&daemon).await;
    assert_eq!(answer["month"]["label"], "2026-12", "{answer}");
    let december = &answer["tenants"]["7-41"]["traffic_out"];
    assert_eq!(december["value"], "0.00000", "{answer}");
    assert_eq!(december["carried"], format!("-{}", told.as_str().unwrap()), "{answer}");
    site.at(start + 3 * HOUR, &["verify"]).await.good();
    daemon.stop().await;
    panel.stop();
}

/// What polls that are taken back have promised and nobody has delivered yet is not carried out, and is told once it
/// is true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_to_be_told_is_withdrawn_with_the_polls_that_said_it() {
    let panel = crate::start(4, ClockStart::Frozen(NOW)).await;
    let port = free_port();
    let limits = "\n[notify]\nchannels = [\"webhook\"]\n[notify.webhook]\nurl = \"http://127.0.0.1:9/\"\nsecret = \"0123456789abcdef\"\n\
        retries = 0\n\n[[limit]]\nbackend = \"s3\"\nmeter = \"traffic_out\"\nsize = \"100 GB\"\nnotify_at \
             = [80]\nlimit_at = 100\n";
    let house = crate::house(port, "", "", &[section(&panel, "s3", KEYS)]);
    let site = Site::new(&format!("{house}{limits}"));
    polled(&site, &panel, NOW).await;
    polled(&site, &panel, NOW + 60).await;
    sends(&panel, "7-41", NOW + HOUR - 60, 200 << 30);
    polled(&site, &panel, NOW + HOUR).await;
    let waiting = |now: i64| {
        let site = &site;
        async move { site.at(now, &["outbox", "list", "--json"]).await.json().as_array().unwrap().len() }
    };
    let promised = waiting(NOW + HOUR).await;
    assert!(promised >= 3, "a switch, and what tells of it: {promised}");
    let now = NOW + 2 * HOUR;
    becomes(&site, &panel, now);
    let back =
        chrono::DateTime::from_timestamp(NOW + 120, 0).unwrap().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let rewind = ["rewind", "s3", "--to", &back, "--reason", "the panel lied"];
    let said = site.at(now, &rewind).await.good();
    assert!(said.contains("withdrawn, because not delivered yet: ") && said.contains(", 1 switch"), "{said}");
    assert_eq!(waiting(now).await, 0);
    let all = site.at(now, &["outbox", "list", "--all", "--json"]).await.json();
    let dropped = all.as_array().unwrap().iter().filter(|entry| entry["state"] == "dropped").count();
    assert_eq!(dropped, promised, "{all}");
    let shown = site.at(now, &["policy", "show", "s3", "7-41", "--json"]).await.json();
    assert_eq!(shown["wanted"], "standard", "{shown}");
    let acts = shown["acts"].as_array().unwrap().iter().filter(|act| act["action"] == "withdraw").count();
    assert_eq!(acts, promised, "{shown}");
    site.at(now, &["verify"]).await.good();

    // It was true after all: it is promised again, under a number of its own.
    site.polled(now).await;
    assert_eq!(waiting(now).await, promised);
    site.at(now, &["verify"]).await.good();

    // Before it was seen at all what the panel enforces is not known, and not lost.
    let to_nothing = ["rewind", "s3", "--to", "0", "--reason", "the wrong panel"];
    site.at(now + 60, &to_nothing).await.good();
    let shown = site.at(now + 60, &["policy", "show", "s3", "7-41"]).await.good();
    assert!(shown.contains("shown    not known until the next poll: the journal was taken back"), "{shown}");
    let pinned = site.at(now + 60, &["policy", "pin", "s3", "7-41", "limited"]).await.failure(2);
    assert!(pinned.contains("`whmeter poll --backend s3` first"), "{pinned}");
    panel.stop();
}

/// Told to stop in the middle of a poll, it gives the poll up and the lease back: whoever comes next need not wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_stopped_in_a_poll_leaves_no_lease_behind() {
    let panel = crate::start(4, ClockStart::WallClock).await;
    let port = free_port();
    let site =
        Site::new(&crate::house(port, "", "", &[section(&panel, "s3", "every = \"1s\"\ntimeout = \"60s\"")]));
    let daemon = site.serve(port).await;
    daemon.until_logged("polled").await;
    panel.knobs().faults.add(Fault::new(FaultKind::Delay { milliseconds: 30_000 }));
    panel.knobs().requests.clear();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while panel.knobs().requests.count("") == 0 {
        assert!(std::time::Instant::now() < deadline, "it polls again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = daemon.stop().await;
    assert!(took < Duration::from_secs(8), "{took:?}");
    panel.knobs().faults.clear();
    site.run(&["poll"]).await.good();
    site.run(&["verify"]).await.good();
    panel.stop();
}
