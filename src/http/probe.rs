//! The steps below every call, one by one: name, port, TLS. For `check`.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Url};

use super::HttpError;
use super::call::host_of;
use super::error::classify;

/// One step and how it went.
#[derive(Clone, Debug)]
pub struct ProbeStep {
    /// What was tried: "name resolution", "TCP", "TLS".
    pub name: &'static str,
    /// What was found.
    pub outcome: Result<String, HttpError>,
}

pub(super) async fn probe(client: &Client, url: &Url, patience: Duration) -> Vec<ProbeStep> {
    let host = host_of(url);
    let mut steps = Vec::new();
    let addresses = resolve(url, &host, patience).await;
    let shown = addresses
        .as_ref()
        .map_err(Clone::clone)
        .map(|found| found.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", "));
    steps.push(ProbeStep { name: "name resolution", outcome: shown });
    let Ok(addresses) = addresses else { return steps };
    let connected = connect(&addresses, &host, patience).await;
    let reachable = connected.is_ok();
    steps.push(ProbeStep { name: "TCP", outcome: connected.map(|address| address.to_string()) });
    if reachable && url.scheme() == "https" {
        steps.push(ProbeStep { name: "TLS", outcome: secure(client, url, &host, patience).await });
    }
    steps
}

async fn resolve(url: &Url, host: &str, patience: Duration) -> Result<Vec<SocketAddr>, HttpError> {
    let timeout = || HttpError::Timeout { host: host.to_string(), within: patience };
    let found = tokio::time::timeout(patience, tokio::net::lookup_host(host_and_port(url)))
        .await
        .map_err(|_| timeout())?
        .map_err(|error| HttpError::Dns { host: host.to_string(), detail: error.to_string() })?;
    Ok(found.collect())
}

fn host_and_port(url: &Url) -> (String, u16) {
    // An IPv6 address stands in brackets in a URL and without them everywhere else.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    (host.to_string(), url.port_or_known_default().unwrap_or(80))
}

/// The first address that accepts a connection, or the last trouble.
async fn connect(addresses: &[SocketAddr], host: &str, patience: Duration) -> Result<SocketAddr, HttpError> {
    let mut trouble = HttpError::Dns { host: host.to_string(), detail: "no address".into() };
    for address in addresses {
        match tokio::time::timeout(patience, tokio::net::TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(*address),
            Ok(Err(error)) => {
                let detail = format!("{}: {error}", address.ip());
                trouble = HttpError::Connect { host: host.to_string(), detail };
            }
            Err(_) => trouble = HttpError::Timeout { host: host.to_string(), within: patience },
        }
    }
    Err(trouble)
}

/// Any answer, whatever its status, proves that TLS came about.
async fn secure(client: &Client, url: &Url, host: &str, patience: Duration) -> Result<String, HttpError> {
    let mut root = url.clone();
    root.set_path("/");
    let trusted = || Ok("certificate accepted".to_string());
    match client.head(root).timeout(patience * 2).send().await {
        Ok(_) => trusted(),
        Err(error) => match classify(&error, host.to_string(), None) {
            tls @ HttpError::Tls { .. } => Err(tls),
            early if error.is_connect() => Err(early),
            // The connection was made and what came over it is not this step's business.
            _ => trusted(),
        },
    }
}
