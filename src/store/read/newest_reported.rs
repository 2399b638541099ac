//! What WHMCS was told last, server by server: for whoever shows it, and looks again only where something was reported.

use std::collections::BTreeMap;

use super::super::sql::{Columns, rows};
use super::super::{Store, StoreError};
use crate::domain::Month;
use crate::reported::ReportedValue;

impl Store {
    /// How often values were reported to each server, by whichever process. Where the number is another than before,
    /// what was reported may be another, too.
    pub async fn times_reported(&self) -> Result<BTreeMap<i64, i64>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, "SELECT server, times FROM reported_to", []).await?;
        let row = |row| {
            let mut columns = Columns::of(row);
            Ok((columns.int()?, columns.int()?))
        };
        found.iter().map(row).collect()
    }

    /// The last that a server was told of a month, of every tenant.
    pub async fn reported_to(&self, server: i64, month: Month) -> Result<Vec<ReportedValue>, StoreError> {
        let mut on = self.readers.acquire().await?;
        self.read_reported(&mut on, "r.month = ? AND r.asked_by = ?", [month.into(), server.into()]).await
    }
}
