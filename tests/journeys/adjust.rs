//! Corrections by hand: in every total, explained with author and reason, and never an edit.

use serde_json::Value;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::{NOW, section};
use crate::support::program::{Got, Site, free_port};

const DAY: i64 = 86_400;

async fn bytes(site: &Site, now: i64, account: &str) -> u64 {
    let arguments =
        ["usage", "--account", account, "--meter", "traffic_out", "--month", "2026-11", "--format", "json"];
    let rows = site.at(now, &arguments).await.json();
    rows.as_array().unwrap().iter().map(|row| row["bytes"].as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_10_a_correction_is_a_record_of_its_own_and_in_every_total() {
    let panel = crate::start(4, ClockStart::Frozen(NOW)).await;
    let keys = "whmcs_server = 12";
    let site = Site::new(&crate::house(9480, "", "", &[section(&panel, "s3", keys)]));
    let (clock, truth) = (&panel.knobs().clock, &panel.knobs().truth);
    site.polled(NOW).await;
    for step in 1..=3 {
        clock.freeze_at(NOW + step * DAY);
        truth.add_traffic("7-41", NOW + step * DAY - 60, Traffic { received: 0, sent: 1_000_000 });
        site.polled(NOW + step * DAY).await;
    }
    let now = NOW + 3 * DAY;
    let before = bytes(&site, now, "7-41").await;
    let adjust = |day: &'static str, size: &'static str| {
        let site = &site;
        async move {
            let arguments =
                ["adjust", "s3", "7-41", "traffic_out", day, size, "--reason", "ticket 4711: test upload"];
            site.at(now, &arguments).await
        }
    };
    let told = adjust("2026-11-22", "+5 GB").await.good();
    assert!(told.contains("2026-11-22"), "{told}");
    assert_eq!(bytes(&site, now, "7-41").await, before + 5_000_000_000);
    adjust("2026-11-22", "-2 GB").await.good();
    assert_eq!(bytes(&site, now, "7-41").await, before + 3_000_000_000);

    // It says who, why and how much; the lines add up; what was measured stands beside it as it was.
    let arguments = ["explain", "s3", "7-41", "traffic_out", "--month", "2026-11", "--json"];
    let story = site.at(now, &arguments).await.json();
    assert_eq!(story["adds_up"], Value::Bool(true));
    let notes: Vec<String> = story["lines"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|line| line["notes"].as_array().unwrap())
        .map(|note| note.as_str().unwrap().to_string())
        .filter(|note| note.contains("corrected by"))
        .collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("+5000000000 B") && notes[0].contains("ticket 4711"), "{notes:?}");
    assert!(notes[0].contains("operator ") && notes[1].contains("-2000000000 B"), "{notes:?}");
    site.at(now, &["verify"]).await.good();
    let replayed = site.at(now, &["replay", "--json"]).await.json();
    assert_eq!(replayed, serde_json::json!([]));

    // The next poll goes on from there.
    clock.freeze_at(now + 3600);
    truth.add_traffic("7-41", now + 3000, Traffic { received: 0, sent: 77 });
    site.polled(now + 3600).await;
    let natural = bytes(&site, now + 3600, "7-41").await - before - 3_000_000_000;
    assert!(natural >= 77, "{natural}");
    site.at(now + 3600, &["verify"]).await.good();

    for (arguments, code, said) in [
        (
            vec!["adjust", "s3", "7-41", "traffic_out", "2026-11-22", "-900 GB", "--reason", "x"],
            1,
            "has only",
        ),
        (vec!["adjust", "s3", "7-41", "storage", "2026-11-22", "+1 GB", "--reason", "x"], 1, "level"),
        (
            vec!["adjust", "s3", "9-99", "traffic_out", "2026-11-22", "+1 GB", "--reason", "x"],
            1,
            "never read; `whmeter usage` lists",
        ),
        (vec!["adjust", "s3", "7-41", "traffic_out", "2027-11-22", "+1 GB", "--reason", "x"], 2, "not begun"),
        (vec!["adjust", "s3", "7-41", "traffic_out", "2026-11-22", "5 GB", "--reason", "x"], 2, "sign"),
        (vec!["adjust", "s3", "7-41", "traffic_out", "2026-11-22", "+5", "--reason", "x"], 2, "unit"),
        (vec!["adjust", "s3", "7-41", "traffic_out", "2026-11-22", "+0 GB", "--reason", "x"], 2, "nothing"),
        (vec!["adjust", "s3", "7-41", "traffic_out", "2026-11-22", "+5 GB", "--reason", " "], 2, "why"),
        (vec!["adjust", "s4", "7-41", "traffic_out", "2026-11-22", "+5 GB", "--reason", "x"], 2, "s4"),
    ] {
        let line = site.at(now + 3600, &arguments).await.failure(code);
        assert!(line.contains(said), "{arguments:?}: {line}");
    }
    let unchanged = bytes(&site, now + 3600, "7-41").await;
    assert_eq!(unchanged, before + 3_000_000_000 + natural);

    // Folded with its month it is still in the sums, and the journal still holds.
    let later = now + 200 * DAY;
    // By a clock that no poll has confirmed nothing is taken away.
    let folded = site.at(later, &["prune"]).await.good();
    assert!(folded.lines().any(|line| line.starts_with("0 journal entries")), "{folded}");
    assert_eq!(bytes(&site, later, "7-41").await, unchanged);
    clock.freeze_at(later);
    site.polled(later).await;
    let unchanged = bytes(&site, later, "7-41").await;
    let folded = site.at(later, &["prune"]).await.good();
    assert!(!folded.lines().any(|line| line.starts_with("0 journal")), "{folded}");
    assert_eq!(bytes(&site, later, "7-41").await, unchanged);
    site.at(later, &["verify"]).await.good();
    site.at(later, &["explain", "s3", "7-41", "traffic_out", "--month", "2026-11"]).await.good();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_beyond_the_rate_is_held_back_until_somebody_has_looked() {
    let panel = crate::start(4, ClockStart::Frozen(NOW)).await;
    // Without a word in the config by what a network card of 100 Gbit/s can carry.
    let keys = "whmcs_server = 12\nevery = \"31d\"";
    let port = free_port();
    let site = Site::new(&crate::house(port, "", "", &[section(&panel, "s3", keys)]));
    let (clock, truth) = (&panel.knobs().clock, &panel.knobs().truth);
    let hour = 3_600;
    let poll = async |step: i64| {
        clock.freeze_at(NOW + step * hour);
        site.polled(NOW + step * hour).await;
        NOW + step * hour
    };
    let now = poll(0).await;
    let first = bytes(&site, now, "7-41").await;
    let now = poll(1).await;
    let before = bytes(&site, now, "7-41").await;
    assert!(before >= first);
    // A petabyte in an hour.
    truth.add_traffic("7-41", now + hour - 60, Traffic { received: 0, sent: 1 << 50 });
    let now = poll(2).await;
    assert_eq!(bytes(&site, now, "7-41").await, before, "not believed");
    let told = site.at(now, &["explain", "s3", "7-41", "traffic_out"]).await.good();
    assert!(told.contains("held back") && told.contains("max_rate allows 45000000000000 B"), "{told}");
    // Not true by waiting; nobody else is disturbed; the series says so.
    let now = poll(200).await;
    assert_eq!(bytes(&site, now, "7-41").await, before);
    let file = site.path().join("now");
    std::fs::write(&file, now.to_string()).unwrap();
    let daemon = site.start_told(port, &file);
    let held = |count| move |got: &Got| got.sample("whmeter_held_back_meters{backend=\"s3\"}") == Some(count);
    daemon.until("/metrics", "counts what is held back", held(1)).await;

    let nothing = ["accept", "s3", "7-42", "--reason", "x"];
    assert!(site.at(now, &nothing).await.failure(1).contains("nothing is held back"));
    let accept = ["accept", "s3", "7-41", "--reason", "a backup was moved"];
    site.at(now, &accept).await.good();
    site.at(now, &accept).await.failure(1);
    daemon.stop().await;
    let now = poll(201).await;
    let moved = truth.traffic_between("7-41", NOW, now).unwrap().sent;
    assert_eq!(bytes(&site, now, "7-41").await, moved, "to the byte, once accepted");
    let arguments = ["explain", "s3", "7-41", "traffic_out", "--json"];
    let story = site.at(now, &arguments).await.json();
    assert_eq!(story["adds_up"], Value::Bool(true));
    assert!(story.to_string().contains("accepted by") && story.to_string().contains("a backup was moved"));
    site.at(now, &["verify"]).await.good();
    let same = site.at(now, &["replay", "--json"]).await.json();
    assert_eq!(same, serde_json::json!([]), "settled again it is the same");
    panel.stop();
}
