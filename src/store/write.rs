//! A transaction that writes. It notes what it changes of the rows that the chronicle records, and its commit appends
//! that: both are there, or neither.

use std::ops::{Deref, DerefMut};

use sqlx::AnyConnection;

use super::chronicle::{Changes, values};
use super::dialect::Dialect;
use super::sql::{Cell, Table, rows};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::Timestamp;

pub(super) struct Write {
    tx: Transaction,
    store: Store,
    at: Timestamp,
    changes: Changes,
}

impl Deref for Write {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.tx
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.tx
    }
}

impl Store {
    /// Begins to write what the chronicle does not record.
    pub(super) async fn begin_write(&self) -> Result<Write, StoreError> {
        self.begin_write_at(Timestamp::EPOCH).await
    }

    /// Begins to write at a time.
    pub(super) async fn begin_write_at(&self, at: Timestamp) -> Result<Write, StoreError> {
        let tx = self.begin().await?;
        Ok(Write { tx, store: self.clone(), at, changes: Changes::default() })
    }
}

impl Write {
    /// Notes a row that is put in as a whole.
    pub fn note(&mut self, table: &Table, row: &[Cell]) {
        self.changes.put(table, row.iter().map(Into::into).collect());
    }

    /// Notes rows as they are now, because only a part of each was written. `filter` is on the table as `t`.
    pub async fn note_rows(
        &mut self,
        table: &Table,
        filter: &str,
        cells: impl IntoIterator<Item = Cell>,
    ) -> Result<(), StoreError> {
        let dialect: Dialect = self.store.dialect;
        let sql = format!("SELECT {} FROM {} t WHERE {filter}", table.columns("t"), table.name);
        for row in rows(&mut self.tx, dialect, &sql, cells).await? {
            self.changes.put(table, values(&row)?);
        }
        Ok(())
    }

    /// Notes that rows are about to go, while they are there still.
    pub async fn note_gone(
        &mut self,
        table: &Table,
        filter: &str,
        cells: impl IntoIterator<Item = Cell>,
    ) -> Result<(), StoreError> {
        let sql = format!("SELECT {} FROM {} t WHERE {filter}", table.columns("t"), table.name);
        for row in rows(&mut self.tx, self.store.dialect, &sql, cells).await? {
            self.changes.gone(table, values(&row)?);
        }
        Ok(())
    }

    /// Notes that a backend has another name in every row.
    pub fn note_renamed(&mut self, old: &str, new: &str) {
        self.changes.rename(old, new);
    }

    /// Appends what was noted to the chronicle, last, so that its row is locked no longer than need be; and commits.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if !self.changes.is_empty() {
            self.store.append_chronicle(&mut self.tx, self.at, &self.changes).await?;
        }
        self.tx.commit().await
    }

    /// Undoes all of it.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.tx.rollback().await
    }
}
