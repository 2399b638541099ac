//! Who pays for an account: the one answer that commits write down and every reader goes by.
//!
//! Pure: it is handed what WHMCS sells, what operators have said and who is on the panels, and says who owns
//! what. A living service claims an account by an operator's word, by its exact name, or by its name in another
//! spelling; what no living service claims keeps its owner.

mod changes;
mod claims;
mod renumbered;
mod services;
#[cfg(test)]
mod tests;

pub use changes::{Intent, Sold, intent};
pub use claims::{Claimant, Claims, Ruling};
pub use renumbered::{KnownService, new_numbers, renumbered};
pub use services::{Rank, Services};
