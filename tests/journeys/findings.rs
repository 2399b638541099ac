//! What does not fit: every account is billed or named as unbilled, and whoever is billed for nothing is named.

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::minio::Panel;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Daemon, Site, free_port};

fn house(port: u16, panel: &Panel, more: &str) -> String {
    let backend = section(panel, "s3", &format!("every = \"1h\"\nwhmcs_server = 12\n{more}"));
    crate::house(port, "", "", &[backend])
}

fn service(id: u64, username: &str) -> Value {
    json!({ "id": id, "client": id + 1000, "username": username, "product": "S3", "status": "Active" })
}

async fn tell(daemon: &Daemon<'_>, services: Vec<Value>) {
    let body = json!({ "schema": 1, "services": services }).to_string();
    let put = daemon.request("PUT", "/v1/whmcs/services?server=12").body(body);
    assert_eq!(daemon.send(put.header("content-type", "application/json")).await.unwrap().status, 200);
}

/// It is `at` for everybody.
fn becomes(site: &Site, panel: &Panel, at: i64) {
    panel.knobs().clock.freeze_at(at);
    std::fs::write(site.path().join("now"), at.to_string()).unwrap();
}

/// Has the backend polled, and waits for it.
async fn poll(daemon: &Daemon<'_>) {
    let asked = daemon.send(daemon.request("POST", "/v1/backends/s3/poll")).await.unwrap();
    assert_eq!((asked.status, &asked.json()["status"]), (202, &json!("queued")));
    daemon.until("/v1/backends/s3", "is done", |got| got.json()["asked"]["state"] == "done").await;
}

async fn report(daemon: &Daemon<'_>, what: &str) -> Vec<Value> {
    let got = daemon.get(&format!("/v1/report?what={what}")).await;
    assert_eq!(got.status, 200, "{}", got.text());
    got.json().as_array().unwrap().clone()
}

fn names(rows: &[Value], key: &str) -> Vec<String> {
    let mut names: Vec<String> = rows.iter().filter_map(|row| Some(row[key].as_str()?.to_string())).collect();
    names.sort();
    names.dedup();
    names
}

const UNMAPPED_BYTES: &str = "whmeter_unmapped_bytes{backend=\"s3\",meter=\"storage\"}";
const GHOSTS: &str = "whmeter_ghost_services{backend=\"s3\"}";
const DIFFERENCE: &str = "whmeter_server_total_difference_bytes{backend=\"s3\"}";
const UNMETERED: &str = "whmeter_unmetered_services{server=\"12\"}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_account_is_billed_or_named_and_every_ghost_is_found() {
    let start = 1_795_176_000;
    let panel = crate::start(6, ClockStart::Frozen(start)).await;
    let port = free_port();
    // Half a cent for each thousand bytes beyond ten: an amount of every account can be worked out by heart.
    let price = "\n[[price]]\nname = \"storage\"\nmeter = \"storage\"\nof = \"last\"\nincluded = \"10 B\"\n\
                 per = \"1 kB\"\nprice = \"0.005\"\ncurrency = \"EUR\"\n";
    let site = Site::new(&format!("{}{price}", house(port, &panel, "")));
    becomes(&site, &panel, start);
    let daemon = site.start_told(port, &site.path().join("now"));
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;
    let all = panel.accounts();
    daemon
        .until("/v1/accounts", "shows everybody", |got| {
            got.json()["rows"].as_array().unwrap().len() == all.len()
        })
        .await;

    // Nothing told: unknown, which is neither all nor none.
    for what in ["unbilled", "ghosts", "unmetered", "wrong-plans"] {
        let rows = report(&daemon, what).await;
        assert_eq!((rows.len(), &rows[0]["state"]), (1, &json!("unknown")), "{what}: {rows:?}");
        assert!(rows[0]["detail"].as_str().unwrap().contains("has not sent"), "{rows:?}");
    }
    let page = daemon.get("/metrics").await.text();
    for series in [
        "whmeter_unmapped_bytes{",
        "whmeter_ghost_services{",
        "whmeter_wrong_plan_accounts{",
        "whmeter_unmetered_services{",
    ] {
        assert!(!page.contains(series), "{series} before anything was told");
    }

    // Two billed, one that could be two services, the rest nobody's.
    let sold = || {
        vec![
            service(1, &all[0]),
            service(2, &all[1]),
            service(3, &all[2]),
            service(4, &all[2]),
            service(5, "never-there"),
        ]
    };
    tell(&daemon, sold()).await;
    let waiting = report(&daemon, "unbilled").await;
    assert!(waiting[0]["detail"].as_str().unwrap().starts_with("6 accounts were not polled"), "{waiting:?}");
    poll(&daemon).await;
    let unbilled = report(&daemon, "unbilled").await;
    assert_eq!(names(&unbilled, "account"), all[2..], "every account is billed or named");
    let truth = &panel.knobs().truth;
    let (mut sum, mut owed) = (0, 0);
    for row in &unbilled {
        let account = row["account"].as_str().unwrap();
        let state = if account == all[2] { "ambiguous" } else { "unmapped" };
        assert_eq!(row["state"], state, "{row}");
        if row["meter"] == "storage" {
            let at: chrono::DateTime<chrono::Utc> = row["at"].as_str().unwrap().parse().unwrap();
            assert_eq!(row["bytes"].as_u64(), truth.level(account, at.timestamp()), "{row}");
            let bytes = row["bytes"].as_u64().unwrap();
            sum += bytes;
            // In tenths of a thousandth of a cent, to the nearest cent.
            let cents = (u128::from(bytes.saturating_sub(10)) * 5 + 5_000) / 10_000;
            assert_eq!(row["amount"], format!("{}.{:02}", cents / 100, cents % 100), "{row}");
            assert_eq!(row["currency"], "EUR");
            owed += cents;
        } else {
            assert_eq!(row["amount"], Value::Null, "there is no price for it: {row}");
        }
    }
    assert!(sum > 0);
    let page = daemon
        .until("/metrics", "shows what no WHMCS service is mapped to", |got| {
            got.sample(UNMAPPED_BYTES) == Some(sum)
        })
        .await;
    let cost = format!("whmeter_unmapped_cost{{backend=\"s3\",currency=\"EUR\"}} {}", owed as f64 / 100.0);
    assert!(page.text().lines().any(|line| line == cost), "{cost}: {}", page.text());
    assert_eq!((page.sample(GHOSTS), page.sample(UNMETERED)), (Some(0), Some(3)));
    assert!(!page.text().contains("whmeter_wrong_plan_accounts{"), "MinIO tells no limits");

    // The server's own total is the accounts' and what is nobody's.
    let totals = report(&daemon, "totals").await;
    let number = |key: &str| totals[0][key].as_i64().unwrap();
    assert_eq!(number("panel_bytes") - number("bytes"), number("difference_bytes"));
    let nobodys = ["orphan", "ambiguous"]
        .map(|why| page.sample(&format!("whmeter_unclaimed_bytes{{backend=\"s3\",why=\"{why}\"}}")).unwrap());
    assert_eq!(number("difference_bytes"), nobodys.iter().sum::<u64>() as i64);
    assert_eq!(page.sample(DIFFERENCE), Some(nobodys.iter().sum()));

    // Gone from the panel and still billed.
    panel.vanish(&all[0]).unwrap();
    becomes(&site, &panel, start + 600);
    poll(&daemon).await;
    assert_eq!(report(&daemon, "ghosts").await, Vec::<Value>::new(), "one list is not the truth");
    becomes(&site, &panel, start + 1200);
    poll(&daemon).await;
    let ghosts = report(&daemon, "ghosts").await;
    assert_eq!(names(&ghosts, "account"), [all[0].clone()]);
    assert_eq!(
        (&ghosts[0]["service"], &ghosts[0]["client"], &ghosts[0]["status"]),
        (&json!(1), &json!(1001), &json!("Active"))
    );
    let missing = report(&daemon, "unmetered").await;
    let ids: Vec<i64> = missing.iter().map(|row| row["service"].as_i64().unwrap()).collect();
    assert_eq!(ids, [1, 3, 4, 5]);
    let page = daemon.until("/metrics", "counts the ghost", |got| got.sample(GHOSTS) == Some(1)).await;
    assert_eq!(page.sample(UNMETERED), Some(4));
    // Ended in WHMCS too, he haunts nobody.
    let mut ended = sold();
    ended[0]["status"] = json!("Terminated");
    tell(&daemon, ended).await;
    assert_eq!(report(&daemon, "ghosts").await, Vec::<Value>::new());

    // The command says the same by the same code.
    let now = start + 1200;
    let route = daemon.get("/v1/report?what=all&backend=s3").await.json();
    assert_eq!(site.at(now, &["report", "--what", "all", "--backend", "s3", "--json"]).await.json(), route);
    let csv = daemon.get("/v1/report?what=all&format=csv").await;
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert_eq!(site.at(now, &["report", "--format", "csv"]).await.good(), csv.text());
    let table = site.at(now, &["report", "--what", "unbilled"]).await.good();
    assert!(table.contains("ambiguous") && table.contains(&all[3]), "{table}");
    site.run(&["report", "--what", "everything"]).await.failure(2);
    site.run(&["report", "--backend", "nas"]).await.failure(2);
    for (path, status) in [
        ("what=everything", 400),
        ("what=all&month=2026-11", 400),
        ("what=all&meter=storage", 400),
        ("what=all&backend=nas", 404),
    ] {
        assert_eq!(daemon.get(&format!("/v1/report?{path}")).await.status, status, "{path}");
    }
    daemon.stop().await;

    // What the operator leaves out on purpose is not unbilled; the server's total has it all the same.
    std::fs::write(site.config(), house(port, &panel, &format!("account_exclude = [\"{}\"]\n", all[3])))
        .unwrap();
    let daemon = site.start_told(port, &site.path().join("now"));
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;
    poll(&daemon).await;
    assert_eq!(names(&report(&daemon, "unbilled").await, "account"), [&all[2..3], &all[4..]].concat());
    assert_eq!(report(&daemon, "ghosts").await, Vec::<Value>::new());
    let totals = report(&daemon, "totals").await;
    assert_eq!((&totals[0]["state"], &totals[0]["difference_bytes"]), (&json!("unknown"), &Value::Null));
    daemon.until("/metrics", "withholds the difference", |got| !got.text().contains(DIFFERENCE)).await;
    daemon.stop().await;
}
