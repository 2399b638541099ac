//! Backends that were renamed in the config, or taken out of it, while they had accounts: they are not polled.

use super::{Finding, FindingKind};
use crate::console::panel_vs_whmcs::PanelsVsWhmcs;
use crate::domain::{Bytes, Meter};

/// One line per backend, with what its accounts stored when they were last seen.
pub(super) fn unconfigured(sides: &PanelsVsWhmcs) -> Vec<Finding<'_>> {
    let mut found = Vec::new();
    for (state, standing) in &sides.unconfigured {
        let series = standing.present().flat_map(|(_, account)| &account.series);
        let levels =
            series.filter(|series| series.meter == Meter::StorageUsed).filter_map(|series| series.level);
        let stored = levels.map(Bytes::get).fold(0, u64::saturating_add);
        let (name, accounts) = (state.backend.as_str(), standing.present().count());
        found.push(Finding {
            what: FindingKind::Unconfigured.name(),
            state: "not configured",
            backend: Some(name),
            meter: Some(Meter::StorageUsed.name()),
            bytes: Some(stored),
            since: state.succeeded_at.map(|at| at.to_string()),
            detail: Some(format!(
                "{accounts} accounts are not polled: run `whmeter backend rename {name} NEW` if it has \
                 another name in the config, else `whmeter backend forget {name}`"
            )),
            ..Finding::default()
        });
    }
    found
}
