//! The last total believed of each span, and the days its bytes were put on.

use std::collections::BTreeMap;

use super::super::StoreError;
use super::super::dialect::Merge::Replace;
use super::super::sql::{Cell, Columns, Table};
use super::Ids;
use crate::domain::{Bytes, HoldingNo, LifeNo, Meter, Source, Span, UsageDay};
use crate::metering::{Doubt, LeftOut, PeriodBelief};

pub(in super::super) const PERIOD_TOTAL: Table = Table {
    name: "period_total",
    keys: &["life", "meter", "source", "starts", "ends"],
    rest: &[
        ("total", Replace),
        ("at", Replace),
        ("placed", Replace),
        ("taken", Replace),
        ("doubt_total", Replace),
        ("doubt_at", Replace),
        ("copied", Replace),
        ("copied_at", Replace),
    ],
};

/// A total as it is stored: whose, of what, of which span, and what is believed.
pub(in super::super) type Row = (LifeNo, Meter, (Source, Span), PeriodBelief);

pub(in super::super) fn cells(
    ids: Ids,
    (life, meter): (LifeNo, Meter),
    (source, span): &(Source, Span),
    belief: &PeriodBelief,
) -> [Cell; 13] {
    [
        ids.life(life).into(),
        meter.into(),
        source.as_str().into(),
        span.start().into(),
        span.end().into(),
        belief.total.into(),
        belief.at.into(),
        placed_text(&belief.placed).into(),
        placed_text(&belief.taken).into(),
        belief.doubt.map(|doubt| doubt.count).into(),
        belief.doubt.map(|doubt| doubt.at).into(),
        belief.copied.map(|copied| copied.amount).into(),
        belief.copied.map(|copied| copied.at).into(),
    ]
}

pub(in super::super) fn row(columns: &mut Columns<'_>) -> Result<Row, StoreError> {
    let (life, meter) = (Ids::life_no(columns.int()?)?, columns.meter()?);
    let source =
        Source::new(&columns.text()?).map_err(|error| StoreError::corrupt(error, "a counter's name"))?;
    let span = Span::new(columns.time()?, columns.time()?);
    let span = span.map_err(|error| StoreError::corrupt(error, "a span of time"))?;
    let (total, at) = (columns.bytes()?, columns.time()?);
    let (placed, taken) = (placed(&columns.text()?)?, placed(&columns.text()?)?);
    let doubt = columns.maybe_bytes()?.zip(columns.maybe_time()?);
    let doubt = doubt.map(|(count, at)| Doubt { count, at });
    let copied = columns.maybe_bytes()?.zip(columns.maybe_time()?);
    let copied = copied.map(|(amount, at)| LeftOut { amount, at });
    Ok((life, meter, (source, span), PeriodBelief { total, at, placed, taken, doubt, copied }))
}

/// Reads `20261120/3:17 20261121/3:4`.
fn placed(text: &str) -> Result<BTreeMap<(UsageDay, HoldingNo), Bytes>, StoreError> {
    let part = |part: &str| {
        let (place, count) = part.split_once(':')?;
        let (day, holding) = place.split_once('/')?;
        let day = UsageDay::from_number(day.parse().ok()?).ok()?;
        let holding = HoldingNo::new(holding.parse().ok()?);
        Some(((day, holding), Bytes::new(count.parse().ok()?).ok()?))
    };
    text.split_whitespace()
        .map(|piece| part(piece).ok_or_else(|| StoreError::corrupt(piece, "a day and its bytes")))
        .collect()
}

/// Writes what [`placed`] reads.
fn placed_text(placed: &BTreeMap<(UsageDay, HoldingNo), Bytes>) -> String {
    let part = |((day, holding), bytes): (&(UsageDay, HoldingNo), &Bytes)| {
        format!("{}/{holding}:{bytes}", day.number())
    };
    placed.iter().map(part).collect::<Vec<_>>().join(" ")
}
