//! What was sold with services, and since when: a dated fact for each time that a list had other limits than the one before.
//! The chronicle records them.

use std::collections::{BTreeSet, HashMap};

use litemap::LiteMap;

use super::sql::{Cell, Columns, rows, run};
use super::tables::service::{LIMIT, limit_row, sold_cells};
use super::write::Write;
use super::{Store, StoreError};
use crate::domain::{Limit, Meter, Seconds, Service, Span, Timestamp};
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

/// Two clocks may differ so far, as for polls.
const CLOCKS_DIFFER: Seconds = Seconds::new(300);

impl Store {
    /// Writes down what is sold from now on with those of a server's list that have other limits than what was written down of
    /// them last. Facts of later than now, as a clock that was ahead leaves them, count no more. By a clock that is behind
    /// the newest poll nothing is written and nothing taken away: the next list does it.
    pub(super) async fn put_sold_limits(
        &self,
        on: &mut Write,
        list: &[Service],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(polled) = self.newest_poll(on).await?.filter(|polled| polled.since(now) > CLOCKS_DIFFER) {
            tracing::warn!(%polled, "our clock is behind the newest poll: what is sold from now on is not dated by it");
            return Ok(());
        }
        let (mut last, mut ahead) = (HashMap::new(), BTreeSet::new());
        let sql = format!("SELECT {} FROM service_limit t ORDER BY t.service, t.since", LIMIT.columns("t"));
        for row in rows(on, self.dialect, &sql, []).await? {
            let (service, since, limits) = limit_row(&mut Columns::of(&row))?;
            match since > now {
                true => drop(ahead.insert(service)),
                false => drop(last.insert(service, limits)),
            }
        }
        for service in list.iter().filter(|service| ahead.contains(&service.id)) {
            let later = || [Cell::from(service.id), now.into()];
            on.note_gone(&LIMIT, "t.service = ? AND t.since > ?", later()).await?;
            let sql = "DELETE FROM service_limit WHERE service = ? AND since > ?";
            run(on, self.dialect, sql, later()).await?;
        }
        let is_news = |one: &&Service| {
            let known =
                |limits: &LiteMap<Meter, Limit>, meter| limits.get(&meter).copied().unwrap_or_default();
            let same = |limits| Meter::ALL.into_iter().all(|meter| known(limits, meter) == one.limit(meter));
            !last.get(&one.id).is_some_and(same)
        };
        let news = list.iter().filter(is_news);
        let cells: Vec<[Cell; 6]> = news.map(|service| sold_cells(service, now)).collect();
        cells.iter().for_each(|row| on.note(&LIMIT, row));
        LIMIT.put(on, self.dialect, cells).await
    }

    /// When a poll last succeeded: its clock was believed.
    async fn newest_poll(&self, on: &mut Write) -> Result<Option<Timestamp>, StoreError> {
        let found = rows(on, self.dialect, "SELECT MAX(succeeded_at) FROM backend", []).await?;
        found.first().map_or(Ok(None), |row| Columns::of(row).maybe_time())
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
