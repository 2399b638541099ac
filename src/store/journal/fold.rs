//! Folding: entries older than wanted become sums that stand for them, month by month, and the beliefs
//! after the last of them. A fold is never edited either, and never made of a journal that does not hold.

use sha2::{Digest, Sha256};
use sqlx::AnyConnection;

use super::super::sql::{Cell, Columns, rows, run};
use super::super::{Store, StoreError};
use super::belief::BookBody;
use super::body::{pack, unpack};
use super::crossings::CrossingMap;
use super::sums::{MonthSums, add_made, sums_body, sums_of};
use super::{ChainBreak, ENTRIES_AT_ONCE, Links, parts};
use crate::domain::{BackendId, Month, Seconds, Timestamp};
use crate::metering::{Book, SettleRules};

/// Entries that were folded, and what stands for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    /// The last entry in it.
    pub upto: i64,
    /// The link of that entry: the one after it is chained to it.
    pub chain: String,
    /// The fold's own link, chained to the fold before.
    pub hash: String,
    /// What the entries made.
    pub sums: MonthSums,
}

/// How many folded entries are taken away in one transaction.
const DELETED_AT_ONCE: i64 = 1000;

impl Store {
    /// Folds a backend's entries of whole months that ended longer ago than `keep_journal`. Returns how
    /// many entries were folded; a journal that does not hold is left as it is, and said so.
    pub async fn fold_journal(
        &self,
        backend: &BackendId,
        now: Timestamp,
        rules: &SettleRules,
    ) -> Result<u64, StoreError> {
        let keep = Seconds::new(self.settings.keep_journal.0.as_secs());
        let month_of = |at: Timestamp| rules.zone.day_of(at).month();
        let kept_from = month_of(now.minus(keep));
        let mut folded = 0;
        loop {
            let last = self.last_fold(backend).await?;
            let upto = last.as_ref().map_or(0, |fold| fold.upto);
            self.drop_folded(backend, upto).await?;
            let first = self.journal(backend, upto + 1, 1).await?;
            let Some(first) = first.first() else { return Ok(folded) };
            let mut month = month_of(first.at);
            // The clock may have been set back: an entry older than its forerunner goes with it.
            let next = loop {
                if month >= kept_from {
                    return Ok(folded);
                }
                match self.last_entry_of(backend, month, rules).await? {
                    next if next > upto => break next,
                    _ => month = month.next(),
                }
            };
            let mut on = self.readers.acquire().await?;
            let mut crossings = self.crossings_at(&mut on, backend, upto).await?;
            drop(on);
            let (sums, book, chain) =
                self.settle_again(backend, last.as_ref(), next, rules, &mut crossings).await?;
            let believed = BookBody::of(&book, &crossings);
            self.put_fold(backend, last.as_ref(), next, now, (&sums, &believed, &chain)).await?;
            folded += (next - upto) as u64;
        }
    }

    /// The last entry before the first one that was asked for after `month`; 0 when there is none.
    async fn last_entry_of(
        &self,
        backend: &BackendId,
        month: Month,
        rules: &SettleRules,
    ) -> Result<i64, StoreError> {
        let end = rules.zone.start_of(month.next().first());
        if let Some(after) = self.first_entry_since(backend, end).await? {
            return Ok(after - 1);
        }
        let mut on = self.readers.acquire().await?;
        let sql = "SELECT MAX(entry) FROM journal WHERE backend = ?";
        let found = rows(&mut on, self.dialect, sql, [backend.as_str().into()]).await?;
        Ok(found.first().map_or(Ok(None), |row| Columns::of(row).maybe_int())?.unwrap_or(0))
    }

    /// Goes through the entries after `last` up to `upto`: what they made, what is believed after them,
    /// and the link of the last.
    async fn settle_again(
        &self,
        backend: &BackendId,
        last: Option<&Fold>,
        upto: i64,
        rules: &SettleRules,
        crossings: &mut CrossingMap,
    ) -> Result<(MonthSums, Book, String), StoreError> {
        let (mut sums, mut book) = (MonthSums::new(), self.checkpoint(backend).await?);
        let mut on = self.readers.acquire().await?;
        let number = self.number_of(&mut on, backend).await?;
        let taken = self.taken_back(&mut on, backend).await?;
        drop(on);
        let mut links =
            Links::new(backend, number, &self.seal, last.map(|fold| (fold.upto, fold.chain.clone())));
        while links.last.0 < upto {
            let first = links.last.0 + 1;
            let mut on = self.readers.acquire().await?;
            let limit = ENTRIES_AT_ONCE.min(upto - links.last.0);
            let raw = self.raw_entries(&mut on, backend, first, limit).await?;
            drop(on);
            if raw.is_empty() {
                return Err(corrupt(links.missing(first)));
            }
            for raw in &raw {
                links.next(raw).map_err(corrupt)?;
                let entry = raw.entry(&taken)?;
                if entry.taken_back_by.is_none() {
                    add_made(&mut sums, &entry.made);
                    entry.take_into(&mut book, rules);
                    crossings.extend(entry.crossings);
                }
            }
        }
        Ok((sums, book, links.last.1))
    }

    async fn put_fold(
        &self,
        backend: &BackendId,
        last: Option<&Fold>,
        upto: i64,
        now: Timestamp,
        (sums, book, chain): (&MonthSums, &BookBody, &str),
    ) -> Result<(), StoreError> {
        let (sums, book) = (pack(&sums_body(sums))?, pack(book)?);
        let name = || Cell::from(backend.as_str());
        let mut tx = self.begin_write().await?;
        // A write first: it locks the row on every database, so that of two replicas one folds.
        let sql = "UPDATE backend SET fence = fence WHERE name = ?";
        run(&mut tx, self.dialect, sql, [name()]).await?;
        let known = self.fold_heads(&mut tx, backend).await?.pop().map(|head| head.upto);
        if known != last.map(|fold| fold.upto) {
            return Ok(());
        }
        let mut head = Head {
            upto,
            at: now,
            chain: chain.into(),
            sums_hash: sha256(&sums),
            book_hash: sha256(&book),
            seal: 0,
            hash: String::new(),
        };
        let number = self.number_of(&mut tx, backend).await?;
        let text = head.text(last.map_or("", |fold| &fold.hash), number);
        (head.seal, head.hash) = self.seal.new_link(&[text.as_bytes()])?;
        let sql = "INSERT INTO journal_fold (backend, upto, at, chain, sums_hash, book_hash, seal, hash)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let cells: [Cell; 8] = [
            name(),
            upto.into(),
            now.into(),
            chain.into(),
            head.sums_hash.as_str().into(),
            head.book_hash.as_str().into(),
            head.seal.into(),
            head.hash.as_str().into(),
        ];
        run(&mut tx, self.dialect, sql, cells).await?;
        // Only the newest beliefs are of use.
        let sql = "DELETE FROM journal_fold_part WHERE backend = ? AND what = 'book'";
        run(&mut tx, self.dialect, sql, [name()]).await?;
        for (what, body) in [("sums", &sums), ("book", &book)] {
            for (number, part) in parts(body).enumerate() {
                let sql =
                    "INSERT INTO journal_fold_part (backend, upto, what, part, body) VALUES (?, ?, ?, ?, ?)";
                let cells = [name(), upto.into(), what.into(), (number as i64).into(), part.into()];
                run(&mut tx, self.dialect, sql, cells).await?;
            }
        }
        tx.commit().await
    }

    /// Takes folded entries away, a few at a time: a fold stands for them already.
    async fn drop_folded(&self, backend: &BackendId, upto: i64) -> Result<(), StoreError> {
        loop {
            let sql = "SELECT MIN(entry) FROM journal WHERE backend = ? AND entry <= ?";
            let mut tx = self.begin_write().await?;
            let found = rows(&mut tx, self.dialect, sql, [backend.as_str().into(), upto.into()]).await?;
            let first = found.first().map_or(Ok(None), |row| Columns::of(row).maybe_int())?;
            let Some(first) = first else { return Ok(()) };
            let last = upto.min(first + DELETED_AT_ONCE - 1);
            for table in ["journal_part", "journal"] {
                let sql = format!("DELETE FROM {table} WHERE backend = ? AND entry <= ?");
                run(&mut tx, self.dialect, &sql, [backend.as_str().into(), last.into()]).await?;
            }
            tx.commit().await?;
        }
    }

    /// What was believed after the last folded entry; nothing where nothing was folded.
    pub async fn checkpoint(&self, backend: &BackendId) -> Result<Book, StoreError> {
        let mut on = self.readers.acquire().await?;
        let Some(head) = self.fold_heads(&mut on, backend).await?.pop() else { return Ok(Book::default()) };
        self.folded_book(&mut on, backend, head.upto).await
    }

    /// The book kept with the fold that ends with entry `upto`.
    pub(super) async fn folded_book(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        upto: i64,
    ) -> Result<Book, StoreError> {
        let body = self.fold_part(on, backend, upto, "book").await?;
        let book = unpack(&body).and_then(BookBody::book);
        book.map_err(|error| StoreError::corrupt(error, "the beliefs kept with a fold"))
    }

    /// The crossings that stood after entry `upto`, where a fold ends with it; none before the first.
    pub(super) async fn crossings_at(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        upto: i64,
    ) -> Result<CrossingMap, StoreError> {
        if upto == 0 {
            return Ok(CrossingMap::new());
        }
        let body = self.fold_part(on, backend, upto, "book").await?;
        let crossings = unpack(&body).and_then(BookBody::crossings);
        crossings.map_err(|error| StoreError::corrupt(error, "the crossings kept with a fold"))
    }

    /// The newest fold of a backend.
    pub(super) async fn last_fold(&self, backend: &BackendId) -> Result<Option<Fold>, StoreError> {
        let mut on = self.readers.acquire().await?;
        match self.fold_heads(&mut on, backend).await?.pop() {
            None => Ok(None),
            Some(head) => self.whole_fold(&mut on, backend, head).await.map(Some),
        }
    }

    /// Every fold of a backend, oldest first.
    pub async fn folds(&self, backend: &BackendId) -> Result<Vec<Fold>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let mut folds = Vec::new();
        for head in self.fold_heads(&mut on, backend).await? {
            folds.push(self.whole_fold(&mut on, backend, head).await?);
        }
        Ok(folds)
    }

    async fn whole_fold(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        head: Head,
    ) -> Result<Fold, StoreError> {
        let body = self.fold_part(on, backend, head.upto, "sums").await?;
        let sums = unpack(&body).and_then(sums_of);
        let sums = sums.map_err(|error| StoreError::corrupt(error, "the sums of a fold"))?;
        Ok(Fold { upto: head.upto, chain: head.chain, hash: head.hash, sums })
    }

    /// The folds of a backend, oldest first, without what they hold.
    pub(super) async fn fold_heads(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
    ) -> Result<Vec<Head>, StoreError> {
        let sql =
            "SELECT upto, at, chain, sums_hash, book_hash, seal, hash FROM journal_fold WHERE backend = ?
            ORDER BY upto";
        let head = |row| {
            let mut columns = Columns::of(row);
            Ok(Head {
                upto: columns.int()?,
                at: columns.time()?,
                chain: columns.text()?,
                sums_hash: columns.text()?,
                book_hash: columns.text()?,
                seal: columns.int()?,
                hash: columns.text()?,
            })
        };
        rows(on, self.dialect, sql, [backend.as_str().into()]).await?.iter().map(head).collect()
    }

    pub(super) async fn fold_part(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        upto: i64,
        what: &str,
    ) -> Result<String, StoreError> {
        let sql =
            "SELECT body FROM journal_fold_part WHERE backend = ? AND upto = ? AND what = ? ORDER BY part";
        let cells: [Cell; 3] = [backend.as_str().into(), upto.into(), what.into()];
        let found = rows(on, self.dialect, sql, cells).await?;
        found.iter().map(|row| Columns::of(row).text()).collect()
    }
}

/// A fold without what it holds.
pub(super) struct Head {
    pub upto: i64,
    pub at: Timestamp,
    pub chain: String,
    pub sums_hash: String,
    pub book_hash: String,
    pub seal: i64,
    pub hash: String,
}

impl Head {
    /// What is chained of it after the fold whose link is `before`.
    pub(super) fn text(&self, before: &str, number: i64) -> String {
        let Head { upto, at, chain, sums_hash, book_hash, .. } = self;
        let at = at.get();
        format!("{before}\n{number}\n{upto}\n{at}\n{chain}\n{sums_hash}\n{book_hash}\n")
    }
}

pub(in super::super) fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn corrupt(error: ChainBreak) -> StoreError {
    StoreError::corrupt(error, "a journal that holds")
}
