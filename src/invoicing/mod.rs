//! Bills usage beyond what is included as items on the customers' next invoices: drawn up from what is
//! stored, compared with what was billed before, and created in WHMCS once and never twice.
//!
//! A rehearsal goes the same way up to the last step.

mod draft;
mod prices;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod weigh;
mod words;

use std::sync::Arc;

use crate::domain::{AccountName, BackendId, BillingZone, Meter, Seconds, Service};
use crate::quota::Allowed;
use crate::store::AccountStanding;

pub use draft::{Draft, Drawn, Owner, Verdict};
pub use prices::{Price, PriceSettings, Prices};
pub use report::{Report, Row, RowState};
pub use run::{Invoicing, Order, RunError};

/// One configured backend, as far as billing goes.
#[derive(Clone, Debug)]
pub struct Billed {
    /// Its name.
    pub id: BackendId,
    /// `tblservers.id` of its services.
    pub server: Option<i64>,
    /// How long after a period's end it may be billed.
    pub settle: Seconds,
    /// What its kind can measure.
    pub meters: &'static [Meter],
}

/// Whose limit is asked for.
#[derive(Clone, Copy)]
pub struct Whose<'a> {
    /// The backend.
    pub backend: &'a BackendId,
    /// The account.
    pub name: &'a AccountName,
    /// How it stands.
    pub standing: &'a AccountStanding,
    /// Its service.
    pub service: Option<&'a Service>,
    /// The meter.
    pub meter: Meter,
}

/// Tells the limit in force; `None` where nobody says.
pub type LimitOf = Arc<dyn Fn(&Whose<'_>) -> Option<Allowed> + Send + Sync>;

/// What is billed and how.
#[derive(Clone)]
pub struct Terms {
    /// The price rules.
    pub prices: Prices,
    /// Every configured backend.
    pub backends: Vec<Billed>,
    /// The limits in force.
    pub limit: LimitOf,
    /// What days and months are.
    pub zone: BillingZone,
    /// How long after an account's last reading nobody wonders that it is gone.
    pub max_age: Seconds,
}
