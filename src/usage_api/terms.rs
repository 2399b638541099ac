//! What holds of one account besides its usage: the limits in force, its policy, and a pin.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::amount::{Decimal, decimal};
use super::routes::unavailable;
use super::{Problem, UsageApi};
use crate::domain::{AccountKey, AccountName, Meter};
use crate::store::{AccountStanding, Standing};

/// For the page that staff see in WHMCS; what is not known is absent.
#[derive(Debug, Default, Serialize)]
pub(super) struct Terms {
    /// By the name of the metric, in its unit.
    limits: BTreeMap<&'static str, Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'static str>,
    /// The policy an operator has fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned: Option<&'static str>,
}

impl UsageApi {
    /// The terms of the account a tenant is; none where several could be meant.
    pub(super) async fn terms(
        &self,
        standings: &[Arc<Standing>],
        tenant: &str,
        accounts: &[&AccountStanding],
    ) -> Result<Terms, Problem> {
        let ([account], Ok(name)) = (accounts, AccountName::new(tenant)) else { return Ok(Terms::default()) };
        let is_its = |standing: &&Arc<Standing>| {
            standing.accounts.get(tenant).is_some_and(|own| std::ptr::eq(own.as_ref(), *account))
        };
        let Some(standing) = standings.iter().find(is_its) else { return Ok(Terms::default()) };
        let key = AccountKey { backend: standing.backend.clone(), name };
        let state = self.store.policy(&key).await.map_err(unavailable)?;
        let pinned = state.and_then(|state| state.hold.pinned(self.clock.now()));
        Ok(Terms {
            limits: self.limits(account),
            policy: account.policy.map(|policy| policy.name()),
            pinned: pinned.map(|policy| policy.name()),
        })
    }

    /// The rule's limit, else for storage the panel's.
    fn limits(&self, account: &AccountStanding) -> BTreeMap<&'static str, Decimal> {
        let units = self.units();
        let limit = |meter| {
            let (name, unit, panel) = match meter {
                Meter::StorageUsed => ("disk", units.disk, account.storage_limit),
                flow => (flow.name(), units.traffic, None),
            };
            let bytes = account.limits.get(&meter).copied().or(panel)?;
            Some((name, decimal(bytes, unit)))
        };
        Meter::ALL.into_iter().filter_map(limit).collect()
    }
}
