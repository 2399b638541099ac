//! The command line: one file per command, each thin.

mod accept;
mod adjust;
mod adopt;
mod backend;
mod backfill;
mod backup;
mod check;
mod completions;
mod explain;
mod export;
mod health;
mod invoice;
mod map;
mod outbox;
mod plan;
mod policy;
mod poll;
mod prune;
mod repair;
mod replay;
mod report;
mod rewind;
mod sample_config;
mod serve;
mod status;
mod table;
mod usage;
mod verify;
mod version;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::styling::AnsiColor;
use clap::{Args, Parser, Subcommand};

use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::domain::{BackendId, Service, Timestamp};
use crate::settings::nearest;
use crate::store::Store;
use crate::telemetry::{LogFormat, init_logs};

/// What is typed first, and most.
const EXAMPLES: &str = "\
Examples:
  whmeter sample-config minio > whmeter.toml     a config to fill in
  whmeter check                                  try everything in it; writes nothing
  whmeter serve                                  run the daemon
  whmeter status                                 is everything well?
  whmeter usage --top 10 --sort stored           who stores most
  whmeter explain s3-fra1 cust-0412 storage      why did you bill me this?
  whmeter report                                 what does not fit between the panels and WHMCS

`whmeter help COMMAND` tells of one command.";

/// Usage-billing meter for hosting panels.
#[derive(Debug, Parser)]
#[command(name = "whmeter", version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: poll, store and expose
    Serve(serve::Serve),
    /// Validate the config, then test the store and every backend step by step; writes nothing
    Check(check::Check),
    /// Print a commented config with these kinds of panel (all of them without an argument)
    SampleConfig(sample_config::SampleConfig),
    /// Poll once now, with the same code and lease as serve
    Poll(poll::Poll),
    /// Fetch past usage again from backends that keep history; never counts a byte twice
    Backfill(backfill::Backfill),
    /// Show usage per account
    Usage(usage::Usage),
    /// Show the overall state on one screen: exit 0 everything is well, 1 something is wrong, 2 unknown
    Status(status::Status),
    /// Ask the running daemon whether it is ready: exit 0 or 1, for containers
    Health(health::Health),
    /// List mismatches: unbilled accounts, ghosts, services without accounts, wrong plans, server totals
    Report(report::Report),
    /// Export history for promtool tsdb create-blocks-from, or for a spreadsheet
    Export(export::Export),
    /// Explain a number: every day, the readings behind it, restarts and gaps
    Explain(explain::Explain),
    /// Show which policy accounts are under and why; reconcile, pin and unpin by hand
    Policy(policy::PolicyCommand),
    /// Map accounts to WHMCS services: list mapped, unmapped, missing, ambiguous; set, unset, prune
    Map(map::Map),
    /// Make the service in WHMCS for an account that no service pays for, and map it; nothing is done on a panel
    Adopt(adopt::Adopt),
    /// List pending and failed notifications and policy switches; retry or drop them
    Outbox(outbox::Outbox),
    /// Show who would be notified, limited or restored if this config were live; changes nothing
    Plan(plan::Plan),
    /// Accept readings that are held back (a list that shrank, a level that collapsed, a jump): the next answer counts
    Accept(accept::Accept),
    /// Roll a backend back to an entry of its journal; the next poll measures on from there
    Rewind(rewind::Rewind),
    /// Restore stored rows that were changed by something else to what the journal or chronicle says
    Repair(repair::Repair),
    /// Add a correction record with author and reason; nothing is edited in place
    Adjust(adjust::Adjust),
    /// List stored backends, rename one, or end one that is no longer used
    Backend(backend::BackendCommand),
    /// Bill usage beyond what is included, as items on the customers' next invoices in WHMCS
    Invoice(invoice::Invoice),
    /// Verify the journals and the chronicle, and every stored row against them
    Verify(verify::Verify),
    /// Settle the journal again with this version and list every day that would differ; writes nothing
    Replay(replay::Replay),
    /// Copy the database into a new file while it is in use (SQLite; the others have programs of their own)
    Backup(backup::Backup),
    /// Apply retention now
    Prune(prune::Prune),
    /// Print version, commit and store schema
    Version(version::Version),
    /// Print a script for a shell, which then completes commands and options
    Completions(completions::Completions),
    /// Print the manual, or write a page for each command
    Man(completions::Man),
}

/// Where the config is looked for where none is named.
const PLACES: [&str; 2] = ["whmeter.toml", "/etc/whmeter/whmeter.toml"];

/// What every command that needs the config takes.
#[derive(Debug, Args)]
struct ConfigArg {
    /// The config file; else $WHMETER_CONFIG, ./whmeter.toml, /etc/whmeter/whmeter.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use this as the current time (for demos, replays and tests)
    #[arg(long, value_name = "TIME", hide = true)]
    now: Option<String>,
    /// Log format; else $WHMETER_LOG_FORMAT, else human
    #[arg(long, value_name = "human|json")]
    log_format: Option<String>,
}

/// What an option says, or else a variable of the environment. Not by clap: it would print what comes from the environment as
/// if it had to be typed.
fn or_env(given: Option<&String>, name: &str) -> Option<String> {
    given.cloned().or_else(|| std::env::var(name).ok()).filter(|text| !text.is_empty())
}

/// How a command ends.
enum CommandError {
    /// It was tried and failed: exit code 1.
    Tried(String),
    /// The config or the arguments are wrong: exit code 2.
    Misused(String),
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> CommandError {
        CommandError::Misused(error.to_string())
    }
}

impl<E: Into<crate::app::AppError>> From<E> for CommandError {
    fn from(error: E) -> CommandError {
        CommandError::Tried(error.into().to_string())
    }
}

type Outcome = Result<(), CommandError>;

impl ConfigArg {
    fn clock(&self) -> Result<Clock, CommandError> {
        let Some(text) = or_env(self.now.as_ref(), "WHMETER_NOW") else { return Ok(Clock::System) };
        if let Some(file) = text.strip_prefix('@') {
            // As long as the program runs; there is one clock.
            return Ok(Clock::FromFile(Box::leak(PathBuf::from(file).into_boxed_path())));
        }
        let seconds = text.parse::<i64>().ok().and_then(|seconds| Timestamp::new(seconds).ok());
        let written = || text.parse().ok().and_then(|time| Timestamp::from_utc(time).ok());
        let wrong = || {
            CommandError::Misused(format!(
                "--now {text:?}: expected 2026-11-20T12:00:00Z, epoch seconds or @FILE"
            ))
        };
        seconds.or_else(written).map(Clock::Fixed).ok_or_else(wrong)
    }

    /// The config file: the one that was named, or the first that is there.
    fn path(&self) -> Result<PathBuf, CommandError> {
        let named = self.config.clone().or_else(|| std::env::var_os("WHMETER_CONFIG").map(PathBuf::from));
        let named = named.filter(|path| !path.as_os_str().is_empty());
        let found = named.or_else(|| PLACES.iter().map(PathBuf::from).find(|path| path.exists()));
        found.ok_or_else(|| {
            CommandError::Misused(format!(
                "no config: neither --config nor $WHMETER_CONFIG names one, and neither {} is there; `whmeter sample-config KIND > \
                 whmeter.toml` makes one",
                PLACES.join(" nor ")
            ))
        })
    }

    /// Reads the config, and sets up logs of at least `level`.
    fn read(&self, level: &str) -> Result<(Config, Clock), CommandError> {
        let format = match or_env(self.log_format.as_ref(), "WHMETER_LOG_FORMAT").as_deref() {
            None | Some("human") => LogFormat::Human,
            Some("json") => LogFormat::Json,
            Some(other) => {
                return Err(CommandError::Misused(format!("--log-format {other:?}: expected human or json")));
            }
        };
        init_logs(level, format).map_err(|error| CommandError::Misused(error.to_string()))?;
        let clock = self.clock()?;
        Ok((Config::read(&self.path()?, clock)?, clock))
    }

    /// Reads the config and opens the store to look at it: nothing in it is made, migrated or changed.
    async fn store_to_read(&self) -> Result<(Config, Clock, Store), CommandError> {
        let (config, clock) = self.read("warn")?;
        let store = Store::open_to_read(config.store.clone(), &config.folder).await?;
        store.same_zone(config.zone).await?;
        Ok((config, clock, store))
    }

    /// Reads the config and opens the store to write.
    async fn store(&self) -> Result<(Config, Clock, Store), CommandError> {
        let (config, clock) = self.read("warn")?;
        let store = Store::open(config.store.clone(), &config.folder).await?;
        store.keep_zone(config.zone).await?;
        Ok((config, clock, store))
    }
}

/// Runs the command that was asked for.
pub fn run(cli: Cli) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Serve(command) => command.run().await,
            Command::Check(command) => command.run().await,
            Command::SampleConfig(command) => command.run(),
            Command::Poll(command) => command.run().await,
            Command::Backfill(command) => command.run().await,
            Command::Usage(command) => command.run().await,
            Command::Report(command) => command.run().await,
            Command::Export(command) => command.run().await,
            Command::Explain(command) => command.run().await,
            Command::Policy(command) => command.run().await,
            Command::Map(command) => command.run().await,
            Command::Adopt(command) => command.run().await,
            Command::Outbox(command) => command.run().await,
            Command::Plan(command) => command.run().await,
            Command::Accept(accept) => accept.run().await,
            Command::Rewind(command) => command.run().await,
            Command::Repair(command) => command.run().await,
            Command::Adjust(command) => command.run().await,
            Command::Backend(command) => command.run().await,
            Command::Status(command) => command.run().await,
            Command::Health(command) => command.run().await,
            Command::Backup(command) => command.run().await,
            Command::Invoice(command) => command.run().await,
            Command::Verify(command) => command.run().await,
            Command::Replay(command) => command.run().await,
            Command::Prune(command) => command.run().await,
            Command::Version(command) => command.run(),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(),
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(CommandError::Tried(why)) => {
            complain(why);
            ExitCode::from(1)
        }
        Err(CommandError::Misused(why)) => {
            complain(why);
            ExitCode::from(2)
        }
    }
}

/// Prints a line. A reader that went away (`| head`) is not an error; a full disk is: a table of which a part is missing
/// looks like all of it.
fn print(text: impl std::fmt::Display) {
    use std::io::Write;
    match writeln!(std::io::stdout().lock(), "{text}") {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        Err(error) => {
            complain(format!("the output cannot be written: {error}"));
            std::process::exit(1);
        }
    }
}

/// Says something beside the output. Whoever does not listen any more (`2>&1 | head`) is no reason to end otherwise.
fn complain(text: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "whmeter: {text}");
}

/// A word in a colour, where somebody looks at it: not in a file or a pipe, and not where `NO_COLOR` is set.
fn coloured(word: &str, colour: AnsiColor) -> String {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    if !wanted || !std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        return word.to_string();
    }
    let style = colour.on_default().bold();
    format!("{style}{word}{style:#}")
}

/// Prints a value as JSON.
fn print_json(value: &impl serde::Serialize) -> Outcome {
    let text = serde_json::to_string_pretty(value).map_err(|error| CommandError::Tried(error.to_string()))?;
    print(text);
    Ok(())
}

/// The number of a service, as it is typed.
fn service_number(text: &str) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number| Service::NUMBERS.contains(number));
    number.ok_or_else(|| "expected the number of a service in WHMCS (tblhosting.id), like 7731".into())
}

/// Why nothing is said of an account: nobody has ever seen it. Names the one that was probably meant.
fn no_such_account<'n>(backend: &str, name: &str, known: impl Iterator<Item = &'n str>) -> CommandError {
    let instead = match nearest(name, known) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "`whmeter usage` lists those that are known".to_string(),
    };
    CommandError::Tried(format!("{backend}: no account {name:?} is known; {instead}"))
}

/// The stored backends a command is about: one, or all.
async fn stored_backends(store: &Store, name: Option<&str>) -> Result<Vec<BackendId>, CommandError> {
    let all: Vec<BackendId> = store.backends().await?.into_iter().map(|state| state.backend).collect();
    let Some(name) = name else { return Ok(all) };
    let found: Vec<BackendId> = all.iter().filter(|backend| backend.as_str() == name).cloned().collect();
    if found.is_empty() {
        let known: Vec<&str> = all.iter().map(BackendId::as_str).collect();
        let instead = match nearest(name, known.iter().copied()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("known: {}", known.join(", ")),
        };
        return Err(CommandError::Misused(format!("nothing is stored of a backend {name:?}; {instead}")));
    }
    Ok(found)
}
