//! Numbers as people read them.

use crate::domain::Bytes;
use crate::reported::{Base, Unit};

/// Bytes with thousands apart, for people.
pub(crate) fn grouped(number: impl std::fmt::Display) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0
            && (digits.len() - index).is_multiple_of(3)
            && digit.is_ascii_digit()
            && !out.ends_with('-')
        {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// Bytes in the smallest unit in which they are less than a thousand, rounded to three digits: "912 B", "1.23 GB". `base` is
/// what a unit is a power of.
pub(crate) fn sized(bytes: Bytes, base: Base) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (bytes, step) = (u128::from(bytes.get()), u128::from(Unit::MB.bytes(base).isqrt()));
    let mut of = 1;
    for (number, unit) in UNITS.iter().enumerate() {
        // As many digits after the point as leave three in all.
        for decimals in if number == 0 { 0..=0 } else { 0..=2 }.rev() {
            let scale = 10_u128.pow(decimals);
            let rounded = (bytes * scale * 2 + of) / (of * 2);
            let is_last = number + 1 == UNITS.len() && decimals == 0;
            if rounded >= 1000 && !is_last {
                continue;
            }
            let (whole, rest, width) = (rounded / scale, rounded % scale, decimals as usize);
            return if decimals == 0 {
                format!("{whole} {unit}")
            } else {
                format!("{whole}.{rest:0width$} {unit}")
            };
        }
        of *= step;
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_to_three_digits() {
        let [binary, decimal] = [1024, 1000].map(|base| Base::try_from(base).expect("a base"));
        for (bytes, base, shown) in [
            (0, binary, "0 B"),
            (999, binary, "999 B"),
            (1000, binary, "0.98 kB"),
            (1000, decimal, "1.00 kB"),
            (1_048_575, binary, "1.00 MB"),
            (1_048_576, binary, "1.00 MB"),
            (12_345_678_901, decimal, "12.3 GB"),
            (999_999_999_999, decimal, "1.00 TB"),
            (999_499_999_999, decimal, "999 GB"),
            (9_995, decimal, "10.0 kB"),
            (87_960_930_222_080, binary, "80.0 TB"),
            (9_007_199_254_740_992_000, binary, "8000 PB"),
        ] {
            assert_eq!(sized(Bytes::new(bytes).expect("fits"), base), shown);
        }
    }

    #[test]
    fn thousands_stand_apart_and_signs_do_not() {
        assert_eq!([grouped(-100), grouped(-1000), grouped(999)], ["-100", "-1 000", "999"]);
    }
}
