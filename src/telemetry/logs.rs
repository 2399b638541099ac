//! Log lines: how they look, which are wanted, and that they go to stderr.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line for people.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("log filter {filter:?}: {why}; write a level like info, or target=level pairs with commas")]
    Filter {
        /// What was asked for.
        filter: String,
        /// What is wrong with it.
        why: String,
    },
    /// It was set up before.
    #[error("logging is set up already")]
    Twice,
}

/// Sends log lines to stderr. `WHMETER_LOG`, or else `RUST_LOG`, wins over `level`; `debug` and `trace` alone are
/// ours, and the libraries stay at `info`: name them (`debug,hyper=debug`) to hear them.
pub fn init_logs(level: &str, format: LogFormat) -> Result<(), LogError> {
    let from_env = |name| std::env::var(name).ok().filter(|filter: &String| !filter.is_empty());
    let filter = from_env("WHMETER_LOG").or_else(|| from_env("RUST_LOG")).unwrap_or_else(|| level.into());
    // At these levels the libraries say a hundred times as much as we do.
    let filter = match filter.to_ascii_lowercase().as_str() {
        chatty @ ("debug" | "trace") => format!("info,whmeter={chatty}"),
        _ => filter,
    };
    let filter = EnvFilter::try_new(&filter)
        .map_err(|error| LogError::Filter { filter: filter.clone(), why: error.to_string() })?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    match format {
        LogFormat::Human => logs.with_ansi(colours).finish().try_init(),
        LogFormat::Json => logs.json().flatten_event(true).finish().try_init(),
    }
    .map_err(|_| LogError::Twice)
}
