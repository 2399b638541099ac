//! Bytes as WHMCS wants them: decimal numbers in a unit, rounded once, in whole-number arithmetic.

use serde::Deserialize;

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
const SCALE: u128 = 100_000;

impl Unit {
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

/// `amount` in units of `unit` bytes, five places, rounded half up.
pub fn decimal(amount: Bytes, unit: u64) -> String {
    written(rounded(u128::from(amount.get()) * SCALE, unit.into()))
}

/// Byte-minutes as unit-months: held all month, one unit is 1.00000.
pub fn unit_months(held: ByteMinutes, unit: u64, month: Minutes) -> Option<String> {
    if month == Minutes::ZERO {
        return None;
    }
    let scaled = held.get().checked_mul(SCALE)?;
    Some(written(rounded(scaled, u128::from(unit) * u128::from(month.get()))))
}

/// Whole megabytes, to the nearest.
pub fn whole_megabytes(amount: Bytes, base: Base) -> u64 {
    let nearest = rounded(amount.get().into(), Unit::MB.bytes(base).into());
    u64::try_from(nearest).unwrap_or(u64::MAX)
}

fn rounded(number: u128, by: u128) -> u128 {
    number / by + u128::from(number % by >= by.div_ceil(2))
}

fn written(scaled: u128) -> String {
    format!("{}.{:0places$}", scaled / SCALE, scaled % SCALE, places = PLACES)
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
        assert_eq!(decimal(Bytes::ZERO, gib), "0.00000");
        assert_eq!(decimal(bytes(100 << 30), gib), "100.00000");
        assert_eq!(decimal(bytes(4_999), gb), "0.00000");
        assert_eq!(decimal(bytes(5_000), gb), "0.00001");
        assert_eq!(decimal(bytes(1_234_567_890), gb), "1.23457");
        assert_eq!(decimal(Bytes::MAX, gb), "9223372036.85478");
    }

    #[test]
    fn a_hundred_gigabytes_for_half_a_month_are_fifty_gigabyte_months() {
        let gb = Unit::GB.bytes(Base(1000));
        let held = bytes(100_000_000_000).held_for(Minutes::new(15 * 1440));
        assert_eq!(unit_months(held, gb, Minutes::new(30 * 1440)), Some("50.00000".into()));
        assert_eq!(unit_months(held, gb, Minutes::ZERO), None);
    }

    #[test]
    fn megabytes_go_to_the_nearest() {
        assert_eq!(whole_megabytes(bytes((1 << 20) / 2), Base(1024)), 1);
        assert_eq!(whole_megabytes(bytes((1 << 20) / 2 - 1), Base(1024)), 0);
    }
}
