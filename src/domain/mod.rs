//! The vocabulary of the house: values whose constructors check, so that nobody checks again.
//!
//! Everything here is pure: no clock, no I/O, no floating point.

mod account;
mod amount;
mod calendar;
mod harvest;
mod limit;
mod meter;
mod reading;
mod service;
mod time;

pub use account::{AccountKey, AccountName, BackendId, InvalidName, Source};
pub use amount::{ByteMinutes, Bytes, TooManyBytes};
pub use calendar::{BillingPeriod, BillingZone, Month, UsageDay};
pub use harvest::{Estimate, Facts, Harvest, Harvested, Reason, ServerTotal, Unclaimed, Unread};
pub use limit::Limit;
pub use meter::{Meter, Nature, UnknownMeter};
pub use reading::{Epoch, Policy, Reading};
pub use service::{Mapping, Service, Services};
pub use time::{InvalidTime, Minutes, Seconds, Span, Timestamp};
