//! The section of one MinIO in the config.
//!
//! Asks nothing of the server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::bucket_ownership::MACRO;
use super::policy::Template;
use super::sign::Key;
use crate::http::{Url, panel_url};
use crate::settings::{Secret, Section, SettingsError};

/// The keys as they stand in the file.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    url: Option<String>,
    #[serde(default)]
    urls: Vec<String>,
    #[serde(default)]
    nodes: Vec<String>,
    access_key: String,
    secret: Secret,
    #[serde(default = "us_east_1")]
    region: String,
    group: Option<String>,
    #[serde(default)]
    buckets: BTreeMap<String, String>,
    #[serde(default = "user_id")]
    bucket_prefix: String,
    #[serde(default = "yes")]
    bucket_policies: bool,
    #[serde(default)]
    traffic: Traffic,
    #[serde(default = "yes")]
    v3_swapped: bool,
    #[serde(default)]
    switch: Switch,
    policy_standard: Option<PathBuf>,
    policy_limited: Option<PathBuf>,
}

/// Where traffic is read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Traffic {
    /// Not at all.
    Off,
    /// The second version of the metrics; where that is cut or missing, the third on `nodes`.
    #[default]
    Auto,
    /// The second: one page for all nodes.
    V2,
    /// The third: one page per node and bucket.
    V3,
}

/// How an account is limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Switch {
    /// Another policy is mapped on the user.
    #[default]
    Mapping,
    /// The policy called like the user is overwritten.
    Document,
}

/// The keys, checked.
pub(super) struct PanelConfig {
    pub addresses: Vec<Url>,
    /// Where the third version of the metrics is read; empty when the config names no nodes.
    pub nodes: Vec<Url>,
    pub group: Option<String>,
    pub buckets: BTreeMap<String, String>,
    pub bucket_prefix: String,
    pub bucket_policies: bool,
    pub traffic: Traffic,
    pub v3_swapped: bool,
    pub switch: Switch,
    pub standard: Template,
    pub limited: Template,
}

impl Settings {
    /// Reads and checks a whole section.
    pub fn read(section: Section) -> Result<(Settings, PanelConfig), SettingsError> {
        let files = section.clone();
        let settings: Settings = section.read()?;
        let config = PanelConfig {
            addresses: settings.addresses()?,
            nodes: addresses("nodes", &settings.nodes)?,
            group: settings.group.clone(),
            buckets: settings.buckets()?,
            bucket_prefix: settings.prefix()?,
            bucket_policies: settings.bucket_policies,
            traffic: settings.traffic,
            v3_swapped: settings.v3_swapped,
            switch: settings.switch,
            standard: template(
                "policy_standard",
                settings.policy_standard.as_deref(),
                include_str!("policies/standard.json"),
                &files,
            )?,
            limited: template(
                "policy_limited",
                settings.policy_limited.as_deref(),
                include_str!("policies/limited.json"),
                &files,
            )?,
        };
        if config.traffic == Traffic::V3 && config.nodes.is_empty() {
            let problem =
                "missing; the third version of the metrics is read on every node by its own address";
            return Err(SettingsError::new("nodes", problem));
        }
        Ok((settings, config))
    }

    /// The credential.
    pub fn key(&self) -> Key {
        Key { access_key: self.access_key.clone(), secret: self.secret.clone(), region: self.region.clone() }
    }

    fn addresses(&self) -> Result<Vec<Url>, SettingsError> {
        match (&self.url, self.urls.is_empty()) {
            (Some(url), true) => Ok(vec![panel_url("url", url, false)?]),
            (None, false) => addresses("urls", &self.urls),
            (Some(_), false) => Err(SettingsError::new("urls", "given together with url; give one of them")),
            (None, true) => Err(SettingsError::new(
                "url",
                "missing; the address of the S3 API, like \"https://s3.example.net:9000\"",
            )),
        }
    }

    /// The table of buckets: their names stand in policies.
    fn buckets(&self) -> Result<BTreeMap<String, String>, SettingsError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        match self.buckets.keys().find(|bucket| bucket.is_empty() || !bucket.chars().all(fits)) {
            Some(bucket) => {
                let problem =
                    format!("{bucket:?} is not a bucket name; expected letters, digits, dots and dashes");
                Err(SettingsError::new("buckets", problem))
            }
            None => Ok(self.buckets.clone()),
        }
    }

    fn prefix(&self) -> Result<String, SettingsError> {
        let prefix = self.bucket_prefix.to_lowercase().replace(&MACRO.to_lowercase(), MACRO);
        match prefix.is_empty() || prefix.contains(MACRO) {
            true => Ok(prefix),
            false => Err(SettingsError::new(
                "bucket_prefix",
                format!("must hold {MACRO} (or be empty to leave names out of it)"),
            )),
        }
    }
}

fn addresses(key: &str, texts: &[String]) -> Result<Vec<Url>, SettingsError> {
    texts.iter().map(|text| panel_url(key, text, false)).collect()
}

fn template(
    key: &str,
    file: Option<&Path>,
    shipped: &str,
    files: &Section,
) -> Result<Template, SettingsError> {
    let (text, from) = match file {
        None => (shipped.to_string(), "the shipped one".to_string()),
        Some(file) => {
            let path = files.path(file);
            let text = std::fs::read_to_string(&path).map_err(|error| {
                SettingsError::new(key, format!("cannot read {}: {error}", path.display()))
            })?;
            (text, path.display().to_string())
        }
    };
    Template::parse(&text).map_err(|problem| SettingsError::new(key, format!("{from} {problem}")))
}

fn us_east_1() -> String {
    "us-east-1".into()
}

fn user_id() -> String {
    MACRO.into()
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::CommonSettings;
    use crate::http::HttpSettings;

    fn read(text: &str) -> Result<PanelConfig, SettingsError> {
        let section = Section::new(text.parse().expect("toml"), Path::new("/nowhere"));
        Settings::read(section).map(|(_, config)| config)
    }

    const LEAST: &str = "url = 'http://127.0.0.1:9000'\naccess_key = 'a'\nsecret = 'hunter2hunter2'\n";

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
            let backend = file["backend"][0].as_table().expect("a section").clone();
            let mut section = Section::new(backend, Path::new("."));
            #[derive(Deserialize)]
            #[allow(dead_code)]
            struct Kind {
                kind: String,
            }
            section.take::<Kind>().expect("its kind");
            section.take::<CommonSettings>().expect("the keys of every backend");
            section.take::<HttpSettings>().expect("the keys of HTTP");
            // The secret's file and the templates are the operator's.
            let mut table: toml::Table = LEAST.parse().expect("toml");
            let fields = [
                "group",
                "region",
                "bucket_prefix",
                "bucket_policies",
                "traffic",
                "v3_swapped",
                "switch",
                "nodes",
                "buckets",
            ];
            let keys = format!("{section:?}");
            for field in fields {
                if text == all {
                    assert!(keys.contains(&format!("\"{field}\"")), "{field} is not in the sample: {keys}");
                }
                if let Some(value) = file["backend"][0].get(field) {
                    table.insert(field.into(), value.clone());
                }
            }
            Settings::read(Section::new(table, Path::new("."))).map(|_| ()).expect("valid");
            let known = ["url", "access_key", "secret_file", "policy_standard", "policy_limited"];
            let key = |key: &str| known.contains(&key) || fields.contains(&key);
            let unknown: Vec<_> = keys.split('"').skip(1).step_by(2).filter(|name| !key(name)).collect();
            assert_eq!(unknown, [""; 0]);
        }
    }

    #[test]
    fn wrong_keys_are_named() {
        for (text, key) in [
            ("urls = ['http://b']", "urls"),
            ("traffic = 'v3'", "nodes"),
            ("traffic = 'v4'", "traffic"),
            ("bucket_prefix = 'x-'", "bucket_prefix"),
            ("policy_limited = 'none.json'", "policy_limited"),
            ("nodes = ['http://root:pw@b']", "nodes"),
            ("buckets = { a = 1 }", "buckets.a"),
            ("bucket_prefx = 'x'", "bucket_prefx"),
        ] {
            let error = read(&format!("{LEAST}{text}")).map(|_| ()).expect_err(text);
            assert_eq!(error.key, key, "{error}");
        }
        assert_eq!(read("access_key = 'a'\nsecret = 'b'").map(|_| ()).expect_err("no url").key, "url");
        assert!(read(LEAST).is_ok());
    }
}
