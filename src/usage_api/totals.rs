//! What WHMCS is told of every tenant: known values, or the reason there are none.

use serde::{Serialize, Serializer};

use super::amount::{Decimal, Signed, decimal, unit_months};
use super::tenants::Found;
use super::told::{Carried, GB_MONTH};
use super::{Units, Window};
use crate::domain::{Meter, Timestamp};
use crate::store::{SeriesStanding, Telling};

/// One value, as a decimal string in the configured unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Value {
    value: Decimal,
    /// When the panel measured it.
    collected_at: i64,
    /// The part of it that the month before lacked, or had too much.
    #[serde(skip_serializing_if = "Signed::is_zero")]
    carried: Signed,
    #[serde(skip)]
    unit: u64,
}

/// The values of one tenant by metric name: only those that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(Vec<(&'static str, Value)>);

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A tenant of whom nothing can be said now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// The tenant.
    pub tenant: String,
    /// `stale`, `never_read`, `ambiguous` or `failed`.
    pub reason: &'static str,
    /// Since when.
    pub since: String,
}

/// The answer for one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What is known; never empty.
    Known(Values),
    /// Nothing is known, and why.
    Withheld(Withheld),
}

/// What WHMCS is told of a tenant; `None` for one that left before this month began.
pub fn answer(
    tenant: &str,
    accounts: &[Found<'_>],
    units: &Units,
    window: &Window,
    carried: &Carried,
) -> Option<Answer> {
    let [found @ Found { account, .. }] = accounts else {
        let since = accounts.iter().map(|found| found.account.first_seen).max()?;
        return Some(withheld(tenant, "ambiguous", since));
    };
    let known = values(tenant, found, units, window, carried);
    if !known.0.is_empty() {
        return Some(Answer::Known(known));
    }
    if account.gone_at.is_some_and(|gone| gone < window.start) {
        return None;
    }
    let newest = account.series.iter().map(|series| series.at).max();
    Some(match (&account.trouble, newest) {
        (Some((_, since)), _) => withheld(tenant, "failed", *since),
        (None, None) => withheld(tenant, "never_read", account.first_seen),
        (None, Some(at)) => withheld(tenant, "stale", at),
    })
}

fn withheld(tenant: &str, reason: &'static str, since: Timestamp) -> Answer {
    Answer::Withheld(Withheld { tenant: tenant.to_string(), reason, since: since.to_string() })
}

/// Every value that is known and fresh. A zero is a value.
fn values(tenant: &str, found: &Found<'_>, units: &Units, window: &Window, carried: &Carried) -> Values {
    let account = found.account;
    let mut values = Vec::with_capacity(account.series.len() + 1);
    for series in account.series.iter().filter(|series| window.is_fresh(series.at)) {
        let collected_at = series.at.get();
        let mut put = |metric, own: Option<Decimal>, unit, carried: i128| {
            let with_carried = |own: Decimal| {
                let sum = i128::try_from(own.scaled()).unwrap_or(i128::MAX).saturating_add(carried);
                // What is owed to the customer beyond this month stays owed: it is carried on.
                let value = Decimal::new(u128::try_from(sum).unwrap_or(0));
                (metric, Value { value, collected_at, carried: Signed::new(carried), unit })
            };
            values.extend(own.map(with_carried));
        };
        let carried = |metric| carried.of(found.backend, found.name, metric, tenant);
        match series.meter {
            Meter::StorageUsed => {
                // Of an account that is gone the last level is not its level now.
                let level = series.level.filter(|_| account.gone_at.is_none());
                put("disk", level.map(|level| decimal(level, units.disk)), units.disk, 0);
                put(GB_MONTH, gb_month(series, units, window), units.disk_gb_month, carried(GB_MONTH));
            }
            flow => {
                let sum = month_bytes(series, units.traffic, window);
                put(flow.name(), sum, units.traffic, carried(flow.name()));
            }
        }
    }
    Values(values)
}

impl Values {
    /// The values as they are written down, before WHMCS is told.
    pub fn tellings<'a>(
        &'a self,
        tenant: &'a str,
        found: &'a Found<'_>,
        server: i64,
        window: &'a Window,
    ) -> impl Iterator<Item = Telling> + 'a {
        self.0.iter().map(move |(metric, value)| Telling {
            account: found.key(),
            month: window.month,
            metric: (*metric).to_string(),
            server,
            tenant: tenant.to_string(),
            value: i64::try_from(value.value.scaled()).unwrap_or(i64::MAX),
            carried: value.carried.scaled(),
            unit: value.unit,
            at: window.now,
        })
    }
}

fn gb_month(series: &SeriesStanding, units: &Units, window: &Window) -> Option<Decimal> {
    let month = series.month.filter(|month| month.month == window.month)?;
    unit_months(month.held, units.disk_gb_month, window.minutes)
}

/// A month's traffic is known once it was read in that month: before, nobody knows that it is zero.
fn month_bytes(series: &SeriesStanding, unit: u64, window: &Window) -> Option<Decimal> {
    let month = series.month.filter(|month| month.month == window.month)?;
    Some(decimal(month.amount, unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountName, BackendId, BillingZone, Bytes, Month, Seconds};
    use crate::metering::MonthToDate;
    use crate::store::AccountStanding;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a time")).expect("in range")
    }

    fn window(now: &str) -> Window {
        Window::new(at(now), BillingZone::parse("Europe/Warsaw").expect("a zone"), Seconds::hours(26))
    }

    fn series(meter: Meter, at: Timestamp, amount: u64, month: &str) -> SeriesStanding {
        let amount = Bytes::new(amount).expect("fits");
        let month = MonthToDate {
            month: Month::parse(month).expect("a month"),
            amount,
            estimated: Bytes::ZERO,
            held: Default::default(),
            covered: Default::default(),
        };
        SeriesStanding { meter, at, level: Some(amount), month: Some(month), shown: amount, held_back: None }
    }

    fn account(series: Vec<SeriesStanding>) -> AccountStanding {
        AccountStanding {
            first_seen: at("2026-01-01T00:00:00Z"),
            gone_at: None,
            back_at: None,
            suspended: None,
            policy: None,
            package: None,
            domain: None,
            storage_limit: None,
            limits: Default::default(),
            mapped: None,
            trouble: None,
            series,
        }
    }

    fn told(accounts: &[&AccountStanding], window: &Window) -> Option<Answer> {
        let (backend, name) = (BackendId::new("b").expect("a name"), AccountName::new("t").expect("a name"));
        let found = accounts.iter().map(|account| Found { backend: &backend, name: &name, account });
        let found: Vec<Found<'_>> = found.collect();
        answer("t", &found, &Units::default(), window, &Carried::default())
    }

    fn reason(answer: Option<Answer>) -> &'static str {
        match answer {
            Some(Answer::Withheld(withheld)) => withheld.reason,
            other => panic!("not withheld: {other:?}"),
        }
    }

    #[test]
    fn never_1_unknown_never_becomes_zero_and_zero_stays() {
        let now = window("2026-03-14T12:00:00Z");
        let zero = account(vec![series(Meter::TrafficOut, at("2026-03-14T11:00:00Z"), 0, "2026-03")]);
        let Some(Answer::Known(values)) = told(&[&zero], &now) else { panic!("known") };
        let json = serde_json::to_value(&values).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({"traffic_out": {"value": "0.00000", "collected_at": 1_773_486_000}})
        );
        assert_eq!(reason(told(&[&account(vec![])], &now)), "never_read");
    }

    #[test]
    fn never_7_no_number_lies_by_age() {
        let read = at("2026-03-13T09:00:00Z");
        let old = account(vec![series(Meter::StorageUsed, read, 5, "2026-03")]);
        assert!(matches!(told(&[&old], &window("2026-03-14T11:00:00Z")), Some(Answer::Known(_))));
        let later = window("2026-03-14T11:00:01Z");
        assert_eq!(reason(told(&[&old], &later)), "stale");
        let mut failed = old.clone();
        failed.trouble = Some(("unexpected".into(), read));
        assert_eq!(reason(told(&[&failed], &later)), "failed");
    }

    #[test]
    fn a_month_nobody_has_read_yet_is_not_zero() {
        // 23:30 UTC is already April in Warsaw; the last reading was in March.
        let read = at("2026-03-31T21:45:00Z");
        let both = vec![
            series(Meter::StorageUsed, read, 7, "2026-03"),
            series(Meter::TrafficOut, read, 7, "2026-03"),
        ];
        let Some(Answer::Known(values)) = told(&[&account(both)], &window("2026-03-31T22:30:00Z")) else {
            panic!("known")
        };
        assert_eq!(values.0.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["disk"]);
    }

    #[test]
    fn two_accounts_of_one_name_are_ambiguous_unless_one_is_gone() {
        let now = window("2026-03-14T12:00:00Z");
        let one = account(vec![series(Meter::TrafficOut, at("2026-03-14T11:00:00Z"), 1, "2026-03")]);
        assert_eq!(reason(told(&[&one, &one], &now)), "ambiguous");
    }
}
