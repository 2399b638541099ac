//! What usage beyond what is included costs: one rule, one meter of one account, one period.
//!
//! Pure and exact: whole bytes, whole minutes and decimal prices are multiplied and divided as fractions,
//! and rounded once, at the end. Nobody's floating point comes near money.

mod by_time;
mod charge;
mod decimal;
#[cfg(test)]
mod properties;
mod quantity;
mod rule;
mod tag;

pub use by_time::{LimitPiece, by_time};
pub use charge::{Charge, NoLine, Priced, Used, amount_of, price, quantity};
pub use decimal::{Decimal, Money, NotDecimal, TooLarge};
pub use quantity::Quantity;
pub use rule::{Included, Incomplete, Of, Round, Rule};
pub use tag::Tag;
