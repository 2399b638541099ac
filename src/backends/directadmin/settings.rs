//! The section of one DirectAdmin server in the config.
//!
//! Asks nothing of the server.

use serde::Deserialize;

use crate::domain::BillingZone;
use crate::http::{Url, panel_url};
use crate::settings::{Secret, Section, SettingsError};

/// The keys as they stand in the file.
#[derive(Debug, Deserialize)]
struct Settings {
    url: String,
    username: String,
    password: Secret,
    #[serde(default)]
    level: Level,
    #[serde(default)]
    figures: FiguresFrom,
    #[serde(default = "yes")]
    realtime_quota: bool,
    #[serde(default)]
    additional_bandwidth: bool,
    timezone: Option<String>,
}

/// What the login is on the server, and so whose accounts are metered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// An administrator: every account.
    #[default]
    Admin,
    /// A reseller: own accounts.
    Reseller,
}

/// Where usage is read from. Whatever it is stays so: the two round differently, and a series that changed from one to
/// the other would bill the difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FiguresFrom {
    /// The table of accounts, in bytes.
    #[default]
    Table,
    /// The lines of `CMD_API_ALL_USER_USAGE`, in megabytes with decimals.
    Lines,
}

/// The keys, checked.
pub(super) struct ServerConfig {
    pub base: Url,
    pub username: String,
    /// A login key, or the password.
    pub password: Secret,
    pub level: Level,
    pub figures: FiguresFrom,
    /// Whether what is stored is counted at once, and not by the nightly tally.
    pub realtime_quota: bool,
    /// Whether each account's configuration is asked for at every poll, for the traffic it has on top of its limit.
    pub additional_bandwidth: bool,
    /// Where the server's months begin, when the server is not to be asked.
    pub zone: Option<BillingZone>,
}

impl ServerConfig {
    /// Reads and checks a whole section.
    pub fn read(section: Section) -> Result<ServerConfig, SettingsError> {
        let settings: Settings = section.read()?;
        let username = settings.username;
        if username.is_empty() || username.contains(':') {
            return Err(SettingsError::new("username", "must be a login, without a colon"));
        }
        let zone = settings.timezone.as_deref().map(BillingZone::parse).transpose();
        Ok(ServerConfig {
            base: panel_url("url", &settings.url, false)?,
            username,
            password: settings.password,
            level: settings.level,
            figures: settings.figures,
            realtime_quota: settings.realtime_quota,
            additional_bandwidth: settings.additional_bandwidth,
            zone: zone.map_err(|error| SettingsError::new("timezone", error.to_string()))?,
        })
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read(text: &str) -> Result<ServerConfig, SettingsError> {
        ServerConfig::read(Section::new(text.parse().expect("toml"), Path::new("/nowhere")))
    }

    const LEAST: &str =
        "url = 'https://da.example.net:2222'\nusername = 'meter'\npassword = 'hunter2hunter2'\n";

    #[test]
    fn the_least_is_an_administrator_who_reads_the_table() {
        let config = read(LEAST).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((config.level, config.figures), (Level::Admin, FiguresFrom::Table));
        assert!(config.realtime_quota && !config.additional_bandwidth && config.zone.is_none());
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (more, key) in [
            ("level = 'user'", "level"),
            ("figures = 'json'", "figures"),
            ("timezone = 'Warsaw'", "timezone"),
            ("generation = 2", "generation"),
        ] {
            let error = read(&format!("{LEAST}{more}\n")).err().map(|error| error.key);
            assert_eq!(error.as_deref(), Some(key), "{more}");
        }
        assert!(read(&LEAST.replace("'meter'", "'me:ter'")).is_err_and(|error| error.key == "username"));
    }
}
