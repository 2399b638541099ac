//! Arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use whmeter::commands::Cli;

fn main() -> ExitCode {
    whmeter::http::install_tls();
    // Arguments that cannot be understood end here: clap says what was expected and exits with 2.
    whmeter::commands::run(Cli::parse())
}
