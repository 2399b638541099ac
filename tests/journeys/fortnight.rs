//! A fortnight over the end of summer time and the end of a month, polled by hand, to the byte.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, TimeZone};
use chrono_tz::Europe::Warsaw;
use serde_json::Value;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Fault, FaultKind};
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::minio::Panel;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Ran, Site};

const METERS: [&str; 3] = ["storage", "traffic_in", "traffic_out"];

/// The first instant of a day in the billing zone.
fn midnight(day: NaiveDate) -> i64 {
    let local = day.and_hms_opt(0, 0, 0).unwrap();
    Warsaw.from_local_datetime(&local).earliest().unwrap().timestamp()
}

fn day_of(at: i64) -> NaiveDate {
    DateTime::from_timestamp(at, 0).unwrap().with_timezone(&Warsaw).date_naive()
}

/// What the meter must have found, worked out from the truth and the times of the polls alone.
struct Expected<'a> {
    panel: &'a Panel,
    /// The polls that went well, in order; midnights are among them.
    polls: Vec<i64>,
}

/// Bytes, and for storage byte-minutes.
type Sums = BTreeMap<NaiveDate, (u64, u128)>;

impl Expected<'_> {
    fn days(&self, account: &str, meter: &str) -> Sums {
        let truth = &self.panel.knobs().truth;
        let mut days = Sums::new();
        for pair in self.polls.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let day = days.entry(day_of(from)).or_default();
            let moved = truth.traffic_between(account, from, to).unwrap();
            match meter {
                "storage" => {
                    let level = truth.level(account, from).unwrap();
                    let minutes = to.div_euclid(60) - from.div_euclid(60);
                    *day = (level, day.1 + u128::from(level) * minutes as u128);
                }
                "traffic_in" => day.0 += moved.received,
                _ => day.0 += moved.sent,
            }
        }
        let last = *self.polls.last().unwrap();
        if meter == "storage" {
            days.entry(day_of(last)).or_default().0 = truth.level(account, last).unwrap();
        }
        days
    }

    /// The sums of the days that a test of their date lets through.
    fn month(&self, account: &str, meter: &str, month: &str) -> (u64, u128) {
        let days = self.days(account, meter);
        let days = days.iter().filter(|(day, _)| day.to_string().starts_with(month));
        days.fold((0, 0), |sum, (_, day)| {
            let bytes = if meter == "storage" { day.0 } else { sum.0 + day.0 };
            (bytes, sum.1 + day.1)
        })
    }
}

fn rows(answer: &Value) -> BTreeMap<(String, String, String), (u64, u128)> {
    let rows = answer.as_array().unwrap().iter().map(|row| {
        let text = |key: &str| row[key].as_str().unwrap().to_string();
        let held = row["held_byte_minutes"].to_string().parse().unwrap();
        ((text("account"), text("meter"), text("from")), (row["bytes"].as_u64().unwrap(), held))
    });
    rows.collect()
}

async fn usage(site: &Site, now: i64, arguments: &[&str]) -> Ran {
    site.at(now, &[&["usage"], arguments].concat()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fortnight_is_the_truth_to_the_byte_by_day_and_by_month() {
    let first = NaiveDate::from_ymd_opt(2026, 10, 22).unwrap();
    let start = midnight(first);
    let panel = crate::start(6, ClockStart::Frozen(start)).await;
    let accounts = panel.accounts();
    let backend = section(&panel, "s3", "whmcs_server = 12");
    let config = crate::house(9480, "", "", &[backend]);
    let site = Site::new(&config.replace("[http]", "keep_days = 4\n\n[http]"));

    let mut expected = Expected { panel: &panel, polls: Vec::new() };
    for number in 0..=14 {
        let midnight = midnight(first + Days::new(number));
        for (part, at) in [midnight, midnight + 29_123, midnight + 60_061].into_iter().enumerate() {
            if number == 14 && part > 0 {
                break;
            }
            panel.knobs().clock.freeze_at(at);
            story(&panel, number, part, at);
            let failing = number == 3 && part == 1;
            if failing {
                panel.knobs().faults.add(Fault::new(FaultKind::Failed { status: 500 }).times(1));
            }
            let polled = site.at(at, &["poll"]).await;
            if failing {
                let said = polled.failure(1);
                assert!(said.contains("s3") && said.contains("500") && said.contains("check"), "{said}");
            } else {
                polled.good();
                expected.polls.push(at);
            }
            // Nothing passes between a poll and a restart at the same instant: nothing is lost.
            match (number, part) {
                (6, 0) => panel.restart_node(0),
                (8, 2) => panel.restart_node(1),
                _ => {}
            }
        }
    }
    let now = *expected.polls.last().unwrap();
    check_all(&site, &expected, &accounts, now).await;
    check_csv(&site, now).await;
    check_explained(&site, &accounts, now).await;

    let both = ["--by", "month", "--json", "--from", "2026-10-01", "--to", "2026-12-01"];
    let before = usage(&site, now, &both).await.json();
    let folded = site.at(now, &["prune", "--json"]).await.json();
    assert!(folded["day_points"].as_u64().unwrap() > 100, "{folded}");
    let after = usage(&site, now, &both).await.json();
    assert_eq!(after, before, "folding days into months moved a number");
    let days = usage(&site, now, &["--by", "day", "--json", "--month", "2026-10"]).await.json();
    assert_eq!(days, serde_json::json!([]), "October's days are folded");
    let asked = usage(&site, now, &["--json", "--from", "2026-10-30", "--to", "2026-11-02"]).await;
    assert!(asked.failure(1).contains("whole months"), "half a folded month is nobody's to tell");
    check_explained(&site, &accounts, now).await;

    // A poll after the folding goes on where the last one was.
    let later = now + 3600;
    panel.knobs().clock.freeze_at(later);
    site.at(later, &["poll"]).await.good();
    expected.polls.push(later);
    let found = usage(&site, later, &["--json", "--month", "2026-11"]).await.json();
    for ((account, meter, _), found) in rows(&found) {
        assert_eq!(found, expected.month(&account, &meter, "2026-11"), "{account} {meter}");
    }
    site.check_never_said(&["rootsecret123"]);
    panel.stop();
}

/// What happens at the panel besides what grows by itself.
fn story(panel: &Panel, day: u64, part: usize, at: i64) {
    let truth = &panel.knobs().truth;
    match (day, part) {
        (2, 1) => drop(truth.set_level("7-41", at - 5_000, 5_000_000_000)),
        (5, 2) => drop(truth.set_level("7-41", at - 5_000, 0)),
        (4, 1) => drop(truth.add_traffic("7-42", at - 60, Traffic { received: 7, sent: 1 << 45 })),
        _ => {}
    }
}

async fn check_all(site: &Site, expected: &Expected<'_>, accounts: &[String], now: i64) {
    for month in ["2026-10", "2026-11"] {
        let total = usage(site, now, &["--format", "json", "--month", month]).await.json();
        let first = format!("{month}-01");
        for row in total.as_array().unwrap() {
            assert_eq!((&row["backend"], &row["from"]), (&"s3".into(), &first.as_str().into()), "{row}");
            assert!(row["to"].as_str() > row["from"].as_str(), "{row}");
            assert_eq!((&row["complete"], &row["estimated_bytes"]), (&false.into(), &0.into()), "{row}");
        }
        let total = rows(&total);
        let days = usage(site, now, &["--by", "day", "--json", "--month", month]).await.json();
        let days = rows(&days);
        let mut moving = 0;
        for account in accounts {
            for meter in METERS {
                let what = format!("{account} {meter} {month}");
                let of_day = |day: &NaiveDate| (account.clone(), meter.to_string(), day.to_string());
                let key = (account.clone(), meter.to_string(), first.clone());
                // An account without a bucket has no traffic that anybody could read.
                let Some(total) = total.get(&key) else {
                    let none = expected.panel.knobs().truth.parts(account).is_empty();
                    assert!(none && meter != "storage", "{what} is missing");
                    continue;
                };
                assert_eq!(*total, expected.month(account, meter, month), "{what}");
                let wanted = expected.days(account, meter);
                let wanted = wanted.iter().filter(|(day, _)| day.to_string().starts_with(month));
                for (day, wanted) in wanted {
                    // A day nothing passed on need not have a row.
                    let found = days.get(&of_day(day)).copied().unwrap_or_default();
                    assert_eq!(found, *wanted, "{what} on {day}");
                }
                moving += i32::from(total.0 > 0);
            }
        }
        assert!(moving > 10, "{month}: only {moving} numbers are more than zero");
    }
}

async fn check_csv(site: &Site, now: i64) {
    let json = usage(site, now, &["--json", "--month", "2026-10"]).await.json();
    let csv = usage(site, now, &["--format", "csv", "--month", "2026-10"]).await.good();
    let mut lines = csv.lines();
    let head = "backend,account,meter,from,to,bytes,estimated_bytes,held_byte_minutes,complete";
    assert_eq!(lines.next(), Some(head));
    for row in json.as_array().unwrap() {
        let cells = head.split(',').map(|key| row[key].to_string().trim_matches('"').to_string());
        assert_eq!(lines.next(), Some(cells.collect::<Vec<_>>().join(",").as_str()));
    }
    assert_eq!(lines.next(), None);
    let table = usage(site, now, &["--month", "2026-10", "--account", "7-41"]).await.good();
    assert_eq!(table.lines().count(), 1 + METERS.len(), "{table}");
    let none = usage(site, now, &["--json", "--month", "2025-10"]).await.json();
    assert_eq!(none, serde_json::json!([]), "nothing known is no row, not a zero");
}

async fn check_explained(site: &Site, accounts: &[String], now: i64) {
    for account in &accounts[..3] {
        for meter in METERS {
            for month in ["2026-10", "2026-11"] {
                let arguments = ["explain", "s3", account, meter, "--month", month, "--json"];
                let told = site.at(now, &arguments).await.json();
                assert_eq!(told["adds_up"], true, "{account} {meter} {month}: {told}");
                let only = ["--json", "--account", account, "--meter", meter, "--month", month];
                let total = usage(site, now, &only).await.json();
                assert_eq!(told["bytes"], total[0]["bytes"], "{account} {meter} {month}");
            }
        }
    }
    let text = site.at(now, &["explain", "s3", "7-41", "traffic_out", "--month", "2026-11"]).await.good();
    assert!(text.contains("add up to what is stored, to the byte"), "{text}");
}
