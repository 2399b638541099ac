//! Mends rows that somebody else has changed: they become what the journal derives, in one transaction with its line in
//! the audit. Of a journal that does not hold nothing is derived.

use super::super::audit::BackendAct;
use super::super::chronicle::{ChronicleDifference, Value};
use super::super::row_edits::RowPlace;
use super::super::sql::{Columns, rows, run};
use super::super::tables::Ids;
use super::super::write::Write;
use super::super::{Lease, Store, StoreError};
use super::derived::{Derived, RowUnlike};
use super::verify::{Difference, Verified};
use crate::domain::{BackendId, Timestamp};
use crate::metering::SettleRules;

/// An operator's word that what is stored is to be what the chains say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// Who says so.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// A row that was, or would be, repaired.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Repaired {
    /// The account it is about, where it is about one.
    pub account: Option<String>,
    /// The table.
    pub table: &'static str,
    /// Which row, by the columns of its key.
    pub row: String,
    /// What was stored, and what it is to be.
    pub how: String,
}

/// Why nothing was repaired.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotRepair {
    /// The journal itself does not hold: nothing can be derived from it.
    #[error(
        "the journal itself does not hold, so that nothing can be derived from it: {0}; restore a backup"
    )]
    Chain(Difference),
    /// The chronicle itself does not hold.
    #[error(
        "the chronicle itself does not hold, so that nothing can be derived from it: {0}; restore a backup"
    )]
    Chronicle(ChronicleDifference),
    /// The journal does not say enough of it any more: it is folded, and had several payers.
    #[error(
        "nothing was written, because the journal does not contain all of it any more: {0}; restore a backup, or correct it \
         by hand"
    )]
    Left(Difference),
}

/// How many rows are named in the audit.
const NAMED: usize = 20;

impl Store {
    /// What of a backend would be repaired; nothing is written.
    pub async fn would_repair(
        &self,
        backend: &BackendId,
        rules: &SettleRules,
    ) -> Result<Result<Vec<Repaired>, CannotRepair>, StoreError> {
        let mut tx = self.begin_read().await?;
        let number = self.number_of(&mut tx, backend).await?;
        let folds = match self.verify_links(&mut tx, backend, &mut Verified::default()).await? {
            Ok(folds) => folds,
            Err(difference) => return Ok(Err(CannotRepair::Chain(difference))),
        };
        let upto = folds.last().map_or(0, |head| head.upto);
        let derived = self.derived(&mut tx, backend, upto, rules).await?;
        let ids = (Ids { backend: number }, 0);
        let mut unlike = self.rows_unlike(&mut tx, backend, ids, &derived, Some(&folds), usize::MAX).await?;
        unlike.extend(self.next_unlike(&mut tx, backend, &derived).await?);
        Ok(Ok(unlike.iter().map(Repaired::of).collect()))
    }

    /// Makes every row of a backend that its journal derives what it says, under the lease. Afterwards nothing that
    /// anybody keeps of the backend is the newest.
    pub async fn repair(
        &self,
        lease: &Lease,
        repair: &Repair,
        rules: &SettleRules,
        at: Timestamp,
    ) -> Result<Result<Vec<Repaired>, CannotRepair>, StoreError> {
        let backend = &lease.backend;
        let mut tx = self.begin_write_at(at).await?;
        let version = self.hold_lease(&mut tx, lease).await? + 1;
        let folds = match self.verify_links(&mut tx, backend, &mut Verified::default()).await? {
            Ok(folds) => folds,
            Err(difference) => return Ok(Err(CannotRepair::Chain(difference))),
        };
        let upto = folds.last().map_or(0, |head| head.upto);
        let derived = self.derived(&mut tx, backend, upto, rules).await?;
        let ids = (Ids { backend: lease.number }, version);
        let mut unlike = self.rows_unlike(&mut tx, backend, ids, &derived, Some(&folds), usize::MAX).await?;
        unlike.extend(self.next_unlike(&mut tx, backend, &derived).await?);
        self.write_rows(&mut tx, &unlike).await?;
        if let Err(left) = self.verify_in(&mut tx, backend, rules).await? {
            tx.rollback().await?;
            return Ok(Err(CannotRepair::Left(left)));
        }
        let repaired: Vec<Repaired> = unlike.iter().map(Repaired::of).collect();
        if repaired.is_empty() {
            return Ok(Ok(repaired));
        }
        // Whoever keeps accounts in memory reads all of them again, and no book that is kept commits anything.
        let sql = "UPDATE backend SET version = ?, rewound_version = ? WHERE name = ?";
        run(&mut tx, self.dialect, sql, [version.into(), version.into(), backend.as_str().into()]).await?;
        self.put_repaired(&mut tx, backend, repair, &repaired, at).await?;
        tx.commit().await?;
        self.forget_standing(backend);
        Ok(Ok(repaired))
    }

    /// Locks a backend's row for the holder of its lease; returns its version.
    async fn hold_lease(&self, on: &mut Write, lease: &Lease) -> Result<i64, StoreError> {
        let of = "WHERE name = ? AND fence = ? AND holder = ?";
        let cells = || [lease.backend.as_str().into(), lease.fence.into(), lease.holder.as_str().into()];
        // A write first: it locks the row on every database until the transaction ends.
        run(on, self.dialect, &format!("UPDATE backend SET fence = fence {of}"), cells()).await?;
        let found = rows(on, self.dialect, &format!("SELECT version FROM backend {of}"), cells()).await?;
        let lost = || StoreError::LostLease { backend: lease.backend.to_string() };
        found.first().map(|row| Columns::of(row).int()).transpose()?.ok_or_else(lost)
    }

    /// The numbers that a backend's next life and holding get, where they are others than the journal has it.
    pub(super) async fn next_unlike(
        &self,
        on: &mut sqlx::AnyConnection,
        backend: &BackendId,
        derived: &Derived,
    ) -> Result<Option<RowUnlike>, StoreError> {
        let sql = "SELECT next_life, next_holding FROM backend WHERE name = ?";
        let found = rows(on, self.dialect, sql, [backend.as_str().into()]).await?;
        let Some(row) = found.first() else { return Ok(None) };
        let mut columns = Columns::of(row);
        let stored = vec![Value::Int(columns.int()?), Value::Int(columns.int()?)];
        let next = [derived.book.next_life.get(), derived.book.next_holding.get()];
        let derived: Vec<Value> = next.into_iter().map(|number| Value::Int(number.into())).collect();
        let key = vec![Value::Text(backend.to_string())];
        let names = vec!["name", "next_life", "next_holding"];
        let account = None;
        let unlike = stored != derived;
        let (stored, derived) = (Some(stored), Some(derived));
        Ok(unlike.then_some(RowUnlike {
            table: "backend",
            account,
            names,
            keys: 1,
            compared: 2,
            key,
            stored,
            derived,
        }))
    }

    /// What is too much goes before what is missing comes: another row may have its name.
    async fn write_rows(&self, on: &mut Write, unlike: &[RowUnlike]) -> Result<(), StoreError> {
        for one in unlike.iter().filter(|one| one.derived.is_none()) {
            self.delete_row(on, &one.place()).await?;
        }
        for one in unlike.iter().filter(|one| one.table == "life" && one.stored.is_some()) {
            // Names are free before others take them.
            run(on, self.dialect, "UPDATE life SET nth = -nth - 1 WHERE id = ?", [one.id().into()]).await?;
        }
        for one in unlike {
            let (Some(stored), Some(derived)) = (&one.stored, &one.derived) else { continue };
            let names = &one.names[one.keys..];
            let columns: Vec<(&str, &Value)> = names[..stored.len()].iter().copied().zip(derived).collect();
            self.update_row(on, &one.place(), &columns).await?;
        }
        for one in unlike.iter().filter(|one| one.stored.is_none()) {
            let derived = one.derived.iter().flatten().cloned().collect::<Vec<_>>();
            self.insert_row(on, &one.place(), &one.names[one.keys..], &derived).await?;
        }
        Ok(())
    }

    /// Writes down who has had what repaired.
    pub(in super::super) async fn put_repaired(
        &self,
        on: &mut Write,
        backend: &BackendId,
        repair: &Repair,
        repaired: &[Repaired],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut answer: Vec<String> = repaired.iter().take(NAMED).map(Repaired::to_string).collect();
        if repaired.len() > NAMED {
            answer.push(format!("and {} more", repaired.len() - NAMED));
        }
        let count = match repaired.len() {
            1 => "1 row".into(),
            count => format!("{count} rows"),
        };
        let (actor, action, why) = (repair.author.as_str(), "repair", repair.reason.as_str());
        let act = BackendAct { at, actor, backend, action, before: None, after: Some(count), why };
        self.put_backend_act_answered(on, &act, &answer.join("; ")).await
    }
}

impl RowUnlike {
    fn place(&self) -> RowPlace<'_> {
        RowPlace { table: self.table, keys: &self.names[..self.keys], key: &self.key }
    }

    fn id(&self) -> i64 {
        match self.key.first() {
            Some(Value::Int(id)) => *id,
            _ => 0,
        }
    }
}

impl Repaired {
    pub(super) fn of(one: &RowUnlike) -> Repaired {
        Repaired { account: one.account.clone(), table: one.table, row: one.row(), how: one.how() }
    }
}

impl std::fmt::Display for Repaired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Repaired { account, table, row, how } = self;
        if let Some(account) = account {
            write!(f, "{account}: ")?;
        }
        let blank = if row.is_empty() { "" } else { " " };
        write!(f, "{table}{blank}{row}: {how}")
    }
}
