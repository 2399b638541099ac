//! `simulate`: fake panels from the command line.
//!
//! Prints one line of JSON per panel once it answers, and runs until it is told to stop.

use clap::{Args, Parser, Subcommand};
use serde_json::{Value, json};
use std::io::{Error, Result, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::{PANELS, minio, proxmox, vpncp, whmcs};

/// Fake hosting panels over real HTTP(S), for tests and demonstrations.
#[derive(Parser)]
#[command(name = "simulate", version)]
struct Arguments {
    #[command(subcommand)]
    panel: Panel,
}

#[derive(Subcommand)]
enum Panel {
    /// An object storage: MinIO, AIStor or RustFS.
    Minio(Minio),
    /// A Proxmox VE cluster.
    Proxmox(Proxmox),
    /// A VPN panel: PUQ VPNcp of either generation.
    Vpncp(Vpncp),
    /// A WHMCS that sends mail to customers: no panel, and not among all of them.
    Whmcs(Common),
    /// Every panel there is, on free ports.
    All(Common),
}

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

#[derive(Args)]
struct Minio {
    #[command(flatten)]
    common: Common,
    /// The root user's name.
    #[arg(long, default_value = "rootuser")]
    access_key: String,
    /// The root user's secret.
    #[arg(long, default_value = "rootsecret123")]
    secret_key: String,
    /// How many nodes it has; each listens on a port of its own.
    #[arg(long, default_value_t = 2)]
    nodes: usize,
    /// Buckets more that belong to nobody.
    #[arg(long, default_value_t = 0)]
    bulk_buckets: usize,
    /// Whose server it is: minio, rustfs or aistor.
    #[arg(long, default_value = "minio", value_parser = flavour)]
    flavour: minio::Flavour,
}

#[derive(Args)]
struct Proxmox {
    #[command(flatten)]
    common: Common,
    /// The user, with its realm.
    #[arg(long, default_value = "whmeter@pve")]
    user: String,
    /// The name of its API token.
    #[arg(long, default_value = "metrics")]
    token: String,
    /// The token's secret, and the user's password.
    #[arg(long, default_value = "6f1c2b1e-9c2d-4b6e-8f00-2d9a6f1e7c55")]
    secret: String,
    /// How many nodes it has; each listens on a port of its own.
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// The release: 7, 8 or 9.
    #[arg(long = "release", default_value_t = 9, value_parser = clap::value_parser!(u8).range(7..=9))]
    version: u8,
}

#[derive(Args)]
struct Vpncp {
    #[command(flatten)]
    common: Common,
    /// The generation of its API: 1 or 2.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    generation: u8,
    /// Where its days begin: UTC, Europe/Warsaw, Europe/London, Asia/Tokyo, Pacific/Kiritimati or
    /// America/Bogota.
    #[arg(long, default_value = "Europe/Warsaw")]
    timezone: String,
}

fn flavour(name: &str) -> std::result::Result<minio::Flavour, serde_json::Error> {
    serde_json::from_value(Value::from(name))
}

impl From<Common> for panel::Options {
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

#[tokio::main]
async fn main() -> Result<()> {
    // Before anybody is told that it runs: who reads the line may end it at once.
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let panels = start(Arguments::parse().panel).await?;
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

async fn start(wanted: Panel) -> Result<Vec<Box<dyn SimulatedPanel>>> {
    match wanted {
        Panel::Minio(told) => {
            let mut options = minio::Options {
                common: told.common.into(),
                access_key: told.access_key,
                secret_key: told.secret_key,
                nodes: told.nodes,
                bulk_buckets: told.bulk_buckets,
                ..minio::Options::default()
            };
            options.switches.flavour = told.flavour;
            Ok(vec![Box::new(minio::Panel::start(options).await?)])
        }
        Panel::Proxmox(told) => {
            let mut options = proxmox::Options {
                common: told.common.into(),
                user: told.user,
                token: told.token,
                secret: told.secret,
                nodes: told.nodes,
                ..proxmox::Options::default()
            };
            options.switches.version = told.version;
            Ok(vec![Box::new(proxmox::Panel::start(options).await?)])
        }
        Panel::Vpncp(told) => {
            let mut options = vpncp::Options { common: told.common.into(), ..vpncp::Options::default() };
            options.switches.generation = told.generation;
            options.switches.timezone = told.timezone;
            Ok(vec![Box::new(vpncp::Panel::start(options).await?)])
        }
        Panel::Whmcs(common) => {
            let options = whmcs::Options { common: common.into(), ..whmcs::Options::default() };
            Ok(vec![Box::new(whmcs::Whmcs::start(options).await?)])
        }
        Panel::All(common) => {
            if common.listen.port() != 0 || common.control.port() != 0 {
                return Err(Error::other("several panels need port 0"));
            }
            let options = panel::Options::from(common);
            let mut panels = Vec::new();
            for kind in PANELS {
                panels.push((kind.start)(options.clone()).await?);
            }
            Ok(panels)
        }
    }
}
