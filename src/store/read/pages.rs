//! History in pages: a few accounts at a time, so that whoever writes it out holds few rows however many
//! there are.

use super::super::sql::{Cell, Columns, rows};
use super::super::{Store, StoreError};
use super::usage::{DayPoint, POINTS, point};
use crate::domain::{AccountName, BackendId, BillingPeriod, Meter};

/// About how many rows are held at once.
const ROWS_AT_ONCE: usize = 20_000;

/// Goes through the day points of one backend: by account, meter and day.
pub struct DayPages<'a> {
    store: &'a Store,
    backend: BackendId,
    meters: Vec<Meter>,
    period: BillingPeriod,
    /// The last account of the page before.
    after: Option<AccountName>,
}

impl Store {
    /// The day points of some meters of a backend in a period, to be read page by page.
    pub fn day_pages(&self, backend: &BackendId, meters: &[Meter], period: BillingPeriod) -> DayPages<'_> {
        DayPages { store: self, backend: backend.clone(), meters: meters.to_vec(), period, after: None }
    }

    /// The names of a backend's accounts that follow `after`, in the database's own order.
    async fn names_after(
        &self,
        backend: &BackendId,
        after: Option<&AccountName>,
        count: usize,
    ) -> Result<Vec<AccountName>, StoreError> {
        let mut sql = "SELECT label FROM life WHERE backend = ?".to_string();
        let mut cells = vec![Cell::from(backend.as_str())];
        if let Some(after) = after {
            sql.push_str(" AND label > ?");
            cells.push(after.as_str().into());
        }
        sql.push_str(&format!(" ORDER BY label LIMIT {count}"));
        let mut on = self.readers.acquire().await?;
        let name = |row| Columns::of(row).account();
        rows(&mut on, self.dialect, &sql, cells).await?.iter().map(name).collect()
    }
}

impl DayPages<'_> {
    /// The next page, whole accounts at a time; `None` after the last. A page may be empty: its accounts
    /// have no such points.
    pub async fn next(&mut self) -> Result<Option<Vec<DayPoint>>, StoreError> {
        let days = self.period.days().count().max(1);
        let accounts = (ROWS_AT_ONCE / (days * self.meters.len().max(1))).max(1);
        let names = self.store.names_after(&self.backend, self.after.as_ref(), accounts).await?;
        let (Some(first), Some(last)) = (names.first(), names.last()) else { return Ok(None) };
        let meters = vec!["?"; self.meters.len()].join(", ");
        let sql = format!(
            "{POINTS} WHERE l.backend = ? AND l.label >= ? AND l.label <= ? AND d.day >= ? AND d.day < ?
            AND d.meter IN ({meters}) ORDER BY l.label, d.meter, d.day, h.id"
        );
        let mut cells = Vec::from([self.backend.as_str(), first.as_str(), last.as_str()].map(Cell::from));
        cells.extend([self.period.first().into(), self.period.next().into()]);
        cells.extend(self.meters.iter().map(|meter| Cell::from(*meter)));
        let mut on = self.store.readers.acquire().await?;
        let found = rows(&mut on, self.store.dialect, &sql, cells).await?;
        self.after = Some(last.clone());
        found.iter().map(point).collect::<Result<_, _>>().map(Some)
    }
}
