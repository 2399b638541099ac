//! Which reseller an account belongs to, as its panel said last.

use std::collections::HashMap;

use super::super::sql::{Cell, Columns, rows};
use super::super::{Store, StoreError};
use crate::domain::{AccountKey, BackendId};

impl Store {
    /// The resellers of accounts, of earlier lives too, under the names that totals have; empty for the panel's own.
    /// An account whose panel never said is absent.
    pub async fn resellers(
        &self,
        backend: Option<&BackendId>,
    ) -> Result<HashMap<AccountKey, String>, StoreError> {
        let of_backend = if backend.is_some() { " AND backend = ?" } else { "" };
        let sql = format!("SELECT backend, label, reseller FROM life WHERE reseller IS NOT NULL{of_backend}");
        let cells: Vec<Cell> = backend.map(|backend| Cell::from(backend.as_str())).into_iter().collect();
        let mut on = self.readers.acquire().await?;
        let reseller = |row| {
            let mut columns = Columns::of(row);
            let key = AccountKey { backend: columns.backend()?, name: columns.account()? };
            Ok((key, columns.text()?))
        };
        rows(&mut on, self.dialect, &sql, cells).await?.iter().map(reseller).collect()
    }
}
