//! Every life that a name has had, and who paid for it when.

use super::super::sql::{Columns, rows};
use super::super::tables::holding::owner;
use super::super::{Store, StoreError};
use crate::domain::{AccountKey, Owner, Timestamp, UsageDay};

/// A stretch of a life that one owner pays for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivedPart {
    /// Which life of its name it is, from 1.
    pub nth: u32,
    /// When that life was first seen.
    pub born: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The instant its holding begins after; 1970 for the first.
    pub from: Timestamp,
    /// Which part of its holding it is, from 0: the first has all days of it up to the next part's.
    pub place: u32,
    /// The first day of the part.
    pub since: UsageDay,
    /// Who pays.
    pub owner: Owner,
}

impl Store {
    /// The lives of a name on its panel, oldest first, each with who paid for it.
    pub async fn lived(&self, account: &AccountKey) -> Result<Vec<LivedPart>, StoreError> {
        let sql =
            "SELECT l.nth, l.first_seen, l.ended_at, h.from_at, p.part, p.since, p.service, p.server, p.name
            FROM life l JOIN holding h ON h.life = l.id JOIN holding_part p ON p.holding = h.id
            WHERE l.backend = ? AND l.name = ? ORDER BY l.nth, h.id, p.part";
        let mut on = self.readers.acquire().await?;
        let part = |row| {
            let mut columns = Columns::of(row);
            Ok(LivedPart {
                nth: columns.small()?,
                born: columns.time()?,
                ended: columns.maybe_time()?,
                from: columns.time()?,
                place: columns.small()?,
                since: columns.day()?,
                owner: owner(&mut columns)?,
            })
        };
        let cells = [account.backend.as_str().into(), account.name.as_str().into()];
        rows(&mut on, self.dialect, sql, cells).await?.iter().map(part).collect()
    }
}
