//! What the store's write path costs: a day of 800,000 day points through `Store::commit`, part by part,
//! beside SQLite's own bulk insert of the same rows; what a day point and a poll's journal weigh on disk.
//! Needs the sqlite3 shell. Prints tables: median and minimum, and both as ratios to the bulk insert.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sqlx::{Connection, Row, SqliteConnection};
use tracing::Subscriber;
use tracing::span::{Attributes, Id};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use whmeter::domain::*;
use whmeter::metering::{Bounds, SettleRules, Settled, settle};
use whmeter::store::{JudgedPoll, Lease, Loaded, Poll, Reach, Store, StoreSettings};

/// A midnight in UTC.
const MIDNIGHT: i64 = 1_794_960_000;

const METERS: [Meter; 2] = [Meter::TrafficIn, Meter::TrafficOut];

fn main() {
    let runs: usize = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(15);
    let parts = Parts::default();
    let ours = Targets::new().with_target("whmeter::store", LevelFilter::TRACE);
    tracing_subscriber::registry().with(parts.clone().with_filter(ours)).init();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for accounts in [1_000, 10_000, 100_000] {
        runtime.block_on(days(accounts, runs.min(5), &parts));
    }
    runtime.block_on(journal(10_000));
    runtime.block_on(disk(10_000, &parts));
}

/// How long each part of a commit took: the store's own spans, added up by name.
#[derive(Clone, Default)]
struct Parts(Arc<Mutex<BTreeMap<&'static str, Duration>>>);

impl Parts {
    fn take(&self) -> BTreeMap<&'static str, Duration> {
        std::mem::take(&mut self.0.lock().expect("nobody panicked"))
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Parts {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Instant::now());
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(began) = span.extensions().get::<Instant>() {
            *self.0.lock().expect("nobody panicked").entry(span.name()).or_default() += began.elapsed();
        }
    }
}

/// A panel whose counters grow, and the store its polls are committed to.
struct Panel {
    folder: tempfile::TempDir,
    store: Store,
    lease: Lease,
    loaded: Loaded,
    counts: Vec<u64>,
    seed: u64,
}

impl Panel {
    /// Polled once at midnight: accounts, series and baselines are there, days are not.
    async fn new(accounts: usize) -> Panel {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(StoreSettings::default(), folder.path()).await.expect("a store");
        let lease = store.take_lease(&backend(), "minio", "bench", at(0), Seconds::hours(99_999)).await;
        let lease = lease.expect("a lease").expect("free");
        let loaded = store.load(&backend(), None).await.expect("a book");
        let counts = vec![0; accounts * METERS.len()];
        let mut panel = Panel { folder, store, lease, loaded, counts, seed: 7 };
        panel.poll(at(0), 1).await;
        panel
    }

    /// One poll of everybody, of whom one in `every` moved bytes; returns what was committed and how
    /// long that took.
    async fn poll(&mut self, at: Timestamp, every: usize) -> (Settled, Duration) {
        let mut harvest = Harvest::new();
        for number in 0..self.counts.len() / METERS.len() {
            let name = AccountName::new(&format!("u{number:06}")).expect("a name");
            for (meter, offset) in METERS.into_iter().zip(0..) {
                let count = &mut self.counts[number * METERS.len() + offset];
                // Between a few kilobytes and some gigabytes: any number of digits is as likely.
                let (draw, digits) = (draw(&mut self.seed), draw(&mut self.seed) % 20);
                *count += if number % every == 0 { draw % (4096 << digits) } else { 0 };
                let (source, count) = (Source::default(), Bytes::new(*count).expect("fits"));
                harvest.add_reading(
                    &name,
                    meter,
                    Reading::Counter { source, at, epoch: Epoch::Silent, count },
                );
            }
        }
        harvest.listed_everyone();
        let settled = settle(&self.loaded.book, &harvest, at, &rules());
        let after = self.loaded.book.after(&settled);
        let poll = Poll {
            at,
            kind: "minio",
            harvest: &harvest,
            settled: settled.clone(),
            after,
            reach: Reach::All,
            judged: JudgedPoll::default(),
        };
        let began = Instant::now();
        self.store.commit(&self.lease, &mut self.loaded, poll).await.expect("committed");
        (settled, began.elapsed())
    }

    /// Asks the database one number, past the store.
    async fn ask(&self, sql: &'static str) -> f64 {
        let url = format!("sqlite:{}", self.folder.path().join("whmeter.db").display());
        let mut database = SqliteConnection::connect(&url).await.expect("the database");
        sqlx::query(sql).fetch_one(&mut database).await.expect("a row").get(0)
    }
}

/// A day of four polls in which everybody moved bytes: the first makes the day's points, the others add
/// to them.
async fn days(accounts: usize, runs: usize, parts: &Parts) {
    let (mut inserts, mut imports, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    let (mut points, mut by_part) = (Vec::new(), BTreeMap::<&str, Vec<Duration>>::new());
    let mut count = 0;
    for _ in 0..runs {
        let mut panel = Panel::new(accounts).await;
        parts.take();
        let (mut insert, mut import, mut day) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let (mut rows, mut sum) = (Vec::new(), 0);
        for poll in 1..=4 {
            let (settled, took) = panel.poll(at(poll * 6 * 3600 - 60), 1).await;
            let csv = rows_of(&settled);
            let [inserting, importing] = bulk_load(panel.folder.path(), &csv);
            day += took;
            insert += inserting;
            import += importing;
            rows.push(csv.lines().count());
            let changes = settled.changes.iter().flat_map(|change| change.days.values());
            sum += changes.map(|part| part.added).sum::<i128>();
        }
        // All that was loaded is in the store too: the later polls' rows were added to the first's.
        assert_eq!(panel.ask("SELECT COUNT(*) * 1.0 FROM day_point").await, rows[0] as f64);
        assert_eq!(panel.ask("SELECT SUM(amount) * 1.0 FROM day_point").await, sum as f64);
        count = rows.iter().sum();
        let mut of_day = parts.take();
        points.push(of_day["days"] + of_day["disk"]);
        of_day.insert("the rest", day.saturating_sub(of_day.values().sum()));
        for (name, time) in of_day {
            by_part.entry(name).or_default().push(time);
        }
        inserts.push(insert);
        imports.push(import);
        whole.push(day);
        panel.store.close().await;
    }
    println!("\n{accounts} accounts, {count} day points in 4 polls, {runs} runs");
    println!("{:<52} {:>10} {:>10} {:>8} {:>8}", "", "median", "min", "ratio", "of mins");
    let floor = (median(&mut inserts), least(&inserts));
    row("sqlite3 shell, INSERT of rows in its memory", &mut inserts, floor);
    row("sqlite3 shell, import of the rows from a file", &mut imports, floor);
    row("commit of the points: days and disk", &mut points, floor);
    row("commit of the polls, everything", &mut whole, floor);
    for (name, mut times) in by_part {
        row(&format!("  {name}"), &mut times, floor);
    }
}

/// The day points of a poll as the shell reads them.
fn rows_of(settled: &Settled) -> String {
    let mut csv = String::new();
    for change in &settled.changes {
        // Numbered as the store numbers them.
        let meter = Meter::ALL.iter().position(|meter| *meter == change.meter).expect("a meter");
        for ((holding, day), part) in &change.days {
            let (held, covered) = (part.held.get(), part.covered.get());
            let amount = (part.added, part.estimated);
            let key = (holding.get(), meter, day.number());
            writeln!(csv, "{},{},{},{},{},0,{held},{covered}", key.0, key.1, key.2, amount.0, amount.1)
                .expect("memory");
        }
    }
    csv
}

/// What the sqlite3 shell takes to put rows into an empty table like the store's, with the store's
/// settings and in one transaction: as it tells itself for `INSERT … SELECT` of rows that are in its
/// memory already, and from start to end for an import of a file (a prepared INSERT for each row).
fn bulk_load(folder: &Path, csv: &str) -> [Duration; 2] {
    std::fs::write(folder.join("points.csv"), csv).expect("written");
    let schema = include_str!("../migrations/0002_ledger.sql").replace("/*clustered*/", "WITHOUT ROWID");
    let table = schema.split_inclusive(';').find(|text| text.contains("TABLE day_point")).expect("there");
    let session = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;";
    let waiting = "ATTACH ':memory:' AS memory; CREATE TABLE memory.waiting AS SELECT * FROM day_point;";
    let script = format!(
        "{session} {table} {waiting}
.import --csv --schema memory points.csv waiting
.timer on
INSERT INTO day_point SELECT holding, meter, day, amount, estimated, held_peta, held_rest, covered
FROM memory.waiting ORDER BY rowid;
"
    );
    let told = shell(folder, &script);
    let real = told.split("real ").nth(1).and_then(|text| text.split(' ').next()).expect("a time");
    let inserting = Duration::from_secs_f64(real.parse().expect("a number"));
    shell(folder, &format!("{session} DROP TABLE day_point; {table}"));
    let began = Instant::now();
    shell(folder, &format!("{session}\n.import --csv points.csv day_point\n"));
    let importing = began.elapsed();
    shell(folder, "DROP TABLE day_point;");
    [inserting, importing]
}

fn shell(folder: &Path, script: &str) -> String {
    let mut child = Command::new("sqlite3")
        .args(["-batch", "-bail", "bulk.db"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the sqlite3 shell");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(script.as_bytes()).expect("written");
    drop(input);
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

/// What a poll's journal entry weighs, with everybody on the move and with one in ten.
async fn journal(accounts: usize) {
    println!("\njournal of one poll of {accounts} accounts, 2 counters each");
    for (every, share) in [(1, "100 %"), (10, "10 %")] {
        let mut panel = Panel::new(accounts).await;
        for poll in 1..=4 {
            panel.poll(at(poll * 900), every).await;
        }
        let sql = "SELECT SUM(LENGTH(body)) * 1.0 FROM journal_part
            WHERE entry = (SELECT MAX(entry) FROM journal_part)";
        let bytes = panel.ask(sql).await;
        let each = bytes / (accounts * METERS.len()) as f64;
        println!(
            "{:<52} {:>10.0} kB {each:>8.1} bytes a series",
            format!("{share} moved bytes"),
            bytes / 1e3
        );
        panel.store.close().await;
    }
}

/// What a day point weighs, and what its writing costs, as the days before it pile up.
async fn disk(accounts: usize, parts: &Parts) {
    let mut panel = Panel::new(accounts).await;
    println!("\n{accounts} accounts, 2 counters each, polled once a day");
    for day in 1..=60 {
        parts.take();
        panel.poll(at(day * 86_400), 1).await;
        let took = parts.take();
        if [1, 10, 30, 60].contains(&day) {
            let sql = "SELECT SUM(pgsize) * 1.0 / (SELECT COUNT(*) FROM day_point) FROM dbstat
                WHERE name = 'day_point'";
            let each = panel.ask(sql).await;
            let (days, disk) = (shown(took["days"]), shown(took["disk"]));
            println!("{:<52} {each:>6.1} bytes a point, days {days}, disk {disk}", format!("day {day}"));
        }
    }
    panel.store.close().await;
}

fn rules() -> SettleRules {
    SettleRules {
        zone: BillingZone::parse("UTC").expect("a zone"),
        max_gap: Seconds::hours(26),
        bounds: Bounds::default(),
    }
}

fn backend() -> BackendId {
    BackendId::new("s3-fra1").expect("a name")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(MIDNIGHT + seconds).expect("in range")
}

/// A small generator (xorshift), so that every run sees the same counts.
fn draw(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn least(times: &[Duration]) -> Duration {
    times.iter().min().copied().unwrap_or_default()
}

fn row(name: &str, times: &mut [Duration], floor: (Duration, Duration)) {
    let (median, min) = (median(times), least(times));
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    println!(
        "{name:<52} {:>10} {:>10} {:>6.2} x {:>6.2} x",
        shown(median),
        shown(min),
        ratio(median, floor.0),
        ratio(min, floor.1)
    );
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
