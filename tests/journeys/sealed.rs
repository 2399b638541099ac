//! Whoever may write to the database and changes what is billed is found: by `verify`, by `explain`, and by a head of a
//! chain that was kept elsewhere.

use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::{NOW, section};
use crate::support::program::{Daemon, Site, free_port};

const HOUR: i64 = 3600;
const KEY: &str = "a key that nobody else has";

/// WHMCS collects.
async fn collected(daemon: &Daemon<'_>) -> String {
    let request = daemon.request("GET", "/v1/whmcs/usage?server=12").header("X-Whmeter-Purpose", "billing");
    let answer = daemon.send(request).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["tenants"]["7-41"]["traffic_out"]["value"].as_str().unwrap_or_default().to_string()
}

async fn edited(site: &Site, sql: &'static str) {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}", site.path().join("whmeter.db").display());
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    sqlx::raw_sql(sql).execute(&pool).await.unwrap();
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_is_held_against_the_chronicle_and_heads_are_kept_elsewhere() {
    let panel = crate::start(4, ClockStart::Frozen(NOW)).await;
    let port = free_port();
    let keys = "every = \"31d\"\nwhmcs_server = 12";
    let house = crate::house(port, "", "", &[section(&panel, "s3", keys)]);
    let site = Site::new(&house.replace("whmeter.db\"", "whmeter.db\"\nseal_key_file = \"seal.key\""));
    site.write("seal.key", KEY);
    let (clock, truth) = (site.path().join("now"), &panel.knobs().truth);
    let becomes = |now: i64| {
        panel.knobs().clock.freeze_at(now);
        std::fs::write(&clock, now.to_string()).unwrap();
    };
    becomes(NOW);
    site.polled(NOW).await;
    let daemon = site.start_told(port, &clock);
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;
    becomes(NOW + HOUR);
    truth.add_traffic("7-41", NOW + HOUR - 60, Traffic { received: 0, sent: 400 << 30 });
    site.polled(NOW + HOUR).await;
    daemon.until("/v1/whmcs/usage?server=12", "shown", |got| got.text().contains("\"40")).await;
    assert!(collected(&daemon).await.starts_with("40"));

    // The heads are shown and printed; the next entries go on from them.
    let series = "whmeter_chain_entries{backend=\"\",chain=\"chronicle\"}";
    daemon.until("/metrics/self", "the head", |got| got.sample(series) == Some(1)).await;
    let chains = site.at(NOW + HOUR, &["verify", "--json"]).await.json();
    let chains: Vec<(String, String)> = chains
        .as_array()
        .unwrap()
        .iter()
        .map(|chain| {
            assert_eq!((&chain["ok"], &chain["keyed"][0]["keyed"]), (&true.into(), &true.into()), "{chain}");
            (chain["chain"].as_str().unwrap().into(), chain["head"].as_str().unwrap().into())
        })
        .collect();
    let names: Vec<&str> = chains.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["journal/s3", "chronicle"]);
    becomes(NOW + 2 * HOUR);
    truth.add_traffic("7-41", NOW + 2 * HOUR - 60, Traffic { received: 0, sent: 20 << 30 });
    site.polled(NOW + 2 * HOUR).await;
    daemon.until("/v1/whmcs/usage?server=12", "shown", |got| got.text().contains("\"42")).await;
    assert!(collected(&daemon).await.starts_with("42"));
    let (journal, chronicle) = (chains[0].1.as_str(), chains[1].1.as_str());
    let heads = ["verify", "--since-head", journal, "--since-head", chronicle];
    let said = site.at(NOW + 2 * HOUR, &heads).await.good();
    assert_eq!(said.matches(" is part of the chain").count(), 2, "{said}");
    assert!(said.contains("chronicle: 2 entries and 0 folds hold"), "{said}");
    assert!(said.contains("(with the key from entry 1 on)"), "{said}");
    let other = format!("chronicle:1:{}", "0".repeat(13));
    let failed = site.at(NOW, &["verify", "--since-head", &other]).await.failure(1);
    assert!(failed.contains("is not part of the chain"), "{failed}");
    let misused = site.at(NOW, &["verify", "--since-head", "412:abc"]).await.failure(2);
    assert!(misused.contains("journal/BACKEND:ENTRY:LINK"), "{misused}");
    let explain = ["explain", "s3", "7-41", "traffic_out", "--month", "2026-11"];
    let said = site.at(NOW + 2 * HOUR, &explain).await.good();
    assert!(said.contains("by entry 2 of the chronicle"), "{said}");
    daemon.stop().await;

    // What is changed by hand is named by both.
    edited(&site, "UPDATE reported SET value = value * 10 WHERE metric = 'traffic_out'").await;
    let failed = site.at(NOW + 2 * HOUR, &["verify"]).await.failure(1);
    assert!(failed.contains("reported service 0") && failed.contains("value is 42"), "{failed}");
    let failed = site.at(NOW + 2 * HOUR, &explain).await.failure(1);
    assert!(failed.contains("is not in the chronicle"), "{failed}");
    edited(&site, "UPDATE reported SET value = value / 10 WHERE metric = 'traffic_out'").await;
    site.at(NOW + 2 * HOUR, &["verify"]).await.good();

    // Less than the month had: not polled, and not told by whoever starts.
    edited(&site, "UPDATE month_sum SET amount = amount - 1000 WHERE meter = 2 AND amount > 1000000").await;
    let failed = site.at(NOW + 3 * HOUR, &["poll"]).await;
    assert_eq!(failed.code, Some(1));
    let said = failed.stdout + &failed.stderr;
    assert!(said.contains("its days sum to") && said.contains("`whmeter verify`"), "{said}");
    let daemon = site.start_told(port, &clock);
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;
    let answer = daemon.get("/v1/whmcs/usage?server=12").await.json();
    assert!(answer["tenants"]["7-41"].get("traffic_out").is_none(), "{answer}");
    daemon.stop().await;
    edited(&site, "UPDATE month_sum SET amount = amount + 1000 WHERE meter = 2 AND amount > 1000000").await;

    // Who has another key, or none, writes nothing.
    site.write("seal.key", "somebody else's key");
    let failed = site.at(NOW + 3 * HOUR, &["verify"]).await.failure(1);
    assert!(failed.contains("is not the key that the chains of this database are made by"), "{failed}");
    site.write("seal.key", KEY);
    site.at(NOW + 3 * HOUR, &["verify"]).await.good();
    let log = std::fs::read_to_string(site.path().join(format!("serve-{port}.log"))).unwrap();
    assert!(log.contains("head of a chain") && log.contains("journal/s3:1:"), "{log}");
    site.check_never_said(&[KEY, "somebody else's key"]);
    assert!(!log.contains(KEY));
    panel.stop();
}
