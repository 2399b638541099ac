//! Transactions whose every step has a time limit, their end among them.

use std::ops::{Deref, DerefMut};

use sqlx::{Any, AnyConnection};

use super::dialect::Dialect;
use super::sql::answered;
use super::{Store, StoreError};

/// A transaction; dropped, nothing of it happened.
pub(super) struct Transaction {
    inner: sqlx::Transaction<'static, Any>,
    dialect: Dialect,
}

impl Transaction {
    /// Makes it true. Where the database does not answer it is unknown whether it is: the caller again finds out.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        answered(self.dialect, self.inner.commit()).await
    }

    /// Ends it before anything else is done with its connection.
    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        answered(self.dialect, self.inner.rollback()).await
    }
}

impl Deref for Transaction {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}

impl Store {
    /// One that writes: where another does, it waits for it.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreError> {
        self.still_there()?;
        let dialect = self.dialect;
        let inner = answered(dialect, self.writer.begin_with(dialect.begin_write())).await?;
        Ok(Transaction { inner, dialect })
    }

    /// One that only reads, and sees one moment of the database throughout.
    pub(super) async fn begin_read(&self) -> Result<Transaction, StoreError> {
        let dialect = self.dialect;
        let inner = answered(dialect, self.readers.begin_with(dialect.begin_snapshot())).await?;
        Ok(Transaction { inner, dialect })
    }
}
