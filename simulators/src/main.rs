//! `simulate`: fake panels from the command line.
//!
//! Prints one line of JSON per panel once it answers, and runs until it is told to stop.

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, builder::PossibleValuesParser};
use serde_json::{Value, json};
use std::io::{Error, Result, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{FlagShown, Kind, Options, SimulatedPanel};
use whmeter_simulators::{OTHERS, PANELS};

/// What every panel can be told.
#[derive(Args)]
struct Common {
    /// How many accounts it has.
    #[arg(long, default_value_t = 50)]
    accounts: usize,
    /// Same seed, same truth.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the panel listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where its control address listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// Speak HTTPS, with the authority's certificate written to this folder.
    #[arg(long)]
    tls_dir: Option<PathBuf>,
    /// Freeze the clock at this instant (epoch seconds).
    #[arg(long)]
    start: Option<i64>,
    /// With --start: run on from there instead.
    #[arg(long, requires = "start")]
    running: bool,
}

impl From<Common> for Options {
    fn from(told: Common) -> Self {
        let clock = match (told.start, told.running) {
            (None, _) => ClockStart::WallClock,
            (Some(at), false) => ClockStart::Frozen(at),
            (Some(at), true) => ClockStart::Running(at),
        };
        Self {
            accounts: told.accounts,
            seed: told.seed,
            clock,
            tls: told.tls_dir,
            listen: told.listen,
            control: told.control,
        }
    }
}

/// One subcommand for each kind, and one for all panels.
fn command() -> Command {
    let all = Command::new("all").about("Every panel there is, on free ports.");
    Command::new("simulate")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Fake hosting panels over real HTTP(S), for tests and demonstrations.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(PANELS.iter().chain(OTHERS).map(subcommand))
        .subcommand(Common::augment_args(all))
}

fn subcommand(kind: &Kind) -> Command {
    Common::augment_args(Command::new(kind.name))
        .about(kind.about)
        .args((kind.flags)().into_iter().map(argument))
}

fn argument(flag: FlagShown) -> Arg {
    let help = format!("{} [default: {}]", flag.help, flag.default);
    let argument = Arg::new(flag.name).long(flag.name).help(help);
    match flag.among {
        [] => argument,
        among => argument.value_parser(PossibleValuesParser::new(among)),
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    // Before anybody is told that it runs: who reads the line may end it at once.
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let panels = match start(&command().get_matches()).await {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
            command().error(ErrorKind::ValueValidation, error).exit()
        }
        started => started?,
    };
    for panel in &panels {
        let mut line = json!({
            "kind": panel.kind(), "url": panel.url(), "control": panel.control_url(),
            "settings": panel.settings(),
        });
        if let Ok(state) = panel.operate("state", &Value::Null) {
            line["state"] = state;
        }
        writeln!(std::io::stdout(), "{line}")?;
    }
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    panels.iter().for_each(|panel| panel.stop());
    Ok(())
}

async fn start(matches: &ArgMatches) -> Result<Vec<Box<dyn SimulatedPanel>>> {
    let (name, matches) = matches.subcommand().ok_or_else(|| Error::other("no panel is named"))?;
    let common = Common::from_arg_matches(matches).map_err(Error::other)?;
    if let Some(kind) = PANELS.iter().chain(OTHERS).find(|kind| kind.name == name) {
        let value = |flag: FlagShown| {
            let value = matches.get_one::<String>(flag.name)?;
            Some((flag.name.to_owned(), value.clone()))
        };
        let told = (kind.flags)().into_iter().filter_map(value).collect();
        return Ok(vec![kind.start_with(common.into(), told).await?]);
    }
    if common.listen.port() != 0 || common.control.port() != 0 {
        return Err(Error::other("several panels need port 0"));
    }
    let options = Options::from(common);
    let mut panels = Vec::new();
    for kind in PANELS {
        panels.push(kind.start(options.clone()).await?);
    }
    Ok(panels)
}
