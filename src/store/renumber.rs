//! Services that get other numbers: whatever was written under a number goes with its service, in one transaction, with
//! an entry in the journal of every backend whose accounts they pay for.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sqlx::AnyConnection;

use super::adoption::ADOPTION;
use super::dialect::Merge::Replace;
use super::held_list::ListAcceptance;
use super::journal::{append, renumbered_body};
use super::read::REPORTED;
use super::services::{KNOWN_LIST, PIN};
use super::sql::{Cell, Columns, Table, rows, run};
use super::tables::service;
use super::write::Write;
use super::{Lease, Parked, Store, StoreError};
use crate::domain::{BackendId, Service, Timestamp};
use crate::metering::Renumbering;
use crate::ownership::{KnownService, new_numbers};

/// Numbers are moved out of each other's way by so much: they change places. WHMCS's end far below.
const OUT_OF_THE_WAY: i64 = 1 << 40;

const RENUMBERED: Table = Table { name: "service_renumbered", keys: &["was"], rest: &[("is_now", Replace)] };

/// The columns in which a service is named by its number, besides invoice lines.
const NAMED_IN: [(&str, &str); 7] = [
    ("service", "id"),
    ("service_limit", "service"),
    ("holding_part", "service"),
    ("life", "service"),
    ("service_pin", "service"),
    ("adoption", "service"),
    ("reported", "service"),
];

/// Of these the ones whose rows the chronicle records.
const CHRONICLED: [(&Table, &str); 5] = [
    (&service::SERVICE, "id"),
    (&service::LIMIT, "service"),
    (&PIN, "service"),
    (&ADOPTION, "service"),
    (&REPORTED, "service"),
];

impl Store {
    /// Keeps everybody else from committing, telling and taking lists in until this transaction ends. Before
    /// anything is read in it: some databases show a transaction what it saw first.
    pub(super) async fn hold_everybody(&self, on: &mut AnyConnection) -> Result<(), StoreError> {
        for sql in ["UPDATE backend SET fence = fence", "UPDATE reported_to SET times = times"] {
            run(on, self.dialect, sql, []).await?;
        }
        Ok(())
    }

    /// Gives the services that were known before a list the numbers that they have in it; returns how many have others,
    /// and the backends whose accounts are theirs. Everybody else is held.
    pub(super) async fn renumber(
        &self,
        on: &mut Write,
        server: i64,
        list: &[Service],
        said: &ListAcceptance,
        now: Timestamp,
    ) -> Result<(usize, BTreeSet<BackendId>), StoreError> {
        let numbers = self.new_numbers(on, server, list).await?;
        if numbers.is_empty() {
            return Ok((0, BTreeSet::new()));
        }
        let pairs = numbers.iter().map(|(was, is)| [Cell::from(*was), (*is).into()]).collect();
        RENUMBERED.put(on, self.dialect, pairs).await?;
        let ListAcceptance { author, reason, .. } = said.clone();
        let renumbering = Renumbering { numbers, author, reason };
        let backends = self.write_renumbered(on, &renumbering, now).await?;
        self.renumber_lines(on, &renumbering.numbers, list).await?;
        for (table, column) in CHRONICLED {
            let filter = format!("t.{column} IN (SELECT r.was FROM service_renumbered r)");
            on.note_gone(table, &filter, []).await?;
        }
        for (table, column) in NAMED_IN {
            let sql = format!(
                "UPDATE {table} SET {column} = {OUT_OF_THE_WAY} + (SELECT r.is_now FROM service_renumbered r
                    WHERE r.was = {table}.{column})
                WHERE {column} IN (SELECT r.was FROM service_renumbered r)"
            );
            run(on, self.dialect, &sql, []).await?;
            let sql = format!(
                "UPDATE {table} SET {column} = {column} - {OUT_OF_THE_WAY} WHERE {column} > {}",
                OUT_OF_THE_WAY / 2
            );
            run(on, self.dialect, &sql, []).await?;
        }
        for (table, column) in CHRONICLED {
            let filter = format!("t.{column} IN (SELECT r.is_now FROM service_renumbered r)");
            on.note_rows(table, &filter, []).await?;
        }
        let sql = "UPDATE life SET client = ? WHERE service = ?";
        let new: HashSet<i64> = renumbering.numbers.values().copied().collect();
        for service in list.iter().filter(|service| new.contains(&service.id)) {
            run(on, self.dialect, sql, [service.client.into(), service.id.into()]).await?;
        }
        run(on, self.dialect, "DELETE FROM service_renumbered", []).await?;
        // Whoever remembers lists, or what he reported, remembers them by the numbers of before.
        run(on, self.dialect, "UPDATE service_list SET version = version + 1", []).await?;
        on.note_rows(&KNOWN_LIST, "t.server = t.server", []).await?;
        run(on, self.dialect, "UPDATE reported_to SET times = times + 1", []).await?;
        Ok((renumbering.numbers.len(), backends))
    }

    async fn new_numbers(
        &self,
        on: &mut AnyConnection,
        server: i64,
        list: &[Service],
    ) -> Result<BTreeMap<i64, i64>, StoreError> {
        let sql = format!("SELECT {} FROM service s", service::SERVICE.columns("s"));
        let mut known = BTreeMap::new();
        for row in &rows(on, self.dialect, &sql, []).await? {
            let row = service::row(&mut Columns::of(row))?;
            known.insert(row.service.id, row);
        }
        let sql = "SELECT DISTINCT service FROM service_pin";
        let mut pinned = BTreeSet::new();
        for row in &rows(on, self.dialect, sql, []).await? {
            pinned.insert(Columns::of(row).int()?);
        }
        let named = known.values().map(|row| KnownService {
            id: row.service.id,
            username: Some(&row.service.username),
            is_live: row.listed && row.service.is_live(),
            is_here: row.server == server,
        });
        let unnamed = pinned.iter().filter(|id| !known.contains_key(id));
        let unnamed =
            unnamed.map(|id| KnownService { id: *id, username: None, is_live: false, is_here: false });
        let known: Vec<KnownService<'_>> = named.chain(unnamed).collect();
        Ok(new_numbers(&known, list))
    }

    /// Appends the entry to every journal that it concerns. Whoever polls there meanwhile has a book of an older
    /// version: his commit is refused.
    async fn write_renumbered(
        &self,
        on: &mut AnyConnection,
        renumbering: &Renumbering,
        now: Timestamp,
    ) -> Result<BTreeSet<BackendId>, StoreError> {
        let sql = "SELECT l.id, l.backend, l.rivals FROM life l WHERE l.rivals IS NOT NULL
            OR l.service IN (SELECT r.was FROM service_renumbered r)
            OR l.id IN (SELECT h.life FROM holding h JOIN holding_part p ON p.holding = h.id
                WHERE p.service IN (SELECT r.was FROM service_renumbered r))";
        let mut lives: BTreeMap<BackendId, Vec<(i64, Option<String>)>> = BTreeMap::new();
        for row in &rows(on, self.dialect, sql, []).await? {
            let mut columns = Columns::of(row);
            let (life, backend, rivals) = (columns.int()?, columns.backend()?, columns.maybe_text()?);
            lives.entry(backend).or_default().push((life, rivals.map(|text| renumbering.rewritten(&text))));
        }
        for (backend, lives) in &lives {
            let version = self.append_renumbered(on, backend, renumbering, now).await?;
            let sql = "UPDATE life SET changed = ?, rivals = ? WHERE id = ?";
            for (life, rivals) in lives {
                let rivals = Cell::Text(rivals.clone());
                run(on, self.dialect, sql, [version.into(), rivals, (*life).into()]).await?;
            }
        }
        Ok(lives.into_keys().collect())
    }

    /// Appends the entry to one journal; returns the backend's version since.
    async fn append_renumbered(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        renumbering: &Renumbering,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let name = || Cell::from(backend.as_str());
        let sql = "UPDATE backend SET version = version + 1, entries = entries + 1 WHERE name = ?";
        run(on, self.dialect, sql, [name()]).await?;
        let sql = "SELECT fence, number, entries, chain, version, last_look FROM backend WHERE name = ?";
        let found = rows(on, self.dialect, sql, [name()]).await?;
        let row = found.first().ok_or_else(|| StoreError::corrupt(backend, "the backend of a life"))?;
        let mut columns = Columns::of(row);
        let (fence, number, entries) = (columns.int()?, columns.int()?, columns.int()?);
        let (chain, version, last_look) = (columns.text()?, columns.int()?, columns.maybe_time()?);
        let body = renumbered_body(renumbering, last_look)?;
        let (backend, parked) = (backend.clone(), Parked::default());
        let lease = Lease { backend, fence, polled_at: None, parked, number, holder: String::new() };
        let chain = append(self, on, &lease, (entries - 1, &chain), now, &body, None).await?;
        let sql = "UPDATE backend SET chain = ? WHERE name = ?";
        run(on, self.dialect, sql, [chain.into(), name()]).await?;
        Ok(version)
    }
}
