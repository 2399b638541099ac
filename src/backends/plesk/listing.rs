//! Who is there: the list of subscriptions, and whether nobody can be missing in it.

use std::collections::BTreeSet;

use super::Plesk;
use super::refusal::CallFailure;
use super::request::{Operation, Which};
use super::subscription::{Subscription, unreadable};
use crate::backends::BackendError;

/// Subscriptions as they were listed.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub subscriptions: Vec<Subscription>,
    /// Whether nobody can be missing.
    pub is_whole: bool,
    pub warnings: Vec<String>,
}

impl Plesk {
    /// Subscriptions with some of their data. The list is whole only if the panel refused none of it, and everybody in
    /// it can be known by a name of his own.
    pub(super) async fn listed(&self, which: Which<'_>, datasets: &[&str]) -> Result<Listed, CallFailure> {
        let mut listed = Listed::default();
        let (mut names, mut strange) = (BTreeSet::new(), Vec::new());
        let operation = Operation::subscriptions(which, datasets);
        let refused = self
            .panel
            .ask(&operation, &mut |result| match Subscription::read(&result) {
                Ok(Some(one)) if names.insert(one.name.clone()) => listed.subscriptions.push(one),
                Ok(Some(one)) => strange.push(unreadable(&result, &format!("{} is there twice", one.name))),
                Ok(None) => {}
                Err(problem) => strange.push(unreadable(&result, &problem)),
            })
            .await?;
        if let Some(first) = refused.first().filter(|_| listed.subscriptions.is_empty() && strange.is_empty())
        {
            return Err(CallFailure::Refusal(first.refusal.clone()));
        }
        listed.is_whole = refused.is_empty() && strange.is_empty() && !listed.subscriptions.is_empty();
        if listed.subscriptions.is_empty() && strange.is_empty() {
            let warning =
                "no subscription is listed: there is none, or the login has lost its rights".to_string();
            listed.warnings.push(warning);
        }
        let refused = refused.into_iter().map(|refused| BackendError::from(refused.refusal).to_string());
        for (what, all) in [("refused", refused.collect()), ("left out", strange)] {
            if let Some(first) = all.first() {
                listed
                    .warnings
                    .push(format!("{} rows of the list are {what}, the first: {first}", all.len()));
            }
        }
        Ok(listed)
    }
}
