//! The keys of a section that are about HTTP, and the client they make.
//!
//! Knows nothing of any panel.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Certificate, Client, Url};
use serde::Deserialize;

use crate::settings::{Period, Section, SettingsError, Size};

/// How to talk to one server over HTTP: the same keys in every section that has an address.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct HttpSettings {
    /// The longest a call may take, all its attempts together.
    pub timeout: Period,
    /// The longest a connection may take to come about, TLS included.
    pub connect_timeout: Period,
    /// How many calls may be on their way at once.
    pub max_in_flight: NonZeroUsize,
    /// Certificates (PEM) trusted besides the platform's: a private certificate authority.
    pub tls_ca_file: Option<PathBuf>,
    /// Accept any certificate, for anybody's name.
    pub tls_insecure: bool,
    /// The longest answer held in memory, counted after decompression.
    pub body_limit: Size,
    /// How often a failed call that may be repeated is tried again.
    pub retries: u32,
    /// The most calls started per second; unlimited when absent.
    pub requests_per_second: Option<NonZeroU32>,
}

impl Default for HttpSettings {
    fn default() -> HttpSettings {
        HttpSettings {
            timeout: Period(Duration::from_secs(30)),
            connect_timeout: Period(Duration::from_secs(5)),
            max_in_flight: NonZeroUsize::MIN.saturating_add(3),
            tls_ca_file: None,
            tls_insecure: false,
            body_limit: Size(64 << 20),
            retries: 2,
            requests_per_second: None,
        }
    }
}

/// Reads the address of a panel from `key`: scheme, host and perhaps a port, and nothing that could
/// be a secret. A path is kept only where `may_have_path`.
pub fn panel_url(key: &str, text: &str, may_have_path: bool) -> Result<Url, SettingsError> {
    let wrong = |problem: &str| SettingsError::new(key, problem);
    // The text itself is not shown: it may hold a password.
    let url = Url::parse(text).map_err(|error| {
        wrong(&format!("not an address ({error}); write it like \"https://panel.example.net:8443\""))
    })?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("must begin with http:// or https:// and a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not hold a user or password; there are keys of their own for them"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must end before any ? or #"));
    }
    if !may_have_path && !matches!(url.path(), "" | "/") {
        return Err(wrong("must end after the host and port; a path is not possible here"));
    }
    Ok(url)
}

pub(super) fn client(settings: &HttpSettings, section: &Section) -> Result<Client, SettingsError> {
    let certificates = own_certificates(settings, section)?;
    let builder = || {
        Client::builder()
            .user_agent(concat!("whmeter/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout.0)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            // We retry by our own rules; twice would be impolite.
            .retry(reqwest::retry::never())
            .gzip(true)
            // Shorter than the shortest patience of a panel (Proxmox VE hangs up after 5 s): a connection
            // that it closes while a call is being written would look like a broken answer.
            .pool_idle_timeout(Duration::from_secs(4))
            .tls_danger_accept_invalid_certs(settings.tls_insecure)
    };
    let key = if settings.tls_ca_file.is_some() { "tls_ca_file" } else { "tls" };
    builder()
        .tls_certs_merge(certificates.clone())
        .build()
        // A machine without any platform certificates can still talk to a private authority, and
        // over plain HTTP.
        .or_else(|_| builder().tls_certs_only(certificates).build())
        .map_err(|error| {
            SettingsError::new(key, format!("cannot set up TLS: {}", super::error::chain(&error)))
        })
}

fn own_certificates(settings: &HttpSettings, section: &Section) -> Result<Vec<Certificate>, SettingsError> {
    let Some(file) = &settings.tls_ca_file else { return Ok(Vec::new()) };
    let path = section.path(file);
    let wrong = |problem: String| SettingsError::new("tls_ca_file", problem);
    let pem =
        std::fs::read(&path).map_err(|error| wrong(format!("cannot read {}: {error}", path.display())))?;
    let certificates = Certificate::from_pem_bundle(&pem)
        .map_err(|_| wrong(format!("{} is not a PEM file of certificates", path.display())))?;
    if certificates.is_empty() {
        return Err(wrong(format!(
            "{} holds no certificate; it should begin with -----BEGIN CERTIFICATE-----",
            path.display()
        )));
    }
    Ok(certificates)
}
