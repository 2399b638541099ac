//! What the days of a part of a holding sum to, month by month.

use super::super::StoreError;
use super::super::dialect::Merge::{Add, Replace};
use super::super::sql::{Cell, Columns, Table, held_cells};
use super::Ids;
use super::day_point::narrow;
use crate::domain::{HoldingNo, Meter, Month, Nature, UsageDay};
use crate::metering::{DayChange, MonthToDate};

const KEYS: &[&str] = &["holding", "part", "month", "meter"];

pub(in super::super) const FLOWS: Table = Table {
    name: "month_sum",
    keys: KEYS,
    rest: &[
        ("amount", Add),
        ("estimated", Add),
        ("held_peta", Add),
        ("held_rest", Add),
        ("covered", Add),
        ("last_day", Replace),
    ],
};

const LEVELS: Table = Table {
    name: "month_sum",
    keys: KEYS,
    rest: &[
        ("amount", Replace),
        ("estimated", Add),
        ("held_peta", Add),
        ("held_rest", Add),
        ("covered", Add),
        ("last_day", Replace),
    ],
};

/// The table as it takes in a meter.
pub(in super::super) fn of(nature: Nature) -> Table {
    match nature {
        Nature::Flow => FLOWS,
        Nature::Level => LEVELS,
    }
}

/// What is added to one month.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Added {
    pub change: DayChange,
    pub last_day: UsageDay,
}

impl Added {
    pub fn new(day: UsageDay) -> Added {
        Added { change: DayChange::default(), last_day: day }
    }

    /// Takes in what was added to a later day, or more of the same.
    pub fn add(&mut self, day: UsageDay, part: &DayChange) {
        self.change.added += part.added;
        self.change.estimated += part.estimated;
        self.change.level = part.level.or(self.change.level);
        self.change.held += part.held;
        self.change.covered += part.covered;
        self.last_day = self.last_day.max(day);
    }
}

/// A month of a part of a holding.
pub(in super::super) type Key = (HoldingNo, usize, Month, Meter);

pub(in super::super) fn cells(
    ids: Ids,
    (holding, part, month, meter): Key,
    added: &Added,
) -> Result<[Cell; 10], StoreError> {
    let change = &added.change;
    let amount = match change.level {
        Some(level) => level.as_i64(),
        None => narrow(change.added)?,
    };
    let [peta, rest] = held_cells(change.held)?;
    Ok([
        ids.holding(holding).into(),
        (part as i64).into(),
        month.into(),
        meter.into(),
        amount.into(),
        narrow(change.estimated)?.into(),
        peta,
        rest,
        (change.covered.get() as i64).into(),
        added.last_day.into(),
    ])
}

/// A stored month as what all its days together added to it.
pub(in super::super) fn change(meter: Meter, sum: &MonthToDate) -> DayChange {
    let (added, level) = match meter.nature() {
        Nature::Flow => (sum.amount.wide(), None),
        Nature::Level => (0, Some(sum.amount)),
    };
    DayChange { added, estimated: sum.estimated.wide(), level, held: sum.held, covered: sum.covered }
}

pub(in super::super) fn row(columns: &mut Columns<'_>) -> Result<(Key, MonthToDate, UsageDay), StoreError> {
    let (holding, part) = (Ids::holding_no(columns.int()?)?, columns.small()? as usize);
    let (month, meter) = (columns.month()?, columns.meter()?);
    let (amount, estimated) = (columns.bytes()?, columns.bytes()?);
    let (held, covered) = (columns.held()?, columns.minutes()?);
    let sum = MonthToDate { month, amount, estimated, held, covered };
    Ok(((holding, part, month, meter), sum, columns.day()?))
}
