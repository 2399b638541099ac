//! What panels show that is no account's, each thing by its name: nobody is billed for it.

use super::{Finding, FindingKind};
use crate::console::panel_vs_whmcs::PanelsVsWhmcs;

/// One line per thing.
pub(super) fn unclaimed(sides: &PanelsVsWhmcs) -> Vec<Finding<'_>> {
    let mut found = Vec::new();
    for side in &sides.panels {
        let its = sides.unclaimed.get(&side.panel.id).into_iter().flatten();
        found.extend(its.map(|one| Finding {
            bytes: one.level.map(|level| level.get()),
            since: one.since.map(|since| since.to_string()),
            detail: Some(one.what.clone()),
            ..Finding::of(side, FindingKind::Unclaimed, one.why)
        }));
    }
    found
}
