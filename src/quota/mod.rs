//! Decides: usage, limit and what was decided before make new decisions, and nothing else.
//!
//! No clock, no network, no rounding: it is handed the time and says what should be done, as data.

mod decide;
mod in_force;
mod notification;
#[cfg(test)]
mod properties;
mod rule;
mod state;
#[cfg(test)]
mod tests;

pub use decide::{Besides, Decided, Judged, Subject, Switch, Used, Verdict, decide, would_limit};
pub use in_force::{Origin, in_force};
pub use notification::{Address, Channel, Notification, Occasion, Severity};
pub use rule::{Brake, Rule, Size, SoldAs, Wording};
pub use state::{Conflict, Crossing, Crossings, Hold, Pin};
