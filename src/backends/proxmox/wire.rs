//! The cluster's JSON as structs, read without copying and tolerant of types. Nobody outside this
//! folder sees them.
//!
//! Releases and guest types differ in whether a number is a number, a text or absent: Perl makes no
//! difference between them. What is out of range is kept as it came, so that it can be named.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer};
use serde_json::Value;

use crate::backends::kit::number::{Figure, Text};

/// Every answer: `{"data": …}`.
#[derive(serde::Deserialize)]
pub(super) struct Envelope<T> {
    pub data: T,
}

/// One row of `/cluster/resources` (pve-manager PVE/API2/Cluster.pm); fields of other rows stay away.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Row<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub node: Text<'a>,
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub status: Text<'a>,
    #[serde(borrow)]
    pub pool: Text<'a>,
    #[serde(borrow)]
    pub tags: Text<'a>,
    #[serde(borrow)]
    pub vmid: Figure<'a>,
    #[serde(borrow)]
    pub template: Figure<'a>,
    /// Seconds since the guest's process began on its present node; 0 while it is stopped.
    #[serde(borrow)]
    pub uptime: Figure<'a>,
    /// Bytes sent to the guest since then.
    #[serde(borrow)]
    pub netin: Figure<'a>,
    /// Bytes sent by the guest since then.
    #[serde(borrow)]
    pub netout: Figure<'a>,
    /// Containers: bytes used of the root file system. Machines: always 0.
    #[serde(borrow)]
    pub disk: Figure<'a>,
}

/// One machine of `/nodes/{node}/qemu?full=1` (qemu-server PVE/QemuServer.pm, vmstatus).
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Machine<'a> {
    #[serde(borrow)]
    pub vmid: Figure<'a>,
    #[serde(borrow)]
    pub uptime: Figure<'a>,
    #[serde(borrow)]
    pub nics: Option<BTreeMap<Cow<'a, str>, Card<'a>>>,
}

/// The counters of one network card.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Card<'a> {
    #[serde(borrow)]
    pub netin: Figure<'a>,
    #[serde(borrow)]
    pub netout: Figure<'a>,
}

/// One row of `rrddata`; a rate is left out where nothing was known.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
pub(super) struct RrdRow {
    /// The end of the interval, in epoch seconds.
    pub time: i64,
    /// Bytes per second.
    #[serde(default)]
    pub netin: Option<f64>,
    /// Bytes per second.
    #[serde(default)]
    pub netout: Option<f64>,
}

/// One row of `/nodes/{node}/{type}/{vmid}/pending`.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Pending {
    pub key: String,
    #[serde(default)]
    pub pending: Option<Value>,
    #[serde(default)]
    pub delete: Option<Value>,
}

/// What `/access/ticket` gives.
#[derive(serde::Deserialize)]
pub(super) struct Login {
    pub ticket: String,
    #[serde(rename = "CSRFPreventionToken", default)]
    pub csrf: Option<String>,
    #[serde(rename = "NeedTFA", default)]
    pub needs_second_factor: Option<Value>,
}

/// A guest's configuration, every value as text.
#[derive(Debug)]
pub(super) struct Config(BTreeMap<String, String>);

impl Config {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Keys that are `name` and a number, with their values.
    pub fn numbered<'c>(&'c self, name: &'c str) -> impl Iterator<Item = (&'c str, &'c str)> {
        let ours = move |key: &str| {
            let number = key.strip_prefix(name).unwrap_or_default();
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        };
        self.0.iter().filter(move |(key, _)| ours(key)).map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Config, D::Error> {
        let values = BTreeMap::<String, Value>::deserialize(from)?;
        let text = |value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(Config(values.into_iter().map(|(key, value)| (key, text(value))).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_borrow_what_they_can_and_skip_what_they_do_not_know() {
        let text = r#"{"name":"web","x":{"y":[1]},"tags":"a\u003bb","vmid":"7","pool":null,"node":5}"#;
        let row: Row = serde_json::from_str(text).expect("a row");
        assert_eq!((row.tags.text(), row.vmid.whole(), row.pool.text()), (Some("a;b"), Some(7), None));
        assert_eq!((row.node.text(), row.netin), (Some("5"), Figure::Absent));
    }
}
