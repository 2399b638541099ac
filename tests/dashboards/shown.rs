//! Every query of every panel, asked of a real Prometheus: it is a query, and it finds what it is for.

use std::time::{Duration, Instant};

use crate::board::{Query, boards};
use crate::house::House;
use crate::prometheus::Prometheus;
use crate::support::program::{Daemon, PATIENCE, Site, free_port};

/// A query as Grafana would ask it of one backend and one of its accounts.
fn filled(expr: &str, backend: &str, account: &str) -> String {
    let values = [
        ("$__rate_interval", "10m"),
        ("$job", "whmeter"),
        ("$siblings", account),
        ("$service", "100"),
        ("$account", account),
        ("$backend", backend),
    ];
    let filled = values.iter().fold(expr.to_string(), |expr, (name, value)| expr.replace(name, value));
    assert!(!filled.replace("\"traffic_$1\"", "").contains('$'), "a variable is left: {filled}");
    filled
}

/// The queries that find nothing, whichever backend and account is chosen.
async fn empty<'q>(
    prometheus: &Prometheus<'_>,
    queries: &'q [Query],
    choices: &[(&str, String)],
) -> Vec<(&'q Query, &'q str)> {
    let mut empty = Vec::new();
    for query in queries {
        let mut found = false;
        for (backend, account) in choices {
            let asked = prometheus.ask(&filled(&query.expr, backend, account)).await;
            let values = asked.unwrap_or_else(|error| panic!("{}: {error}\n{}", query.place, query.expr));
            found = found || !values.is_empty();
        }
        if !found {
            empty.push((query, query.place.as_str()));
        }
    }
    empty
}

/// `bytes` a second over a month in hundred-thousandths of a GiB, rounded half up.
fn gib_months(byte_seconds: u128, month_seconds: u128) -> u128 {
    let by = (1 << 30) * month_seconds;
    (byte_seconds * 100_000 * 2 + by) / (by * 2)
}

/// What is shown of an account is what WHMCS was told of its service, to the last place.
async fn the_same_is_shown_and_reported(daemon: &Daemon<'_>, account: &str, service: u32) {
    let whole = |page: &crate::support::program::Got, series: &str| {
        page.sample(series).unwrap_or_else(|| panic!("{series}\n{}", page.text()))
    };
    let reported = format!(
        "whmeter_reported_bytes{{server=\"12\",service=\"{service}\",tenant=\"{account}\",metric=\"disk_gb_month\"}} "
    );
    let page =
        daemon.until("/metrics", "shows what was reported", |got| got.text().contains(&reported)).await;
    let bound = |which: &str| whole(&page, &format!("whmeter_billing_month_{which}_timestamp_seconds"));
    let held = format!("whmeter_storage_month_byte_seconds{{backend=\"s3\",account=\"{account}\"}}");
    let shown = gib_months(whole(&page, &held).into(), (bound("end") - bound("start")).into());
    let usage = daemon.get("/v1/whmcs/usage?server=12").await.json();
    let told = &usage["tenants"][account]["disk_gb_month"];
    let parts = |text: &str| text.replace('.', "").parse::<i128>().unwrap();
    let own = parts(told["value"].as_str().unwrap()) - told["carried"].as_str().map_or(0, parts);
    assert!(shown > 0, "{held}: nothing was held");
    assert_eq!(own, shown as i128, "{told}, {held}");
    let text = page.text();
    let line = text.lines().find_map(|line| line.strip_prefix(&reported)).unwrap();
    // Hundred-thousandths of a byte and of a GiB.
    assert_eq!(parts(line), parts(told["value"].as_str().unwrap()) << 30, "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_is_one_and_finds_what_it_is_for() {
    let port = free_port();
    let house = House::build(port).await;
    let site = Site::new(&house.config());
    let Some(prometheus) = Prometheus::start(&site, port) else { return };
    let queries: Vec<Query> = boards().iter().flat_map(|board| board.queries()).collect();
    assert!(queries.len() > 100, "only {}", queries.len());
    let choices = house.accounts();

    // All is well: what finds nothing then says so on its panel.
    let clock = site.path().join("now");
    house.become_last_month(&site);
    let daemon = site.start_told(port, &clock);
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;
    house.last_month(&site, &daemon).await;
    // Seen once before it grows.
    prometheus.until("whmeter_poll_duration_seconds_count{backend=\"old\"} > 0").await;
    house.all_is_well(&site, &daemon).await;
    the_same_is_shown_and_reported(&daemon, &house.names[1], 101).await;
    prometheus.until("increase(whmeter_poll_duration_seconds_count{backend=\"old\"}[10m]) > 0").await;
    // Looked at four times a minute.
    prometheus.until("whmeter_chain_entries{chain=\"journal\"}").await;
    let silent = empty(&prometheus, &queries, &choices).await;
    let silent: Vec<_> = silent.iter().filter(|(query, _)| query.none.is_none()).collect();
    let places: Vec<_> = silent.iter().map(|(query, place)| (place, &query.expr)).collect();
    assert!(places.is_empty(), "empty while all is well, and their panels do not say so: {places:#?}");

    // Something of everything is wrong. What is counted is seen at 0 before it happens.
    house.trouble(&site, &daemon).await;
    daemon.stop().await;
    std::fs::write(site.config(), house.stricter()).unwrap();
    let daemon = site.start_told(port, &clock);
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;
    let limited = format!("whmeter_account_limited{{account=\"{}\"}}", house.names[0]);
    for begins in [
        &format!("{limited} == 0"),
        "whmeter_policy_switches_total{backend=\"s3\",to=\"limited\"} == 0",
        "whmeter_notes_total{backend=\"s3\",note=\"counter_restarted\"} == 0",
        "whmeter_poll_failures_total{backend=\"web\",reason=\"refused\"} == 0",
    ] {
        prometheus.until(begins).await;
    }
    house.things_happen(&site, &daemon).await;
    prometheus.until(&format!("{limited} == 1")).await;
    house.it_is_let_go(&site, &daemon).await;
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        let silent = empty(&prometheus, &queries, &choices).await;
        if silent.is_empty() {
            break;
        }
        let places: Vec<_> = silent.iter().map(|(query, place)| (place, &query.expr)).collect();
        let page = daemon.get("/metrics").await;
        assert!(Instant::now() < deadline, "find nothing: {places:#?}\n{}", page.text());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    daemon.stop().await;
    house.stop();
}
