//! Journeys: whole stories with the real program, real sockets and fake panels, held against the truth.

#![allow(clippy::unwrap_used, missing_docs)]

mod access;
mod demo;
mod fortnight;
mod history;
mod killed;
mod limits;
mod prometheus;
mod serving;
#[allow(dead_code)] // No test target uses all of it.
#[path = "../support/mod.rs"]
mod support;
mod whmcs;

use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::minio::{Options, Panel, Scanner};
use whmeter_simulators::panel;

/// A panel whose scanner is never more than a second behind.
async fn start(accounts: usize, clock: ClockStart) -> Panel {
    let common = panel::Options { accounts, clock, ..panel::Options::default() };
    let scanner = Scanner { cycle_seconds: 1, ..Scanner::default() };
    Panel::start(Options { common, scanner, ..Options::default() }).await.unwrap()
}

/// The config of a house that listens here.
fn house(port: u16, whmcs: &str, http: &str, backends: &[String]) -> String {
    let backends = backends.concat();
    format!(
        "[whmcs]\ntimezone = \"Europe/Warsaw\"\n{whmcs}\n\n[store]\nurl = \"sqlite:whmeter.db\"\n\n\
         [http]\nlisten = \"127.0.0.1:{port}\"\n{http}\n{backends}"
    )
}
