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

/// Bytes in the largest unit that leaves a whole number before the point, three digits in all: "912 B", "1.23 GB". `base` is
/// what a unit is a power of.
pub(crate) fn sized(bytes: Bytes, base: Base) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let step = Unit::MB.bytes(base).isqrt();
    let (mut unit, mut of) = (0, 1_u64);
    // What would be shown as a thousand of a unit is one of the next.
    while unit + 1 < UNITS.len() && (bytes.get() / of >= 1000 || bytes.get() >= of.saturating_mul(step)) {
        (unit, of) = (unit + 1, of * step);
    }
    let hundredths = u128::from(bytes.get()) * 100 / u128::from(of);
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    let digits = match whole {
        _ if unit == 0 => whole.to_string(),
        0..=9 => format!("{whole}.{rest:02}"),
        10..=99 => format!("{whole}.{}", rest / 10),
        _ => whole.to_string(),
    };
    format!("{digits} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits_and_never_more_than_there_is() {
        let [binary, decimal] = [1024, 1000].map(|base| Base::try_from(base).expect("a base"));
        for (bytes, base, shown) in [
            (0, binary, "0 B"),
            (999, binary, "999 B"),
            (1000, binary, "0.97 kB"),
            (1000, decimal, "1.00 kB"),
            (1_048_575, binary, "0.99 MB"),
            (1_048_576, binary, "1.00 MB"),
            (12_345_678_901, decimal, "12.3 GB"),
            (999_999_999_999, decimal, "999 GB"),
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
