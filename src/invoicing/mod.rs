//! Bills usage beyond what is included as items on the customers' next invoices: drawn up from what is
//! stored, compared with what was billed before, and created in WHMCS once and never twice. A line is a
//! service's: the sum over everything that it owned in the period, on whatever backend.
//!
//! A rehearsal goes the same way up to the last step.

mod draft;
mod pieces;
mod reconcile;
mod report;
mod run;
mod sold;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::backends::ConfiguredPanel;
use crate::domain::{BillFrom, BillingZone, Seconds};
use crate::rules::{Limits, Prices};

pub use draft::{Draft, Drawn, Payer, Verdict};
pub use report::{LimitRow, Report, Row, RowState};
pub use run::{Invoicing, Order, RunError};

/// What is billed and how.
#[derive(Clone)]
pub struct Terms {
    /// The price rules.
    pub prices: Prices,
    /// Every configured panel.
    pub panels: Vec<Arc<ConfiguredPanel>>,
    /// The limit rules, for what was sold.
    pub limits: Limits,
    /// What days and months are.
    pub zone: BillingZone,
    /// How long after an account's last reading nobody wonders that it is gone.
    pub max_age: Seconds,
    /// The first day that is billed by us.
    pub bill_from: BillFrom,
}
