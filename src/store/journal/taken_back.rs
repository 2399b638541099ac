//! Entries that do not count any more: those between an entry that takes the journal back and the one it goes back to.
//! They stay where they are, and in the chain.

use sqlx::AnyConnection;

use super::super::sql::{Columns, rows};
use super::super::{Store, StoreError};
use crate::domain::BackendId;

/// Which entries of a backend were taken back, and by which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct TakenBack {
    /// The entry gone back to and the entry that does, oldest first.
    rewinds: Vec<(i64, i64)>,
}

impl TakenBack {
    /// The first entry that took this one back. One that was, stays so: nobody can go back to it.
    pub fn by(&self, entry: i64) -> Option<i64> {
        self.rewinds.iter().find(|(to, by)| *to < entry && entry < *by).map(|(_, by)| *by)
    }
}

impl Store {
    /// What was taken back of the entries that are not folded.
    pub(in super::super) async fn taken_back(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
    ) -> Result<TakenBack, StoreError> {
        let sql =
            "SELECT back_to, entry FROM journal WHERE backend = ? AND back_to IS NOT NULL ORDER BY entry";
        let mut rewinds = Vec::new();
        for row in &rows(on, self.dialect, sql, [backend.as_str().into()]).await? {
            let mut columns = Columns::of(row);
            rewinds.push((columns.int()?, columns.int()?));
        }
        Ok(TakenBack { rewinds })
    }
}
