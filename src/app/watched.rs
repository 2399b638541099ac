//! The configured backends as people's side sees them.

use std::sync::Arc;

use crate::collector::Metered;
use crate::console::{Watched, Worth};
use crate::domain::{AccountName, BackendId, BillingZone};
use crate::invoicing::Prices;
use crate::pricing::Used;
use crate::store::{AccountStanding, SeriesStanding};

/// What of each backend people's questions need.
pub(crate) fn watched(backends: &[Arc<Metered>], prices: &Prices, zone: BillingZone) -> Vec<Watched> {
    let watched = |metered: &Arc<Metered>| {
        let asked = Arc::clone(metered);
        Watched {
            backend: metered.id.clone(),
            kind: metered.kind.name,
            server: metered.whmcs_server,
            everybody: metered.wants_everybody(),
            wants: Arc::new(move |name: &AccountName| asked.wants(name)),
            worth: worth(metered.id.clone(), prices.clone(), zone),
        }
    };
    backends.iter().map(watched).collect()
}

/// What unbilled usage of a backend would cost. A month that runs is priced as far as it has come: storage by
/// what was held of it until now.
fn worth(backend: BackendId, prices: Prices, zone: BillingZone) -> Worth {
    Arc::new(move |name: &AccountName, account: &AccountStanding, series: &SeriesStanding| {
        let month = series.month?;
        let minutes = zone.minutes_of(month.month.period());
        let used = Used { amount: month.amount, held: month.held, minutes, is_complete: true };
        let package = account.package.as_deref();
        let (amount, currency) = prices.worth(&backend, name.as_str(), package, series.meter, &used)?;
        Some((amount.to_string(), currency.to_string()))
    })
}
