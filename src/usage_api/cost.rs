//! What the running month of a tenant costs so far, by the `[[price]]` rules. For people: what is billed is drawn up when
//! the period is over, by the same rules.

use serde::Serialize;

use super::UsageApi;
use super::Window;
use super::sums::TenantSums;
use super::tenants::Tenant;
use crate::domain::{ByteMinutes, Bytes, Limit, Meter, Nature};
use crate::pricing::{Money, NoLine, Priced, Used, price};
use crate::rules::Price;
use crate::selector::Candidate;

/// The cost of one meter.
#[derive(Serialize)]
pub(super) struct SoFar {
    meter: &'static str,
    /// A decimal text.
    amount: String,
    currency: String,
}

impl UsageApi {
    /// Each meter that has a price and of which the use is known. Where the accounts of a tenant fall under several rules,
    /// or what is included is unknown or disputed, nothing is said of the meter.
    pub(super) fn so_far(&self, tenant: &Tenant<'_>, known: &TenantSums, window: &Window) -> Vec<SoFar> {
        Meter::ALL.into_iter().filter_map(|meter| self.cost(tenant, meter, known, window)).collect()
    }

    fn cost(&self, tenant: &Tenant<'_>, meter: Meter, known: &TenantSums, window: &Window) -> Option<SoFar> {
        let prices = self.prices();
        let mut rule: Option<(&Price, Limit)> = None;
        for found in &tenant.living {
            let product = found.account.service().and_then(|service| service.product.as_deref());
            let labels = found.account.labels();
            let candidate = Candidate { backend: &found.backend, account: &found.name, labels, product };
            let own = (prices.of(&candidate, meter)?.as_ref(), found.account.limit(meter));
            match rule {
                Some((price, limit)) if price.hash != own.0.hash || limit != own.1 => return None,
                _ => rule = Some(own),
            }
        }
        let (rule, limit) = rule?;
        let (amount, held) = match meter.nature() {
            Nature::Level => (known.level.map_or(Bytes::ZERO, |level| level.amount), known.held?.amount),
            Nature::Flow => (known.flows.get(&meter)?.amount, ByteMinutes::ZERO),
        };
        // The month is priced as far as it has come.
        let used = Used { amount, held, minutes: window.moment.month_minutes(), is_complete: true };
        let amount = match price(&rule.rule, &used, limit).ok()? {
            Priced::Due(charge) => charge.amount,
            Priced::None(NoLine::UnknownLimit | NoLine::Incomplete) => return None,
            Priced::None(_) => Money::new(0, rule.rule.places).ok()?,
        };
        Some(SoFar { meter: meter.name(), amount: amount.to_string(), currency: rule.currency.clone() })
    }
}
