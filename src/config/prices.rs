//! The `[[price]]` list, and whom it needs in WHMCS.

use std::sync::Arc;

use super::Reader;
use crate::backends::ConfiguredPanel;
use crate::domain::BillingZone;
use crate::notify::WhmcsApi;
use crate::rules::{Price, Prices};
use crate::settings::{Section, SettingsError};
use crate::usage_api::WhmcsSettings;

/// What `[whmcs]` says of the external API; `None` unless all of it is there.
pub(super) fn api(whmcs: &WhmcsSettings, zone: BillingZone) -> Option<WhmcsApi> {
    Some(WhmcsApi {
        url: whmcs.url.clone()?,
        identifier: whmcs.identifier.clone()?,
        secret: whmcs.secret.clone()?,
        access_key: whmcs.access_key.clone(),
        unit_bytes: whmcs.unit.bytes(whmcs.unit_base),
        zone,
    })
}

impl Reader<'_> {
    pub(super) fn prices(&mut self, value: Option<toml::Value>, panels: &[Arc<ConfiguredPanel>]) -> Prices {
        let mut prices: Vec<Price> = Vec::new();
        for (number, table) in self.list("price", "rule", value) {
            let read = Price::read(Section::new(table, self.folder)).and_then(|price| {
                match prices.iter().any(|other| other.name == price.name) {
                    true => {
                        let problem = format!("another price is called {:?} already", price.name);
                        Err(SettingsError::new("name", problem))
                    }
                    false => Ok(price),
                }
            });
            let Some(price) = self.keep(&["price", &number], read) else { continue };
            let unmeasured = panels.iter().filter(|metered| {
                price.is_for(&metered.id) && price.rule.meter.made_of(metered.kind.meters).is_empty()
            });
            for metered in unmeasured {
                self.warnings.push(format!(
                    "price[{number}]: it never bills {}: whmeter does not measure {} there",
                    metered.id, price.rule.meter
                ));
            }
            prices.push(price);
        }
        Prices::new(prices)
    }
}
