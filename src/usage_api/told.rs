//! What WHMCS was told, and what a month that is over lacks since: carried into the running one.
//!
//! WHMCS keeps one record per calendar month and closes it with the last value it fetched. What the ledger
//! comes to later - the hours between that fetch and midnight, a panel that lags, a correction - can reach
//! a bill only with the next month's record. So that record carries the difference, and says how much of
//! it that is. A month WHMCS was never told of is not carried: nobody knows that it was to bill it.

use std::collections::HashMap;
use std::sync::Arc;

use litemap::LiteMap;
use serde::Serialize;

use super::Units;
use super::amount::{Signed, decimal, unit_months};
use crate::domain::{AccountKey, AccountName, BackendId, BillingZone, ByteMinutes, Bytes, Meter, Month};
use crate::store::{Closed, Store, StoreError, Telling};

/// The metric of GB-months.
pub(super) const GB_MONTH: &str = "disk_gb_month";

/// What the month before lacked: by account and metric whose it was, and how much.
#[derive(Debug, Default)]
pub struct Carried(HashMap<BackendId, HashMap<AccountName, Lacking>>);

type Lacking = LiteMap<&'static str, (String, i64)>;

impl Carried {
    /// Takes in what one server was told of the month before.
    pub fn take(&mut self, closed: &[Closed], units: &Units, zone: BillingZone) {
        for one in closed {
            let Telling { account, metric, tenant, .. } = &one.telling;
            let Some((metric, unit)) = units.of_month(metric) else { continue };
            let Some(lacking) = lacking(one, zone).filter(|lacking| *lacking != 0) else { continue };
            let accounts = self.0.entry(account.backend.clone()).or_default();
            // What does not fit is not carried: `explain` names it.
            let Ok(lacking) = i64::try_from(in_unit(lacking, one.telling.unit, unit)) else { continue };
            accounts.entry(account.name.clone()).or_default().insert(metric, (tenant.clone(), lacking));
        }
    }

    /// What a tenant's metric carries, in hundred-thousandths of its unit. What another tenant owes of this
    /// account stays with that one.
    pub fn of(&self, backend: &BackendId, account: &AccountName, metric: &str, tenant: &str) -> i64 {
        let carried = self.0.get(backend).and_then(|accounts| accounts.get(account)?.get(metric));
        carried.filter(|(whose, _)| whose == tenant).map_or(0, |(_, lacking)| *lacking)
    }
}

/// What is carried at one server, and what it was worked out of.
#[derive(Debug)]
pub struct KeptCarried {
    of: Vec<Arc<Vec<Closed>>>,
    units: Units,
    carried: Arc<Carried>,
}

impl KeptCarried {
    /// Works it out.
    pub fn new(of: Vec<Arc<Vec<Closed>>>, units: Units, zone: BillingZone) -> KeptCarried {
        let mut carried = Carried::default();
        of.iter().for_each(|closed| carried.take(closed, &units, zone));
        KeptCarried { of, units, carried: Arc::new(carried) }
    }

    /// The result, if it was worked out of just this.
    pub fn if_of(&self, of: &[Arc<Vec<Closed>>], units: &Units) -> Option<Arc<Carried>> {
        let same =
            self.of.len() == of.len() && self.of.iter().zip(of).all(|(one, other)| Arc::ptr_eq(one, other));
        (same && self.units == *units).then(|| self.carried())
    }

    /// The result.
    pub fn carried(&self) -> Arc<Carried> {
        Arc::clone(&self.carried)
    }
}

/// What the ledger has of a month that is over and WHMCS was not told, in hundred-thousandths of the unit it
/// was told in; negative where it was told too much. `None` for a metric that is no sum over a month.
fn lacking(closed: &Closed, zone: BillingZone) -> Option<i128> {
    let Telling { metric, month, unit, value, carried, .. } = &closed.telling;
    let minutes = zone.minutes_of(month.period());
    // A day nothing passed on has no row. But where something was told and nothing is there, nobody knows.
    let is_nothing = *value == (*carried).max(0);
    let nothing = is_nothing.then_some((Bytes::ZERO, ByteMinutes::ZERO));
    let sum = |meter| closed.sums.get(&meter).copied().or(nothing);
    let ledger = match metric.as_ref() {
        GB_MONTH => unit_months(sum(Meter::StorageUsed)?.1, *unit, minutes)?.scaled(),
        flow => {
            let meter: Meter = flow.parse().ok()?;
            decimal(sum(meter)?.0, *unit).scaled()
        }
    };
    Some(i128::try_from(ledger).ok()? + i128::from(*carried) - i128::from(*value))
}

/// From one unit to another, to the nearest.
fn in_unit(amount: i128, from: u64, to: u64) -> i128 {
    if from == to {
        return amount;
    }
    let (scaled, by) = (amount.abs() * i128::from(from), i128::from(to));
    (scaled / by + i128::from(scaled % by >= (by + 1) / 2)) * amount.signum()
}

/// One number WHMCS was told, held against the ledger: for whoever asks why a bill says what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToldLine {
    /// The WHMCS server that asked.
    pub server: i64,
    /// What WHMCS calls the account.
    pub tenant: String,
    /// The metric.
    pub metric: String,
    /// What it was told last, in units.
    pub value: Signed,
    /// Bytes of one unit.
    pub unit_bytes: u64,
    /// The part of it that months before lacked, or had too much.
    pub carried: Signed,
    /// When it was told this value first.
    pub at: String,
    /// A month that is over: what the ledger has and WHMCS was not told; negative where it was told too much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_told: Option<Signed>,
    /// What becomes of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub so: Option<&'static str>,
}

/// What WHMCS was told of one meter of one account in a month, held against the ledger.
pub async fn told_lines(
    store: &Store,
    account: &AccountKey,
    meter: Meter,
    month: Month,
    running: Month,
    zone: BillingZone,
) -> Result<Vec<ToldLine>, StoreError> {
    let mut lines = Vec::new();
    let usage = store.month_total(account, meter, month).await?;
    let sums = usage.map(|usage| HashMap::from([(meter, (usage.amount, usage.held))])).unwrap_or_default();
    let later = store.told(account, month.next()).await?;
    for telling in store.told(account, month).await? {
        if !metrics(meter).contains(&telling.metric.as_ref()) {
            continue;
        }
        let closed = Closed { telling, sums: sums.clone() };
        let lacking = if month < running { lacking(&closed, zone) } else { None };
        let carried = later.iter().find(|later| {
            (later.server, &later.metric, &later.tenant)
                == (closed.telling.server, &closed.telling.metric, &closed.telling.tenant)
        });
        let so = lacking.map(|lacking| match carried {
            _ if lacking == 0 => "the same as the ledger",
            Some(later) if in_unit(lacking, closed.telling.unit, later.unit) == later.carried.into() => {
                "told with the month after"
            }
            _ if month.next() == running => "to be told with the month after, when WHMCS asks again",
            _ => "not billed by itself any more: correct it by hand",
        });
        let Telling { server, tenant, metric, value, carried, unit, at, .. } = closed.telling;
        lines.push(ToldLine {
            server,
            tenant,
            metric: metric.into_owned(),
            value: Signed::new(value.into()),
            unit_bytes: unit,
            carried: Signed::new(carried.into()),
            at: at.to_string(),
            not_told: lacking.map(Signed::new),
            so,
        });
    }
    Ok(lines)
}

/// The metrics that are made of a meter.
fn metrics(meter: Meter) -> &'static [&'static str] {
    match meter {
        Meter::StorageUsed => &["disk", GB_MONTH],
        Meter::TrafficIn => &["traffic_in"],
        Meter::TrafficOut => &["traffic_out"],
        Meter::TrafficTotal => &["traffic_total"],
    }
}
