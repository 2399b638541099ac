//! What is reported to WHMCS: amounts in its unit, what was reported last, and what a month that is over lacks of it.
//!
//! Pure: whoever answers, keeps or looks for what was never reported goes by these.

mod amount;
mod lacking;
mod value;

pub use amount::{Base, Decimal, SCALE, Signed, Unit, decimal, unit_months, whole_megabytes};
pub use lacking::{GB_MONTH, Lacking, SUMMED, in_unit, lacking, metrics, untold};
pub use value::{Closed, ClosedMonth, Payee, ReportedValue, Sums};
