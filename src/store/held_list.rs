//! Lists of services that are not taken in: too many services that own accounts have other numbers in them.

use std::collections::{BTreeMap, HashSet};

use sqlx::AnyConnection;

use super::dialect::Merge::Replace;
use super::sql::{Columns, Table, rows, run};
use super::tables::service;
use super::{Store, StoreError};
use crate::domain::{Service, Timestamp};
use crate::metering::Crowd;
use crate::ownership::renumbered;

/// A list that is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldList {
    /// When the first such list came.
    pub since: Timestamp,
    /// How many services that own accounts have other numbers in it.
    pub moved: i64,
    /// Of how many.
    pub of: i64,
    /// Whether an operator has said that it is true: the next list is taken in.
    pub accepted: bool,
}

const HELD: Table = Table {
    name: "service_list_held",
    keys: &["server"],
    rest: &[("since", Replace), ("moved", Replace), ("of_services", Replace), ("accepted", Replace)],
};

fn held(columns: &mut Columns<'_>) -> Result<HeldList, StoreError> {
    let (since, moved, of) = (columns.time()?, columns.int()?, columns.int()?);
    Ok(HeldList { since, moved, of, accepted: columns.flag()? == Some(true) })
}

impl Store {
    /// Whether a list has to wait for an operator. `known` are the server's services as they were told before.
    pub(super) async fn hold_list(
        &self,
        on: &mut AnyConnection,
        server: i64,
        known: &BTreeMap<i64, service::Row>,
        list: &[Service],
        now: Timestamp,
    ) -> Result<Option<HeldList>, StoreError> {
        let sql = "SELECT DISTINCT service FROM holding_part WHERE service <> 0";
        let mut owners = HashSet::new();
        for row in &rows(on, self.dialect, sql, []).await? {
            owners.insert(Columns::of(row).int()?);
        }
        let owning = || {
            let rows = known.values().filter(|row| row.listed && row.service.is_live());
            rows.map(|row| &row.service).filter(|service| owners.contains(&service.id))
        };
        let (moved, of) = (renumbered(owning(), list).len(), owning().count());
        let sql = "SELECT since, moved, of_services, accepted FROM service_list_held WHERE server = ?";
        let found = rows(on, self.dialect, sql, [server.into()]).await?;
        let before = found.first().map(|row| held(&mut Columns::of(row))).transpose()?;
        if !Crowd::default().is(moved, of) || before.is_some_and(|before| before.accepted) {
            if before.is_some() {
                let sql = "DELETE FROM service_list_held WHERE server = ?";
                run(on, self.dialect, sql, [server.into()]).await?;
            }
            return Ok(None);
        }
        let since = before.map_or(now, |before| before.since);
        let held = HeldList { since, moved: moved as i64, of: of as i64, accepted: false };
        let row = [server.into(), since.into(), held.moved.into(), held.of.into(), false.into()];
        HELD.put(on, self.dialect, vec![row]).await?;
        Ok(Some(held))
    }

    /// The lists that are not taken in, by server.
    pub async fn held_lists(&self) -> Result<BTreeMap<i64, HeldList>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let sql = "SELECT server, since, moved, of_services, accepted FROM service_list_held";
        let found = rows(&mut on, self.dialect, sql, []).await?;
        let read = |row| {
            let mut columns = Columns::of(row);
            Ok((columns.int()?, held(&mut columns)?))
        };
        found.iter().map(read).collect()
    }

    /// Takes the next list of a server in, whatever numbers its services have; `None` where none is held.
    pub async fn accept_list(&self, server: i64) -> Result<Option<HeldList>, StoreError> {
        let Some(held) = self.held_lists().await?.remove(&server).filter(|held| !held.accepted) else {
            return Ok(None);
        };
        let mut tx = self.begin_write().await?;
        let sql = "UPDATE service_list_held SET accepted = 1 WHERE server = ?";
        run(&mut tx, self.dialect, sql, [server.into()]).await?;
        tx.commit().await?;
        Ok(Some(held))
    }
}
