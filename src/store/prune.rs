//! Retention: days older than wanted are folded into their month's total, which is kept for ever.

use std::collections::HashMap;

use super::dialect::Merge::{Add, Replace};
use super::sql::{Cell, Columns, Upsert, held_cells, rows, run};
use super::{Store, StoreError};
use crate::domain::{BackendId, Meter, Nature, UsageDay};

/// What retention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Day points folded into months.
    pub day_points: u64,
}

impl Store {
    /// Folds every day older than a backend keeps (`keep_days`, or the store's own setting) into its
    /// month. Stopped half-way it goes on where it stopped: each transaction moves whole days, so month
    /// and days always sum to the same.
    pub async fn prune(
        &self,
        today: UsageDay,
        keep_days: &HashMap<BackendId, u32>,
    ) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned::default();
        for state in self.backends().await? {
            let keep = keep_days.get(&state.backend).copied().unwrap_or(self.settings.keep_days);
            let before = today.minus_days(keep.into());
            let mut from = 0;
            loop {
                let series = self.next_series(&state.backend, from).await?;
                let (Some(first), Some(last)) = (series.first(), series.last()) else { break };
                pruned.day_points += self.fold(&state.backend, *first, *last + 1, before).await?;
                from = *last + 1;
            }
        }
        Ok(pruned)
    }

    /// The next series of a backend: few enough that a poll need not wait long for their folding.
    async fn next_series(&self, backend: &BackendId, from: i64) -> Result<Vec<i64>, StoreError> {
        let sql = "SELECT s.id FROM series s JOIN account a ON a.id = s.account
            WHERE a.backend = ? AND s.id >= ? ORDER BY s.id LIMIT 2000";
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, sql, [backend.as_str().into(), from.into()]).await?;
        found.iter().map(|row| Columns::of(row).int()).collect()
    }

    async fn fold(
        &self,
        backend: &BackendId,
        first: i64,
        next: i64,
        before: UsageDay,
    ) -> Result<u64, StoreError> {
        let mut tx = self.begin_write().await?;
        let range = || [Cell::from(first), next.into(), before.number().into(), Cell::from(backend.as_str())];
        let sql =
            "SELECT d.series, s.meter, d.day, d.amount, d.estimated, d.held_peta, d.held_rest, d.covered
            FROM day_point d JOIN series s ON s.id = d.series JOIN account a ON a.id = s.account
            WHERE d.series >= ? AND d.series < ? AND d.day < ? AND a.backend = ? ORDER BY d.series, d.day";
        let (mut flows, mut levels) = (Vec::new(), Vec::new());
        for row in rows(&mut tx, self.dialect, sql, range()).await? {
            let mut columns = Columns::of(&row);
            let (series, meter) = (columns.int()?, columns.text()?);
            let meter: Meter = meter.parse().map_err(|error| StoreError::corrupt(error, "a meter"))?;
            let day = columns.day()?;
            let mut cells: Vec<Cell> = vec![series.into(), day.month().number().into()];
            cells.extend([columns.int()?.into(), columns.int()?.into()]);
            // Brought back to the base, or a month of days of many additions could outgrow the column.
            cells.extend(held_cells(columns.held()?)?);
            cells.push(columns.int()?.into());
            cells.push(day.number().into());
            match meter.nature() {
                Nature::Flow => flows.push(cells),
                Nature::Level => levels.push(cells),
            }
        }
        for (rows, merge) in [(flows, Add), (levels, Replace)] {
            let rest = [
                ("amount", merge),
                ("estimated", Add),
                ("held_peta", Add),
                ("held_rest", Add),
                ("covered", Add),
                ("last_day", Replace),
            ];
            let months = Upsert { table: "month_total", keys: &["series", "month"], rest: &rest };
            // One row at a time per statement would be slow, two rows of one month in one statement is
            // refused by PostgreSQL: so the days of a month go in one after the other.
            for wave in waves(rows) {
                months.put(&mut tx, self.dialect, wave).await?;
            }
        }
        let sql = "DELETE FROM day_point WHERE series >= ? AND series < ? AND day < ? AND series IN
            (SELECT s.id FROM series s JOIN account a ON a.id = s.account WHERE a.backend = ?)";
        let folded = run(&mut tx, self.dialect, sql, range()).await?;
        tx.commit().await?;
        Ok(folded)
    }
}

/// Splits rows so that no two of one wave have the same key; the order of one key is kept.
fn waves(rows: Vec<Vec<Cell>>) -> Vec<Vec<Vec<Cell>>> {
    let mut waves: Vec<Vec<Vec<Cell>>> = Vec::new();
    let (mut last, mut wave) = (None, 0);
    for row in rows {
        let key = match (&row[0], &row[1]) {
            (Cell::Int(series), Cell::Int(month)) => (*series, *month),
            _ => (None, None),
        };
        wave = if last == Some(key) { wave + 1 } else { 0 };
        last = Some(key);
        if waves.len() == wave {
            waves.push(Vec::new());
        }
        waves[wave].push(row);
    }
    waves
}
