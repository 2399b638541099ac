//! Services that get other numbers: whatever was written under a number goes with its service, in one transaction, with
//! an entry in the journal of every backend whose accounts they pay for.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;

use super::dialect::Merge::Replace;
use super::held_list::ListAcceptance;
use super::journal::{append, renumbered_body};
use super::sql::{Cell, Columns, Table, rows, run};
use super::tables::service;
use super::{Lease, Parked, Store, StoreError};
use crate::domain::{BackendId, Service, Timestamp};
use crate::metering::Renumbering;
use crate::ownership::{KnownService, new_numbers};

/// Numbers are moved out of each other's way by so much: they change places. WHMCS's end far below.
const OUT_OF_THE_WAY: i64 = 1 << 40;

const RENUMBERED: Table = Table { name: "service_renumbered", keys: &["was"], rest: &[("is_now", Replace)] };

/// The columns in which a service is named by its number, besides invoice lines.
const NAMED_IN: [(&str, &str); 5] = [
    ("service", "id"),
    ("holding_part", "service"),
    ("life", "service"),
    ("service_pin", "service"),
    ("reported", "service"),
];

impl Store {
    /// Gives the services that were known before a list the numbers that they have in it; tells how many have others.
    /// The backends whose accounts change are left in `moved`.
    pub(super) async fn renumber(
        &self,
        on: &mut AnyConnection,
        server: i64,
        list: &[Service],
        said: &ListAcceptance,
        now: Timestamp,
        moved: &mut BTreeSet<BackendId>,
    ) -> Result<usize, StoreError> {
        let numbers = self.new_numbers(on, server, list).await?;
        if numbers.is_empty() {
            return Ok(0);
        }
        let pairs = numbers.iter().map(|(was, is)| [Cell::from(*was), (*is).into()]).collect();
        RENUMBERED.put(on, self.dialect, pairs).await?;
        let ListAcceptance { author, reason, .. } = said.clone();
        let renumbering = Renumbering { numbers, author, reason };
        *moved = self.write_renumbered(on, &renumbering, now).await?;
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
        self.renumber_rivals(on, &renumbering).await?;
        self.renumber_lines(on, &renumbering.numbers).await?;
        run(on, self.dialect, "DELETE FROM service_renumbered", []).await?;
        // Whoever remembers lists, or what he told, remembers them by the numbers of before.
        run(on, self.dialect, "UPDATE service_list SET version = version + 1", []).await?;
        run(on, self.dialect, "UPDATE reported_to SET times = times + 1", []).await?;
        Ok(renumbering.numbers.len())
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

    /// Appends the entry to every journal that it concerns. Whoever holds a lease there has an old book: his commit is
    /// refused.
    async fn write_renumbered(
        &self,
        on: &mut AnyConnection,
        renumbering: &Renumbering,
        now: Timestamp,
    ) -> Result<BTreeSet<BackendId>, StoreError> {
        let owned = "h.id IN (SELECT p.holding FROM holding_part p WHERE p.service IN
            (SELECT r.was FROM service_renumbered r))";
        let sql =
            format!("SELECT DISTINCT l.backend FROM life l JOIN holding h ON h.life = l.id WHERE {owned}");
        let mut backends = BTreeSet::new();
        for row in &rows(on, self.dialect, &sql, []).await? {
            backends.insert(Columns::of(row).backend()?);
        }
        for backend in &backends {
            let name = || Cell::from(backend.as_str());
            // A write first: it locks the row, so that nobody commits meanwhile.
            let sql =
                "UPDATE backend SET fence = fence + 1, holder = '', lease_until = 0, version = version + 1,
                entries = entries + 1 WHERE name = ?";
            run(on, self.dialect, sql, [name()]).await?;
            let sql = "SELECT fence, number, entries, chain, version, last_look FROM backend WHERE name = ?";
            let found = rows(on, self.dialect, sql, [name()]).await?;
            let Some(row) = found.first() else { continue };
            let mut columns = Columns::of(row);
            let (fence, number, entries) = (columns.int()?, columns.int()?, columns.int()?);
            let (chain, version, last_look) = (columns.text()?, columns.int()?, columns.maybe_time()?);
            let body = renumbered_body(renumbering, last_look)?;
            let lease = Lease {
                backend: backend.clone(),
                fence,
                polled_at: None,
                parked: Parked::default(),
                number,
                holder: String::new(),
            };
            let chain = append(self, on, &lease, (entries - 1, &chain), now, &body).await?;
            let sql = "UPDATE backend SET chain = ? WHERE name = ?";
            run(on, self.dialect, sql, [chain.into(), name()]).await?;
            let sql = format!(
                "UPDATE life SET changed = ? WHERE backend = ? AND id IN (SELECT h.life FROM holding h WHERE {owned})"
            );
            run(on, self.dialect, &sql, [version.into(), name()]).await?;
        }
        Ok(backends)
    }

    /// Who wants the same account, which is written as text.
    async fn renumber_rivals(
        &self,
        on: &mut AnyConnection,
        renumbering: &Renumbering,
    ) -> Result<(), StoreError> {
        let sql = "SELECT id, rivals FROM life WHERE rivals IS NOT NULL";
        for row in &rows(on, self.dialect, sql, []).await? {
            let mut columns = Columns::of(row);
            let (id, rivals) = (columns.int()?, columns.text()?);
            let new = |rival: &str| match rival.parse().ok().and_then(|id: i64| renumbering.numbers.get(&id))
            {
                Some(number) => number.to_string(),
                None => rival.to_string(),
            };
            let rivals: Vec<String> = rivals.split_whitespace().map(new).collect();
            let sql = "UPDATE life SET rivals = ? WHERE id = ?";
            run(on, self.dialect, sql, [rivals.join(" ").into(), id.into()]).await?;
        }
        Ok(())
    }
}
