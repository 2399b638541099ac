//! What services used and can no longer be reported to WHMCS: it does not ask for them, or it never received
//! anything of their closed month.

use std::collections::{HashMap, HashSet};

use super::{Finding, FindingKind};
use crate::console::panel_vs_whmcs::{PanelsVsWhmcs, Side};
use crate::domain::{AccountName, Bytes, Meter, Month, Nature, Owner};
use crate::pricing::{Money, Used};
use crate::reported::{self, Lacking};
use crate::rules::Prices;
use crate::selector::Candidate;
use crate::standing::{AccountStanding, Moment};

/// One line per meter of the service that owes it. A service that ended is reported at once; what a closed month
/// lacks of one that WHMCS still asks for is carried, if anything of that month was reported to it.
pub(super) fn untold<'a>(sides: &'a PanelsVsWhmcs, moment: &Moment, prices: &Prices) -> Vec<Finding<'a>> {
    let asked = sides.asked();
    let (none, accounts) = (HashSet::new(), accounts(sides));
    let mut found = Vec::new();
    for (month, closed) in &sides.reported {
        let later =
            sides.reported.iter().find(|(later, _)| *later == month.next()).map(|(_, later)| later.as_ref());
        // A server that WHMCS never asked about is billed in another way, or not yet.
        if closed.reported.is_empty() {
            continue;
        }
        // The month after is over, too: what it did not carry nothing does, whoever is still asked for.
        let is_past = month.next() < moment.month;
        let carrying = if is_past { &none } else { &asked };
        for Lacking { owner, meter, metric, tenant, bytes } in
            reported::untold(closed, later, carrying, *month, moment.zone)
        {
            // Of whom a past month was never reported stood here while it was the last.
            if *month == moment.month && asked.contains(&owner) || is_past && tenant.is_none() {
                continue;
            }
            let usage = u64::try_from(bytes).ok().and_then(|bytes| Bytes::new(bytes).ok());
            let paid_by = accounts.get(&owner);
            let worth = usage.and_then(|usage| worth(paid_by?, (meter, *month), usage, moment, prices));
            let (amount, currency) = worth.unzip();
            let so = match tenant {
                Some(tenant) if is_past => {
                    format!(
                        "{month}: too little or too much was reported to WHMCS for {tenant}, and the month after did not carry it over"
                    )
                }
                Some(tenant) => format!(
                    "{month}: too little or too much was reported to WHMCS for \
                     {tenant}, and WHMCS no longer asks for it"
                ),
                None => format!("{month}: nothing of it was reported to WHMCS"),
            };
            let line = Finding {
                what: FindingKind::Untold.name(),
                state: if *month == moment.month { "running" } else { "closed" },
                backend: paid_by.map(|(side, ..)| side.name()),
                account: paid_by.map(|(_, name, _)| name.as_str()),
                meter: Some(metric),
                bytes: usage.map(Bytes::get),
                difference_bytes: i64::try_from(bytes).ok(),
                amount,
                currency,
                detail: Some(so),
                ..Finding::default()
            };
            found.push(match owner {
                Owner::Service(id) => match sides.service(id) {
                    Some((server, service)) => Finding { server: Some(server), ..line.sold(service) },
                    None => Finding { service: Some(id), ..line },
                },
                Owner::Name { server, .. } => Finding { server: Some(server), ..line },
                Owner::Unowned => line,
            });
        }
    }
    found
}

type PaidBy<'a> = (&'a Side, &'a AccountName, &'a AccountStanding);

/// An account of everybody who pays or paid for one, the newest.
fn accounts(sides: &PanelsVsWhmcs) -> HashMap<&Owner, PaidBy<'_>> {
    let mut accounts: HashMap<&Owner, PaidBy<'_>> = HashMap::new();
    for side in &sides.panels {
        for (name, account) in side.accounts() {
            let owners = account.shares.iter().map(|share| &share.owner).chain([&account.owner]);
            for owner in owners {
                let known = accounts.get(owner);
                if known.is_none_or(|(.., known)| known.first_seen <= account.first_seen) {
                    accounts.insert(owner, (side, name, account));
                }
            }
        }
    }
    accounts
}

/// What so many bytes of a month would cost; of a level those are bytes held all month long.
fn worth(
    (side, name, account): &PaidBy<'_>,
    (meter, month): (Meter, Month),
    bytes: Bytes,
    moment: &Moment,
    prices: &Prices,
) -> Option<(Money, String)> {
    let minutes = moment.zone.minutes_of(month.period());
    let (amount, held) = match meter.nature() {
        Nature::Flow => (bytes, Default::default()),
        Nature::Level => (bytes, bytes.held_for(minutes)),
    };
    let used = Used { amount, held, minutes, is_complete: true };
    let product = side.service(account).and_then(|service| service.product.as_deref());
    let candidate = Candidate { backend: &side.panel.id, account: name, labels: account.labels(), product };
    let (amount, currency) = prices.worth(&candidate, meter, &used)?;
    Some((amount, currency.to_string()))
}
