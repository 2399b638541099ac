//! The section of one NAS in the config. Asks nothing of the NAS.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::domain::BillingZone;
use crate::http::{Url, panel_url};
use crate::settings::{Secret, Section, SettingsError};

/// Where DSM listens with TLS, and without.
const PORTS: [(&str, u16); 2] = [("https", 5001), ("http", 5000)];

/// Groups that every user is in, or that are never touched.
const NOT_OURS: [&str; 2] = ["users", "administrators"];

/// The keys as they stand in the file.
#[derive(Debug, Deserialize)]
struct Settings {
    url: String,
    username: String,
    password: Secret,
    otp_code: Option<Secret>,
    device_token: Option<Secret>,
    #[serde(default = "device_name")]
    device_name: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    shares: Shares,
    #[serde(default)]
    limited: Limiting,
    limited_group: Option<String>,
    timezone: Option<String>,
}

fn device_name() -> String {
    "whmeter".into()
}

/// Which shared folders count. On volumes that count per volume alone all do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shares {
    /// All of them.
    All,
    /// These.
    Named(Vec<String>),
}

impl Default for Shares {
    fn default() -> Shares {
        Shares::Named(vec!["homes".into()])
    }
}

impl<'de> Deserialize<'de> for Shares {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Shares, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Shares;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"*\" or a list of shared folders, like [\"homes\"]")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Shares, E> {
                match text {
                    "*" => Ok(Shares::All),
                    _ => Err(E::custom("expected \"*\" or a list of shared folders, like [\"homes\"]")),
                }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shares, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element::<String>()? {
                    names.push(name);
                }
                match names.is_empty() {
                    true => Err(de::Error::custom("no shared folder is named; leave the key out for homes")),
                    false => Ok(Shares::Named(names)),
                }
            }
        }
        from.deserialize_any(Names)
    }
}

/// How an account is limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Limiting {
    /// It is disabled.
    #[default]
    Disable,
    /// It is moved from its group to the limited one.
    Group,
    /// Its quotas are set to what it uses.
    Quota,
}

/// How whmeter logs in.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub username: String,
    pub password: Secret,
    /// A one-time password, good for one login.
    pub otp_code: Option<Secret>,
    /// What makes this machine a trusted device.
    pub device_token: Option<Secret>,
    /// The name that the device has on the NAS.
    pub device_name: String,
}

/// The keys, checked.
#[derive(Debug)]
pub(super) struct NasConfig {
    pub base: Url,
    pub access: Access,
    /// Members of these are accounts; all local users where there is none.
    pub groups: Vec<String>,
    pub shares: Shares,
    pub limiting: Limiting,
    /// Where limited accounts are moved to.
    pub limited_group: Option<String>,
    /// Where the days of the NAS begin; unknown unless the config says so.
    pub zone: Option<BillingZone>,
}

impl NasConfig {
    /// Reads and checks a whole section.
    pub fn read(section: Section) -> Result<NasConfig, SettingsError> {
        let settings: Settings = section.read()?;
        let wrong = |key: &str, problem: &str| Err(SettingsError::new(key, problem));
        let all = settings.groups.iter().map(|name| ("groups", name));
        let all = all.chain(settings.limited_group.iter().map(|name| ("limited_group", name)));
        for (key, name) in all {
            if name.is_empty() || NOT_OURS.iter().any(|other| name.eq_ignore_ascii_case(other)) {
                return wrong(key, "a group of the accounts alone is expected, not users or administrators");
            }
        }
        if settings.limited_group.as_ref().is_some_and(|limited| settings.groups.contains(limited)) {
            return wrong("limited_group", "is among groups: nobody would be limited by it");
        }
        if settings.limiting_needs_groups() {
            return wrong(
                "limited_group",
                "missing; limited = \"group\" needs it, and groups to take accounts from",
            );
        }
        if settings.otp_code.is_some() && settings.device_token.is_some() {
            return wrong("otp_code", "given together with device_token; a trusted device needs no code");
        }
        let zone = settings.timezone.as_deref().map(BillingZone::parse).transpose();
        Ok(NasConfig {
            base: base(&settings.url)?,
            access: Access {
                username: settings.username,
                password: settings.password,
                otp_code: settings.otp_code,
                device_token: settings.device_token,
                device_name: settings.device_name,
            },
            groups: settings.groups,
            shares: settings.shares,
            limiting: settings.limited,
            limited_group: settings.limited_group,
            zone: zone.map_err(|error| SettingsError::new("timezone", error.to_string()))?,
        })
    }
}

impl Settings {
    fn limiting_needs_groups(&self) -> bool {
        self.limited == Limiting::Group && (self.limited_group.is_none() || self.groups.is_empty())
    }
}

/// DSM listens on ports of its own; an address that names its port is taken as it stands.
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

    const LEAST: &str = "username = 'svc-meter'\npassword = 'hunter2'\n";

    fn read(text: &str) -> Result<NasConfig, SettingsError> {
        NasConfig::read(Section::new(text.parse().expect("toml"), Path::new("/nowhere")))
    }

    #[test]
    fn the_ports_are_the_panels_own() {
        for (url, expected) in [
            ("https://nas1.example.net", "https://nas1.example.net:5001/"),
            ("http://nas1.example.net", "http://nas1.example.net:5000/"),
            ("https://nas1.example.net:443", "https://nas1.example.net/"),
            ("https://[2001:db8::1]/nas", "https://[2001:db8::1]:5001/nas"),
        ] {
            assert_eq!(read(&format!("url = '{url}'\n{LEAST}")).expect(url).base.as_str(), expected);
        }
    }

    #[test]
    fn shares_are_homes_unless_others_are_named() {
        let shares =
            |text: &str| read(&format!("url = 'http://a'\n{LEAST}{text}")).map(|config| config.shares);
        assert_eq!(shares("").ok(), Some(Shares::Named(vec!["homes".into()])));
        assert_eq!(shares("shares = '*'").ok(), Some(Shares::All));
        assert_eq!(shares("shares = ['a', 'b']").ok(), Some(Shares::Named(vec!["a".into(), "b".into()])));
    }

    #[test]
    fn wrong_keys_are_named() {
        for (text, key) in [
            ("shares = 'homes'", "shares"),
            ("shares = []", "shares"),
            ("limited = 'speed'", "limited"),
            ("limited = 'group'", "limited_group"),
            ("limited = 'group'\nlimited_group = 'small'", "limited_group"),
            ("groups = ['a', 'small']\nlimited_group = 'small'", "limited_group"),
            ("groups = ['Users']", "groups"),
            ("limited_group = 'administrators'", "limited_group"),
            ("otp_code = '1'\ndevice_token = 'hunter3'", "otp_code"),
            ("timezone = 'Warsaw'", "timezone"),
            ("passwort = 'hunter2'", "passwort"),
        ] {
            let error = read(&format!("url = 'http://a'\n{LEAST}{text}")).map(|_| ()).expect_err(text);
            assert_eq!(error.key, key, "{error}");
            assert!(!error.to_string().contains("hunter"), "{error}");
        }
        let config = read(&format!("url = 'http://a'\n{LEAST}device_token = 'hunter3'")).expect("valid");
        assert!(!format!("{config:?}").contains("hunter"));
    }
}
