//! The steps of `check`: everything a poll and a switch will need, tried one by one, the least privilege first.
//!
//! Changes nothing on the panel. Whether the token may suspend is read of its privileges, not tried.

use serde_json::Value;

use super::accounts::counted;
use super::panel::{ACCTCOUNTS, LISTACCTS, SHOWBW, UAPI_CPANEL, VERSION};
use super::settings::{LimitBy, StorageFrom};
use super::storage::quotas_off;
use super::wire::{flag, text};
use super::{BackendError, CheckStep, Cpanel, Wants};
use crate::backends::kit::check::{is_hopeless, step};
use crate::backends::kit::json::whole;
use crate::domain::{AccountName, Limit, Timestamp};

impl Cpanel {
    pub(super) async fn check_all(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        steps.extend(self.panel.probe().await.into_iter().map(CheckStep::from));
        if is_hopeless(steps) {
            return;
        }
        let first = self.first_account().await;
        let listed = first.as_ref().map_err(Clone::clone).map(|first| match first {
            Some(first) => format!("answered; one of them is {first}"),
            None => "answered; there is none".into(),
        });
        step(steps, "accounts, right list-accts", true, listed);
        let Ok(first) = first else { return };
        step(steps, "bandwidth, right show-bandwidth", true, self.check_bandwidth(first.as_ref()).await);
        step(steps, "storage", false, self.check_storage(first.as_ref()).await);
        step(steps, "quotas", false, self.check_quotas().await);
        step(steps, "release", false, self.check_version().await);
        self.check_privileges(wants, steps).await;
        step(steps, "list against the panel's count", false, self.check_count().await);
        if let Some(first) = &first {
            step(steps, "where months begin", false, self.check_zone(first).await);
        }
    }

    /// One account by the smallest answer there is.
    async fn first_account(&self) -> Result<Option<AccountName>, BackendError> {
        let arguments = [("want", "user"), ("api.chunk.enable", "1"), ("api.chunk.size", "1")];
        let payload = self.panel.get(&LISTACCTS, &arguments).await?;
        let rows = payload.get("acct").and_then(Value::as_array);
        let rows = rows.ok_or_else(|| LISTACCTS.unexpected("expected a list called acct".into()))?;
        let named = rows.iter().find_map(|row| AccountName::new(text(row, "user")?).ok());
        match named {
            None if !rows.is_empty() => {
                Err(LISTACCTS.unexpected("an account is listed without a user".into()))
            }
            named => Ok(named),
        }
    }

    async fn check_bandwidth(&self, first: Option<&AccountName>) -> Result<String, BackendError> {
        let running = self.calendar(self.panel.http().clock().now()).running();
        let totals = self.month(running, first).await?;
        let limit = first.and_then(|first| totals.limit(first.as_str()));
        Ok(match (first, limit) {
            (None, _) => format!("{running} answered"),
            (Some(first), Some(Limit::UpTo(bytes))) => format!("{running} of {first}, limit {bytes} bytes"),
            (Some(first), Some(Limit::Unlimited)) => format!("{running} of {first}, unlimited"),
            (Some(first), Some(Limit::Unknown)) => format!("{running} of {first}, no limit told"),
            (Some(first), None) => return Err(SHOWBW.unexpected(format!("{running}: no row of {first}"))),
        })
    }

    async fn check_storage(&self, first: Option<&AccountName>) -> Result<String, BackendError> {
        match self.config.storage {
            StorageFrom::GetDiskUsage => {
                let rows = self.disk_rows().await??.unwrap_or_default();
                let strange = rows.values().filter(|held| held.is_err()).count();
                Ok(format!("{} rows by get_disk_usage, {strange} of them without a figure", rows.len()))
            }
            StorageFrom::Listaccts => {
                let Some(first) = first else { return Ok("by listaccts; there is no account".into()) };
                let listed = self.listed(Some(first)).await?;
                let used = listed.accounts.into_iter().next().map(|account| account.disk_used);
                let used = used.unwrap_or_else(|| Err(format!("{first} is not listed any more")));
                used.map(|used| format!("by listaccts: {first} {used} bytes"))
                    .map_err(|detail| LISTACCTS.unexpected(detail))
            }
        }
    }

    async fn check_quotas(&self) -> Result<String, BackendError> {
        match self.quotas_are_on().await? {
            Ok(true) => Ok("on".into()),
            Ok(false) => Err(quotas_off()),
            Err(error) => not_needed(error),
        }
    }

    async fn check_version(&self) -> Result<String, BackendError> {
        match self.panel.get(&VERSION, &[]).await.map_err(BackendError::from) {
            Ok(payload) => {
                let version = text(&payload, "version");
                version.map(str::to_string).ok_or_else(|| VERSION.unexpected("it tells no version".into()))
            }
            Err(error) => not_needed(error),
        }
    }

    async fn check_privileges(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        let found = self.privileges().await.and_then(|found| found);
        let shown = found.as_ref().map(|found| found.shown());
        step(steps, "privileges", false, shown.map_err(Clone::clone).or_else(not_needed));
        if !wants.limiting {
            return;
        }
        let acl = match self.config.limit_by {
            LimitBy::Suspend => "suspend-acct",
            LimitBy::Bandwidth => "limit-bandwidth",
        };
        let outcome = match &found {
            Ok(found) if found.allows(acl) => Ok("granted".into()),
            Ok(found) => Err(BackendError::Refused(format!(
                "limits need the right (ACL) {acl}; the token has {}",
                found.shown()
            ))),
            Err(error) => Err(error.clone()),
        };
        step(steps, &format!("right {acl}, for limits"), found.is_ok(), outcome);
    }

    /// Whether as many accounts are listed as the panel counts of the token's owner: a narrowed token sees fewer.
    async fn check_count(&self) -> Result<String, BackendError> {
        let payload = match self.panel.get(&ACCTCOUNTS, &[]).await.map_err(BackendError::from) {
            Ok(payload) => payload,
            Err(error) => return not_needed(error),
        };
        let Some((owner, count)) = counted(&payload) else {
            return Err(ACCTCOUNTS.unexpected("it tells no numbers of active and suspended accounts".into()));
        };
        let listed = self.listed(None).await?.accounts;
        let own =
            listed.iter().filter(|account| account.owner.as_deref() == Some(owner.as_str())).count() as u64;
        match own == count {
            true => Ok(format!("{} listed; {own} of {owner}, as counted", listed.len())),
            false => Err(ACCTCOUNTS.unexpected(format!(
                "{owner} has {count} accounts, and {own} of {} listed are {owner}'s: may the token see them all?",
                listed.len()
            ))),
        }
    }

    /// Whether the server's months begin where `timezone` says: UAPI's monthly sums carry the instants at which theirs
    /// began. That `showbw` cuts at the same ones is not written down.
    async fn check_zone(&self, account: &AccountName) -> Result<String, BackendError> {
        let arguments = [
            ("cpanel.user", account.as_str()),
            ("cpanel.module", "Stats"),
            ("cpanel.function", "get_bandwidth"),
        ];
        let payload = match self.panel.get(&UAPI_CPANEL, &arguments).await.map_err(BackendError::from) {
            Ok(payload) => payload,
            Err(error) => return not_needed(error),
        };
        let told = payload.get("uapi").unwrap_or(&payload);
        if told.get("status").and_then(flag) != Some(true) {
            return Ok(format!("not tried: {account} has no right to its own statistics"));
        }
        let rows = told.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let starts = rows.iter().filter_map(|row| whole(row.get("month_start")?));
        let Some(start) = starts.max() else {
            return Ok(format!("not tried: {account} has moved nothing yet"));
        };
        let zone = self.config.zone;
        let begins = |start: Timestamp| zone.start_of(zone.day_of(start).month().first()) == start;
        match i64::try_from(start).ok().and_then(|start| Timestamp::new(start).ok()) {
            Some(start) if begins(start) => Ok(format!("at {start}, as in {}", zone.name())),
            Some(start) => Err(UAPI_CPANEL.unexpected(format!(
                "a month began at {start}, which is no first of a month in {}: is timezone the server's?",
                zone.name()
            ))),
            None => Err(UAPI_CPANEL.unexpected(format!("month_start {start} is no time"))),
        }
    }
}

/// What a poll can do without is not asked of the operator.
fn not_needed(error: BackendError) -> Result<String, BackendError> {
    match error {
        BackendError::Refused(detail) | BackendError::NotOffered(detail) => {
            Ok(format!("not tried: {detail}"))
        }
        error => Err(error),
    }
}
