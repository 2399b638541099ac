//! What was sold and what the panels allow: limits and resellers as real panels tell them, with "unlimited" and with answers
//! that leave a limit out.

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::Options;

use crate::support::panels::{NOW, Pair, section};
use crate::support::program::{Daemon, Site, free_port};

const MIB: u64 = 1 << 20;

async fn start(kind: &str, accounts: usize) -> Pair {
    let options = Options { accounts, clock: ClockStart::Running(NOW), ..Options::default() };
    let panel = whmeter_simulators::kind(kind).unwrap().start(options).await.unwrap();
    Pair { kind: whmeter::backends::kind(kind).unwrap(), panel }
}

fn config(port: u16, pair: &Pair, rules: &str) -> String {
    let keys = "every = \"1s\"\nwhmcs_server = 12\nmax_rate = \"none\"\n";
    format!("{}{rules}", crate::house(port, "", "", &[section(&*pair.panel, "panel", keys)]))
}

async fn tell(daemon: &Daemon<'_>, services: Vec<Value>) {
    let body = json!({ "schema": 1, "services": services }).to_string();
    let put = daemon.request("PUT", "/v1/whmcs/services?server=12").body(body);
    assert_eq!(daemon.send(put.header("content-type", "application/json")).await.unwrap().status, 200);
}

async fn report(daemon: &Daemon<'_>) -> Vec<Value> {
    daemon.get("/v1/report?what=wrong-plans").await.json().as_array().unwrap().clone()
}

fn series(name: &str, account: &str) -> String {
    format!("{name}{{backend=\"panel\",account=\"{account}\"}}")
}

/// A subscription's own limit, in bytes; -1 is unlimited, nothing leaves it out.
fn allow(pair: &Pair, name: &str, limit: Option<i64>) {
    for of in ["disk_space", "max_traffic"] {
        let set = json!({ "op": "set_limit", "name": of, "value": limit });
        pair.panel.operate(&format!("subscriptions/{name}"), &set).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_panels_own_limit_is_in_force_and_an_answer_without_one_ends_nothing() {
    let (pair, port) = (start("plesk", 4).await, free_port());
    pair.panel.operate("switches", &json!({ "statistics": "live" })).unwrap();
    let names = pair.panel.accounts();
    let (over, within, free) = (&names[0], &names[1], &names[2]);
    let now = pair.panel.knobs().clock.now_seconds();
    for name in [over, within, free] {
        pair.truth().set_level(name, now - 10, 900 * MIB);
    }
    allow(&pair, over, Some(800 * MIB as i64));
    allow(&pair, within, Some(2000 * MIB as i64));
    allow(&pair, free, Some(-1));
    let rule = "\n[[limit]]\nbackend = \"panel\"\nmeter = \"storage\"\nsize = \"panel\"\nlimit_at = 100\n";
    let site = Site::by_clock_of(&config(port, &pair, rule), &*pair.panel);
    let daemon = site.serve(port).await;
    let limited = |name: &str, is: u64| {
        let series = series("whmeter_account_limited", name);
        move |got: &crate::support::program::Got| got.sample(&series) == Some(is)
    };
    daemon.until("/metrics", "limits whom the panel would", limited(over, 1)).await;
    assert_eq!(pair.panel.is_limited(over), Some(true));
    let page = daemon.get("/metrics").await;
    let limit = |got: &crate::support::program::Got, name: &str| {
        got.sample(&series("whmeter_storage_limit_bytes", name))
    };
    assert_eq!(limit(&page, over), Some(800 * MIB));
    assert_eq!(limit(&page, within), Some(2000 * MIB));
    assert_eq!(limit(&page, free), Some(0), "unlimited");
    assert!(limited(within, 0)(&page) && limited(free, 0)(&page), "{}", page.text());

    // The next answers leave the limit out: it is unknown, which shows as nothing, lets nobody go and frees nobody.
    for name in &names {
        allow(&pair, name, None);
    }
    let page = daemon.until("/metrics", "shows no limit", |got| limit(got, over).is_none()).await;
    let polled = "whmeter_poll_last_success_timestamp_seconds{backend=\"panel\"}";
    let before = page.sample(polled).unwrap();
    let page = daemon.until("/metrics", "polls on", |got| got.sample(polled) >= Some(before + 3)).await;
    assert_eq!([within, free].map(|name| limit(&page, name)), [None, None]);
    assert!(limited(over, 1)(&page) && pair.panel.is_limited(over) == Some(true));

    // A greater plan lets go; an unlimited one has no ratio.
    allow(&pair, over, Some(-1));
    daemon.until("/metrics", "lets go who is unlimited", limited(over, 0)).await;
    let page = daemon.until("/metrics", "shows no end", |got| limit(got, over) == Some(0)).await;
    let ratio = format!("whmeter_limit_used_ratio{{backend=\"panel\",account=\"{over}\"");
    assert!(!page.text().contains(&ratio), "{ratio}");
    assert_eq!(pair.panel.is_limited(over), Some(false));
    daemon.stop().await;
    pair.panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_is_not_the_one_sold_is_found_on_a_panel_that_tells_its_limits() {
    let (pair, port) = (start("plesk", 5).await, free_port());
    let names = pair.panel.accounts();
    let plans = [Some(1000 * MIB as i64), Some(1000 * MIB as i64), Some(-1), None, Some(-1)];
    for (name, plan) in names.iter().zip(plans) {
        allow(&pair, name, plan);
    }
    let site = Site::by_clock_of(&config(port, &pair, ""), &*pair.panel);
    let daemon = site.serve(port).await;
    // As sold: the same; less; a number where the panel has no end; a number where the panel is silent; unlimited.
    let sold = [1000 * MIB, 500 * MIB, 1000 * MIB, 1000 * MIB, 0];
    let services = names.iter().zip(sold).enumerate();
    let services = services.map(|(number, (name, sold))| {
        json!({ "id": number + 1, "client": 7, "username": "shared", "domain": name, "product": "Web", "status": "Active",
                "limits": { "storage": sold, "traffic_total": sold } })
    });
    tell(&daemon, services.collect()).await;
    let wrong = "whmeter_wrong_plan_accounts{backend=\"panel\"}";
    daemon.until("/metrics", "finds them", |got| got.sample(wrong) == Some(2)).await;
    let mut found: Vec<_> = report(&daemon)
        .await
        .iter()
        .map(|row| {
            (
                row["account"].as_str().unwrap().to_string(),
                row["meter"].as_str().unwrap().to_string(),
                row["panel_bytes"].clone(),
                row["sold_bytes"].clone(),
            )
        })
        .collect();
    found.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    let mut expected = Vec::new();
    for meter in ["storage", "traffic_total"] {
        expected.push((names[1].clone(), meter.to_string(), json!(1000 * MIB), json!(500 * MIB)));
        expected.push((names[2].clone(), meter.to_string(), json!(0), json!(1000 * MIB)));
    }
    expected.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    assert_eq!(found, expected);
    daemon.stop().await;
    pair.panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resellers_are_told_apart_in_rules_sums_series_and_answers() {
    let (pair, port) = (start("cpanel", 12).await, free_port());
    let state = pair.panel.operate("state", &Value::Null).unwrap();
    let owner = |name: &str| state["accounts"][name]["owner"].as_str().unwrap().to_string();
    let names = pair.panel.accounts();
    let of = |reseller: &str| -> Vec<&String> {
        names.iter().filter(|name| owner(name) == reseller && name.as_str() != reseller).collect()
    };
    let (resold, others) = (of("resel01"), of("root"));
    assert!(resold.len() >= 2 && others.len() >= 2, "{state}");
    // A limit for the accounts of one reseller alone, which one of them passes.
    let rule = "\n[[limit]]\nbackend = \"panel\"\nreseller = \"resel0?\"\nmeter = \"storage\"\nsize = \"2 TB\"\nlimit_at = 100\n";
    let now = pair.panel.knobs().clock.now_seconds();
    for name in [resold[0], others[0]] {
        pair.truth().set_level(name, now - 10, 3_000_000_000_000);
    }
    let site = Site::by_clock_of(&config(port, &pair, rule), &*pair.panel);
    let daemon = site.serve(port).await;
    let limited = series("whmeter_account_limited", resold[0]);
    daemon.until("/metrics", "limits the reseller's", |got| got.sample(&limited) == Some(1)).await;
    assert_eq!(pair.panel.is_limited(others[0]), Some(false), "it is the server's own");

    // Somebody else's suspension is told with its reason.
    pair.panel
        .operate(
            &format!("accounts/{}", others[1]),
            &json!({ "op": "suspend", "reason": "unpaid <b>invoice</b>" }),
        )
        .unwrap();
    let rows = daemon
        .until("/v1/accounts", "tells why", |got| {
            let rows = got.json();
            let row =
                rows["rows"].as_array().unwrap().iter().find(|row| row["account"] == **others[1]).cloned();
            row.is_some_and(|row| row["suspended"] == true && row["suspended_for"] == "unpaid <b>invoice</b>")
        })
        .await
        .json();
    for row in rows["rows"].as_array().unwrap() {
        let told = row["reseller"].as_str().unwrap();
        let owner = owner(row["account"].as_str().unwrap());
        // A reseller's own account is one of its own.
        let expected = if owner == "root" { "" } else { &owner };
        assert_eq!(told, expected, "{row}");
    }
    let page = daemon.get("/metrics").await.text();
    let info = format!("account=\"{}\"", resold[0]);
    let line =
        page.lines().find(|line| line.starts_with("whmeter_account_info{") && line.contains(&info)).unwrap();
    assert!(line.contains("reseller=\"resel01\""), "{line}");

    // What each reseller's accounts hold together.
    let sums = site.run(&["usage", "--by", "reseller", "--meter", "storage", "--json"]).await.json();
    let sums = sums.as_array().unwrap();
    let resellers: Vec<&str> = sums.iter().map(|row| row["reseller"].as_str().unwrap()).collect();
    assert_eq!(resellers, ["", "resel01", "resel02"], "{sums:?}");
    let each = site.run(&["usage", "--meter", "storage", "--json"]).await.json();
    for sum in sums {
        let reseller = sum["reseller"].as_str().unwrap();
        let own = each.as_array().unwrap().iter().filter(|row| {
            let owner = owner(row["account"].as_str().unwrap());
            reseller == if owner == "root" { "" } else { &owner }
        });
        let (count, held) = own.fold((0, 0), |(count, held), row| {
            (count + 1, held + row["held_byte_minutes"].as_u64().unwrap())
        });
        assert_eq!(
            (&sum["accounts"], sum["held_byte_minutes"].as_u64()),
            (&json!(count), Some(held)),
            "{sum}"
        );
    }
    daemon.stop().await;
    pair.panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_is_read_by_people_one_row_per_account_and_a_wrong_name_is_an_error() {
    let pair = start("cpanel", 9).await;
    let names = pair.panel.accounts();
    let now = pair.panel.knobs().clock.now_seconds();
    for (number, name) in names.iter().enumerate() {
        pair.truth().set_level(name, now - 10, (number as u64 + 1) * 100 * MIB);
    }
    let rule = "\n[[limit]]\nbackend = \"panel\"\nmeter = \"storage\"\nsize = \"1000 MiB\"\nlimit_at = 100\n";
    let site = Site::by_clock_of(&config(free_port(), &pair, rule), &*pair.panel);
    site.run(&["poll"]).await.good();
    let table = site.run(&["usage"]).await.good();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].ends_with(", so far") && lines.len() == 2 + 9 + 1, "{table}");
    let row = lines.iter().find(|line| line.contains(names[3].as_str())).unwrap();
    assert!(row.contains("400 MB") && row.contains("40 % stored") && row.contains("known since"), "{row}");
    // 45 hundreds of MiB in all.
    assert!(lines[11].contains("all 9 accounts") && lines[11].contains("4.39 GB"), "{table}");

    let top = site.run(&["usage", "--top", "2", "--bytes"]).await.good();
    let lines: Vec<&str> = top.lines().collect();
    assert!(
        lines.len() == 5 && lines[2].contains(names[8].as_str()) && lines[2].contains("943 718 400"),
        "{top}"
    );
    assert!(lines[3].contains(names[7].as_str()) && lines[4].contains("all 9 accounts"), "{top}");
    for by in ["stored", "both", "limit"] {
        let sorted = site.run(&["usage", "--sort", by]).await.good();
        assert_eq!(sorted.lines().count(), 12, "{sorted}");
    }

    let mistyped = format!("{}x", names[0]);
    let meant = format!("did you mean {}?", names[0]);
    let said = site.run(&["usage", "--account", &mistyped]).await.failure(1);
    assert!(said.contains(&meant), "{said}");
    let said = site.run(&["poll", "--backend", "panel", "--account", &mistyped]).await.failure(1);
    assert!(said.contains(&meant), "{said}");
    let said = site.run(&["explain", "panel", &mistyped, "storage"]).await.failure(1);
    assert!(said.contains(&meant), "{said}");
    let said = site.run(&["explain", "panell", &names[0], "storage"]).await.failure(2);
    assert!(said.contains("did you mean panel?"), "{said}");
    let ran = site.run(&["usage", "--service", "one"]).await;
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("tblhosting.id") && !ran.stderr.contains("--config <"), "{}", ran.stderr);
    let said = site.run(&["usage", "--backend", "panell"]).await.failure(2);
    assert!(said.contains("did you mean panel?"), "{said}");
    // Somebody who was not there that month is no mistake.
    site.run(&["usage", "--account", &names[0], "--month", "2020-01"]).await.good();
    pair.panel.stop();
}
