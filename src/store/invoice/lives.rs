//! Whose every account was when: what lines are drawn up from besides the sums.

use std::collections::HashMap;

use super::super::ledger::load_lives;
use super::super::sql::{Columns, rows};
use super::super::tables::Ids;
use super::super::{Store, StoreError};
use crate::domain::{BackendId, LifeNo};
use crate::metering::Book;
use crate::standing::AccountStanding;

impl Store {
    /// Every life of a backend's accounts with its holdings and beliefs, as a book without counters and period
    /// totals; and what the panel and WHMCS say of each life, without its series.
    pub async fn lives(
        &self,
        backend: &BackendId,
    ) -> Result<(Book, HashMap<LifeNo, AccountStanding>), StoreError> {
        // One transaction, so that no commit comes between the tables.
        let mut tx = self.begin_read().await?;
        let sql = "SELECT number FROM backend WHERE name = ?";
        let found = rows(&mut tx, self.dialect, sql, [backend.as_str().into()]).await?;
        let mut book = Book::default();
        let Some(row) = found.first() else { return Ok((book, HashMap::new())) };
        let ids = Ids { backend: Columns::of(row).int()? };
        let facts = load_lives(self, &mut tx, &mut book, ids, "").await?;
        Ok((book, facts))
    }
}
