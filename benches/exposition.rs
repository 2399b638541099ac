//! 100,000 accounts with 8 series each: what a poll costs, what a scrape costs beside a server that
//! only hands out the same bytes, and what the page weighs. Prints a table: median and minimum.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes as Body;
use whmeter::clock::Clock;
use whmeter::domain::{
    AccountName, BackendId, BillingZone, ByteMinutes, Bytes, LifeNo, Meter, Minutes, Month, Owner, Policy,
    Timestamp,
};
use whmeter::exposition::{Exposition, Format, Settings};
use whmeter::metering::MonthToDate;
use whmeter::standing::{AccountStanding, SeriesStanding, Standing};
use whmeter::telemetry::Telemetry;
use whmeter::web::Access;

const ACCOUNTS: usize = 100_000;
const NOW: i64 = 1_795_000_000;

fn main() {
    let runs = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(15);
    memory();
    let mut standing = standing();
    let exposition = Exposition::new(
        Settings::default(),
        BillingZone::parse("Europe/Warsaw").expect("a zone"),
        Telemetry::new(),
    );
    let first = time(|| exposition.update(&standing, now()));
    let text = exposition.text(None, Format::Text);
    let series = text.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")).count() - 1;
    let page = text.len();
    drop(text);
    println!("{ACCOUNTS} accounts, {series} series, page {:.1} MB, {runs} runs", page as f64 / 1e6);
    println!("{:<58} {:>10} {:>10}", "", "median", "min");
    row("first rendering of everything", &mut [first]);

    let mut seed = 7;
    let mut poll = |name: &str, pick: &dyn Fn(usize, &mut u64) -> Vec<usize>, growth: u64| {
        let mut took = Vec::new();
        for run in 0..runs {
            change(&mut standing, &pick(run, &mut seed), growth);
            took.push(time(|| exposition.update(&standing, now())));
        }
        row(name, &mut took);
    };
    let random = |_: usize, seed: &mut u64| (0..ACCOUNTS / 100).map(|_| draw(seed) % ACCOUNTS).collect();
    let block = |run: usize, _: &mut u64| {
        let start = run * 6173 % (ACCOUNTS - 1000);
        (start..start + 1000).collect()
    };
    poll("update, 1 % at random, values grow a little", &random, 1_000_003);
    poll("update, 1 % at random, half the values grow a digit", &random, 5_000_000_000_000);
    poll("update, 1 % contiguous", &block, 1_000_003);
    poll("update, everybody changed", &|_, _| (0..ACCOUNTS).collect(), 1_000_003);
    poll("update, everybody reported, nothing changed", &|_, _| (0..ACCOUNTS).collect(), 0);

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let ours = serve(&runtime, exposition.routes(&Access::default(), Clock::Fixed(now())).router);
    // The first gzip scrape makes the members.
    row("packing everything (first gzip scrape)", &mut [time(|| drop(fetch(ours, true)))]);
    let packed = fetch(ours, true);
    let plain = fetch(ours, false);
    println!("{:<58} {:>10}", "gzip body", format!("{:.1} MB", packed.len() as f64 / 1e6));

    for (name, gzip, body) in [("plain", false, plain), ("gzip", true, packed)] {
        let body = Body::from(body);
        let fixed = serve(&runtime, Router::new().route("/metrics", get(move || hand_out(body.clone()))));
        let (mut mine, mut other) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            other.push(time(|| {
                drain(fixed, gzip);
            }));
            mine.push(time(|| {
                drain(ours, gzip);
            }));
        }
        row(&format!("scrape {name}, a server that only hands out these bytes"), &mut other);
        row(&format!("scrape {name}, ours"), &mut mine);
        let ratio = |of: fn(&[Duration]) -> Duration| of(&mine).as_secs_f64() / of(&other).as_secs_f64();
        let (median, min) = (ratio(|all| all[all.len() / 2]), ratio(|all| all[0]));
        println!("{:<58} {median:>8.2} x {min:>8.2} x", "  ratio");
    }

    for (name, pick) in [("at random", true), ("contiguous", false)] {
        let mut took = Vec::new();
        for run in 0..runs {
            let picked = if pick { random(run, &mut seed) } else { block(run, &mut seed) };
            change(&mut standing, &picked, 1_000_003);
            exposition.update(&standing, now());
            took.push(time(|| exposition.pack()));
        }
        row(&format!("packing ahead after 1 % {name}"), &mut took);
    }

    let mut took = Vec::new();
    for run in 0..runs {
        change(&mut standing, &random(run, &mut seed), 1_000_003);
        let reading = start_reading(ours);
        took.push(time(|| exposition.update(&standing, now())));
        drop(reading);
    }
    row("update, 1 % at random, while a scrape is stuck", &mut took);
}

/// What the page weighs. The standings are the store's and are there before the measuring begins.
fn memory() {
    let before = standing();
    let mut after = before.clone();
    change(&mut after, &(0..ACCOUNTS).collect::<Vec<_>>(), 1_000_003);
    let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
    let exposition = Exposition::new(Settings::default(), zone, Telemetry::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let address = serve(&runtime, exposition.routes(&Access::default(), Clock::Fixed(now())).router);
    let empty = resident_kib();
    let weigh = |name: &str| {
        drain(address, true);
        let page = drain(address, false);
        let grown = (resident_kib() - empty) as f64 * 1024.0;
        let (weight, part) = (format!("{:.0} MB", grown / 1e6), format!("{:.2} page", grown / page as f64));
        println!("{name:<58} {weight:>10} {part:>10}");
    };
    exposition.update(&before, now());
    weigh("memory, plain and gzip, after the first poll");
    exposition.update(&after, now());
    weigh("memory, plain and gzip, after everybody changed");
}

async fn hand_out(body: Body) -> impl IntoResponse {
    body
}

fn now() -> Timestamp {
    Timestamp::new(NOW).expect("a time")
}

/// A small generator (xorshift), so that every run sees the same accounts.
fn draw(seed: &mut u64) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed as usize
}

fn name(number: usize) -> AccountName {
    AccountName::new(&format!("u{number:06}")).expect("a name")
}

fn standing() -> Standing {
    let month = Month::parse("2026-11").expect("a month");
    let mut seed = 42;
    let mut bytes = |most: usize| Bytes::new((draw(&mut seed) % most) as u64).expect("fits");
    let mut series = |meter| SeriesStanding {
        meter,
        at: now(),
        level: (meter == Meter::StorageUsed).then(|| bytes(2_000_000_000_000)),
        month: Some(MonthToDate {
            month,
            amount: bytes(900_000_000_000),
            estimated: Bytes::ZERO,
            held: ByteMinutes::ZERO,
            covered: Minutes::ZERO,
        }),
        shown: bytes(9_000_000_000_000),
        held_back: None,
        doubted: None,
    };
    let mut account = |number: usize| AccountStanding {
        life: LifeNo::new(number as u32),
        nth: 1,
        first_seen: now(),
        missing_since: None,
        gone_at: None,
        // Eight series: used, in, out, in and out of the month, suspended, limited, description.
        suspended: Some(false),
        suspended_for: None,
        policy: Some(Policy::Standard),
        package: Some(format!("Plan {}", number % 7)),
        domain: Some(format!("customer{number}.example")),
        reseller: Some(format!("resel{:02}", number % 40)),
        storage_limit: Default::default(),
        traffic_limit: Default::default(),
        limits: Default::default(),
        together: Default::default(),
        owner: Owner::Unowned,
        shares: Vec::new(),
        mapped: None,
        trouble: None,
        series: vec![series(Meter::StorageUsed), series(Meter::TrafficIn), series(Meter::TrafficOut)],
    };
    let mut accounts = BTreeMap::new();
    for number in 0..ACCOUNTS {
        accounts.insert(name(number), Arc::new(account(number)));
    }
    Standing {
        backend: BackendId::new("s3-fra1").expect("a name"),
        kind: "minio".into(),
        number: 1,
        version: 1,
        accounts,
        changed: Vec::new(),
        changed_since: (0, 0, 0),
        list_doubt: None,
        read_at: 0,
        moved: Default::default(),
        acts: 0,
    }
}

/// What a poll commits: all byte values of the picked accounts grow.
fn change(standing: &mut Standing, picked: &[usize], growth: u64) {
    let more = |bytes: Bytes| Bytes::new(bytes.get() + growth).expect("fits");
    standing.changed = picked.iter().map(|number| name(*number)).collect();
    standing.changed_since = standing.stamp();
    standing.version += 1;
    for name in &standing.changed {
        let account = standing.accounts.get_mut(name).expect("there");
        let mut changed = AccountStanding::clone(account);
        for series in &mut changed.series {
            series.level = series.level.map(more);
            series.shown = more(series.shown);
            series.month = series.month.map(|month| MonthToDate { amount: more(month.amount), ..month });
        }
        *account = Arc::new(changed);
    }
}

fn serve(runtime: &tokio::runtime::Runtime, router: Router) -> SocketAddr {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    runtime.spawn(async move { axum::serve(listener, router).await });
    address
}

/// Asks for the page; returns its length and the connection, of which only the head has been read.
fn ask(address: SocketAddr, gzip: bool) -> (usize, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(address).expect("connected");
    let packing = if gzip { "Accept-Encoding: gzip\r\n" } else { "" };
    let request = format!("GET /metrics HTTP/1.1\r\nHost: bench\r\n{packing}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut stream = BufReader::with_capacity(256 * 1024, stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).expect("a line");
        if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().expect("a number");
        }
        if line == "\r\n" {
            return (length, stream);
        }
    }
}

fn start_reading(address: SocketAddr) -> BufReader<TcpStream> {
    ask(address, false).1
}

fn fetch(address: SocketAddr, gzip: bool) -> Vec<u8> {
    let (length, mut stream) = ask(address, gzip);
    let mut body = Vec::with_capacity(length);
    stream.read_to_end(&mut body).expect("a body");
    assert_eq!(body.len(), length);
    body
}

fn drain(address: SocketAddr, gzip: bool) -> usize {
    let (length, mut stream) = ask(address, gzip);
    let mut buffer = vec![0; 256 * 1024];
    let mut left = length;
    while left > 0 {
        left -= match stream.read(&mut buffer).expect("a body") {
            0 => panic!("{left} bytes missing"),
            read => read,
        };
        black_box(&buffer);
    }
    length
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn row(name: &str, took: &mut [Duration]) {
    took.sort_unstable();
    let ms = |took: Duration| format!("{:.2} ms", took.as_secs_f64() * 1e3);
    println!("{name:<58} {:>10} {:>10}", ms(took[took.len() / 2]), ms(took[0]));
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
