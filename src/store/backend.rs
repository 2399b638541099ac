//! Backends as such: which panel each of them is, and what becomes of one that is called otherwise or forgotten.

use sqlx::AnyConnection;

use super::audit::BackendAct;
use super::dialect::Dialect;
use super::sql::{Cell, Columns, rows, run};
use super::tables::Ids;
use super::write::Write;
use super::{Lease, Store, StoreError};
use crate::domain::{BackendId, Timestamp};
use crate::metering::Forgetting;

/// A stored backend, and which panel it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPanel {
    backend: BackendId,
    kind: String,
    addresses: Vec<String>,
    has_accounts: bool,
    leased_until: Timestamp,
}

/// A panel that is another backend's already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "its panel is metered as backend {by}: was {by} renamed in the config, `whmeter backend rename {by} {backend}` moves \
     its history; is {by} over, `whmeter backend forget {by}` ends its accounts; are both in the config, \
     remove one"
)]
pub struct PanelTaken {
    /// The backend that may not have it.
    pub backend: BackendId,
    /// The one that has it.
    pub by: BackendId,
}

impl PanelTaken {
    /// Whether one of the known backends is the panel with these addresses and has accounts, or is about to have some.
    pub fn among(
        known: &[KnownPanel],
        backend: &BackendId,
        kind: &str,
        addresses: &[String],
        now: Timestamp,
    ) -> Option<PanelTaken> {
        let is_it = |one: &&KnownPanel| {
            one.backend != *backend
                && one.kind == kind
                && (one.has_accounts || one.leased_until > now)
                && one.addresses.iter().any(|address| addresses.contains(address))
        };
        known.iter().find(is_it).map(|one| PanelTaken { backend: backend.clone(), by: one.backend.clone() })
    }
}

/// Why a backend cannot be renamed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotRename {
    /// There is none of the old name.
    #[error("nothing is stored of a backend {0}")]
    Unknown(BackendId),
    /// Somebody holds the lease of one of them.
    #[error("another whmeter is polling the backend just now; try again in a moment")]
    Polling,
    /// A panel of another kind has other accounts.
    #[error("{old} is a {was} and {new} a {is}: a backend keeps its kind")]
    OtherKind {
        /// The old name.
        old: BackendId,
        /// The new one.
        new: BackendId,
        /// The stored kind.
        was: String,
        /// The configured kind.
        is: String,
    },
    /// The new name has a history of its own.
    #[error(
        "{0} has accounts of its own, and two histories cannot become one: give the panel a name in the config that was \
         never used, and rename to that"
    )]
    HasAccounts(BackendId),
}

/// The tables that name the backend a row belongs to, besides its own and the outbox.
const NAMED_IN: [&str; 10] = [
    "journal",
    "journal_part",
    "journal_fold",
    "journal_fold_part",
    "life",
    "service_pin",
    "adoption",
    "policy",
    "audit",
    "invoice_line",
];

impl Store {
    /// Names that journals or accounts have and no backend: its row is gone, and nothing of it would be looked at.
    pub async fn without_row(&self) -> Result<Vec<String>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let mut names = Vec::new();
        for table in ["journal", "journal_fold", "life"] {
            let sql = format!(
                "SELECT DISTINCT t.backend FROM {table} t WHERE t.backend NOT IN (SELECT b.name FROM backend b)"
            );
            for row in &rows(&mut on, self.dialect, &sql, []).await? {
                names.push(Columns::of(row).text()?);
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Rows of lives and holdings whose numbers are no backend's, a few of each table, in words: nobody has made
    /// them, and yet some sum may find them.
    pub async fn strays(&self) -> Result<Vec<String>, StoreError> {
        const TABLES: [(&str, &str); 8] = [
            ("life", "id"),
            ("belief", "life"),
            ("period_total", "life"),
            ("holding", "id"),
            ("holding_part", "holding"),
            ("month_sum", "holding"),
            ("day_point", "holding"),
            ("crossing", "holding"),
        ];
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, "SELECT number FROM backend ORDER BY number", []).await?;
        let mut gaps = Vec::new();
        let mut free = i64::MIN;
        for row in &found {
            let [from, end] = Ids { backend: Columns::of(row).int()? }.range();
            if free < from {
                gaps.push((free, from));
            }
            free = end;
        }
        gaps.push((free, i64::MAX));
        let mut strays = Vec::new();
        for (table, column) in TABLES {
            for (from, end) in &gaps {
                let sql = format!(
                    "SELECT t.{column} FROM {table} t WHERE t.{column} >= ? AND t.{column} < ? LIMIT 3"
                );
                for row in &rows(&mut on, self.dialect, &sql, [(*from).into(), (*end).into()]).await? {
                    strays.push(format!("{table}: {column} {}", Columns::of(row).int()?));
                }
            }
        }
        Ok(strays)
    }

    /// Writes down that a backend is the panel with these addresses, before it is asked. Refused where another backend
    /// is that panel: its accounts would be metered twice.
    pub async fn claim_panel(
        &self,
        lease: &Lease,
        kind: &str,
        addresses: &[String],
        now: Timestamp,
    ) -> Result<Result<(), PanelTaken>, StoreError> {
        if addresses.is_empty() {
            return Ok(Ok(()));
        }
        let taken = |known: &[KnownPanel]| PanelTaken::among(known, &lease.backend, kind, addresses, now);
        let mut on = self.readers.acquire().await?;
        let known = known_panels(&mut on, self.dialect).await?;
        drop(on);
        if let Some(taken) = taken(&known) {
            return Ok(Err(taken));
        }
        let own = known.iter().find(|one| one.backend == lease.backend);
        // Whoever has accounts already is seen by all others: nothing to write down.
        if own.is_some_and(|own| own.has_accounts && own.addresses == addresses) {
            return Ok(Ok(()));
        }
        let mut tx = self.begin_write().await?;
        self.one_at_a_time(&mut tx).await?;
        if let Some(taken) = taken(&known_panels(&mut tx, self.dialect).await?) {
            return Ok(Err(taken));
        }
        let sql = "UPDATE backend SET panel = ? WHERE name = ? AND fence = ?";
        let cells: [Cell; 3] =
            [addresses.join(" ").into(), lease.backend.as_str().into(), lease.fence.into()];
        run(&mut tx, self.dialect, sql, cells).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Gives a backend another name, with everything that was ever written of it. The new name may have been refused
    /// its panel before: that is dropped.
    pub async fn rename_backend(
        &self,
        (old, new): (&BackendId, &BackendId),
        kind: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<(), CannotRename>, StoreError> {
        let mut tx = self.begin_write_at(now).await?;
        self.one_at_a_time(&mut tx).await?;
        // A write first: it locks the rows, so that nobody takes a lease meanwhile.
        let lock = "UPDATE backend SET fence = fence WHERE name = ? OR name = ?";
        run(&mut tx, self.dialect, lock, [old.as_str().into(), new.as_str().into()]).await?;
        let (from, to) = (self.row_of(&mut tx, old).await?, self.row_of(&mut tx, new).await?);
        let Some(from) = from else { return Ok(Err(CannotRename::Unknown(old.clone()))) };
        let to = to.unwrap_or_default();
        if from.leased_until.max(to.leased_until) > now {
            return Ok(Err(CannotRename::Polling));
        }
        if from.kind != kind {
            let (was, is) = (from.kind, kind.into());
            return Ok(Err(CannotRename::OtherKind { old: old.clone(), new: new.clone(), was, is }));
        }
        if to.has_lives {
            return Ok(Err(CannotRename::HasAccounts(new.clone())));
        }
        for table in ["journal_part", "journal", "journal_fold_part", "journal_fold"] {
            let sql = format!("DELETE FROM {table} WHERE backend = ?");
            run(&mut tx, self.dialect, &sql, [new.as_str().into()]).await?;
        }
        run(&mut tx, self.dialect, "DELETE FROM backend WHERE name = ?", [new.as_str().into()]).await?;
        self.move_outbox(&mut tx, old, new).await?;
        for table in NAMED_IN {
            let sql = format!("UPDATE {table} SET backend = ? WHERE backend = ?");
            run(&mut tx, self.dialect, &sql, [new.as_str().into(), old.as_str().into()]).await?;
        }
        tx.note_renamed(old.as_str(), new.as_str());
        // No lease of before is one any more, and no book or standing that is kept is the newest.
        let sql =
            "UPDATE backend SET name = ?, fence = ?, holder = '', lease_until = 0, version = version + 1
            WHERE name = ?";
        let cells = [new.as_str().into(), (from.fence.max(to.fence) + 1).into(), old.as_str().into()];
        run(&mut tx, self.dialect, sql, cells).await?;
        let (before, after) = (Some(old.to_string()), Some(new.to_string()));
        let why = "asked for by hand";
        let act = BackendAct { at: now, actor: by, backend: new, action: "rename", before, after, why };
        self.put_backend_act(&mut tx, &act).await?;
        tx.commit().await?;
        self.publish(old);
        self.publish(new);
        Ok(Ok(()))
    }

    /// What waits is promised under the new name. What may have been reported already keeps its key, by which the other
    /// side knows it again.
    async fn move_outbox(
        &self,
        on: &mut AnyConnection,
        old: &BackendId,
        new: &BackendId,
    ) -> Result<(), StoreError> {
        let after_name = old.as_str().chars().count() + 1;
        let entry_key = self.dialect.joined("?", &format!("SUBSTR(entry_key, {after_name})"));
        let sql = format!(
            "UPDATE outbox SET entry_key = {entry_key} WHERE backend = ?
            AND NOT (state = 'waiting' AND tried_at IS NOT NULL AND channel <> 'policy')"
        );
        run(on, self.dialect, &sql, [new.as_str().into(), old.as_str().into()]).await?;
        let sql = "UPDATE outbox SET backend = ? WHERE backend = ?";
        run(on, self.dialect, sql, [new.as_str().into(), old.as_str().into()]).await.map(drop)
    }

    /// What a backend that is forgotten has waiting: its panel is switched no more. With its line in the audit.
    pub(super) async fn put_forgotten(
        &self,
        on: &mut Write,
        backend: &BackendId,
        forgetting: &Forgetting,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET state = 'dropped', waits_for = NULL, said = ?, ended_at = ?, claimed_until = NULL
            WHERE backend = ? AND state = 'waiting' AND (channel = 'policy' OR waits_for IS NOT NULL)";
        let said = format!("the backend was forgotten by {}", forgetting.author);
        run(on, self.dialect, sql, [said.into(), now.into(), backend.as_str().into()]).await?;
        let Forgetting { author, reason } = forgetting;
        let (action, before, after) = ("forget", None, Some("its accounts are over".into()));
        let act = BackendAct { at: now, actor: author, backend, action, before, after, why: reason };
        self.put_backend_act(on, &act).await
    }

    /// Of those who change which backend or which service is what, one waits for the other: on every database the
    /// same row is written first.
    pub(super) async fn one_at_a_time(&self, on: &mut AnyConnection) -> Result<(), StoreError> {
        let sql = "UPDATE allot SET next = next WHERE name = 'backend'";
        run(on, self.dialect, sql, []).await.map(drop)
    }

    async fn row_of(&self, on: &mut AnyConnection, backend: &BackendId) -> Result<Option<Row>, StoreError> {
        let sql = "SELECT kind, fence, lease_until, next_life FROM backend WHERE name = ?";
        let found = rows(on, self.dialect, sql, [backend.as_str().into()]).await?;
        let row = found.first().map(|row| {
            let mut columns = Columns::of(row);
            let (kind, fence, leased_until) = (columns.text()?, columns.int()?, columns.time()?);
            Ok(Row { kind, fence, leased_until, has_lives: columns.int()? > 1 })
        });
        row.transpose()
    }
}

/// What of a backend's row a rename asks for.
struct Row {
    kind: String,
    fence: i64,
    leased_until: Timestamp,
    has_lives: bool,
}

impl Default for Row {
    fn default() -> Row {
        Row { kind: String::new(), fence: 0, leased_until: Timestamp::EPOCH, has_lives: false }
    }
}

/// Every stored backend of which it is known which panel it is.
pub(super) async fn known_panels(
    on: &mut AnyConnection,
    dialect: Dialect,
) -> Result<Vec<KnownPanel>, StoreError> {
    let sql = "SELECT b.name, b.kind, b.panel, b.lease_until,
        (SELECT l.id FROM life l WHERE l.backend = b.name AND l.ended_at IS NULL LIMIT 1)
        FROM backend b WHERE b.panel <> '' ORDER BY b.name";
    let known = |row| {
        let mut columns = Columns::of(row);
        let (backend, kind, panel) = (columns.backend()?, columns.text()?, columns.text()?);
        let (leased_until, life) = (columns.time()?, columns.maybe_int()?);
        let addresses = panel.split(' ').map(str::to_string).collect();
        Ok(KnownPanel { backend, kind, addresses, has_accounts: life.is_some(), leased_until })
    };
    rows(on, dialect, sql, []).await?.iter().map(known).collect()
}
