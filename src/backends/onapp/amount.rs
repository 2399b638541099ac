//! Figures of the panel in bytes: numbers or texts, whole or with a decimal point, in units of its own. Pure.
//!
//! Exact: no figure goes through a float.

use serde_json::Value;

use crate::backends::kit::json::type_of;
use crate::domain::Bytes;
use crate::http::excerpt;

/// How much of a strange value is shown.
const SHOWN: usize = 40;

/// More digits than any figure has.
const MOST_DIGITS: usize = 24;

/// Bytes of a whole number of units; `key` is its name on the wire. One that is not whole is none.
pub(super) fn whole(key: &str, value: Option<&Value>, unit: u64) -> Result<Bytes, String> {
    let decimal = decimal(key, value)?;
    match decimal.digits % decimal.of == 0 {
        true => decimal.bytes(key, unit),
        false => Err(format!("{key} is {}, not a whole number", shown(value))),
    }
}

/// Bytes of a number of units that may have decimals, rounded half up to a byte.
pub(super) fn rounded(key: &str, value: Option<&Value>, unit: u64) -> Result<Bytes, String> {
    decimal(key, value)?.bytes(key, unit)
}

/// `digits` divided by `of`, a power of ten.
struct Decimal {
    digits: u128,
    of: u128,
}

impl Decimal {
    fn bytes(&self, key: &str, unit: u64) -> Result<Bytes, String> {
        let too_large = || format!("{key} is out of range: more than 2^63 bytes");
        let product = self.digits.checked_mul(unit.into()).ok_or_else(too_large)?;
        let bytes = (product + self.of / 2) / self.of;
        u64::try_from(bytes).ok().and_then(|bytes| Bytes::new(bytes).ok()).ok_or_else(too_large)
    }
}

fn decimal(key: &str, value: Option<&Value>) -> Result<Decimal, String> {
    let text = match value {
        None | Some(Value::Null) => return Err(format!("{key} is absent")),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) if text.trim().is_empty() => return Err(format!("{key} is empty")),
        Some(Value::String(text)) => text.trim().to_string(),
        Some(_) => String::new(),
    };
    read(&text).ok_or_else(|| format!("{key} is {}, not a number of units", shown(value)))
}

/// Digits with one point at most, and the exponent that a float may be written with.
fn read(text: &str) -> Option<Decimal> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (before, after) = number.split_once('.').unwrap_or((number, ""));
    let after = after.trim_end_matches('0');
    let digits = format!("{before}{after}");
    let is_number = !before.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || digits.len() > MOST_DIGITS || !(-12..=18).contains(&exponent) {
        return None;
    }
    let mut decimal = Decimal { digits: digits.parse().ok()?, of: 10_u128.checked_pow(after.len() as u32)? };
    let power = 10_u128.pow(exponent.unsigned_abs());
    match exponent >= 0 {
        true => decimal.digits = decimal.digits.checked_mul(power)?,
        false => decimal.of = decimal.of.checked_mul(power)?,
    }
    Some(decimal)
}

fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => format!("{:?}", excerpt(text, SHOWN)),
        Some(other) => type_of(other).to_string(),
        None => "absent".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn get(outcome: Result<Bytes, String>) -> Option<u64> {
        outcome.ok().map(Bytes::get)
    }

    #[test]
    fn units_become_bytes_to_the_byte_and_nonsense_is_named() {
        for (value, bytes) in [
            (json!(2512), Some(2512 << 10)),
            (json!("23692.0"), Some(23_692 << 10)),
            (json!(52.0), Some(52 << 10)),
            (json!("1.5e3"), Some(1500 << 10)),
            (json!(1e3), Some(1000 << 10)),
            (json!(0), Some(0)),
            (json!(-1), None),
            (json!(1.5), None),
            (json!("1.5"), None),
            (json!("NaN"), None),
            (json!("unlimited"), None),
            (json!(""), None),
            (json!(null), None),
            (json!(true), None),
            (json!([7]), None),
            (json!("1.2.3"), None),
            (json!("."), None),
            (json!(u64::MAX), None),
            (json!(2.342100018167e28), None),
        ] {
            assert_eq!(get(whole("data_sent", Some(&value), 1024)), bytes, "{value}");
            if bytes.is_none() {
                let error = whole("data_sent", Some(&value), 1024).expect_err("none");
                assert!(error.contains("data_sent"), "{error}");
            }
        }
        assert_eq!(get(rounded("value", Some(&json!("188.42")), 1 << 20)), Some(197_572_690));
        assert_eq!(get(rounded("value", Some(&json!("0.0000005")), 1_000_000)), Some(1));
        assert_eq!(get(rounded("value", Some(&json!("188.42")), 1_000_000)), Some(188_420_000));
        assert!(whole("data_sent", None, 1).is_err());
    }

    proptest! {
        #[test]
        fn decimals_round_to_the_nearest_byte(units in 0_u64..1 << 30, hundredths in 0_u64..100) {
            let text = format!("{units}.{hundredths:02}");
            let exact = (u128::from(units) * 100 + u128::from(hundredths)) * 1024;
            let nearest = ((exact + 50) / 100) as u64;
            prop_assert_eq!(get(rounded("value", Some(&json!(text)), 1024)), Some(nearest));
        }
    }
}
