//! What WHMCS is told of every tenant: known values, or the reason there are none.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::amount::{Decimal, Signed, decimal, unit_months};
use super::tenants::Found;
use super::told::{Carried, GB_MONTH};
use super::{Units, Window};
use crate::domain::{Meter, Timestamp};
use crate::metering::MonthToDate;
use crate::store::{SeriesStanding, Store, Telling};

/// One value, in hundred-thousandths of the configured unit; told as a decimal string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    value: i64,
    /// The part of it that the month before lacked, or had too much.
    carried: i64,
    /// When the panel measured it.
    collected_at: i64,
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = if self.carried == 0 { 2 } else { 3 };
        let mut value = serializer.serialize_struct("Value", fields)?;
        value.serialize_field("value", &Signed::new(self.value.into()))?;
        value.serialize_field("collected_at", &self.collected_at)?;
        if self.carried != 0 {
            value.serialize_field("carried", &Signed::new(self.carried.into()))?;
        }
        value.end()
    }
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
    /// `stale`, `never_read`, `ambiguous`, `failed`, or `other_month` where all there is sums over a month and
    /// whoever asks is in another one.
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
    if window.elsewhen && newest.is_some_and(|at| window.is_fresh(at)) {
        return Some(withheld(tenant, "other_month", window.now));
    }
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
        let mut put = |metric, own: Option<Decimal>, carried: i64| {
            let with_carried = |own: Decimal| {
                let sum = i64::try_from(own.scaled()).ok()?.checked_add(carried)?;
                // What is owed to the customer beyond this month stays owed: it is carried on.
                Some((metric, Value { value: sum.max(0), carried, collected_at }))
            };
            values.extend(own.and_then(with_carried));
        };
        let carried = |metric| carried.of(found.backend, found.name, metric, tenant);
        match series.meter {
            Meter::StorageUsed => {
                // Of an account that is gone the last level is not its level now.
                let level = series.level.filter(|_| account.gone_at.is_none());
                put("disk", level.map(|level| decimal(level, units.disk)), 0);
                put(GB_MONTH, gb_month(series, units, window), carried(GB_MONTH));
            }
            flow => {
                put(flow.name(), month_bytes(series, units.traffic, window), carried(flow.name()));
            }
        }
    }
    Values(values)
}

impl Values {
    /// What has to be written down before WHMCS is told; nothing where all of it was told before.
    pub fn news(
        &self,
        store: &Store,
        tenant: &str,
        found: &Found<'_>,
        server: i64,
        units: &Units,
        window: &Window,
    ) -> Vec<Telling> {
        let said = self.0.iter().map(|(metric, value)| (*metric, value.value, value.carried));
        if store.was_told((found.backend, found.name), window.month, server, tenant, said) {
            return Vec::new();
        }
        let telling = |(metric, value): &(&'static str, Value)| Telling {
            account: found.key(),
            month: window.month,
            metric: (*metric).into(),
            server,
            tenant: tenant.to_string(),
            value: value.value,
            carried: value.carried,
            unit: units.of_month(metric).map_or(units.disk, |(_, unit)| unit),
            at: window.now,
        };
        self.0.iter().map(telling).collect()
    }
}

impl Window {
    /// The running month of a series, where it was read in it.
    fn running(&self, series: &SeriesStanding) -> Option<MonthToDate> {
        series.month.filter(|month| month.month == self.month && !self.elsewhen)
    }
}

fn gb_month(series: &SeriesStanding, units: &Units, window: &Window) -> Option<Decimal> {
    let month = window.running(series)?;
    unit_months(month.held, units.disk_gb_month, window.minutes)
}

/// A month's traffic is known once it was read in that month: before, nobody knows that it is zero.
fn month_bytes(series: &SeriesStanding, unit: u64, window: &Window) -> Option<Decimal> {
    Some(decimal(window.running(series)?.amount, unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountName, BackendId, BillingZone, Bytes, Month, Seconds};
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
            storage_limit: Default::default(),
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
    fn whoever_is_in_another_month_is_told_levels_only() {
        let read = at("2026-03-31T21:59:00Z");
        let both = vec![
            series(Meter::StorageUsed, read, 7, "2026-03"),
            series(Meter::TrafficOut, read, 7, "2026-03"),
        ];
        // The last second of March in Warsaw; where WHMCS runs it is April already.
        let window = window("2026-03-31T21:59:59Z");
        let names =
            |month: &str| match told(&[&account(both.clone())], &window.asked_in(Month::parse(month).ok())) {
                Some(Answer::Known(values)) => values.0.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
                other => panic!("known: {other:?}"),
            };
        assert_eq!(names("2026-03"), ["disk", "disk_gb_month", "traffic_out"]);
        assert_eq!(names("2026-04"), ["disk"]);
        let traffic = account(both[1..].to_vec());
        let april = window.asked_in(Month::parse("2026-04").ok());
        assert_eq!(reason(told(&[&traffic], &april)), "other_month");
    }

    #[test]
    fn two_accounts_of_one_name_are_ambiguous_unless_one_is_gone() {
        let now = window("2026-03-14T12:00:00Z");
        let one = account(vec![series(Meter::TrafficOut, at("2026-03-14T11:00:00Z"), 1, "2026-03")]);
        assert_eq!(reason(told(&[&one, &one], &now)), "ambiguous");
    }
}
