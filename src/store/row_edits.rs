//! Rows as they are put back where somebody else has changed them: by the names of their columns, whatever table it is.

use sqlx::AnyConnection;

use super::chronicle::Value;
use super::sql::{Cell, run};
use super::{Store, StoreError};

/// A row by its key.
pub(super) struct RowPlace<'r> {
    pub table: &'r str,
    pub keys: &'r [&'static str],
    pub key: &'r [Value],
}

impl Store {
    /// Takes a row away.
    pub(super) async fn delete_row(
        &self,
        on: &mut AnyConnection,
        place: &RowPlace<'_>,
    ) -> Result<(), StoreError> {
        let (filter, cells) = filter(place);
        let sql = format!("DELETE FROM {} WHERE {filter}", place.table);
        run(on, self.dialect, &sql, cells).await.map(drop)
    }

    /// Puts a row in, with these columns besides its key.
    pub(super) async fn insert_row(
        &self,
        on: &mut AnyConnection,
        place: &RowPlace<'_>,
        names: &[&str],
        values: &[Value],
    ) -> Result<(), StoreError> {
        let columns: Vec<&str> = place.keys.iter().copied().chain(names.iter().copied()).collect();
        let values = || place.key.iter().chain(values);
        let marks: Vec<&str> = values().map(mark).collect();
        let sql =
            format!("INSERT INTO {} ({}) VALUES ({})", place.table, columns.join(", "), marks.join(", "));
        run(on, self.dialect, &sql, values().filter_map(cell)).await.map(drop)
    }

    /// Changes columns of a row.
    pub(super) async fn update_row(
        &self,
        on: &mut AnyConnection,
        place: &RowPlace<'_>,
        columns: &[(&str, &Value)],
    ) -> Result<(), StoreError> {
        let (filter, keys) = filter(place);
        let set: Vec<String> =
            columns.iter().map(|(name, value)| format!("{name} = {}", mark(value))).collect();
        let sql = format!("UPDATE {} SET {} WHERE {filter}", place.table, set.join(", "));
        let cells = columns.iter().filter_map(|(_, value)| cell(value)).chain(keys);
        run(on, self.dialect, &sql, cells).await.map(drop)
    }
}

fn filter(place: &RowPlace<'_>) -> (String, Vec<Cell>) {
    let equal = place.keys.iter().zip(place.key).map(|(name, value)| match value {
        Value::Nothing => format!("{name} IS NULL"),
        _ => format!("{name} = ?"),
    });
    (equal.collect::<Vec<_>>().join(" AND "), place.key.iter().filter_map(cell).collect())
}

/// Nothing is written out: of what type it would have to be is the column's to say.
fn mark(value: &Value) -> &'static str {
    if *value == Value::Nothing { "NULL" } else { "?" }
}

fn cell(value: &Value) -> Option<Cell> {
    match value {
        Value::Nothing => None,
        Value::Int(number) => Some((*number).into()),
        Value::Text(text) => Some(text.as_str().into()),
    }
}
