//! The section of one OpenStack cloud and region in the config.
//!
//! Asks nothing of the cloud.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::catalogue::{Endpoints, Interface, Service};
use crate::http::{Url, panel_url};
use crate::settings::{Secret, Section, SettingsError};

/// The keys as they stand in the file.
#[derive(Debug, Deserialize)]
struct Settings {
    url: String,
    region: Option<String>,
    #[serde(default)]
    interface: Interface,
    application_credential_id: Option<String>,
    application_credential_secret: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    user_domain: Option<String>,
    project: Option<String>,
    project_domain: Option<String>,
    #[serde(default)]
    endpoints: BTreeMap<String, String>,
    swift_prefix: Option<String>,
    #[serde(default)]
    account: NamedBy,
    domain: Option<String>,
    #[serde(default = "skipped")]
    skip_projects: Vec<String>,
    #[serde(default)]
    traffic: Traffic,
    #[serde(default = "sources")]
    storage: Vec<Storage>,
    #[serde(default)]
    quotas: bool,
    #[serde(default)]
    limited: Limited,
    #[serde(default)]
    limited_rate: Rate,
}

/// The project that the services of a cloud have for themselves.
fn skipped() -> Vec<String> {
    vec!["service".into()]
}

fn sources() -> Vec<Storage> {
    vec![Storage::Volumes, Storage::Objects]
}

/// What an account is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum NamedBy {
    /// By the project's id.
    #[default]
    #[serde(rename = "id")]
    Id,
    /// By the project's name, which is unique in its domain alone.
    #[serde(rename = "name")]
    Name,
    /// By both names.
    #[serde(rename = "domain/name")]
    DomainAndName,
}

/// Where traffic is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Traffic {
    /// Gnocchi's windows of every interface: two calls for everybody.
    #[default]
    Gnocchi,
    /// Nova's diagnostics: one call per running server.
    Diagnostics,
    /// Nowhere.
    None,
}

/// What is counted as stored. One account has one level: the sum of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Storage {
    /// Cinder's volumes, by their provisioned size.
    Volumes,
    /// Cinder's snapshots.
    Snapshots,
    /// Cinder's backups.
    Backups,
    /// Bytes in Swift.
    Objects,
    /// Manila's shares.
    Shares,
    /// Glance's images.
    Images,
    /// The disks that servers have of their flavours.
    LocalDisk,
    /// Volumes as Gnocchi has them, for clouds whose Cinder may not be asked.
    GnocchiVolumes,
}

impl Storage {
    /// Its name in the config.
    pub fn name(self) -> &'static str {
        match self {
            Storage::Volumes => "volumes",
            Storage::Snapshots => "snapshots",
            Storage::Backups => "backups",
            Storage::Objects => "objects",
            Storage::Shares => "shares",
            Storage::Images => "images",
            Storage::LocalDisk => "local_disk",
            Storage::GnocchiVolumes => "gnocchi_volumes",
        }
    }

    /// The service that is asked for it.
    pub fn service(self) -> Service {
        match self {
            Storage::Volumes | Storage::Snapshots | Storage::Backups => Service::Volumes,
            Storage::Objects => Service::Objects,
            Storage::Shares => Service::Shares,
            Storage::Images => Service::Images,
            Storage::LocalDisk => Service::Compute,
            Storage::GnocchiVolumes => Service::Metric,
        }
    }
}

/// What happens to a project that is limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Limited {
    /// Its running servers are locked and suspended.
    #[default]
    Suspend,
    /// They are locked and paused.
    Pause,
    /// They are locked and shut off.
    Stop,
    /// Its ports get a policy with a low rate.
    Qos,
    /// Its quotas of volumes and objects are lowered to what it uses.
    Quota,
    /// Nobody can log in to it; servers run on.
    Disable,
}

/// A speed in kilobits per second, written with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate(pub u64);

impl Default for Rate {
    fn default() -> Rate {
        Rate(2_000)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Rate, D::Error> {
        let text = String::deserialize(from)
            .map_err(|_| de::Error::custom("expected a speed with its unit in quotes, like \"2 Mbit/s\""))?;
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let factor = match text[digits..].trim() {
            "kbit/s" => Some(1),
            "Mbit/s" => Some(1_000),
            "Gbit/s" => Some(1_000_000),
            _ => None,
        };
        let number = text[..digits].parse::<u64>().ok();
        let kilobits = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        // A rate of nothing means no limit to Neutron.
        kilobits.filter(|rate| (1..=2_000_000_000).contains(rate)).map(Rate).ok_or_else(|| {
            de::Error::custom(format!(
                "{text:?} is not a speed; write a whole number above 0 and its unit: kbit/s, Mbit/s or Gbit/s"
            ))
        })
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub(super) enum Login {
    /// An application credential, which carries its project and roles.
    Credential {
        /// Its id.
        id: String,
        /// Its secret.
        secret: Secret,
    },
    /// A user with a password, in a project.
    Password {
        /// The user's name, in `user_domain`.
        user: String,
        /// Its domain's name.
        user_domain: String,
        /// The password.
        password: Secret,
        /// The project that has the roles, in `project_domain`.
        project: String,
        /// Its domain's name.
        project_domain: String,
    },
}

impl Login {
    /// What must be in no text.
    pub fn secret(&self) -> &str {
        match self {
            Login::Credential { secret, .. } => secret.expose(),
            Login::Password { password, .. } => password.expose(),
        }
    }
}

/// Where the cloud is and how to be let in.
pub(super) struct Access {
    /// Keystone's base, with `/v3`.
    pub identity: Url,
    pub login: Login,
    pub endpoints: Endpoints,
}

/// What is metered, and how.
pub(super) struct CloudConfig {
    pub account: NamedBy,
    /// Only projects of the domain with this id.
    pub domain: Option<String>,
    /// Ids or names of projects that are no customers.
    pub skip_projects: Vec<String>,
    pub traffic: Traffic,
    pub storage: Vec<Storage>,
    /// Whether Cinder's quotas are read, one call per project.
    pub quotas: bool,
    pub limited: Limited,
    pub limited_rate: Rate,
}

/// Reads and checks a whole section.
pub(super) fn read(section: Section) -> Result<(Access, CloudConfig), SettingsError> {
    let mut settings: Settings = section.read()?;
    let login = login(&mut settings)?;
    let mut overrides = BTreeMap::new();
    for (name, url) in &settings.endpoints {
        let service = Service::by_name(name).ok_or_else(|| {
            let known: Vec<&str> = Service::ALL.iter().map(|service| service.name()).collect();
            SettingsError::new("endpoints", format!("no service {name:?}; known are {}", known.join(", ")))
        })?;
        overrides.insert(service, panel_url("endpoints", url, true)?);
    }
    settings.storage.sort_unstable();
    settings.storage.dedup();
    if settings.storage.contains(&Storage::Volumes) && settings.storage.contains(&Storage::GnocchiVolumes) {
        let problem = "volumes and gnocchi_volumes are the same bytes; give one of them";
        return Err(SettingsError::new("storage", problem));
    }
    let access = Access {
        identity: identity(&settings.url)?,
        login,
        endpoints: Endpoints {
            region: settings.region.filter(|region| !region.is_empty()),
            interface: settings.interface,
            overrides,
            swift_prefix: settings.swift_prefix.unwrap_or_else(|| "AUTH_".into()),
        },
    };
    let config = CloudConfig {
        account: settings.account,
        domain: settings.domain,
        skip_projects: settings.skip_projects,
        traffic: settings.traffic,
        storage: settings.storage,
        quotas: settings.quotas,
        limited: settings.limited,
        limited_rate: settings.limited_rate,
    };
    Ok((access, config))
}

fn login(settings: &mut Settings) -> Result<Login, SettingsError> {
    let missing = |key: &str, why: &str| Err(SettingsError::new(key, format!("missing; {why}")));
    let credential =
        (settings.application_credential_id.take(), settings.application_credential_secret.take());
    match (credential, settings.username.take(), settings.password.take()) {
        ((Some(id), Some(secret)), None, None) => Ok(Login::Credential { id, secret }),
        ((Some(_), None), ..) => {
            missing("application_credential_secret", "it was shown once, when it was made")
        }
        ((None, Some(_)), ..) => missing("application_credential_id", "whose secret is it?"),
        ((None, None), None, None) => {
            missing("application_credential_id", "or give username, password and project")
        }
        ((None, None), Some(_), None) => missing("password", "the user has one"),
        ((None, None), None, Some(_)) => missing("username", "whose password is it?"),
        ((None, None), Some(user), Some(password)) => {
            let domain = |told: Option<String>| told.unwrap_or_else(|| "Default".into());
            let Some(project) = settings.project.take() else {
                return missing("project", "the project that the user has the role admin on");
            };
            let (user_domain, project_domain) =
                (domain(settings.user_domain.take()), domain(settings.project_domain.take()));
            Ok(Login::Password { user, user_domain, password, project, project_domain })
        }
        ((Some(_), Some(_)), ..) => Err(SettingsError::new(
            "application_credential_id",
            "given together with username or password; give one of them",
        )),
    }
}

/// Keystone's address as operators paste it: with and without `/v3`.
fn identity(text: &str) -> Result<Url, SettingsError> {
    let mut url = panel_url("url", text, true)?;
    let path = url.path().trim_end_matches('/').to_string();
    url.set_path(&if path.ends_with("/v3") { path } else { format!("{path}/v3") });
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::backends::CommonSettings;
    use crate::http::HttpSettings;

    const LEAST: &str = "url = 'https://127.0.0.1:5000'\napplication_credential_id = 'a'\n\
                         application_credential_secret = 'hunter2hunter2'\n";

    fn parsed(text: &str) -> Result<(Access, CloudConfig), SettingsError> {
        read(Section::new(text.parse().expect("toml"), Path::new("/nowhere")))
    }

    fn key(text: &str) -> String {
        let error = parsed(text).map(|_| ()).expect_err(text);
        assert!(!error.to_string().contains("hunter2"), "{error}");
        error.key
    }

    #[test]
    fn the_address_is_taken_with_and_without_its_version() {
        for (told, wanted) in [
            ("https://k:5000", "https://k:5000/v3"),
            ("https://k:5000/", "https://k:5000/v3"),
            ("https://k:5000/v3/", "https://k:5000/v3"),
            ("https://k/identity", "https://k/identity/v3"),
        ] {
            assert_eq!(identity(told).expect(told).as_str(), wanted);
        }
    }

    #[test]
    fn wrong_keys_are_named() {
        for (text, wanted) in [
            ("region = 1", "region"),
            ("interface = 'outside'", "interface"),
            ("account = 'uuid'", "account"),
            ("traffic = 'prometheus'", "traffic"),
            ("storage = ['tapes']", "storage[0]"),
            ("storage = ['volumes', 'gnocchi_volumes']", "storage"),
            ("endpoints = { telephone = 'https://a' }", "endpoints"),
            ("endpoints = { metric = 'a' }", "endpoints"),
            ("limited = 'delete'", "limited"),
            ("limited_rate = '0 Mbit/s'", "limited_rate"),
            ("username = 'a'", "application_credential_id"),
            ("trafic = 'none'", "trafic"),
        ] {
            assert_eq!(key(&format!("{LEAST}{text}")), wanted);
        }
        let url = "url = 'https://a'\n";
        for (text, wanted) in [
            ("", "application_credential_id"),
            ("application_credential_id = 'a'", "application_credential_secret"),
            ("application_credential_secret = 'hunter2'", "application_credential_id"),
            ("username = 'a'", "password"),
            ("password = 'hunter2'", "username"),
            ("username = 'a'\npassword = 'hunter2'", "project"),
        ] {
            assert_eq!(key(&format!("{url}{text}")), wanted);
        }
        let whole = format!("{url}username = 'a'\npassword = 'hunter2'\nproject = 'admin'");
        let (access, config) = parsed(&whole).expect("valid");
        assert!(matches!(&access.login, Login::Password { user_domain, .. } if user_domain == "Default"));
        assert!(!format!("{:?}", access.login).contains("hunter2"));
        assert_eq!((config.limited_rate, config.storage.len()), (Rate(2_000), 2));
    }

    #[test]
    fn the_sample_is_a_section_also_with_every_key_uncommented() {
        let sample = include_str!("sample.toml");
        let all: String = sample
            .lines()
            .map(|line| match line.strip_prefix("# ") {
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
            assert!(table.remove("application_credential_secret_file").is_some());
            table.insert("application_credential_secret".into(), "s".into());
            let mut section = Section::new(table, Path::new("."));
            section.take::<CommonSettings>().expect("the keys of every backend");
            section.take::<HttpSettings>().expect("the keys of HTTP");
            read(section).map(|_| ()).expect("valid");
        }
    }
}
