//! Reads usage back: days, and sums over days and folded months.

use sqlx::any::AnyRow;

use super::super::sql::{Cell, Columns, rows};
use super::super::tables::holding::{owner, owner_cells};
use super::super::{Store, StoreError};
use crate::domain::{
    AccountKey, AccountName, BackendId, BillingPeriod, ByteMinutes, Bytes, Estimate, Meter, Minutes, Month,
    Nature, Owner, PanelCharge, Span, UsageDay,
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
    /// Who pays for it. A day on which the owner changed is two points.
    pub owner: Owner,
}

/// What one owner has of one meter of one account in a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedMonth {
    /// Who pays.
    pub owner: Owner,
    /// The account, as it is called among the lives of its name.
    pub account: AccountKey,
    /// What was measured.
    pub meter: Meter,
    /// Which month.
    pub month: Month,
    /// How much.
    pub usage: Usage,
}

/// A sum over a span of days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// One account only: a name means its newest life, `NAME~1` an earlier one.
    pub account: Option<AccountName>,
    /// One meter only.
    pub meter: Option<Meter>,
    /// What one owner pays for only.
    pub owner: Option<Owner>,
}

impl Usage {
    /// Adds what came later: flows sum, of levels the later one stands.
    pub fn add(&mut self, meter: Meter, later: &Usage) -> Result<(), StoreError> {
        let level = (meter.nature() == Nature::Level).then_some(later.amount);
        self.join(later)?;
        self.amount = level.unwrap_or(self.amount);
        Ok(())
    }

    /// Adds what another account used at the same time: levels sum, too.
    pub fn join(&mut self, other: &Usage) -> Result<(), StoreError> {
        let sum = |a: Bytes, b: Bytes| {
            a.checked_add(b).ok_or_else(|| StoreError::corrupt(format!("{a} + {b}"), "a byte count"))
        };
        self.amount = sum(self.amount, other.amount)?;
        self.estimated = sum(self.estimated, other.estimated)?;
        self.held += other.held;
        self.covered += other.covered;
        Ok(())
    }
}

impl DayPoint {
    /// The point as a sum over its one day.
    pub fn usage(&self) -> Usage {
        Usage { amount: self.amount, estimated: self.estimated, held: self.held, covered: self.covered }
    }
}

/// Day points with their accounts and owners, in the order [`point`] reads them.
pub(super) const POINTS: &str = "SELECT l.backend, l.label, d.meter, d.day, d.amount, d.estimated,
    d.held_peta, d.held_rest, d.covered, p.service, p.server, p.name
    FROM life l JOIN holding h ON h.life = l.id JOIN day_point d ON d.holding = h.id
    JOIN holding_part p ON p.holding = h.id AND p.part = (SELECT MAX(q.part) FROM holding_part q
        WHERE q.holding = h.id AND (q.since <= d.day OR q.part = 0))";

impl Store {
    /// The day points of a period, by backend, account, meter and day; what was held earlier on a day comes
    /// first.
    pub async fn days(&self, query: &UsageQuery, period: BillingPeriod) -> Result<Vec<DayPoint>, StoreError> {
        let sql = format!("{POINTS} WHERE d.day >= ? AND d.day < ?");
        let span = [period.first().into(), period.next().into()];
        let found = self.narrowed(&sql, span, query, "d", "d.day, h.id").await?;
        found.iter().map(point).collect()
    }

    /// What months sum to, from `first` to `last`, by owner.
    pub async fn months(
        &self,
        query: &UsageQuery,
        first: Month,
        last: Month,
    ) -> Result<Vec<OwnedMonth>, StoreError> {
        let sql =
            "SELECT l.backend, l.label, m.meter, m.month, m.amount, m.estimated, m.held_peta, m.held_rest,
            m.covered, p.service, p.server, p.name
            FROM life l JOIN holding h ON h.life = l.id JOIN month_sum m ON m.holding = h.id
            JOIN holding_part p ON p.holding = m.holding AND p.part = m.part
            WHERE m.month >= ? AND m.month <= ?";
        let span = [first.into(), last.into()];
        let found = self.narrowed(sql, span, query, "m", "m.month, h.id, m.part").await?;
        let month = |row| {
            let mut columns = Columns::of(row);
            let (account, meter) = key_columns(&mut columns)?;
            let (month, usage) = (columns.month()?, usage_columns(&mut columns)?);
            Ok(OwnedMonth { owner: owner(&mut columns)?, account, meter, month, usage })
        };
        found.iter().map(month).collect()
    }

    /// The day since which every day is kept: of one backend, or of all together.
    pub async fn days_kept_from(&self, of: Option<&BackendId>) -> Result<UsageDay, StoreError> {
        let mut sql = "SELECT MAX(days_from) FROM backend".to_string();
        let mut cells = Vec::new();
        if let Some(backend) = of {
            sql.push_str(" WHERE name = ?");
            cells.push(backend.as_str().into());
        }
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, &sql, cells).await?;
        let day = found.first().map_or(Ok(None), |row| Columns::of(row).maybe_day())?;
        Ok(day.unwrap_or(UsageDay::FIRST))
    }

    /// The rows of `sql` that `query` wants, by backend, account, meter and `last`; `of` has the meter.
    async fn narrowed(
        &self,
        sql: &str,
        span: [Cell; 2],
        query: &UsageQuery,
        of: &str,
        last: &str,
    ) -> Result<Vec<AnyRow>, StoreError> {
        let mut sql = sql.to_string();
        let mut cells = Vec::from(span);
        if let Some(backend) = &query.backend {
            sql.push_str(" AND l.backend = ?");
            cells.push(backend.as_str().into());
        }
        if let Some(account) = &query.account {
            sql.push_str(" AND l.label = ?");
            cells.push(account.as_str().into());
        }
        if let Some(meter) = query.meter {
            sql.push_str(&format!(" AND {of}.meter = ?"));
            cells.push(meter.into());
        }
        if let Some(owner) = &query.owner {
            sql.push_str(" AND p.service = ? AND p.server = ? AND p.name = ?");
            cells.extend(owner_cells(owner));
        }
        sql.push_str(&format!(" ORDER BY l.backend, l.label, {of}.meter, {last}"));
        let mut on = self.readers.acquire().await?;
        rows(&mut on, self.dialect, &sql, cells).await
    }

    /// One meter of one account over one month, regardless of who paid for it. `None` when nothing is known of that
    /// month.
    pub async fn month_total(
        &self,
        account: &AccountKey,
        meter: Meter,
        month: Month,
    ) -> Result<Option<Usage>, StoreError> {
        // By way of the account: a bare month would be looked up in its index, and finds everybody's.
        let sql = "SELECT m.amount, m.estimated, m.held_peta, m.held_rest, m.covered
            FROM life l JOIN holding h ON h.life = l.id JOIN holding_part p ON p.holding = h.id
            JOIN month_sum m ON m.holding = p.holding AND m.part = p.part
            WHERE l.backend = ? AND l.label = ? AND +m.month = ? AND m.meter = ? ORDER BY h.id, p.part";
        let cells =
            [account.backend.as_str().into(), account.name.as_str().into(), month.into(), meter.into()];
        let mut on = self.readers.acquire().await?;
        let mut sum: Option<Usage> = None;
        for row in rows(&mut on, self.dialect, sql, cells).await? {
            let part = usage_columns(&mut Columns::of(&row))?;
            match &mut sum {
                Some(sum) => sum.add(meter, &part)?,
                None => sum = Some(part),
            }
        }
        Ok(sum)
    }

    /// What charts say of one meter of one account in a period, oldest first. Never billed.
    pub async fn estimates(
        &self,
        account: &AccountKey,
        meter: Meter,
        period: Span,
    ) -> Result<Vec<Estimate>, StoreError> {
        let sql = "SELECT e.starts, e.ends, e.about FROM life l JOIN estimate e ON e.life = l.id
            WHERE l.backend = ? AND l.label = ? AND e.meter = ? AND e.ends > ? AND e.starts < ? ORDER BY e.starts";
        let cells: [Cell; 5] = [
            account.backend.as_str().into(),
            account.name.as_str().into(),
            meter.into(),
            period.start().into(),
            period.end().into(),
        ];
        let mut on = self.readers.acquire().await?;
        let estimate = |row| {
            let mut columns = Columns::of(row);
            let span = Span::new(columns.time()?, columns.time()?);
            let span = span.map_err(|error| StoreError::corrupt(error, "a span of time"))?;
            Ok(Estimate { span, about: columns.bytes()? })
        };
        rows(&mut on, self.dialect, sql, cells).await?.iter().map(estimate).collect()
    }

    /// What the panel itself would bill of an account in a period, oldest first. Never billed by us.
    pub async fn panel_charges(
        &self,
        account: &AccountKey,
        period: Span,
    ) -> Result<Vec<PanelCharge>, StoreError> {
        let sql = "SELECT c.starts, c.ends, c.reckoned_at, c.amount, c.currency
            FROM life l JOIN panel_charge c ON c.life = l.id
            WHERE l.backend = ? AND l.label = ? AND c.ends > ? AND c.starts < ? ORDER BY c.starts";
        let cells: [Cell; 4] = [
            account.backend.as_str().into(),
            account.name.as_str().into(),
            period.start().into(),
            period.end().into(),
        ];
        let mut on = self.readers.acquire().await?;
        let charge = |row| {
            let mut columns = Columns::of(row);
            let span = Span::new(columns.time()?, columns.time()?);
            let span = span.map_err(|error| StoreError::corrupt(error, "a span of time"))?;
            let (at, amount, currency) = (columns.time()?, columns.text()?, columns.text()?);
            PanelCharge::new(span, at, &amount, &currency)
                .map_err(|error| StoreError::corrupt(error, "what a panel would bill"))
        };
        rows(&mut on, self.dialect, sql, cells).await?.iter().map(charge).collect()
    }
}

/// Reads a row of [`POINTS`].
pub(super) fn point(row: &AnyRow) -> Result<DayPoint, StoreError> {
    let mut columns = Columns::of(row);
    let (account, meter) = key_columns(&mut columns)?;
    let day = columns.day()?;
    let Usage { amount, estimated, held, covered } = usage_columns(&mut columns)?;
    Ok(DayPoint { account, meter, day, amount, estimated, held, covered, owner: owner(&mut columns)? })
}

fn key_columns(columns: &mut Columns<'_>) -> Result<(AccountKey, Meter), StoreError> {
    let account = AccountKey { backend: columns.backend()?, name: columns.account()? };
    Ok((account, columns.meter()?))
}

fn usage_columns(columns: &mut Columns<'_>) -> Result<Usage, StoreError> {
    Ok(Usage {
        amount: columns.bytes()?,
        estimated: columns.bytes()?,
        held: columns.held()?,
        covered: columns.minutes()?,
    })
}
