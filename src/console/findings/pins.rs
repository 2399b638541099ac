//! What operators have said of accounts that are there no more: it says nothing of whoever has the name now.

use super::{Finding, FindingKind};
use crate::console::panel_vs_whmcs::PanelsVsWhmcs;

/// One line per pin of an earlier life.
pub(super) fn pins(sides: &PanelsVsWhmcs) -> Vec<Finding<'_>> {
    let mut found = Vec::new();
    for side in &sides.panels {
        let pins = sides.pins.get(&side.panel.id).into_iter().flatten();
        let mut over: Vec<_> = pins
            .filter_map(|(name, pin)| Some((name, pin, side.account(name)?)))
            .filter(|(_, pin, account)| pin.nth != Some(account.nth))
            .collect();
        over.sort_by_key(|(name, ..)| *name);
        found.extend(over.into_iter().map(|(name, pin, account)| Finding {
            account: Some(name.as_str()),
            service: Some(pin.service),
            since: Some(account.first_seen.to_string()),
            detail: Some(format!(
                "service {} was mapped to an earlier account of this name, not to the current one: \
                 `whmeter map set` maps it to this one, `whmeter map unset` removes the mapping",
                pin.service
            )),
            ..Finding::of(side, FindingKind::Pins, "earlier life")
        }));
    }
    found
}
