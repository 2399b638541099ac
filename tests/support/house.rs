//! A small house to test: a fake panel that is never behind, and a config.

use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::minio::{Options, Panel, Scanner};
use whmeter_simulators::panel;

/// A panel whose scanner is never more than a second behind.
pub async fn start(accounts: usize, clock: ClockStart) -> Panel {
    let common = panel::Options { accounts, clock, ..panel::Options::default() };
    let scanner = Scanner { cycle_seconds: 1, ..Scanner::default() };
    Panel::start(Options { common, scanner, ..Options::default() }).await.unwrap()
}

/// The config of a house that listens here.
pub fn house(port: u16, whmcs: &str, http: &str, backends: &[String]) -> String {
    let backends = backends.concat();
    format!(
        "[whmcs]\ntimezone = \"Europe/Warsaw\"\n{whmcs}\n\n[store]\nurl = \"sqlite:whmeter.db\"\n\n\
         [http]\nlisten = \"127.0.0.1:{port}\"\n{http}\n{backends}"
    )
}
