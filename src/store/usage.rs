//! Reads usage back: days, and sums over days and folded months.

use sqlx::any::AnyRow;

use super::sql::{Cell, Columns, rows};
use super::{Store, StoreError};
use crate::domain::{
    AccountKey, AccountName, BackendId, BillingPeriod, ByteMinutes, Bytes, Estimate, Meter, Minutes, Month,
    Nature, Span, UsageDay,
};

/// Bytes of one meter of one account on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayPoint {
    /// The account.
    pub account: AccountKey,
    /// What was measured.
    pub meter: Meter,
    /// The day in the billing zone.
    pub day: UsageDay,
    /// Bytes moved (flows), or the last level of the day (levels).
    pub amount: Bytes,
    /// The part of `amount` whose day is an estimate.
    pub estimated: Bytes,
    /// Level times time.
    pub held: ByteMinutes,
    /// Minutes of the day that readings account for.
    pub covered: Minutes,
}

/// A sum over a span of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes moved (flows), or the last level known in the span (levels).
    pub amount: Bytes,
    /// The part of `amount` whose day is an estimate.
    pub estimated: Bytes,
    /// Level times time.
    pub held: ByteMinutes,
    /// Minutes of the span that readings account for.
    pub covered: Minutes,
}

/// Which usage is wanted.
#[derive(Clone, Debug, Default)]
pub struct UsageQuery {
    /// One backend only.
    pub backend: Option<BackendId>,
    /// One account only.
    pub account: Option<AccountName>,
    /// One meter only.
    pub meter: Option<Meter>,
}

impl Usage {
    /// Adds what came later: flows sum, of levels the later one stands.
    pub fn add(&mut self, meter: Meter, later: &Usage) -> Result<(), StoreError> {
        let sum = |a: Bytes, b: Bytes| {
            a.checked_add(b).ok_or_else(|| StoreError::corrupt(format!("{a} + {b}"), "a byte count"))
        };
        self.amount = match meter.nature() {
            Nature::Flow => sum(self.amount, later.amount)?,
            Nature::Level => later.amount,
        };
        self.estimated = sum(self.estimated, later.estimated)?;
        self.held += later.held;
        self.covered += later.covered;
        Ok(())
    }
}

impl DayPoint {
    /// The point as a sum over its one day.
    pub fn usage(&self) -> Usage {
        Usage { amount: self.amount, estimated: self.estimated, held: self.held, covered: self.covered }
    }
}

impl Store {
    /// The day points of a period, by backend, account, meter and day.
    pub async fn days(&self, query: &UsageQuery, period: BillingPeriod) -> Result<Vec<DayPoint>, StoreError> {
        let sql = "SELECT a.backend, a.name, s.meter, d.day, d.amount, d.estimated, d.held_peta, d.held_rest,
            d.covered FROM account a JOIN series s ON s.account = a.id JOIN day_point d ON d.series = s.id
            WHERE d.day >= ? AND d.day < ?";
        let span = [period.first().number(), period.next().number()];
        let found = self.narrowed(sql, span, query, "d.day").await?;
        found.iter().map(point).collect()
    }

    /// What the days no longer kept summed to, from month `first` to month `last`.
    pub async fn folded_months(
        &self,
        query: &UsageQuery,
        first: Month,
        last: Month,
    ) -> Result<Vec<(AccountKey, Meter, Month, Usage)>, StoreError> {
        let sql =
            "SELECT a.backend, a.name, s.meter, m.month, m.amount, m.estimated, m.held_peta, m.held_rest,
            m.covered FROM account a JOIN series s ON s.account = a.id JOIN month_total m ON m.series = s.id
            WHERE m.month >= ? AND m.month <= ?";
        let found = self.narrowed(sql, [first.number(), last.number()], query, "m.month").await?;
        let total = |row| {
            let mut columns = Columns::of(row);
            let (account, meter) = key_columns(&mut columns)?;
            Ok((account, meter, columns.month()?, usage_columns(&mut columns)?))
        };
        found.iter().map(total).collect()
    }

    /// The rows of `sql` that `query` wants, by backend, account, meter and `last`.
    async fn narrowed(
        &self,
        sql: &str,
        span: [i32; 2],
        query: &UsageQuery,
        last: &str,
    ) -> Result<Vec<AnyRow>, StoreError> {
        let mut sql = sql.to_string();
        let mut cells = Vec::from(span.map(Cell::from));
        narrow(query, &mut sql, &mut cells);
        sql.push_str(" ORDER BY a.backend, a.name, s.meter, ");
        sql.push_str(last);
        let mut on = self.readers.acquire().await?;
        rows(&mut on, self.dialect, &sql, cells).await
    }

    /// One meter of one account over one month: folded days and kept days together. `None` when
    /// nothing is known of that month.
    pub async fn month_total(
        &self,
        account: &AccountKey,
        meter: Meter,
        month: Month,
    ) -> Result<Option<Usage>, StoreError> {
        // Flows are summed where they lie: a row less is a message less. Of levels the last day stands,
        // and their byte-minutes could outgrow the database's sum.
        let columns = ["d.amount", "d.estimated", "d.held_peta", "d.held_rest", "d.covered"];
        let (day, kept) = match meter.nature() {
            Nature::Flow => ("MAX(d.day)", columns.map(|column| self.dialect.sum(column))),
            Nature::Level => ("d.day", columns.map(str::to_string)),
        };
        let kept = kept.join(", ");
        let sql = format!(
            "SELECT m.last_day, m.amount, m.estimated, m.held_peta, m.held_rest, m.covered
            FROM account a JOIN series s ON s.account = a.id JOIN month_total m ON m.series = s.id
            WHERE a.backend = ? AND a.name = ? AND s.meter = ? AND m.month = ?
            UNION ALL SELECT {day}, {kept}
            FROM account a JOIN series s ON s.account = a.id JOIN day_point d ON d.series = s.id
            WHERE a.backend = ? AND a.name = ? AND s.meter = ? AND d.day >= ? AND d.day < ?"
        );
        let days = month.period();
        let key = || [account.backend.as_str(), account.name.as_str(), meter.name()].map(Cell::from);
        let mut cells = Vec::from(key());
        cells.push(month.number().into());
        cells.extend(key());
        cells.extend([days.first().number().into(), days.next().number().into()]);
        let mut on = self.readers.acquire().await?;
        let mut parts = Vec::new();
        for row in rows(&mut on, self.dialect, &sql, cells).await? {
            let mut columns = Columns::of(&row);
            // The sum of no days is a row of nothing.
            if let Some(day) = columns.maybe_int()? {
                parts.push((day, usage_columns(&mut columns)?));
            }
        }
        parts.sort_by_key(|(day, _)| *day);
        let mut sum: Option<Usage> = None;
        for (_, part) in parts {
            match &mut sum {
                Some(sum) => sum.add(meter, &part)?,
                None => sum = Some(part),
            }
        }
        Ok(sum)
    }
}

impl Store {
    /// What charts say of one meter of one account in a period, oldest first. Never billed.
    pub async fn estimates(
        &self,
        account: &AccountKey,
        meter: Meter,
        period: Span,
    ) -> Result<Vec<Estimate>, StoreError> {
        let sql = "SELECT e.starts, e.ends, e.about
            FROM account a JOIN series s ON s.account = a.id JOIN estimate e ON e.series = s.id
            WHERE a.backend = ? AND a.name = ? AND s.meter = ? AND e.ends > ? AND e.starts < ? ORDER BY e.starts";
        let mut cells =
            Vec::from([account.backend.as_str(), account.name.as_str(), meter.name()].map(Cell::from));
        cells.extend([period.start().into(), period.end().into()]);
        let mut on = self.readers.acquire().await?;
        let estimate = |row| {
            let mut columns = Columns::of(row);
            let span = Span::new(columns.time()?, columns.time()?);
            let span = span.map_err(|error| StoreError::corrupt(error, "a span of time"))?;
            Ok(Estimate { span, about: columns.bytes()? })
        };
        rows(&mut on, self.dialect, sql, cells).await?.iter().map(estimate).collect()
    }
}

fn narrow(query: &UsageQuery, sql: &mut String, cells: &mut Vec<Cell>) {
    if let Some(backend) = &query.backend {
        sql.push_str(" AND a.backend = ?");
        cells.push(backend.as_str().into());
    }
    if let Some(account) = &query.account {
        sql.push_str(" AND a.name = ?");
        cells.push(account.as_str().into());
    }
    if let Some(meter) = query.meter {
        sql.push_str(" AND s.meter = ?");
        cells.push(meter.name().into());
    }
}

/// backend, name, meter, day and a usage's five columns.
pub(super) fn point(row: &AnyRow) -> Result<DayPoint, StoreError> {
    let mut columns = Columns::of(row);
    let (account, meter) = key_columns(&mut columns)?;
    let day = columns.day()?;
    let Usage { amount, estimated, held, covered } = usage_columns(&mut columns)?;
    Ok(DayPoint { account, meter, day, amount, estimated, held, covered })
}

fn key_columns(columns: &mut Columns<'_>) -> Result<(AccountKey, Meter), StoreError> {
    let backend =
        BackendId::new(&columns.text()?).map_err(|error| StoreError::corrupt(error, "a backend"))?;
    let name =
        AccountName::new(&columns.text()?).map_err(|error| StoreError::corrupt(error, "an account"))?;
    let meter = columns.text()?.parse().map_err(|error| StoreError::corrupt(error, "a meter"))?;
    Ok((AccountKey { backend, name }, meter))
}

fn usage_columns(columns: &mut Columns<'_>) -> Result<Usage, StoreError> {
    Ok(Usage {
        amount: columns.bytes()?,
        estimated: columns.bytes()?,
        held: columns.held()?,
        covered: columns.minutes()?,
    })
}
