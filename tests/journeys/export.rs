//! History on its way out: into a Prometheus by promtool, and into a spreadsheet.

use std::collections::BTreeMap;
use std::process::Command;

use chrono::{Days, NaiveDate, TimeZone};
use chrono_tz::Europe::Warsaw;
use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::{NOW, section};
use crate::support::program::Site;
use crate::support::tools;

fn midnight(day: NaiveDate) -> i64 {
    Warsaw.from_local_datetime(&day.and_hms_opt(0, 0, 0).unwrap()).earliest().unwrap().timestamp()
}

/// Samples by series and time in seconds.
type Samples = BTreeMap<(String, String, String, i64), u64>;

/// The lines `{labels} value milliseconds` of a dump.
fn dumped(text: &str) -> Samples {
    let mut samples = Samples::new();
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let (labels, rest) = line.rsplit_once("} ").unwrap();
        let label = |name: &str| {
            let from = labels.find(&format!("{name}=\"")).map(|at| at + name.len() + 2);
            from.map_or(String::new(), |from| labels[from..].split('"').next().unwrap().to_string())
        };
        let (value, at) = rest.split_once(' ').unwrap();
        let key =
            (label("__name__"), label("account"), label("direction"), at.parse::<i64>().unwrap() / 1000);
        assert_eq!(label("backend"), "s3", "{line}");
        samples.insert(key, value.parse::<f64>().unwrap() as u64);
    }
    samples
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_promtool_takes_in_is_what_really_happened() {
    // Over the end of summer time: one of these days has 25 hours.
    let first = NaiveDate::from_ymd_opt(2026, 10, 23).unwrap();
    let panel = crate::start(5, ClockStart::Frozen(midnight(first) - 30_000)).await;
    let site = Site::new(&crate::house(9480, "", "", &[section(&panel, "s3", "")]));
    let at_day = |number: u64| midnight(first + Days::new(number));
    // Nobody looked before that: the first day is known from then on only.
    let began = midnight(first) - 30_000;
    let polls = (0..=4).flat_map(|number| [at_day(number), at_day(number) + 50_000]);
    for at in [began].into_iter().chain(polls) {
        panel.knobs().clock.freeze_at(at);
        site.at(at, &["poll"]).await.good();
    }
    let now = at_day(4) + 50_000;
    let out = ["--from", "2026-10-01", "--to", "2026-11-01"];
    let export = [&["export", "--format", "openmetrics", "--out", "history.om"], &out[..]].concat();
    let ran = site.at(now, &export).await;
    assert!(ran.stderr.contains("2026-10-27"), "it says that the running day is left out: {}", ran.stderr);
    ran.good();
    let text = std::fs::read_to_string(site.path().join("history.om")).unwrap();
    assert!(text.ends_with("\n# EOF\n"));
    assert!(!site.path().join("history.om.part").exists());
    let to_stdout = [&["export", "--format", "openmetrics"], &out[..]].concat();
    assert_eq!(site.at(now, &to_stdout).await.good(), text);

    let truth = &panel.knobs().truth;
    let mut wanted = Samples::new();
    for account in panel.accounts() {
        let days = (0..4).map(|number| (at_day(number), at_day(number + 1), at_day(number) + 50_000));
        for (from, to, last) in [(began, at_day(0), began)].into_iter().chain(days) {
            let mut want = |name: &str, direction: &str, value: u64| {
                wanted.insert((name.into(), account.clone(), direction.into(), to - 1), value);
            };
            want("whmeter_storage_used_bytes", "", truth.level(&account, last).unwrap());
            let moved = truth.traffic_between(&account, from, to).unwrap();
            want("whmeter_traffic_day_bytes", "in", moved.received);
            want("whmeter_traffic_day_bytes", "out", moved.sent);
        }
    }
    let Some(promtool) = tools::promtool() else { return };
    let run = |arguments: &[&str]| {
        let output = Command::new(&promtool).args(arguments).current_dir(site.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["tsdb", "create-blocks-from", "openmetrics", "history.om", "tsdb"]);
    // Without a log of its own promtool takes the folder for no database.
    std::fs::create_dir(site.path().join("tsdb/wal")).unwrap();
    let mut found = dumped(&run(&["tsdb", "dump", "tsdb"]));
    let incomplete = found.keys().filter(|(name, ..)| name == "whmeter_day_incomplete");
    let incomplete: Vec<i64> = incomplete.map(|(_, _, _, at)| *at).collect();
    assert!(incomplete.len() >= panel.accounts().len() && incomplete.iter().all(|at| *at == at_day(0) - 1));
    found.retain(|(name, ..), _| name != "whmeter_day_incomplete");
    assert!(found.values().filter(|value| **value > 0).count() > 20, "{found:?}");
    for (key, value) in &found {
        assert_eq!(wanted.get(key), Some(value), "{key:?}");
    }
    for (key, value) in wanted.iter().filter(|(_, value)| **value > 0) {
        assert_eq!(found.get(key), Some(value), "{key:?} is missing");
    }
    panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spreadsheet_has_a_line_per_day_and_a_file_is_whole_or_not_there() {
    let panel = crate::start(4, ClockStart::Frozen(NOW)).await;
    let site = Site::new(&crate::house(9480, "", "", &[section(&panel, "s3", "")]));
    let start = panel.knobs().clock.now_seconds();
    for at in [start, start + 3600, start + 90_000] {
        panel.knobs().clock.freeze_at(at);
        site.at(at, &["poll"]).await.good();
    }
    let now = start + 90_000;
    let span = ["--from", "2026-11-01", "--to", "2026-12-01"];
    let csv = site.at(now, &[&["export", "--format", "csv"], &span[..]].concat()).await.good();
    let days =
        site.at(now, &[&["usage", "--by", "day", "--by-owner", "--json"], &span[..]].concat()).await.json();
    let mut lines: Vec<&str> = csv.lines().collect();
    let heads = "backend,account,meter,day,bytes,estimated_bytes,held_byte_minutes,complete,owner";
    assert_eq!(lines.remove(0), heads);
    let wanted = days.as_array().unwrap().iter().map(|row| {
        let keys = [
            "backend",
            "account",
            "meter",
            "from",
            "bytes",
            "estimated_bytes",
            "held_byte_minutes",
            "complete",
            "owner",
        ];
        keys.map(|key| row[key].to_string().trim_matches('"').to_string()).join(",")
    });
    assert_eq!(lines, wanted.collect::<Vec<_>>());
    assert!(lines.len() > 12, "{csv}");

    let misused = [&["export", "--format", "csv", "--backend", "nas"], &span[..]].concat();
    site.at(now, &misused).await.failure(2);
    site.at(now, &["export", "--format", "csv", "--from", "2026-11-02", "--to", "2026-11-02"])
        .await
        .failure(2);
    let future = ["export", "--format", "openmetrics", "--from", "2027-01-01", "--to", "2027-02-01"];
    let said = site.at(now, &future).await.failure(2);
    assert!(said.contains("2027-01-01"), "{said}");
    let nowhere = [&["export", "--format", "csv", "--out", "no/such/folder.csv"], &span[..]].concat();
    let said = site.at(now, &nowhere).await.failure(1);
    assert!(said.contains("no/such/folder.csv"), "{said}");
    panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_given_to_somebody_else_is_two_accounts_and_one_series() {
    let panel = crate::start(4, ClockStart::Frozen(NOW)).await;
    let site = Site::new(&crate::house(9480, "", "", &[section(&panel, "s3", "")]));
    let (clock, truth) = (&panel.knobs().clock, &panel.knobs().truth);
    let hour = 3_600;
    let poll = async |step: i64| {
        clock.freeze_at(NOW + step * hour);
        site.at(NOW + step * hour, &["poll"]).await.good();
    };
    poll(0).await;
    truth.add_traffic("7-41", NOW + hour - 60, Traffic { received: 0, sent: 1_000_000_000 });
    poll(1).await;
    panel.vanish("7-41").unwrap();
    poll(2).await;
    poll(3).await;
    // What comes back has moved nothing yet: it is another's.
    panel.reappear("7-41").unwrap();
    poll(4).await;
    truth.add_traffic("7-41", NOW + 5 * hour - 60, Traffic { received: 0, sent: 77 });
    poll(5).await;

    let now = NOW + 30 * hour;
    let span = ["--from", "2026-11-21", "--to", "2026-11-22"];
    let csv = site.at(now, &[&["export", "--format", "csv"], &span[..]].concat()).await.good();
    let bytes = |account: &str, meter: &str| -> u64 {
        let key = format!("s3,{account},{meter},2026-11-21,");
        let mut found = csv.lines().filter_map(|line| line.strip_prefix(&key));
        let (line, more) = (found.next(), found.next());
        assert_eq!(more, None, "one line for each: {csv}");
        line.unwrap_or_else(|| panic!("{key} in {csv}")).split(',').next().unwrap().parse().unwrap()
    };
    let [before, after] = ["7-41~1", "7-41"].map(|account| bytes(account, "traffic_out"));
    assert!(before >= 1_000_000_000 && (77..1_000_000_000).contains(&after), "{before}, then {after}");
    let text = site.at(now, &[&["export", "--format", "openmetrics"], &span[..]].concat()).await.good();
    assert!(!text.contains('~'), "a series is a name's: {text}");
    let sample = |series: &str| -> u64 {
        let mut found = text.lines().filter_map(|line| line.strip_prefix(series));
        let (line, more) = (found.next(), found.next());
        assert_eq!(more, None, "one sample a day: {text}");
        line.unwrap_or_else(|| panic!("{series} in {text}"))
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    let sent = "whmeter_traffic_day_bytes{backend=\"s3\",account=\"7-41\",direction=\"out\"}";
    assert_eq!(sample(sent), before + after);
    let stored = "whmeter_storage_used_bytes{backend=\"s3\",account=\"7-41\"}";
    assert_eq!(sample(stored), bytes("7-41", "storage"));

    // Each is asked for, explained and corrected by its own name; only the living one is switched or mapped.
    let total = async |account: &str| -> u64 {
        let of = ["usage", "--account", account, "--meter", "traffic_out", "--month", "2026-11", "--json"];
        let rows = site.at(now, &of).await.json();
        rows.as_array().unwrap().iter().map(|row| row["bytes"].as_u64().unwrap()).sum()
    };
    assert_eq!((total("7-41~1").await, total("7-41").await), (before, after));
    let adjust = ["adjust", "s3", "7-41~1", "traffic_out", "2026-11-21", "+5 B", "--reason", "ticket 4711"];
    site.at(now, &adjust).await.good();
    assert_eq!((total("7-41~1").await, total("7-41").await), (before + 5, after));
    for account in ["7-41", "7-41~1"] {
        let explain = ["explain", "s3", account, "traffic_out", "--month", "2026-11"];
        let story = site.at(now, &[&explain[..], &["--json"]].concat()).await.json();
        assert_eq!(story["adds_up"], Value::Bool(true), "{story}");
        let told = site.at(now, &explain).await.good();
        assert!(told.contains("of its name: first seen"), "{told}");
    }
    let unknown = site.at(now, &["explain", "s3", "7-41~9", "traffic_out", "--month", "2026-11"]).await;
    assert!(unknown.failure(1).contains("did you mean 7-41?"));
    for arguments in [&["map", "set", "s3", "7-41~1", "1"][..], &["policy", "pin", "s3", "7-41~1", "limited"]]
    {
        let said = site.at(now, arguments).await.failure(2);
        assert!(said.contains("earlier life"), "{said}");
    }
    site.at(now, &["verify"]).await.good();
    assert_eq!(site.at(now, &["replay", "--json"]).await.json(), json!([]));
    panel.stop();
}
