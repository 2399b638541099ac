//! By which entry of the chronicle a number was reported to WHMCS.

use sqlx::AnyConnection;

use super::super::read::{REPORTED, reported_cells};
use super::super::sql::{Columns, rows};
use super::super::{Store, StoreError};
use super::ENTRIES_AT_ONCE;
use super::changes::Values;
use crate::reported::ReportedValue;

/// Where the chronicle has what was reported to WHMCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportedBy {
    /// In this entry.
    Entry(i64),
    /// In entries that are folded.
    Folded,
    /// Nowhere: what is stored was not written by us.
    Nowhere,
}

impl Store {
    /// Looks for a reported value in the chronicle, word for word.
    pub async fn reported_by(&self, reported: &ReportedValue) -> Result<ReportedBy, StoreError> {
        let row: Values = reported_cells(reported)?.iter().map(Into::into).collect();
        let mut on = self.readers.acquire().await?;
        // Nearly always it is in the entry of the moment in which values were reported.
        let sql = "SELECT entry FROM chronicle WHERE at = ? ORDER BY entry";
        for found in rows(&mut on, self.dialect, sql, [reported.at.into()]).await? {
            let entry = Columns::of(&found).int()?;
            if self.entry_with(&mut on, entry, 1, &row).await?.is_some() {
                return Ok(ReportedBy::Entry(entry));
            }
        }
        // It has another payee, or a number, since.
        let folds = self.chronicle_folds(&mut on).await?;
        let mut next = folds.last().map_or(1, |fold| fold.upto + 1);
        let last = self.chronicle_end(&mut on).await?.0;
        let mut newest = None;
        while next <= last {
            newest = self.entry_with(&mut on, next, ENTRIES_AT_ONCE, &row).await?.or(newest);
            next += ENTRIES_AT_ONCE;
        }
        if let Some(entry) = newest {
            return Ok(ReportedBy::Entry(entry));
        }
        for fold in folds.iter().rev() {
            if self.chronicle_fold_changes(&mut on, fold.upto).await?.has(&REPORTED, &row) {
                return Ok(ReportedBy::Folded);
            }
        }
        Ok(ReportedBy::Nowhere)
    }

    /// The newest of some entries that puts a reported value so.
    async fn entry_with(
        &self,
        on: &mut AnyConnection,
        first: i64,
        count: i64,
        row: &Values,
    ) -> Result<Option<i64>, StoreError> {
        for raw in self.raw_chronicle(on, first, count).await?.iter().rev() {
            if raw.changes()?.has(&REPORTED, row) {
                return Ok(Some(raw.entry));
            }
        }
        Ok(None)
    }
}
