//! Accounts whose limit on the panel is another than the one that was sold.

use super::{Finding, FindingKind};
use crate::console::panel_vs_whmcs::Side;
use crate::domain::Meter;

/// One line per account of a living service, and for what it stores and what it moves, where both limits are known and
/// differ. A panel's limit of traffic is of both directions, and is held against one that was sold for both. Unlimited
/// (zero, on either side) differs from every number; what one side does not say is not compared.
pub(super) fn wrong_plans(sides: &[Side]) -> Vec<Finding<'_>> {
    let mut found = Vec::new();
    for side in sides {
        if let Some(why) = side.untold() {
            found.push(Finding::unknown(side, FindingKind::WrongPlans, why));
            continue;
        }
        let mut reports = false;
        for (name, account) in side.present() {
            for meter in [Meter::StorageUsed, Meter::TrafficTotal] {
                let Some(panel) = account.panel_limit(meter).to_door() else { continue };
                reports = true;
                let Some(service) = side.service(account).filter(|service| service.is_live()) else {
                    continue;
                };
                let Some(sold) = service.limit(meter).to_door().filter(|sold| *sold != panel) else {
                    continue;
                };
                let line = Finding {
                    account: Some(name.as_str()),
                    meter: Some(meter.name()),
                    panel_bytes: Some(panel.get()),
                    sold_bytes: Some(sold.get()),
                    ..Finding::of(side, FindingKind::WrongPlans, "differs")
                };
                found.push(line.sold(service));
            }
        }
        if !reports {
            let why = "the panel reports no limit for any account";
            found.push(Finding::unknown(side, FindingKind::WrongPlans, why));
        }
    }
    found
}
