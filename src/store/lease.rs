//! Who may poll a backend now: one row per backend, taken by compare-and-set.
//!
//! Every new holder gets a larger fence number; a commit under an older one is refused, so a collector
//! that slept through its lease cannot write over its successor.

use super::sql::{Columns, rows, run};
use super::{Store, StoreError};
use crate::domain::{BackendId, Seconds, Timestamp};

/// Clocks of replicas may be this far apart. A lease that ends later than that was taken by one whose clock was wrong,
/// and keeps no process out: its commit would be refused by the fence.
const CLOCKS_APART: Seconds = Seconds::new(300);

/// Whether a panel is to be left alone, because it refused us or asked for peace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parked {
    /// How often in a row it refused us.
    pub refusals: u32,
    /// The timetable does not ask it before.
    pub until: Option<Timestamp>,
}

/// The right to poll one backend and commit it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The backend.
    pub backend: BackendId,
    /// Larger than that of every holder before.
    pub fence: i64,
    /// When somebody last polled the backend before this lease, well or badly.
    pub polled_at: Option<Timestamp>,
    /// Whether the panel is to be left alone.
    pub parked: Parked,
    /// The number of the backend's row.
    pub(super) number: i64,
    pub(super) holder: String,
}

impl Store {
    /// Takes the lease on a backend for `length`, making its row at first sight. `None` while somebody
    /// else holds it.
    pub async fn take_lease(
        &self,
        backend: &BackendId,
        kind: &str,
        holder: &str,
        now: Timestamp,
        length: Seconds,
    ) -> Result<Option<Lease>, StoreError> {
        let mut tx = self.begin_write().await?;
        let known = "SELECT fence, polled_at, number, refusals, parked_until FROM backend WHERE name = ?";
        if rows(&mut tx, self.dialect, known, [backend.as_str().into()]).await?.is_empty() {
            let number = self.allot(&mut tx, "backend", 1).await?;
            let sql =
                "INSERT INTO backend (name, number, kind, panel, version, acts, fence, holder, lease_until,
                next_life, next_holding, days_from, refusals, entries, chain)
                VALUES (?, ?, ?, '', 0, 0, 0, '', 0, 1, 1, 19700101, 0, 0, '')";
            run(&mut tx, self.dialect, sql, [backend.as_str().into(), number.into(), kind.into()]).await?;
        }
        let sql = "UPDATE backend SET kind = ?, holder = ?, lease_until = ?, fence = fence + 1
            WHERE name = ? AND (lease_until <= ? OR lease_until > ? OR holder = ?)";
        let cells = [
            kind.into(),
            holder.into(),
            now.plus(length).into(),
            backend.as_str().into(),
            now.into(),
            now.plus(length).plus(CLOCKS_APART).into(),
            holder.into(),
        ];
        let taken = run(&mut tx, self.dialect, sql, cells).await? == 1;
        let found = rows(&mut tx, self.dialect, known, [backend.as_str().into()]).await?;
        tx.commit().await?;
        let Some(row) = found.first().filter(|_| taken) else { return Ok(None) };
        let mut columns = Columns::of(row);
        let (fence, polled_at, number) = (columns.int()?, columns.maybe_time()?, columns.int()?);
        let parked = Parked { refusals: columns.small()?, until: columns.maybe_time()? };
        Ok(Some(Lease { backend: backend.clone(), fence, polled_at, parked, number, holder: holder.into() }))
    }

    /// Leaves the panel alone, or not any more.
    pub async fn park(&self, lease: &Lease, parked: Parked) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        let sql = "UPDATE backend SET refusals = ?, parked_until = ? WHERE name = ? AND fence = ?";
        let (backend, fence) = (lease.backend.as_str().into(), lease.fence.into());
        let cells = [i64::from(parked.refusals).into(), parked.until.into(), backend, fence];
        run(&mut tx, self.dialect, sql, cells).await?;
        tx.commit().await
    }

    /// Asks panels again that were left alone: how they are asked may be other now.
    pub async fn unpark(&self, backends: &[&BackendId]) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        let sql = "UPDATE backend SET refusals = 0, parked_until = NULL WHERE name = ? AND parked_until \
             IS NOT NULL";
        for backend in backends {
            run(&mut tx, self.dialect, sql, [backend.as_str().into()]).await?;
        }
        tx.commit().await
    }

    /// Holds the lease for `length` from `now` on; `false` when it was lost.
    pub async fn renew_lease(
        &self,
        lease: &Lease,
        now: Timestamp,
        length: Seconds,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE backend SET lease_until = ? WHERE name = ? AND fence = ? AND holder = ?";
        self.update_lease(lease, sql, now.plus(length)).await
    }

    /// Gives the lease back, so that the next poll need not wait for it to run out.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        let sql = "UPDATE backend SET lease_until = ? WHERE name = ? AND fence = ? AND holder = ?";
        self.update_lease(lease, sql, Timestamp::EPOCH).await.map(drop)
    }

    async fn update_lease(&self, lease: &Lease, sql: &str, until: Timestamp) -> Result<bool, StoreError> {
        let cells =
            [until.into(), lease.backend.as_str().into(), lease.fence.into(), lease.holder.as_str().into()];
        let mut tx = self.begin_write().await?;
        let held = run(&mut tx, self.dialect, sql, cells).await? == 1;
        tx.commit().await?;
        Ok(held)
    }
}
