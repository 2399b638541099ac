//! Bytes as WHMCS wants them: decimal numbers in a unit, rounded once, in whole-number arithmetic.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::domain::{ByteMinutes, Bytes, Minutes};

/// The unit WHMCS prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Unit {
    /// Megabytes.
    MB,
    /// Gigabytes.
    #[default]
    GB,
    /// Terabytes.
    TB,
    /// Petabytes.
    PB,
}

/// What a unit is a power of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct Base(u32);

impl TryFrom<u32> for Base {
    type Error = String;
    fn try_from(base: u32) -> Result<Base, String> {
        match base {
            1000 | 1024 => Ok(Base(base)),
            other => Err(format!("{other} is not a base; expected 1024 (GB means GiB) or 1000")),
        }
    }
}

impl Default for Base {
    fn default() -> Base {
        Base(1024)
    }
}

/// Digits after the point: as many as WHMCS keeps.
const PLACES: usize = 5;

/// A number is so many parts of a whole: hundred-thousandths.
pub const SCALE: u64 = 100_000;

/// A number with five places, exact. Written as a text, so that it is not read as floating point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    scaled: u128,
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(|text| f.write_str(text))
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write(|text| serializer.serialize_str(text))
    }
}

impl Decimal {
    /// Ten thousands of these are written per answer: on the stack, from the last digit backwards.
    fn write<T>(&self, put: impl FnOnce(&str) -> T) -> T {
        let mut text = [b'0'; 48];
        let (mut at, mut left) = (text.len(), self.scaled);
        while left > 0 || text.len() - at <= PLACES + 1 {
            at -= 1;
            if text.len() - at == PLACES + 1 {
                text[at] = b'.';
                continue;
            }
            text[at] = b'0' + (left % 10) as u8;
            left /= 10;
        }
        put(std::str::from_utf8(&text[at..]).unwrap_or_default())
    }
}

impl Unit {
    /// Its name, as it is configured.
    pub fn name(self) -> &'static str {
        match self {
            Unit::MB => "MB",
            Unit::GB => "GB",
            Unit::TB => "TB",
            Unit::PB => "PB",
        }
    }

    /// The bytes of one unit.
    pub fn bytes(self, base: Base) -> u64 {
        let power = match self {
            Unit::MB => 2,
            Unit::GB => 3,
            Unit::TB => 4,
            Unit::PB => 5,
        };
        u64::from(base.0).pow(power)
    }
}

impl Decimal {
    /// So many hundred-thousandths.
    pub fn new(scaled: u128) -> Decimal {
        Decimal { scaled }
    }

    /// Its hundred-thousandths.
    pub fn scaled(self) -> u128 {
        self.scaled
    }
}

/// A number with five places that may be below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed(i128);

impl Signed {
    /// So many hundred-thousandths.
    pub fn new(scaled: i128) -> Signed {
        Signed(scaled)
    }

    /// Whether it is nothing at all.
    pub fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", Decimal::new(self.0.unsigned_abs()))
    }
}

impl Serialize for Signed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 >= 0 {
            return Decimal::new(self.0.unsigned_abs()).serialize(serializer);
        }
        serializer.collect_str(self)
    }
}

/// `amount` in units of `unit` bytes, five places, rounded half up.
pub fn decimal(amount: Bytes, unit: u64) -> Decimal {
    Decimal { scaled: rounded(u128::from(amount.get()) * u128::from(SCALE), unit.into()) }
}

/// Byte-minutes as unit-months: held all month, one unit is 1.00000.
pub fn unit_months(held: ByteMinutes, unit: u64, month: Minutes) -> Option<Decimal> {
    if month == Minutes::ZERO {
        return None;
    }
    let scaled = held.get().checked_mul(SCALE.into())?;
    Some(Decimal { scaled: rounded(scaled, u128::from(unit) * u128::from(month.get())) })
}

/// Whole megabytes, to the nearest.
pub fn whole_megabytes(amount: Bytes, base: Base) -> u64 {
    let nearest = rounded(amount.get().into(), Unit::MB.bytes(base).into());
    u64::try_from(nearest).unwrap_or(u64::MAX)
}

fn rounded(number: u128, by: u128) -> u128 {
    number / by + u128::from(number % by >= by.div_ceil(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: u64) -> Bytes {
        Bytes::new(count).expect("fits")
    }

    #[test]
    fn values_have_five_places_and_round_half_up_once() {
        let gib = Unit::GB.bytes(Base(1024));
        let gb = Unit::GB.bytes(Base(1000));
        let table = [
            (Bytes::ZERO, gib, "0.00000"),
            (bytes(100 << 30), gib, "100.00000"),
            (bytes(4_999), gb, "0.00000"),
            (bytes(5_000), gb, "0.00001"),
            (bytes(1_234_567_890), gb, "1.23457"),
            (bytes(20_000_000_000), gb, "20.00000"),
            (Bytes::MAX, gb, "9223372036.85478"),
            (Bytes::MAX, 1, "9223372036854775807.00000"),
        ];
        for (amount, unit, text) in table {
            assert_eq!(decimal(amount, unit).to_string(), text);
            assert_eq!(serde_json::to_string(&decimal(amount, unit)).expect("JSON"), format!("\"{text}\""));
        }
    }

    #[test]
    fn a_hundred_gigabytes_for_half_a_month_are_fifty_gigabyte_months() {
        let gb = Unit::GB.bytes(Base(1000));
        let held = bytes(100_000_000_000).held_for(Minutes::new(15 * 1440));
        assert_eq!(
            unit_months(held, gb, Minutes::new(30 * 1440)).map(|sum| sum.to_string()),
            Some("50.00000".into())
        );
        assert_eq!(unit_months(held, gb, Minutes::ZERO), None);
    }

    #[test]
    fn megabytes_go_to_the_nearest() {
        assert_eq!(whole_megabytes(bytes((1 << 20) / 2), Base(1024)), 1);
        assert_eq!(whole_megabytes(bytes((1 << 20) / 2 - 1), Base(1024)), 0);
    }
}
