//! Daily points and monthly averages of one tenant, for charts.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::query::UsageApiQuery;
use super::{Units, UsageApi, Window};
use crate::domain::{AccountKey, BillingPeriod, Bytes, Meter, Minutes, Month, UsageDay};
use crate::reported::{Decimal, decimal};
use crate::store::{DayPoint, OwnedMonth, StoreError, Usage, UsageQuery};
use crate::web::{PathOf, Problem};

/// The longest history one answer gives.
const LONGEST_HISTORY: u64 = 1100;

/// One day or month of one tenant.
#[derive(Debug, Default, Serialize)]
struct Point {
    /// The last level.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<Decimal>,
    /// The average level over the time that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_average: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic_in: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic_out: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic_total: Option<Decimal>,
    /// Whether readings account for every minute of it.
    complete: bool,
}

#[derive(Debug, Serialize)]
struct Day {
    day: String,
    #[serde(flatten)]
    point: Point,
}

#[derive(Debug, Serialize)]
struct MonthPoint {
    month: String,
    #[serde(flatten)]
    point: Point,
}

pub(super) async fn history(
    State(api): State<UsageApi>,
    PathOf(tenant): PathOf<String>,
    asked: UsageApiQuery,
) -> Result<Response, Problem> {
    let wanted = asked.days.unwrap_or(30);
    if !(1..=LONGEST_HISTORY).contains(&wanted) {
        let detail = format!("days={wanted} is not between 1 and {LONGEST_HISTORY}");
        return Err(Problem::refused(detail));
    }
    let (server, tenants) = api.asked_tenants(&asked).await?;
    let found = tenants.wanted(&tenant)?;
    let (units, window) = (api.units(), api.window());
    let today = window.moment.zone.day_of(window.moment.now);
    let first = today.minus_days(wanted - 1);
    let period =
        BillingPeriod::new(first, today.next()).map_err(|error| Problem::refused(error.to_string()))?;
    let query = UsageQuery { owner: Some(found.payee.clone()), ..UsageQuery::default() };
    // Of whom nothing is reported, as his name is another's too, nothing is shown.
    let is_shown = found.contested.is_none();
    let points = api.store.days(&query, period).await.map_err(Problem::unavailable)?;
    let sums = api.store.months(&query, first.month(), today.month()).await.map_err(Problem::unavailable)?;
    let points = if is_shown { points } else { Vec::new() };
    let sums = if is_shown { sums } else { Vec::new() };
    let days = days(points, &units, &window).map_err(Problem::unavailable)?;
    let months = months(sums, &units, &window).map_err(Problem::unavailable)?;
    let answer = json!({
        "schema": 1,
        "server": server,
        "tenant": tenant,
        "unit": units.as_json(),
        "days": days,
        "months": months,
    });
    Ok(Json(answer).into_response())
}

/// The points by day, oldest first.
fn days(points: Vec<DayPoint>, units: &Units, window: &Window) -> Result<Vec<Day>, StoreError> {
    let mut days: BTreeMap<UsageDay, Sums> = BTreeMap::new();
    for point in points {
        let usage = point.usage();
        put(days.entry(point.day).or_default(), point.account, point.meter, usage)?;
    }
    let whole = |day| window.moment.zone.span_of(day).map_or(Minutes::ZERO, |span| span.minutes());
    let point = |(day, sums): (UsageDay, Sums)| {
        Ok(Day { day: day.to_string(), point: point(sums, units, whole(day))? })
    };
    days.into_iter().map(point).collect()
}

/// The sums by month, oldest first.
fn months(sums: Vec<OwnedMonth>, units: &Units, window: &Window) -> Result<Vec<MonthPoint>, StoreError> {
    let mut months: BTreeMap<Month, Sums> = BTreeMap::new();
    for owned in sums {
        put(months.entry(owned.month).or_default(), owned.account, owned.meter, owned.usage)?;
    }
    let whole = |month: Month| window.moment.zone.minutes_of(month.period());
    let point = |(month, sums): (Month, Sums)| {
        Ok(MonthPoint { month: month.to_string(), point: point(sums, units, whole(month))? })
    };
    months.into_iter().map(point).collect()
}

/// What a tenant's accounts have of a day or a month.
type Sums = BTreeMap<(Meter, AccountKey), Usage>;

/// On the day it changes hands one account has used something on both sides.
fn put(sums: &mut Sums, account: AccountKey, meter: Meter, usage: Usage) -> Result<(), StoreError> {
    match sums.get_mut(&(meter, account.clone())) {
        Some(sum) => sum.add(meter, &usage),
        None => {
            sums.insert((meter, account), usage);
            Ok(())
        }
    }
}

fn point(sums: Sums, units: &Units, whole: Minutes) -> Result<Point, StoreError> {
    let ways = Ways::of(&sums);
    // All its accounts together: what one holds comes to what the other holds.
    let mut all: BTreeMap<Meter, Usage> = BTreeMap::new();
    for ((meter, _), usage) in sums {
        match all.get_mut(&meter) {
            Some(sum) => sum.join(&usage)?,
            None => drop(all.insert(meter, usage)),
        }
    }
    let mut point = Point { complete: !all.is_empty(), ..Point::default() };
    point.traffic_total = ways.total().map(|sum| decimal(sum, units.traffic));
    for (meter, usage) in all {
        point.complete &= usage.covered >= whole;
        let amount = |unit| Some(decimal(usage.amount, unit));
        match meter {
            Meter::StorageUsed => {
                point.disk = amount(units.disk);
                // Minutes that two accounts cover are the same minutes.
                let average = usage.held.average(usage.covered.min(whole));
                point.disk_average = average.map(|average| decimal(average, units.disk));
            }
            Meter::TrafficIn if ways.are_told() => point.traffic_in = amount(units.traffic),
            Meter::TrafficOut if ways.are_told() => point.traffic_out = amount(units.traffic),
            // What some moved that way is not all, where another tells no directions; the total is above.
            Meter::TrafficIn | Meter::TrafficOut | Meter::TrafficTotal => {}
        }
    }
    Ok(point)
}

/// What each account that has traffic reports of it: in, out, and both together.
struct Ways(Vec<[Option<Bytes>; 3]>);

impl Ways {
    fn of(sums: &Sums) -> Ways {
        let mut accounts: BTreeMap<&AccountKey, [Option<Bytes>; 3]> = BTreeMap::new();
        for ((meter, account), usage) in sums {
            let way = match meter {
                Meter::StorageUsed => continue,
                Meter::TrafficIn => 0,
                Meter::TrafficOut => 1,
                Meter::TrafficTotal => 2,
            };
            accounts.entry(account).or_default()[way] = Some(usage.amount);
        }
        Ways(accounts.into_values().collect())
    }

    /// What passed either way, as WHMCS is told it: what the panels of all report of both together, or else the sum of the
    /// directions that all report. One without a part of it makes it unknown.
    fn total(&self) -> Option<Bytes> {
        let whole = |[incoming, outgoing, both]: &[Option<Bytes>; 3]| match both {
            Some(both) => Some((true, *both)),
            None => Some((false, incoming.as_ref()?.checked_add(*outgoing.as_ref()?)?)),
        };
        let totals: Vec<(bool, Bytes)> = self.0.iter().map(whole).collect::<Option<_>>()?;
        let (first, rest) = totals.split_first()?;
        let is_one_kind = rest.iter().all(|(is_told, _)| *is_told == first.0);
        let sum = rest.iter().try_fold(first.1, |sum, (_, total)| sum.checked_add(*total));
        sum.filter(|_| is_one_kind)
    }

    /// No account reports both together alone.
    fn are_told(&self) -> bool {
        !self.0.iter().any(|ways| matches!(ways, [None, None, Some(_)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountName, BackendId, ByteMinutes};

    const DAY: Minutes = Minutes::new(1440);

    /// What a day has: each account by what it moved, in GiB.
    fn day(accounts: &[&[(Meter, u64)]]) -> Point {
        let mut sums = Sums::new();
        for (number, moved) in accounts.iter().enumerate() {
            let name = AccountName::new(&format!("account-{number}")).expect("a name");
            let key = AccountKey { backend: BackendId::new("b").expect("a name"), name };
            for (meter, amount) in *moved {
                let amount = Bytes::new(amount << 30).expect("fits");
                let (estimated, held, covered) = (Bytes::ZERO, ByteMinutes::ZERO, DAY);
                put(&mut sums, key.clone(), *meter, Usage { amount, estimated, held, covered })
                    .expect("fits");
            }
        }
        point(sums, &Units::default(), DAY).expect("fits")
    }

    fn told(point: &Point) -> [Option<String>; 3] {
        let text = |value: &Option<Decimal>| value.as_ref().map(|value| value.to_string());
        [&point.traffic_in, &point.traffic_out, &point.traffic_total].map(text)
    }

    #[test]
    fn a_total_is_of_all_accounts_whole_or_it_is_none() {
        use Meter::{TrafficIn, TrafficOut, TrafficTotal};
        let both: &[(Meter, u64)] = &[(TrafficIn, 3), (TrafficOut, 40)];
        let [half, alone]: [&[(Meter, u64)]; 2] = [&[(TrafficIn, 1)], &[(TrafficTotal, 44)]];
        let all_three: &[(Meter, u64)] = &[(TrafficIn, 3), (TrafficOut, 40), (TrafficTotal, 44)];
        let text =
            |values: [Option<&str>; 3]| values.map(|value| value.map(|value| format!("{value}.00000")));
        for (accounts, values) in [
            (&[both][..], [Some("3"), Some("40"), Some("43")]),
            (&[both, both], [Some("6"), Some("80"), Some("86")]),
            // What the one moved out is not known: it is no nothing.
            (&[both, half], [Some("4"), Some("40"), None]),
            (&[half], [Some("1"), None, None]),
            (&[alone], [None, None, Some("44")]),
            (&[alone, both], [None, None, None]),
            (&[all_three], [Some("3"), Some("40"), Some("44")]),
            (&[all_three, all_three], [Some("6"), Some("80"), Some("88")]),
        ] {
            assert_eq!(told(&day(accounts)), text(values), "{accounts:?}");
        }
    }
}
