//! The `[http]` section: what is listened on, and with which certificate.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

/// The `[http]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct ServeSettings {
    /// Where everything is served that has no address of its own.
    #[serde(deserialize_with = "listen_address")]
    pub listen: SocketAddr,
    /// An address of its own for the metrics.
    #[serde(deserialize_with = "some_listen_address")]
    pub metrics_listen: Option<SocketAddr>,
    /// An address of its own for WHMCS's routes and the JSON under /v1.
    #[serde(deserialize_with = "some_listen_address")]
    pub api_listen: Option<SocketAddr>,
    /// An address of its own for the console.
    #[serde(deserialize_with = "some_listen_address")]
    pub console_listen: Option<SocketAddr>,
    /// The certificate chain (PEM); with it everything is served over TLS.
    pub tls_cert: Option<PathBuf>,
    /// Its key (PEM).
    pub tls_key: Option<PathBuf>,
    /// Who may ask what; without any only loopback addresses are accepted, and all is open on them.
    pub token: Vec<toml::Table>,
}

impl Default for ServeSettings {
    fn default() -> ServeSettings {
        ServeSettings {
            listen: ([127, 0, 0, 1], 9480).into(),
            metrics_listen: None,
            api_listen: None,
            console_listen: None,
            tls_cert: None,
            tls_key: None,
            token: Vec::new(),
        }
    }
}

impl ServeSettings {
    /// Every address that is served.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let own = [self.metrics_listen, self.api_listen, self.console_listen];
        std::iter::once(self.listen).chain(own.into_iter().flatten()).collect()
    }
}

/// What is wrong with having no tokens on addresses that others reach.
pub(super) fn open_to_others(no_tokens: bool, addresses: &[SocketAddr]) -> Option<String> {
    let reached = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback());
    let address = reached.filter(|_| no_tokens)?;
    Some(format!(
        "{address} is reachable from other machines, and without any [[http.token]] everything on it would be open; add tokens \
         or listen on 127.0.0.1"
    ))
}

/// An address to listen on: `127.0.0.1:9480`, `localhost:9480`, or `:9480` for every address of the machine.
fn listen_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let host = text.rsplit_once(':').map(|(host, port)| match host {
        "" => format!("0.0.0.0:{port}"),
        "localhost" => format!("127.0.0.1:{port}"),
        _ => text.clone(),
    });
    host.and_then(|address| address.parse().ok()).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "{text:?} is no address to listen on; expected an IP address and a port, like \"127.0.0.1:9480\", or \":9480\" for every \
             address of this machine"
        ))
    })
}

fn some_listen_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    listen_address(deserializer).map(Some)
}
