//! Whether the chronicle holds, and whether the rows that answers are made of are what it says.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use sqlx::AnyConnection;

use super::super::sql::{Columns, Table, rows};
use super::super::{KeyedFrom, Store, StoreError};
use super::changes::{Value, Values, columns, differing, in_words, values};
use super::fold::Head;
use super::{Changes, ChronicleBreak, ENTRIES_AT_ONCE, Links, TABLES, broken};

/// A chronicle that holds, and rows that are what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChronicleVerified {
    /// Entries gone through.
    pub entries: u64,
    /// Folds gone through.
    pub folds: u64,
    /// Rows held against it.
    pub rows: u64,
    /// Which entries were chained by a key.
    pub keyed: Vec<KeyedFrom>,
}

/// The first thing that is not as the chronicle says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChronicleDifference {
    /// An entry or a fold was changed, cut out or put in.
    #[error(transparent)]
    Chain(#[from] ChronicleBreak),
    /// A stored row is not what it says.
    #[error("{table} {row}: {how}")]
    Row {
        /// The table.
        table: &'static str,
        /// Which row, by the columns of its key.
        row: String,
        /// What is stored, and what the chronicle says.
        how: String,
    },
}

impl ChronicleDifference {
    /// Whether a row is other than a chain that holds says, so that it can be derived from it again.
    pub fn is_of_rows(&self) -> bool {
        matches!(self, ChronicleDifference::Row { .. })
    }
}

/// How many rows are held against the chronicle at once: they must fit into memory.
const ROWS_AT_ONCE: i64 = 200_000;

/// How many stored rows are read at once.
const READ_AT_ONCE: i64 = 10_000;

/// A stored row that is not what the chronicle says.
pub(super) struct RowDiffers {
    pub table: &'static Table,
    pub key: Values,
    /// The rest of what is stored; nothing where there is no such row.
    pub stored: Option<Values>,
    /// The rest of what there should be.
    pub said: Option<Values>,
}

impl RowDiffers {
    pub fn row(&self) -> String {
        in_words(self.table.keys, &self.key)
    }

    pub fn how(&self) -> String {
        let names: Vec<&str> = columns(self.table).skip(self.table.keys.len()).collect();
        match (&self.stored, &self.said) {
            (Some(stored), Some(said)) => differing(&names, stored, said, "the chronicle"),
            (Some(stored), None) => format!("is nowhere in the chronicle: {}", in_words(&names, stored)),
            (None, said) => {
                let said = said.as_deref().unwrap_or_default();
                format!("is missing, the chronicle says {}", in_words(&names, said))
            }
        }
    }

    fn difference(&self) -> ChronicleDifference {
        ChronicleDifference::Row { table: self.table.name, row: self.row(), how: self.how() }
    }
}

/// Some of all rows: of so many shares the one with this number, so that each is small.
#[derive(Clone, Copy)]
pub(super) struct Share {
    number: u64,
    of: u64,
}

impl Share {
    /// All rows.
    pub(super) const WHOLE: Share = Share { number: 0, of: 1 };

    fn has(self, table: &Table, key: &[Value]) -> bool {
        // A backend's new name changes keys that have it, and would change the share: these are few, and in the first.
        if self.of == 1 || table.keys.contains(&"backend") {
            return self.number == 0;
        }
        let mut hash = DefaultHasher::new();
        key.hash(&mut hash);
        hash.finish() % self.of == self.number
    }
}

impl Store {
    /// Goes along the whole chronicle and holds every row it records against it; the first difference is
    /// reported. Sees one moment of the database, no matter what is written meanwhile.
    pub async fn verify_chronicle(
        &self,
    ) -> Result<Result<ChronicleVerified, ChronicleDifference>, StoreError> {
        let mut tx = self.begin_read().await?;
        let folds = match self.verify_chronicle_folds(&mut tx).await? {
            Ok(folds) => folds,
            Err(broken) => return Ok(Err(broken.into())),
        };
        let mut verified = ChronicleVerified { folds: folds.len() as u64, ..ChronicleVerified::default() };
        if let Err(broken) = self.verify_chronicle_links(&mut tx, folds.last(), &mut verified).await? {
            return Ok(Err(broken.into()));
        }
        let mut count = 0;
        for table in TABLES {
            let sql = format!("SELECT COUNT(*) FROM {}", table.name);
            let found = rows(&mut tx, self.dialect, &sql, []).await?;
            count += found.first().map_or(Ok(0), |row| Columns::of(row).int())?;
        }
        let of = (count / ROWS_AT_ONCE + 1) as u64;
        for number in 0..of {
            let share = Share { number, of };
            let mut said = self.chronicled(&mut tx, &folds, share).await?;
            for table in TABLES {
                let standing = said.take_standing(table);
                let (rows, differ) = self.verify_rows(&mut tx, table, share, standing, 1).await?;
                if let Some(first) = differ.first() {
                    return Ok(Err(first.difference()));
                }
                verified.rows += rows;
            }
        }
        Ok(Ok(verified))
    }

    pub(super) async fn verify_chronicle_links(
        &self,
        on: &mut AnyConnection,
        fold: Option<&Head>,
        verified: &mut ChronicleVerified,
    ) -> Result<Result<(), ChronicleBreak>, StoreError> {
        if let Some(fold) = fold {
            KeyedFrom::take(&mut verified.keyed, 1, self.seal.is_keyed(fold.seal));
        }
        let last = fold.map(|head| (head.upto, head.chain.clone())).unwrap_or_default();
        let mut links = Links { seal: &self.seal, last };
        loop {
            let raw = self.raw_chronicle(on, links.last.0 + 1, ENTRIES_AT_ONCE).await?;
            for raw in &raw {
                if let Err(broken) = links.next(raw) {
                    return Ok(Err(broken));
                }
                KeyedFrom::take(&mut verified.keyed, raw.entry, self.seal.is_keyed(raw.seal));
            }
            if raw.is_empty() {
                break;
            }
            verified.entries += raw.len() as u64;
        }
        let (written, chain) = self.chronicle_end(on).await?;
        // Entries after a hole are not found by number: what was written last says how far they go.
        Ok(match &links.last {
            (last, _) if *last != written => Err(broken(last + 1, "is missing")),
            (_, link) if *link != chain => Err(broken(written, "has another link than its head remembers")),
            _ => Ok(()),
        })
    }

    /// Holds the rows of a table that are in a share against what the chronicle says of them: how many there are, and
    /// at most `most` that differ.
    pub(super) async fn verify_rows(
        &self,
        on: &mut AnyConnection,
        table: &'static Table,
        share: Share,
        mut said: BTreeMap<Values, Values>,
        most: usize,
    ) -> Result<(u64, Vec<RowDiffers>), StoreError> {
        let (mut from, mut count, mut differ) = (0, 0, Vec::new());
        loop {
            let found = self.some_rows(on, table, from).await?;
            if found.is_empty() {
                break;
            }
            from += found.len() as i64;
            for mut row in found {
                let rest = row.split_off(table.keys.len());
                if !share.has(table, &row) {
                    continue;
                }
                count += 1;
                let said = said.remove(&row);
                if said.as_ref() != Some(&rest) && differ.len() < most {
                    differ.push(RowDiffers { table, key: row, stored: Some(rest), said });
                }
            }
        }
        let missing =
            said.into_iter().map(|(key, said)| RowDiffers { table, key, stored: None, said: Some(said) });
        let room = most.saturating_sub(differ.len());
        differ.extend(missing.take(room));
        Ok((count, differ))
    }

    /// The rows of a share as they are by the chronicle.
    pub(super) async fn chronicled(
        &self,
        on: &mut AnyConnection,
        folds: &[Head],
        share: Share,
    ) -> Result<Changes, StoreError> {
        let mut known = Changes::default();
        let wants = |table: &Table, key: &Values| share.has(table, key);
        for fold in folds {
            known.then(&self.chronicle_fold_changes(on, fold.upto).await?, wants);
        }
        let mut last = folds.last().map_or(0, |fold| fold.upto);
        loop {
            let raw = self.raw_chronicle(on, last + 1, ENTRIES_AT_ONCE).await?;
            for raw in &raw {
                known.then(&raw.changes()?, wants);
                last = raw.entry;
            }
            if raw.is_empty() {
                return Ok(known);
            }
        }
    }

    async fn some_rows(
        &self,
        on: &mut AnyConnection,
        table: &Table,
        from: i64,
    ) -> Result<Vec<Values>, StoreError> {
        let keys: Vec<String> = table.keys.iter().map(|key| format!("t.{key}")).collect();
        let sql = format!(
            "SELECT {} FROM {} t ORDER BY {} LIMIT {READ_AT_ONCE} OFFSET {from}",
            table.columns("t"),
            table.name,
            keys.join(", ")
        );
        rows(on, self.dialect, &sql, []).await?.iter().map(values).collect()
    }
}
