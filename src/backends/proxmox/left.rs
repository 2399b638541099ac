//! Guests that are listed and report no account any more, although one had them: a right that was lost, tags that were
//! edited all at once. It looks like an account that is over, and is none: its guest is there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Proxmox;
use super::cluster::Guest;
use super::guests::Claimed;
use super::session::ApiCall;
use super::settings::Traffic;
use crate::backends::{BackendError, Heard};
use crate::domain::{AccountName, Harvest, Reason, Source};

/// A guest that is unowned now, and whose it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub guest: String,
    pub account: AccountName,
}

impl Proxmox {
    /// The name of a guest's counters.
    pub(super) fn source(&self, guest: &Guest<'_>) -> Option<Source> {
        let card = if self.config.traffic == Traffic::Net0 { "/net0" } else { "" };
        Source::new(&format!("{}{card}", guest.id())).ok()
    }

    /// Whose a guest was that is unowned.
    pub(super) fn left(&self, guest: &Guest<'_>, heard: &Heard) -> Option<Left> {
        let account = self.holder(guest, heard)?;
        // Another way to report accounts may have been chosen since.
        let is_its_number = account.as_str() == guest.vmid.to_string();
        (!is_its_number).then(|| Left { guest: guest.id(), account: account.clone() })
    }

    /// Refuses a listing in which a right or everybody's tags are lost; an account that has no guest any more although
    /// its guest is there is unread, and not gone.
    pub(super) async fn why_left(
        &self,
        left: Vec<Left>,
        claimed: &[Claimed<'_>],
        harvest: &mut Harvest,
    ) -> Result<(), BackendError> {
        let there: BTreeSet<&AccountName> = claimed.iter().map(|claimed| &claimed.account).collect();
        let left: Vec<Left> = left.into_iter().filter(|one| !there.contains(&one.account)).collect();
        let Some(first) = left.first() else { return Ok(()) };
        let by = self.config.mapping.reported_by();
        if self.config.mapping.is_by_pool() {
            let granted: Granted = self.session.json(ApiCall::get("access/permissions", "none")).await?;
            let pool = |one: &&Left| format!("/pool/{}", self.config.mapping.text_of(one.account.as_str()));
            if let Some(one) = left.iter().find(|one| !grants(&granted, &pool(one), "Pool.Audit")) {
                return Err(BackendError::Refused(format!(
                    "the right Pool.Audit is missing on {}, so the pool of {} is no longer visible; give the role \
                     PVEAuditor on /pool to the user and to the token",
                    pool(&one),
                    one.guest
                )));
            }
        }
        if claimed.is_empty() {
            let detail = format!(
                "no guest names an account in its {by} any more, though {} did and {} belonged to {}: no account counts as gone; put the \
                 {by}s back, or set account and account_pattern in the config to what they are now",
                left.len(),
                first.guest,
                first.account
            );
            return Err(BackendError::Unexpected { at: "cluster/resources".into(), detail });
        }
        for Left { guest, account } in &left {
            let detail = format!(
                "{guest} is there and names no account in its {by} any more; the account does not count \
                 as gone while the guest has no account"
            );
            harvest.unread(account, None, Reason::Unexpected, detail);
        }
        Ok(())
    }
}

/// The rights by path; 1 where they are handed on to what lies below (PVE::API2::AccessControl, `permissions`).
type Granted = BTreeMap<String, BTreeMap<String, Value>>;

/// Whether a right is granted on a path: by the nearest path above it that has any.
fn grants(granted: &Granted, path: &str, right: &str) -> bool {
    let mut at = path;
    loop {
        if let Some(rights) = granted.get(at) {
            let on_itself = at == path;
            return rights.get(right).is_some_and(|handed_on| on_itself || handed_on.as_i64() != Some(0));
        }
        at = match at.rfind('/') {
            Some(0) if at == "/" => return false,
            Some(0) => "/",
            Some(end) => &at[..end],
            None => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_granted_by_the_nearest_path() {
        let granted: Granted = serde_json::from_str(
            r#"{"/":{"VM.Audit":1},"/pool":{"Pool.Audit":1},"/pool/b":{"VM.Audit":1},"/pool/c":{"Pool.Audit":0}}"#,
        )
        .expect("rights");
        let table = [
            ("/pool/a", true),
            ("/pool/b", false),
            ("/pool/c", true),
            ("/pool/c/d", false),
            ("/vms/1", false),
        ];
        for (path, has) in table {
            assert_eq!(grants(&granted, path, "Pool.Audit"), has, "{path}");
        }
        assert!(grants(&granted, "/vms/1", "VM.Audit"));
        assert!(!grants(&Granted::new(), "/pool/a", "Pool.Audit"));
    }
}
