//! What holds of one account besides its usage: its limits, its policy, and a pin.

use std::collections::BTreeMap;

use serde::Serialize;

use super::UsageApi;
use super::state::unavailable;
use super::tenants::Tenant;
use crate::domain::Meter;
use crate::problem::Problem;
use crate::standing::AccountStanding;
use crate::told::{Decimal, decimal};

/// For the pages that customers and staff see in WHMCS; what is not known is absent.
#[derive(Debug, Default, Serialize)]
pub(super) struct Terms {
    /// By the name of the metric, in its unit; zero is unlimited.
    limits: BTreeMap<&'static str, Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'static str>,
    /// The policy an operator has fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned: Option<&'static str>,
}

impl UsageApi {
    /// The terms of the account a tenant has; none where it has several or none.
    pub(super) async fn terms(&self, tenant: &Tenant<'_>) -> Result<Terms, Problem> {
        let [found] = tenant.living.as_slice() else { return Ok(Terms::default()) };
        let state = self.store.policy(&found.key()).await.map_err(unavailable)?;
        let pinned = state.and_then(|state| state.hold.pinned(self.clock.now()));
        Ok(Terms {
            limits: self.limits(&found.account),
            policy: found.account.policy.map(|policy| policy.name()),
            pinned: pinned.map(|policy| policy.name()),
        })
    }

    /// The limits in force.
    fn limits(&self, account: &AccountStanding) -> BTreeMap<&'static str, Decimal> {
        let units = self.units();
        let limit = |meter| {
            let (name, unit) = match meter {
                Meter::StorageUsed => ("disk", units.disk),
                flow => (flow.name(), units.traffic),
            };
            Some((name, decimal(account.limit(meter).to_door()?, unit)))
        };
        Meter::ALL.into_iter().filter_map(limit).collect()
    }
}
