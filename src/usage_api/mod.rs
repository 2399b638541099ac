//! What WHMCS asks: totals in its unit, daily points for its charts, and a fresh look at one tenant.
//!
//! Answers come from memory and never wait for a panel. It bills nothing and sums nothing over time.

mod accounts;
mod billable;
mod carry_over;
mod cost;
mod history;
mod legacy;
mod parts;
mod payers;
mod php;
mod ping;
mod policy;
mod query;
mod recalculate;
mod routes;
mod services;
mod services_body;
mod state;
mod sums;
mod tenants;
mod terms;
mod totals;
mod usage;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};

use serde::Deserialize;

pub use carry_over::{ReportedLine, reported_lines};

use crate::clock::Clock;
use crate::domain::{
    AccountName, BackendId, BillFrom, BillingZone, Meter, Month, Nature, Seconds, Timestamp,
};
use crate::reported::{Base, GB_MONTH, Unit};
use crate::rules::Prices;
use crate::settings::{Period, Secret};
use crate::standing::Moment;
use crate::store::{OwnerSums, Store};
use crate::telemetry::Telemetry;

/// The `[whmcs]` section.
#[derive(Clone, Debug, Deserialize)]
pub struct WhmcsSettings {
    /// Cuts days and months. There is no default: empty where it is missing, which the config refuses.
    #[serde(default)]
    pub timezone: String,
    /// The address of WHMCS's API, for mail and invoices.
    #[serde(default)]
    pub url: Option<String>,
    /// The API credential's identifier.
    #[serde(default)]
    pub identifier: Option<String>,
    /// The API credential's secret.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// What lets a caller in from an address that is not on WHMCS's list (`$api_access_key` there).
    #[serde(default)]
    pub access_key: Option<Secret>,
    /// The unit of every value.
    #[serde(default)]
    pub unit: Unit,
    /// What the unit is a power of, for metrics that are not named in `unit_bases`.
    #[serde(default)]
    pub unit_base: Base,
    /// The base of single metrics: `disk`, `disk_gb_month`, `traffic`.
    #[serde(default)]
    pub unit_bases: UnitBases,
    /// A value older than this is withheld.
    #[serde(default = "day_and_a_bit")]
    pub max_age: Period,
    /// Server entries of WHMCS that have companion services only, and no backend of their own.
    #[serde(default)]
    pub companion_servers: Vec<i64>,
    /// The first day that is billed by us: usage of earlier days is in no answer and on no invoice.
    #[serde(default)]
    pub bill_from: BillFrom,
}

/// Bases of single metrics, where they differ.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct UnitBases {
    /// Of `disk`.
    pub disk: Option<Base>,
    /// Of `disk_gb_month`.
    pub disk_gb_month: Option<Base>,
    /// Of all traffic metrics.
    pub traffic: Option<Base>,
}

fn day_and_a_bit() -> Period {
    Period(std::time::Duration::from_secs(26 * 3600))
}

/// The bytes of one unit of each metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    unit: Unit,
    disk: u64,
    disk_gb_month: u64,
    traffic: u64,
    /// The base of the MB that WHMCS's overage billing knows.
    base: Base,
}

impl Default for Units {
    fn default() -> Units {
        Units::new(Unit::GB, Base::default(), UnitBases::default())
    }
}

impl Units {
    fn new(unit: Unit, base: Base, bases: UnitBases) -> Units {
        Units {
            unit,
            disk: unit.bytes(bases.disk.unwrap_or(base)),
            disk_gb_month: unit.bytes(bases.disk_gb_month.unwrap_or(base)),
            traffic: unit.bytes(bases.traffic.unwrap_or(base)),
            base,
        }
    }

    /// The unit of all values, for whoever shows or bills them: its name, and its bytes by metric.
    fn as_json(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.unit.name(),
            "disk": self.disk,
            "disk_gb_month": self.disk_gb_month,
            "traffic": self.traffic,
        })
    }

    /// The bytes of one unit of any metric.
    fn of(&self, metric: &str) -> u64 {
        self.of_month(metric).map_or(self.disk, |(_, unit)| unit)
    }

    /// A metric that sums up over a month, and the bytes of its unit.
    fn of_month(&self, metric: &str) -> Option<(&'static str, u64)> {
        if metric == GB_MONTH {
            return Some((GB_MONTH, self.disk_gb_month));
        }
        let meter: Meter = metric.parse().ok()?;
        (meter.nature() == Nature::Flow).then(|| (meter.name(), self.traffic))
    }
}

/// The moment of an answer, as seen by the caller.
#[derive(Clone, Debug)]
pub struct Window {
    moment: Moment,
    /// Whether the caller is in another month: what sums over a month would go into the wrong one.
    elsewhen: bool,
    /// What of the running month is billed.
    billed: Billed,
}

/// What of the running month is billed.
#[derive(Clone, Debug)]
enum Billed {
    /// All of it.
    Whole,
    /// What every owner has from an instant on: what was not measured since is not known.
    Part(Timestamp, Arc<OwnerSums>),
    /// Nothing yet.
    Nothing,
}

impl Window {
    fn new(moment: Moment) -> Window {
        Window { moment, elsewhen: false, billed: Billed::Whole }
    }

    /// Whether something measured at `at` says anything of billed days of the running month.
    fn is_in_billed(&self, at: Timestamp) -> bool {
        match self.billed {
            Billed::Whole => true,
            Billed::Part(start, _) => at >= start,
            Billed::Nothing => false,
        }
    }

    /// The same, for somebody in whose calendar this month runs.
    fn asked_in(self, month: Option<Month>) -> Window {
        Window { elsewhen: month.is_some_and(|month| month != self.moment.month), ..self }
    }
}

/// Which backends answer for which WHMCS server.
pub type Servers = HashMap<i64, Vec<BackendId>>;

/// A caller wants one account read again now.
#[derive(Clone, Debug)]
pub struct Recalculation {
    /// Its backend.
    pub backend: BackendId,
    /// The account.
    pub account: AccountName,
    /// Whether an operator wants done what its usage demands.
    pub by_hand: bool,
}

/// What of the settings every request goes by.
#[derive(Debug)]
struct Taken {
    units: Units,
    max_age: Seconds,
    companion_servers: Vec<i64>,
    bill_from: BillFrom,
    prices: Prices,
}

impl Default for Taken {
    fn default() -> Taken {
        let (units, companion_servers, bill_from, prices) = Default::default();
        Taken { units, max_age: Seconds::hours(26), companion_servers, bill_from, prices }
    }
}

/// The room's state; cloned into every request.
#[derive(Clone)]
pub struct UsageApi {
    store: Store,
    clock: Clock,
    telemetry: Telemetry,
    zone: BillingZone,
    settings: Arc<RwLock<Arc<Taken>>>,
    servers: Arc<RwLock<Arc<Servers>>>,
    recalculate: tokio::sync::mpsc::UnboundedSender<Recalculation>,
    /// When each tenant was last recalculated on request.
    recalculated: Arc<Mutex<HashMap<(i64, String), Timestamp>>>,
    /// What the month before lacks.
    carried: Arc<Mutex<Option<carry_over::CarryOverCache>>>,
    /// Who pays for what, as everything stood when it was last asked.
    payers: Arc<Mutex<Arc<payers::Payers>>>,
}
