//! What panels share, so that a kind of panel is its own wire and little more.
//!
//! Nothing in here knows any panel: a kind takes the pieces that fit it.

pub mod addresses;
pub mod check;
pub mod json;
pub mod many;
pub mod memory;
pub mod number;
pub mod pages;
pub mod refusal;
pub mod session;
pub mod suspend;
pub mod suspend_unexplained;
pub mod switch;
#[cfg(test)]
pub mod testing;

pub use addresses::{Addresses, Asks};
pub use refusal::CallFailure;
