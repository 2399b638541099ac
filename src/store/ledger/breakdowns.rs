//! What levels are made of by the panels' own names, as it was read last.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use sqlx::AnyConnection;

use super::super::dialect::Merge::Replace;
use super::super::sql::{Cell, Columns, Table, rows};
use super::super::{Store, StoreError};
use super::load::Loaded;
use crate::domain::{AccountKey, Breakdown, Bytes, Harvest, LevelPart, LifeNo};
use crate::metering::Book;

const BREAKDOWN: Table = Table {
    name: "breakdown",
    keys: &["life"],
    rest: &[("read_at", Replace), ("parts", Replace), ("others", Replace), ("others_bytes", Replace)],
};

impl Store {
    /// Writes what changed of accounts we know; returns what was written, for [`Loaded`] to remember.
    pub(super) async fn put_breakdowns(
        &self,
        on: &mut AnyConnection,
        loaded: &Loaded,
        harvest: &Harvest,
        after: &Book,
    ) -> Result<HashMap<LifeNo, u64>, StoreError> {
        let (mut cells, mut written) = (Vec::new(), HashMap::new());
        for (account, harvested) in harvest.accounts() {
            let known = after.names.get(account).zip(harvested.made_of.as_ref());
            let Some((no, breakdown)) = known else { continue };
            let parts: Vec<(&str, u64)> =
                breakdown.parts.iter().map(|part| (part.name.as_str(), part.bytes.get())).collect();
            let parts =
                serde_json::to_string(&parts).map_err(|error| StoreError::corrupt(error, "a text"))?;
            let mut hasher = DefaultHasher::new();
            (breakdown.at, &parts, breakdown.others, breakdown.others_bytes).hash(&mut hasher);
            if loaded.broken_down.get(no) == Some(&hasher.finish()) {
                continue;
            }
            written.insert(*no, hasher.finish());
            let others = i64::try_from(breakdown.others).unwrap_or(i64::MAX);
            let row: [Cell; 5] = [
                loaded.ids.life(*no).into(),
                breakdown.at.into(),
                parts.into(),
                others.into(),
                breakdown.others_bytes.into(),
            ];
            cells.push(row);
        }
        BREAKDOWN.put(on, self.dialect, cells).await?;
        Ok(written)
    }

    /// What an account's stored bytes were made of when that was read last; `None` where its panel never said.
    pub async fn breakdown(&self, account: &AccountKey) -> Result<Option<Breakdown>, StoreError> {
        let sql = "SELECT b.read_at, b.parts, b.others, b.others_bytes
            FROM life l JOIN breakdown b ON b.life = l.id WHERE l.backend = ? AND l.label = ?";
        let cells: [Cell; 2] = [account.backend.as_str().into(), account.name.as_str().into()];
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, sql, cells).await?;
        let Some(row) = found.first() else { return Ok(None) };
        let mut columns = Columns::of(row);
        let (at, text) = (columns.time()?, columns.text()?);
        let unreadable = |error: &dyn std::fmt::Display| StoreError::corrupt(error, "the parts of a level");
        let read: Vec<(String, u64)> = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
        let part = |(name, bytes)| {
            Ok(LevelPart { name, bytes: Bytes::new(bytes).map_err(|error| unreadable(&error))? })
        };
        let parts = read.into_iter().map(part).collect::<Result<_, StoreError>>()?;
        let others = u64::try_from(columns.int()?).map_err(|error| unreadable(&error))?;
        Ok(Some(Breakdown { at, parts, others, others_bytes: columns.bytes()? }))
    }
}
