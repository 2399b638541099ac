//! From usage to an amount, or to the reason why there is none.

use std::fmt;

use super::decimal::{Decimal, Money, TooLarge};
use super::quantity::Quantity;
use super::rule::{Included, Incomplete, Of, Round, Rule};
use crate::domain::{ByteMinutes, Bytes, Limit, Minutes};

/// One meter of one account over a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Bytes passed, or the last level.
    pub amount: Bytes,
    /// Level times time.
    pub held: ByteMinutes,
    /// The minutes of the whole period, known or not.
    pub minutes: Minutes,
    /// Whether all of it is known.
    pub is_complete: bool,
}

/// Something to be billed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Charge {
    /// What was used.
    pub used: Quantity,
    /// What of it costs nothing.
    pub included: Bytes,
    /// What the rest costs.
    pub amount: Money,
}

/// Why nothing is billed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoLine {
    /// No more was used than is included.
    Within {
        /// What is included.
        included: Bytes,
    },
    /// It costs too little to be billed.
    BelowMinimum {
        /// What it costs.
        amount: Money,
        /// What is billed at least.
        minimum: Decimal,
    },
    /// It costs less than half of the smallest coin.
    Rounded,
    /// The limit in force is that there is none.
    Unlimited,
    /// What was sold is included, and what was sold is unknown.
    UnknownLimit,
    /// What was sold is included by time, and for part of the time there was no limit.
    PartlyUnlimited,
    /// Readings do not account for all of the period.
    Incomplete,
}

/// How a rule judges usage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Priced {
    /// So much is due.
    Due(Charge),
    /// Nothing is.
    None(NoLine),
}

impl NoLine {
    /// Whether something might be due, had we known more.
    pub fn is_withheld(self) -> bool {
        matches!(self, NoLine::UnknownLimit | NoLine::PartlyUnlimited | NoLine::Incomplete)
    }
}

impl fmt::Display for NoLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoLine::Within { included } => write!(f, "within the {included} bytes that are included"),
            NoLine::BelowMinimum { amount, minimum } => {
                write!(f, "{amount} is below the minimum of {minimum}")
            }
            NoLine::Rounded => f.write_str("less than half of the smallest amount"),
            NoLine::Unlimited => f.write_str("sold without a limit"),
            NoLine::UnknownLimit => f.write_str(
                "the included amount is unknown: neither the service, nor a [[limit]], nor the panel has \
                 a limit",
            ),
            NoLine::PartlyUnlimited => f.write_str(
                "sold without a limit for part of the period, so that what is included by time is no number: bill \
                 the parts by themselves (--from, --to)",
            ),
            NoLine::Incomplete => f.write_str(
                "usage is not known of the whole period; incomplete = \"bill\" bills what is known",
            ),
        }
    }
}

/// What is priced of some usage.
pub fn quantity(rule: &Rule, used: &Used) -> Result<Quantity, TooLarge> {
    match rule.of {
        Of::Average => Quantity::average(used.held, used.minutes).ok_or(TooLarge),
        Of::Last | Of::Passed => Ok(Quantity::of(used.amount)),
    }
}

/// Judges the usage of one meter of one account; `sold` is the limit in force, or of a rule that includes limits by time
/// what they come to.
pub fn price(rule: &Rule, used: &Used, sold: Limit) -> Result<Priced, TooLarge> {
    let basis = match (rule.included, sold) {
        (Included::Fixed(size), _) => size,
        (Included::Limit | Included::LimitByTime, Limit::UpTo(size)) => size,
        (Included::Limit | Included::LimitByTime, Limit::Unlimited) => {
            return Ok(Priced::None(NoLine::Unlimited));
        }
        (Included::Limit | Included::LimitByTime, Limit::Unknown) => {
            return Ok(Priced::None(NoLine::UnknownLimit));
        }
    };
    if !used.is_complete && rule.incomplete == Incomplete::Withhold {
        return Ok(Priced::None(NoLine::Incomplete));
    }
    let included = basis.checked_add(rule.extra).ok_or(TooLarge)?;
    let quantity = quantity(rule, used)?;
    if quantity.beyond(included).is_none() {
        return Ok(Priced::None(NoLine::Within { included }));
    }
    let amount = amount_of(rule, quantity, included)?;
    Ok(match amount.minor() {
        0 => Priced::None(NoLine::Rounded),
        _ if !amount.is_at_least(rule.minimum) => {
            Priced::None(NoLine::BelowMinimum { amount, minimum: rule.minimum })
        }
        _ => Priced::Due(Charge { used: quantity, included, amount }),
    })
}

/// What a quantity costs beyond what is included, rounded half up once; zero within.
pub fn amount_of(rule: &Rule, used: Quantity, included: Bytes) -> Result<Money, TooLarge> {
    let Some(over) = used.beyond(included) else { return Money::new(0, rule.places) };
    let (over, divisor) = over.in_units(rule.per)?;
    let (over, divisor) = match rule.round {
        Round::Up => (over.div_ceil(divisor), 1),
        Round::None => {
            let common = greatest_common_divisor(over, divisor);
            (over / common, divisor / common)
        }
    };
    let times = |a: u128, b: u128| a.checked_mul(b).ok_or(TooLarge);
    // over / divisor times mantissa / 10^places, counted in 10^-rule.places.
    let (up, down) = match rule.places.checked_sub(rule.price.places()) {
        Some(more) => (10_u128.pow(more), 1),
        None => (1, 10_u128.pow(rule.price.places() - rule.places)),
    };
    let costs = times(times(over, rule.price.mantissa().into())?, up)?;
    let divisor = times(divisor, down)?;
    let halves = times(costs, 2)?.checked_add(divisor).ok_or(TooLarge)?;
    let minor = i64::try_from(halves / times(divisor, 2)?).map_err(|_| TooLarge)?;
    Money::new(minor, rule.places)
}

fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}
