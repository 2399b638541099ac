//! What a panel shows that is no account's.

use super::super::StoreError;
use super::super::dialect::Merge::Replace;
use super::super::sql::{Cell, Columns, Table};
use super::Ids;
use crate::domain::{Timestamp, Unclaimed};

pub(in super::super) const UNCLAIMED: Table = Table {
    name: "unclaimed",
    keys: &["backend", "what"],
    rest: &[("why", Replace), ("level", Replace), ("since", Replace)],
};

pub(in super::super) fn cells(ids: Ids, one: &Unclaimed, since: Timestamp) -> [Cell; 5] {
    [ids.backend.into(), one.what.as_str().into(), one.why.into(), one.level.into(), since.into()]
}

pub(in super::super) fn row(columns: &mut Columns<'_>) -> Result<Unclaimed, StoreError> {
    let _backend = columns.int()?;
    let (what, why) = (columns.text()?, columns.text()?);
    let known = Unclaimed::WHYS.into_iter().find(|known| *known == why);
    let why = known.ok_or_else(|| StoreError::corrupt(why, "why something is unclaimed"))?;
    Ok(Unclaimed { what, why, level: columns.maybe_bytes()?, since: Some(columns.time()?) })
}
