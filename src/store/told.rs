//! What WHMCS was told, number by number: the last of each month, and what that month has come to since.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::any::AnyRow;

use super::dialect::Merge::Replace;
use super::sql::{Cell, Columns, Upsert, held, rows};
use super::{Standing, Store, StoreError};
use crate::domain::{
    AccountKey, AccountName, BackendId, ByteMinutes, Bytes, Meter, Month, Nature, Timestamp,
};

/// One number that WHMCS was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// Whose usage.
    pub account: AccountKey,
    /// The running month when it was told.
    pub month: Month,
    /// The name of the metric.
    pub metric: Cow<'static, str>,
    /// The WHMCS server that asked.
    pub server: i64,
    /// What WHMCS calls the account.
    pub tenant: String,
    /// Hundred-thousandths of the unit.
    pub value: i64,
    /// The part of `value` that months before lacked, or had too much.
    pub carried: i64,
    /// Bytes of one unit.
    pub unit: u64,
    /// When this value was told first.
    pub at: Timestamp,
}

/// A number told of a month that is over, and what the month comes to now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The last that was told.
    pub telling: Telling,
    /// By meter: bytes moved (flows; nothing for levels), and level times time.
    pub sums: HashMap<Meter, (Bytes, ByteMinutes)>,
}

/// The newest values told in a month, so that only what changes is written: by account, for each server that
/// was told.
#[derive(Debug, Default)]
struct Remembered {
    month: Option<Month>,
    told: HashMap<AccountName, Vec<Newest>>,
}

#[derive(Debug)]
struct Newest {
    server: i64,
    tenant: String,
    /// By metric the value and the part carried, in the order they were told first.
    values: Vec<(Cow<'static, str>, i64, i64)>,
}

/// A month that is over, as one server was told of one backend.
type ClosedKey = (BackendId, i64, Month);

/// As of the version of the backend that last touched the month.
type ClosedAsOf = (i64, Arc<Vec<Closed>>);

/// What is kept in memory of tellings.
#[derive(Debug, Default)]
pub(super) struct Tellings {
    newest: Mutex<HashMap<BackendId, Remembered>>,
    closed: Mutex<HashMap<ClosedKey, ClosedAsOf>>,
}

/// One value that is about to be told of an account: metric, value, and the part carried.
pub type Said = (&'static str, i64, i64);

impl Newest {
    fn knows(&self, at: usize, metric: &str, value: i64, carried: i64) -> bool {
        let same = |known: &(Cow<'static, str>, i64, i64)| {
            (known.1, known.2) == (value, carried) && known.0 == metric
        };
        // Metrics come in the same order each time.
        self.values.get(at).is_some_and(same) || self.values.iter().any(same)
    }
}

impl Remembered {
    fn newest(&self, account: &AccountName, server: i64, tenant: &str) -> Option<&Newest> {
        let newest = self.told.get(account)?.iter().find(|newest| newest.server == server);
        newest.filter(|newest| newest.tenant == tenant)
    }

    fn knows(&self, telling: &Telling) -> bool {
        let newest = self.newest(&telling.account.name, telling.server, &telling.tenant);
        let same = |newest: &Newest| newest.knows(0, &telling.metric, telling.value, telling.carried);
        self.month == Some(telling.month) && newest.is_some_and(same)
    }

    /// Whether all of this was the last that was told of an account.
    fn knows_all(
        &self,
        account: &AccountName,
        server: i64,
        tenant: &str,
        said: impl Iterator<Item = Said>,
    ) -> bool {
        let Some(newest) = self.newest(account, server, tenant) else { return false };
        said.enumerate().all(|(at, (metric, value, carried))| newest.knows(at, metric, value, carried))
    }

    fn take(&mut self, telling: Telling) {
        if self.month != Some(telling.month) {
            *self = Remembered { month: Some(telling.month), told: HashMap::new() };
        }
        let Telling { account, metric, server, tenant, value, carried, .. } = telling;
        let told = self.told.entry(account.name).or_default();
        let at = told.iter().position(|newest| newest.server == server).unwrap_or_else(|| {
            told.push(Newest { server, tenant: String::new(), values: Vec::new() });
            told.len() - 1
        });
        let newest = &mut told[at];
        if newest.tenant != tenant {
            *newest = Newest { server, tenant, values: Vec::new() };
        }
        match newest.values.iter_mut().find(|known| known.0 == metric) {
            Some(known) => *known = (metric, value, carried),
            None => newest.values.push((metric, value, carried)),
        }
    }
}

const COLUMNS: &str = "backend, month, account, metric, server, tenant, value, carried, unit, told_at";

impl Store {
    /// Whether nothing of this need be written down: all of it was the last that a server was told of the
    /// account. Ten thousand accounts are asked for at once, and most have not moved since.
    pub fn was_told(
        &self,
        account: (&BackendId, &AccountName),
        month: Month,
        server: i64,
        tenant: &str,
        said: impl Iterator<Item = Said>,
    ) -> bool {
        let newest = self.told.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let of_month = newest.get(account.0).filter(|newest| newest.month == Some(month));
        of_month.is_some_and(|newest| newest.knows_all(account.1, server, tenant, said))
    }

    /// Writes down what WHMCS is about to be told; a value told before is not written again.
    pub async fn put_told(&self, mut tellings: Vec<Telling>) -> Result<(), StoreError> {
        {
            let newest = self.told.newest.lock().unwrap_or_else(PoisonError::into_inner);
            let knows = |telling: &Telling| {
                newest.get(&telling.account.backend).is_some_and(|newest| newest.knows(telling))
            };
            tellings.retain(|telling| !knows(telling));
        }
        if tellings.is_empty() {
            return Ok(());
        }
        let rest = ["tenant", "value", "carried", "unit", "told_at"].map(|name| (name, Replace));
        let keys = ["backend", "month", "account", "metric", "server"];
        let cells = tellings.iter().map(cells).collect::<Result<Vec<_>, _>>()?;
        let mut tx = self.begin_write().await?;
        Upsert { table: "told", keys: &keys, rest: &rest }.put(&mut tx, self.dialect, cells).await?;
        tx.commit().await?;
        let mut newest = self.told.newest.lock().unwrap_or_else(PoisonError::into_inner);
        for telling in tellings {
            newest.entry(telling.account.backend.clone()).or_default().take(telling);
        }
        Ok(())
    }

    /// What WHMCS was told of one account in a month, by metric and server.
    pub async fn told(&self, account: &AccountKey, month: Month) -> Result<Vec<Telling>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM told WHERE backend = ? AND month = ? AND account = ? ORDER BY metric, server"
        );
        let cells = [account.backend.as_str().into(), month.number().into(), account.name.as_str().into()];
        let mut on = self.readers.acquire().await?;
        rows(&mut on, self.dialect, &sql, cells).await?.iter().map(telling).collect()
    }

    /// What one WHMCS server was told of a backend's accounts in a month that is over, with what that month
    /// comes to as of `standing`. Kept in memory until the month's days move.
    pub async fn closed(
        &self,
        standing: &Standing,
        server: i64,
        month: Month,
    ) -> Result<Arc<Vec<Closed>>, StoreError> {
        let key = (standing.backend.clone(), server, month);
        let touched = standing.touched(month);
        let kept = self.told.closed.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some((_, kept)) = kept.filter(|(version, _)| *version == touched) {
            return Ok(kept);
        }
        let closed = Arc::new(self.read_closed(&standing.backend, server, month).await?);
        let mut kept = self.told.closed.lock().unwrap_or_else(PoisonError::into_inner);
        // Months are asked for one after the other: what was kept of older ones is of no use any more.
        kept.retain(|(backend, _, of), _| *of >= month || *backend != standing.backend);
        kept.insert(key, (touched, Arc::clone(&closed)));
        Ok(closed)
    }

    async fn read_closed(
        &self,
        backend: &BackendId,
        server: i64,
        month: Month,
    ) -> Result<Vec<Closed>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM told WHERE backend = ? AND month = ? AND server = ?");
        let cells = [backend.as_str().into(), month.number().into(), server.into()];
        let mut tx = self.readers.begin_with(self.dialect.begin_snapshot()).await?;
        let tellings = rows(&mut tx, self.dialect, &sql, cells).await?;
        let tellings: Vec<Telling> = tellings.iter().map(telling).collect::<Result<_, _>>()?;
        if tellings.is_empty() {
            return Ok(Vec::new());
        }
        let sums = self.month_sums(&mut tx, backend, month).await?;
        let closed = tellings.into_iter().map(|telling| {
            let sums = sums.get(&telling.account.name).cloned().unwrap_or_default();
            Closed { telling, sums }
        });
        Ok(closed.collect())
    }

    /// What every account of a backend used in a month: folded days and kept days together.
    async fn month_sums(
        &self,
        on: &mut sqlx::AnyConnection,
        backend: &BackendId,
        month: Month,
    ) -> Result<HashMap<AccountName, HashMap<Meter, (Bytes, ByteMinutes)>>, StoreError> {
        let [amount, peta, rest] =
            ["d.amount", "d.held_peta", "d.held_rest"].map(|one| self.dialect.sum(one));
        // Levels are not summed: they could outgrow the database's sum, and mean nothing.
        let kept = format!(
            "SELECT a.name, s.meter, {amount}, {peta}, {rest} FROM account a JOIN series s ON s.account = a.id
            JOIN day_point d ON d.series = s.id WHERE a.backend = ? AND s.meter <> 'storage' AND d.day >= ?
            AND d.day < ? GROUP BY a.name, s.meter UNION ALL
            SELECT a.name, s.meter, 0, {peta}, {rest} FROM account a JOIN series s ON s.account = a.id
            JOIN day_point d ON d.series = s.id WHERE a.backend = ? AND s.meter = 'storage' AND d.day >= ?
            AND d.day < ? GROUP BY a.name, s.meter UNION ALL
            SELECT a.name, s.meter, m.amount, m.held_peta, m.held_rest FROM account a
            JOIN series s ON s.account = a.id JOIN month_total m ON m.series = s.id
            WHERE a.backend = ? AND m.month = ?"
        );
        let period = month.period();
        let days = || {
            let span = [period.first().number(), period.next().number()].map(Cell::from);
            std::iter::once(Cell::from(backend.as_str())).chain(span)
        };
        let folded = [backend.as_str().into(), month.number().into()];
        let mut sums: HashMap<AccountName, HashMap<Meter, (Bytes, ByteMinutes)>> = HashMap::new();
        for row in rows(on, self.dialect, &kept, days().chain(days()).chain(folded)).await? {
            let mut columns = Columns::of(&row);
            let (name, meter) = (account_name(&columns.text()?)?, columns.text()?);
            let meter: Meter = meter.parse().map_err(|error| StoreError::corrupt(error, "a meter"))?;
            let (amount, peta, rest) = (columns.bytes()?, columns.int()?, columns.int()?);
            let sum = sums.entry(name).or_default().entry(meter).or_default();
            let flowed = if meter.nature() == Nature::Flow { amount.wide() } else { 0 };
            let wide = sum.0.wide() + flowed;
            sum.0 = Bytes::from_wide(wide).map_err(|_| StoreError::corrupt(wide, "a byte count"))?;
            sum.1 += held(peta, rest)?;
        }
        Ok(sums)
    }
}

fn cells(telling: &Telling) -> Result<[Cell; 10], StoreError> {
    let unit = i64::try_from(telling.unit).map_err(|_| StoreError::corrupt(telling.unit, "a unit"))?;
    Ok([
        telling.account.backend.as_str().into(),
        telling.month.number().into(),
        telling.account.name.as_str().into(),
        telling.metric.as_ref().into(),
        telling.server.into(),
        telling.tenant.as_str().into(),
        telling.value.into(),
        telling.carried.into(),
        unit.into(),
        telling.at.into(),
    ])
}

fn telling(row: &AnyRow) -> Result<Telling, StoreError> {
    let mut columns = Columns::of(row);
    let backend = columns.text()?;
    let backend = BackendId::new(&backend).map_err(|error| StoreError::corrupt(error, "a backend"))?;
    let (month, name) = (columns.month()?, account_name(&columns.text()?)?);
    let (metric, server, tenant) = (columns.text()?, columns.int()?, columns.text()?);
    let (value, carried, unit) = (columns.int()?, columns.int()?, columns.int()?);
    let unit = u64::try_from(unit).map_err(|_| StoreError::corrupt(unit, "a unit"))?;
    let account = AccountKey { backend, name };
    let metric = Cow::Owned(metric);
    Ok(Telling { account, month, metric, server, tenant, value, carried, unit, at: columns.time()? })
}

fn account_name(text: &str) -> Result<AccountName, StoreError> {
    AccountName::new(text).map_err(|error| StoreError::corrupt(error, "an account"))
}
