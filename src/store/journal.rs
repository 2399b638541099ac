//! The journal: what the panels said that was new and what was made of it, entry by entry, each chained
//! to the one before.
//!
//! Days are derived; the journal is what happened. Entries are appended in the transaction of the poll
//! they record, and never edited; old ones are folded into totals that stand for them.

use litemap::LiteMap;
use sqlx::AnyConnection;

use super::seal::{NO_KEY, Seal};
use super::sql::{Cell, Columns, rows, run};
use super::{Lease, Store, StoreError};
use crate::domain::{AccountName, BackendId, Harvest, HoldingNo, LifeNo, Meter, Timestamp, UsageDay};
use crate::metering::{
    Book, Bounds, Correction, CounterKey, DayChange, Kept, LifeChange, Look, OwnerChange, SettleRules,
    Settled, settle_looked,
};

mod belief;
mod body;
mod crossings;
mod derived;
mod fold;
mod repair;
mod rewind;
mod shapes;
mod sums;
mod taken_back;
mod verify;

pub(super) use body::{body_of, failure_body, pack, renumbered_body, rewound_body, unpack};
pub use crossings::CrossingMap;
pub use fold::Fold;
pub(super) use fold::sha256;
pub use repair::{CannotRepair, Repair, Repaired};
pub use rewind::{CannotRewind, RewindTo, Unwound};
pub use sums::{MonthSum, MonthSums};
use taken_back::TakenBack;
pub use verify::{Difference, Verified};

/// One entry, as it happened.
#[derive(Clone, Debug)]
pub struct JournalEntry {
    /// Its number in the backend's chain, from 1.
    pub entry: i64,
    /// When the panel was asked.
    pub at: Timestamp,
    /// When all accounts were last seen before this poll.
    pub last_look: Option<Timestamp>,
    /// What was new: the readings that moved a number or raised a note.
    pub harvest: Harvest,
    /// What became of lives.
    pub lives: Vec<LifeChange>,
    /// Counters that no account had any more.
    pub lost: Vec<CounterKey>,
    /// What was made of it.
    pub made: Vec<Made>,
    /// Who owned what from then on.
    pub owners: Vec<OwnerChange>,
    /// Thresholds that were crossed or not any more from then on.
    pub crossings: CrossingMap,
    /// What readings were held against then.
    pub bounds: Bounds,
    /// The correction it is, where it is no poll.
    pub corrected: Option<Correction>,
    /// What a rewind has left as it was, where it is one.
    pub kept: Option<Kept>,
    /// Why the poll failed, where it did: reason and words.
    pub failed: Option<(String, String)>,
    /// The later entry that took it back: it does not count any more.
    pub taken_back_by: Option<i64>,
}

impl JournalEntry {
    /// Whether it settled something, and was not taken back.
    pub fn counts(&self) -> bool {
        self.failed.is_none() && self.taken_back_by.is_none()
    }

    /// Settles it again: a poll by what the panel said, a correction by what was asked for.
    pub fn settled(&self, book: &Book, rules: &SettleRules) -> Settled {
        let mut settled = match &self.corrected {
            Some(correction) => correction.settle(book, self.at, rules.zone),
            None => {
                let rules = SettleRules { bounds: self.bounds, ..*rules };
                let look = Look::again(book, self.lives.clone(), self.lost.clone());
                settle_looked(book, &self.harvest, look, self.at, &rules)
            }
        };
        settled.owners.extend_from_slice(&self.owners);
        settled
    }

    /// Takes in what it made: after this the book believes what was believed after it.
    pub fn take_into(&self, book: &mut Book, rules: &SettleRules) {
        // A failed poll settled nothing.
        if self.failed.is_some() {
            return;
        }
        book.last_look = self.last_look;
        let settled = self.settled(book, rules);
        book.apply(&settled);
        if let Some(kept) = &self.kept {
            kept.keep_in(book);
        }
    }
}

/// What an entry made of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The account, as it was called then.
    pub account: AccountName,
    /// Which life.
    pub life: LifeNo,
    /// The meter.
    pub meter: Meter,
    /// What was added to each day, by the holding it belongs to.
    pub days: LiteMap<(HoldingNo, UsageDay), DayChange>,
    /// What was noticed, in words.
    pub notes: Vec<String>,
}

/// The first place where a chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("journal of {backend}: entry {entry} {trouble}")]
pub struct ChainBreak {
    /// The backend.
    pub backend: BackendId,
    /// The entry that does not fit.
    pub entry: i64,
    /// How.
    pub trouble: &'static str,
}

/// What is chained of an entry before its body: the link before, and everything else in it. The backend by its number,
/// which is given once: its name may change.
fn headline(before: &str, number: i64, entry: i64, (at, fence, back_to): (i64, i64, Option<i64>)) -> String {
    let back_to = back_to.map(|back_to| format!("{back_to}\n")).unwrap_or_default();
    format!("{before}\n{number}\n{entry}\n{at}\n{fence}\n{back_to}")
}

/// Goes along the chain, link by link.
struct Links<'a> {
    backend: &'a BackendId,
    number: i64,
    seal: &'a Seal,
    /// The entry last gone past, and its link.
    last: (i64, String),
}

impl<'a> Links<'a> {
    /// Begins after the last folded entry.
    fn new(backend: &'a BackendId, number: i64, seal: &'a Seal, fold: Option<(i64, String)>) -> Links<'a> {
        Links { backend, number, seal, last: fold.unwrap_or_default() }
    }

    /// Goes past the next entry.
    fn next(&mut self, raw: &Raw) -> Result<(), ChainBreak> {
        let expected = self.last.0 + 1;
        if raw.entry != expected {
            return Err(self.missing(expected));
        }
        let broken = |trouble| ChainBreak { backend: self.backend.clone(), entry: raw.entry, trouble };
        let of = (raw.at.get(), raw.fence, raw.back_to);
        let head = headline(&self.last.1, self.number, raw.entry, of);
        let hash = self.seal.link(raw.seal, &[head.as_bytes(), raw.body.as_bytes()]);
        let hash = hash.ok_or_else(|| broken(NO_KEY))?;
        if hash != raw.hash {
            return Err(broken("was changed after it was written"));
        }
        self.last = (raw.entry, hash);
        Ok(())
    }

    fn missing(&self, entry: i64) -> ChainBreak {
        ChainBreak { backend: self.backend.clone(), entry, trouble: "is missing" }
    }
}

/// How many entries are read at once.
const ENTRIES_AT_ONCE: i64 = 200;

/// What every database takes as one TEXT (MySQL's holds 65,535 bytes).
const PART_BYTES: usize = 60_000;

/// A packed body cut to what every database takes.
pub(super) fn parts(body: &str) -> impl Iterator<Item = &str> {
    // Base64 is one byte a character, so that any cut is between two of them.
    (0..body.len()).step_by(PART_BYTES).map(|from| &body[from..body.len().min(from + PART_BYTES)])
}

/// Appends an entry after entry `last`; one that takes the journal back says to where. Returns its own link.
pub(super) async fn append(
    store: &Store,
    on: &mut AnyConnection,
    lease: &Lease,
    last: (i64, &str),
    at: Timestamp,
    body: &str,
    back_to: Option<i64>,
) -> Result<String, StoreError> {
    let (backend, entry) = (lease.backend.as_str(), last.0 + 1);
    let head = headline(last.1, lease.number, entry, (at.get(), lease.fence, back_to));
    let (seal, hash) = store.seal.new_link(&[head.as_bytes(), body.as_bytes()])?;
    let sql = "INSERT INTO journal (backend, entry, at, fence, parts, back_to, seal, hash)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let cells: [Cell; 8] = [
        backend.into(),
        entry.into(),
        at.into(),
        lease.fence.into(),
        (parts(body).count() as i64).into(),
        back_to.into(),
        seal.into(),
        hash.as_str().into(),
    ];
    run(on, store.dialect, sql, cells).await?;
    for (number, part) in parts(body).enumerate() {
        let sql = "INSERT INTO journal_part (backend, entry, part, body) VALUES (?, ?, ?, ?)";
        let cells: [Cell; 4] = [backend.into(), entry.into(), (number as i64).into(), part.into()];
        run(on, store.dialect, sql, cells).await?;
    }
    Ok(hash)
}

impl Store {
    /// Reads what is not folded of a backend's journal from `first` on, at most `limit` entries.
    pub async fn journal(
        &self,
        backend: &BackendId,
        first: i64,
        limit: i64,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let mut on = self.readers.acquire().await?;
        // A fold stands for its entries, even while some are still there.
        let folded = self.fold_heads(&mut on, backend).await?.pop().map_or(0, |head| head.upto);
        let raw = self.raw_entries(&mut on, backend, first.max(folded + 1), limit).await?;
        let taken = self.taken_back(&mut on, backend).await?;
        raw.iter().map(|raw| raw.entry(&taken)).collect()
    }

    /// The first entry of a poll that asked at `since` or later; `None` when there is none.
    pub async fn first_entry_since(
        &self,
        backend: &BackendId,
        since: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let sql = "SELECT MIN(entry) FROM journal WHERE backend = ? AND at >= ?";
        let found = rows(&mut on, self.dialect, sql, [backend.as_str().into(), since.into()]).await?;
        found.first().map_or(Ok(None), |row| Columns::of(row).maybe_int())
    }

    /// The number a backend's row was given; 0 where there is none.
    pub(super) async fn number_of(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
    ) -> Result<i64, StoreError> {
        let sql = "SELECT number FROM backend WHERE name = ?";
        let found = rows(on, self.dialect, sql, [backend.as_str().into()]).await?;
        found.first().map_or(Ok(0), |row| Columns::of(row).int())
    }

    async fn raw_entries(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        first: i64,
        limit: i64,
    ) -> Result<Vec<Raw>, StoreError> {
        let sql = "SELECT entry, at, fence, back_to, seal, hash FROM journal
            WHERE backend = ? AND entry >= ? AND entry < ?
            ORDER BY entry";
        let range = || [Cell::from(backend.as_str()), first.into(), (first.saturating_add(limit)).into()];
        let mut entries = Vec::new();
        for row in rows(on, self.dialect, sql, range()).await? {
            let mut columns = Columns::of(&row);
            let (entry, at, fence) = (columns.int()?, columns.time()?, columns.int()?);
            let (back_to, seal, hash) = (columns.maybe_int()?, columns.int()?, columns.text()?);
            entries.push(Raw { entry, at, fence, back_to, seal, hash, body: String::new() });
        }
        let sql = "SELECT entry, body FROM journal_part WHERE backend = ? AND entry >= ? AND entry < ?
            ORDER BY entry, part";
        for row in rows(on, self.dialect, sql, range()).await? {
            let mut columns = Columns::of(&row);
            let entry = columns.int()?;
            if let Ok(found) = entries.binary_search_by_key(&entry, |raw| raw.entry) {
                entries[found].body.push_str(&columns.text()?);
            }
        }
        Ok(entries)
    }
}

/// An entry as it is stored.
struct Raw {
    entry: i64,
    at: Timestamp,
    fence: i64,
    back_to: Option<i64>,
    seal: i64,
    hash: String,
    body: String,
}

impl Raw {
    fn entry(&self, taken: &TakenBack) -> Result<JournalEntry, StoreError> {
        let mut entry = body::entry_of(self.entry, self.at, &self.body)?;
        // The numbers of services are no measurement: nobody takes them back.
        if !matches!(entry.corrected, Some(Correction::Renumbered(_))) {
            entry.taken_back_by = taken.by(self.entry);
        }
        Ok(entry)
    }
}
