//! Arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use whmeter::commands::Cli;

fn main() -> ExitCode {
    // What is written is for this user alone: numbers of customers, and what was reported of them.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    whmeter::http::install_tls();
    // Arguments that cannot be understood end here: clap says what was expected and exits with 2.
    whmeter::commands::run(Cli::parse())
}
