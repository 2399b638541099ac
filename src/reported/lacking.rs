//! What a month that is over lacks of what was reported to WHMCS: what is carried into the next, or cannot be
//! reported any more.

use std::collections::HashSet;

use super::amount::{SCALE, decimal, unit_months};
use super::value::{Closed, ClosedMonth, Payee, ReportedValue, Sums};
use crate::domain::{BillingZone, ByteMinutes, Bytes, Meter, Month, Nature, Owner};

/// The metric of GB-months.
pub const GB_MONTH: &str = "disk_gb_month";

/// The metrics that sum over a month, and what each is made of.
pub const SUMMED: [(Meter, &str); 4] = [
    (Meter::StorageUsed, GB_MONTH),
    (Meter::TrafficIn, "traffic_in"),
    (Meter::TrafficOut, "traffic_out"),
    (Meter::TrafficTotal, "traffic_total"),
];

/// Bytes of a closed month that were not reported to WHMCS and cannot be reported any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// Whose.
    pub owner: Owner,
    /// Of what.
    pub meter: Meter,
    /// What WHMCS calls it: the meter's name, or [`GB_MONTH`].
    pub metric: &'static str,
    /// The name WHMCS has for it, where something was reported.
    pub tenant: Option<String>,
    /// What the ledger has and WHMCS does not, in bytes; negative where too much was reported. Of GB-months, bytes
    /// that were held all month long.
    pub bytes: i128,
}

/// What of a closed month cannot be reported any more, because WHMCS does not ask for whoever owes it: what sums
/// over the month, of services that are not in `asked`, the payees that WHMCS still asks for. What `later`, the
/// month after, has carried is reported.
pub fn untold(
    closed: &ClosedMonth,
    later: Option<&ClosedMonth>,
    asked: &HashSet<Payee>,
    month: Month,
    zone: BillingZone,
) -> Vec<Lacking> {
    let mut found = Vec::new();
    let mut seen: HashSet<(&Owner, &str)> = HashSet::new();
    for one in closed.reported.values().flatten() {
        let Some((meter, metric)) = summed(&one.reported.metric) else { continue };
        seen.insert((&one.reported.payee, metric));
        if asked.contains(&one.reported.payee) {
            continue;
        }
        let Some(lacking) = lacking(one, zone) else { continue };
        let lacking = lacking - later.map_or(0, |later| carried(later, &one.reported));
        if lacking == 0 {
            continue;
        }
        // To the nearest byte that so many hundred-thousandths of a unit are.
        let bytes = lacking * i128::from(one.reported.unit) / i128::from(SCALE);
        let (owner, tenant) = (one.reported.payee.clone(), Some(one.reported.tenant.clone()));
        found.push(Lacking { owner, meter, metric, tenant, bytes });
    }
    // Once anything is reported to WHMCS everything is: whoever it never heard of is not paid for by it.
    let minutes = u128::from(zone.minutes_of(month.period()).get());
    for (owner, sums) in closed.sums.iter().filter(|(owner, _)| **owner != Owner::Unowned) {
        for (meter, metric) in SUMMED {
            let Some((amount, held)) = sums.get(&meter) else { continue };
            let bytes = match meter.nature() {
                Nature::Flow => amount.wide(),
                Nature::Level => {
                    let all_month = held.get().checked_div(minutes).unwrap_or_default();
                    i128::try_from(all_month).unwrap_or(i128::MAX)
                }
            };
            if bytes > 0 && !seen.contains(&(owner, metric)) {
                let owner = owner.clone();
                found.push(Lacking { owner, meter, metric, tenant: None, bytes });
            }
        }
    }
    found.sort_by(|one, other| (&one.owner, one.metric).cmp(&(&other.owner, other.metric)));
    found
}

/// The meter that a metric is made of, and the metric, if it is one that sums over a month.
fn summed(metric: &str) -> Option<(Meter, &'static str)> {
    SUMMED.into_iter().find(|(_, summed)| *summed == metric)
}

/// What a month has carried of the one before it, in the unit that was reported in.
fn carried(later: &ClosedMonth, reported: &ReportedValue) -> i128 {
    let mut its = later.reported.get(&reported.payee).into_iter().flatten();
    let found = its.find(|later| later.reported.metric == reported.metric);
    found.map_or(0, |later| in_unit(later.reported.carried.into(), later.reported.unit, reported.unit))
}

/// What the ledger has of a month that is over and WHMCS was not given, in hundred-thousandths of the unit it
/// was reported in; negative where too much was reported. `None` for a metric that is no sum over a month.
pub fn lacking(closed: &Closed, zone: BillingZone) -> Option<i128> {
    let ReportedValue { payee, metric, month, unit, value, carried, .. } = &closed.reported;
    let minutes = zone.minutes_of(month.period());
    // A day nothing passed on has no row. But where something was reported and nothing is there, nobody knows,
    // unless it was a service's: no day of one ever goes but to another, by an operator's hand.
    let is_nothing = *value == (*carried).max(0) || matches!(payee, Owner::Service(_));
    let nothing = is_nothing.then_some((Bytes::ZERO, ByteMinutes::ZERO));
    let sum = |meter| closed.sums.get(&meter).copied().or(nothing);
    let ledger = match metric.as_ref() {
        GB_MONTH => unit_months(sum(Meter::StorageUsed)?.1, *unit, minutes)?.scaled(),
        flow => {
            let moved = match flow.parse().ok()? {
                Meter::TrafficTotal => {
                    total(&closed.sums).unwrap_or_else(|| nothing.map(|(amount, _)| amount))?
                }
                meter => sum(meter)?.0,
            };
            decimal(moved, *unit).scaled()
        }
    };
    Some(i128::try_from(ledger).ok()? + i128::from(*carried) - i128::from(*value))
}

/// What passed either way: what the panels reported of both together, or the sum of the directions; `Some(None)` where it
/// cannot be known, `None` where there is nothing at all.
fn total(sums: &Sums) -> Option<Option<Bytes>> {
    let of = |meter| sums.get(&meter).map(|(amount, _)| *amount);
    let [incoming, outgoing] = Meter::DIRECTIONS.map(of);
    match (of(Meter::TrafficTotal), incoming, outgoing) {
        (None, None, None) => None,
        (Some(both), None, None) => Some(Some(both)),
        // A total was reported, so both directions were known: one that is not there is one in which nothing passed.
        (None, incoming, outgoing) => {
            Some(incoming.unwrap_or_default().checked_add(outgoing.unwrap_or_default()))
        }
        // They may be the same bytes, or another account's.
        (Some(_), ..) => Some(None),
    }
}

/// From one unit to another, to the nearest.
pub fn in_unit(amount: i128, from: u64, to: u64) -> i128 {
    if from == to {
        return amount;
    }
    let (scaled, by) = (amount.abs() * i128::from(from), i128::from(to));
    (scaled / by + i128::from(scaled % by >= (by + 1) / 2)) * amount.signum()
}

/// The metrics that are made of a meter.
pub fn metrics(meter: Meter) -> &'static [&'static str] {
    match meter {
        Meter::StorageUsed => &["disk", GB_MONTH],
        Meter::TrafficIn => &["traffic_in"],
        Meter::TrafficOut => &["traffic_out"],
        Meter::TrafficTotal => &["traffic_total"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_what_was_reported_of_it_or_both_directions_and_never_both_together() {
        let bytes = |amount| Bytes::new(amount).expect("fits");
        let of = |parts: &[(Meter, u64)]| {
            let sums = parts.iter().map(|(meter, amount)| (*meter, (bytes(*amount), ByteMinutes::ZERO)));
            total(&sums.collect())
        };
        let (incoming, outgoing) = ((Meter::TrafficIn, 3), (Meter::TrafficOut, 40));
        let both = (Meter::TrafficTotal, 44);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(Meter::StorageUsed, 7)]), None);
        assert_eq!(of(&[both]), Some(Some(bytes(44))));
        assert_eq!(of(&[incoming, outgoing]), Some(Some(bytes(43))));
        assert_eq!(of(&[outgoing]), Some(Some(bytes(40))), "nothing came in, and that has no row");
        assert_eq!(of(&[incoming, outgoing, both]), Some(None), "whether they are the same bytes is unknown");
    }
}
