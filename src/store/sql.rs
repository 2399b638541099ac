//! Runs statements: cells in, rows out, many rows at a time.

use std::sync::Arc;

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row};

use super::dialect::{Dialect, Merge};
use super::error::StoreError;
use crate::domain::{
    AccountName, BackendId, ByteMinutes, Bytes, Limit, Meter, Minutes, Month, Timestamp, UsageDay,
};

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
    Meter => meter_number,
    UsageDay => |day: UsageDay| i64::from(day.number()),
    Month => |month: Month| i64::from(month.number()),
}

/// Meters as the database numbers them.
fn meter_number(meter: Meter) -> i64 {
    match meter {
        Meter::StorageUsed => 0,
        Meter::TrafficIn => 1,
        Meter::TrafficOut => 2,
        Meter::TrafficTotal => 3,
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Cell {
        Cell::Text(Some(value))
    }
}

impl From<Limit> for Cell {
    fn from(limit: Limit) -> Cell {
        limit.to_door().into()
    }
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

/// Waits for a database, but not for ever: a server that went away without a word never answers.
pub(super) async fn answered<T>(
    dialect: Dialect,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    let Some(limit) = dialect.answer_limit() else { return Ok(answer.await?) };
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(StoreError::Silent(limit.as_secs())),
    }
}

/// Runs one statement, written with `?`; returns how many rows it changed.
pub(super) async fn run(
    on: &mut AnyConnection,
    dialect: Dialect,
    sql: &str,
    cells: impl IntoIterator<Item = Cell>,
) -> Result<u64, StoreError> {
    // Safe: every statement is a literal of this room; values are only ever bound.
    let query = sqlx::query(AssertSqlSafe(dialect.placeholders(sql).into_owned()));
    Ok(answered(dialect, bind(query, cells).execute(on)).await?.rows_affected())
}

/// Reads the rows of one query, written with `?`.
pub(super) async fn rows(
    on: &mut AnyConnection,
    dialect: Dialect,
    sql: &str,
    cells: impl IntoIterator<Item = Cell>,
) -> Result<Vec<AnyRow>, StoreError> {
    let query = sqlx::query(AssertSqlSafe(dialect.placeholders(sql).into_owned()));
    answered(dialect, bind(query, cells).fetch_all(on)).await
}

/// How many rows go into one statement: the largest is few enough for every database's limit on bound
/// values, and a few sizes make up any count, so that each connection prepares each statement once.
const ROWS_AT_ONCE: [usize; 4] = [512, 64, 8, 1];

/// Rows that are made one after the other. Boxed: the compiler cannot prove of a future that holds a
/// closure over borrowed rows that it may go from thread to thread.
pub(super) type RowsMade<'r, Row> = Box<dyn Iterator<Item = Result<Row, StoreError>> + Send + 'r>;

/// A table: its name, the columns of its key, and the rest with what an upsert does to each. Its cells, and the
/// columns of its rows, are in this order.
pub(super) struct Table {
    pub name: &'static str,
    pub keys: &'static [&'static str],
    pub rest: &'static [(&'static str, Merge)],
}

impl Table {
    /// All its columns for a SELECT, as those of `alias`.
    pub(super) fn columns(&self, alias: &str) -> String {
        let names = self.keys.iter().copied().chain(self.rest.iter().map(|(name, _)| *name));
        names.map(|name| format!("{alias}.{name}")).collect::<Vec<_>>().join(", ")
    }

    /// Puts the rows in.
    pub(super) async fn put<Row: IntoIterator<Item = Cell> + Send + 'static>(
        &self,
        on: &mut AnyConnection,
        dialect: Dialect,
        rows: Vec<Row>,
    ) -> Result<(), StoreError> {
        self.put_made(on, dialect, Box::new(rows.into_iter().map(Ok))).await.map(drop)
    }

    /// Puts rows in as they are made, never holding many; returns how many they were.
    pub(super) async fn put_made<Row: IntoIterator<Item = Cell>>(
        &self,
        on: &mut AnyConnection,
        dialect: Dialect,
        mut rows: RowsMade<'_, Row>,
    ) -> Result<usize, StoreError> {
        let columns = self.keys.len() + self.rest.len();
        let mut texts: [Option<Arc<str>>; ROWS_AT_ONCE.len()] = Default::default();
        let mut cells = Vec::with_capacity(ROWS_AT_ONCE[0] * columns);
        let mut count = 0;
        loop {
            for row in rows.by_ref().take(ROWS_AT_ONCE[0]) {
                cells.extend(row?);
            }
            if cells.is_empty() {
                return Ok(count);
            }
            count += cells.len() / columns;
            let mut cells = cells.drain(..);
            for (size, text) in ROWS_AT_ONCE.into_iter().zip(&mut texts) {
                while cells.len() >= size * columns {
                    let make = || dialect.upsert(self.name, self.keys, self.rest, size).into();
                    let query = sqlx::query(AssertSqlSafe(text.get_or_insert_with(make).clone()));
                    bind(query, cells.by_ref().take(size * columns)).execute(&mut *on).await?;
                }
            }
        }
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

    /// Reads on from the column at `next`.
    pub(super) fn from(row: &'r AnyRow, next: usize) -> Columns<'r> {
        Columns { row, next }
    }

    fn index(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    pub(super) fn int(&mut self) -> Result<i64, StoreError> {
        Ok(self.row.try_get(self.index())?)
    }

    /// A small count: episodes, attempts, percent. Nothing reads as zero, for rows joined from the left.
    pub(super) fn small(&mut self) -> Result<u32, StoreError> {
        let count = self.maybe_int()?.unwrap_or(0);
        u32::try_from(count).map_err(|_| StoreError::corrupt(count, "a small count"))
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

    /// A limit: nothing is unknown, zero is unlimited.
    pub(super) fn limit(&mut self) -> Result<Limit, StoreError> {
        self.maybe_bytes().map(Limit::of_door)
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

    pub(super) fn maybe_day(&mut self) -> Result<Option<UsageDay>, StoreError> {
        let Some(number) = self.maybe_int()? else { return Ok(None) };
        let day = i32::try_from(number).ok().and_then(|number| UsageDay::from_number(number).ok());
        day.map(Some).ok_or_else(|| StoreError::corrupt(number, "a day"))
    }

    pub(super) fn meter(&mut self) -> Result<Meter, StoreError> {
        let number = self.int()?;
        let found = Meter::ALL.into_iter().find(|meter| meter_number(*meter) == number);
        found.ok_or_else(|| StoreError::corrupt(number, "a meter"))
    }

    pub(super) fn backend(&mut self) -> Result<BackendId, StoreError> {
        let name = self.text()?;
        BackendId::new(&name).map_err(|error| StoreError::corrupt(error, "a backend's name"))
    }

    pub(super) fn account(&mut self) -> Result<AccountName, StoreError> {
        let name = self.text()?;
        AccountName::new(&name).map_err(|error| StoreError::corrupt(error, "an account's name"))
    }

    pub(super) fn flag(&mut self) -> Result<Option<bool>, StoreError> {
        Ok(self.maybe_int()?.map(|flag| flag != 0))
    }

    pub(super) fn held(&mut self) -> Result<ByteMinutes, StoreError> {
        let (peta, rest) = (self.int()?, self.int()?);
        held(peta, rest)
    }
}
