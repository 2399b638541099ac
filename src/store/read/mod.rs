//! Reads back what was committed: how everything stands, what was used, and what was reported to WHMCS.

mod newest_reported;
mod pages;
mod reported;
mod resellers;
mod standing;
mod totals;
mod usage;

pub use pages::DayPages;
pub(super) use reported::{Memory, REPORTED, reported_cells};
pub use reported::{MetricValue, OwnerSums, Reported};
pub use standing::{BackendState, Failing};
pub use totals::{By, CannotSum, Total};
pub use usage::{DayPoint, OwnedMonth, Usage, UsageQuery};
