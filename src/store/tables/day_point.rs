//! Bytes of one meter of one holding on one day.

use super::super::StoreError;
use super::super::dialect::Merge::{Add, Replace};
use super::super::sql::{Cell, Columns, Table, held_cells};
use super::Ids;
use crate::domain::{HoldingNo, Meter, Nature, UsageDay};
use crate::metering::DayChange;

const KEYS: &[&str] = &["holding", "meter", "day"];

/// What passed adds to the day.
pub(in super::super) const FLOWS: Table = Table {
    name: "day_point",
    keys: KEYS,
    rest: &[("amount", Add), ("estimated", Add), ("held_peta", Add), ("held_rest", Add), ("covered", Add)],
};

/// A level replaces the day's; time held and time covered add all the same.
pub(in super::super) const LEVELS: Table = Table {
    name: "day_point",
    keys: KEYS,
    rest: &[
        ("amount", Replace),
        ("estimated", Add),
        ("held_peta", Add),
        ("held_rest", Add),
        ("covered", Add),
    ],
};

/// The table as it takes in a meter.
pub(in super::super) fn of(nature: Nature) -> Table {
    match nature {
        Nature::Flow => FLOWS,
        Nature::Level => LEVELS,
    }
}

pub(in super::super) fn cells(
    ids: Ids,
    holding: HoldingNo,
    meter: Meter,
    day: UsageDay,
    part: &DayChange,
) -> Result<[Cell; 8], StoreError> {
    let amount = match part.level {
        Some(level) => level.as_i64(),
        None => narrow(part.added)?,
    };
    let [peta, rest] = held_cells(part.held)?;
    let (estimated, covered) = (narrow(part.estimated)?, part.covered.get() as i64);
    let holding = ids.holding(holding).into();
    Ok([holding, meter.into(), day.into(), amount.into(), estimated.into(), peta, rest, covered.into()])
}

/// A stored day as what all entries together added to it.
pub(in super::super) fn row(
    columns: &mut Columns<'_>,
) -> Result<(HoldingNo, Meter, UsageDay, DayChange), StoreError> {
    let (holding, meter, day) = (Ids::holding_no(columns.int()?)?, columns.meter()?, columns.day()?);
    let (amount, estimated) = (columns.bytes()?, columns.bytes()?);
    let (held, covered) = (columns.held()?, columns.minutes()?);
    let (added, level) = match meter.nature() {
        Nature::Flow => (amount.wide(), None),
        Nature::Level => (0, Some(amount)),
    };
    Ok((holding, meter, day, DayChange { added, estimated: estimated.wide(), level, held, covered }))
}

pub(super) fn narrow(amount: i128) -> Result<i64, StoreError> {
    i64::try_from(amount).map_err(|_| StoreError::corrupt(amount, "a byte count"))
}
