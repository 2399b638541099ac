//! Amounts as DirectAdmin writes them: bytes, megabytes with decimals, limits that may be none. Pure.

use crate::domain::{Bytes, Limit};

/// A megabyte of DirectAdmin. Nowhere said, and consistent with what `bytes=yes` shows.
const MEGABYTE: u128 = 1 << 20;

/// More decimals than that no build has ever written.
const DECIMALS: usize = 9;

/// What a figure or a limit is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Whole bytes.
    Bytes,
    /// Megabytes, with or without decimals.
    Megabytes,
}

/// Megabytes with decimals as bytes, rounded to the nearest; none for what is no such number, a negative one among them.
pub(super) fn megabytes(text: &str) -> Option<Bytes> {
    let (whole, decimals) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(decimals) || decimals.len() > DECIMALS {
        return None;
    }
    let unit = 10_u128.pow(u32::try_from(decimals.len()).ok()?);
    let count: u128 = format!("{whole}{decimals}").parse().ok()?;
    let bytes = (count.checked_mul(MEGABYTE)? + unit / 2) / unit;
    Bytes::new(u64::try_from(bytes).ok()?).ok()
}

/// A figure in a unit, or what is wrong with it; `what` names it.
pub(super) fn figure(what: &str, text: Option<&str>, unit: Unit) -> Result<Bytes, String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| format!("{what} is absent"))?;
    let shown = || crate::http::excerpt(text, 40);
    match unit {
        Unit::Megabytes => {
            megabytes(text).ok_or_else(|| format!("{what} is {:?}, no number of megabytes", shown()))
        }
        Unit::Bytes => {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let number: Option<u128> = text.parse().ok().filter(|_| digits);
            let number = number.ok_or_else(|| format!("{what} is {:?}, not whole bytes", shown()))?;
            Bytes::from_wide(number.try_into().unwrap_or(i128::MAX))
                .map_err(|error| format!("{what} is out of range: {error}"))
        }
    }
}

/// A limit: `unlimited`, nothing or a negative number is none, and an absent one is not known. One of 0 decides nothing
/// either: whether it means "nothing at all" is nowhere said.
pub(super) fn limit(text: Option<&str>, unit: Unit) -> Limit {
    let Some(text) = text.map(str::trim) else { return Limit::Unknown };
    let is_negative = text.strip_prefix('-').is_some_and(|number| number.parse::<f64>().is_ok());
    if text.is_empty() || text.eq_ignore_ascii_case("unlimited") || is_negative {
        return Limit::Unlimited;
    }
    match figure("limit", Some(text), unit) {
        Ok(size) if size > Bytes::ZERO => Limit::UpTo(size),
        _ => Limit::Unknown,
    }
}

/// What may be moved with so much on top: megabytes, as the configuration tells them.
pub(super) fn with_extra(limit: Limit, extra: Option<&str>) -> Limit {
    let Limit::UpTo(size) = limit else { return limit };
    let extra = match extra.map(str::trim) {
        None | Some("") => Some(Bytes::ZERO),
        Some(text) => megabytes(text),
    };
    extra.and_then(|extra| size.checked_add(extra)).map_or(Limit::Unknown, Limit::UpTo)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: u64) -> Bytes {
        Bytes::new(count).expect("fits")
    }

    #[test]
    fn megabytes_are_read_to_the_byte_and_nonsense_is_none() {
        for (text, count) in [
            ("0", Some(0)),
            ("701.0", Some(735_051_776)),
            (" 731.0436 ", Some(766_554_774)),
            ("0.0000001", Some(0)),
            ("12.", Some(12 << 20)),
            ("8796093022207", Some(8_796_093_022_207 << 20)),
            ("8796093022208", None),
            ("-1", None),
            (".5", None),
            ("1e3", None),
            ("1,5", None),
            ("", None),
            ("unlimited", None),
        ] {
            assert_eq!(megabytes(text), count.map(bytes), "{text}");
        }
    }

    #[test]
    fn a_limit_that_is_none_is_distinguished_from_one_that_is_not_told() {
        let up_to = |count| Limit::UpTo(bytes(count));
        for (text, limited) in [
            (None, Limit::Unknown),
            (Some(""), Limit::Unlimited),
            (Some("Unlimited"), Limit::Unlimited),
            (Some("-1"), Limit::Unlimited),
            (Some("2048"), up_to(2 << 30)),
            (Some("0"), Limit::Unknown),
            (Some("shared"), Limit::Unknown),
        ] {
            assert_eq!(limit(text, Unit::Megabytes), limited, "{text:?}");
        }
        assert_eq!(limit(Some("2147483648"), Unit::Bytes), up_to(2 << 30));
        assert_eq!(limit(Some("12.5"), Unit::Bytes), Limit::Unknown);
        assert_eq!(with_extra(up_to(5), Some("1")), up_to(5 + (1 << 20)));
        assert_eq!(with_extra(up_to(5), None), up_to(5));
        assert_eq!(with_extra(up_to(5), Some("much")), Limit::Unknown);
        assert_eq!(with_extra(Limit::Unlimited, Some("1")), Limit::Unlimited);
    }

    #[test]
    fn bytes_are_whole() {
        assert_eq!(figure("quota usage", Some("766554931"), Unit::Bytes), Ok(bytes(766_554_931)));
        for text in
            ["701.0", "-1", "1e3", "+5", "9223372036854775808", "99999999999999999999999999999999999999999"]
        {
            let why = figure("quota usage", Some(text), Unit::Bytes).expect_err(text);
            assert!(why.starts_with("quota usage is "), "{why}");
        }
        assert_eq!(figure("quota usage", None, Unit::Bytes), Err("quota usage is absent".into()));
    }
}
