//! Accounts on the panels that belong to no service, to several, or to one that is sold no more: what they use is
//! not billed.

use std::collections::BTreeMap;

use super::{Finding, FindingKind};
use crate::console::panel_vs_whmcs::{BilledPart, PanelsVsWhmcs, Side};
use crate::domain::{AccountKey, AccountName, ByteMinutes, Bytes, Meter, Nature};
use crate::pricing::{Money, Used};
use crate::rules::Prices;
use crate::selector::Candidate;
use crate::standing::{AccountStanding, MappedTo, Moment, SeriesStanding};

/// One line per meter of each such account that something is known of now; one without a meter where
/// nothing is. Accounts that the config excludes are not looked at.
pub(super) fn unbilled<'a>(sides: &'a PanelsVsWhmcs, moment: &Moment, prices: &Prices) -> Vec<Finding<'a>> {
    let mut found = Vec::new();
    for side in &sides.panels {
        if let Some(why) = side.untold() {
            found.push(Finding::unknown(side, FindingKind::Unbilled, why));
            continue;
        }
        // WHMCS is answered by what the last poll found: until the next, these are neither one nor the other.
        let waiting = side.present().filter(|(_, account)| account.mapped.is_none()).count();
        if waiting > 0 {
            let why =
                format!("{waiting} accounts were not polled since WHMCS sent the services of their server");
            found.push(Finding::unknown(side, FindingKind::Unbilled, why));
        }
        for (name, account) in side.present().filter(|(_, account)| account.is_unbilled()) {
            let mapped = account.mapped.as_ref();
            let state = mapped.map_or("unmapped", |MappedTo { mapping, .. }| mapping.name());
            let rivals = mapped.map(|mapped| mapped.rivals.as_slice()).unwrap_or_default();
            let withheld = (!rivals.is_empty()).then(|| {
                let ids: Vec<String> = rivals.iter().map(ToString::to_string).collect();
                format!("withheld until it is clear whose it is: {}", ids.join(", "))
            });
            let line = Finding {
                account: Some(name.as_str()),
                since: Some(account.first_seen.to_string()),
                detail: withheld,
                ..Finding::of(side, FindingKind::Unbilled, state)
            };
            // It was somebody's once: he does not pay for it any more, or not alone.
            let line = match side.service(account) {
                Some(service) => line.sold(service),
                None => line,
            };
            let known = account.series.iter().filter_map(|series| {
                let known = series.known(moment).ok()?;
                let month = owed(sides.billed.as_ref(), side, name, account, series, moment);
                let bytes = match (series.meter.nature(), month) {
                    (Nature::Flow, Some((moved, _))) => moved,
                    _ => known,
                };
                let worth = |month| worth(side, name, account, series.meter, month, moment, prices);
                let (amount, currency) = month.and_then(worth).unzip();
                Some(Finding {
                    amount,
                    currency,
                    meter: Some(series.meter.name()),
                    bytes: Some(bytes.get()),
                    at: Some(series.at.to_string()),
                    ..line.clone()
                })
            });
            let before = found.len();
            found.extend(known);
            if found.len() == before {
                let nothing = "nothing is known of its use now".to_string();
                let detail = line.detail.as_ref().map_or(nothing.clone(), |so| format!("{so}; {nothing}"));
                found.push(Finding { detail: Some(detail), ..line });
            }
        }
    }
    found
}

/// What is owed of a series for the running month so far: bytes and level times time; `None` where nothing of it was read
/// yet. Of a month that is not billed as a whole the days that are; of a level the last one stands.
fn owed(
    billed: Option<&BilledPart>,
    side: &Side,
    name: &AccountName,
    account: &AccountStanding,
    series: &SeriesStanding,
    moment: &Moment,
) -> Option<(Bytes, ByteMinutes)> {
    // The newest month that has anything may be one before.
    let month = series.running(moment).ok()?;
    let Some(billed) = billed else { return Some((month.amount, month.held)) };
    let key = AccountKey { backend: side.panel.id.clone(), name: name.clone() };
    let sums = billed.get(&(key, account.owner.clone()));
    let (moved, held) = sums.and_then(|sums| sums.get(&series.meter)).copied().unwrap_or_default();
    let is_level = series.meter.nature() == Nature::Level;
    Some((if is_level { month.amount } else { moved }, held))
}

/// What a meter would cost so far in the running month, and in which currency. The month is priced as far as
/// it has come: storage by what was held of it until now.
fn worth(
    side: &Side,
    name: &AccountName,
    account: &AccountStanding,
    meter: Meter,
    (amount, held): (Bytes, ByteMinutes),
    moment: &Moment,
    prices: &Prices,
) -> Option<(Money, String)> {
    let minutes = moment.month_minutes();
    let used = Used { amount, held, minutes, is_complete: true };
    let candidate =
        Candidate { backend: &side.panel.id, account: name, labels: account.labels(), product: None };
    let (amount, currency) = prices.worth(&candidate, meter, &used)?;
    Some((amount, currency.to_string()))
}

/// What these accounts of a backend use, meter by meter. Where there are none it is nothing; a meter that
/// is known of none of them is absent.
pub(super) fn sums(side: &Side, moment: &Moment) -> BTreeMap<Meter, Bytes> {
    let mut sums: BTreeMap<Meter, Option<Bytes>> = BTreeMap::new();
    let mut any = false;
    for (_, account) in side.present().filter(|(_, account)| account.is_unbilled()) {
        any = true;
        for series in &account.series {
            if let Ok(bytes) = series.known(moment) {
                let sum = sums.entry(series.meter).or_insert(Some(Bytes::ZERO));
                *sum = sum.and_then(|sum| sum.checked_add(bytes));
            }
        }
    }
    if !any {
        let meters = side.present().flat_map(|(_, account)| &account.series).map(|series| series.meter);
        return meters.map(|meter| (meter, Bytes::ZERO)).collect();
    }
    sums.into_iter().filter_map(|(meter, sum)| Some((meter, sum?))).collect()
}
