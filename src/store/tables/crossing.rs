//! Thresholds that were ever crossed, holding by holding.

use super::super::StoreError;
use super::super::dialect::Merge::Replace;
use super::super::sql::{Cell, Columns, Table};
use super::Ids;
use crate::domain::{HoldingNo, Meter};
use crate::quota::Crossing;

pub(in super::super) const CROSSING: Table = Table {
    name: "crossing",
    keys: &["holding", "meter", "threshold"],
    rest: &[("episode", Replace), ("since", Replace), ("month", Replace), ("reminded", Replace)],
};

pub(in super::super) fn cells(
    ids: Ids,
    holding: HoldingNo,
    (meter, threshold): (Meter, u32),
    crossing: &Crossing,
) -> [Cell; 7] {
    [
        ids.holding(holding).into(),
        meter.into(),
        i64::from(threshold).into(),
        i64::from(crossing.episode).into(),
        crossing.since.into(),
        crossing.month.into(),
        i64::from(crossing.reminded).into(),
    ]
}

pub(in super::super) fn row(
    columns: &mut Columns<'_>,
) -> Result<(HoldingNo, (Meter, u32), Crossing), StoreError> {
    let (holding, meter, threshold) = (Ids::holding_no(columns.int()?)?, columns.meter()?, columns.small()?);
    let crossing = Crossing {
        episode: columns.small()?,
        since: columns.maybe_time()?,
        month: columns.maybe_month()?,
        reminded: columns.small()?,
    };
    Ok((holding, (meter, threshold), crossing))
}
