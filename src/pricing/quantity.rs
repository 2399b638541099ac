//! An exact number of bytes that need not be whole: byte-minutes over minutes.

use super::decimal::TooLarge;
use crate::domain::{ByteMinutes, Bytes, Minutes};

/// `product / minutes` bytes. Bytes that passed, or a level at one moment, have one minute.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    product: u128,
    minutes: u64,
}

/// Quantities are compared as the numbers they are.
impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        let across = |one: &Quantity, two: &Quantity| one.product.checked_mul(u128::from(two.minutes));
        match (across(self, other), across(other, self)) {
            (Some(one), Some(two)) => one == two,
            _ => (self.product, self.minutes) == (other.product, other.minutes),
        }
    }
}

impl Quantity {
    /// Whole bytes.
    pub fn of(bytes: Bytes) -> Quantity {
        Quantity { product: u128::from(bytes.get()), minutes: 1 }
    }

    /// What was held, spread over `minutes`; `None` over no time.
    pub fn average(held: ByteMinutes, minutes: Minutes) -> Option<Quantity> {
        let minutes = Some(minutes.get()).filter(|minutes| *minutes > 0)?;
        Some(Quantity { product: held.get(), minutes })
    }

    /// Bytes times minutes.
    pub fn product(self) -> ByteMinutes {
        ByteMinutes::new(self.product)
    }

    /// The minutes the product is divided by; never zero.
    pub fn minutes(self) -> Minutes {
        Minutes::new(self.minutes)
    }

    /// Whole bytes, the rest cut off.
    pub fn floor(self) -> u128 {
        self.product / u128::from(self.minutes)
    }

    /// What there is beyond `included`; `None` where there is nothing.
    pub fn beyond(self, included: Bytes) -> Option<Quantity> {
        // 2^63 times 2^64 fits.
        let free = u128::from(included.get()) * u128::from(self.minutes);
        let product = self.product.checked_sub(free).filter(|product| *product > 0)?;
        Some(Quantity { product, minutes: self.minutes })
    }

    /// `product` and the divisor of it when counted in units of `unit` bytes.
    pub(super) fn in_units(self, unit: Bytes) -> Result<(u128, u128), TooLarge> {
        match unit.get() {
            0 => Err(TooLarge),
            unit => Ok((self.product, u128::from(self.minutes) * u128::from(unit))),
        }
    }

    /// In units of `unit` bytes with three places, for people.
    pub fn shown(self, unit: Bytes) -> String {
        let Ok((product, divisor)) = self.in_units(unit) else { return "?".into() };
        let (whole, rest) = (product / divisor, product % divisor);
        // Half up; a rest times 2000 may not fit where the divisor is beyond any unit that is used.
        let thousandths = rest.checked_mul(2000).map_or(0, |twice| (twice + divisor) / (2 * divisor));
        let (whole, thousandths) = (whole + thousandths / 1000, thousandths % 1000);
        let text = format!("{whole}.{thousandths:03}");
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: u64) -> Bytes {
        Bytes::new(count).expect("fits")
    }

    #[test]
    fn quantities_are_exact_and_compare_as_numbers() {
        let third = Quantity::average(ByteMinutes::new(100), Minutes::new(3)).expect("time");
        assert_eq!((third.floor(), third.shown(bytes(1))), (33, "33.333".into()));
        assert_eq!(Quantity::average(ByteMinutes::new(200), Minutes::new(6)), Some(third));
        assert_ne!(Quantity::of(bytes(33)), third);
        assert_eq!(third.beyond(bytes(33)).map(|rest| rest.product().get()), Some(1));
        assert!(third.beyond(bytes(34)).is_none());
        assert_eq!(Quantity::average(ByteMinutes::new(1), Minutes::ZERO), None);
        assert_eq!(Quantity::of(bytes(1_999_999)).shown(bytes(1_000_000)), "2");
    }
}
