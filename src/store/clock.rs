//! Clocks that are not ours: the database server's, and panels' that an operator has accepted as they are.

use super::sql::{Columns, rows, run};
use super::{Lease, Store, StoreError};
use crate::domain::{BackendId, Reason, Seconds, Timestamp};

impl Store {
    /// What the clock of the database's server shows; `None` where it runs on ours.
    pub async fn server_time(&self) -> Result<Option<Timestamp>, StoreError> {
        let Some(sql) = self.dialect.server_time() else { return Ok(None) };
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, sql, []).await?;
        found.first().map(|row| Columns::of(row).time()).transpose()
    }

    /// What a panel's clock shows, less what an operator has accepted it to be wrong by.
    pub async fn as_accepted(&self, backend: &BackendId, shows: Timestamp) -> Result<Timestamp, StoreError> {
        let mut on = self.readers.acquire().await?;
        let sql = "SELECT clock_accepted FROM backend WHERE name = ?";
        let found = rows(&mut on, self.dialect, sql, [backend.as_str().into()]).await?;
        let accepted = found.first().map_or(Ok(None), |row| Columns::of(row).maybe_int())?.unwrap_or(0);
        let by = Seconds::new(accepted.unsigned_abs());
        Ok(if accepted < 0 { shows.plus(by) } else { shows.minus(by) })
    }

    /// Writes down that a poll was not committed because our clock is wrong, and by how much another is off it, where
    /// that is the panel's own: only this can be accepted of its backend. It is dated by the other: ours may lie in the
    /// future.
    pub async fn record_clock(
        &self,
        lease: &Lease,
        (other, is_its_own): (Timestamp, bool),
        ours: Timestamp,
        detail: &str,
    ) -> Result<(), StoreError> {
        self.record_failure(lease, other, Reason::Clock, detail).await?;
        let mut tx = self.begin_write().await?;
        let sql = "UPDATE backend SET clock_seen = COALESCE(clock_accepted, 0) + ? WHERE name = ?";
        let off = is_its_own.then_some(other.get() - ours.get());
        let cells = [off.into(), lease.backend.as_str().into()];
        run(&mut tx, self.dialect, sql, cells).await?;
        tx.commit().await
    }

    /// Takes a panel's clock as it is from now on: seconds it is ahead of ours, below zero behind. `None` where its
    /// last poll did not fail for that.
    pub async fn accept_clock(&self, backend: &BackendId) -> Result<Option<i64>, StoreError> {
        let mut tx = self.begin_write().await?;
        let sql = "SELECT clock_seen FROM backend WHERE name = ? AND reason = ?";
        let cells = [backend.as_str().into(), Reason::Clock.name().into()];
        let found = rows(&mut tx, self.dialect, sql, cells).await?;
        let Some(seen) = found.first().map_or(Ok(None), |row| Columns::of(row).maybe_int())? else {
            return Ok(None);
        };
        let sql = "UPDATE backend SET clock_accepted = ? WHERE name = ?";
        run(&mut tx, self.dialect, sql, [seen.into(), backend.as_str().into()]).await?;
        tx.commit().await?;
        Ok(Some(seen))
    }
}
