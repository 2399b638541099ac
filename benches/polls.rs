//! What a poll of each kind of panel costs: calls, processor time and memory for 10, 1,000 and 10,000 accounts. The
//! simulated panel runs in a process of its own, so that only the client is measured. Prints a table.
//!
//! `KINDS=minio,plesk` for some kinds only; `ACCOUNTS=10,1000` for other sizes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use whmeter::backends::{Backend, KINDS, Kind, PollRequest};
use whmeter::clock::Clock;
use whmeter::domain::{Harvest, Timestamp};
use whmeter::http::{Http, HttpSettings};
use whmeter::settings::Section;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::Options;

const NOW: i64 = 1_795_226_400;

/// In the environment of the process that is to be a panel: its kind and number of accounts.
const PANEL: &str = "WHMETER_BENCH_PANEL";

fn main() {
    whmeter::http::install_tls();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        match std::env::var(PANEL) {
            Ok(of) => be_a_panel(&of).await,
            Err(_) => measure().await,
        }
    });
}

/// Serves until its parent has gone.
async fn be_a_panel(of: &str) {
    let (kind, accounts) = of.split_once(' ').expect("a kind and a number");
    let options = Options {
        accounts: accounts.parse().expect("a number"),
        clock: ClockStart::Frozen(NOW),
        ..Options::default()
    };
    let panel = whmeter_simulators::kind(kind).expect("registered").start(options).await.expect("a panel");
    let told = serde_json::json!({ "settings": panel.settings(), "control": panel.control_url() });
    println!("{told}");
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await.expect("read").ok();
}

async fn measure() {
    let wanted = |name: &str, default: &str| {
        let text = std::env::var(name).unwrap_or_else(|_| default.into());
        text.split(',').map(str::to_string).collect::<Vec<_>>()
    };
    let kinds = wanted("KINDS", "");
    println!(
        "{:<12} {:>9} {:>8} {:>12} {:>12} {:>10}",
        "kind", "accounts", "calls", "processor", "wall", "memory"
    );
    for kind in KINDS.iter().filter(|kind| kinds == [""] || kinds.iter().any(|one| one == kind.name)) {
        for accounts in wanted("ACCOUNTS", "10,1000,10000") {
            poll(kind, &accounts).await;
        }
    }
}

async fn poll(kind: &Kind, accounts: &str) {
    let (mut child, told) = panel(kind.name, accounts);
    let keys = serde_json::from_value(told["settings"].clone()).expect("texts");
    let backend = opened(kind, keys);
    let at = |step: i64| PollRequest::at(Timestamp::new(NOW + step).expect("in range"));
    // The first poll logs in and finds out who answers; what counts is every one after.
    backend.poll(&at(0), &mut Harvest::new()).await.expect("polled");
    let control = told["control"].as_str().expect("an address");
    let client = reqwest::Client::new();
    client.delete(format!("{control}/requests")).send().await.expect("cleared");
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let (spent, before, began) = (processor_time(), memory("VmRSS:"), std::time::Instant::now());
    let mut harvest = Harvest::new();
    backend.poll(&at(0), &mut harvest).await.expect("polled");
    let (wall, spent, most) = (began.elapsed(), processor_time() - spent, memory("VmHWM:"));
    let asked =
        client.get(format!("{control}/requests")).send().await.expect("told").bytes().await.expect("a body");
    let asked: serde_json::Value = serde_json::from_slice(&asked).expect("JSON");
    let calls: u64 = asked.as_array().expect("a list").iter().filter_map(|one| one["count"].as_u64()).sum();
    assert_eq!(harvest.accounts().len(), accounts.parse::<usize>().expect("a number"), "{}", kind.name);
    let millis = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1000.0);
    println!(
        "{:<12} {accounts:>9} {calls:>8} {:>12} {:>12} {:>6.1} MiB",
        kind.name,
        millis(spent),
        millis(wall),
        (most - before).max(0.0)
    );
    child.kill().and_then(|()| child.wait()).expect("ended");
}

/// A process of its own that is a panel, and what it tells of itself.
fn panel(kind: &str, accounts: &str) -> (Child, serde_json::Value) {
    let mut itself = Command::new(std::env::current_exe().expect("this program"));
    itself.env(PANEL, format!("{kind} {accounts}")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = itself.spawn().expect("started");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    (child, serde_json::from_str(&line).expect("JSON"))
}

fn opened(kind: &Kind, keys: toml::Table) -> Box<dyn Backend> {
    let mut section = Section::new(keys, std::path::Path::new("."));
    let http: HttpSettings = section.take().expect("settings");
    let http = Http::new(&http, &section).expect("a client");
    let http = http.with_clock(Clock::Fixed(Timestamp::new(NOW).expect("in range")));
    (kind.open)(section, http).expect("opened")
}

/// Processor time of this process so far, in the kernel's hundredths of a second.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("it runs");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// A line of the kernel's about this process, in MiB.
fn memory(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}
