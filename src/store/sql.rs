//! Runs statements: cells in, rows out, many rows at a time.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row};

use super::dialect::{Dialect, Merge};
use super::error::StoreError;
use crate::domain::{ByteMinutes, Bytes, Minutes, Month, Timestamp, UsageDay};

/// A value on its way into the database. Nothings are typed, because PostgreSQL asks.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Int(Option<i64>),
    Text(Option<String>),
}

macro_rules! int_cell {
    ($($type:ty => $int:expr),* $(,)?) => {$(
        impl From<$type> for Cell {
            fn from(value: $type) -> Cell {
                Cell::Int(Some($int(value)))
            }
        }

        impl From<Option<$type>> for Cell {
            fn from(value: Option<$type>) -> Cell {
                Cell::Int(value.map($int))
            }
        }
    )*};
}

int_cell! {
    i64 => |value| value,
    i32 => i64::from,
    bool => i64::from,
    Bytes => Bytes::as_i64,
    Timestamp => Timestamp::get,
}

impl From<&str> for Cell {
    fn from(value: &str) -> Cell {
        Cell::Text(Some(value.to_string()))
    }
}

impl From<Option<&str>> for Cell {
    fn from(value: Option<&str>) -> Cell {
        Cell::Text(value.map(str::to_string))
    }
}

/// Byte-minutes are stored as two numbers with this base.
const PETA: u128 = 1_000_000_000_000_000;

/// The two numbers byte-minutes are stored as.
pub(super) fn held_cells(held: ByteMinutes) -> Result<[Cell; 2], StoreError> {
    let peta =
        i64::try_from(held.get() / PETA).map_err(|_| StoreError::corrupt(held.get(), "byte-minutes"))?;
    Ok([peta.into(), ((held.get() % PETA) as i64).into()])
}

/// Byte-minutes from the two numbers they are stored as.
pub(super) fn held(peta: i64, rest: i64) -> Result<ByteMinutes, StoreError> {
    match (u128::try_from(peta), u128::try_from(rest)) {
        (Ok(peta), Ok(rest)) => Ok(ByteMinutes::new(peta * PETA + rest)),
        _ => Err(StoreError::corrupt(format!("{peta}, {rest}"), "byte-minutes")),
    }
}

fn bind<'q>(
    mut query: Query<'q, Any, AnyArguments>,
    cells: impl IntoIterator<Item = Cell>,
) -> Query<'q, Any, AnyArguments> {
    for cell in cells {
        query = match cell {
            Cell::Int(value) => query.bind(value),
            Cell::Text(value) => query.bind(value),
        };
    }
    query
}

/// Runs one statement, written with `?`; tells how many rows it changed.
pub(super) async fn run(
    on: &mut AnyConnection,
    dialect: Dialect,
    sql: &str,
    cells: impl IntoIterator<Item = Cell>,
) -> Result<u64, StoreError> {
    // Safe: every statement is a literal of this room; values are only ever bound.
    let query = sqlx::query(AssertSqlSafe(dialect.placeholders(sql).into_owned()));
    Ok(bind(query, cells).execute(on).await?.rows_affected())
}

/// Reads the rows of one query, written with `?`.
pub(super) async fn rows(
    on: &mut AnyConnection,
    dialect: Dialect,
    sql: &str,
    cells: impl IntoIterator<Item = Cell>,
) -> Result<Vec<AnyRow>, StoreError> {
    let query = sqlx::query(AssertSqlSafe(dialect.placeholders(sql).into_owned()));
    Ok(bind(query, cells).fetch_all(on).await?)
}

/// How many rows go into one statement: few enough for every database's limit on bound values.
const ROWS_AT_ONCE: usize = 250;

/// A table to put many rows into.
pub(super) struct Upsert<'a> {
    pub table: &'static str,
    pub keys: &'a [&'static str],
    pub rest: &'a [(&'static str, Merge)],
}

impl Upsert<'_> {
    /// Puts the rows in; each row has the keys first, then the rest, in this order.
    pub(super) async fn put(
        &self,
        on: &mut AnyConnection,
        dialect: Dialect,
        rows: Vec<Vec<Cell>>,
    ) -> Result<(), StoreError> {
        let mut full = None;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let chunk: Vec<Vec<Cell>> = rows.by_ref().take(ROWS_AT_ONCE).collect();
            let text = |count| dialect.upsert(self.table, self.keys, self.rest, count);
            let sql = match chunk.len() {
                ROWS_AT_ONCE => full.get_or_insert_with(|| text(ROWS_AT_ONCE)).clone(),
                count => text(count),
            };
            let query = sqlx::query(AssertSqlSafe(sql));
            bind(query, chunk.into_iter().flatten()).execute(&mut *on).await?;
        }
        Ok(())
    }
}

/// Reads the columns of a row one after the other, in the order the query names them.
pub(super) struct Columns<'r> {
    row: &'r AnyRow,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(super) fn of(row: &'r AnyRow) -> Columns<'r> {
        Columns { row, next: 0 }
    }

    fn index(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    pub(super) fn int(&mut self) -> Result<i64, StoreError> {
        Ok(self.row.try_get(self.index())?)
    }

    pub(super) fn maybe_int(&mut self) -> Result<Option<i64>, StoreError> {
        Ok(self.row.try_get(self.index())?)
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        Ok(self.row.try_get(self.index())?)
    }

    pub(super) fn maybe_text(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.row.try_get(self.index())?)
    }

    pub(super) fn bytes(&mut self) -> Result<Bytes, StoreError> {
        let count = self.int()?;
        Bytes::from_wide(count.into()).map_err(|_| StoreError::corrupt(count, "a byte count"))
    }

    pub(super) fn maybe_bytes(&mut self) -> Result<Option<Bytes>, StoreError> {
        let count = self.maybe_int()?;
        count
            .map(|count| {
                Bytes::from_wide(count.into()).map_err(|_| StoreError::corrupt(count, "a byte count"))
            })
            .transpose()
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, StoreError> {
        let seconds = self.int()?;
        Timestamp::new(seconds).map_err(|_| StoreError::corrupt(seconds, "a time"))
    }

    pub(super) fn maybe_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let seconds = self.maybe_int()?;
        seconds.map(|s| Timestamp::new(s).map_err(|_| StoreError::corrupt(s, "a time"))).transpose()
    }

    pub(super) fn day(&mut self) -> Result<UsageDay, StoreError> {
        let number = self.int()?;
        let day = i32::try_from(number).ok().and_then(|number| UsageDay::from_number(number).ok());
        day.ok_or_else(|| StoreError::corrupt(number, "a day"))
    }

    pub(super) fn month(&mut self) -> Result<Month, StoreError> {
        self.maybe_month()?.ok_or_else(|| StoreError::corrupt("nothing", "a month"))
    }

    pub(super) fn maybe_month(&mut self) -> Result<Option<Month>, StoreError> {
        let Some(number) = self.maybe_int()? else { return Ok(None) };
        let month = i32::try_from(number).ok().and_then(|number| Month::from_number(number).ok());
        month.map(Some).ok_or_else(|| StoreError::corrupt(number, "a month"))
    }

    pub(super) fn minutes(&mut self) -> Result<Minutes, StoreError> {
        let minutes = self.int()?;
        let count =
            u64::try_from(minutes).map_err(|_| StoreError::corrupt(minutes, "a number of minutes"))?;
        Ok(Minutes::new(count))
    }

    pub(super) fn held(&mut self) -> Result<ByteMinutes, StoreError> {
        let (peta, rest) = (self.int()?, self.int()?);
        held(peta, rest)
    }
}
