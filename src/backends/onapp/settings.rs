//! The section of one OnApp control panel in the config.
//!
//! Asks nothing of the panel.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::domain::Seconds;
use crate::http::{Url, panel_url};
use crate::settings::{Secret, Section, SettingsError};

/// The most hours that every poll reads again.
const MOST_REREAD: u32 = 72;

/// The keys as they stand in the file.
#[derive(Debug, Deserialize)]
struct Settings {
    url: String,
    username: String,
    api_key: Secret,
    #[serde(default)]
    accounts: Accounts,
    #[serde(default)]
    traffic: TrafficFrom,
    #[serde(default = "six")]
    reread_hours: NonZeroU32,
    #[serde(default = "binary")]
    disk_gb_base: u64,
    #[serde(default = "binary")]
    traffic_kb_base: u64,
    #[serde(default = "binary")]
    cdn_mb_base: u64,
    limit_by: Option<LimitBy>,
    #[serde(default = "one")]
    cap_mbit_per_second: NonZeroU32,
    limited_plan: Option<u64>,
    #[serde(default = "yes")]
    panel_charges: bool,
}

/// What an account is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Accounts {
    /// A virtual server, by its number.
    #[default]
    #[serde(rename = "vm")]
    Machines,
    /// A user with all its servers, by its login.
    #[serde(rename = "user")]
    Users,
    /// A user with all its CDN resources, by its login.
    Cdn,
}

/// Where traffic is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TrafficFrom {
    /// The rows of each network interface or CDN resource.
    #[default]
    Rows,
    /// Sums of everybody, one call for each hour.
    Sums,
}

/// How an account is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LimitBy {
    /// The port speed of each of its interfaces.
    Speed,
    /// It is suspended.
    Suspend,
    /// The user is put on another plan.
    Plan,
}

/// The keys, checked.
pub(super) struct PanelConfig {
    pub base: Url,
    /// The e-mail of the account, or its login where `secret` is its password.
    pub username: String,
    pub secret: Secret,
    pub accounts: Accounts,
    pub traffic: TrafficFrom,
    /// How long before the last poll rows are read again: they come late, and are revised.
    pub reread: Seconds,
    /// Bytes of what the panel calls GB of disk.
    pub gigabyte: u64,
    /// Bytes of what it calls KB of traffic.
    pub kilobyte: u64,
    /// Bytes of what it calls MB of CDN traffic.
    pub megabyte: u64,
    pub limit_by: LimitBy,
    /// Mbit/s for a limited interface; never 0, which would lift the limit.
    pub cap: u64,
    /// The bucket or billing plan of limited users.
    pub limited_plan: Option<u64>,
    /// Whether the panel is asked what it would bill itself.
    pub panel_charges: bool,
}

impl PanelConfig {
    /// Reads and checks a whole section.
    pub fn read(section: Section) -> Result<PanelConfig, SettingsError> {
        let settings: Settings = section.read()?;
        let reread = settings.reread_hours.get();
        if reread > MOST_REREAD {
            let problem = format!("{reread} is out of range; expected 1 to {MOST_REREAD}");
            return Err(SettingsError::new("reread_hours", problem));
        }
        // A colon ends the user name of HTTP Basic.
        if settings.username.is_empty() || settings.username.contains(|c: char| c == ':' || c.is_control()) {
            return Err(SettingsError::new("username", "must be the e-mail or login of an OnApp user"));
        }
        let limit_by = limit_by(&settings)?;
        Ok(PanelConfig {
            base: panel_url("url", &settings.url, true)?,
            username: settings.username,
            secret: settings.api_key,
            accounts: settings.accounts,
            traffic: settings.traffic,
            reread: Seconds::hours(reread.into()),
            gigabyte: power("disk_gb_base", settings.disk_gb_base, 3)?,
            kilobyte: power("traffic_kb_base", settings.traffic_kb_base, 1)?,
            megabyte: power("cdn_mb_base", settings.cdn_mb_base, 2)?,
            limit_by,
            cap: settings.cap_mbit_per_second.get().into(),
            limited_plan: settings.limited_plan,
            panel_charges: settings.panel_charges,
        })
    }
}

fn limit_by(settings: &Settings) -> Result<LimitBy, SettingsError> {
    let wrong = |problem: &str| Err(SettingsError::new("limit_by", problem));
    match (settings.accounts, settings.limit_by) {
        (Accounts::Machines, None | Some(LimitBy::Speed)) => Ok(LimitBy::Speed),
        (Accounts::Machines, Some(LimitBy::Plan)) => {
            wrong("only users have a plan; expected \"speed\" or \"suspend\" for machines")
        }
        (Accounts::Users | Accounts::Cdn, Some(LimitBy::Speed)) => {
            wrong("users have no port speed of their own; expected \"suspend\" or \"plan\"")
        }
        (Accounts::Users | Accounts::Cdn, Some(LimitBy::Plan)) if settings.limited_plan.is_none() => {
            Err(SettingsError::new("limited_plan", "missing; the number of the plan that limited users get"))
        }
        (_, by) => Ok(by.unwrap_or(LimitBy::Suspend)),
    }
}

/// Bytes of a unit whose base the panel nowhere tells.
fn power(key: &str, base: u64, exponent: u32) -> Result<u64, SettingsError> {
    match base {
        1000 | 1024 => Ok(base.pow(exponent)),
        other => Err(SettingsError::new(key, format!("{other} is neither 1024 nor 1000"))),
    }
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn yes() -> bool {
    true
}

fn six() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(5)
}

fn binary() -> u64 {
    1024
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const LEAST: &str =
        "url = 'https://cp.example.net'\nusername = 'meter@example.net'\napi_key = 'hunter2hunter2'\n";

    fn read(text: &str) -> Result<PanelConfig, SettingsError> {
        PanelConfig::read(Section::new(
            format!("{LEAST}{text}").parse().expect("toml"),
            Path::new("/nowhere"),
        ))
    }

    #[test]
    fn what_stands_for_itself_is_taken_and_what_contradicts_is_named() {
        let config = read("").expect("valid");
        assert_eq!((config.accounts, config.limit_by, config.cap), (Accounts::Machines, LimitBy::Speed, 1));
        assert_eq!((config.gigabyte, config.kilobyte, config.megabyte), (1 << 30, 1 << 10, 1 << 20));
        assert_eq!(config.reread, Seconds::hours(6));
        assert_eq!(read("accounts = 'cdn'").expect("valid").limit_by, LimitBy::Suspend);
        let users = "accounts = 'user'\nlimit_by = 'plan'\n";
        assert_eq!(read(&format!("{users}limited_plan = 99")).expect("valid").limited_plan, Some(99));
        for (text, key) in [
            ("accounts = 'machines'", "accounts"),
            ("traffic = 'bulk'", "traffic"),
            ("limit_by = 'plan'", "limit_by"),
            ("accounts = 'user'\nlimit_by = 'speed'", "limit_by"),
            (users, "limited_plan"),
            ("cap_mbit_per_second = 0", "cap_mbit_per_second"),
            ("reread_hours = 73", "reread_hours"),
            ("disk_gb_base = 1", "disk_gb_base"),
            ("cdn_mb_base = 1025", "cdn_mb_base"),
            ("api_kee = 'x'", "api_kee"),
        ] {
            let error = read(text).map(|_| ()).expect_err(text);
            assert_eq!(error.key, key, "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let colon = format!("{}username = 'a:b'", LEAST.replace("username = 'meter@example.net'\n", ""));
        let section = Section::new(colon.parse().expect("toml"), Path::new("."));
        assert_eq!(PanelConfig::read(section).map(|_| ()).expect_err("a colon").key, "username");
    }
}
