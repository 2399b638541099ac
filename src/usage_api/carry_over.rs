//! What was reported to WHMCS, and what a month that is over lacks since: carried into the running one.
//!
//! WHMCS keeps one record per calendar month and closes it with the last value it fetched. What the ledger
//! comes to later - the hours between that fetch and midnight, a panel that lags, a correction - can reach
//! a bill only with the next month's record. So that record carries the difference, and says how much of
//! it that is. A month of which nothing was reported to WHMCS is not carried: nobody knows that it was to bill it.

use std::collections::HashMap;
use std::sync::Arc;

use litemap::LiteMap;
use serde::Serialize;

use super::Units;
use crate::domain::{BillFrom, BillingPeriod, BillingZone, Meter, Month, Owner};
use crate::reported::{Closed, ClosedMonth, Payee, ReportedValue, Signed, Sums, in_unit, lacking, metrics};
use crate::standing::Moment;
use crate::store::{DayPoint, ReportedBy, Store, StoreError, Usage, UsageQuery};

/// What the month before lacked, by payee and by metric, in hundred-thousandths of the unit.
#[derive(Debug, Default)]
pub struct Carried(HashMap<Payee, LiteMap<&'static str, i64>>);

impl Carried {
    fn new(closed: &ClosedMonth, units: &Units, zone: BillingZone) -> Carried {
        let mut carried = Carried::default();
        for one in closed.reported.values().flatten() {
            let Some((metric, unit)) = units.of_month(&one.reported.metric) else { continue };
            let Some(lacking) = lacking(one, zone).filter(|lacking| *lacking != 0) else { continue };
            // What does not fit is not carried: `explain` names it.
            let Ok(lacking) = i64::try_from(in_unit(lacking, one.reported.unit, unit)) else { continue };
            carried.0.entry(one.reported.payee.clone()).or_default().insert(metric, lacking);
        }
        carried
    }

    /// What a metric carries.
    pub fn of(&self, payee: &Payee, metric: &str) -> i64 {
        self.0.get(payee).and_then(|metrics| metrics.get(metric).copied()).unwrap_or(0)
    }
}

/// What is carried, and what it was worked out of.
#[derive(Debug)]
pub struct CarryOverCache {
    of: Arc<ClosedMonth>,
    units: Units,
    carried: Arc<Carried>,
}

impl CarryOverCache {
    /// Works it out.
    pub fn new(of: Arc<ClosedMonth>, units: Units, zone: BillingZone) -> CarryOverCache {
        let carried = Arc::new(Carried::new(&of, &units, zone));
        CarryOverCache { of, units, carried }
    }

    /// The result, if it was worked out of just this.
    pub fn if_of(&self, of: &Arc<ClosedMonth>, units: &Units) -> Option<Arc<Carried>> {
        (Arc::ptr_eq(&self.of, of) && self.units == *units).then(|| self.carried())
    }

    /// The result.
    pub fn carried(&self) -> Arc<Carried> {
        Arc::clone(&self.carried)
    }
}

/// One number reported to WHMCS, held against the ledger: for a caller who asks why a bill says what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportedLine {
    /// The WHMCS server that asked.
    pub server: i64,
    /// What WHMCS calls the account.
    pub tenant: String,
    /// The metric.
    pub metric: String,
    /// What was reported last, in units.
    pub value: Signed,
    /// Bytes of one unit.
    pub unit_bytes: u64,
    /// The part of it that months before lacked, or had too much.
    pub carried: Signed,
    /// When this value was reported first.
    pub at: String,
    /// The entry of the chronicle that has it: `entry 12`, `folded`, or `missing` where what is stored was not written
    /// by us.
    pub chronicle: String,
    /// A month that is over: what the ledger has and WHMCS was not given; negative where too much was reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_reported: Option<Signed>,
    /// What becomes of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub so: Option<&'static str>,
}

/// What is said of a reported value that the chronicle does not have.
const MISSING: &str = "missing";

impl ReportedLine {
    /// Whether the chronicle has it: what is stored is what was reported to WHMCS.
    pub fn is_chronicled(&self) -> bool {
        self.chronicle != MISSING
    }
}

/// What was reported to WHMCS of one meter of an owner in a month, held against the ledger as far as it is billed.
/// `is_asked` says whether WHMCS still asks for him.
pub async fn reported_lines(
    store: &Store,
    (of, is_asked): (&Owner, bool),
    meter: Meter,
    month: Month,
    moment: &Moment,
    from: BillFrom,
) -> Result<Vec<ReportedLine>, StoreError> {
    let mut lines = Vec::new();
    let billed = from.billed(month.period());
    let sums = match billed {
        Some(billed) => ledger(store, of, meter, month, billed).await?,
        None => Sums::new(),
    };
    let later = store.reported_of(of, month.next()).await?;
    for reported in store.reported_of(of, month).await? {
        if !metrics(meter).contains(&reported.metric.as_ref()) {
            continue;
        }
        let closed = Closed { reported, sums: sums.clone() };
        let is_closed = month < moment.month && billed.is_some();
        let lacking = if is_closed { lacking(&closed, moment.zone) } else { None };
        let carried = later
            .iter()
            .find(|later| (&later.metric, &later.payee) == (&closed.reported.metric, &closed.reported.payee));
        let so = lacking.map(|lacking| match carried {
            _ if lacking == 0 => "the same as the ledger",
            Some(later) if in_unit(lacking, closed.reported.unit, later.unit) == later.carried.into() => {
                "reported with the month after"
            }
            _ if month.next() == moment.month && is_asked => {
                "to be reported with the month after, when WHMCS asks again"
            }
            _ => "not billed automatically any more: correct it by hand",
        });
        let chronicle = match store.reported_by(&closed.reported).await? {
            ReportedBy::Entry(entry) => format!("entry {entry}"),
            ReportedBy::Folded => "folded".into(),
            ReportedBy::Nowhere => MISSING.into(),
        };
        let ReportedValue { server, tenant, metric, value, carried, unit, at, .. } = closed.reported;
        lines.push(ReportedLine {
            server,
            tenant,
            metric: metric.into_owned(),
            value: Signed::new(value.into()),
            unit_bytes: unit,
            carried: Signed::new(carried.into()),
            at: at.to_string(),
            chronicle,
            not_reported: lacking.map(Signed::new),
            so,
        });
    }
    Ok(lines)
}

/// What the ledger has of one meter of an owner on the billed days of a month; nothing where it knows nothing of it.
async fn ledger(
    store: &Store,
    of: &Owner,
    meter: Meter,
    month: Month,
    billed: BillingPeriod,
) -> Result<Sums, StoreError> {
    // A total that no panel reports is what passed in both directions.
    let parts = match meter {
        Meter::TrafficTotal => &[Meter::TrafficTotal, Meter::TrafficIn, Meter::TrafficOut],
        _ => std::slice::from_ref(&meter),
    };
    let mut sums = Sums::new();
    for part in parts {
        let query = UsageQuery { owner: Some(of.clone()), meter: Some(*part), ..UsageQuery::default() };
        let mut usages: Vec<Usage> =
            store.months(&query, month, month).await?.into_iter().map(|owned| owned.usage).collect();
        if usages.is_empty() {
            continue;
        }
        if billed != month.period() {
            usages = store.days(&query, billed).await?.iter().map(DayPoint::usage).collect();
        }
        let mut sum = Usage::default();
        usages.iter().try_for_each(|usage| sum.join(usage))?;
        sums.insert(*part, (sum.amount, sum.held));
    }
    Ok(sums)
}
