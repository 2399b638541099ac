//! The section of one WHM server in the config.
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
    user: String,
    token: Secret,
    timezone: String,
    #[serde(default)]
    storage: StorageFrom,
    #[serde(default)]
    limit_by: LimitBy,
}

/// Where stored bytes are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StorageFrom {
    /// Blocks of 1024 bytes, since cPanel 80.
    #[default]
    GetDiskUsage,
    /// Whole mebibytes, as the list of accounts has them.
    Listaccts,
}

/// How an account is limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LimitBy {
    /// It is suspended.
    #[default]
    Suspend,
    /// Its bandwidth of a month is cut to 1 MB, so that the panel blocks its sites.
    Bandwidth,
}

/// The keys, checked.
pub(super) struct PanelConfig {
    pub base: Url,
    pub user: String,
    pub token: Secret,
    /// Where the server's months begin.
    pub zone: BillingZone,
    pub storage: StorageFrom,
    pub limit_by: LimitBy,
}

impl PanelConfig {
    /// Reads and checks a whole section.
    pub fn read(section: Section) -> Result<PanelConfig, SettingsError> {
        let settings: Settings = section.read()?;
        let zone = BillingZone::parse(&settings.timezone);
        Ok(PanelConfig {
            base: panel_url("url", &settings.url, true)?,
            zone: zone.map_err(|error| SettingsError::new("timezone", error.to_string()))?,
            user: user(&settings.user)?,
            token: token(&settings.token)?,
            storage: settings.storage,
            limit_by: settings.limit_by,
        })
    }
}

/// The name ends at the colon before the secret in the header.
fn user(text: &str) -> Result<String, SettingsError> {
    match text.is_empty() || text.contains(|c: char| c == ':' || c.is_whitespace() || c.is_control()) {
        true => Err(SettingsError::new("user", "must be a WHM user's name, like \"root\"")),
        false => Ok(text.to_string()),
    }
}

/// Access hashes of old servers are copied with their line breaks.
fn token(token: &Secret) -> Result<Secret, SettingsError> {
    let joined: String = token.expose().split_whitespace().collect();
    match joined.is_empty() {
        true => {
            Err(SettingsError::new("token", "is empty; an API token of the user (WHM, Manage API Tokens)"))
        }
        false => Ok(Secret::new(joined)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const LEAST: &str =
        "url = 'https://whm.example.net:2087'\nuser = 'root'\ntoken = 'hunter2\nhunter2'\ntimezone = 'UTC'\n";

    fn read(text: &str) -> Result<PanelConfig, SettingsError> {
        let text = text.replace("'hunter2\nhunter2'", "\"hunter2\\nhunter2\"");
        PanelConfig::read(Section::new(text.parse().expect("toml"), Path::new("/nowhere")))
    }

    #[test]
    fn a_hash_may_have_line_breaks_and_wrong_keys_are_named() {
        let config = read(LEAST).expect("valid");
        assert_eq!((config.token.expose(), config.limit_by), ("hunter2hunter2", LimitBy::Suspend));
        assert_eq!(config.storage, StorageFrom::GetDiskUsage);
        for (text, key) in
            [("storage = 'diskused'", "storage"), ("limit_by = 'quota'", "limit_by"), ("tokn = 'x'", "tokn")]
        {
            let error = read(&format!("{LEAST}{text}")).map(|_| ()).expect_err(text);
            assert_eq!(error.key, key, "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        for (from, to, key) in [
            ("'root'", "'ro ot'", "user"),
            ("'root'", "'root:x'", "user"),
            ("'UTC'", "'Warsaw'", "timezone"),
            ("timezone = 'UTC'\n", "", "timezone"),
            ("'hunter2\nhunter2'", "' '", "token"),
        ] {
            let error = read(&LEAST.replace(from, to)).map(|_| ()).expect_err(to);
            assert_eq!(error.key, key, "{error}");
        }
    }
}
