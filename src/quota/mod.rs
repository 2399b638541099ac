//! Decides: usage, limit and what was decided before make new decisions, and nothing else.
//!
//! No clock, no network, no rounding: it is handed the time and says what should be done, as data.

mod letter;

pub use letter::{Address, Channel, Letter, Occasion, Severity};
