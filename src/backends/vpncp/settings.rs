//! The section of one VPNcp panel in the config.
//!
//! Asks nothing of the panel.

use std::num::NonZeroU32;

use serde::Deserialize;

use super::generation::Generation;
use crate::domain::BillingZone;
use crate::http::{Url, panel_url};
use crate::settings::{Secret, Section, SettingsError};

/// The panel's own bound for a bandwidth, in Mbit/s (PUQVPNCP doc/20. API, "VPN accounts").
const LARGEST_CAP: u32 = 10_000;
/// Where the panel listens without TLS.
const PLAIN_PORT: u16 = 8098;

/// The keys as they stand in the file.
#[derive(Debug, Deserialize)]
struct Settings {
    url: String,
    token: Option<Secret>,
    access_hash: Option<Secret>,
    #[serde(default)]
    generation: Wanted,
    timezone: Option<String>,
    #[serde(default)]
    limited: Limited,
    #[serde(default = "one")]
    cap_mbit_per_second: NonZeroU32,
}

/// Which generation of the API is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(super) enum Wanted {
    /// Whatever the panel's own description of its API shows.
    #[default]
    Auto,
    /// This one, whatever the panel shows.
    Fixed(Generation),
}

impl TryFrom<toml::Value> for Wanted {
    type Error = String;
    fn try_from(value: toml::Value) -> Result<Wanted, String> {
        match (value.as_str(), value.as_integer()) {
            (Some("auto"), _) => Ok(Wanted::Auto),
            (_, Some(1)) => Ok(Wanted::Fixed(Generation::One)),
            (_, Some(2)) => Ok(Wanted::Fixed(Generation::Two)),
            _ => Err(format!("{value} is not \"auto\", 1 or 2")),
        }
    }
}

/// How a client is limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Limited {
    /// Its bandwidth is cut down.
    #[default]
    Cap,
    /// It is switched off.
    Disable,
}

/// The keys, checked.
pub(super) struct PanelConfig {
    pub base: Url,
    /// The bearer token of a 2.x panel.
    pub token: Option<Secret>,
    /// The session cookie of a 1.x panel.
    pub access_hash: Option<Secret>,
    pub wanted: Wanted,
    /// Where the panel's days begin, when the panel is not to be asked.
    pub zone: Option<BillingZone>,
    pub limited: Limited,
    /// Mbit/s in both directions for a limited client; never 0, which would lift the limit.
    pub cap: u64,
}

impl PanelConfig {
    /// Reads and checks a whole section.
    pub fn read(section: Section) -> Result<PanelConfig, SettingsError> {
        let settings: Settings = section.read()?;
        let missing = |key: &str, problem: &str| Err(SettingsError::new(key, problem));
        match (settings.generation, &settings.token, &settings.access_hash) {
            (Wanted::Auto, None, None) | (Wanted::Fixed(Generation::Two), None, _) => {
                return missing("token", "missing; an API token of the panel (Settings, API Tokens)");
            }
            (Wanted::Fixed(Generation::One), _, None) => {
                return missing("access_hash", "missing; a 1.x panel is asked with an access hash");
            }
            _ => {}
        }
        let cap = settings.cap_mbit_per_second.get();
        if cap > LARGEST_CAP {
            let problem = format!("{cap} is beyond the panel's own bound of {LARGEST_CAP}");
            return Err(SettingsError::new("cap_mbit_per_second", problem));
        }
        let zone = settings.timezone.as_deref().map(BillingZone::parse).transpose();
        Ok(PanelConfig {
            base: base(&settings.url)?,
            zone: zone.map_err(|error| SettingsError::new("timezone", error.to_string()))?,
            token: settings.token,
            access_hash: settings.access_hash,
            wanted: settings.generation,
            limited: settings.limited,
            cap: cap.into(),
        })
    }
}

/// Without a certificate the panel listens on its own port, not on HTTP's (PUQVPNCP 02-installation.md).
/// An address that names its port, `:80` too, is taken as it stands.
fn base(text: &str) -> Result<Url, SettingsError> {
    let mut url = panel_url("url", text, true)?;
    let authority = text.split_once("://").map_or(text, |(_, rest)| rest).split('/').next();
    let has_port = authority.and_then(|host| host.rsplit(']').next()).is_some_and(|rest| rest.contains(':'));
    if url.scheme() == "http" && !has_port {
        // Fails only for addresses without a host, which are none.
        let _ = url.set_port(Some(PLAIN_PORT));
    }
    Ok(url)
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read(text: &str) -> Result<PanelConfig, SettingsError> {
        PanelConfig::read(Section::new(text.parse().expect("toml"), Path::new("/nowhere")))
    }

    const LEAST: &str = "url = 'http://127.0.0.1:8098'\ntoken = 'hunter2hunter2'\n";

    #[test]
    fn the_sample_is_a_section_also_with_every_key_uncommented() {
        let sample = include_str!("sample.toml");
        let all: String = sample
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                // Keys stand as `# key = value`; prose does not look like that.
                Some(key) if key.split_once(" = ").is_some_and(|(name, _)| !name.contains(' ')) => {
                    format!("{key}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        for text in [sample, &all] {
            let file: toml::Table = text.parse().expect("toml");
            let mut backend = file["backend"][0].as_table().expect("a section").clone();
            // The secrets' files are the operator's.
            for name in ["token", "access_hash"] {
                if backend.remove(&format!("{name}_file")).is_some() {
                    backend.insert(name.into(), "hunter2".into());
                }
            }
            let mut section = Section::new(backend, Path::new("."));
            #[derive(Deserialize)]
            #[allow(dead_code)]
            struct Kind {
                kind: String,
            }
            section.take::<Kind>().expect("its kind");
            section.take::<crate::backends::CommonSettings>().expect("the keys of every backend");
            section.take::<crate::http::HttpSettings>().expect("the keys of HTTP");
            let keys = format!("{section:?}");
            if text == all {
                for key in ["access_hash", "generation", "timezone", "limited", "cap_mbit_per_second"] {
                    assert!(keys.contains(key), "{key} is not in the sample: {keys}");
                }
            }
            PanelConfig::read(section).map(|_| ()).expect("valid");
        }
    }

    #[test]
    fn without_a_certificate_the_port_is_the_panels_own() {
        for (url, expected) in [
            ("http://vpn.example.net", "http://vpn.example.net:8098/"),
            ("http://vpn.example.net/vpn", "http://vpn.example.net:8098/vpn"),
            ("http://vpn.example.net:80", "http://vpn.example.net/"),
            ("http://[2001:db8::1]", "http://[2001:db8::1]:8098/"),
            ("http://[2001:db8::1]:8080/", "http://[2001:db8::1]:8080/"),
            ("https://vpn.example.net", "https://vpn.example.net/"),
        ] {
            let config = read(&format!("url = '{url}'\ntoken = 'hunter2hunter2'")).expect(url);
            assert_eq!(config.base.as_str(), expected, "{url}");
        }
    }

    #[test]
    fn wrong_keys_are_named() {
        for (text, key) in [
            ("generation = 3", "generation"),
            ("generation = '2.x'", "generation"),
            ("generation = 1", "access_hash"),
            ("timezone = 'Warsaw'", "timezone"),
            ("limited = 'suspend'", "limited"),
            ("cap_mbit_per_second = 0", "cap_mbit_per_second"),
            ("cap_mbit_per_second = 10001", "cap_mbit_per_second"),
            ("tokn = 'x'", "tokn"),
        ] {
            let error = read(&format!("{LEAST}{text}")).map(|_| ()).expect_err(text);
            assert_eq!(error.key, key, "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let error = read("url = 'http://a'").map(|_| ()).expect_err("no credential");
        assert_eq!(error.key, "token");
        let error = read("url = 'http://a'\naccess_hash = 'x'\ngeneration = 2").map(|_| ());
        assert_eq!(error.expect_err("the cookie of 1.x").key, "token");
        assert!(read("url = 'http://a/vpn/'\naccess_hash = 'x'").is_ok());
        assert_eq!(read(&format!("{LEAST}generation = 'auto'")).expect("valid").wanted, Wanted::Auto);
    }
}
