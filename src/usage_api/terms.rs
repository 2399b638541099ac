//! What holds of one account besides its usage: its limits, its policy, and a pin.

use std::collections::BTreeMap;

use serde::Serialize;

use super::UsageApi;
use super::tenants::Tenant;
use crate::domain::Meter;
use crate::reported::{Decimal, decimal};
use crate::standing::AccountStanding;
use crate::web::Problem;

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

impl Terms {
    fn in_common(mut self, other: Terms) -> Terms {
        self.limits.retain(|name, limit| other.limits.get(name) == Some(limit));
        let same = |one: Option<&'static str>, other| one.filter(|_| one == other);
        Terms {
            limits: self.limits,
            policy: same(self.policy, other.policy),
            pinned: same(self.pinned, other.pinned),
        }
    }
}

impl UsageApi {
    /// The terms of a tenant's accounts: of several what holds of all of them. A limit that was sold does.
    pub(super) async fn terms(&self, tenant: &Tenant<'_>) -> Result<Terms, Problem> {
        if tenant.contested.is_some() {
            return Ok(Terms::default());
        }
        let mut common: Option<Terms> = None;
        for found in &tenant.living {
            let state = self.store.policy(&found.key()).await.map_err(Problem::unavailable)?;
            let pinned = state.and_then(|state| state.hold.pinned(self.clock.now()));
            let terms = Terms {
                limits: self.limits(&found.account),
                policy: found.account.policy.map(|policy| policy.name()),
                pinned: pinned.map(|policy| policy.name()),
            };
            common = Some(match common {
                Some(others) => others.in_common(terms),
                None => terms,
            });
        }
        Ok(common.unwrap_or_default())
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
