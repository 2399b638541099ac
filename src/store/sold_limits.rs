//! What was sold with services, and since when: a dated fact for each time that a list had other limits than the one before.
//! The chronicle records them.

use std::collections::{BTreeMap, HashMap};

use litemap::LiteMap;

use super::sql::{Cell, Columns, rows, run};
use super::tables::service::{LIMIT, Row, limit_row, sold_cells};
use super::write::Write;
use super::{Store, StoreError};
use crate::domain::{Limit, Meter, Service, Span, Timestamp};
use crate::pricing::LimitPiece;

/// What was sold with each service, one limit after the other.
#[derive(Clone, Debug, Default)]
pub struct SoldLimits {
    facts: HashMap<i64, Vec<Fact>>,
}

/// What was sold from then on.
#[derive(Clone, Debug)]
struct Fact {
    since: Timestamp,
    limits: LiteMap<Meter, Limit>,
}

impl SoldLimits {
    /// The limits of a meter that were sold in a span, in order and without a gap. The first that WHMCS has sent counts for the time
    /// before it, too. Empty where it has sent none.
    pub fn pieces(&self, service: i64, meter: Meter, span: Span) -> Vec<LimitPiece> {
        let facts = self.facts.get(&service).map(Vec::as_slice).unwrap_or_default();
        let ends = facts.iter().skip(1).map(|fact| fact.since).chain([span.end()]);
        let mut pieces: Vec<LimitPiece> = Vec::new();
        for (place, (fact, end)) in facts.iter().zip(ends).enumerate() {
            let start = if place == 0 { span.start() } else { fact.since.max(span.start()) };
            let Ok(span) = Span::new(start, end.min(span.end())) else { continue };
            let limit = fact.limits.get(&meter).copied().unwrap_or_default();
            match pieces.last_mut() {
                Some(last) if last.limit == limit => {
                    last.span = Span::new(last.span.start(), span.end()).unwrap_or(last.span);
                }
                _ => pieces.push(LimitPiece { span, limit }),
            }
        }
        pieces
    }
}

impl Store {
    /// Writes down what is sold from now on with those of the changed services that have other limits than what is known of
    /// them. Facts of later than now, as a clock that was ahead leaves them, count no more.
    pub(super) async fn put_sold_limits(
        &self,
        on: &mut Write,
        changed: &[&Service],
        known: &BTreeMap<i64, Row>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let is_news = |one: &&&Service| known.get(&one.id).is_none_or(|row| row.service.limits != one.limits);
        let news: Vec<&Service> = changed.iter().filter(is_news).copied().collect();
        for service in news.iter().filter(|service| known.contains_key(&service.id)) {
            let later = || [Cell::from(service.id), now.into()];
            on.note_gone(&LIMIT, "t.service = ? AND t.since > ?", later()).await?;
            let sql = "DELETE FROM service_limit WHERE service = ? AND since > ?";
            run(on, self.dialect, sql, later()).await?;
        }
        let cells: Vec<[Cell; 6]> = news.iter().map(|service| sold_cells(service, now)).collect();
        cells.iter().for_each(|row| on.note(&LIMIT, row));
        LIMIT.put(on, self.dialect, cells).await
    }

    /// What was sold with every service.
    pub async fn sold_limits(&self) -> Result<SoldLimits, StoreError> {
        self.read_sold_limits("t.service = t.service", []).await
    }

    /// What was sold with one service.
    pub async fn sold_limits_of(&self, service: i64) -> Result<SoldLimits, StoreError> {
        self.read_sold_limits("t.service = ?", [service.into()]).await
    }

    async fn read_sold_limits<const N: usize>(
        &self,
        filter: &str,
        cells: [Cell; N],
    ) -> Result<SoldLimits, StoreError> {
        let columns = LIMIT.columns("t");
        let sql = format!("SELECT {columns} FROM service_limit t WHERE {filter} ORDER BY t.service, t.since");
        let mut sold = SoldLimits::default();
        let mut on = self.readers.acquire().await?;
        for row in rows(&mut on, self.dialect, &sql, cells).await? {
            let (service, since, limits) = limit_row(&mut Columns::of(&row))?;
            sold.facts.entry(service).or_default().push(Fact { since, limits });
        }
        Ok(sold)
    }
}
