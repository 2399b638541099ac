//! The vocabulary of the house: values whose constructors check, so that nobody checks again.
//!
//! Everything here is pure: no clock, no I/O, no floating point.

mod account;
mod amount;
mod breakdown;
mod calendar;
mod charge;
mod harvest;
mod life;
mod limit;
mod mail;
mod map;
mod meter;
mod owner;
mod reading;
mod service;
mod time;

pub use account::{AccountKey, AccountName, BackendId, InvalidName, Labels, Source};
pub use amount::{ByteMinutes, Bytes, TooManyBytes};
pub use breakdown::{Breakdown, LevelPart};
pub use calendar::{BillFrom, BillingPeriod, BillingZone, Month, UsageDay};
pub use charge::PanelCharge;
pub use harvest::{
    Copied, Estimate, Facts, Harvest, Harvested, Reason, Seats, ServerTotal, Unclaimed, Unread,
};
pub use life::{HoldingNo, Identity, LifeNo, Likeness};
pub use limit::Limit;
pub use mail::WordedMail;
pub use map::{Map, Set};
pub use meter::{Meter, Nature, UnknownMeter};
pub use owner::Owner;
pub use reading::{Epoch, Policy, Reading};
pub use service::{Addon, FoundBy, Mapping, Remark, RemarkAbout, Service};
pub use time::{InvalidTime, Minutes, Seconds, Span, Timestamp};
