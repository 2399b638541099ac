//! The accounts as `listaccts` has them: who they are, whose, and why they are suspended.

use std::collections::BTreeSet;

use serde_json::Value;

use super::envelope::shape_of;
use super::wire::{SHOWN, count, created, disk_limit, flag, mebibytes, text};
use crate::backends::kit::suspend::{self, OURS};
use crate::domain::{AccountName, Bytes, Harvest, Identity, Limit, Policy, Timestamp};
use crate::http::excerpt;

/// What `suspendreason` is of an account that is active.
const NOT_SUSPENDED: &str = "not suspended";
/// Reasons that begin so are ours, whatever release of ours wrote them.
const MARKER: &str = "whmeter:";
/// Whose the accounts are that belong to no reseller.
const ROOT: &str = "root";

/// One account.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub name: AccountName,
    domain: Option<String>,
    pub owner: Option<String>,
    plan: Option<String>,
    suspended: Option<bool>,
    reason: Option<String>,
    /// Whether root alone may let it go on.
    locked: bool,
    disk_limit: Limit,
    /// Whole mebibytes in use, or why they are not known.
    pub disk_used: Result<Bytes, String>,
    /// When it was made; kept by a rename.
    pub created: Option<Timestamp>,
}

/// Everybody in one answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    pub accounts: Vec<Account>,
    /// Why some rows are no account.
    pub strange: Vec<String>,
}

impl Listed {
    /// Reads an answer of `listaccts`; the error says what came in place of a list.
    pub fn read(payload: &Value) -> Result<Listed, String> {
        let rows = payload.get("acct").and_then(Value::as_array);
        let rows = rows.ok_or_else(|| format!("expected a list called acct, got {}", shape_of(payload)))?;
        let (mut listed, mut names) = (Listed::default(), BTreeSet::new());
        for row in rows {
            match Account::read(row) {
                Ok(account) if !names.insert(account.name.clone()) => {
                    listed.strange.push(format!("{} is listed twice", account.name));
                }
                Ok(account) => listed.accounts.push(account),
                Err(why) => listed.strange.push(why),
            }
        }
        Ok(listed)
    }
}

impl Account {
    fn read(row: &Value) -> Result<Account, String> {
        let name = text(row, "user").ok_or_else(|| format!("no user in {}", shape_of(row)))?;
        let owned = |key: &str| text(row, key).map(str::to_string);
        Ok(Account {
            name: AccountName::new(name).map_err(|error| error.to_string())?,
            domain: owned("domain"),
            owner: owned("owner"),
            plan: owned("plan"),
            suspended: row.get("suspended").and_then(flag),
            reason: owned("suspendreason").filter(|reason| reason != NOT_SUSPENDED),
            locked: row.get("is_locked").and_then(flag).unwrap_or(false),
            disk_limit: disk_limit(row),
            disk_used: mebibytes(row, "diskused"),
            created: created(row),
        })
    }

    /// What the panel reports of it besides its usage.
    pub fn put_facts(&self, harvest: &mut Harvest) {
        let facts = harvest.facts_mut(&self.name);
        if let Some(created) = self.created {
            // Kept by a rename, and not its alone: two accounts may be made in one second.
            facts.identity = Identity::new().with("created", created.get().to_string());
        }
        facts.created = self.created;
        facts.domain.clone_from(&self.domain);
        facts.package.clone_from(&self.plan);
        facts.reseller = self.owner.clone().map(|owner| if owner == ROOT { String::new() } else { owner });
        facts.suspended = self.suspended;
        facts.suspended_for = self
            .reason
            .as_deref()
            .filter(|_| self.suspended == Some(true))
            .map(|reason| excerpt(reason, SHOWN));
        facts.storage_limit = self.disk_limit;
    }

    /// The policy that it shows, where accounts are limited by suspending them.
    pub fn shown_policy(&self) -> Option<Policy> {
        suspend::shown_policy(self.suspended_for().ok()?.as_deref())
    }

    /// Why it is suspended, if it is, with all reasons of ours as the same one; or why that is not known.
    ///
    /// Who is locked is not ours to let go on: root has put a lock on it, and root takes it off.
    pub fn suspended_for(&self) -> Result<Option<String>, String> {
        let reason = self.reason.as_deref().unwrap_or("no reason told");
        match self.suspended {
            None => Err("suspended is neither 0 nor 1".into()),
            Some(false) => Ok(None),
            Some(true) if self.locked => Ok(Some(format!("locked by root: {reason}"))),
            Some(true) if reason.starts_with(MARKER) => Ok(Some(OURS.into())),
            Some(true) => Ok(Some(reason.into())),
        }
    }
}

/// How many accounts the panel counts of one owner, by `acctcounts`; none where it tells no number.
pub(super) fn counted(payload: &Value) -> Option<(String, u64)> {
    let owner = payload.get("reseller")?;
    let all = count(owner, "active").ok()?.checked_add(count(owner, "suspended").ok()?)?;
    Some((text(owner, "user")?.to_string(), all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listed(rows: Value) -> Listed {
        Listed::read(&json!({ "acct": rows })).expect("a list")
    }

    #[test]
    fn rows_that_are_no_account_are_told_and_never_guessed() {
        let told =
            listed(json!([{"user": "a"}, {"user": "a"}, {"domain": "x.example"}, 7, {"user": "b\nc"}]));
        assert_eq!((told.accounts.len(), told.strange.len()), (1, 4), "{:?}", told.strange);
        assert!(
            told.strange[0].contains("twice") && told.strange[1].contains("[domain]"),
            "{:?}",
            told.strange
        );
        for shape in [json!({ "acct": null }), json!({ "accounts": [] }), json!(null)] {
            assert!(Listed::read(&shape).is_err(), "{shape}");
        }
    }

    #[test]
    fn whoever_is_locked_or_suspended_by_others_is_not_ours() {
        let shown = |row: Value| {
            let account = listed(json!([row])).accounts.remove(0);
            (account.suspended_for().ok().flatten(), account.shown_policy())
        };
        let row = |suspended: Value, reason: &str, locked: u8| {
            shown(json!({"user": "a", "suspended": suspended, "suspendreason": reason, "is_locked": locked}))
        };
        assert_eq!(row(json!(0), "not suspended", 0), (None, Some(Policy::Standard)));
        assert_eq!(row(json!("1"), "whmeter: limit reached", 0), (Some(OURS.into()), Some(Policy::Limited)));
        assert_eq!(row(json!(true), "whmeter: disk limit \n", 0), (Some(OURS.into()), Some(Policy::Limited)));
        assert_eq!(row(json!(1), "unpaid invoice", 0), (Some("unpaid invoice".into()), None));
        let locked = row(json!(1), "whmeter: limit reached", 1);
        assert_eq!((locked.0.as_deref(), locked.1), (Some("locked by root: whmeter: limit reached"), None));
        assert_eq!(row(json!(null), "not suspended", 0), (None, None));
        assert_eq!(
            counted(&json!({"reseller": {"active": 9, "suspended": "5", "user": "root"}})),
            Some(("root".into(), 14))
        );
        assert_eq!(counted(&json!({"reseller": {"active": null, "suspended": 5}})), None);
    }
}
