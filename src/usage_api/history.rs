//! Daily points and monthly averages of one tenant, for charts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::amount::{Decimal, decimal};
use super::{Units, Window};
use crate::domain::{Meter, Minutes, Month, UsageDay};
use crate::store::{DayPoint, StoreError, Usage};

/// One day or month of one tenant.
#[derive(Debug, Default, Serialize)]
pub(super) struct Point {
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
pub(super) struct Day {
    day: String,
    #[serde(flatten)]
    point: Point,
}

#[derive(Debug, Serialize)]
pub(super) struct MonthPoint {
    month: String,
    #[serde(flatten)]
    point: Point,
}

/// The points by day, oldest first.
pub(super) fn days(points: &[DayPoint], units: &Units, window: &Window) -> Result<Vec<Day>, StoreError> {
    let mut days: BTreeMap<UsageDay, BTreeMap<Meter, Usage>> = BTreeMap::new();
    for point in points {
        put(days.entry(point.day).or_default(), point.meter, point.usage())?;
    }
    let whole = |day| window.zone.span_of(day).map_or(Minutes::ZERO, |span| span.minutes());
    let points = days.into_iter().map(|(day, usages)| {
        let usages: Vec<_> = usages.into_iter().collect();
        Day { day: day.to_string(), point: point(&usages, units, whole(day)) }
    });
    Ok(points.collect())
}

/// On the day a service moves it has used something on both sides.
fn put(sums: &mut BTreeMap<Meter, Usage>, meter: Meter, usage: Usage) -> Result<(), StoreError> {
    match sums.get_mut(&meter) {
        Some(sum) => sum.add(meter, &usage),
        None => {
            sums.insert(meter, usage);
            Ok(())
        }
    }
}

/// The same and the folded days by month, oldest first.
pub(super) fn months(
    points: &[DayPoint],
    folded: Vec<(Month, Meter, Usage)>,
    units: &Units,
    window: &Window,
) -> Result<Vec<MonthPoint>, StoreError> {
    let mut months: BTreeMap<Month, BTreeMap<Meter, Usage>> = BTreeMap::new();
    for (month, meter, usage) in folded {
        put(months.entry(month).or_default(), meter, usage)?;
    }
    for point in points {
        put(months.entry(point.day.month()).or_default(), point.meter, point.usage())?;
    }
    let whole = |month: Month| window.zone.minutes_of(month.period());
    let points = months.into_iter().map(|(month, usages)| {
        let usages: Vec<_> = usages.into_iter().collect();
        MonthPoint { month: month.to_string(), point: point(&usages, units, whole(month)) }
    });
    Ok(points.collect())
}

fn point(usages: &[(Meter, Usage)], units: &Units, whole: Minutes) -> Point {
    let mut point = Point { complete: !usages.is_empty(), ..Point::default() };
    for (meter, usage) in usages {
        point.complete &= usage.covered >= whole;
        match meter {
            Meter::StorageUsed => {
                point.disk = Some(decimal(usage.amount, units.disk));
                point.disk_average =
                    usage.held.average(usage.covered).map(|average| decimal(average, units.disk));
            }
            Meter::TrafficIn => point.traffic_in = Some(decimal(usage.amount, units.traffic)),
            Meter::TrafficOut => point.traffic_out = Some(decimal(usage.amount, units.traffic)),
            Meter::TrafficTotal => point.traffic_total = Some(decimal(usage.amount, units.traffic)),
        }
    }
    point
}
