//! The metrics page from outside: what Prometheus gets, and that it is never untrue.
//!
//! `BLESS=1` rewrites the golden files. promtool is taken from `WHMETER_PROMTOOL` or the path.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use whmeter::clock::Clock;
use whmeter::domain::{
    AccountName, BackendId, BillingZone, ByteMinutes, Bytes, Meter, Minutes, Month, Policy, Reason, Seconds,
    Timestamp,
};
use whmeter::exposition::{Exposition, Format, Settings};
use whmeter::metering::{MonthToDate, Note};
use whmeter::store::{AccountStanding, BackendState, Failing, SeriesStanding, Standing};
use whmeter::telemetry::{PollOutcome, Telemetry};

/// 2026-11-20T12:00:00Z.
const NOON: i64 = 1_795_176_000;
const HOUR: i64 = 3600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(seconds).expect("a time")
}

fn bytes(count: u64) -> Bytes {
    Bytes::new(count).expect("fits")
}

fn name(name: &str) -> AccountName {
    AccountName::new(name).expect("a name")
}

fn backend(name: &str) -> BackendId {
    BackendId::new(name).expect("a name")
}

fn zone() -> BillingZone {
    BillingZone::parse("Europe/Warsaw").expect("a zone")
}

fn exposition() -> Exposition {
    Exposition::new(Settings::default(), zone(), Telemetry::new())
}

/// One meter that was read at `when` with `value` as level, sum and month.
fn series(meter: Meter, when: i64, value: u64) -> SeriesStanding {
    SeriesStanding {
        meter,
        at: at(when),
        level: (meter == Meter::StorageUsed).then(|| bytes(value)),
        month: Some(MonthToDate {
            month: zone().day_of(at(when)).month(),
            amount: bytes(value / 2),
            estimated: Bytes::ZERO,
            held: ByteMinutes::ZERO,
            covered: Minutes::ZERO,
        }),
        shown: bytes(value),
    }
}

/// An account of which only the meters are known.
fn account(series: Vec<SeriesStanding>) -> AccountStanding {
    AccountStanding {
        first_seen: at(NOON - 1000 * HOUR),
        gone_at: None,
        suspended: None,
        policy: None,
        package: None,
        domain: None,
        storage_limit: None,
        trouble: None,
        series,
    }
}

fn standing(of: &str, accounts: impl IntoIterator<Item = (AccountName, AccountStanding)>) -> Standing {
    Standing {
        backend: backend(of),
        kind: "minio".into(),
        version: 1,
        accounts: accounts.into_iter().map(|(name, account)| (name, Arc::new(account))).collect(),
        changed: Vec::new(),
        changed_since: 0,
    }
}

fn commit(standing: &mut Standing, changed: impl IntoIterator<Item = (AccountName, AccountStanding)>) {
    standing.changed.clear();
    for (name, account) in changed {
        standing.changed.push(name.clone());
        standing.accounts.insert(name, Arc::new(account));
    }
    standing.changed_since = standing.version;
    standing.version += 1;
}

fn text(exposition: &Exposition) -> String {
    String::from_utf8(exposition.text(None, Format::Text)).expect("text")
}

/// Two backends with everything there is to show, and with everything there is to leave out.
fn house() -> (Exposition, Vec<Standing>) {
    let full = AccountStanding {
        suspended: Some(false),
        policy: Some(Policy::Limited),
        package: Some("Gold \"100\"".into()),
        domain: Some("a\\b\nc.example".into()),
        storage_limit: Some(bytes(100_000)),
        ..account(vec![
            series(Meter::StorageUsed, NOON, 93_410),
            series(Meter::TrafficIn, NOON, 7),
            series(Meter::TrafficOut, NOON, i64::MAX as u64),
        ])
    };
    let gone = AccountStanding { gone_at: Some(at(NOON - 1)), ..full.clone() };
    let old = AccountStanding {
        suspended: Some(true),
        storage_limit: Some(bytes(5)),
        package: Some("Old".into()),
        ..account(vec![series(Meter::StorageUsed, NOON - 27 * HOUR, 5)])
    };
    let over = AccountStanding {
        storage_limit: Some(bytes(3)),
        suspended: Some(true),
        policy: Some(Policy::Standard),
        ..account(vec![series(Meter::StorageUsed, NOON, 400), series(Meter::TrafficTotal, NOON, 12)])
    };
    let last_month = account(vec![SeriesStanding {
        month: series(Meter::TrafficIn, NOON - 31 * 24 * HOUR, 10).month,
        ..series(Meter::TrafficIn, NOON, 20)
    }]);
    let standings = vec![
        standing("s3-fra1", [(name("alice"), full), (name("gone"), gone), (name("old"), old)]),
        standing("a \"nas\"", [(name("Zoë"), over), (name("bob"), last_month)]),
    ];
    let telemetry = Telemetry::new();
    telemetry.poll_done(
        &backend("s3-fra1"),
        PollOutcome::Read { read: 2, failed: 1 },
        std::time::Duration::from_millis(1250),
    );
    telemetry.note(&backend("s3-fra1"), &Note::Contradiction);
    telemetry.poll_done(
        &backend("a \"nas\""),
        PollOutcome::Failed(Reason::Unreachable),
        std::time::Duration::from_secs(30),
    );
    telemetry.unclaimed(&backend("s3-fra1"), &[]);
    telemetry.whmcs_fetched(12, "/v1/whmcs/usage", 200, at(NOON - 60));
    telemetry.whmcs_withheld(12, &BTreeMap::from([("stale", 1)]));
    let exposition = Exposition::new(Settings::default(), zone(), telemetry);
    for standing in &standings {
        exposition.update(standing, at(NOON));
    }
    exposition.backends(&[
        state("s3-fra1", Some(NOON), Some(NOON), None),
        state("a \"nas\"", Some(NOON), Some(NOON - HOUR), Some("unreachable")),
        state("never-polled", None, None, None),
    ]);
    (exposition, standings)
}

fn state(of: &str, polled: Option<i64>, succeeded: Option<i64>, failing: Option<&str>) -> BackendState {
    BackendState {
        backend: backend(of),
        kind: "minio".into(),
        version: 1,
        polled_at: polled.map(at),
        succeeded_at: succeeded.map(at),
        failing: failing.map(|reason| Failing {
            since: at(NOON - HOUR),
            reason: reason.into(),
            detail: String::new(),
        }),
    }
}

// A server to ask, and what it answers.

struct Server {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Server {
    fn start(exposition: &Exposition, now: i64) -> Server {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let routes = exposition.routes(Clock::Fixed(at(now)));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Server { address, _runtime: runtime }
    }

    fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).expect("connected");
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: meter:9480\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(answer[..end].to_vec()).expect("text").to_ascii_lowercase();
        Answer { head, body: answer[end + 4..].to_vec() }
    }

    fn get(&self, path: &str) -> String {
        String::from_utf8(self.ask("GET", path, "").body).expect("text")
    }
}

const OPENMETRICS: &str = "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n";

#[test]
fn the_page_is_what_the_golden_files_say() {
    let (exposition, _) = house();
    let server = Server::start(&exposition, NOON);
    for (file, headers) in [("metrics.txt", ""), ("metrics.openmetrics.txt", OPENMETRICS)] {
        let page = String::from_utf8(server.ask("GET", "/metrics", headers).body).expect("text");
        golden(file, &steady(&page));
    }
}

/// The page with the values that differ from machine to machine taken out.
fn steady(page: &str) -> String {
    let lines = page.lines().map(|line| match line.split_once(' ') {
        Some((series, _)) if series.starts_with("process_") => format!("{series} 0\n"),
        Some((series, value)) if series.starts_with("whmeter_build_info") => {
            format!("whmeter_build_info{{revision=\"...\",version=\"...\"}} {value}\n")
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

fn golden(file: &str, came: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, came).expect("written");
    }
    let expected = std::fs::read_to_string(&path).expect("a golden file; BLESS=1 makes it");
    for (number, (came, expected)) in came.lines().zip(expected.lines()).enumerate() {
        assert_eq!(came, expected, "{file}, line {}; BLESS=1 rewrites it", number + 1);
    }
    assert_eq!(came.lines().count(), expected.lines().count(), "{file}; BLESS=1 rewrites it");
}

#[test]
fn promtool_finds_nothing_to_mend() {
    let (exposition, _) = house();
    let server = Server::start(&exposition, NOON);
    let promtool = std::env::var("WHMETER_PROMTOOL").unwrap_or_else(|_| "promtool".into());
    for path in ["/metrics", "/metrics/self", "/metrics/backend/s3-fra1"] {
        let started = Command::new(&promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut promtool = match started {
            Ok(promtool) => promtool,
            Err(error) if std::env::var_os("CI").is_none() => {
                eprintln!("SKIPPED: no promtool ({error}); set WHMETER_PROMTOOL or install prometheus");
                return;
            }
            Err(error) => panic!("no promtool: {error}"),
        };
        let mut stdin = promtool.stdin.take().expect("piped");
        stdin.write_all(server.get(path).as_bytes()).expect("written");
        drop(stdin);
        let output = promtool.wait_with_output().expect("ended");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{path}: {said}");
    }
}

#[test]
fn joined_gzip_members_are_exactly_the_page() {
    let accounts =
        (0..1500).map(|n| (name(&format!("u{n}")), account(vec![series(Meter::StorageUsed, NOON, n)])));
    let mut standing = standing("s3-fra1", accounts);
    let exposition = exposition();
    exposition.update(&standing, at(NOON));
    let server = Server::start(&exposition, NOON);
    for round in 0..3 {
        let plain = server.ask("GET", "/metrics/backend/s3-fra1", OPENMETRICS);
        let packed =
            server.ask("GET", "/metrics/backend/s3-fra1", &format!("{OPENMETRICS}Accept-Encoding: gzip\r\n"));
        assert!(packed.head.contains("content-encoding: gzip"), "{}", packed.head);
        let mut unpacked = Vec::new();
        flate2::read::MultiGzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).expect("gzip");
        assert!(unpacked == plain.body, "flate2 reads another page in round {round}");
        if let Some(unpacked) = gunzip(&packed.body) {
            assert!(unpacked == plain.body, "gzip -dc reads another page in round {round}");
        }
        // Some patched in place, some packed ahead.
        let changed = (0..1500)
            .step_by(170 + round)
            .map(|n| (name(&format!("u{n}")), account(vec![series(Meter::StorageUsed, NOON, n * 1000)])));
        commit(&mut standing, changed);
        exposition.update(&standing, at(NOON));
        if round == 1 {
            exposition.pack();
        }
    }
}

/// What the gzip program makes of it, where there is one.
fn gunzip(packed: &[u8]) -> Option<Vec<u8>> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), packed).expect("written");
    let input = std::fs::File::open(file.path()).expect("opened");
    let output = Command::new("gzip").arg("-dc").stdin(input).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

#[test]
fn never_7_no_number_lies_by_age() {
    let facts = AccountStanding {
        suspended: Some(true),
        policy: Some(Policy::Standard),
        storage_limit: Some(bytes(9)),
        ..account(vec![series(Meter::StorageUsed, NOON - HOUR, 1), series(Meter::TrafficIn, NOON, 2)])
    };
    let mut standing = standing("s3-fra1", [(name("alice"), facts.clone())]);
    let exposition = exposition();
    exposition.update(&standing, at(NOON));
    let shown = |text: &str| {
        [
            "storage_used",
            "limit_used",
            "traffic_bytes",
            "account_suspended",
            "storage_limit",
            "account_limited",
        ]
        .map(|family| text.contains(&format!("\nwhmeter_{family}")))
    };
    assert_eq!(shown(&text(&exposition)), [true; 6]);
    // 26 h old is still shown, a second more is not; what came with the traffic goes with it.
    exposition.tick(at(NOON + 25 * HOUR));
    assert_eq!(shown(&text(&exposition)), [true; 6]);
    exposition.tick(at(NOON + 25 * HOUR + 1));
    assert_eq!(shown(&text(&exposition)), [false, false, true, true, true, true]);
    exposition.tick(at(NOON + 26 * HOUR + 1));
    assert_eq!(shown(&text(&exposition)), [false; 6]);
    assert!(text(&exposition).contains("whmeter_account_info{"), "who it is does not age");

    // Nobody has to tick: the scrape itself asks for the time.
    let late = NOON + 30 * HOUR;
    commit(&mut standing, [(name("alice"), facts)]);
    exposition.update(&standing, at(NOON + 30 * HOUR));
    let server = Server::start(&exposition, late);
    assert_eq!(shown(&server.get("/metrics")), [false; 6]);
    let read_again = account(vec![series(Meter::StorageUsed, late, 3)]);
    commit(&mut standing, [(name("alice"), read_again)]);
    exposition.update(&standing, at(late));
    assert!(server.get("/metrics").contains("account=\"alice\"} 3\n"), "it returns when it is read again");
    let much_later = Server::start(&exposition, late + 27 * HOUR);
    assert_eq!(shown(&much_later.get("/metrics")), [false; 6]);

    // A failed poll says so, and the last truth stays.
    exposition.tick(at(late));
    exposition.backends(&[state("s3-fra1", Some(late), Some(late), Some("busy"))]);
    let page = server.get("/metrics");
    assert!(page.contains("whmeter_poll_success{backend=\"s3-fra1\"} 0\n"), "{page}");
    assert!(page.contains("account=\"alice\"} 3\n"), "{page}");
}

#[test]
fn a_month_that_is_over_is_hidden_until_the_account_is_read_again() {
    // Half an hour before December begins in Warsaw, which is not when it begins in UTC.
    let eve = zone().start_of(Month::parse("2026-12").expect("a month").first()).get() - HOUR / 2;
    let read = |when, value| account(vec![series(Meter::TrafficOut, when, value)]);
    let mut standing = standing("vpn1", [(name("alice"), read(eve, 100)), (name("bob"), read(eve, 200))]);
    let exposition = exposition();
    exposition.update(&standing, at(eve));
    let months = || text(&exposition).matches("\nwhmeter_traffic_month_bytes").count();
    let totals = || text(&exposition).matches("\nwhmeter_traffic_bytes_total").count();
    exposition.tick(at(eve + HOUR / 2 - 1));
    assert_eq!((months(), totals()), (2, 2));
    exposition.tick(at(eve + HOUR / 2));
    assert_eq!((months(), totals()), (0, 2));
    commit(&mut standing, [(name("bob"), read(eve + HOUR, 220))]);
    exposition.update(&standing, at(eve + HOUR));
    assert_eq!((months(), totals()), (1, 2));
}

#[test]
fn a_vanished_account_and_a_removed_backend_leave_at_once() {
    let read = || account(vec![series(Meter::StorageUsed, NOON, 1)]);
    let mut standing = standing("s3-fra1", [(name("alice"), read()), (name("bob"), read())]);
    let exposition = exposition();
    exposition.update(&standing, at(NOON));
    commit(&mut standing, [(name("bob"), AccountStanding { gone_at: Some(at(NOON)), ..read() })]);
    exposition.update(&standing, at(NOON));
    assert!(!text(&exposition).contains("bob") && text(&exposition).contains("alice"));
    commit(&mut standing, [(name("bob"), read())]);
    exposition.update(&standing, at(NOON));
    assert!(text(&exposition).contains("bob"), "one that comes back is shown again");
    exposition.remove(&backend("s3-fra1"));
    assert_eq!(text(&exposition), "");
}

#[test]
fn no_half_poll_is_visible() {
    let all = |value| {
        (0..700)
            .map(move |n| (name(&format!("u{n}")), account(vec![series(Meter::StorageUsed, NOON, value)])))
    };
    let mut standing = standing("s3-fra1", all(1));
    let exposition = exposition();
    exposition.update(&standing, at(NOON));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut pages = 0;
            while !stop.load(Ordering::Relaxed) {
                let page = text(&exposition);
                let used = page.lines().filter(|line| line.starts_with("whmeter_storage_used"));
                let values: BTreeSet<_> = used.filter_map(|line| line.rsplit(' ').next()).collect();
                assert_eq!(values.len(), 1, "two polls on one page");
                pages += 1;
            }
            pages
        });
        for value in 2..60 {
            commit(&mut standing, all(value * value * value));
            exposition.update(&standing, at(NOON));
        }
        stop.store(true, Ordering::Relaxed);
        assert!(reader.join().expect("no mixed page") > 0);
    });
}

#[test]
fn the_routes_answer_as_promised() {
    let (exposition, _) = house();
    let server = Server::start(&exposition, NOON);
    let text = server.ask("GET", "/metrics", "");
    assert!(text.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{}", text.head);
    let open = server.ask("GET", "/metrics", OPENMETRICS);
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(open.head.contains(kind) && open.body.ends_with(b"\n# EOF\n"), "{}", open.head);

    let own = server.get("/metrics/self");
    assert!(own.contains("whmeter_build_info") && !own.contains("account="), "{own}");
    let one = server.get("/metrics/backend/a%20%22nas%22");
    assert!(one.contains("Zoë") && !one.contains("alice") && !one.contains("process_"), "{one}");
    assert!(one.contains("whmeter_poll_success"), "{one}");

    let missing = server.ask("GET", "/metrics/backend/nobody", "");
    assert!(missing.head.starts_with("http/1.1 404") && missing.head.contains("application/problem+json"));
    let problem: serde_json::Value = serde_json::from_slice(&missing.body).expect("JSON");
    assert_eq!(problem["status"], 404);

    let head = server.ask("HEAD", "/metrics/backend/s3-fra1", "");
    let length = format!("content-length: {}", server.get("/metrics/backend/s3-fra1").len());
    assert!(head.head.contains(&length) && head.body.is_empty(), "{}", head.head);

    let targets: serde_json::Value = serde_json::from_str(&server.get("/metrics/targets")).expect("JSON");
    assert_eq!(targets.as_array().map(Vec::len), Some(3));
    assert_eq!(targets[2]["targets"], serde_json::json!(["meter:9480"]));
    assert_eq!(targets[2]["labels"]["__metrics_path__"], "/metrics/backend/s3-fra1");
}

// A small reader of sample lines, written from the format's description and not from our writer.

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: String,
}

fn parse(line: &str) -> Sample {
    let (name, rest) = line.split_once('{').expect("labels");
    let mut labels = Vec::new();
    let mut rest = rest;
    while !rest.starts_with('}') {
        let (label, after) = rest.trim_start_matches(',').split_once("=\"").expect("a label");
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next().expect("a closing quote") {
                (at, '"') => break at,
                (_, '\\') => match characters.next().expect("an escaped character").1 {
                    'n' => value.push('\n'),
                    plain @ ('\\' | '"') => value.push(plain),
                    other => panic!("\\{other} is no escape"),
                },
                (_, other) => value.push(other),
            }
        };
        labels.push((label.to_string(), value));
        rest = &after[end + 1..];
    }
    Sample { name: name.to_string(), labels, value: rest[1..].trim_start().to_string() }
}

fn samples(page: &str) -> Vec<Sample> {
    page.lines().filter(|line| !line.starts_with('#')).map(parse).collect()
}

/// One thing that happens to the accounts `from` to `from + many` of a backend.
#[derive(Clone, Debug)]
enum Event {
    Read { nas: bool, from: usize, many: usize, step: usize, value: u64 },
    Gone { nas: bool, from: usize, many: usize },
    Missed,
    Tick(u64),
    ClockBack,
    Removed { nas: bool },
}

fn event() -> impl Strategy<Value = Event> {
    let span = || (any::<bool>(), 0..900_usize, prop_oneof![1..4_usize, 1..900_usize]);
    prop_oneof![
        6 => (span(), 1..40_usize, prop_oneof![0..20_u64, 0..u64::MAX / 4])
            .prop_map(|((nas, from, many), step, value)| Event::Read { nas, from, many, step, value }),
        2 => span().prop_map(|(nas, from, many)| Event::Gone { nas, from, many }),
        1 => Just(Event::Missed),
        3 => (0..40 * 3600_u64).prop_map(Event::Tick),
        1 => Just(Event::ClockBack),
        1 => any::<bool>().prop_map(|nas| Event::Removed { nas }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_order_of_changes_the_page_is_the_one_rendered_from_scratch(
        events in proptest::collection::vec(event(), 1..16),
    ) {
        let mut standings = [standing("a-nas", []), standing("s3-fra1", [])];
        let (exposition, mut now) = (exposition(), at(NOON));
        let mut removed = [true, true];
        let (mut unseen, mut behind) = (false, [false, false]);
        for event in events {
            match event {
                Event::Read { nas, from, many, step, value } => {
                    let accounts = (from..from + many).step_by(step).map(|n| {
                        let value = value.wrapping_add(n as u64) % (1 << 62);
                        let meters = if n % 3 == 0 {
                            vec![series(Meter::StorageUsed, now.get(), value)]
                        } else {
                            vec![series(Meter::TrafficIn, now.get(), value), series(Meter::TrafficOut, now.get() - 9, 1)]
                        };
                        let known = AccountStanding {
                            first_seen: now,
                            suspended: (n % 5 > 0).then_some(value % 2 == 0),
                            storage_limit: (n % 7 > 0).then(|| bytes(value / 2)),
                            ..account(meters)
                        };
                        (name(&format!("u{n}")), known)
                    });
                    commit(&mut standings[usize::from(!nas)], accounts.collect::<Vec<_>>());
                    behind[usize::from(!nas)] = std::mem::take(&mut unseen);
                    if !behind[usize::from(!nas)] {
                        exposition.update(&standings[usize::from(!nas)], now);
                        removed[usize::from(!nas)] = false;
                    }
                }
                Event::Gone { nas, from, many } => {
                    let standing = &mut standings[usize::from(!nas)];
                    let gone: Vec<_> = (from..from + many).filter_map(|n| {
                        let name = name(&format!("u{n}"));
                        let account = AccountStanding::clone(standing.accounts.get(&name)?);
                        Some((name, AccountStanding { gone_at: Some(now), ..account }))
                    }).collect();
                    commit(standing, gone);
                    exposition.update(standing, now);
                    removed[usize::from(!nas)] = false;
                    behind[usize::from(!nas)] = false;
                }
                // The next commit is not told of; the one after it finds a gap.
                Event::Missed => unseen = true,
                Event::Tick(seconds) => {
                    now = now.plus(Seconds::new(seconds));
                    exposition.tick(now);
                }
                Event::ClockBack => {
                    now = now.minus(Seconds::hours(3));
                    exposition.tick(now);
                }
                Event::Removed { nas } => {
                    exposition.remove(&standings[usize::from(!nas)].backend);
                    removed[usize::from(!nas)] = true;
                }
            }
        }
        let scratch = self::exposition();
        for (place, standing) in standings.iter_mut().enumerate().filter(|(place, _)| !removed[*place]) {
            if behind[place] {
                // Whatever was missed is caught up with at the next commit.
                commit(standing, []);
                exposition.update(standing, now);
            }
            scratch.update(standing, now);
        }
        exposition.tick(now);
        let page = text(&exposition);
        prop_assert_eq!(&page, &text(&scratch));

        // Families in one piece, and no series twice.
        let all = samples(&page);
        let mut families: Vec<_> = all.iter().map(|sample| &sample.name).collect();
        families.dedup();
        let contiguous = families.len();
        families.sort();
        families.dedup();
        prop_assert_eq!(families.len(), contiguous);
        let series: BTreeSet<_> = all.iter().map(|sample| (&sample.name, &sample.labels)).collect();
        prop_assert_eq!(series.len(), all.len());
    }

    #[test]
    fn every_label_value_comes_back_as_it_was(
        account_name in "[^\\p{Cc}]{1,40}",
        package in any::<String>(),
        domain in "[\\\\\"\nn,={} ]{0,12}",
    ) {
        let facts = AccountStanding {
            package: Some(package.clone()),
            domain: Some(domain.clone()),
            ..account(vec![series(Meter::StorageUsed, NOON, 7), series(Meter::TrafficTotal, NOON, 8)])
        };
        let exposition = exposition();
        exposition.update(&standing("a \"nas\"\\", [(name(&account_name), facts)]), at(NOON));
        let page = text(&exposition);
        // Not by lines(): that would also cut at what a label may hold.
        let lines: Vec<_> = page.split_terminator('\n').filter(|line| !line.starts_with('#')).map(parse).collect();
        prop_assert_eq!(lines.len(), 4);
        for sample in &lines {
            prop_assert_eq!(&sample.labels[0], &("backend".to_string(), "a \"nas\"\\".to_string()));
            prop_assert_eq!(&sample.labels[1], &("account".to_string(), account_name.clone()));
        }
        prop_assert_eq!(&lines[1].labels[2], &("direction".to_string(), "both".to_string()));
        let described = &lines[3].labels;
        prop_assert_eq!(&described[3], &("package".to_string(), package));
        prop_assert_eq!(&described[4], &("domain".to_string(), domain));
    }
}
