//! The zone that cuts days and months, which a database keeps for good.

use sqlx::AnyConnection;

use super::dialect::Dialect;
use super::dialect::Merge::Replace;
use super::sql::{Cell, Columns, Table, rows};
use super::{Store, StoreError};
use crate::domain::BillingZone;

const ZONE: Table = Table { name: "billing_zone", keys: &["one"], rest: &[("zone", Replace)] };

impl Store {
    /// Keeps the zone that cuts this database's days; refuses another one once anything is stored.
    pub async fn keep_zone(&self, zone: BillingZone) -> Result<(), StoreError> {
        if self.zone().await?.as_deref() == Some(zone.name()) {
            return Ok(());
        }
        let mut tx = self.begin_write().await?;
        let (stored, has_days) = stored_zone(&mut tx, self.dialect).await?;
        match stored {
            Some(stored) if stored == zone.name() => return Ok(()),
            Some(stored) if has_days => {
                return Err(StoreError::OtherZone { stored, configured: zone.name().into() });
            }
            // Of several that start at once each finds none.
            _ => ZONE.put(&mut tx, self.dialect, vec![[Cell::from(1i64), zone.name().into()]]).await?,
        }
        tx.commit().await
    }

    /// Refuses a zone that is not the one in which this database's days are cut; keeps nothing.
    pub async fn same_zone(&self, zone: BillingZone) -> Result<(), StoreError> {
        match self.zone().await? {
            Some(stored) if stored != zone.name() => {
                Err(StoreError::OtherZone { stored, configured: zone.name().into() })
            }
            _ => Ok(()),
        }
    }

    async fn zone(&self) -> Result<Option<String>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, "SELECT zone FROM billing_zone WHERE one = 1", []).await?;
        found.first().map(|row| Columns::of(row).text()).transpose()
    }
}

/// The zone that is stored, and whether anything is cut by it.
async fn stored_zone(on: &mut AnyConnection, dialect: Dialect) -> Result<(Option<String>, bool), StoreError> {
    let found = rows(on, dialect, "SELECT zone FROM billing_zone WHERE one = 1", []).await?;
    let stored = found.first().map(|row| Columns::of(row).text()).transpose()?;
    let sql = "SELECT COUNT(*) FROM backend WHERE entries > 0";
    let has_days = match rows(on, dialect, sql, []).await?.first() {
        Some(row) => Columns::of(row).int()? > 0,
        None => false,
    };
    Ok((stored, has_days))
}

/// Refuses a zone that [`Store::keep_zone`] would refuse; keeps nothing.
pub(super) async fn refuse_other_zone(
    on: &mut AnyConnection,
    dialect: Dialect,
    zone: BillingZone,
) -> Result<(), StoreError> {
    match stored_zone(on, dialect).await? {
        (Some(stored), true) if stored != zone.name() => {
            Err(StoreError::OtherZone { stored, configured: zone.name().into() })
        }
        _ => Ok(()),
    }
}
