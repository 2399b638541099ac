//! Accounts on the panels that belong to no service, or to several: what they use is billed to nobody.

use std::collections::BTreeMap;

use super::{Finding, Moment, What};
use crate::console::sides::Side;
use crate::domain::{AccountName, Bytes, Meter};
use crate::pricing::Used;
use crate::rules::Prices;
use crate::selector::Candidate;
use crate::store::{AccountStanding, MappedTo, SeriesStanding};

/// One line per meter of each such account that something is known of now; one without a meter where
/// nothing is. Accounts that the config excludes are not looked at.
pub(super) fn unbilled<'a>(sides: &'a [Side], moment: &Moment, prices: &Prices) -> Vec<Finding<'a>> {
    let mut found = Vec::new();
    for side in sides {
        if let Some(why) = side.untold() {
            found.push(Finding::unknown(side, What::Unbilled, why));
            continue;
        }
        // WHMCS is answered by what the last poll found: until the next, these are neither one nor the other.
        let waiting = side.present().filter(|(_, account)| account.mapped.is_none()).count();
        if waiting > 0 {
            let why =
                format!("{waiting} accounts were not polled since WHMCS told the services of their server");
            found.push(Finding::unknown(side, What::Unbilled, why));
        }
        for (name, account) in side.present().filter(|(_, account)| account.is_unbilled()) {
            let state = account.mapped.as_ref().map_or("unmapped", |MappedTo { mapping, .. }| mapping.name());
            let line = Finding {
                account: Some(name.as_str()),
                since: Some(account.first_seen.to_string()),
                ..Finding::of(side, What::Unbilled, state)
            };
            let known = account.series.iter().filter_map(|series| {
                let bytes = moment.known(series)?;
                let (amount, currency) = worth(side, name, account, series, moment, prices).unzip();
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
                found.push(Finding { detail: Some("nothing is known of its use now".into()), ..line });
            }
        }
    }
    found
}

/// What a meter would cost so far in the running month, and in which currency. The month is priced as far as
/// it has come: storage by what was held of it until now.
fn worth(
    side: &Side,
    name: &AccountName,
    account: &AccountStanding,
    series: &SeriesStanding,
    moment: &Moment,
    prices: &Prices,
) -> Option<(String, String)> {
    let month = series.month?;
    let minutes = moment.zone.minutes_of(month.month.period());
    let used = Used { amount: month.amount, held: month.held, minutes, is_complete: true };
    let candidate = Candidate {
        backend: &side.panel.id,
        account: name,
        package: account.package.as_deref(),
        product: None,
    };
    let (amount, currency) = prices.worth(&candidate, series.meter, &used)?;
    Some((amount.to_string(), currency.to_string()))
}

/// What these accounts of a backend use, meter by meter. Where there are none it is nothing; a meter that
/// is known of none of them is absent.
pub(super) fn sums(side: &Side, moment: &Moment) -> BTreeMap<Meter, Bytes> {
    let mut sums: BTreeMap<Meter, Option<Bytes>> = BTreeMap::new();
    let mut any = false;
    for (_, account) in side.present().filter(|(_, account)| account.is_unbilled()) {
        any = true;
        for series in &account.series {
            if let Some(bytes) = moment.known(series) {
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
