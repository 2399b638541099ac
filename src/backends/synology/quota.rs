//! What a user stores and may store, by the accounting of quotas: by shared folder on Btrfs, by volume on ext4. Pure.
//!
//! All amounts are mebibytes, with decimals or without, as numbers or as texts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::settings::Shares;
use crate::backends::kit::json::{text, type_of};
use crate::domain::{Bytes, Limit};
use crate::http::excerpt;

/// Bytes of a mebibyte.
const MIB: f64 = 1_048_576.0;

/// How much of a strange value is shown.
const SHOWN: usize = 40;

/// What is counted: a whole volume, or a shared folder on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(super) struct QuotaPlace {
    pub volume: String,
    /// None where the volume counts as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
}

impl std::fmt::Display for QuotaPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.share {
            Some(share) => write!(f, "{share} on {}", self.volume),
            None => f.write_str(&self.volume),
        }
    }
}

/// What a user has in one place, as it came.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    used: Value,
    quota: Value,
    group_limit: Value,
}

/// The quotas of a user, in the places that count.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Quotas {
    counted: BTreeMap<QuotaPlace, Entry>,
    /// Volumes that were told of, whether anything on them counts.
    volumes: BTreeSet<String>,
}

impl Quotas {
    /// Reads what `SYNO.Core.Quota get` answers; what is wrong with it otherwise.
    pub fn read(data: &Value, shares: &Shares) -> Result<Quotas, String> {
        let volumes = match data.get("user_quota") {
            None | Some(Value::Null) => return Err(no_quota("user_quota is absent")),
            Some(Value::Array(volumes)) if volumes.is_empty() => return Err(no_quota("user_quota is empty")),
            Some(Value::Array(volumes)) => volumes,
            Some(other) => return Err(format!("user_quota is {}, not a list", type_of(other))),
        };
        let mut quotas = Quotas::default();
        for volume in volumes {
            let row = volume.as_object().ok_or("an element of user_quota is no object")?;
            let name = text(row, &["volume"]).ok_or("volume is absent in user_quota")?.to_string();
            let shared = row.get("shares").and_then(Value::as_array);
            match shared.filter(|shared| !shared.is_empty()) {
                Some(shared) => quotas.add_shares(&name, shared, shares)?,
                // On Btrfs, without any folder that counts: there is nothing to be read of it.
                None if shared.is_some() && !row.contains_key("used") => {}
                None => quotas.add(QuotaPlace { volume: name.clone(), share: None }, row)?,
            }
            quotas.volumes.insert(name);
        }
        quotas.hold_named(shares)?;
        Ok(quotas)
    }

    fn add_shares(&mut self, volume: &str, rows: &[Value], shares: &Shares) -> Result<(), String> {
        for row in rows {
            let row = row.as_object().ok_or("an element of shares is no object")?;
            let name = text(row, &["name"]).ok_or("name is absent in shares")?;
            let counts = match shares {
                Shares::All => true,
                Shares::Named(names) => names.iter().any(|one| one == name),
            };
            if counts {
                self.add(QuotaPlace { volume: volume.into(), share: Some(name.into()) }, row)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, place: QuotaPlace, row: &Map<String, Value>) -> Result<(), String> {
        let value = |key: &str| row.get(key).cloned().unwrap_or_default();
        let entry = Entry { used: value("used"), quota: value("quota"), group_limit: value("group_limit") };
        match self.counted.insert(place.clone(), entry) {
            None => Ok(()),
            Some(_) => Err(format!("{place} is listed twice")),
        }
    }

    /// Each folder that was named has to be there, unless a volume that counts as a whole may hold it.
    fn hold_named(&self, shares: &Shares) -> Result<(), String> {
        if self.counted.keys().any(|place| place.share.is_none()) {
            return Ok(());
        }
        let missing = match shares {
            Shares::All if self.counted.is_empty() => Some("any shared folder"),
            Shares::All => None,
            Shares::Named(names) => names.iter().map(String::as_str).find(|name| !self.has_share(name)),
        };
        match missing {
            None => Ok(()),
            Some(share) => {
                Err(format!("shares has not {share:?}: encrypted and locked, unmounted, or not on Btrfs?"))
            }
        }
    }

    fn has_share(&self, name: &str) -> bool {
        self.counted.keys().any(|place| place.share.as_deref() == Some(name))
    }

    /// The places that count.
    pub fn places(&self) -> BTreeSet<QuotaPlace> {
        self.counted.keys().cloned().collect()
    }

    /// Whether a volume is told of.
    pub fn has_volume(&self, volume: &str) -> bool {
        self.volumes.contains(volume)
    }

    /// Bytes used, rounded once for each place.
    pub fn used(&self) -> Result<Bytes, String> {
        let mut sum: i128 = 0;
        for (place, entry) in &self.counted {
            let used = entry.used().map_err(|problem| format!("used of {place} {problem}"))?;
            let bytes = (used * MIB).round();
            sum += bytes as i128;
        }
        Bytes::from_wide(sum).map_err(|error| format!("used is out of range: {error}"))
    }

    /// Bytes that may be used: the sum of all places, or no limit where one in use has none.
    pub fn limit(&self) -> Limit {
        let limits: Vec<(bool, Limit)> = self.counted.values().map(Entry::limit).collect();
        if limits.iter().any(|(in_use, limit)| *in_use && *limit == Limit::Unlimited) {
            return Limit::Unlimited;
        }
        if limits.iter().any(|(_, limit)| *limit == Limit::Unknown) {
            return Limit::Unknown;
        }
        let ends: Vec<i128> = limits.iter().filter_map(|(_, limit)| limit.up_to()).map(Bytes::wide).collect();
        match ends.is_empty() {
            true => Limit::Unlimited,
            false => Limit::of_door(Bytes::from_wide(ends.iter().sum()).ok()),
        }
    }

    /// Whether every place has a quota of its own that holds back what is written.
    pub fn is_full(&self) -> bool {
        !self.counted.is_empty()
            && self.counted.values().all(|entry| {
                let (quota, used) = (entry.quota(), entry.used());
                quota.zip(used.ok()).is_some_and(|(quota, used)| quota > 0 && quota as f64 <= used.max(1.0))
            })
    }

    /// For each place the quota it has, in whole MiB, and the one that lets nothing more be written now.
    pub fn to_freeze(&self) -> Result<Vec<(QuotaPlace, u64, u64)>, String> {
        let places = self.counted.iter().map(|(place, entry)| {
            let quota = entry.quota().ok_or_else(|| format!("quota of {place} is not told in whole MiB"))?;
            let used = entry.used().map_err(|problem| format!("used of {place} {problem}"))?;
            // 0 would be without limit.
            Ok((place.clone(), quota, (used as u64).max(1)))
        });
        places.collect()
    }

    /// The quota that a place has of its own, in whole MiB.
    pub fn quota_of(&self, place: &QuotaPlace) -> Option<u64> {
        self.counted.get(place)?.quota()
    }
}

impl Entry {
    fn used(&self) -> Result<f64, String> {
        mebibytes(&self.used)
    }

    fn quota(&self) -> Option<u64> {
        mebibytes(&self.quota).ok().filter(|quota| quota.fract() == 0.0).map(|quota| quota as u64)
    }

    /// Whether anything is stored there, and what may be: a user's own quota comes before a group's; 0 is none set.
    fn limit(&self) -> (bool, Limit) {
        let in_use = self.used().map_or(true, |used| used > 0.0);
        let size = |mib: f64| Limit::of_door(Bytes::from_wide((mib * MIB).round() as i128).ok());
        let limit = match (mebibytes(&self.quota), mebibytes(&self.group_limit)) {
            (Ok(quota), _) if quota > 0.0 => size(quota),
            (Ok(_), Ok(group)) if group > 0.0 => size(group),
            (Ok(_), Ok(_)) => Limit::Unlimited,
            _ => Limit::Unknown,
        };
        (in_use, limit)
    }
}

/// An amount in MiB, or what is wrong with it.
fn mebibytes(value: &Value) -> Result<f64, String> {
    let shown = |text: &str| format!("is {:?}, no amount in MiB", excerpt(text, SHOWN));
    let number = match value {
        Value::Null => return Err("is absent".into()),
        Value::Number(number) => number.as_f64().ok_or_else(|| shown(&number.to_string()))?,
        Value::String(text) => text.trim().parse().map_err(|_| shown(text))?,
        other => return Err(format!("is {}, no amount in MiB", type_of(other))),
    };
    // Bytes are whole and fit: 2^43 MiB are 2^63 of them.
    match (0.0..8_796_093_022_208.0).contains(&number) {
        true => Ok(number),
        false => Err(shown(&number.to_string())),
    }
}

fn no_quota(what: &str) -> String {
    format!("{what}: no volume of the NAS counts by user (quotas are off, or the volume is unmounted)")
}

#[cfg(test)]
mod tests;
