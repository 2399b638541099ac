//! Bytes as people and mail templates read them: two decimals in a unit, in whole-number arithmetic.

use crate::domain::Bytes;

/// Names of the units, by the power of the base.
const BINARY: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const DECIMAL: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];

/// A power of 1000 or 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    base: u64,
    power: u32,
}

impl Unit {
    /// The unit that has so many bytes; only MB, GB, TB and PB of either base are units of WHMCS.
    pub fn of_bytes(bytes: u64) -> Option<Unit> {
        let all = [1000, 1024].into_iter().flat_map(|base| (2..=5).map(move |power| Unit { base, power }));
        all.into_iter().find(|unit| unit.bytes() == bytes)
    }

    /// The unit of the same base that WHMCS calls so; itself where none is.
    pub fn called(self, name: Option<&str>) -> Unit {
        let power = DECIMAL.iter().position(|known| Some(*known) == name);
        power.and_then(|power| u32::try_from(power).ok()).map_or(self, |power| Unit { power, ..self })
    }

    /// The largest unit of the same base in which `amount` is at least one.
    pub fn fitting(self, amount: Bytes) -> Unit {
        let powers = (0..=5).rev().map(|power| Unit { power, ..self });
        powers.into_iter().find(|unit| unit.bytes() <= amount.get()).unwrap_or(Unit { power: 0, ..self })
    }

    /// Bytes of one unit.
    pub fn bytes(self) -> u64 {
        self.base.pow(self.power)
    }

    /// Its name as WHMCS writes it, whatever the base: `GB`.
    pub fn short_name(self) -> &'static str {
        DECIMAL[self.power as usize]
    }

    /// Its name that reports the base: `GiB` or `GB`.
    pub fn name(self) -> &'static str {
        let names = if self.base == 1024 { BINARY } else { DECIMAL };
        names[self.power as usize]
    }

    /// `amount` in this unit with two decimals, rounded half up.
    pub fn write(self, amount: Bytes) -> String {
        let (wide, unit) = (u128::from(amount.get()) * 100, u128::from(self.bytes()));
        hundredths(wide / unit + u128::from(wide % unit >= unit.div_ceil(2)))
    }
}

/// A number of hundredths with its point: 9341 is `93.41`.
pub(super) fn hundredths(number: u128) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: u64) -> Bytes {
        Bytes::new(count).expect("fits")
    }

    #[test]
    fn units_are_told_by_their_bytes() {
        let gib = Unit::of_bytes(1 << 30).expect("a unit");
        assert_eq!((gib.short_name(), gib.name()), ("GB", "GiB"));
        let gb = Unit::of_bytes(1_000_000_000).expect("a unit");
        assert_eq!((gb.short_name(), gb.name()), ("GB", "GB"));
        assert_eq!(Unit::of_bytes(1 << 50).map(Unit::name), Some("PiB"));
        assert_eq!(Unit::of_bytes(1024), None);
    }

    #[test]
    fn amounts_have_two_decimals_rounded_half_up() {
        let gb = Unit::of_bytes(1_000_000_000).expect("a unit");
        for (amount, text) in
            [(0, "0.00"), (4_999_999, "0.00"), (5_000_000, "0.01"), (93_410_000_000, "93.41")]
        {
            assert_eq!(gb.write(bytes(amount)), text);
        }
        assert_eq!(gb.write(Bytes::MAX), "9223372036.85");
    }

    #[test]
    fn a_unit_that_a_product_names_has_the_base_of_whmcss() {
        let gib = Unit::of_bytes(1 << 30).expect("a unit");
        let gb = Unit::of_bytes(1_000_000_000).expect("a unit");
        assert_eq!(
            (gib.called(Some("TB")).bytes(), gb.called(Some("TB")).bytes()),
            (1 << 40, 1_000_000_000_000)
        );
        assert_eq!((gib.called(None), gib.called(Some("furlong"))), (gib, gib));
        assert_eq!(gib.called(Some("MB")).write(bytes(3 << 19)), "1.50");
    }

    #[test]
    fn the_fitting_unit_is_the_largest_that_is_not_too_large() {
        let gib = Unit::of_bytes(1 << 30).expect("a unit");
        for (amount, name) in [(0, "B"), (1023, "B"), (1024, "KiB"), (100 << 30, "GiB"), (1 << 62, "PiB")] {
            assert_eq!(gib.fitting(bytes(amount)).name(), name);
        }
    }
}
