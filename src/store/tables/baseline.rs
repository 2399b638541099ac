//! The last count believed of each counter.

use super::super::StoreError;
use super::super::dialect::Merge::Replace;
use super::super::sql::{Cell, Columns, Table};
use super::Ids;
use crate::domain::{Epoch, Seconds, Source};
use crate::metering::{Baseline, CounterKey, Doubt};

pub(in super::super) const BASELINE: Table = Table {
    name: "baseline",
    keys: &["backend", "meter", "own", "source"],
    rest: &[
        ("holder", Replace),
        ("started", Replace),
        ("uptime", Replace),
        ("amount", Replace),
        ("at", Replace),
        ("doubt_amount", Replace),
        ("doubt_at", Replace),
        ("absent_at", Replace),
    ],
};

pub(in super::super) fn cells(ids: Ids, key: &CounterKey, baseline: &Baseline) -> [Cell; 12] {
    let (started, uptime) = match baseline.epoch {
        Epoch::Since(start) => (Some(start.get()), None),
        Epoch::Running(uptime) | Epoch::ResetWhileRunning(uptime) => (None, i64::try_from(uptime.get()).ok()),
        Epoch::Silent => (None, None),
    };
    [
        ids.backend.into(),
        key.meter.into(),
        key.own.map_or(0, |life| ids.life(life)).into(),
        key.source.as_str().into(),
        ids.life(baseline.holder).into(),
        started.into(),
        uptime.into(),
        baseline.count.into(),
        baseline.at.into(),
        baseline.doubt.map(|doubt| doubt.count).into(),
        baseline.doubt.map(|doubt| doubt.at).into(),
        baseline.absent.into(),
    ]
}

pub(in super::super) fn row(columns: &mut Columns<'_>) -> Result<(CounterKey, Baseline), StoreError> {
    let _backend = columns.int()?;
    let meter = columns.meter()?;
    let own = match columns.int()? {
        0 => None,
        id => Some(Ids::life_no(id)?),
    };
    let source =
        Source::new(&columns.text()?).map_err(|error| StoreError::corrupt(error, "a counter's name"))?;
    let holder = Ids::life_no(columns.int()?)?;
    let epoch = match (columns.maybe_time()?, columns.maybe_int()?) {
        (Some(start), _) => Epoch::Since(start),
        (None, Some(uptime)) => Epoch::Running(Seconds::new(uptime.max(0) as u64)),
        (None, None) => Epoch::Silent,
    };
    let (count, at) = (columns.bytes()?, columns.time()?);
    let doubt = columns.maybe_bytes()?.zip(columns.maybe_time()?);
    let doubt = doubt.map(|(count, at)| Doubt { count, at });
    let absent = columns.maybe_time()?;
    Ok((CounterKey { meter, own, source }, Baseline { epoch, count, at, doubt, holder, absent }))
}
