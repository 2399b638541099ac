//! Limits an account by suspending it, and lets it go on.
//!
//! Only what we suspended goes on again. Why an account is suspended is told by the table alone, and not by every build:
//! where it is silent, what was remembered and the server's own rule decide.

use async_trait::async_trait;

use super::accounts::Configuration;
use super::panel::Selection;
use super::refusal::{CallFailure, Meaning};
use super::row::{Row, is_suspended};
use super::{BackendError, DirectAdmin};
use crate::backends::kit::suspend::{OURS, Suspends};
use crate::domain::{AccountName, Policy};

/// What our details begin with, wherever they are shown.
const MARK: &str = "whmeter";

/// The reason that we give, one of DirectAdmin's list.
const REASON: &str = "other";

/// What we call a suspension that the server made by itself.
const AT_LIMIT: &str = "by the server, at the limit of the account (suspend_at_limit)";

#[async_trait]
impl Suspends for DirectAdmin {
    async fn suspended_for(&self, account: &AccountName) -> Result<Option<String>, BackendError> {
        let configuration =
            self.panel.configuration(account).await.map_err(|failure| about(failure, account))?;
        let word = configuration.get("suspended").and_then(is_suspended);
        let is_off = word.ok_or_else(|| BackendError::Unexpected {
            at: format!("account {account}"),
            detail: "suspended is neither yes nor no".into(),
        })?;
        if !is_off {
            return Ok(None);
        }
        let row = self.row(account).await?;
        Ok(Some(whose(row.as_ref(), &configuration)))
    }

    async fn suspend(&self, account: &AccountName, reason: Option<&str>) -> Result<(), BackendError> {
        let selection = reason.map_or(Selection::Unsuspend, Selection::Suspend);
        match self.panel.select(account, selection).await {
            Ok(()) => Ok(()),
            Err(CallFailure::Refusal(refusal)) if refusal.meaning == Meaning::Other => {
                // Some servers report an error though it was done.
                let is_done = self.suspended_for(account).await?.is_some() == reason.is_some();
                if is_done { Ok(()) } else { Err(refusal.into()) }
            }
            Err(failure) => Err(about(failure, account)),
        }
    }
}

impl DirectAdmin {
    /// The account's row of the table; none where the table is not to be had.
    async fn row(&self, account: &AccountName) -> Result<Option<Row>, BackendError> {
        match self.panel.table(self.config.level).await {
            Ok(mut table) => Ok(table.rows.accounts.remove(account)),
            Err(BackendError::NotOffered(_) | BackendError::Unexpected { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the login may suspend: asked to let nobody go on, it answers for the account or for the right.
    pub(super) async fn may_suspend(&self, nobody: &AccountName) -> Result<String, BackendError> {
        match self.panel.select(nobody, Selection::Unsuspend).await {
            Ok(()) => Ok("granted".into()),
            Err(CallFailure::Refusal(refusal))
                if matches!(refusal.meaning, Meaning::Gone | Meaning::Other) =>
            {
                Ok("granted".into())
            }
            Err(failure) => Err(failure.error()),
        }
    }
}

/// Whose suspension it is: ours, or somebody else's in their words. What does not show is ours only where the server
/// did not do it.
fn whose(row: Option<&Row>, configuration: &Configuration) -> String {
    let reason = row.and_then(|row| row.reason.as_deref()).unwrap_or_default();
    if reason.contains(MARK) {
        return OURS.into();
    }
    if is_at_limit(row, configuration) {
        return AT_LIMIT.into();
    }
    if may_be_ours(reason) { OURS.into() } else { reason.to_string() }
}

/// Whether a reason, as far as it is told, is one that we may have given.
fn may_be_ours(reason: &str) -> bool {
    reason.trim().is_empty() || reason.trim().eq_ignore_ascii_case(REASON)
}

/// Whether the server suspends this account at its limits, and it is at one.
fn is_at_limit(row: Option<&Row>, configuration: &Configuration) -> bool {
    let acts = configuration.get("suspend_at_limit").is_some_and(|word| word.eq_ignore_ascii_case("on"));
    let Some(row) = row.filter(|_| acts) else { return false };
    [(&row.traffic, row.traffic_limit), (&row.storage, row.storage_limit)].iter().any(|(used, limit)| {
        let used = used.as_ref().ok();
        used.zip(limit.up_to()).is_some_and(|(used, limit)| *used >= limit)
    })
}

/// The policy that an account shows. A suspension whose reason is not told is ours only where we have suspended it.
pub(super) fn shown_policy(row: &Row, is_limited: bool) -> Option<Policy> {
    let reason = row.reason.as_deref().unwrap_or_default();
    match row.suspended? {
        false => Some(Policy::Standard),
        true if reason.contains(MARK) || is_limited && may_be_ours(reason) => Some(Policy::Limited),
        true => None,
    }
}

/// The trouble of a call about one account, which may be gone.
fn about(failure: CallFailure, account: &AccountName) -> BackendError {
    match failure {
        CallFailure::Refusal(refusal) if refusal.meaning == Meaning::Gone => {
            BackendError::NoSuchAccount(account.clone())
        }
        failure => failure.error(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::directadmin::lines;

    fn row(line: &str) -> Row {
        let rows = lines::read(&format!("a={line}\n")).unwrap_or_else(|why| panic!("{why}"));
        rows.accounts.into_values().next().expect("a row")
    }

    #[test]
    fn a_suspension_is_ours_where_it_says_so_or_nobody_else_can_have_made_it() {
        let under = "bandwidth=1 / 5&quota=1 / 5&suspended=";
        let over = "bandwidth=1 / 5&quota=5 / 5&suspended=";
        // (the account, its reason, whether the server suspends at limits, whose it is)
        let cases = [
            (under, "whmeter: limit reached", "ON", OURS),
            (over, "other, whmeter: limit reached", "ON", OURS),
            (under, "Other", "ON", OURS),
            (under, "yes", "OFF", OURS),
            (over, "yes", "OFF", OURS),
            (over, "yes", "ON", AT_LIMIT),
            (over, "other", "ON", AT_LIMIT),
            (under, "billing", "ON", "billing"),
        ];
        for (line, reason, acts, wanted) in cases {
            let configuration = Configuration::read(&format!("suspend_at_limit={acts}"));
            let row = row(&format!("{line}{reason}"));
            assert_eq!(whose(Some(&row), &configuration), wanted, "{line}{reason} {acts}");
        }
        assert_eq!(whose(None, &Configuration::read("suspend_at_limit=ON")), OURS);
    }

    #[test]
    fn a_suspension_without_a_reason_shows_as_limited_only_where_it_is_ours() {
        let shown = |word: &str, is_limited| shown_policy(&row(&format!("suspended={word}")), is_limited);
        assert_eq!((shown("No", true), shown("Yes", true)), (Some(Policy::Standard), Some(Policy::Limited)));
        assert_eq!((shown("Yes", false), shown("billing", true), shown("", true)), (None, None, None));
        assert_eq!(shown("whmeter: limit reached", false), Some(Policy::Limited));
    }
}
