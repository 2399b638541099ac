//! What holds of one account besides its usage: its limits, its policy, and a pin.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use litemap::LiteMap;
use serde::Serialize;

use super::UsageApi;
use super::amount::{Decimal, decimal};
use super::state::unavailable;
use super::tenants::Found;
use crate::domain::{Bytes, Meter};
use crate::problem::Problem;
use crate::store::AccountStanding;

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
    /// The terms of the account a tenant is; none where several could be meant.
    pub(super) async fn terms(&self, accounts: &[Found<'_>]) -> Result<Terms, Problem> {
        let [found] = accounts else { return Ok(Terms::default()) };
        let state = self.store.policy(&found.key()).await.map_err(unavailable)?;
        let pinned = state.and_then(|state| state.hold.pinned(self.clock.now()));
        let sold = self.sold(found).await?;
        Ok(Terms {
            limits: self.limits(found.account, &sold),
            policy: found.account.policy.map(|policy| policy.name()),
            pinned: pinned.map(|policy| policy.name()),
        })
    }

    /// What was sold with the service the account belongs to; nothing until that is known.
    async fn sold(&self, found: &Found<'_>) -> Result<LiteMap<Meter, Bytes>, Problem> {
        // A companion is asked for by another server than its account's.
        let servers = self.servers.read().unwrap_or_else(PoisonError::into_inner).clone();
        let server = servers.iter().find(|(_, backends)| backends.contains(found.backend));
        let (Some(service), Some((&server, _))) = (found.account.service(), server) else {
            return Ok(LiteMap::new());
        };
        let told = self.store.services(server).await.map_err(unavailable)?;
        let sold = told.as_ref().and_then(|told| told.services.by_id(service.id));
        Ok(sold.map(|service| service.limits.clone()).unwrap_or_default())
    }

    /// The limits the rules enforce, else what was sold, else what the panel enforces by itself.
    fn limits(
        &self,
        account: &AccountStanding,
        sold: &LiteMap<Meter, Bytes>,
    ) -> BTreeMap<&'static str, Decimal> {
        let units = self.units();
        let limit = |meter| {
            let (name, unit, panel) = match meter {
                Meter::StorageUsed => ("disk", units.disk, account.storage_limit),
                flow => (flow.name(), units.traffic, None),
            };
            let bytes = account.limits.get(&meter).or_else(|| sold.get(&meter)).copied().or(panel)?;
            Some((name, decimal(bytes, unit)))
        };
        Meter::ALL.into_iter().filter_map(limit).collect()
    }
}
