//! Retention: days older than wanted are not kept; what their months sum to is, for ever.

use std::collections::HashMap;

use super::sql::{Cell, Columns, rows, run};
use super::tables::Ids;
use super::{Store, StoreError};
use crate::domain::{BackendId, Seconds, Timestamp, UsageDay};

/// What retention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Day points taken away.
    pub day_points: u64,
}

/// How many holdings are looked at in one transaction: few enough that a poll need not wait long.
const HOLDINGS_AT_ONCE: i64 = 700;

/// So much later than the newest poll it may be without anybody having seen it on another clock.
const UNSEEN: Seconds = Seconds::hours(24);

/// How late it is at most for retention, after a poll that was committed.
pub(super) fn latest_prune(newest: Timestamp) -> Timestamp {
    newest.plus(UNSEEN)
}

impl Store {
    /// How late it is at most, for whoever takes something away for good: not much later than the newest poll that was
    /// committed. A clock that has jumped ahead commits none, and takes nothing away.
    pub async fn confirmed(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let states = self.backends().await?;
        let newest = states.iter().filter_map(|state| state.succeeded_at).max();
        Ok(newest.map_or(Timestamp::EPOCH, |newest| now.min(latest_prune(newest))))
    }

    /// Takes away every day older than a backend keeps (`keep_days`, or the store's own setting). Its month has
    /// it in its sum already, so that stopped half-way nothing is lost, and it goes on where it stopped.
    pub async fn prune(
        &self,
        today: UsageDay,
        keep_days: &HashMap<BackendId, u32>,
    ) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned::default();
        for state in self.backends().await? {
            let keep = keep_days.get(&state.backend).copied().unwrap_or(self.settings.keep_days);
            let before = today.minus_days(keep.into());
            let Some(ids) = self.days_end(&state.backend, before).await? else { continue };
            let [mut from, end] = ids.range();
            while let Some(next) = self.some_holdings(from, end).await? {
                let mut tx = self.begin_write().await?;
                let sql = "DELETE FROM day_point WHERE holding >= ? AND holding <= ? AND day < ?";
                let cells: [Cell; 3] = [from.into(), next.into(), before.into()];
                pruned.day_points += run(&mut tx, self.dialect, sql, cells).await?;
                tx.commit().await?;
                from = next + 1;
            }
        }
        Ok(pruned)
    }

    /// Says that days before `before` are not kept any more; nothing where no such day is.
    async fn days_end(&self, backend: &BackendId, before: UsageDay) -> Result<Option<Ids>, StoreError> {
        let mut tx = self.begin_write().await?;
        let sql = "UPDATE backend SET days_from = ? WHERE name = ? AND days_from < ?";
        run(&mut tx, self.dialect, sql, [before.into(), backend.as_str().into(), before.into()]).await?;
        let sql = "SELECT number FROM backend WHERE name = ?";
        let found = rows(&mut tx, self.dialect, sql, [backend.as_str().into()]).await?;
        let number = found.first().map(|row| Columns::of(row).int()).transpose()?;
        tx.commit().await?;
        Ok(number.map(|backend| Ids { backend }))
    }

    /// The last of the next few holdings from `from` on.
    async fn some_holdings(&self, from: i64, end: i64) -> Result<Option<i64>, StoreError> {
        let sql =
            "SELECT MAX(id) FROM (SELECT id FROM holding WHERE id >= ? AND id < ? ORDER BY id LIMIT ?) s";
        let mut on = self.readers.acquire().await?;
        let cells: [Cell; 3] = [from.into(), end.into(), HOLDINGS_AT_ONCE.into()];
        let found = rows(&mut on, self.dialect, sql, cells).await?;
        found.first().map_or(Ok(None), |row| Columns::of(row).maybe_int())
    }
}
