//! Polls that are killed at any moment: never a byte lost, never one counted twice.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::{NOW, section};
use crate::support::program::Site;

const ROUNDS: i64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_polls_killed_at_random_lose_and_double_nothing() {
    let panel = crate::start(5, ClockStart::Frozen(NOW)).await;
    let site = Site::new(&crate::house(9480, "", "", &[section(&panel, "s3", "")]));
    let (clock, requests) = (&panel.knobs().clock, &panel.knobs().requests);
    let began = Instant::now();
    site.at(NOW, &["poll"]).await.good();
    let usual = began.elapsed().as_micros() as u64;

    let mut random = StdRng::seed_from_u64(20_261_121);
    let mut killed = 0;
    for round in 1..=ROUNDS {
        clock.freeze_at(NOW + round * 5_000);
        requests.clear();
        let mut poll = site.command(&["poll"]);
        poll.env("WHMETER_NOW", clock.now_seconds().to_string());
        let mut poll = poll.stdout(std::process::Stdio::null()).spawn().unwrap();
        if round % 3 == 0 {
            // Any moment of its life.
            tokio::time::sleep(Duration::from_micros(random.random_range(0..usual))).await;
        } else {
            // The last page was asked for: what follows is settling and committing.
            let deadline = Instant::now() + Duration::from_secs(20);
            while requests.count("metrics/bucket") == 0 && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_micros(random.random_range(0..15_000))).await;
        }
        poll.start_kill().unwrap();
        killed += i32::from(poll.wait().await.unwrap().code().is_none());
        // The dead one's lease runs out.
        clock.advance(61);
        let now = clock.now_seconds();
        site.at(now, &["poll"]).await.good();
        check(&site, &panel, now).await;
    }
    assert!(killed >= 8, "only {killed} of {ROUNDS} were killed before they ended: nothing is proven");
    let now = clock.now_seconds();
    for meter in ["storage", "traffic_in", "traffic_out"] {
        site.at(now, &["explain", "s3", "7-42", meter]).await.good();
    }
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}", site.path().join("whmeter.db").display());
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&pool).await.unwrap();
    assert_eq!(sound, "ok");
    panel.stop();
}

/// The running month is what really passed since the first poll.
async fn check(site: &Site, panel: &whmeter_simulators::minio::Panel, now: i64) {
    let truth = &panel.knobs().truth;
    let rows = site.at(now, &["usage", "--json"]).await.json();
    let mut checked = 0;
    for row in rows.as_array().unwrap() {
        let account = row["account"].as_str().unwrap();
        let moved = truth.traffic_between(account, NOW, now).unwrap();
        let wanted = match row["meter"].as_str().unwrap() {
            "storage" => truth.level(account, now).unwrap(),
            "traffic_in" => moved.received,
            _ => moved.sent,
        };
        assert_eq!(row["bytes"].as_u64(), Some(wanted), "{row}");
        checked += 1;
    }
    assert!(checked >= 11, "{rows}");
}
