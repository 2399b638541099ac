//! What is known of a tenant: the sum over all accounts that it pays or paid for, in bytes. A sum of which a part
//! is not known is not known.

use litemap::LiteMap;

use super::payers::Found;
use super::tenants::Tenant;
use super::{Billed, Window};
use crate::domain::{ByteMinutes, Bytes, Meter, Nature, Timestamp};

/// What is known of a tenant now; of anything absent nothing can be said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantSums {
    /// What its accounts hold now.
    pub level: Option<Measured<Bytes>>,
    /// What they held over the running month, level times time.
    pub held: Option<Measured<ByteMinutes>>,
    /// What they moved in the running month.
    pub flows: LiteMap<Meter, Measured<Bytes>>,
}

/// A sum, and when the newest part of it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured<T> {
    /// The sum.
    pub amount: T,
    /// When.
    pub at: Timestamp,
}

/// Sums up what is known of a tenant.
pub fn known(tenant: &Tenant<'_>, window: &Window) -> TenantSums {
    let mut known = TenantSums::default();
    // A service's days go nowhere but to another, or are taken back: who has none has used nothing. What it holds
    // now is nothing that sums, and is not known.
    if let Some((meters, at)) = tenant.emptied.as_ref().filter(|_| !window.elsewhen) {
        for meter in meters {
            match meter.nature() {
                Nature::Level => known.held = Some(Measured { amount: ByteMinutes::ZERO, at: *at }),
                Nature::Flow => drop(known.flows.insert(*meter, Measured { amount: Bytes::ZERO, at: *at })),
            }
        }
    }
    let metered = |meter: &Meter| tenant.accounts.iter().any(|found| found.account.meter(*meter).is_some());
    for meter in Meter::ALL.into_iter().filter(metered) {
        let Some(at) = newest(tenant, meter) else { continue };
        let month = if window.elsewhen { None } else { month(tenant, meter, window) };
        match meter.nature() {
            Nature::Level => {
                known.level = level(tenant, window).map(|amount| Measured { amount, at });
                known.held = month.map(|(_, amount)| Measured { amount, at });
            }
            // One account's total without what another moved is no total of both.
            Nature::Flow if meter == Meter::TrafficTotal && is_mixed(tenant) => {}
            // Nor is what some moved one way all that passed that way, where another tells no directions.
            Nature::Flow if tells_total_alone(tenant, meter) => {}
            Nature::Flow => {
                let flow = month.map(|(amount, _)| (meter, Measured { amount, at }));
                known.flows.extend(flow);
            }
        }
    }
    let total = total(tenant, &known.flows).filter(|_| !metered(&Meter::TrafficTotal));
    known.flows.extend(total.map(|sum| (Meter::TrafficTotal, sum)));
    known
}

/// What its accounts moved either way, where their panels report the directions. Of one that reports only one of them
/// the other is unknown.
fn total(tenant: &Tenant<'_>, flows: &LiteMap<Meter, Measured<Bytes>>) -> Option<Measured<Bytes>> {
    let [incoming, outgoing] = Meter::DIRECTIONS;
    let reports = |found: &Found, meter| found.account.meter(meter).is_some();
    if tenant.accounts.iter().any(|found| reports(found, incoming) != reports(found, outgoing)) {
        return None;
    }
    let (incoming, outgoing) = (flows.get(&incoming)?, flows.get(&outgoing)?);
    let amount = incoming.amount.checked_add(outgoing.amount)?;
    Some(Measured { amount, at: incoming.at.max(outgoing.at) })
}

/// Whether the panels of some of its accounts report a total and others the directions alone.
fn is_mixed(tenant: &Tenant<'_>) -> bool {
    let reports = |found: &Found, meter| found.account.meter(meter).is_some();
    let directions = |found: &Found| Meter::DIRECTIONS.into_iter().any(|meter| reports(found, meter));
    tenant.accounts.iter().any(|found| directions(found) && !reports(found, Meter::TrafficTotal))
}

/// Whether the panel of one of its accounts reports what passed either way, and not this direction.
fn tells_total_alone(tenant: &Tenant<'_>, meter: Meter) -> bool {
    let reports = |found: &Found, meter| found.account.meter(meter).is_some();
    let alone = |found: &Found| reports(found, Meter::TrafficTotal) && !reports(found, meter);
    Meter::DIRECTIONS.contains(&meter) && tenant.accounts.iter().any(alone)
}

/// When any of its accounts was last measured: those that it has before those it had.
fn newest(tenant: &Tenant<'_>, meter: Meter) -> Option<Timestamp> {
    let at = |found: &Found| Some(found.account.meter(meter)?.at);
    let living = tenant.living.iter().filter_map(|found| at(found)).max();
    living.or_else(|| tenant.accounts.iter().filter_map(at).max())
}

/// What its accounts hold now. Of one that is missing it is unknown.
fn level(tenant: &Tenant<'_>, window: &Window) -> Option<Bytes> {
    if tenant.living.is_empty() || tenant.living.iter().any(|found| !found.account.is_present()) {
        return None;
    }
    let mut sum = Bytes::ZERO;
    for found in measured(tenant, Meter::StorageUsed)? {
        let level = found.account.meter(Meter::StorageUsed)?.known(&window.moment).ok()?;
        sum = sum.checked_add(level)?;
    }
    Some(sum)
}

/// What its holdings have of the billed days of the running month. It is known if that of every account that it has now
/// is.
fn month(tenant: &Tenant<'_>, meter: Meter, window: &Window) -> Option<(Bytes, ByteMinutes)> {
    // What is carried of the month before, and what the others have, is no sum of the service either.
    if tenant.accounts.iter().any(|found| found.account.is_contradicted()) {
        return None;
    }
    for found in measured(tenant, meter)? {
        let account = &found.account;
        let is_billed = !account.is_present() || window.is_in_billed(account.meter(meter)?.at);
        if !is_billed || !account.knows_month(meter, &window.moment) {
            return None;
        }
    }
    if let Billed::Part(_, sums) = &window.billed {
        let sum = sums.get(&tenant.payee).and_then(|sums| sums.get(&meter)).copied();
        return Some(sum.unwrap_or_default());
    }
    // Of accounts that are gone only the newest month is at hand: by a clock that is behind the running one is before it.
    let is_over =
        |found: &Found| found.account.newest_month(&tenant.payee, meter) > Some(window.moment.month);
    if tenant.accounts.iter().any(is_over) {
        return None;
    }
    let shares = tenant.accounts.iter();
    let shares = shares.flat_map(|found| found.account.shares_of(&tenant.payee, window.moment.month));
    let mut sum = (Bytes::ZERO, ByteMinutes::ZERO);
    for (_, month) in shares.filter(|(of, _)| *of == meter) {
        sum = (sum.0.checked_add(month.amount)?, sum.1 + month.held);
    }
    Some(sum)
}

/// The accounts that a tenant has now and whose panels report this meter; `None` where one was never read at all, or
/// could not be read in full and never reported it, so that what it has is unknown.
fn measured<'t>(tenant: &'t Tenant<'_>, meter: Meter) -> Option<impl Iterator<Item = &'t Found>> {
    let is_read = tenant.living.iter().all(|found| {
        let account = &found.account;
        !account.series.is_empty() && (account.trouble.is_none() || account.meter(meter).is_some())
    });
    is_read.then(|| tenant.living.iter().copied().filter(move |found| found.account.meter(meter).is_some()))
}
