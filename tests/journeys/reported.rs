//! What WHMCS was told is kept, and what a month lacks of it is told with the next: no byte is billed twice,
//! none is lost between the last fetch of a month and its end.

use chrono::TimeZone;
use serde_json::Value;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::minio::Panel;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Daemon, Site, free_port};

const HOUR: i64 = 3_600;
const ACCOUNT: &str = "7-41";
const GIB: f64 = (1u64 << 30) as f64;

struct Story<'a> {
    panel: &'a Panel,
    site: &'a Site,
    clock: std::path::PathBuf,
}

impl Story<'_> {
    /// It is `at` for everybody.
    fn becomes(&self, at: i64) {
        self.panel.knobs().clock.freeze_at(at);
        std::fs::write(&self.clock, at.to_string()).unwrap();
    }

    async fn poll(&self, at: i64) {
        self.becomes(at);
        self.site.polled(at).await;
    }

    fn sends(&self, at: i64, bytes: u64) {
        assert!(self.panel.knobs().truth.add_traffic(ACCOUNT, at, Traffic { received: 0, sent: bytes }));
    }

    fn truth(&self, from: i64, to: i64) -> u64 {
        self.panel.knobs().truth.traffic_between(ACCOUNT, from, to).unwrap().sent
    }

    async fn explained(&self, at: i64, meter: &str, month: &str) -> Value {
        let arguments = ["explain", "s3", ACCOUNT, meter, "--month", month, "--json"];
        self.site.at(at, &arguments).await.json()
    }
}

/// Seconds since 1970 of a local time in Warsaw.
fn warsaw(year: i32, month: u32, day: u32) -> i64 {
    let day = chrono::NaiveDate::from_ymd_opt(year, month, day).unwrap().and_hms_opt(0, 0, 0).unwrap();
    chrono_tz::Europe::Warsaw.from_local_datetime(&day).earliest().unwrap().timestamp()
}

/// What WHMCS is told when it collects.
async fn told(daemon: &Daemon<'_>, metric: &str) -> (f64, f64) {
    asked_as(daemon, Some("billing"), metric).await
}

async fn asked_as(daemon: &Daemon<'_>, purpose: Option<&str>, metric: &str) -> (f64, f64) {
    let mut request = daemon.request("GET", "/v1/whmcs/usage?server=12");
    if let Some(purpose) = purpose {
        request = request.header("X-Whmeter-Purpose", purpose);
    }
    let answer = daemon.send(request).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let value = answer.json()["tenants"][ACCOUNT][metric].clone();
    let number = |key: &str| value[key].as_str().map_or(0.0, |text| text.parse().unwrap());
    assert!(value["value"].is_string(), "{metric}: {}", answer.text());
    (number("value"), number("carried"))
}

/// Five places are told: each telling may be half a hundred-thousandth off.
fn same(told: f64, bytes: f64) {
    assert!((told - bytes / GIB).abs() < 0.000_02, "told {told} of {}", bytes / GIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_closed_month_lacks_is_told_with_the_next_and_explained() {
    // That October has 745 hours: clocks went back in it.
    let start = warsaw(2026, 10, 31) + 9 * HOUR;
    let panel = crate::start(4, ClockStart::Frozen(start)).await;
    let port = free_port();
    let keys = "every = \"31d\"\nwhmcs_server = 12";
    let site = Site::new(&crate::house(port, "", "", &[section(&panel, "s3", keys)]));
    let story = Story { panel: &panel, site: &site, clock: site.path().join("now") };
    story.poll(start).await;
    let daemon = site.start_told(port, &story.clock);
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;

    // WHMCS asks at three in the afternoon of the last day, and not again before midnight.
    let (asked, evening, night) = (start + 6 * HOUR, start + 14 * HOUR, start + 17 * HOUR);
    story.sends(asked - 60, 40 << 30);
    story.poll(asked).await;
    let (october, carried) = told(&daemon, "traffic_out").await;
    same(october, story.truth(start, asked) as f64);
    assert_eq!(carried, 0.0, "nothing was told before");
    let (october_disk, _) = told(&daemon, "disk_gb_month").await;

    story.sends(evening - 60, 3 << 30);
    story.poll(evening).await;
    story.sends(night - 60, 5 << 30);
    story.poll(night).await;
    // A look for somebody's eyes is no telling.
    let shown = asked_as(&daemon, None, "traffic_out").await;
    let explained = story.explained(night, "traffic_out", "2026-10").await;
    let lines = explained["reported"].as_array().unwrap();
    assert_eq!(lines.len(), 1, "{explained}");
    assert_eq!(lines[0]["value"], format!("{october:.5}"));
    assert!(lines[0]["so"].as_str().unwrap().starts_with("to be reported"), "{}", lines[0]);
    assert!(
        story.explained(night, "traffic_out", "2026-11").await["reported"].as_array().unwrap().is_empty()
    );

    let (november, carried) = told(&daemon, "traffic_out").await;
    assert_eq!((november, carried), shown);
    same(october + november, story.truth(start, night) as f64);
    assert!(carried > 3.0, "October lacked the evening: {carried}");
    assert_eq!(told(&daemon, "traffic_out").await, (november, carried), "the same again");
    let explained = story.explained(night, "traffic_out", "2026-10").await;
    assert_eq!(explained["reported"][0]["not_reported"], format!("{carried:.5}"));
    assert_eq!(explained["reported"][0]["so"], "reported with the month after");
    // GB-months too: October's remainder in October's unit-months.
    let rows =
        ["usage", "--account", ACCOUNT, "--meter", "storage", "--month", "2026-10", "--format", "json"];
    let held = &site.at(night, &rows).await.json()[0]["held_byte_minutes"];
    let held: f64 = held.to_string().parse().unwrap();
    // What is both directions carries what both lack.
    let (_, carried_in) = told(&daemon, "traffic_in").await;
    let (_, carried_both) = told(&daemon, "traffic_total").await;
    assert!(
        (carried_both - carried - carried_in).abs() < 0.000_03,
        "{carried_both}: {carried}, {carried_in}"
    );
    let (_, carried_disk) = told(&daemon, "disk_gb_month").await;
    same(october_disk + carried_disk, held / f64::from(745 * 60));

    // A correction of the closed month reaches the running one; it may be more than that month has.
    let why = ["--reason", "test upload"];
    let adjust = ["adjust", "s3", ACCOUNT, "traffic_out", "2026-10-31", "-30 GiB"];
    site.at(night, &[&adjust[..], &why[..]].concat()).await.good();
    let (nothing, owed) = told(&daemon, "traffic_out").await;
    assert_eq!(nothing, 0.0, "never below zero");
    assert!(owed < -10.0, "{owed}");

    // A month later, by another process: what is owed is not forgotten, and nothing was told twice.
    daemon.stop().await;
    let daemon = site.start_told(port, &story.clock);
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;
    let middle = night + 14 * 24 * HOUR;
    story.sends(middle - 60, 7 << 30);
    story.poll(middle).await;
    let (november, _) = told(&daemon, "traffic_out").await;
    let december = night + 30 * 24 * HOUR;
    story.sends(december - 60, 100 << 30);
    story.poll(december).await;
    let (last, _) = told(&daemon, "traffic_out").await;
    let all = story.truth(start, december) as f64 - 30.0 * GIB;
    same(october + november + last, all);
    assert!(last > 60.0, "{last}");
    let text = ["explain", "s3", ACCOUNT, "traffic_out", "--month", "2026-11"];
    let text = site.at(december, &text).await.good();
    assert!(text.contains("): traffic_out") && text.contains("carried over"), "{text}");
    daemon.stop().await;
    panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn months_end_with_their_last_second_in_leap_years_and_when_clocks_change() {
    let port = free_port();
    // The ends of a leap February, of a year, and of the months in which clocks change.
    for (year, month) in [(2028, 3), (2027, 1), (2026, 11), (2027, 4)] {
        let midnight = warsaw(year, month, 1);
        let panel = crate::start(4, ClockStart::Frozen(midnight - 30 * HOUR)).await;
        let keys = "every = \"31d\"\nwhmcs_server = 12";
        let site = Site::new(&crate::house(port, "", "", &[section(&panel, "s3", keys)]));
        let story = Story { panel: &panel, site: &site, clock: site.path().join("now") };
        story.poll(midnight - 6 * HOUR).await;
        let daemon = site.start_told(port, &story.clock);
        daemon.until("/-/ready", "ready", |got| got.status == 200).await;

        story.sends(midnight - 600, 10 << 30);
        story.poll(midnight - 1).await;
        let answer = daemon.get("/v1/whmcs/usage?server=12").await.json();
        let label = chrono::NaiveDate::from_ymd_opt(year, month, 1).unwrap().pred_opt().unwrap();
        assert_eq!(answer["month"]["label"], label.format("%Y-%m").to_string());
        let (old, _) = told(&daemon, "traffic_out").await;
        same(old, story.truth(midnight - 6 * HOUR, midnight - 1) as f64);
        // A WHMCS that is an hour ahead has the new month already: the sums of this one are not for it.
        let ahead = format!("/v1/whmcs/usage/{ACCOUNT}?server=12&month={year}-{month:02}");
        let ahead = daemon.get(&ahead).await.json();
        assert!(
            ahead["values"]["disk"].is_object() && ahead["values"].get("traffic_out").is_none(),
            "{ahead}"
        );

        story.becomes(midnight);
        let new = daemon.get("/v1/whmcs/usage?server=12").await.json();
        assert_eq!(new["month"]["label"], format!("{year}-{month:02}"));
        assert!(new["tenants"][ACCOUNT].get("traffic_out").is_none(), "not read in it, not zero: {new}");
        story.sends(midnight + 1, 1 << 30);
        story.poll(midnight + 2).await;
        let (new, carried) = told(&daemon, "traffic_out").await;
        // One of the three seconds between the polls is the old month's, and what is thought to have passed in it.
        assert!((carried - new / 3.0).abs() < 0.001 && new > 0.9, "{carried} of {new}");
        same(old + new, story.truth(midnight - 6 * HOUR, midnight + 2) as f64);
        // A WHMCS that is an hour behind would write the new month's sums into the old one's record.
        let behind = format!("/v1/whmcs/usage?server=12&month={}", label.format("%Y-%m"));
        let behind = daemon.get(&behind).await.json();
        assert!(behind["tenants"][ACCOUNT].get("traffic_out").is_none(), "{behind}");
        daemon.stop().await;
        panel.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_before_bill_from_are_shown_and_not_billed() {
    let start = warsaw(2026, 11, 10);
    let panel = crate::start(4, ClockStart::Frozen(start)).await;
    let port = free_port();
    let keys = "every = \"31d\"\nwhmcs_server = 12";
    let bill_from = "bill_from = \"2026-11-15\"";
    let site = Site::new(&crate::house(port, bill_from, "", &[section(&panel, "s3", keys)]));
    let story = Story { panel: &panel, site: &site, clock: site.path().join("now") };
    story.poll(start).await;
    let daemon = site.start_told(port, &story.clock);
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;

    // Another module bills these days: nothing is told, what is stored neither.
    let from = warsaw(2026, 11, 15);
    story.sends(from - 60, 40 << 30);
    story.poll(from - 30).await;
    for path in ["usage?server=12", "usage/7-41?server=12", "legacy?server=12"] {
        let answer = daemon.get(&format!("/v1/whmcs/{path}")).await;
        let text = answer.text();
        assert!(text.contains("\"not_billed_yet\"") && !text.contains("\"value\""), "{path}: {text}");
        assert!(!text.contains("bw_mb"), "{path}: {text}");
    }
    story.poll(from).await;
    story.sends(from + 30 * HOUR, 7 << 30);
    let second = from + 31 * HOUR;
    story.poll(second).await;
    let (november, carried) = told(&daemon, "traffic_out").await;
    same(november, story.truth(from, second) as f64);
    assert_eq!(carried, 0.0);
    // It is shown all the same.
    let month =
        format!("whmeter_traffic_month_bytes{{backend=\"s3\",account=\"{ACCOUNT}\",direction=\"out\"}}");
    let all = story.truth(start, second);
    daemon.until("/metrics", "shows all of the month", |got| got.sample(&month) == Some(all)).await;
    let history = daemon.get(&format!("/v1/whmcs/history/{ACCOUNT}?server=12&days=20")).await.json();
    same(history["months"][0]["traffic_out"].as_str().unwrap().parse().unwrap(), all as f64);

    // The month ends after the last telling, and the next carries what it lacks of its billed days.
    let (asked, night) = (warsaw(2026, 11, 30) + 15 * HOUR, warsaw(2026, 12, 1) + 2 * HOUR);
    story.poll(asked).await;
    let (november, _) = told(&daemon, "traffic_out").await;
    let (november_disk, _) = told(&daemon, "disk_gb_month").await;
    story.sends(asked + 60, 3 << 30);
    story.poll(night).await;
    let (december, carried) = told(&daemon, "traffic_out").await;
    same(november + december, story.truth(from, night) as f64);
    assert!(carried > 2.0, "{carried}");
    let (_, carried_disk) = told(&daemon, "disk_gb_month").await;
    let days =
        ["usage", "--account", ACCOUNT, "--from", "2026-11-15", "--to", "2026-12-01", "--format", "json"];
    let days = site.at(night, &days).await.json();
    let stored = days.as_array().unwrap().iter().find(|line| line["meter"] == "storage").unwrap().clone();
    let held: f64 = stored["held_byte_minutes"].to_string().parse().unwrap();
    same(november_disk + carried_disk, held / f64::from(30 * 24 * 60));
    let explained = story.explained(night, "traffic_out", "2026-11").await;
    assert_eq!(explained["billed_from"], "2026-11-15");
    assert_eq!(explained["reported"][0]["not_reported"], format!("{carried:.5}"), "{explained}");
    assert!(explained["bytes"].as_u64().unwrap() > (47 << 30), "{explained}");
    let text = ["explain", "s3", ACCOUNT, "traffic_out", "--month", "2026-11"];
    let text = site.at(night, &text).await.good();
    assert!(text.contains("days before 2026-11-15 are not billed by us"), "{text}");
    let untold = site.at(night, &["report", "--what", "untold", "--json"]).await.json();
    assert_eq!(untold, serde_json::json!([]), "nobody owes what was not billed");

    // Read again without it all of November is owed; from December on nothing of it.
    let config = std::fs::read_to_string(site.config()).unwrap();
    site.write("whmeter.toml", &config.replace(bill_from, ""));
    daemon.signal("-HUP");
    daemon.until_logged("config read again").await;
    let (_, whole) = asked_as(&daemon, None, "traffic_out").await;
    same(whole - carried, story.truth(start, from) as f64);
    site.write("whmeter.toml", &config.replace("2026-11-15", "2026-12-01"));
    daemon.signal("-HUP");
    let usage = "/v1/whmcs/usage?server=12";
    daemon.until(usage, "carries nothing", |got| !got.text().contains("\"carried\"")).await;
    assert!(
        story.explained(night, "traffic_out", "2026-11").await["reported"][0].get("not_reported").is_none()
    );
    daemon.stop().await;
    panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stretch_that_is_moved_by_hand_is_given_back_to_one_and_named_for_the_other() {
    let start = warsaw(2026, 10, 28);
    let panel = crate::start(4, ClockStart::Frozen(start)).await;
    let port = free_port();
    let keys = "every = \"31d\"\nwhmcs_server = 12";
    let site = Site::new(&crate::house(port, "max_age = \"800h\"", "", &[section(&panel, "s3", keys)]));
    let story = Story { panel: &panel, site: &site, clock: site.path().join("now") };
    story.poll(start).await;
    let daemon = site.start_told(port, &story.clock);
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;
    let service = |id: i64, name: &str| serde_json::json!({ "id": id, "client": id, "username": name, "status": "Active", "registered": "2026-01-01" });
    let list =
        serde_json::json!({ "schema": 1, "services": [service(7731, ACCOUNT), service(7732, "another")] });
    let request = daemon.request("PUT", "/v1/whmcs/services?server=12");
    let request = request.header("content-type", "application/json").body(list.to_string());
    assert_eq!(daemon.send(request).await.unwrap().status, 200);

    // Since the 30th the account was another customer's, which nobody has told us.
    let since = warsaw(2026, 10, 30);
    story.sends(since - 60, 2 << 30);
    story.poll(since).await;
    let asked = warsaw(2026, 10, 31) + 15 * HOUR;
    story.sends(asked - HOUR, 40 << 30);
    story.poll(asked).await;
    let (october, _) = told(&daemon, "traffic_out").await;
    same(october, story.truth(start, asked) as f64);
    let now = warsaw(2026, 11, 3) + 12 * HOUR;
    story.poll(warsaw(2026, 11, 1)).await;
    story.sends(now - HOUR, 9 << 30);
    story.poll(now).await;

    let set = |more: &'static [&'static str]| {
        let (site, more) = (&site, [&["map", "set", "s3", ACCOUNT][..], more].concat());
        async move { site.at(now, &more).await }
    };
    let refused = set(&["7732", "--since", "2026-11-04"]).await.failure(2);
    assert!(refused.contains("has not begun yet"), "{refused}");
    let refused = set(&["7733", "--since", "2026-10-30"]).await.failure(1);
    assert!(refused.contains("not on the server") && refused.contains("--force"), "{refused}");
    let said = set(&["7732", "--since", "2026-10-30"]).await.good();
    let line = |month: &str, meter: &str| {
        let found = said.lines().find(|line| line.contains(month) && line.contains(meter));
        found.unwrap_or_else(|| panic!("no {month} {meter} in {said}")).to_string()
    };
    let digits = |text: &str| {
        let (_, rest) = text.split_once(": ").unwrap();
        let number: String = rest.split(" B").next().unwrap().chars().filter(char::is_ascii_digit).collect();
        number.parse::<u64>().unwrap()
    };
    let moved = line("2026-10", "traffic_out");
    assert!(moved.ends_with("of service 7731"), "{said}");
    assert_eq!(digits(&moved), story.truth(since, warsaw(2026, 11, 1)), "{said}");
    assert_eq!(digits(&line("2026-11", "traffic_out")), story.truth(warsaw(2026, 11, 1), now), "{said}");
    assert!(said.contains("closed months"), "{said}");
    let again = set(&["7732", "--since", "2026-10-30"]).await.good();
    assert!(again.contains("no other owner had usage"), "{again}");
    site.at(now, &["verify"]).await.good();
    assert!(site.at(now, &["replay"]).await.good().contains("every day would be the same"));

    // At once, and not with the next poll: one is given back what it was told, the other has its days.
    let other = |got: &crate::support::program::Got| got.json()["tenants"].get("another").is_some();
    let answer = daemon.until("/v1/whmcs/usage?server=12", "goes by the move", other).await.json();
    let number = |tenant: &str, key: &str| -> f64 {
        answer["tenants"][tenant]["traffic_out"][key].as_str().map_or(0.0, |text| text.parse().unwrap())
    };
    assert_eq!(number(ACCOUNT, "value"), 0.0, "{answer}");
    same(-number(ACCOUNT, "carried"), story.truth(since, asked) as f64);
    same(number("another", "value"), story.truth(warsaw(2026, 11, 1), now) as f64);
    assert_eq!(number("another", "carried"), 0.0, "it was told nothing of October");
    let untold = site.at(now, &["report", "--what", "untold", "--json"]).await.json();
    let owed = untold.as_array().unwrap().iter().find(|line| line["meter"] == "traffic_out").unwrap().clone();
    assert_eq!((owed["service"].as_i64(), owed["state"].as_str()), (Some(7732), Some("closed")), "{untold}");
    assert_eq!(owed["difference_bytes"].as_u64(), Some(story.truth(since, warsaw(2026, 11, 1))));

    // The next poll goes on with it.
    story.poll(now + HOUR).await;
    let map = site.at(now + HOUR, &["map", "list", "--json"]).await.json();
    let line = map.as_array().unwrap().iter().find(|line| line["account"] == ACCOUNT).unwrap().clone();
    assert_eq!((line["state"].as_str(), line["service"].as_i64()), (Some("pinned"), Some(7732)), "{line}");
    let acts = site.at(now, &["policy", "show", "s3", ACCOUNT, "--json"]).await.json()["acts"].to_string();
    assert!(acts.contains("service 7732 from 2026-10-30 on"), "{acts}");
    site.at(now + HOUR, &["verify"]).await.good();
    daemon.stop().await;
    panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_back_is_given_back_with_the_next_month() {
    let start = warsaw(2026, 11, 28);
    let panel = crate::start(4, ClockStart::Frozen(start)).await;
    let port = free_port();
    let keys = "every = \"31d\"\nwhmcs_server = 12";
    let site = Site::new(&crate::house(port, "", "", &[section(&panel, "s3", keys)]));
    let story = Story { panel: &panel, site: &site, clock: site.path().join("now") };
    story.poll(start).await;
    let daemon = site.start_told(port, &story.clock);
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;
    story.sends(start + 60, 10 << 30);
    story.poll(start + HOUR).await;

    // Somebody's mistake is told to WHMCS, and the month ends with it.
    let late = warsaw(2026, 12, 1) - 600;
    story.poll(late).await;
    let november = story.truth(start, late);
    let mistake = ["adjust", "s3", ACCOUNT, "traffic_out", "2026-11-29", "+8 GiB", "--reason", "ticket 12"];
    site.at(late, &mistake).await.good();
    let usage = "/v1/whmcs/usage?server=12";
    let whole = (november as f64 + 8.0 * GIB) / GIB;
    let is_told = |got: &crate::support::program::Got| {
        let value = got.json()["tenants"][ACCOUNT]["traffic_out"]["value"].clone();
        value.as_str().is_some_and(|value| (value.parse::<f64>().unwrap() - whole).abs() < 0.000_02)
    };
    daemon.until(usage, "has the mistake", is_told).await;
    let (too_much, _) = told(&daemon, "traffic_out").await;
    same(too_much, november as f64 + 8.0 * GIB);

    let december = warsaw(2026, 12, 1) + HOUR;
    story.becomes(december);
    let back = |to: String, more: &'static [&'static str]| {
        let site = &site;
        async move {
            let mut arguments = vec!["rewind", "s3", "--to", &to, "--reason", "ticket 12 was wrong"];
            arguments.extend(more);
            site.at(december, &arguments).await
        }
    };
    let refused = back("yesterday".into(), &[]).await.failure(2);
    assert!(refused.contains("\"yesterday\" is not the number of an entry"), "{refused}");
    assert!(back("99".into(), &[]).await.failure(2).contains("none numbered 99"));
    let rehearsed = back(late.to_string() + "Z", &[]).await.failure(2);
    assert!(rehearsed.contains("--to"), "{rehearsed}");
    let to = chrono::DateTime::from_timestamp(late - 1, 0).unwrap().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let rehearsed = back(to.clone(), &["--dry-run"]).await.good();
    assert!(rehearsed.contains("2 entries would be taken back"), "{rehearsed}");
    let explained = story.explained(december, "traffic_out", "2026-11").await;
    let poll = explained["lines"].as_array().unwrap().iter().rev().nth(1).unwrap()["entry"].to_string();
    let done = back(poll, &["--json"]).await.json();
    assert_eq!((&done["entries"], &done["written"]), (&Value::from(1), &Value::from(true)), "{done}");
    assert_eq!(done["taken_back"]["traffic_out"]["bytes"], Value::from(8_u64 << 30));
    let again = back(to, &[]).await.good();
    assert!(again.contains("1 entry is taken back"), "{again}");

    // The next poll measures on from there; WHMCS is given back what it was told too much.
    story.poll(december).await;
    story.sends(december + 60, 9 << 30);
    let night = december + HOUR;
    story.poll(night).await;
    let rewound = "whmeter_journal_rewound_timestamp_seconds{backend=\"s3\"}";
    daemon.until("/metrics", "says so", |got| got.sample(rewound) == Some(december as u64)).await;
    let (value, carried) = told(&daemon, "traffic_out").await;
    // What passed between the poll gone back to and this one is shared over the midnight by time.
    assert!((-8.1..-7.9).contains(&carried), "{carried}");
    same(too_much + value, story.truth(start, night) as f64);
    let text = ["explain", "s3", ACCOUNT, "traffic_out", "--month", "2026-11"];
    let text = site.at(night, &text).await.good();
    assert!(text.contains("rolled back by entry") && text.contains("ticket 12 was wrong"), "{text}");
    assert!(text.contains("the lines add up"), "{text}");
    site.at(night, &["verify"]).await.good();
    assert_eq!(site.at(night, &["replay", "--json"]).await.json(), serde_json::json!([]));
    daemon.stop().await;
    panel.stop();
}

/// The panel reports both directions and no total: a limit on the total is on their sum.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_the_total_counts_both_directions() {
    let start = warsaw(2026, 11, 10);
    let panel = crate::start(4, ClockStart::Frozen(start)).await;
    let limit =
        "\n[[limit]]\nbackend = \"s3\"\nmeter = \"traffic_total\"\nsize = \"100 GiB\"\nlimit_at = 100\n";
    let house =
        crate::house(free_port(), "", "", &[section(&panel, "s3", "every = \"31d\"\nwhmcs_server = 12")]);
    let site = Site::new(&format!("{house}{limit}"));
    let story = Story { panel: &panel, site: &site, clock: site.path().join("now") };
    let wanted = async |at: i64| {
        story.poll(at).await;
        let shown = site.at(at, &["policy", "show", "s3", ACCOUNT, "--json"]).await.json();
        shown["wanted"].as_str().unwrap_or("standard").to_string()
    };
    story.poll(start).await;
    story.poll(start + 60).await;
    story.sends(start + HOUR - 60, 60 << 30);
    assert_eq!(wanted(start + HOUR).await, "standard", "one direction alone");
    let received = Traffic { received: 60 << 30, sent: 0 };
    assert!(panel.knobs().truth.add_traffic(ACCOUNT, start + 2 * HOUR - 60, received));
    assert_eq!(wanted(start + 2 * HOUR).await, "limited", "both");
    panel.stop();
}
