//! Lists of services that are not taken in: too many services that own accounts have other numbers in them.

use std::collections::{BTreeMap, HashSet};

use sqlx::AnyConnection;

use super::dialect::Merge::Replace;
use super::sql::{Cell, Columns, Table, rows, run};
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
    /// Whether an operator has said what it is: the next list is taken in.
    pub accepted: bool,
}

/// What an operator has said of the next list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListAcceptance {
    /// Whether its services are the same as before, whatever their numbers.
    pub same_services: bool,
    /// Who says so.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// What is to become of a list.
pub(super) enum Verdict {
    /// It is taken in: a service is its number.
    TakenIn,
    /// It waits for an operator.
    Held(HeldList),
    /// It is taken in with the same services under other numbers.
    Renumbered(ListAcceptance),
}

const HELD: Table = Table {
    name: "service_list_held",
    keys: &["server"],
    rest: &[
        ("since", Replace),
        ("moved", Replace),
        ("of_services", Replace),
        ("accepted", Replace),
        ("by_whom", Replace),
        ("reason", Replace),
    ],
};

/// How `accepted` is written.
const SAME: &str = "same";
const OTHER: &str = "other";

struct Row {
    held: HeldList,
    acceptance: Option<ListAcceptance>,
}

fn row(columns: &mut Columns<'_>) -> Result<(i64, Row), StoreError> {
    let (server, since, moved, of) = (columns.int()?, columns.time()?, columns.int()?, columns.int()?);
    let (accepted, author, reason) = (columns.maybe_text()?, columns.maybe_text()?, columns.maybe_text()?);
    let corrupt = |found: &str| StoreError::corrupt(found, "the decision on a list, its author and reason");
    let acceptance = match accepted.as_deref() {
        None => None,
        Some(said @ (SAME | OTHER)) => Some(ListAcceptance {
            same_services: said == SAME,
            author: author.ok_or_else(|| corrupt("nobody"))?,
            reason: reason.ok_or_else(|| corrupt("no reason"))?,
        }),
        Some(other) => return Err(corrupt(other)),
    };
    let held = HeldList { since, moved, of, accepted: acceptance.is_some() };
    Ok((server, Row { held, acceptance }))
}

fn cells(server: i64, row: &Row) -> [Cell; 7] {
    let said = row.acceptance.as_ref();
    let accepted = said.map(|said| if said.same_services { SAME } else { OTHER });
    [
        server.into(),
        row.held.since.into(),
        row.held.moved.into(),
        row.held.of.into(),
        accepted.into(),
        said.map(|said| said.author.as_str()).into(),
        said.map(|said| said.reason.as_str()).into(),
    ]
}

impl Store {
    /// What is to become of a list. `known` are the server's services as they were reported before.
    pub(super) async fn judge_list(
        &self,
        on: &mut AnyConnection,
        server: i64,
        known: &BTreeMap<i64, service::Row>,
        list: &[Service],
        now: Timestamp,
    ) -> Result<Verdict, StoreError> {
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
        let before = self.read_held(on).await?.remove(&server);
        let acceptance = before.as_ref().and_then(|before| before.acceptance.clone());
        if acceptance.is_none() && Crowd::default().is(moved, of) {
            let since = before.map_or(now, |before| before.held.since);
            let held = HeldList { since, moved: moved as i64, of: of as i64, accepted: false };
            HELD.put(on, self.dialect, vec![cells(server, &Row { held, acceptance })]).await?;
            return Ok(Verdict::Held(held));
        }
        if before.is_some() {
            let sql = "DELETE FROM service_list_held WHERE server = ?";
            run(on, self.dialect, sql, [server.into()]).await?;
        }
        Ok(match acceptance.filter(|said| said.same_services) {
            Some(said) => Verdict::Renumbered(said),
            None => Verdict::TakenIn,
        })
    }

    /// Whether the next list of a server is taken in with the same services under other numbers.
    pub(super) async fn list_is_renumbered(&self, server: i64) -> Result<bool, StoreError> {
        let mut on = self.readers.acquire().await?;
        let held = self.read_held(&mut on).await?.remove(&server);
        Ok(held.and_then(|held| held.acceptance).is_some_and(|said| said.same_services))
    }

    async fn read_held(&self, on: &mut AnyConnection) -> Result<BTreeMap<i64, Row>, StoreError> {
        let sql = format!("SELECT {} FROM service_list_held h", HELD.columns("h"));
        rows(on, self.dialect, &sql, []).await?.iter().map(|found| row(&mut Columns::of(found))).collect()
    }

    /// The lists that are not taken in, by server.
    pub async fn held_lists(&self) -> Result<BTreeMap<i64, HeldList>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let found = self.read_held(&mut on).await?.into_iter();
        // What an operator has said beforehand holds nothing.
        let held = found.filter(|(_, row)| row.held.moved > 0 || !row.held.accepted);
        Ok(held.map(|(server, row)| (server, row.held)).collect())
    }

    /// Takes the next list of a server in, whatever numbers its services have. `None` where none is held: that other
    /// numbers are no other services may also be said beforehand.
    pub async fn accept_list(
        &self,
        server: i64,
        said: &ListAcceptance,
        now: Timestamp,
    ) -> Result<Option<HeldList>, StoreError> {
        let mut tx = self.begin_write().await?;
        let before = self.read_held(&mut tx).await?.remove(&server);
        // He may change his mind; what he has said already is not said again.
        let is_said = before.as_ref().and_then(|before| before.acceptance.as_ref());
        let is_said = is_said.is_some_and(|known| known.same_services == said.same_services);
        let beforehand = HeldList { since: now, moved: 0, of: 0, accepted: true };
        let held = before.map_or(beforehand, |before| before.held);
        if is_said || (held.moved == 0 && !said.same_services) {
            return Ok(None);
        }
        let row = Row { held, acceptance: Some(said.clone()) };
        HELD.put(&mut tx, self.dialect, vec![cells(server, &row)]).await?;
        tx.commit().await?;
        Ok(Some(held))
    }
}
