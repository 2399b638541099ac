//! How things stand, as a monitoring program asks it: a screen for people, JSON, and an exit code.

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Site, free_port};

const START: i64 = 1_795_176_000;

fn kinds(status: &Value) -> Vec<&str> {
    status["doubts"].as_array().unwrap().iter().map(|line| line["kind"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_screen_tells_what_stands_and_what_ends_it() {
    let panel = crate::start(8, ClockStart::Frozen(START)).await;
    let site = Site::new(&crate::house(free_port(), "", "", &[section(&panel, "s3", "every = \"1h\"")]));
    let poll = async |minutes: i64| {
        let now = START + minutes * 60;
        panel.knobs().clock.freeze_at(now);
        site.at(now, &["poll"]).await;
        now
    };
    // Nothing was read yet: nobody can tell.
    let unknown = site.at(START, &["status"]).await.failure(2);
    assert!(unknown.contains("is not there yet"), "{unknown}");

    let now = poll(0).await;
    let well = site.at(now, &["status", "--json"]).await.json();
    assert_eq!((&well["state"], &well["problems"]), (&json!("well"), &json!([])), "{well}");
    let line = &well["backends"][0];
    let seen = [&line["backend"], &line["state"], &line["age_seconds"], &line["accounts"], &line["unread"]];
    assert_eq!(seen, [&json!("s3"), &json!("well"), &json!(0), &json!(8), &json!(0)], "{well}");
    assert!(well["heads"][0].as_str().unwrap().starts_with("journal/s3:1:"), "{well}");
    assert_eq!(well["outbox"], json!({ "waiting": 0, "oldest": null, "gave_up": 0 }));
    let screen = site.at(now, &["status"]).await.good();
    assert!(screen.contains("findings ") && screen.contains("head     journal/s3:1:"), "{screen}");

    // A doubt that stands is a line, with what ends it, and the same is among the findings.
    let names = panel.accounts();
    names[..6].iter().for_each(|name| panel.vanish(name).unwrap());
    let now = poll(60).await;
    let ran = site.at(now, &["status", "--json"]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let doubted: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(kinds(&doubted), ["list"], "{doubted}");
    let ends = doubted["doubts"][0]["ends"].as_str().unwrap();
    assert!(ends.contains("6 of 8 accounts") && ends.contains("whmeter accept s3"), "{ends}");
    assert_eq!(doubted["findings"]["held-back"], json!({ "lines": 1, "unknown": 0 }));
    assert!(ran.stderr.contains("whmeter accept s3"), "{}", ran.stderr);
    names[..6].iter().for_each(|name| panel.reappear(name).unwrap());
    let now = poll(120).await;
    site.at(now, &["status"]).await.good();

    // Nobody polls any more; and then the panel is gone.
    let missed = site.at(now + 3 * 3600, &["status"]).await.failure(1);
    assert!(missed.contains("is `whmeter serve` running?"), "{missed}");
    panel.stop();
    let now = now + 60;
    site.at(now, &["poll"]).await.failure(1);
    let failing = site.at(now, &["status"]).await;
    assert_eq!(failing.code, Some(1));
    assert!(failing.stdout.contains("unreachable"), "{}", failing.stdout);
    assert!(failing.stderr.contains("whmeter check --backend s3"), "{}", failing.stderr);

    // A config that cannot be read tells nothing.
    let text = std::fs::read_to_string(site.config()).unwrap();
    site.write("broken.toml", &format!("{text}\n[nonsense]\n"));
    site.at(now, &["status", "--config", "broken.toml"]).await.failure(2);
}
