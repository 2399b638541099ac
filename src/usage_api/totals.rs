//! What WHMCS is told of every tenant: known values, or the reason there are none.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::amount::{Decimal, decimal, unit_months};
use super::{Units, Window};
use crate::domain::{AccountName, Meter, Timestamp};
use crate::store::{AccountStanding, SeriesStanding, Standing};

/// One value, as a decimal string in the configured unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Value {
    value: Decimal,
    /// When the panel measured it.
    collected_at: i64,
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

/// What WHMCS calls an account: the username of its service, in WHMCS's own spelling; the panel's name
/// until WHMCS has told its services.
pub fn tenant_of<'a>(name: &'a AccountName, account: &'a AccountStanding) -> &'a str {
    account.service().map_or(name.as_str(), |service| service.username.as_str())
}

/// The account of a backend that WHMCS means by `tenant`.
pub fn named<'a>(standing: &'a Standing, tenant: &str) -> Option<(&'a AccountName, &'a AccountStanding)> {
    let same = |(name, account): (&'a AccountName, &'a Arc<AccountStanding>)| (name, account.as_ref());
    let spelled =
        || standing.accounts.iter().map(same).find(|(name, account)| tenant_of(name, account) == tenant);
    standing.accounts.get_key_value(tenant).map(same).or_else(spelled)
}

/// Goes through the accounts of one WHMCS server by tenant, in order.
pub fn each_tenant<'a>(
    standings: &'a [Arc<Standing>],
    mut tell: impl FnMut(&'a str, &[&'a AccountStanding]),
) {
    let accounts = standings.iter().flat_map(|standing| &standing.accounts);
    let mut accounts: Vec<_> =
        accounts.map(|(name, account)| (tenant_of(name, account), account.as_ref())).collect();
    accounts.sort_by_key(|(name, _)| *name);
    for same in accounts.chunk_by(|(one, _), (other, _)| one == other) {
        match same {
            [(tenant, account)] => tell(tenant, &[account]),
            several => {
                let mut accounts = several.iter().map(|(_, account)| *account).collect();
                prefer_living(&mut accounts);
                tell(several[0].0, &accounts);
            }
        }
    }
}

/// The accounts of one tenant, by the same rule as all tenants together.
pub fn of_tenant<'a>(standings: &'a [Arc<Standing>], tenant: &str) -> Vec<&'a AccountStanding> {
    let account = |standing: &'a Arc<Standing>| Some(named(standing, tenant)?.1);
    let mut accounts: Vec<&AccountStanding> = standings.iter().filter_map(account).collect();
    prefer_living(&mut accounts);
    accounts
}

/// An account that moved to another backend of the server is still one account.
fn prefer_living(accounts: &mut Vec<&AccountStanding>) {
    if accounts.len() > 1 && accounts.iter().any(|account| account.gone_at.is_none()) {
        accounts.retain(|account| account.gone_at.is_none());
    }
}

/// What WHMCS is told of a tenant; `None` for one that left before this month began.
pub fn answer(tenant: &str, accounts: &[&AccountStanding], units: &Units, window: &Window) -> Option<Answer> {
    let [account] = accounts else {
        let since = accounts.iter().map(|account| account.first_seen).max()?;
        return Some(withheld(tenant, "ambiguous", since));
    };
    let known = values(account, units, window);
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
fn values(account: &AccountStanding, units: &Units, window: &Window) -> Values {
    let mut values = Vec::with_capacity(account.series.len() + 1);
    for series in account.series.iter().filter(|series| window.is_fresh(series.at)) {
        let mut put = |name, value: Option<Decimal>| {
            values.extend(value.map(|value| (name, Value { value, collected_at: series.at.get() })));
        };
        match series.meter {
            Meter::StorageUsed => {
                // Of an account that is gone the last level is not its level now.
                let level = series.level.filter(|_| account.gone_at.is_none());
                put("disk", level.map(|level| decimal(level, units.disk)));
                put("disk_gb_month", gb_month(series, units, window));
            }
            flow => put(flow.name(), month_bytes(series, units.traffic, window)),
        }
    }
    Values(values)
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
    use crate::domain::{BillingZone, Bytes, Month, Seconds};
    use crate::metering::MonthToDate;

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
        SeriesStanding { meter, at, level: Some(amount), month: Some(month), shown: amount }
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

    fn reason(answer: Option<Answer>) -> &'static str {
        match answer {
            Some(Answer::Withheld(withheld)) => withheld.reason,
            other => panic!("not withheld: {other:?}"),
        }
    }

    #[test]
    fn never_1_unknown_never_becomes_zero_and_zero_stays() {
        let units = Units::default();
        let now = window("2026-03-14T12:00:00Z");
        let zero = account(vec![series(Meter::TrafficOut, at("2026-03-14T11:00:00Z"), 0, "2026-03")]);
        let Some(Answer::Known(values)) = answer("t", &[&zero], &units, &now) else { panic!("known") };
        let json = serde_json::to_value(&values).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({"traffic_out": {"value": "0.00000", "collected_at": 1_773_486_000}})
        );
        assert_eq!(reason(answer("t", &[&account(vec![])], &units, &now)), "never_read");
    }

    #[test]
    fn never_7_no_number_lies_by_age() {
        let units = Units::default();
        let read = at("2026-03-13T09:00:00Z");
        let old = account(vec![series(Meter::StorageUsed, read, 5, "2026-03")]);
        assert!(matches!(
            answer("t", &[&old], &units, &window("2026-03-14T11:00:00Z")),
            Some(Answer::Known(_))
        ));
        let later = window("2026-03-14T11:00:01Z");
        assert_eq!(reason(answer("t", &[&old], &units, &later)), "stale");
        let mut failed = old.clone();
        failed.trouble = Some(("unexpected".into(), read));
        assert_eq!(reason(answer("t", &[&failed], &units, &later)), "failed");
    }

    #[test]
    fn a_month_nobody_has_read_yet_is_not_zero() {
        let units = Units::default();
        // 23:30 UTC is already April in Warsaw; the last reading was in March.
        let read = at("2026-03-31T21:45:00Z");
        let both = vec![
            series(Meter::StorageUsed, read, 7, "2026-03"),
            series(Meter::TrafficOut, read, 7, "2026-03"),
        ];
        let Some(Answer::Known(values)) =
            answer("t", &[&account(both)], &units, &window("2026-03-31T22:30:00Z"))
        else {
            panic!("known")
        };
        assert_eq!(values.0.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["disk"]);
    }

    #[test]
    fn two_accounts_of_one_name_are_ambiguous_unless_one_is_gone() {
        let units = Units::default();
        let now = window("2026-03-14T12:00:00Z");
        let one = account(vec![series(Meter::TrafficOut, at("2026-03-14T11:00:00Z"), 1, "2026-03")]);
        assert_eq!(reason(answer("t", &[&one, &one], &units, &now)), "ambiguous");
    }
}
