//! The section of one Plesk server in the config.
//!
//! Asks nothing of the panel.

use serde::{Deserialize, Serialize};

use crate::domain::BillingZone;
use crate::http::{Call, Url, panel_url};
use crate::settings::{Secret, Section, SettingsError};

/// Where the panel listens with TLS, and without.
const PORTS: [(&str, u16); 2] = [("https", 8443), ("http", 8880)];

/// The keys as they stand in the file.
#[derive(Debug, Deserialize)]
struct Settings {
    url: String,
    secret_key: Option<Secret>,
    login: Option<String>,
    password: Option<Secret>,
    timezone: String,
    #[serde(default)]
    acts_as: ActsAs,
    #[serde(default)]
    additional_sites: AdditionalSites,
}

/// Whose the key or the login is: it decides which bit of a status is ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ActsAs {
    /// An administrator.
    #[default]
    Admin,
    /// A reseller.
    Reseller,
}

/// Whether the traffic of a subscription has that of its additional sites in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AdditionalSites {
    /// It has.
    #[default]
    Included,
    /// It has not: each is asked for, as a source of its own.
    Added,
}

/// How whmeter logs in.
#[derive(Clone, Debug)]
pub(super) enum Login {
    /// By a secret key.
    Key(Secret),
    /// By a login and its password.
    Password(String, Secret),
}

impl Login {
    /// A call with the headers of this login. Their names are the panel's own, underscores and all.
    pub fn authorize(&self, call: Call) -> Call {
        match self {
            Login::Key(key) => call.secret_header("KEY", key.expose()),
            Login::Password(login, password) => {
                call.header("HTTP_AUTH_LOGIN", login).secret_header("HTTP_AUTH_PASSWD", password.expose())
            }
        }
    }

    /// What must be in no text.
    pub fn secrets(&self) -> [&str; 1] {
        match self {
            Login::Key(secret) | Login::Password(_, secret) => [secret.expose()],
        }
    }
}

/// The keys, checked.
pub(super) struct PanelConfig {
    pub base: Url,
    pub login: Login,
    /// Where the panel's days begin.
    pub zone: BillingZone,
    pub acts_as: ActsAs,
    pub additional_sites: AdditionalSites,
}

impl PanelConfig {
    /// Reads and checks a whole section.
    pub fn read(section: Section) -> Result<PanelConfig, SettingsError> {
        let settings: Settings = section.read()?;
        let login = match (settings.secret_key, settings.login, settings.password) {
            (Some(key), None, None) => Login::Key(key),
            (None, Some(login), Some(password)) => Login::Password(login, password),
            (None, Some(_), None) => {
                return Err(SettingsError::new("password", "missing; the login has one"));
            }
            (None, None, Some(_)) => {
                return Err(SettingsError::new("login", "missing; whose password is it?"));
            }
            (None, None, None) => {
                return Err(SettingsError::new("secret_key", "missing; or give login and password"));
            }
            (Some(_), ..) => {
                return Err(SettingsError::new(
                    "secret_key",
                    "given together with login or password; give one",
                ));
            }
        };
        let zone = BillingZone::parse(&settings.timezone);
        Ok(PanelConfig {
            base: base(&settings.url)?,
            login,
            zone: zone.map_err(|error| SettingsError::new("timezone", error.to_string()))?,
            acts_as: settings.acts_as,
            additional_sites: settings.additional_sites,
        })
    }
}

/// The panel listens on ports of its own; an address that names its port is taken as it stands.
fn base(text: &str) -> Result<Url, SettingsError> {
    let mut url = panel_url("url", text, true)?;
    let authority = text.split_once("://").map_or(text, |(_, rest)| rest).split('/').next();
    let has_port = authority.and_then(|host| host.rsplit(']').next()).is_some_and(|rest| rest.contains(':'));
    let port = PORTS.iter().find(|(scheme, _)| *scheme == url.scheme());
    if let Some((_, port)) = port.filter(|_| !has_port) {
        // Fails only for addresses without a host, which are none.
        let _ = url.set_port(Some(*port));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read(text: &str) -> Result<PanelConfig, SettingsError> {
        PanelConfig::read(Section::new(text.parse().expect("toml"), Path::new("/nowhere")))
    }

    #[test]
    fn the_ports_are_the_panels_own() {
        for (url, expected) in [
            ("https://web3.example.net", "https://web3.example.net:8443/"),
            ("http://web3.example.net", "http://web3.example.net:8880/"),
            ("https://web3.example.net:443", "https://web3.example.net/"),
            ("https://[2001:db8::1]/plesk", "https://[2001:db8::1]:8443/plesk"),
        ] {
            let config = read(&format!("url = '{url}'\nsecret_key = 'hunter2'\ntimezone = 'UTC'"));
            assert_eq!(config.expect(url).base.as_str(), expected);
        }
    }

    #[test]
    fn wrong_keys_are_named() {
        let least = "url = 'http://a'\ntimezone = 'UTC'";
        for (text, key) in [
            ("", "secret_key"),
            ("login = 'admin'", "password"),
            ("password = 'hunter2'", "login"),
            ("secret_key = 'hunter2'\nlogin = 'admin'", "secret_key"),
            ("secret_key = 'hunter2'\nacts_as = 'root'", "acts_as"),
            ("secret_key = 'hunter2'\nadditional_sites = 'no'", "additional_sites"),
            ("secret_kye = 'hunter2'", "secret_kye"),
        ] {
            let error = read(&format!("{least}\n{text}")).map(|_| ()).expect_err(text);
            assert_eq!(error.key, key, "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let zoneless = read("url = 'http://a'\nsecret_key = 'hunter2'").map(|_| ());
        assert_eq!(zoneless.expect_err("no zone").key, "timezone");
        let login = read(&format!("{least}\nlogin = 'admin'\npassword = 'hunter2'")).expect("valid").login;
        assert!(matches!(&login, Login::Password(name, _) if name == "admin"));
        assert!(!format!("{login:?}").contains("hunter2"));
    }
}
