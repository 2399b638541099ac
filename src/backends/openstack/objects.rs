//! Bytes in Swift: one HEAD for each project, because there is no list of accounts.

use std::collections::BTreeMap;

use super::OpenStack;
use super::catalogue::Service;
use super::projects::Project;
use super::refusal::CallFailure;
use super::session::{ApiCall, Cloud};
use crate::backends::BackendError;
use crate::backends::kit::many::some_at_once;
use crate::domain::{Bytes, Limit};
use crate::http::{Answer, Method, excerpt};

/// Who may look at accounts of others.
pub(super) const RESELLER: &str = "Swift's reseller role (ResellerAdmin)";

const USED: &str = "x-account-bytes-used";
const QUOTA: &str = "x-account-meta-quota-bytes";

/// What Swift has of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub bytes: u64,
    /// The quota as it is written; absent is none.
    pub quota: Option<String>,
}

impl Stored {
    /// The quota as a limit.
    pub fn limit(&self) -> Limit {
        match self.quota.as_deref().map(str::trim) {
            None | Some("") => Limit::Unlimited,
            Some(told) => {
                told.parse().ok().and_then(|bytes| Bytes::new(bytes).ok()).map_or(Limit::Unknown, Limit::UpTo)
            }
        }
    }
}

/// How one account answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Account {
    There(Stored),
    /// Never used, where accounts are not made by themselves; or the address is wrong.
    Absent,
    /// Deleted, and not yet cleared away.
    Deleted,
}

impl OpenStack {
    /// What each of these projects has in Swift, by its plain id.
    pub(super) async fn objects<'p>(
        &self,
        projects: impl Iterator<Item = (&'p String, &'p Project)>,
    ) -> BTreeMap<String, Result<Stored, BackendError>> {
        let calls =
            projects.map(|(id, project)| async move { (id.clone(), self.cloud.account(&project.id).await) });
        let calls: Vec<_> = calls.collect();
        let answers = some_at_once(self.cloud.http().max_in_flight(), calls).await;
        let is_there = |answer: &Result<Account, BackendError>| {
            matches!(answer, Ok(Account::There(_) | Account::Deleted))
        };
        // Where none is there at all the address or the prefix is wrong, and nobody's zero.
        let any_there = answers.iter().any(|(_, answer)| is_there(answer));
        let nothing = Stored { bytes: 0, quota: None };
        let read = answers.into_iter().map(|(id, answer)| {
            let stored = match answer {
                Ok(Account::There(stored)) => Ok(stored),
                Ok(Account::Deleted) => Ok(nothing.clone()),
                Ok(Account::Absent) if any_there => Ok(nothing.clone()),
                Ok(Account::Absent) => Err(BackendError::Unexpected {
                    at: "HEAD of Swift accounts".into(),
                    detail: "404 of every account that was asked for: is swift_prefix right?".into(),
                }),
                Err(error) => Err(error),
            };
            (id, stored)
        });
        read.collect()
    }

    /// What one project has in Swift.
    pub(super) async fn stored(&self, project: &str) -> Result<Stored, BackendError> {
        match self.cloud.account(project).await? {
            Account::There(stored) => Ok(stored),
            Account::Absent | Account::Deleted => Ok(Stored { bytes: 0, quota: None }),
        }
    }
}

impl Cloud {
    /// The path of a project's account.
    pub(super) fn account_path(&self, project: &str) -> String {
        format!("{}{project}", self.swift_prefix())
    }

    async fn account(&self, project: &str) -> Result<Account, BackendError> {
        let call = ApiCall::new(Method::HEAD, Service::Objects, &self.account_path(project)).needs(RESELLER);
        match self.call(&call).await {
            Ok(answer) => read(&answer)
                .map(Account::There)
                .map_err(|detail| BackendError::Unexpected { at: call.name(), detail }),
            Err(CallFailure::Refusal(refusal)) if refusal.status == 404 => Ok(Account::Absent),
            Err(CallFailure::Refusal(refusal)) if refusal.status == 410 => Ok(Account::Deleted),
            Err(failure) => Err(failure.into()),
        }
    }
}

fn read(answer: &Answer) -> Result<Stored, String> {
    let told = answer.header(USED).ok_or(format!("{USED} is absent: is it Swift that answers?"))?;
    let bytes =
        told.trim().parse().map_err(|_| format!("{USED} is {:?}, expected bytes", excerpt(told, 40)))?;
    Ok(Stored { bytes, quota: answer.header(QUOTA).map(String::from) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_quota_is_none_and_an_odd_one_is_unknown() {
        let limit = |quota: Option<&str>| Stored { bytes: 0, quota: quota.map(String::from) }.limit();
        assert_eq!(
            (limit(None), limit(Some("")), limit(Some("1G"))),
            (Limit::Unlimited, Limit::Unlimited, Limit::Unknown)
        );
        assert_eq!(limit(Some("5368709120")).up_to().map(Bytes::get), Some(5_368_709_120));
    }
}
