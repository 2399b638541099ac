//! What a poll of 10,000 Proxmox guests costs: step by step in this process, and as the daemon itself
//! spends it, in processor time, memory and calls. The answers are the fake cluster's, made beforehand
//! and served as finished bytes. Prints a table.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::http::header;
use axum::response::IntoResponse;
use whmeter::backends::{Backend, PollRequest};
use whmeter::domain::*;
use whmeter::http::{Http, HttpSettings};
use whmeter::metering::{Bounds, SettleRules, settle};
use whmeter::settings::Section;
use whmeter::store::{JudgedPoll, Poll, Reach, Store, StoreSettings};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::proxmox::{Options, Panel};

const NOW: i64 = 1_795_226_400;
const GUESTS: usize = 10_000;

fn main() {
    whmeter::http::install_tls();
    let runs: usize = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(15);
    whmeter::http::install_tls();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let answers = answers(runs + 1).await;
        polls(&answers).await;
        daemon(&answers).await;
    });
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

/// A server that gives one answer after the other, and counts how often it was asked.
async fn server(answers: &[bytes::Bytes]) -> (String, Arc<AtomicUsize>) {
    let (answers, asked) = (Arc::new(answers.to_vec()), Arc::new(AtomicUsize::new(0)));
    let turn = Arc::clone(&asked);
    let answer = move || {
        let answer = answers[turn.fetch_add(1, Ordering::Relaxed) % answers.len()].clone();
        async move { ([(header::CONTENT_TYPE, "application/json;charset=UTF-8")], answer).into_response() }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    (url, asked)
}

async fn backend(answers: &[bytes::Bytes]) -> Box<dyn Backend> {
    let (url, _) = server(answers).await;
    let text = format!("url = '{url}'\nuser = 'a@b!c'\nsecret = 's'");
    let mut section = Section::new(text.parse().expect("toml"), Path::new("."));
    let http: HttpSettings = section.take().expect("settings");
    let http = Http::new(&http, &section).expect("a client");
    let kind = whmeter::backends::kind("proxmox").expect("registered");
    (kind.open)(section, http).expect("opened")
}

async fn polls(answers: &[bytes::Bytes]) {
    let (runs, size) = (answers.len(), answers[0].len());
    let backend = backend(answers).await;
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(StoreSettings::default(), folder.path()).await.expect("a store");
    let id = BackendId::new("pve").expect("a name");
    let at = |step: usize| Timestamp::new(NOW + 60 * step as i64).expect("in range");
    let lease = store.take_lease(&id, "proxmox", "bench", at(0), Seconds::hours(9999)).await;
    let lease = lease.expect("a lease").expect("free");
    let mut loaded = store.load(&id, None).await.expect("a book");
    let rules = SettleRules {
        zone: BillingZone::parse("Europe/Warsaw").expect("a zone"),
        max_gap: Seconds::hours(26),
        bounds: Bounds::default(),
    };
    let (mut reading, mut settling, mut committing) = (Vec::new(), Vec::new(), Vec::new());
    for step in 0..runs {
        let mut harvest = Harvest::new();
        let began = Instant::now();
        backend.poll(&PollRequest::at(at(step)), &mut harvest).await.expect("polled");
        let read = began.elapsed();
        assert_eq!(harvest.accounts().len(), GUESTS);
        let began = Instant::now();
        let settled = settle(&loaded.book, &harvest, at(step), &rules);
        let settle = began.elapsed();
        let after = loaded.book.after(&settled);
        let poll = Poll {
            at: at(step),
            kind: "proxmox",
            harvest: &harvest,
            settled,
            after,
            reach: Reach::All,
            judged: JudgedPoll::default(),
        };
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

/// The daemon itself, whose clock a file tells: a minute passes every other second.
async fn daemon(answers: &[bytes::Bytes]) {
    let (url, asked) = server(answers).await;
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    let config = format!(
        "[whmcs]\ntimezone = \"Europe/Warsaw\"\n\n[http]\nlisten = \"127.0.0.1:0\"\n\n[[backend]]\nkind = \"proxmox\"\nname = \"pve\"\nevery = \"1m\"\n\
         url = \"{url}\"\nuser = \"a@b!c\"\nsecret = \"s\"\n"
    );
    write("whmeter.toml", &config);
    let tell = |minute: usize| write("now", &(NOW + 60 * minute as i64).to_string());
    tell(0);
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_whmeter"));
    program.arg("serve").current_dir(folder.path()).env("WHMETER_NOW", "@now");
    let mut child = program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let mut minute = 0;
    // The first polls make everything, and fill the pools.
    while asked.load(Ordering::Relaxed) < 3 {
        assert!(child.try_wait().expect("asked").is_none(), "the daemon ended: is its config still valid?");
        minute += 1;
        tell(minute);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let (calls, spent) = (asked.load(Ordering::Relaxed), processor_time(child.id()));
    let polls = answers.len().min(12);
    for _ in 0..polls {
        minute += 1;
        tell(minute);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let calls = asked.load(Ordering::Relaxed) - calls;
    let spent = (processor_time(child.id()) - spent) / calls.max(1) as u32;
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let memory = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
    };
    println!("\nthe daemon over {polls} minutes, {calls} calls");
    println!(
        "{:<62} {:>7.0} ms",
        "processor time a poll, the page it renders included",
        spent.as_secs_f64() * 1000.0
    );
    println!("{:<62} {:>7.1} MiB", "memory resident", memory("VmRSS:"));
    println!("{:<62} {:>7.1} MiB", "memory at most", memory("VmHWM:"));
    child.kill().and_then(|()| child.wait()).expect("ended");
}

/// Processor time of a process so far, in the kernel's hundredths of a second.
fn processor_time(id: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
