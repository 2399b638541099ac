//! Decimal numbers as they are written, and amounts of money.

use std::fmt;
use std::str::FromStr;

/// Places a price may have after its point.
const MOST_PLACES: u32 = 12;

/// A number that is not negative, exactly as it was written: `mantissa / 10^places`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: u64,
    places: u32,
}

/// A text that is no decimal number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a decimal number like \"0.02\", with at most {MOST_PLACES} places and no sign")]
pub struct NotDecimal(String);

/// A result beyond what can be billed: the result is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the amount is beyond anything that can be billed")]
pub struct TooLarge;

impl Decimal {
    /// Nothing.
    pub const ZERO: Decimal = Decimal { mantissa: 0, places: 0 };

    /// The digits without their point.
    pub fn mantissa(self) -> u64 {
        self.mantissa
    }

    /// How many of the digits stand behind the point; the last of them is never 0.
    pub fn places(self) -> u32 {
        self.places
    }
}

impl FromStr for Decimal {
    type Err = NotDecimal;
    fn from_str(text: &str) -> Result<Decimal, NotDecimal> {
        let wrong = || NotDecimal(text.chars().take(40).collect());
        let (whole, behind) = text.split_once('.').map_or((text, None), |(a, b)| (a, Some(b)));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
        if !is_digits(whole) || !behind.is_none_or(is_digits) {
            return Err(wrong());
        }
        let behind = behind.unwrap_or_default().trim_end_matches('0');
        let places = u32::try_from(behind.len()).map_err(|_| wrong())?;
        let mantissa = [whole, behind].concat().parse().map_err(|_| wrong())?;
        if places > MOST_PLACES {
            return Err(wrong());
        }
        Ok(Decimal { mantissa, places })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        written(f, self.mantissa, self.places)
    }
}

/// An amount in whole smallest units of its currency, or a difference of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    minor: i64,
    places: u32,
}

impl Money {
    /// The most places an amount has: no currency has more.
    pub const MOST_PLACES: u32 = 4;

    /// So many of the smallest units, of which 10^`places` are one.
    pub fn new(minor: i64, places: u32) -> Result<Money, TooLarge> {
        if places <= Money::MOST_PLACES { Ok(Money { minor, places }) } else { Err(TooLarge) }
    }

    /// The smallest units.
    pub fn minor(self) -> i64 {
        self.minor
    }

    /// The places behind its point.
    pub fn places(self) -> u32 {
        self.places
    }

    /// Whether it is at least `least`, compared exactly.
    pub fn is_at_least(self, least: Decimal) -> bool {
        // 2^63 times 10^12 fits into 128 bits.
        let own = i128::from(self.minor) * 10_i128.pow(least.places);
        own >= i128::from(least.mantissa) * 10_i128.pow(self.places)
    }

    /// The sum, of amounts with the same places.
    pub fn plus(self, other: Money) -> Result<Money, TooLarge> {
        let minor = self.minor.checked_add(other.minor).filter(|_| self.places == other.places);
        minor.map(|minor| Money { minor, places: self.places }).ok_or(TooLarge)
    }

    /// The difference, of amounts with the same places.
    pub fn minus(self, other: Money) -> Result<Money, TooLarge> {
        let negated = other.minor.checked_neg().ok_or(TooLarge)?;
        self.plus(Money { minor: negated, places: other.places })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.minor < 0 {
            f.write_str("-")?;
        }
        written(f, self.minor.unsigned_abs(), self.places)
    }
}

fn written(f: &mut fmt::Formatter<'_>, digits: u64, places: u32) -> fmt::Result {
    let one = 10_u64.pow(places);
    write!(f, "{}", digits / one)?;
    match places {
        0 => Ok(()),
        _ => write!(f, ".{:0width$}", digits % one, width = places as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    #[test]
    fn decimals_are_what_is_written_and_nothing_else_is_one() {
        assert_eq!((decimal("0.0200").mantissa(), decimal("0.0200").places()), (2, 2));
        assert_eq!(decimal("1.50"), decimal("1.5"));
        assert_eq!([decimal("10").to_string(), decimal("0.050").to_string()], ["10", "0.05"]);
        assert_eq!(decimal("0.000000000001").places(), 12);
        for wrong in ["", ".5", "5.", "-1", "+1", "1e3", "0,02", "1.2.3", " 1", "0.0000000000001", "∞"] {
            assert!(wrong.parse::<Decimal>().is_err(), "{wrong}");
        }
        assert!("99999999999999999999".parse::<Decimal>().is_err());
    }

    #[test]
    fn money_is_written_with_its_places_and_compared_exactly() {
        let money = |minor, places| Money::new(minor, places).expect("money");
        assert_eq!(money(-5, 2).to_string(), "-0.05");
        assert_eq!([money(150, 2).to_string(), money(7, 0).to_string()], ["1.50", "7"]);
        assert!(money(10, 2).is_at_least(decimal("0.1")) && !money(9, 2).is_at_least(decimal("0.1")));
        assert!(money(0, 2).is_at_least(Decimal::ZERO));
        assert_eq!(money(1, 2).minus(money(3, 2)).map(Money::minor), Ok(-2));
        assert_eq!(money(1, 2).plus(money(1, 3)), Err(TooLarge));
        assert_eq!(money(i64::MAX, 2).plus(money(1, 2)), Err(TooLarge));
    }
}
