//! The section of one SolusVM in the config. Asks nothing of the panel.

use serde::Deserialize;

use super::reset::ResetDays;
use crate::domain::BillingZone;
use crate::http::{Url, panel_url};
use crate::settings::{Secret, Section, SettingsError};

/// The keys as they stand in the file.
#[derive(Debug, Deserialize)]
struct Settings {
    version: Version,
    url: String,
    timezone: Option<String>,
    // SolusVM 1.
    id: Option<Secret>,
    key: Option<Secret>,
    #[serde(default)]
    api: Api,
    #[serde(default)]
    resets: Resets,
    user: Option<String>,
    password: Option<Secret>,
    // SolusVM 2.
    token: Option<Secret>,
}

/// Which of the two products it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
enum Version {
    One,
    Two,
}

impl TryFrom<toml::Value> for Version {
    type Error = String;
    fn try_from(value: toml::Value) -> Result<Version, String> {
        let number = value.as_integer().or_else(|| value.as_str()?.parse().ok());
        match number {
            Some(1) => Ok(Version::One),
            Some(2) => Ok(Version::Two),
            _ => Err(format!("{value} is neither 1 nor 2")),
        }
    }
}

/// Whose key it is: a reseller's is asked at another address, and sees its own servers alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Api {
    /// The master's.
    #[default]
    Admin,
    /// A reseller's.
    Reseller,
}

/// When the master resets bandwidth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Resets {
    #[default]
    First,
    Anniversary,
}

/// The keys of one of the two products, checked.
pub(super) enum PanelConfig {
    One(One),
    Two(Two),
}

/// A SolusVM 1 master.
pub(super) struct One {
    /// The address of its `command.php`.
    pub command: Url,
    pub id: Secret,
    pub key: Secret,
    /// Of a web server that asks for a login first.
    pub login: Option<(String, Secret)>,
    pub days: ResetDays,
    pub zone: BillingZone,
}

/// A SolusVM 2.
pub(super) struct Two {
    /// The address of its API.
    pub base: Url,
    pub token: Secret,
    pub zone: BillingZone,
}

impl PanelConfig {
    /// Reads and checks a whole section.
    pub fn read(section: Section) -> Result<PanelConfig, SettingsError> {
        let settings: Settings = section.read()?;
        let missing = |key: &'static str, problem: &'static str| move || SettingsError::new(key, problem);
        let zone = settings.timezone.as_deref().map(BillingZone::parse).transpose();
        let zone = zone.map_err(|error| SettingsError::new("timezone", error.to_string()))?;
        let url = panel_url("url", &settings.url, true)?;
        match settings.version {
            Version::One => {
                let problem = "missing; the master's own time zone, in which it resets bandwidth at midnight";
                let folder = match settings.api {
                    Api::Admin => "admin",
                    Api::Reseller => "reseller",
                };
                Ok(PanelConfig::One(One {
                    command: below(url, &["api", folder, "command.php"]),
                    id: settings.id.ok_or_else(missing("id", "missing; the API id of the master"))?,
                    key: settings.key.ok_or_else(missing("key", "missing; the API key of the master"))?,
                    login: settings.user.zip(settings.password),
                    days: match settings.resets {
                        Resets::First => ResetDays::First,
                        Resets::Anniversary => ResetDays::Untold,
                    },
                    zone: zone.ok_or_else(missing("timezone", problem))?,
                }))
            }
            Version::Two => Ok(PanelConfig::Two(Two {
                base: below(url, &["api", "v1"]),
                token: settings
                    .token
                    .ok_or_else(missing("token", "missing; an API token of an administrator"))?,
                // The vendor does not say in which zone a month begins.
                zone: zone
                    .map_or_else(|| BillingZone::parse("UTC"), Ok)
                    .map_err(|error| SettingsError::new("timezone", error.to_string()))?,
            })),
        }
    }
}

/// An address below another.
pub(super) fn below(mut url: Url, parts: &[&str]) -> Url {
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(parts);
    }
    url
}
