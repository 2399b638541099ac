//! Folding: entries of months that are over long enough become what they changed altogether, which stands for them. A
//! reported value is written twice a day and only its last number counts, so that a fold is a fraction of its entries.

use sqlx::AnyConnection;

use super::super::journal::{pack, parts, unpack};
use super::super::seal::NO_KEY;
use super::super::sql::{Cell, Columns, rows, run};
use super::super::{Store, StoreError};
use super::{Changes, ChronicleBreak, ENTRIES_AT_ONCE, Links, broken};
use crate::domain::{BillingZone, Seconds, Timestamp};

/// How many folded entries are taken away in one transaction.
const DELETED_AT_ONCE: i64 = 1000;

/// A fold, without what its entries changed.
pub(super) struct Head {
    pub upto: i64,
    pub at: Timestamp,
    /// The link of the last entry in it.
    pub chain: String,
    pub body_hash: String,
    pub seal: i64,
    pub hash: String,
}

impl Head {
    /// What is chained of it after the fold whose link is `before`.
    fn text(&self, before: &str) -> String {
        let Head { upto, at, chain, body_hash, .. } = self;
        format!("{before}\nchronicle fold\n{upto}\n{}\n{chain}\n{body_hash}\n", at.get())
    }
}

impl Store {
    /// Folds the entries of whole months that ended longer ago than `keep_journal`; returns how many they were. A
    /// chronicle that does not hold is left as it is, and said so.
    pub async fn fold_chronicle(&self, now: Timestamp, zone: BillingZone) -> Result<u64, StoreError> {
        let keep = Seconds::new(self.settings.keep_journal.0.as_secs());
        let kept_from = zone.start_of(zone.day_of(now.minus(keep)).month().first());
        let mut on = self.readers.acquire().await?;
        let heads = self.chronicle_folds(&mut on).await?;
        let (upto, chain) = heads.last().map_or((0, String::new()), |head| (head.upto, head.chain.clone()));
        drop(on);
        self.drop_folded_chronicle(upto).await?;
        let mut on = self.readers.acquire().await?;
        // The first that is kept: where the clock was set back, what is older goes only with what came before it.
        let sql = "SELECT MIN(entry) FROM chronicle WHERE at >= ?";
        let found = rows(&mut on, self.dialect, sql, [kept_from.into()]).await?;
        let kept = found.first().map_or(Ok(None), |row| Columns::of(row).maybe_int())?;
        let last = match kept {
            Some(kept) => kept - 1,
            None => self.chronicle_end(&mut on).await?.0,
        };
        if last <= upto {
            return Ok(0);
        }
        let mut changes = Changes::default();
        let mut links = Links { seal: &self.seal, last: (upto, chain) };
        while links.last.0 < last {
            let found = self.raw_chronicle(&mut on, links.last.0 + 1, ENTRIES_AT_ONCE).await?;
            if found.is_empty() {
                return Err(corrupt(broken(links.last.0 + 1, "is missing")));
            }
            for raw in found.iter().take_while(|raw| raw.entry <= last) {
                links.next(raw).map_err(corrupt)?;
                changes.then(&raw.changes()?, |_, _| true);
            }
        }
        drop(on);
        let chain = links.last.1;
        self.put_chronicle_fold(heads.last(), last, now, chain, changes).await?;
        self.drop_folded_chronicle(last).await?;
        Ok((last - upto) as u64)
    }

    async fn put_chronicle_fold(
        &self,
        before: Option<&Head>,
        upto: i64,
        at: Timestamp,
        chain: String,
        changes: Changes,
    ) -> Result<(), StoreError> {
        let body = pack(&changes.body())?;
        let mut tx = self.begin_write().await?;
        // A write first: it locks the row on every database, so that of two replicas one folds.
        run(&mut tx, self.dialect, "UPDATE chronicle_head SET entries = entries WHERE one = 1", []).await?;
        let known = self.chronicle_folds(&mut tx).await?.pop().map(|head| head.upto);
        if known != before.map(|head| head.upto) {
            return Ok(());
        }
        let body_hash = super::super::journal::sha256(&body);
        let mut head = Head { upto, at, chain, body_hash, seal: 0, hash: String::new() };
        let before = before.map_or("", |head| head.hash.as_str());
        (head.seal, head.hash) = self.seal.new_link(&[head.text(before).as_bytes()])?;
        let sql =
            "INSERT INTO chronicle_fold (upto, at, chain, body_hash, seal, hash) VALUES (?, ?, ?, ?, ?, ?)";
        let cells: [Cell; 6] = [
            upto.into(),
            at.into(),
            head.chain.into(),
            head.body_hash.into(),
            head.seal.into(),
            head.hash.into(),
        ];
        run(&mut tx, self.dialect, sql, cells).await?;
        for (number, part) in parts(&body).enumerate() {
            let sql = "INSERT INTO chronicle_fold_part (upto, part, body) VALUES (?, ?, ?)";
            let cells: [Cell; 3] = [upto.into(), (number as i64).into(), part.into()];
            run(&mut tx, self.dialect, sql, cells).await?;
        }
        tx.commit().await
    }

    /// Takes folded entries away, a few at a time: a fold stands for them already.
    async fn drop_folded_chronicle(&self, upto: i64) -> Result<(), StoreError> {
        loop {
            let mut tx = self.begin_write().await?;
            let sql = "SELECT MIN(entry) FROM chronicle WHERE entry <= ?";
            let found = rows(&mut tx, self.dialect, sql, [upto.into()]).await?;
            let first = found.first().map_or(Ok(None), |row| Columns::of(row).maybe_int())?;
            let Some(first) = first else { return Ok(()) };
            let last = upto.min(first + DELETED_AT_ONCE - 1);
            for table in ["chronicle_part", "chronicle"] {
                let sql = format!("DELETE FROM {table} WHERE entry <= ?");
                run(&mut tx, self.dialect, &sql, [last.into()]).await?;
            }
            tx.commit().await?;
        }
    }

    /// Every fold, oldest first.
    pub(super) async fn chronicle_folds(&self, on: &mut AnyConnection) -> Result<Vec<Head>, StoreError> {
        let sql = "SELECT upto, at, chain, body_hash, seal, hash FROM chronicle_fold ORDER BY upto";
        let head = |row| {
            let mut columns = Columns::of(row);
            Ok(Head {
                upto: columns.int()?,
                at: columns.time()?,
                chain: columns.text()?,
                body_hash: columns.text()?,
                seal: columns.int()?,
                hash: columns.text()?,
            })
        };
        rows(on, self.dialect, sql, []).await?.iter().map(head).collect()
    }

    async fn chronicle_fold_body(&self, on: &mut AnyConnection, upto: i64) -> Result<String, StoreError> {
        let sql = "SELECT body FROM chronicle_fold_part WHERE upto = ? ORDER BY part";
        let found = rows(on, self.dialect, sql, [upto.into()]).await?;
        found.iter().map(|row| Columns::of(row).text()).collect()
    }

    /// What the entries of a fold changed altogether.
    pub(super) async fn chronicle_fold_changes(
        &self,
        on: &mut AnyConnection,
        upto: i64,
    ) -> Result<Changes, StoreError> {
        let body = self.chronicle_fold_body(on, upto).await?;
        let read = unpack(&body).and_then(Changes::of_body);
        read.map_err(|error| StoreError::corrupt(error, "a fold of the chronicle"))
    }

    /// Goes along the folds; what of them does not hold is reported.
    pub(super) async fn verify_chronicle_folds(
        &self,
        on: &mut AnyConnection,
    ) -> Result<Result<Vec<Head>, ChronicleBreak>, StoreError> {
        let heads = self.chronicle_folds(on).await?;
        let mut before = String::new();
        for head in &heads {
            let link = match self.seal.link(head.seal, &[head.text(&before).as_bytes()]) {
                None => return Ok(Err(broken(head.upto, NO_KEY))),
                Some(link) => link,
            };
            if link != head.hash {
                let trouble =
                    "ends a fold that was changed after it was written, or the one before it is missing";
                return Ok(Err(broken(head.upto, trouble)));
            }
            let body = self.chronicle_fold_body(on, head.upto).await?;
            if super::super::journal::sha256(&body) != head.body_hash {
                return Ok(Err(broken(head.upto, "ends a fold with other rows than it was signed with")));
            }
            before = link;
        }
        Ok(Ok(heads))
    }
}

fn corrupt(error: ChronicleBreak) -> StoreError {
    StoreError::corrupt(error, "a chronicle that holds")
}
