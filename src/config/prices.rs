//! The `[[price]]` list, and whom it needs in WHMCS.

use std::sync::Arc;

use super::{ConfigError, Reader};
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
    pub(super) fn prices(
        &mut self,
        value: Option<toml::Value>,
        panels: &[Arc<ConfiguredPanel>],
    ) -> Result<Prices, ConfigError> {
        let list = match value {
            None => Vec::new(),
            Some(toml::Value::Array(list)) => list,
            Some(_) => {
                let problem = "expected [[price]], in double brackets, once for each rule";
                return Err(self.file.error(&["price"], SettingsError::new("", problem)));
            }
        };
        let mut prices: Vec<Price> = Vec::new();
        for (index, value) in list.into_iter().enumerate() {
            let number = index.to_string();
            let at = ["price", number.as_str()];
            let read = || {
                let toml::Value::Table(table) = value else {
                    return Err(SettingsError::new("", "expected [[price]], in double brackets"));
                };
                let price = Price::read(Section::new(table, self.folder))?;
                if prices.iter().any(|other| other.name == price.name) {
                    let problem = format!("another price is called {:?} already", price.name);
                    return Err(SettingsError::new("name", problem));
                }
                Ok(price)
            };
            let price = read().map_err(|error| self.file.error(&at, error))?;
            let unmeasured = panels.iter().filter(|metered| {
                price.is_for(&metered.id) && !metered.kind.meters.contains(&price.rule.meter)
            });
            for metered in unmeasured {
                self.warnings.push(format!(
                    "price[{index}]: it never bills {}: whmeter does not measure {} there",
                    metered.id, price.rule.meter
                ));
            }
            prices.push(price);
        }
        Ok(Prices::new(prices))
    }
}
