//! The beliefs about one meter of one life.

use std::collections::BTreeMap;

use super::super::StoreError;
use super::super::dialect::Merge::Replace;
use super::super::sql::{Cell, Columns, Table};
use super::Ids;
use crate::domain::{LifeNo, Meter};
use crate::metering::{Implausible, LevelBelief, SeriesBook, SeriesChange};

pub(in super::super) const BELIEF: Table = Table {
    name: "belief",
    keys: &["life", "meter"],
    rest: &[
        ("at", Replace),
        ("level", Replace),
        ("level_at", Replace),
        ("total", Replace),
        ("shown", Replace),
        ("implausible_at", Replace),
        ("implausible_accepted", Replace),
        ("changed", Replace),
    ],
};

pub(in super::super) fn cells(ids: Ids, change: &SeriesChange, version: i64) -> [Cell; 10] {
    [
        ids.life(change.life).into(),
        change.meter.into(),
        change.at.into(),
        change.level.map(|belief| belief.level).into(),
        change.level.map(|belief| belief.at).into(),
        change.total.into(),
        change.shown.into(),
        change.implausible.map(|held| held.since).into(),
        change.implausible.map(|held| held.accepted).into(),
        version.into(),
    ]
}

pub(in super::super) fn row(columns: &mut Columns<'_>) -> Result<(LifeNo, Meter, SeriesBook), StoreError> {
    let (life, meter) = (Ids::life_no(columns.int()?)?, columns.meter()?);
    let at = columns.maybe_time()?;
    let level = columns.maybe_bytes()?.zip(columns.maybe_time()?);
    let level = level.map(|(level, at)| LevelBelief { at, level });
    let (total, shown) = (columns.bytes()?, columns.bytes()?);
    let implausible = match (columns.maybe_time()?, columns.flag()?) {
        (Some(since), accepted) => Some(Implausible { since, accepted: accepted == Some(true) }),
        (None, _) => None,
    };
    Ok((life, meter, SeriesBook { at, level, periods: BTreeMap::new(), total, shown, implausible }))
}
