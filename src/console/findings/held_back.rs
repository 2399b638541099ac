//! Meters whose readings jump further than can be: nothing of them counts until somebody has looked.

use super::{Finding, What};
use crate::console::sides::Side;

/// One line per meter.
pub(super) fn held_back(sides: &[Side]) -> Vec<Finding<'_>> {
    let mut found = Vec::new();
    for side in sides {
        for (name, account) in side.present() {
            for series in &account.series {
                let Some(since) = series.held_back else { continue };
                let line = Finding {
                    account: Some(name.as_str()),
                    meter: Some(series.meter.name()),
                    at: Some(series.at.to_string()),
                    since: Some(since.to_string()),
                    detail: Some("readings jump further than max_rate allows: see `whmeter explain`, then `whmeter adjust --accept`".into()),
                    ..Finding::of(side, What::HeldBack, "held back")
                };
                found.push(match side.service(account) {
                    Some(service) => line.sold(service),
                    None => line,
                });
            }
        }
    }
    found
}
