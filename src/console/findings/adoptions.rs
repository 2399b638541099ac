//! Services that were ordered for accounts that nobody paid for, and of which something is left to be done: nobody is billed,
//! or somebody is billed for nothing.

use super::{Finding, FindingKind};
use crate::console::panel_vs_whmcs::{PanelsVsWhmcs, Side};
use crate::store::{Adoption, OpenAdoption};

/// One line per adoption that is not finished.
pub(super) fn adoptions(sides: &PanelsVsWhmcs) -> Vec<Finding<'_>> {
    let mut found = Vec::new();
    for side in &sides.panels {
        let of_side =
            sides.adoptions.iter().filter(|open| open.adoption.wanted.account.backend == side.panel.id);
        found.extend(of_side.map(|open| Finding {
            account: Some(open.called.as_str()),
            service: open.adoption.service,
            client: Some(open.adoption.wanted.client),
            username: Some(&open.adoption.wanted.username),
            since: Some(open.adoption.begun_at.to_string()),
            detail: Some(what_to_do(side, open)),
            ..Finding::of(side, FindingKind::Adoptions, open.adoption.state.name())
        }));
    }
    found
}

fn what_to_do(side: &Side, open: &OpenAdoption) -> String {
    let OpenAdoption { called, adoption } = open;
    let Adoption { wanted, by, order, .. } = adoption;
    let backend = side.name();
    let order = order.map_or_else(
        || format!("its order, with the domain {}, may have been made or not", adoption.mark),
        |order| format!("its order {order} is in WHMCS"),
    );
    let begun =
        format!("{by} began it for client {} and product {}, and {order}", wanted.client, wanted.product);
    let settled = format!("`whmeter adopt {backend} {called} --settle absent`");
    let was = &wanted.account.name;
    if called != was {
        return format!("{begun}; the account was {was} then: cancel the order in WHMCS, then {settled}");
    }
    if side.account(called).is_none_or(|account| account.gone_at.is_some()) {
        return format!("{begun}; the account is gone: cancel the order in WHMCS, then {settled}");
    }
    format!(
        "{begun}: `whmeter adopt {backend} {called} --client {}` goes on; where nothing of it is in WHMCS, {settled}",
        wanted.client
    )
}
