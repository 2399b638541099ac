//! What was reported to WHMCS, number by number: the last of each month, and what that month has come to since. It
//! follows whoever it was reported for, a service by its number, whatever becomes of its accounts and its name.
//!
//! The database decides who reported last: a number of reported values that another process has moved on makes us look
//! again before anything is said.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::super::dialect::Merge::Replace;
use super::super::sql::{Cell, Columns, Table, rows, run};
use super::super::tables::holding::{owner, owner_cells};
use super::super::write::Write;
use super::super::{Store, StoreError};
use crate::domain::{BillFrom, BillingPeriod, Bytes, Month, Nature, Owner, Timestamp};
use crate::reported::{Closed, ClosedMonth, Payee, ReportedValue, Sums};
use crate::standing::Standing;

pub(in super::super) const REPORTED: Table = Table {
    name: "reported",
    keys: &["service", "server", "name", "month", "metric"],
    rest: &[
        ("asked_by", Replace),
        ("tenant", Replace),
        ("value", Replace),
        ("carried", Replace),
        ("unit", Replace),
        ("told_at", Replace),
    ],
};

/// One value that is about to be reported: metric, value, and the part carried.
pub type MetricValue = (&'static str, i64, i64);

/// The newest values that were reported to one server in a month, so that only what changes is written.
#[derive(Clone, Debug, Default)]
pub struct Reported {
    /// How often values had been reported to the server when this was so.
    times: i64,
    month: Option<Month>,
    reported: HashMap<Payee, Newest>,
}

#[derive(Clone, Debug)]
struct Newest {
    tenant: String,
    /// By metric the value and the part carried, in the order they were reported first.
    values: Vec<(Cow<'static, str>, i64, i64)>,
}

impl Newest {
    fn knows(&self, at: usize, metric: &str, value: i64, carried: i64) -> bool {
        let same = |known: &(Cow<'static, str>, i64, i64)| {
            (known.1, known.2) == (value, carried) && known.0 == metric
        };
        // Metrics come in the same order each time.
        self.values.get(at).is_some_and(same) || self.values.iter().any(same)
    }
}

impl Reported {
    /// Whether all of this was the last that was reported of a payee in a month. Ten thousand are asked for at
    /// once, and most have not moved since.
    pub fn knows(
        &self,
        payee: &Payee,
        month: Month,
        tenant: &str,
        said: impl Iterator<Item = MetricValue>,
    ) -> bool {
        let Some(newest) = self.reported.get(payee).filter(|newest| newest.tenant == tenant) else {
            return false;
        };
        self.month == Some(month)
            && said.enumerate().all(|(at, (metric, value, carried))| newest.knows(at, metric, value, carried))
    }

    fn take(&mut self, reported: ReportedValue) {
        if self.month != Some(reported.month) {
            (self.month, self.reported) = (Some(reported.month), HashMap::new());
        }
        let ReportedValue { payee, metric, tenant, value, carried, .. } = reported;
        let newest = self.reported.entry(payee);
        let newest = newest.or_insert_with(|| Newest { tenant: tenant.clone(), values: Vec::new() });
        if newest.tenant != tenant {
            *newest = Newest { tenant, values: Vec::new() };
        }
        match newest.values.iter_mut().find(|known| known.0 == metric) {
            Some(known) => *known = (metric, value, carried),
            None => newest.values.push((metric, value, carried)),
        }
    }
}

/// How many services are asked for at once.
const SERVICES_AT_ONCE: usize = 100;

/// As of which versions of the backends a month was read, and which days of it are billed.
type AsOf = (Vec<i64>, Option<BillingPeriod>);

/// What every owner has of some days.
pub type OwnerSums = HashMap<Owner, Sums>;

/// What is kept in memory of reported values.
#[derive(Debug, Default)]
pub(in super::super) struct Memory {
    newest: Mutex<HashMap<i64, Arc<Reported>>>,
    closed: Mutex<HashMap<Month, (AsOf, Arc<ClosedMonth>)>>,
    /// The part of a month that is billed: there is one such month.
    part: Mutex<Option<(AsOf, Arc<OwnerSums>)>>,
}

impl Store {
    /// What was reported to a server last, as far as this process knows.
    pub fn reported(&self, server: i64) -> Arc<Reported> {
        let newest = self.reported.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.get(&server).cloned().unwrap_or_default()
    }

    /// Writes down what is about to be reported to a server in `month`: what differs from `known`. `false` where
    /// another process has reported something since: then nothing is written, and what is known now has to be looked at
    /// again.
    pub async fn report(
        &self,
        server: i64,
        month: Month,
        known: Arc<Reported>,
        reported_values: Vec<ReportedValue>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_write_at(now).await?;
        // A write first: it locks the row on every database until the transaction ends.
        let sql = "UPDATE reported_to SET times = times + 1, told_at = ? WHERE server = ?";
        if run(&mut tx, self.dialect, sql, [now.into(), server.into()]).await? == 0 {
            let sql = "INSERT INTO reported_to (server, times, told_at) VALUES (?, 1, ?)";
            run(&mut tx, self.dialect, sql, [server.into(), now.into()]).await?;
        }
        let sql = "SELECT times FROM reported_to WHERE server = ?";
        let found = rows(&mut tx, self.dialect, sql, [server.into()]).await?;
        let times = found.first().map_or(Ok(1), |row| Columns::of(row).int())?;
        if known.times != times - 1 {
            let reported =
                self.read_reported(&mut tx, "r.month = ? AND r.asked_by = ?", [month.into(), server.into()]);
            let mut newest = Reported { times: times - 1, month: Some(month), reported: HashMap::new() };
            reported.await?.into_iter().for_each(|reported| newest.take(reported));
            tx.rollback().await?;
            self.remember(server, Arc::new(newest));
            return Ok(false);
        }
        let cells = reported_values.iter().map(reported_cells).collect::<Result<Vec<_>, _>>()?;
        cells.iter().for_each(|row| tx.note(&REPORTED, row));
        REPORTED.put(&mut tx, self.dialect, cells).await?;
        tx.commit().await?;
        let mut newest = self.reported(server);
        drop(known);
        if newest.times == times - 1 {
            // Ours alone again once this is kept: whoever reads it has it as it was.
            self.reported.newest.lock().unwrap_or_else(PoisonError::into_inner).remove(&server);
            let changed = Arc::make_mut(&mut newest);
            changed.times = times;
            if changed.month != Some(month) {
                (changed.month, changed.reported) = (Some(month), HashMap::new());
            }
            reported_values.into_iter().for_each(|reported| changed.take(reported));
            self.remember(server, newest);
        }
        Ok(true)
    }

    fn remember(&self, server: i64, reported: Arc<Reported>) {
        let mut newest = self.reported.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let older = newest.get(&server).is_none_or(|known| known.times <= reported.times);
        if older {
            newest.insert(server, reported);
        }
    }

    /// When values were last reported to each server, for billing.
    pub async fn reported_at(&self) -> Result<HashMap<i64, Timestamp>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, "SELECT server, told_at FROM reported_to", []).await?;
        let row = |row| {
            let mut columns = Columns::of(row);
            Ok((columns.int()?, columns.time()?))
        };
        found.iter().map(row).collect()
    }

    /// What was reported to WHMCS of a payee in a month, by metric.
    pub async fn reported_of(&self, of: &Owner, month: Month) -> Result<Vec<ReportedValue>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let [service, server, name] = owner_cells(of);
        let filter = "r.month = ? AND r.service = ? AND r.server = ? AND r.name = ?";
        self.read_reported(&mut on, filter, [month.into(), service, server, name]).await
    }

    /// Which metrics of services were reported to WHMCS in two months that follow each other, by service.
    pub async fn metrics_reported(
        &self,
        services: &[i64],
        months: [Month; 2],
    ) -> Result<HashMap<i64, BTreeSet<String>>, StoreError> {
        let mut reported: HashMap<i64, BTreeSet<String>> = HashMap::new();
        let mut on = self.readers.acquire().await?;
        for some in services.chunks(SERVICES_AT_ONCE) {
            let sql = format!(
                "SELECT r.service, r.metric FROM reported r WHERE r.service IN (?{}) AND (r.month = ? OR \
                 r.month = ?)",
                ", ?".repeat(SERVICES_AT_ONCE - 1)
            );
            // Always as many, so that each connection prepares one statement.
            let of = some.iter().chain(std::iter::repeat(&some[0])).take(SERVICES_AT_ONCE);
            let cells = of.map(|id| Cell::from(*id)).chain(months.map(Cell::from));
            for row in rows(&mut on, self.dialect, &sql, cells).await? {
                let mut columns = Columns::of(&row);
                reported.entry(columns.int()?).or_default().insert(columns.text()?);
            }
        }
        Ok(reported)
    }

    /// A month as WHMCS was given it, with what its billed days come to as of these standings. Kept in memory until
    /// its days move, or another owner pays for them.
    pub async fn closed(
        &self,
        standings: &[Arc<Standing>],
        month: Month,
        from: BillFrom,
    ) -> Result<Arc<ClosedMonth>, StoreError> {
        let as_of = as_of(standings, month, from.billed(month.period()));
        let kept = self.reported.closed.lock().unwrap_or_else(PoisonError::into_inner).get(&month).cloned();
        if let Some((_, kept)) = kept.filter(|(known, _)| *known == as_of) {
            return Ok(kept);
        }
        let closed = Arc::new(self.read_closed(month, from).await?);
        let mut kept = self.reported.closed.lock().unwrap_or_else(PoisonError::into_inner);
        // Months are asked for one after the other: what was kept of older ones is of no use any more.
        kept.retain(|of, _| *of >= month.before());
        kept.insert(month, (as_of, Arc::clone(&closed)));
        Ok(closed)
    }

    /// The same, read anew. Of a month of which no day is billed nothing was reported, and nothing is lacking.
    pub async fn read_closed(&self, month: Month, from: BillFrom) -> Result<ClosedMonth, StoreError> {
        let Some(billed) = from.billed(month.period()) else { return Ok(ClosedMonth::default()) };
        let mut tx = self.begin_read().await?;
        let reported_values = self.read_reported(&mut tx, "r.month = ?", [month.into()]).await?;
        let sums = self.owner_sums(&mut tx, month, billed).await?;
        let mut by_payee: HashMap<Payee, Vec<Closed>> = HashMap::new();
        for reported in reported_values {
            let sums = sums.get(&reported.payee).cloned().unwrap_or_default();
            by_payee.entry(reported.payee.clone()).or_default().push(Closed { reported, sums });
        }
        Ok(ClosedMonth { reported: by_payee, sums })
    }

    /// What every owner has of the last days of a month, as of these standings. Kept in memory as a closed month is.
    pub async fn part_of_month(
        &self,
        standings: &[Arc<Standing>],
        month: Month,
        billed: BillingPeriod,
    ) -> Result<Arc<OwnerSums>, StoreError> {
        let as_of = as_of(standings, month, Some(billed));
        let kept = self.reported.part.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, kept)) = kept.filter(|(known, _)| *known == as_of) {
            return Ok(kept);
        }
        let mut tx = self.begin_read().await?;
        let sums = Arc::new(self.owner_sums(&mut tx, month, billed).await?);
        let mut kept = self.reported.part.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((as_of, Arc::clone(&sums)));
        Ok(sums)
    }

    pub(super) async fn read_reported(
        &self,
        on: &mut AnyConnection,
        filter: &str,
        cells: impl IntoIterator<Item = Cell>,
    ) -> Result<Vec<ReportedValue>, StoreError> {
        let columns = REPORTED.columns("r");
        let sql = format!("SELECT {columns} FROM reported r WHERE {filter} ORDER BY r.metric, r.asked_by");
        rows(on, self.dialect, &sql, cells).await?.iter().map(reported).collect()
    }

    /// What every owner has of a month, as far as it is billed.
    async fn owner_sums(
        &self,
        on: &mut AnyConnection,
        month: Month,
        billed: BillingPeriod,
    ) -> Result<OwnerSums, StoreError> {
        let sql = "SELECT p.service, p.server, p.name, m.meter, m.amount, m.held_peta, m.held_rest
            FROM month_sum m JOIN holding_part p ON p.holding = m.holding AND p.part = m.part
            WHERE m.month = ?";
        let mut sums = OwnerSums::new();
        add_up(&mut sums, &rows(on, self.dialect, sql, [month.into()]).await?)?;
        if billed == month.period() {
            return Ok(sums);
        }
        // What was measured in the month and has no day in its billed part is nothing there, and not unknown.
        sums.values_mut().flat_map(Sums::values_mut).for_each(|sum| *sum = Default::default());
        // By way of the month's own rows: days are found by their holding, not by their date.
        let sql = "SELECT p.service, p.server, p.name, d.meter, d.amount, d.held_peta, d.held_rest
            FROM month_sum m JOIN holding_part p ON p.holding = m.holding AND p.part = m.part
            JOIN day_point d ON d.holding = m.holding AND d.meter = m.meter AND d.day >= ? AND d.day < ?
            WHERE m.month = ? AND m.part = (SELECT MAX(q.part) FROM holding_part q
                WHERE q.holding = d.holding AND (q.since <= d.day OR q.part = 0))";
        let days = [billed.first().into(), billed.next().into(), month.into()];
        add_up(&mut sums, &rows(on, self.dialect, sql, days).await?)?;
        Ok(sums)
    }

    /// What was reported of a name before WHMCS had sent any service that has it, and which of these services has it
    /// now: one whose contract had begun by then.
    pub(in super::super) async fn reported_by_name(
        &self,
        on: &mut AnyConnection,
        services: &BTreeSet<i64>,
    ) -> Result<Vec<(Owner, Owner)>, StoreError> {
        let sql = "SELECT r.service, r.server, r.name, s.id, s.registered, MIN(r.month) FROM reported r
            JOIN service s ON s.server = r.server AND s.username = r.name WHERE r.service = 0
            GROUP BY r.service, r.server, r.name, s.id, s.registered";
        let mut found = Vec::new();
        for row in &rows(on, self.dialect, sql, []).await? {
            let mut columns = Columns::of(row);
            let (name, service) = (owner(&mut columns)?, columns.int()?);
            let (registered, reported_first) = (columns.maybe_day()?, columns.month()?);
            let is_its = registered.is_some_and(|day| day.month() <= reported_first);
            if is_its && services.contains(&service) {
                found.push((name, Owner::Service(service)));
            }
        }
        Ok(found)
    }

    /// What was reported of a name goes with it to the service that it turned out to be.
    pub(in super::super) async fn hand_reported(
        &self,
        on: &mut Write,
        from: &Owner,
        to: &Owner,
    ) -> Result<(), StoreError> {
        let reported = {
            let [service, server, name] = owner_cells(from);
            let filter = "r.service = ? AND r.server = ? AND r.name = ?";
            self.read_reported(on, filter, [service, server, name]).await?
        };
        if reported.is_empty() {
            return Ok(());
        }
        on.note_gone(&REPORTED, "t.service = ? AND t.server = ? AND t.name = ?", owner_cells(from)).await?;
        let [service, server, name] = owner_cells(from);
        let sql = "DELETE FROM reported WHERE service = ? AND server = ? AND name = ?";
        run(on, self.dialect, sql, [service, server, name]).await?;
        let mut known = Vec::new();
        for reported in reported {
            let [service, server, name] = owner_cells(to);
            let sql = "SELECT value FROM reported WHERE service = ? AND server = ? AND name = ? AND month = ?
                AND metric = ?";
            let key = [service, server, name, reported.month.into(), reported.metric.as_ref().into()];
            // Reported under its own number already: that is the newer.
            if rows(on, self.dialect, sql, key).await?.is_empty() {
                known.push(reported_cells(&ReportedValue { payee: to.clone(), ..reported })?);
            }
        }
        known.iter().for_each(|row| on.note(&REPORTED, row));
        REPORTED.put(on, self.dialect, known).await?;
        // Whoever remembers what he reported remembers it by the name.
        let sql = "UPDATE reported_to SET times = times + 1 WHERE server = ?";
        if let Owner::Name { server, .. } = from {
            run(on, self.dialect, sql, [(*server).into()]).await?;
        }
        Ok(())
    }
}

fn as_of(standings: &[Arc<Standing>], month: Month, billed: Option<BillingPeriod>) -> AsOf {
    (standings.iter().map(|standing| standing.touched(month)).collect(), billed)
}

/// Adds rows of owner, meter, amount and time held to what every owner has. Summed here: a database's own sums end at
/// 64 bits.
fn add_up(sums: &mut OwnerSums, rows: &[AnyRow]) -> Result<(), StoreError> {
    for row in rows {
        let mut columns = Columns::of(row);
        let of = owner(&mut columns)?;
        let meter = columns.meter()?;
        let (amount, held) = (columns.bytes()?, columns.held()?);
        let sum = sums.entry(of).or_default().entry(meter).or_default();
        // Levels are not summed: they mean nothing together.
        let flowed = if meter.nature() == Nature::Flow { amount.wide() } else { 0 };
        let wide = sum.0.wide() + flowed;
        sum.0 = Bytes::from_wide(wide).map_err(|_| StoreError::corrupt(wide, "a byte count"))?;
        sum.1 += held;
    }
    Ok(())
}

pub(in super::super) fn reported_cells(reported: &ReportedValue) -> Result<[Cell; 11], StoreError> {
    let unit = i64::try_from(reported.unit).map_err(|_| StoreError::corrupt(reported.unit, "a unit"))?;
    let [service, server, name] = owner_cells(&reported.payee);
    Ok([
        service,
        server,
        name,
        reported.month.into(),
        reported.metric.as_ref().into(),
        reported.server.into(),
        reported.tenant.as_str().into(),
        reported.value.into(),
        reported.carried.into(),
        unit.into(),
        reported.at.into(),
    ])
}

fn reported(row: &AnyRow) -> Result<ReportedValue, StoreError> {
    let mut columns = Columns::of(row);
    let payee = owner(&mut columns)?;
    let (month, metric) = (columns.month()?, Cow::Owned(columns.text()?));
    let (server, tenant) = (columns.int()?, columns.text()?);
    let (value, carried, unit) = (columns.int()?, columns.int()?, columns.int()?);
    let unit = u64::try_from(unit).map_err(|_| StoreError::corrupt(unit, "a unit"))?;
    let at = columns.time()?;
    Ok(ReportedValue { payee, month, metric, server, tenant, value, carried, unit, at })
}
