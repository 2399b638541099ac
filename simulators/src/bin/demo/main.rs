//! `demo`: fake panels of every kind, a month of their history polled in fast, and the meter running on.
//!
//! Starts the panels in this process with their clocks a month back, plays the month by running `whmeter poll` at each step
//! of it, tells whmeter of services as WHMCS does, then lets the clocks run with ours and starts `whmeter serve`.

mod meter;
mod receiver;
mod story;

use clap::Parser;
use meter::Meter;
use receiver::Receiver;
use std::io::{Error, IsTerminal, Result, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use story::Story;
use tokio::signal::unix::{SignalKind, signal};
use whmeter_simulators::PANELS;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{Options, SimulatedPanel};

/// Simulated panels and the meter, with a month of history.
#[derive(Parser)]
#[command(name = "demo")]
struct Arguments {
    /// The whmeter program.
    #[arg(long, default_value = "target/debug/whmeter")]
    whmeter: PathBuf,
    /// A folder for config and database; a new one by default, removed at the end.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Accounts per panel.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(6..=1000))]
    accounts: u16,
    /// Days of history.
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(i64).range(3..=400))]
    days: i64,
    /// Where whmeter serves.
    #[arg(long, default_value = "127.0.0.1:9480")]
    listen: String,
    /// Play the history, say what there is to see, and end instead of serving.
    #[arg(long)]
    once: bool,
}

const DAY: i64 = 86_400;

/// Figures this old (in seconds) are of hours and windows that are over: a month has hundreds of them for each account,
/// and a few accounts show as much.
const OVER: i64 = 300;
const FEW: usize = 3;

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    // Before a month is played for nothing.
    if !arguments.whmeter.is_file() {
        let program = arguments.whmeter.display();
        return Err(Error::other(format!(
            "no program is at {program}; `make demo` builds it, --whmeter names another"
        )));
    }
    std::net::TcpListener::bind(&arguments.listen).map_err(|error| {
        Error::other(format!("cannot listen on {}: {error}; choose another with --listen", arguments.listen))
    })?;
    let own_folder = arguments.folder.is_none();
    let folder = arguments
        .folder
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("whmeter-demo-{}", std::process::id())));
    let named = |error| Error::other(format!("{}: {error}; choose another with --folder", folder.display()));
    std::fs::create_dir_all(&folder).map_err(named)?;
    if folder.join("demo.db").exists() {
        let problem = "a demo was played there already; choose an empty one with --folder";
        return Err(Error::other(format!("{}: {problem}", folder.display())));
    }
    let ended = demo(arguments, &folder).await;
    if own_folder {
        std::fs::remove_dir_all(&folder).map_err(named)?;
    }
    ended
}

async fn demo(arguments: &Arguments, folder: &Path) -> Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let now = chrono::Utc::now().timestamp();
    let start = now - arguments.days * DAY;
    let panels = start_panels(usize::from(arguments.accounts), start).await?;
    let receiver = Receiver::start().await?;
    let story = Story::of(&panels, start, now);
    let meter = Meter::new(&arguments.whmeter, folder, &arguments.listen);
    std::fs::write(meter.config(), story.config(&panels, &arguments.listen, &receiver.url()))?;
    // It holds secrets, as every config does.
    std::fs::set_permissions(meter.config(), std::fs::Permissions::from_mode(0o600))?;

    play(&meter, &panels, &story, start, now).await?;
    panels.iter().for_each(|panel| panel.knobs().clock.follow());
    let accounts: usize = panels.iter().map(|panel| panel.accounts().len()).sum();
    println!("whmeter: {} simulated panels, {accounts} accounts, a month of history.\n", panels.len());
    println!("  open http://{}/\n", arguments.listen);
    story.lines().for_each(|line| println!("  {line}"));
    println!("  what was sent to people: {}", receiver.url());
    println!("  on the command line: {}", meter.example("usage --top 10"));
    if !arguments.once {
        println!("Ctrl-C ends it.\n");
        let mut daemon = meter.serve()?;
        tokio::select! {
            ended = daemon.wait() => {
                let ended = ended?;
                if !ended.success() {
                    return Err(Error::other(format!("whmeter serve ended with {ended}")));
                }
            }
            _ = terminated.recv() => meter::stop(&mut daemon).await?,
            _ = interrupted.recv() => meter::stop(&mut daemon).await?,
        }
    }
    panels.iter().for_each(|panel| panel.stop());
    Ok(())
}

async fn start_panels(accounts: usize, start: i64) -> Result<Vec<Box<dyn SimulatedPanel>>> {
    let mut panels = Vec::new();
    for kind in PANELS {
        let options = Options { accounts, clock: ClockStart::Frozen(start), ..Options::default() };
        let mut panel = kind.start(options.clone()).await?;
        if panel.landmarks().figures_age >= OVER {
            panel.stop();
            panel = kind.start(Options { accounts: accounts.min(FEW), ..options }).await?;
        }
        panels.push(panel);
    }
    Ok(panels)
}

/// Polls the month day by day; once a day is enough to show, and quick.
async fn play(
    meter: &Meter,
    panels: &[Box<dyn SimulatedPanel>],
    story: &Story,
    start: i64,
    now: i64,
) -> Result<()> {
    let days = (now - start) / DAY;
    let terminal = std::io::stderr().is_terminal();
    for day in 0..=days {
        let at = start + day * DAY;
        panels.iter().for_each(|panel| panel.knobs().clock.freeze_at(at));
        story.happens(panels, day)?;
        meter.poll(at).await?;
        if let Some(lists) = story.services(panels, day) {
            meter.tell_services(at, &lists).await?;
        }
        if terminal {
            eprint!("\rplaying a month of history: day {day} of {days} ");
        }
    }
    if terminal {
        eprint!("\r\x1b[K");
    }
    std::io::stderr().flush()
}
