//! The section of one Proxmox VE cluster in the config.
//!
//! Asks nothing of the cluster.

use serde::{Deserialize, Deserializer, de};

use super::accounts::{By, Mapping};
use crate::http::{Url, panel_url};
use crate::settings::{Secret, Section, SettingsError};

/// The keys as they stand in the file.
#[derive(Debug, Deserialize)]
struct Settings {
    url: Option<String>,
    #[serde(default)]
    urls: Vec<String>,
    user: String,
    secret: Secret,
    #[serde(default)]
    account: By,
    account_pattern: Option<String>,
    #[serde(default)]
    traffic: Traffic,
    #[serde(default)]
    storage: Storage,
    #[serde(default)]
    limited: Limited,
    #[serde(default)]
    limited_rate: Rate,
}

/// Which network cards count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Traffic {
    /// All of a guest's together: one call for everybody.
    #[default]
    All,
    /// The first alone: one call more per node, and virtual machines only.
    Net0,
}

/// What is taken for stored bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Storage {
    /// What running containers use of their root file system.
    #[default]
    Used,
    /// The sizes of all disks as configured.
    Provisioned,
    /// Nothing.
    None,
}

/// What happens to a guest whose account is limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Limited {
    /// Its network cards are slowed down.
    #[default]
    Rate,
    /// It is paused; virtual machines only.
    Pause,
}

/// A speed in bits per second, written with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate(u64);

impl Default for Rate {
    fn default() -> Rate {
        Rate(1_000_000)
    }
}

impl Rate {
    /// The speed as a network card's `rate` has it: mebibytes per second (Proxmox VE, qm.conf(5)).
    pub fn mebibytes(self) -> String {
        let millionths = (u128::from(self.0) * 1_000_000).div_ceil(8 << 20);
        let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Rate, D::Error> {
        let text = String::deserialize(from)
            .map_err(|_| de::Error::custom("expected a speed with its unit in quotes, like \"10 Mbit/s\""))?;
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let factor = match text[digits..].trim() {
            "kbit/s" => Some(1_000),
            "Mbit/s" => Some(1_000_000),
            "Gbit/s" => Some(1_000_000_000),
            _ => None,
        };
        let number = text[..digits].parse::<u64>().ok();
        let bits = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        // A rate of nothing means no limit to Proxmox.
        bits.filter(|bits| *bits > 0).map(Rate).ok_or_else(|| {
            de::Error::custom(format!(
                "{text:?} is not a speed; write a whole number above 0 and its unit: kbit/s, Mbit/s or Gbit/s"
            ))
        })
    }
}

/// The keys, checked.
pub(super) struct PanelConfig {
    pub mapping: Mapping,
    pub traffic: Traffic,
    pub storage: Storage,
    pub limited: Limited,
    /// The `rate` of a limited network card, in mebibytes per second.
    pub limited_rate: String,
}

/// Where the cluster is and how to be let in.
pub(super) struct Access {
    pub addresses: Vec<Url>,
    /// `user@realm` with a password, `user@realm!token` with a token's secret.
    pub user: String,
    pub secret: Secret,
}

/// Reads and checks a whole section.
pub(super) fn read(section: Section) -> Result<(Access, PanelConfig), SettingsError> {
    let settings: Settings = section.read()?;
    let addresses = addresses(&settings)?;
    let form = settings.user.split_once('@').is_some_and(|(name, realm)| {
        !name.is_empty() && realm.split('!').all(|part| !part.is_empty()) && realm.split('!').count() <= 2
    });
    if !form {
        let problem = "must be \"user@realm!token\" for an API token, or \"user@realm\" for a password";
        return Err(SettingsError::new("user", problem));
    }
    let mapping = Mapping::new(settings.account, settings.account_pattern.as_deref())
        .map_err(|problem| SettingsError::new("account_pattern", problem))?;
    let config = PanelConfig {
        mapping,
        traffic: settings.traffic,
        storage: settings.storage,
        limited: settings.limited,
        limited_rate: settings.limited_rate.mebibytes(),
    };
    Ok((Access { addresses, user: settings.user, secret: settings.secret }, config))
}

fn addresses(settings: &Settings) -> Result<Vec<Url>, SettingsError> {
    match (&settings.url, settings.urls.as_slice()) {
        (Some(url), []) => Ok(vec![panel_url("url", url, false)?]),
        (None, [_, ..]) => settings.urls.iter().map(|url| panel_url("urls", url, false)).collect(),
        (Some(_), _) => Err(SettingsError::new("urls", "given together with url; give one of them")),
        (None, []) => Err(SettingsError::new(
            "url",
            "missing; the address of a node, like \"https://pve1.example.net:8006\"",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::backends::CommonSettings;
    use crate::http::HttpSettings;

    fn parsed(text: &str) -> Result<PanelConfig, SettingsError> {
        let section = Section::new(text.parse().expect("toml"), Path::new("/nowhere"));
        read(section).map(|(_, config)| config)
    }

    const LEAST: &str = "url = 'https://127.0.0.1:8006'\nuser = 'm@pve!t'\nsecret = 'hunter2hunter2'\n";

    #[test]
    fn a_speed_becomes_mebibytes_a_second() {
        let rate = |text: &str| parsed(&format!("{LEAST}limited_rate = '{text}'")).map(|r| r.limited_rate);
        assert_eq!(rate("10 Mbit/s").expect("a speed"), "1.192093");
        assert_eq!(rate("1Gbit/s").expect("a speed"), "119.20929");
        // Rounded up: nothing would mean no limit.
        assert_eq!(rate("1 kbit/s").expect("a speed"), "0.00012");
        assert_eq!(Rate(8 << 20).mebibytes(), "1");
        assert_eq!(parsed(LEAST).expect("fine").limited_rate, Rate::default().mebibytes());
        for wrong in ["10", "0 Mbit/s", "10 MB/s", "-1 Mbit/s", "1.5 Mbit/s", "99999999999999 Gbit/s"] {
            assert_eq!(rate(wrong).expect_err(wrong).key, "limited_rate");
        }
    }

    #[test]
    fn wrong_keys_are_named() {
        for (text, key) in [
            ("urls = ['https://b']", "urls"),
            ("account = 'tag'", "account_pattern"),
            ("account = 'pool'\naccount_pattern = 'cust'", "account_pattern"),
            ("account_pattern = '<ID>'", "account_pattern"),
            ("account = 'vmid'", "account"),
            ("traffic = 'net1'", "traffic"),
            ("limited = 'stop'", "limited"),
            ("storag = 'none'", "storag"),
        ] {
            assert_eq!(parsed(&format!("{LEAST}{text}")).map(|_| ()).expect_err(text).key, key);
        }
        for user in ["root", "@pve", "root@", "root@pam!", "a@b!c!d"] {
            let text = LEAST.replace("m@pve!t", user);
            assert_eq!(parsed(&text).map(|_| ()).expect_err(user).key, "user");
        }
        assert_eq!(parsed("user = 'a@b'\nsecret = 'c'").map(|_| ()).expect_err("no url").key, "url");
        assert!(parsed(&LEAST.replace("m@pve!t", "root@pam")).is_ok());
    }

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
            let mut table = file["backend"][0].as_table().expect("a section").clone();
            for common in ["kind", "tls_ca_file"] {
                table.remove(common);
            }
            // The secret's file is the operator's.
            assert!(table.remove("secret_file").is_some());
            table.insert("secret".into(), "s".into());
            if text == all {
                for key in ["account", "account_pattern", "traffic", "storage", "limited", "limited_rate"] {
                    assert!(table.contains_key(key), "{key} is not in the sample");
                }
            }
            let mut section = Section::new(table, Path::new("."));
            section.take::<CommonSettings>().expect("the keys of every backend");
            section.take::<HttpSettings>().expect("the keys of HTTP");
            read(section).map(|_| ()).expect("valid");
        }
    }
}
