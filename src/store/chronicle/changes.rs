//! What a transaction changed of the rows that the chronicle records, and what many of them changed altogether.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::super::StoreError;
use super::super::sql::{Cell, Table};
use super::{TABLES, table};

/// A column of a row. Written as JSON has it: null, a number, a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub(in super::super) enum Value {
    Nothing,
    Int(i64),
    Text(String),
}

/// By hand: there are many, and serde would try one after the other.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
        struct ValueVisitor;
        impl Visitor<'_> for ValueVisitor {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("null, a whole number or a text")
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Nothing)
            }
            fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Int(number))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
                i64::try_from(number).map(Value::Int).map_err(E::custom)
            }
            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.into()))
            }
        }
        from.deserialize_any(ValueVisitor)
    }
}

/// The columns of a row, of its key, or of the rest of it.
pub(in super::super) type Values = Vec<Value>;

impl From<&Cell> for Value {
    fn from(cell: &Cell) -> Value {
        match cell {
            Cell::Int(Some(number)) => Value::Int(*number),
            Cell::Text(Some(text)) => Value::Text(text.clone()),
            Cell::Int(None) | Cell::Text(None) => Value::Nothing,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Nothing => f.write_str("nothing"),
            Value::Int(number) => number.fmt(f),
            Value::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// A row as it is stored, whatever it holds: somebody may have put into it what is not of its type.
pub(in super::super) fn values(row: &AnyRow) -> Result<Values, StoreError> {
    let value = |index| {
        if let Ok(number) = row.try_get::<Option<i64>, _>(index) {
            return Ok(number.map_or(Value::Nothing, Value::Int));
        }
        let text = row.try_get::<String, _>(index);
        text.or_else(|error| row.try_get::<f64, _>(index).map(|real| real.to_string()).map_err(|_| error))
            .map(Value::Text)
            .map_err(StoreError::from)
    };
    (0..row.len()).map(value).collect()
}

/// Changes of rows: whoever takes them up first gives backends their new names, then takes away what is gone, then puts
/// in what is put.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct Changes {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    renamed: Vec<(String, String)>,
    /// By the name of the table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    rows: BTreeMap<String, Rows>,
}

/// Of one table the keys of rows that are gone, and rows as they are now: whole ones, by their key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rows {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub gone: BTreeSet<Values>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    put: Vec<Values>,
    #[serde(skip)]
    pub standing: BTreeMap<Values, Values>,
}

impl Changes {
    /// A row is so now.
    pub fn put(&mut self, table: &Table, mut row: Values) {
        let rest = row.split_off(table.keys.len().min(row.len()));
        let rows = self.rows.entry(table.name.into()).or_default();
        rows.gone.remove(&row);
        rows.standing.insert(row, rest);
    }

    /// A row is not there any more. Named by its key, or as a whole.
    pub fn gone(&mut self, table: &Table, mut row: Values) {
        row.truncate(table.keys.len());
        let rows = self.rows.entry(table.name.into()).or_default();
        rows.standing.remove(&row);
        rows.gone.insert(row);
    }

    /// A backend has another name in every row from now on.
    pub fn rename(&mut self, old: &str, new: &str) {
        self.renamed.push((old.into(), new.into()));
        for table in TABLES {
            let Some(rows) = self.rows.get_mut(table.name) else { continue };
            let of_backend = |place: &usize| columns(table).nth(*place) == Some("backend");
            let Some(place) = (0..columns(table).count()).find(of_backend) else { continue };
            let renamed = |mut row: Values| {
                if row.get(place) == Some(&Value::Text(old.into())) {
                    row[place] = Value::Text(new.into());
                }
                row
            };
            rows.gone = std::mem::take(&mut rows.gone).into_iter().map(renamed).collect();
            let standing = std::mem::take(&mut rows.standing).into_iter().map(|(mut key, rest)| {
                let keys = key.len();
                key.extend(rest);
                let mut key = renamed(key);
                let rest = key.split_off(keys);
                (key, rest)
            });
            rows.standing = standing.collect();
        }
    }

    /// Takes up what was changed later. Rows that `wants` does not want, by table and key, are passed over.
    pub fn then(&mut self, later: &Changes, wants: impl Fn(&Table, &Values) -> bool) {
        later.renamed.iter().for_each(|(old, new)| self.rename(old, new));
        for (name, rows) in &later.rows {
            let Some(table) = table(name) else { continue };
            for key in rows.gone.iter().filter(|key| wants(table, key)) {
                self.gone(table, key.clone());
            }
            for (key, rest) in rows.standing.iter().filter(|(key, _)| wants(table, key)) {
                self.put(table, [key.as_slice(), rest].concat());
            }
        }
    }

    /// Whether it puts exactly this row.
    pub fn has(&self, table: &Table, row: &Values) -> bool {
        let (key, rest) = row.split_at(table.keys.len().min(row.len()));
        let rows = self.rows.get(table.name);
        rows.and_then(|rows| rows.standing.get(key)).is_some_and(|known| known == rest)
    }

    /// The rows of one table that stand after all of it.
    pub fn take_standing(&mut self, table: &Table) -> BTreeMap<Values, Values> {
        self.rows.remove(table.name).unwrap_or_default().standing
    }

    pub fn is_empty(&self) -> bool {
        self.renamed.is_empty() && self.rows.is_empty()
    }

    /// As it is written: rows as they are, without their keys beside them.
    pub fn body(mut self) -> Changes {
        for rows in self.rows.values_mut() {
            let standing = std::mem::take(&mut rows.standing).into_iter();
            rows.put = standing.map(|(key, rest)| [key, rest].concat()).collect();
        }
        self
    }

    /// As it was before it was written.
    pub fn of_body(mut body: Changes) -> Result<Changes, String> {
        let names: Vec<String> = body.rows.keys().cloned().collect();
        for name in names {
            let table = table(&name)
                .ok_or_else(|| format!("rows of {name}, which is not a table of the chronicle"))?;
            let put = body.rows.get_mut(&name).map(|rows| std::mem::take(&mut rows.put));
            put.into_iter().flatten().for_each(|row| body.put(table, row));
        }
        Ok(body)
    }
}

/// The names of a table's columns: those of its key first.
pub(in super::super) fn columns(table: &Table) -> impl Iterator<Item = &'static str> {
    table.keys.iter().copied().chain(table.rest.iter().map(|(name, _)| *name))
}

/// Columns with their names.
pub(in super::super) fn in_words(names: &[&str], row: &[Value]) -> String {
    let described = names.iter().zip(row).map(|(name, value)| format!("{name} {value}"));
    described.collect::<Vec<_>>().join(", ")
}

/// The columns that differ, as they are stored and as `who` says they are.
pub(in super::super) fn differing(names: &[&str], stored: &[Value], said: &[Value], who: &str) -> String {
    let differ = names.iter().enumerate().filter(|(place, _)| stored.get(*place) != said.get(*place));
    let word = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
    let described = differ.map(|(place, name)| {
        let (stored, said) = (word(stored.get(place)), word(said.get(place)));
        format!("{name} is {stored}, {who} says {said}")
    });
    described.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(backend: &str, account: &str, service: i64) -> Values {
        let text = |text: &str| Value::Text(text.into());
        vec![text(backend), text(account), Value::Int(service), text("ann"), Value::Nothing]
    }

    fn changes(steps: impl Fn(&mut Changes, &'static Table)) -> Changes {
        let mut changes = Changes::default();
        steps(&mut changes, table("service_pin").expect("a table of it"));
        changes
    }

    #[test]
    fn many_changes_are_the_same_as_what_they_come_to() {
        let first = changes(|changes, pins| {
            changes.put(pins, pin("a", "x", 1));
            changes.put(pins, pin("a", "y", 2));
        });
        let second = changes(|changes, pins| {
            changes.gone(pins, pin("a", "x", 1));
            changes.rename("a", "b");
            changes.put(pins, pin("a", "z", 3));
        });
        let third = changes(|changes, pins| changes.put(pins, pin("b", "y", 4)));
        let all = |_: &Table, _: &Values| true;
        let mut one_by_one = Changes::default();
        [&first, &second, &third].into_iter().for_each(|step| one_by_one.then(step, all));
        let mut later = second.clone();
        later.then(&third, all);
        let mut folded = first.clone();
        folded.then(&later, all);
        let standing = |mut changes: Changes| changes.take_standing(table("service_pin").expect("a table"));
        let known = standing(one_by_one);
        assert_eq!(known.len(), 2);
        assert_eq!(known[&pin("b", "y", 0)[..2].to_vec()][0], Value::Int(4));
        assert!(known.contains_key(&pin("a", "z", 0)[..2]), "put under the old name afterwards");
        assert_eq!(standing(folded), known);
    }

    #[test]
    fn a_body_is_read_back_as_it_was() {
        let made = changes(|changes, pins| {
            changes.rename("old", "new");
            changes.gone(pins, pin("new", "x", 1));
            changes.put(pins, pin("new", "Müller \"7\"", 2));
        });
        let text = serde_json::to_string(&made.clone().body()).expect("JSON");
        let read = Changes::of_body(serde_json::from_str(&text).expect("JSON")).expect("as it was");
        assert_eq!(read, made);
        assert!(Changes::of_body(serde_json::from_str(r#"{"rows":{"life":{}}}"#).expect("JSON")).is_err());
    }
}
