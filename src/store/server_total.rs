//! What a panel itself says is stored on it altogether: kept beside its accounts, to be held against them.

use sqlx::AnyConnection;

use super::sql::run;
use super::{Lease, Store, StoreError};
use crate::domain::ServerTotal;

impl Store {
    /// Notes what the newest poll of everybody was told; `None` where the panel told nothing.
    pub(super) async fn put_server_total(
        &self,
        on: &mut AnyConnection,
        lease: &Lease,
        total: Option<ServerTotal>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE backend SET total_at = ?, total_bytes = ? WHERE name = ?";
        let (at, stored) = (total.map(|total| total.at), total.map(|total| total.stored));
        run(on, self.dialect, sql, [at.into(), stored.into(), lease.backend.as_str().into()]).await?;
        Ok(())
    }
}
