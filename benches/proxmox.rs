//! What a poll of 10,000 Proxmox guests costs: from the wire to the harvest, settled and committed.
//! The answers are the fake cluster's, made beforehand and served as finished bytes. Prints a table.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::http::header;
use axum::response::IntoResponse;
use whmeter::backends::{Ask, Backend};
use whmeter::domain::*;
use whmeter::http::{Http, HttpSettings};
use whmeter::metering::{Rules, settle};
use whmeter::settings::Section;
use whmeter::store::{Poll, Store, StoreSettings};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::proxmox::{Options, Panel};

const NOW: i64 = 1_795_226_400;
const GUESTS: usize = 10_000;

fn main() {
    whmeter::http::install_tls();
    let runs: usize = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(15);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(polls(runs + 1));
}

/// The listing of each minute.
async fn answers(count: usize) -> Vec<bytes::Bytes> {
    let common =
        panel::Options { accounts: GUESTS, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    let panel = Panel::start(Options { common, nodes: 40, ..Options::default() }).await.expect("a panel");
    let settings = panel.settings();
    let client = reqwest::Client::new();
    let mut answers = Vec::new();
    for _ in 0..count {
        let asked = client
            .get(format!("{}/api2/json/cluster/resources", panel.url()))
            .header("authorization", format!("PVEAPIToken={}={}", settings["user"], settings["secret"]));
        answers.push(asked.send().await.expect("an answer").bytes().await.expect("a body"));
        panel.knobs().clock.advance(60);
    }
    panel.stop();
    answers
}

/// A backend of a server that gives one answer after the other.
async fn backend(answers: Vec<bytes::Bytes>) -> Box<dyn Backend> {
    let (answers, turn) = (Arc::new(answers), Arc::new(AtomicUsize::new(0)));
    let answer = move || {
        let answer = answers[turn.fetch_add(1, Ordering::Relaxed) % answers.len()].clone();
        async move { ([(header::CONTENT_TYPE, "application/json;charset=UTF-8")], answer).into_response() }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    let text = format!("url = '{url}'\nuser = 'a@b!c'\nsecret = 's'");
    let mut section = Section::new(text.parse().expect("toml"), Path::new("."));
    let http: HttpSettings = section.take().expect("settings");
    let http = Http::new(&http, &section).expect("a client");
    let kind = whmeter::backends::kind("proxmox").expect("registered");
    (kind.open)(section, http).expect("opened")
}

async fn polls(runs: usize) {
    let answers = answers(runs).await;
    let size = answers[0].len();
    let backend = backend(answers).await;
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(StoreSettings::default(), folder.path()).await.expect("a store");
    let id = BackendId::new("pve").expect("a name");
    let at = |step: usize| Timestamp::new(NOW + 60 * step as i64).expect("in range");
    let lease = store.take_lease(&id, "proxmox", "bench", at(0), Seconds::hours(9999)).await;
    let lease = lease.expect("a lease").expect("free");
    let mut loaded = store.load(&id, None).await.expect("a book");
    let rules =
        Rules { zone: BillingZone::parse("Europe/Warsaw").expect("a zone"), max_gap: Seconds::hours(26) };
    let (mut reading, mut settling, mut committing) = (Vec::new(), Vec::new(), Vec::new());
    for step in 0..runs {
        let mut harvest = Harvest::new();
        let began = Instant::now();
        backend.poll(&Ask::at(at(step)), &mut harvest).await.expect("polled");
        let read = began.elapsed();
        assert_eq!(harvest.accounts().len(), GUESTS);
        let began = Instant::now();
        let settled = settle(&loaded.book, &harvest, at(step), &rules);
        let settle = began.elapsed();
        let poll = Poll { at: at(step), kind: "proxmox", harvest: &harvest, settled, partial: false };
        let began = Instant::now();
        store.commit(&lease, &mut loaded, poll).await.expect("committed");
        // The first poll makes everything; what counts is every minute after.
        if step > 0 {
            reading.push(read);
            settling.push(settle);
            committing.push(began.elapsed());
        }
    }
    println!("{:<62} {:>10} {:>10}", format!("{} runs", reading.len()), "median", "min");
    row(&format!("fetch and read {GUESTS} guests ({} kB)", size / 1000), &mut reading);
    row("settle them", &mut settling);
    row("commit them (SQLite)", &mut committing);
    store.close().await;
}

fn row(name: &str, times: &mut [Duration]) {
    times.sort();
    let shown = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    println!("{name:<62} {:>10} {:>10}", shown(times[times.len() / 2]), shown(times[0]));
}
