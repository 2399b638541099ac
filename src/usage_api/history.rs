//! Daily points and monthly averages of one tenant, for charts.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::query::UsageApiQuery;
use super::{Units, UsageApi, Window};
use crate::domain::{AccountKey, BillingPeriod, Meter, Minutes, Month, UsageDay};
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
    // All its accounts together: what one holds comes to what the other holds.
    let mut all: BTreeMap<Meter, Usage> = BTreeMap::new();
    for ((meter, _), usage) in sums {
        match all.get_mut(&meter) {
            Some(sum) => sum.join(&usage)?,
            None => drop(all.insert(meter, usage)),
        }
    }
    let mut point = Point { complete: !all.is_empty(), ..Point::default() };
    // Where panels report both directions and no total, that is their sum.
    let directions = Meter::DIRECTIONS.map(|meter| all.get(&meter).map(|usage| usage.amount));
    if let ([Some(incoming), Some(outgoing)], false) = (directions, all.contains_key(&Meter::TrafficTotal)) {
        point.traffic_total = incoming.checked_add(outgoing).map(|sum| decimal(sum, units.traffic));
    }
    let is_mixed = directions.iter().any(Option::is_some);
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
            Meter::TrafficIn => point.traffic_in = amount(units.traffic),
            Meter::TrafficOut => point.traffic_out = amount(units.traffic),
            // One account's total without what another moved is no total of both.
            Meter::TrafficTotal if is_mixed => {}
            Meter::TrafficTotal => point.traffic_total = amount(units.traffic),
        }
    }
    Ok(point)
}
