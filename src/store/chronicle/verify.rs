//! Whether the chronicle holds, and whether the rows that answers are made of are what it says.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use sqlx::AnyConnection;

use super::super::sql::{Columns, Table, rows};
use super::super::{KeyedFrom, Store, StoreError};
use super::changes::{Value, Values, columns, values};
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

/// How many rows are held against the chronicle at once: they must fit into memory.
const ROWS_AT_ONCE: i64 = 200_000;

/// How many stored rows are read at once.
const READ_AT_ONCE: i64 = 10_000;

/// Some of all rows: of so many shares the one with this number, so that each is small.
#[derive(Clone, Copy)]
struct Share {
    number: u64,
    of: u64,
}

impl Share {
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
    /// Goes along the whole chronicle and holds every row it tells of against it; the first difference is told. Sees one
    /// moment of the database, whoever writes meanwhile.
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
                match self.verify_rows(&mut tx, table, share, said.take_standing(table)).await? {
                    Ok(rows) => verified.rows += rows,
                    Err(difference) => return Ok(Err(difference)),
                }
            }
        }
        Ok(Ok(verified))
    }

    async fn verify_chronicle_links(
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

    /// Holds the rows of a table that are in a share against what the chronicle says of them.
    async fn verify_rows(
        &self,
        on: &mut AnyConnection,
        table: &'static Table,
        share: Share,
        mut said: BTreeMap<Values, Values>,
    ) -> Result<Result<u64, ChronicleDifference>, StoreError> {
        let names: Vec<&str> = columns(table).collect();
        let (mut from, mut count) = (0, 0);
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
                let how = match said.remove(&row) {
                    Some(known) if known == rest => continue,
                    Some(known) => differing(&names[table.keys.len()..], &rest, &known),
                    None => {
                        format!("is nowhere in the chronicle: {}", told(&names[table.keys.len()..], &rest))
                    }
                };
                return Ok(Err(ChronicleDifference::Row { table: table.name, row: told(&names, &row), how }));
            }
        }
        let Some((key, rest)) = said.first_key_value() else { return Ok(Ok(count)) };
        let how = format!("is missing, the chronicle says {}", told(&names[table.keys.len()..], rest));
        Ok(Err(ChronicleDifference::Row { table: table.name, row: told(&names, key), how }))
    }

    /// The rows of a share as they are by the chronicle.
    async fn chronicled(
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

/// Columns with their names.
fn told(names: &[&str], row: &[Value]) -> String {
    let told = names.iter().zip(row).map(|(name, value)| format!("{name} {value}"));
    told.collect::<Vec<_>>().join(", ")
}

/// The columns that differ, as they are stored and as they are said to be.
fn differing(names: &[&str], stored: &[Value], said: &[Value]) -> String {
    let differ = names.iter().enumerate().filter(|(place, _)| stored.get(*place) != said.get(*place));
    let word = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
    let told = differ.map(|(place, name)| {
        let (stored, said) = (word(stored.get(place)), word(said.get(place)));
        format!("{name} is {stored}, the chronicle says {said}")
    });
    told.collect::<Vec<_>>().join("; ")
}
