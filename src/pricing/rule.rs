//! What is sold and what more of it costs.

use super::decimal::Decimal;
use crate::domain::{Bytes, Meter};

/// A price, as it applies to one meter of the accounts it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What is priced.
    pub meter: Meter,
    /// Which of its figures.
    pub of: Of,
    /// What costs nothing.
    pub included: Included,
    /// What costs nothing besides.
    pub extra: Bytes,
    /// How many bytes the price is for; never zero.
    pub per: Bytes,
    /// The price of that many.
    pub price: Decimal,
    /// Whether units that were only begun count as whole ones.
    pub round: Round,
    /// Smaller amounts are not billed.
    pub minimum: Decimal,
    /// Places of the amount.
    pub places: u32,
    /// What to do with usage that is not known of the whole period.
    pub incomplete: Incomplete,
}

/// Which figure of a period is priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The average level over the whole period: GB-months.
    Average,
    /// The last level of the period.
    Last,
    /// All that passed in it.
    Passed,
}

/// What costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Included {
    /// So much.
    Fixed(Bytes),
    /// The limit that is in force: what was sold.
    Limit,
    /// What was sold in the period, each limit by how long it was in force.
    LimitByTime,
}

/// How units of `per` are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Parts of a unit cost parts of the price.
    None,
    /// A unit that was begun is a whole one.
    Up,
}

/// What to do where readings do not account for every minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// Bill nothing, and say so.
    Withhold,
    /// Bill what is known.
    Bill,
}
