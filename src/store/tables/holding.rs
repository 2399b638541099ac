//! Holdings, and who pays for which of their days.

use super::super::StoreError;
use super::super::dialect::Merge::{Keep, Replace};
use super::super::sql::{Cell, Columns, Table};
use super::Ids;
use crate::domain::{HoldingNo, LifeNo, Owner, Timestamp, UsageDay};
use crate::metering::Part;

pub(in super::super) const HOLDING: Table =
    Table { name: "holding", keys: &["id"], rest: &[("life", Replace), ("from_at", Keep)] };

pub(in super::super) const PART: Table = Table {
    name: "holding_part",
    keys: &["holding", "part"],
    rest: &[("since", Replace), ("service", Replace), ("server", Replace), ("name", Replace)],
};

pub(in super::super) fn cells(ids: Ids, no: HoldingNo, life: LifeNo, from: Timestamp) -> [Cell; 3] {
    [ids.holding(no).into(), ids.life(life).into(), from.into()]
}

pub(in super::super) fn row(columns: &mut Columns<'_>) -> Result<(HoldingNo, LifeNo, Timestamp), StoreError> {
    Ok((Ids::holding_no(columns.int()?)?, Ids::life_no(columns.int()?)?, columns.time()?))
}

pub(in super::super) fn part_cells(ids: Ids, no: HoldingNo, place: usize, part: &Part) -> [Cell; 6] {
    let [service, server, name] = owner_cells(&part.owner);
    [ids.holding(no).into(), (place as i64).into(), part.since.into(), service, server, name]
}

/// Holding, place, first day and owner of a part.
pub(in super::super) fn part_row(
    columns: &mut Columns<'_>,
) -> Result<(HoldingNo, usize, UsageDay, Owner), StoreError> {
    let (holding, place) = (Ids::holding_no(columns.int()?)?, columns.small()? as usize);
    Ok((holding, place, columns.day()?, owner(columns)?))
}

/// service, server, name.
pub(in super::super) fn owner_cells(owner: &Owner) -> [Cell; 3] {
    match owner {
        Owner::Unowned => [0i64.into(), 0i64.into(), "".into()],
        Owner::Name { server, name } => [0i64.into(), (*server).into(), (&**name).into()],
        Owner::Service(id) => [(*id).into(), 0i64.into(), "".into()],
    }
}

pub(in super::super) fn owner(columns: &mut Columns<'_>) -> Result<Owner, StoreError> {
    let (service, server, name) = (columns.int()?, columns.int()?, columns.text()?);
    Ok(match (service, name.as_str()) {
        (0, "") => Owner::Unowned,
        (0, name) => Owner::named(server, name),
        (id, _) => Owner::Service(id),
    })
}
