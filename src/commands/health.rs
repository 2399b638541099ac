//! `whmeter health`: whether the daemon of this config answers, for whoever has no other program to ask it with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;

use super::{CommandError, ConfigArg, Outcome, print};
use crate::config::ServeSettings;
use crate::http::{Call, Http, HttpSettings, Url};
use crate::settings::{Period, Section};

#[derive(Debug, Args)]
pub(super) struct Health {
    #[command(flatten)]
    config: ConfigArg,
}

/// A container's own limit is longer.
const PATIENCE: Duration = Duration::from_secs(5);

impl Health {
    pub(super) async fn run(self) -> Outcome {
        let (config, _) = self.config.read("error")?;
        // A certificate is for the name that others call us by, and nothing that is secret is sent.
        let settings = HttpSettings {
            timeout: Period(PATIENCE),
            retries: 0,
            tls_insecure: true,
            ..HttpSettings::default()
        };
        let url = ready(&config.http)?;
        let http = Http::new(&settings, &Section::new(toml::Table::new(), &config.folder));
        let http = http.map_err(|error| CommandError::Tried(error.to_string()))?;
        let failed = |why: String| CommandError::Tried(format!("{url} is not ready: {why}"));
        let asked = http.send(|| Ok(Call::get(url.clone()))).await;
        let answer = asked.map_err(|error| failed(format!("{error}; is `whmeter serve` running?")))?;
        if !answer.is_success() {
            return Err(failed(format!("it answers {}: {}", answer.status(), answer.sketch())));
        }
        print("ok");
        Ok(())
    }
}

/// Where the daemon says that it is ready: on the address it listens on, or on loopback where that is every address.
fn ready(http: &ServeSettings) -> Result<Url, CommandError> {
    let ip = match http.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let scheme = if http.tls_cert.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}/-/ready", SocketAddr::new(ip, http.listen.port()));
    Url::parse(&url).map_err(|error| CommandError::Tried(format!("{url}: {error}")))
}
