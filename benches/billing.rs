//! What WHMCS's questions cost: 10,000 tenants in one answer beside serialising the same JSON from
//! memory, and one month of one account. Also what a poll of as many accounts costs to settle and commit.
//! Prints a table: median and minimum.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt;
use whmeter::clock::Clock;
use whmeter::domain::*;
use whmeter::metering::{Bounds, Life, SettleRules, settle};
use whmeter::ownership::Intent;
use whmeter::settings::Section;
use whmeter::store::{JudgedPoll, Poll, Reach, Store, StoreSettings};
use whmeter::telemetry::Telemetry;
use whmeter::usage_api::{Servers, UsageApi, WhmcsSettings};
use whmeter::web::Access;

const NOW: i64 = 1_795_000_000;

/// The WHMCS server that asks.
const SERVER: i64 = 12;

fn main() {
    let runs: usize = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(15);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!("{:<62} {:>10} {:>10}", format!("{runs} runs"), "median", "min");
    runtime.block_on(answers(10_000, runs));
    for accounts in [1_000, 10_000, 100_000] {
        runtime.block_on(polls(accounts, runs.min(7)));
    }
}

fn rules() -> SettleRules {
    SettleRules {
        zone: BillingZone::parse("Europe/Warsaw").expect("a zone"),
        max_gap: Seconds::hours(26),
        bounds: Bounds::default(),
    }
}

fn backend() -> BackendId {
    BackendId::new("s3-fra1").expect("a name")
}

fn account(number: usize) -> AccountName {
    AccountName::new(&format!("{}-{}", 1000 + number / 7, 7000 + number)).expect("a name")
}

/// What a panel with three meters says at one moment.
fn harvest(accounts: usize, at: Timestamp, step: u64) -> Harvest {
    let mut harvest = Harvest::new();
    let bytes = |count| Bytes::new(count).expect("fits");
    for number in 0..accounts {
        let (name, size) = (account(number), number as u64 + 1);
        let level = bytes(size * 1_000_003 + step * 4096);
        harvest.add_reading(&name, Meter::StorageUsed, Reading::Gauge { at, level });
        for meter in [Meter::TrafficIn, Meter::TrafficOut] {
            let (source, count) = (Source::default(), bytes(step * size * 77_777));
            harvest.add_reading(&name, meter, Reading::Counter { source, at, epoch: Epoch::Silent, count });
        }
    }
    harvest.listed_everyone();
    harvest
}

async fn filled(
    folder: &tempfile::TempDir,
    accounts: usize,
    polls: u64,
) -> (Store, Vec<Duration>, Vec<Duration>) {
    let store = Store::open(StoreSettings::default(), folder.path()).await.expect("a store");
    let start = Timestamp::new(NOW).expect("in range").minus(Seconds::hours(20 * 24));
    let hour = Seconds::hours(20 * 24 / polls.max(1));
    let lease = store.take_lease(&backend(), "minio", "bench", start, Seconds::hours(9999)).await;
    let lease = lease.expect("a lease").expect("free");
    let mut loaded = store.load(&backend(), None).await.expect("a book");
    let (mut settling, mut committing) = (Vec::new(), Vec::new());
    for step in 1..=polls {
        let at = start.plus(Seconds::new(hour.get() * step));
        let harvest = harvest(accounts, at, step);
        let began = Instant::now();
        let mut settled = settle(&loaded.book, &harvest, at, &rules());
        settling.push(began.elapsed());
        let began = Instant::now();
        let mut after = loaded.book.after(&settled);
        if step == 1 {
            let owner = |life: &Life| Owner::named(SERVER, life.name.as_str());
            let over = |life| Intent::TakeOver { since: UsageDay::FIRST, owner: owner(life) };
            let intents = after.lives.iter().map(|(no, life)| (*no, over(life))).collect();
            let owners = store.owner_changes(&loaded, &settled, &after, &intents, at).await.expect("known");
            owners.iter().for_each(|change| after.apply_owner(change));
            settled.owners = owners;
        }
        let poll = Poll {
            at,
            kind: "minio",
            harvest: &harvest,
            settled,
            after,
            reach: Reach::All,
            judged: JudgedPoll::default(),
        };
        store.commit(&lease, &mut loaded, poll).await.expect("committed");
        committing.push(began.elapsed());
    }
    (store, settling, committing)
}

async fn polls(accounts: usize, runs: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, mut settling, mut committing) = filled(&folder, accounts, runs as u64).await;
    let rows = accounts * 3;
    row(&format!("settle {rows} readings of {accounts} accounts"), &mut settling);
    row(&format!("commit them (SQLite, {rows} series, {rows}+ days)"), &mut committing);
    store.close().await;
}

async fn answers(accounts: usize, runs: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, _, _) = filled(&folder, accounts, 40).await;
    let settings: WhmcsSettings =
        Section::new("timezone = 'Europe/Warsaw'".parse().expect("toml"), folder.path())
            .read()
            .expect("settings");
    let (recalculate, _kept) = tokio::sync::mpsc::unbounded_channel();
    let clock = Clock::Fixed(Timestamp::new(NOW).expect("in range"));
    let api = UsageApi::new(store.clone(), clock, Telemetry::new(), rules().zone, &settings, recalculate);
    api.configure(&settings, Servers::from([(SERVER, vec![backend()])]), Default::default());
    let routes = api.routes(&Access::default()).router;
    let ask_as = |purpose: &'static str| {
        let routes = routes.clone();
        async move {
            let request = Request::get(format!("/v1/whmcs/usage?server={SERVER}"));
            let request =
                request.header("X-Whmeter-Purpose", purpose).body(Body::empty()).expect("a request");
            let response = routes.oneshot(request).await.expect("an answer");
            axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body")
        }
    };
    // A look comes first: nothing is told yet.
    let looked = ask_as("look").await;
    let mut first = Vec::new();
    let began = Instant::now();
    assert_eq!(ask_as("billing").await, looked);
    first.push(began.elapsed());
    let ask = || ask_as("billing");
    let body = ask().await;
    let value: Arc<UsageShape> = Arc::new(serde_json::from_slice(&body).expect("JSON"));
    assert_eq!(value.tenants.len(), accounts);

    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let began = Instant::now();
        black_box(serde_json::to_vec(&*value).expect("JSON"));
        bare.push(began.elapsed());
        let began = Instant::now();
        black_box(ask().await);
        ours.push(began.elapsed());
    }
    let size = body.len() as f64 / 1e6;
    row(&format!("serialise the answer for {accounts} tenants from memory, {size:.1} MB"), &mut bare);
    row("answer GET /v1/whmcs/usage, everything included", &mut ours);
    println!(
        "{:<62} {:>9.2}x",
        "ratio of the medians",
        median(&mut ours).as_secs_f64() / median(&mut bare).as_secs_f64()
    );

    // Every value is recorded before it is reported.
    row("the same for the first time, 40000 values written down first", &mut first);

    let month = rules().zone.day_of(Timestamp::new(NOW).expect("in range")).month();
    // In a task, as the daemon's rooms ask, not on the thread that waits for the runtime.
    let asking = store.clone();
    let asked = tokio::spawn(async move {
        let mut totals = Vec::new();
        for number in 0..2000 {
            let key = AccountKey { backend: backend(), name: account(number * 5) };
            let began = Instant::now();
            black_box(asking.month_total(&key, Meter::TrafficOut, month).await.expect("a total"));
            totals.push(began.elapsed());
        }
        totals
    });
    let mut totals = asked.await.expect("the task ended");
    row("month total of one account, asked of the database", &mut totals);
    store.close().await;
}

/// The answer as plain values: what serialising it costs at least.
#[derive(serde::Deserialize, serde::Serialize)]
struct UsageShape {
    schema: u32,
    server: i64,
    tenant_key: String,
    generated_at: String,
    month: std::collections::BTreeMap<String, String>,
    tenants: std::collections::BTreeMap<String, std::collections::BTreeMap<String, Value>>,
    withheld: Vec<String>,
}

#[derive(serde::Deserialize, serde::Serialize)]
struct Value {
    value: String,
    collected_at: i64,
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn row(name: &str, times: &mut [Duration]) {
    let (median, min) = (median(times), times.iter().min().copied().unwrap_or_default());
    println!("{name:<62} {:>10} {:>10}", shown(median), shown(min));
}

fn shown(time: Duration) -> String {
    if time < Duration::from_millis(1) {
        format!("{:.1} us", time.as_secs_f64() * 1e6)
    } else {
        format!("{:.1} ms", time.as_secs_f64() * 1e3)
    }
}
