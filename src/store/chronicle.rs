//! The chronicle: what was reported to WHMCS, what it sells, what operators have said and done, and what was billed;
//! entry by entry, each chained to the one before. One of a database, beside the journals of its backends, from
//! which days and months are derived.
//!
//! It knows rows and no meanings: an entry holds the rows that one transaction changed, as they are after it. So
//! whatever an answer is made of besides usage can be held against it, row by row.

mod changes;
mod fold;
mod repair;
mod reported;
mod verify;

use sqlx::AnyConnection;

pub(super) use changes::{Changes, Value, Values, columns, differing, in_words, values};
pub use reported::ReportedBy;
pub use verify::{ChronicleDifference, ChronicleVerified};

use super::adoption::ADOPTION;
use super::audit::AUDIT;
use super::invoice::INVOICE_LINE;
use super::journal::{pack, parts, unpack};
use super::read::REPORTED;
use super::seal::Seal;
use super::services::{KNOWN_LIST, PIN};
use super::sql::{Cell, Columns, Table, rows, run};
use super::tables::service::{ADDON, LIMIT, SERVICE};
use super::{Store, StoreError};
use crate::domain::Timestamp;

/// The tables whose rows it records. A column that is added to one of them later is added at its end: entries hold
/// columns by their place.
const TABLES: [&Table; 9] =
    [&REPORTED, &SERVICE, &LIMIT, &ADDON, &KNOWN_LIST, &PIN, &AUDIT, &INVOICE_LINE, &ADOPTION];

fn table(name: &str) -> Option<&'static Table> {
    TABLES.into_iter().find(|table| table.name == name)
}

/// The first place where the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chronicle: entry {entry} {trouble}")]
pub struct ChronicleBreak {
    /// The entry that does not fit.
    pub entry: i64,
    /// How.
    pub trouble: &'static str,
}

fn broken(entry: i64, trouble: &'static str) -> ChronicleBreak {
    ChronicleBreak { entry, trouble }
}

/// What is chained of an entry before its body.
fn headline(before: &str, entry: i64, at: Timestamp) -> String {
    format!("{before}\nchronicle\n{entry}\n{}\n", at.get())
}

/// How many entries are read at once.
const ENTRIES_AT_ONCE: i64 = 100;

/// An entry as it is stored.
struct Raw {
    entry: i64,
    at: Timestamp,
    seal: i64,
    hash: String,
    body: String,
}

impl Raw {
    fn changes(&self) -> Result<Changes, StoreError> {
        let read = unpack(&self.body).and_then(Changes::of_body);
        read.map_err(|error| {
            StoreError::corrupt(format!("entry {}: {error}", self.entry), "an entry of the chronicle")
        })
    }
}

/// Goes along the chain, link by link.
struct Links<'s> {
    seal: &'s Seal,
    /// The entry last gone past, and its link.
    last: (i64, String),
}

impl Links<'_> {
    fn next(&mut self, raw: &Raw) -> Result<(), ChronicleBreak> {
        let expected = self.last.0 + 1;
        if raw.entry != expected {
            return Err(broken(expected, "is missing"));
        }
        let head = headline(&self.last.1, raw.entry, raw.at);
        match self.seal.link(raw.seal, &[head.as_bytes(), raw.body.as_bytes()]) {
            None => Err(broken(raw.entry, super::seal::NO_KEY)),
            Some(link) if link != raw.hash => Err(broken(raw.entry, "was changed after it was written")),
            Some(link) => {
                self.last = (raw.entry, link);
                Ok(())
            }
        }
    }
}

impl Store {
    /// Appends what a transaction changed, in that transaction. A second writer waits here until the first is
    /// done.
    pub(super) async fn append_chronicle(
        &self,
        on: &mut AnyConnection,
        at: Timestamp,
        changes: &Changes,
    ) -> Result<(), StoreError> {
        // Changed, and not only touched: then every database reads the row as it is now, whatever was read before.
        let sql = "UPDATE chronicle_head SET entries = entries + 1 WHERE one = 1";
        run(on, self.dialect, sql, []).await?;
        let (entry, before) = self.chronicle_end(on).await?;
        let (head, body) = (headline(&before, entry, at), pack(&changes.clone().body())?);
        let (seal, hash) = self.seal.new_link(&[head.as_bytes(), body.as_bytes()])?;
        let sql = "INSERT INTO chronicle (entry, at, parts, seal, hash) VALUES (?, ?, ?, ?, ?)";
        let count = parts(&body).count() as i64;
        run(
            on,
            self.dialect,
            sql,
            [entry.into(), at.into(), count.into(), seal.into(), hash.as_str().into()],
        )
        .await?;
        for (number, part) in parts(&body).enumerate() {
            let sql = "INSERT INTO chronicle_part (entry, part, body) VALUES (?, ?, ?)";
            let cells: [Cell; 3] = [entry.into(), (number as i64).into(), part.into()];
            run(on, self.dialect, sql, cells).await?;
        }
        let sql = "UPDATE chronicle_head SET chain = ? WHERE one = 1";
        run(on, self.dialect, sql, [hash.into()]).await.map(drop)
    }

    /// The last entry, and its link.
    async fn chronicle_end(&self, on: &mut AnyConnection) -> Result<(i64, String), StoreError> {
        let sql = "SELECT entries, chain FROM chronicle_head WHERE one = 1";
        let found = rows(on, self.dialect, sql, []).await?;
        let row = found.first().ok_or_else(|| StoreError::corrupt("nothing", "the head of the chronicle"))?;
        let mut columns = Columns::of(row);
        Ok((columns.int()?, columns.text()?))
    }

    /// So many entries from `first` on, as they are stored.
    async fn raw_chronicle(
        &self,
        on: &mut AnyConnection,
        first: i64,
        count: i64,
    ) -> Result<Vec<Raw>, StoreError> {
        let range = || [Cell::from(first), (first + count).into()];
        let sql = "SELECT entry, at, seal, hash FROM chronicle WHERE entry >= ? AND entry < ? ORDER BY entry";
        let mut entries = Vec::new();
        for row in rows(on, self.dialect, sql, range()).await? {
            let mut columns = Columns::of(&row);
            let (entry, at, seal, hash) = (columns.int()?, columns.time()?, columns.int()?, columns.text()?);
            entries.push(Raw { entry, at, seal, hash, body: String::new() });
        }
        let sql =
            "SELECT entry, body FROM chronicle_part WHERE entry >= ? AND entry < ? ORDER BY entry, part";
        for row in rows(on, self.dialect, sql, range()).await? {
            let mut columns = Columns::of(&row);
            let entry = columns.int()?;
            if let Ok(found) = entries.binary_search_by_key(&entry, |raw: &Raw| raw.entry) {
                entries[found].body.push_str(&columns.text()?);
            }
        }
        Ok(entries)
    }
}
