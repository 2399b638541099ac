//! `demo`: fake panels of every kind, a month of their history polled in fast, and the meter running on.
//!
//! Starts the panels in this process with their clocks a month back, plays the month by running
//! `whmeter poll` at each step of it, then lets the clocks run with ours and starts `whmeter serve`.

use clap::Parser;
use std::io::{Error, IsTerminal, Result, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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
    #[arg(long, default_value_t = 25)]
    accounts: usize,
    /// Days of history.
    #[arg(long, default_value_t = 31)]
    days: i64,
    /// Where whmeter serves.
    #[arg(long, default_value = "127.0.0.1:9480")]
    listen: String,
    /// Play the history, run one scrape's worth of `usage`, and end instead of serving.
    #[arg(long)]
    once: bool,
}

/// Twice a day is enough to show, and quick.
const STEP_SECONDS: i64 = 12 * 3600;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let own_folder = arguments.folder.is_none();
    let folder = arguments
        .folder
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("whmeter-demo-{}", std::process::id())));
    std::fs::create_dir_all(&folder)?;
    let now = chrono::Utc::now().timestamp();
    let start = now - arguments.days * 86_400;
    let panels = start_panels(arguments.accounts, start).await?;
    let config = folder.join("whmeter.toml");
    std::fs::write(&config, config_text(&panels, &arguments.listen))?;

    play(&arguments.whmeter, &config, &panels, start, now).await?;
    panels.iter().for_each(|panel| panel.knobs().clock.follow());
    whmeter(&arguments.whmeter, &config, None, &["usage"]).stdout(Stdio::inherit()).status()?;
    if !arguments.once {
        say_what_to_open(&arguments, &config, &panels);
        let mut daemon =
            tokio::process::Command::from(whmeter(&arguments.whmeter, &config, None, &["serve"]))
                .kill_on_drop(true)
                .spawn()?;
        tokio::select! {
            ended = daemon.wait() => { ended?; }
            _ = terminated.recv() => stop(&mut daemon).await?,
            _ = interrupted.recv() => stop(&mut daemon).await?,
        }
    }
    panels.iter().for_each(|panel| panel.stop());
    if own_folder {
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(())
}

async fn start_panels(accounts: usize, start: i64) -> Result<Vec<Box<dyn SimulatedPanel>>> {
    let mut panels = Vec::new();
    for kind in PANELS {
        let options = Options { accounts, clock: ClockStart::Frozen(start), ..Options::default() };
        panels.push(kind.start(options).await?);
    }
    Ok(panels)
}

fn config_text(panels: &[Box<dyn SimulatedPanel>], listen: &str) -> String {
    let mut text = format!(
        "[whmcs]\ntimezone = \"Europe/Warsaw\"\n\n[store]\nurl = \"sqlite:demo.db\"\n\n[http]\nlisten = {listen:?}\n"
    );
    for (number, panel) in panels.iter().enumerate() {
        let (kind, server) = (panel.kind(), number + 1);
        text.push_str(&format!(
            "\n[[backend]]\nkind = {kind:?}\nname = \"demo-{kind}\"\nwhmcs_server = {server}\nevery = \"1m\"\n"
        ));
        for (key, value) in panel.settings() {
            text.push_str(&format!("{key} = {value:?}\n"));
        }
    }
    text
}

/// The program with its config, at a time of its own if `now` says so.
fn whmeter(program: &Path, config: &Path, now: Option<i64>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).arg("--config").arg(config);
    if let Some(now) = now {
        command.env("WHMETER_NOW", now.to_string());
    }
    command
}

async fn play(
    program: &Path,
    config: &Path,
    panels: &[Box<dyn SimulatedPanel>],
    start: i64,
    now: i64,
) -> Result<()> {
    let steps = (now - start) / STEP_SECONDS;
    let terminal = std::io::stderr().is_terminal();
    for step in 0..=steps {
        let at = start + step * STEP_SECONDS;
        panels.iter().for_each(|panel| panel.knobs().clock.freeze_at(at));
        let mut poll = tokio::process::Command::from(whmeter(program, config, Some(at), &["poll"]));
        let polled = poll.stdout(Stdio::null()).status().await?;
        if !polled.success() {
            return Err(Error::other(format!("whmeter poll ended with {polled} at {at}")));
        }
        if terminal {
            eprint!("\rplaying a month of history: {step} of {steps} polls ");
        }
    }
    if terminal {
        eprintln!();
    }
    std::io::stderr().flush()
}

fn say_what_to_open(arguments: &Arguments, config: &Path, panels: &[Box<dyn SimulatedPanel>]) {
    let (listen, whmeter, config) = (&arguments.listen, arguments.whmeter.display(), config.display());
    println!("\nwhmeter polls {} simulated panels every minute. Open:", panels.len());
    println!("  http://{listen}/                             the console");
    println!("  http://{listen}/metrics                      what Prometheus scrapes");
    println!("  http://{listen}/v1/whmcs/usage?server=1      what WHMCS is told");
    for (number, panel) in panels.iter().enumerate() {
        let accounts = panel.accounts();
        let Some(account) = accounts.first() else { continue };
        let server = number + 1;
        println!("  http://{listen}/v1/whmcs/history/{account}?server={server}&days=30");
        let meter = panel.landmarks().meter;
        println!("  {whmeter} explain demo-{} {account} {meter} --config {config}", panel.kind());
        println!(
            "  curl -X POST {}/accounts/{account} -d '{{\"op\":\"set_storage\",\"bytes\":5}}'",
            panel.control_url()
        );
    }
    println!("Ctrl-C ends it.\n");
}

/// Asks the meter to stop, as a service manager would.
async fn stop(daemon: &mut tokio::process::Child) -> Result<()> {
    if let Some(id) = daemon.id() {
        Command::new("kill").arg("-TERM").arg(id.to_string()).status()?;
    }
    daemon.wait().await.map(drop)
}
