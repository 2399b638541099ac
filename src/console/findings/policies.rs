//! Accounts whose policy on the panel is not the one we want, though our newest switch has ended: somebody else has
//! changed it, or the panel has lost it.

use std::collections::BTreeMap;

use super::{Finding, FindingKind};
use crate::console::panel_vs_whmcs::{PanelsVsWhmcs, Side};
use crate::domain::AccountName;
use crate::quota::Conflict;
use crate::store::PolicyState;

/// One line per account.
pub(super) fn policies(sides: &PanelsVsWhmcs) -> Vec<Finding<'_>> {
    let mut found = Vec::new();
    for side in &sides.panels {
        for (name, state, conflict) in conflicts(side, sides) {
            let line = Finding {
                account: Some(name.as_str()),
                since: state.hold.confirmed_at.map(|at| at.to_string()),
                detail: state.describe_conflict(),
                ..Finding::of(side, FindingKind::Policies, conflict.name())
            };
            found.push(match side.account(name).and_then(|account| side.service(account)) {
                Some(service) => line.sold(service),
                None => line,
            });
        }
    }
    found
}

/// How many there are of each kind, none among them.
pub(super) fn counts(side: &Side, sides: &PanelsVsWhmcs) -> BTreeMap<Conflict, usize> {
    let mut counts = BTreeMap::from(Conflict::ALL.map(|conflict| (conflict, 0)));
    for (_, _, conflict) in conflicts(side, sides) {
        *counts.entry(conflict).or_default() += 1;
    }
    counts
}

/// Those that are on the panel and that the config wants.
fn conflicts<'a>(
    side: &'a Side,
    sides: &'a PanelsVsWhmcs,
) -> impl Iterator<Item = (&'a AccountName, &'a PolicyState, Conflict)> {
    let mine = sides.policies.iter().filter(|(key, _)| key.backend == side.panel.id);
    let there =
        mine.filter(|(key, _)| side.account(&key.name).is_some_and(|account| account.gone_at.is_none()));
    there.filter_map(|(key, state)| Some((&key.name, state, state.conflict()?)))
}
