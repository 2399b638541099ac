//! The beliefs about one meter of one life.

use std::collections::BTreeMap;

use super::super::StoreError;
use super::super::dialect::Merge::Replace;
use super::super::sql::{Cell, Columns, Table};
use super::Ids;
use crate::domain::{LifeNo, Meter};
use crate::metering::{DoubtedLevel, Implausible, LevelBelief, SeriesBook, SeriesChange};

pub(in super::super) const BELIEF: Table = Table {
    name: "belief",
    keys: &["life", "meter"],
    rest: &[
        ("at", Replace),
        ("level", Replace),
        ("level_at", Replace),
        ("doubted", Replace),
        ("doubted_at", Replace),
        ("doubted_accepted", Replace),
        ("total", Replace),
        ("shown", Replace),
        ("implausible_at", Replace),
        ("implausible_accepted", Replace),
        ("changed", Replace),
    ],
};

pub(in super::super) fn cells(ids: Ids, change: &SeriesChange, version: i64) -> [Cell; 13] {
    [
        ids.life(change.life).into(),
        change.meter.into(),
        change.at.into(),
        change.level.map(|belief| belief.level).into(),
        change.level.map(|belief| belief.at).into(),
        change.doubted.map(|doubted| doubted.level).into(),
        change.doubted.map(|doubted| doubted.at).into(),
        change.doubted.map(|doubted| doubted.accepted).into(),
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
    let doubted = match (columns.maybe_bytes()?.zip(columns.maybe_time()?), columns.flag()?) {
        (Some((level, at)), accepted) => Some(DoubtedLevel { at, level, accepted: accepted == Some(true) }),
        (None, _) => None,
    };
    let (total, shown) = (columns.bytes()?, columns.bytes()?);
    let implausible = match (columns.maybe_time()?, columns.flag()?) {
        (Some(since), accepted) => Some(Implausible { since, accepted: accepted == Some(true) }),
        (None, _) => None,
    };
    let periods = BTreeMap::new();
    Ok((life, meter, SeriesBook { at, level, doubted, periods, total, shown, implausible }))
}
