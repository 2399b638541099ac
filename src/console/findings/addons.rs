//! Add-ons with an account of their own: WHMCS fetches no metrics for them, so that nobody bills what they use.

use super::{Finding, FindingKind};
use crate::console::panel_vs_whmcs::PanelsVsWhmcs;

/// One line per add-on that somebody pays for now.
pub(super) fn addons(sides: &PanelsVsWhmcs) -> Vec<Finding<'_>> {
    let mut found = Vec::new();
    for (server, list) in &sides.lists {
        let living =
            list.addons.iter().filter(|addon| matches!(addon.status.as_str(), "Active" | "Suspended"));
        found.extend(living.map(|addon| Finding {
            what: FindingKind::Addons.name(),
            state: "not covered",
            server: Some(*server),
            service: Some(addon.service),
            client: Some(addon.client).filter(|client| *client > 0),
            username: addon.username.as_deref(),
            product: addon.name.as_deref(),
            status: Some(&addon.status),
            detail: Some(format!("add-on {}: WHMCS bills no metric of an add-on", addon.id)),
            ..Finding::default()
        }));
    }
    found
}
