//! What is stored: blocks by `get_disk_usage`, or the mebibytes of the list where the config says so.
//!
//! The two differ by rounding. Which one counts is the config's decision alone, so that no series ever has both.

use std::collections::BTreeMap;

use serde_json::Value;

use super::accounts::{Account, Listed};
use super::envelope::shape_of;
use super::panel::{GET_DISK_USAGE, QUOTA_ENABLED};
use super::settings::StorageFrom;
use super::wire::{flag, size, text};
use super::{BackendError, Cpanel, credentials_first};
use crate::domain::{Bytes, Harvest, Meter, Reading, Reason, Timestamp};

/// A block of the quota files, in bytes.
const BLOCK: u64 = 1024;

/// Bytes held by users, by name, or why they are not known.
pub(super) type DiskRows = BTreeMap<String, Result<Bytes, String>>;

/// Reads an answer of `get_disk_usage`. Rows of the system's own users are among them.
pub(super) fn read(payload: &Value) -> Result<DiskRows, String> {
    let rows = payload.get("accounts").and_then(Value::as_array);
    let rows = rows.ok_or_else(|| format!("expected a list called accounts, got {}", shape_of(payload)))?;
    let mut read = DiskRows::new();
    for row in rows {
        let Some(user) = text(row, "user") else { continue };
        let held = size(row, "blocks_used", BLOCK);
        let twice = || Err("blocks_used stands in two rows of the user".to_string());
        read.entry(user.to_string()).and_modify(|held| *held = twice()).or_insert(held);
    }
    Ok(read)
}

impl Cpanel {
    /// Puts what everybody holds into a harvest.
    pub(super) async fn read_storage(
        &self,
        listed: &Listed,
        now: Timestamp,
        harvest: &mut Harvest,
    ) -> Result<(), BackendError> {
        harvest.by_road(self.config.storage.road());
        let rows = match self.config.storage {
            StorageFrom::GetDiskUsage => self.disk_rows().await?,
            StorageFrom::Listaccts => Ok(None),
        };
        let held = |account: &Account| match &rows {
            Ok(None) => account.disk_used.clone().map_err(|detail| (Reason::Unexpected, detail)),
            Ok(Some(rows)) => {
                let row = rows.get(account.name.as_str()).cloned();
                let row = row.unwrap_or_else(|| Err("get_disk_usage has no row of the account".into()));
                row.map_err(|detail| (Reason::Unexpected, detail))
            }
            Err(error) => Err((error.reason(), error.to_string())),
        };
        let all: Vec<_> = listed.accounts.iter().map(|account| (&account.name, held(account))).collect();
        let are_all_empty = all.iter().all(|(_, held)| held == &Ok(Bytes::ZERO));
        let off = match are_all_empty && !all.is_empty() {
            true => self.why_all_are_empty().await?,
            false => None,
        };
        for (name, held) in all {
            match (held, &off) {
                (Ok(level), None) => {
                    harvest.add_reading(name, Meter::StorageUsed, Reading::Gauge { at: now, level })
                }
                (Ok(_), Some(off)) => {
                    harvest.unread(name, Some(Meter::StorageUsed), off.reason(), off.to_string())
                }
                (Err((reason, detail)), _) => harvest.unread(name, Some(Meter::StorageUsed), reason, detail),
            }
        }
        Ok(())
    }

    /// What everybody holds in blocks, from the quota cache.
    pub(super) async fn disk_rows(&self) -> Result<Result<Option<DiskRows>, BackendError>, BackendError> {
        let answered = self.panel.get(&GET_DISK_USAGE, &[("cache_mode", "on")]).await;
        Ok(match credentials_first(answered)? {
            Ok(payload) => read(&payload).map(Some).map_err(|detail| GET_DISK_USAGE.unexpected(detail)),
            Err(error @ (BackendError::NotOffered(_) | BackendError::Refused(_))) => Err(with_hint(error)),
            Err(error) => Err(error),
        })
    }

    /// Why nobody holds anything: with quotas off all figures are 0, and mean nothing.
    async fn why_all_are_empty(&self) -> Result<Option<BackendError>, BackendError> {
        Ok(match self.quotas_are_on().await? {
            Ok(true) => None,
            Ok(false) => Some(quotas_off()),
            Err(error) => Some(BackendError::Unexpected {
                at: "storage".into(),
                detail: format!("everybody holds nothing, and whether quotas are on is not known ({error})"),
            }),
        })
    }

    /// Whether disk quotas are on, or why that is not known.
    pub(super) async fn quotas_are_on(&self) -> Result<Result<bool, BackendError>, BackendError> {
        let answered = credentials_first(self.panel.get(&QUOTA_ENABLED, &[]).await)?;
        Ok(answered.and_then(|payload| {
            let told = payload.get("quota_enabled").and_then(flag);
            told.ok_or_else(|| QUOTA_ENABLED.unexpected("quota_enabled is neither 0 nor 1".into()))
        }))
    }
}

/// Storage cannot be known on a server without quotas.
pub(super) fn quotas_off() -> BackendError {
    BackendError::NotOffered("storage: disk quotas are off on this server, all its figures are 0".into())
}

fn with_hint(error: BackendError) -> BackendError {
    let hint = "set storage = \"listaccts\" to use whole mebibytes in its place";
    match error {
        BackendError::NotOffered(detail) => BackendError::NotOffered(format!("{detail}; {hint}")),
        BackendError::Refused(detail) => BackendError::Refused(format!("{detail}; {hint}")),
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn blocks_are_kibibytes_and_what_is_none_is_named() {
        let rows = json!([
            {"user": "a", "blocks_used": 748_912}, {"user": "b", "blocks_used": "0"}, {"user": "c", "blocks_used": null},
            {"user": "d", "blocks_used": 1}, {"user": "d", "blocks_used": 2}, {"blocks_used": 9},
        ]);
        let read = read(&json!({ "accounts": rows })).expect("rows");
        assert_eq!(read.len(), 4);
        let held = |user: &str| read[user].clone().map(Bytes::get);
        assert_eq!((held("a"), held("b")), (Ok(766_885_888), Ok(0)));
        assert!(held("c").is_err_and(|detail| detail.contains("blocks_used is absent")));
        assert!(held("d").is_err_and(|detail| detail.contains("two rows")));
        assert!(super::read(&json!({ "account": [] })).is_err());
    }
}
