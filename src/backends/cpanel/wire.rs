//! WHM's values, seen by nobody else: numbers that come as numbers or texts, sizes with an `M`, and what is none.
//!
//! The manual's types are not those of the wire: the schema calls `disklimit` an integer, and every sample has the `M`.

use serde_json::Value;

use crate::backends::kit::json::whole;
use crate::domain::{Bytes, Limit, Timestamp};
use crate::http::excerpt;

/// How much of the panel's words is shown.
pub(super) const SHOWN: usize = 200;
/// How much of a strange value is shown.
const VALUE_SHOWN: usize = 40;

/// The megabyte of WHM, in bytes.
pub(super) const MEBIBYTE: u64 = 1 << 20;

/// From this on a bandwidth limit is "none": old builds write 999999999999990.
const NO_LIMIT: u64 = 999_000_000_000_000;

/// Something that is on or off.
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(on) => Some(*on),
        other => match whole(other)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
    }
}

/// A text with something in it; `*unknown*` stands for none.
pub(super) fn text<'a>(row: &'a Value, key: &str) -> Option<&'a str> {
    let text = row.get(key)?.as_str()?.trim();
    (!text.is_empty() && text != "*unknown*").then_some(text)
}

/// A whole number that is not negative, or what came in its place.
pub(super) fn count(row: &Value, key: &str) -> Result<u64, String> {
    match row.get(key) {
        None | Some(Value::Null) => Err(format!("{key} is absent")),
        Some(value) => whole(value).ok_or_else(|| format!("{key} is {}, not a whole number", shown(value))),
    }
}

/// A number of units of so many bytes.
pub(super) fn size(row: &Value, key: &str, unit: u64) -> Result<Bytes, String> {
    bytes(key, count(row, key)?, unit)
}

/// Mebibytes with their `M`; `none`, `false` and the like are no figure.
pub(super) fn mebibytes(row: &Value, key: &str) -> Result<Bytes, String> {
    let value = row.get(key).filter(|value| !value.is_null()).ok_or_else(|| format!("{key} is absent"))?;
    let digits = value.as_str().and_then(|text| text.trim().strip_suffix('M')).map(Value::from);
    let count = digits.as_ref().and_then(whole);
    bytes(key, count.ok_or_else(|| format!("{key} is {}, not mebibytes like 731M", shown(value)))?, MEBIBYTE)
}

/// What an account may store by its `disklimit`: `unlimited`, mebibytes with or without their `M`.
pub(super) fn disk_limit(row: &Value) -> Limit {
    let Some(value) = row.get("disklimit") else { return Limit::Unknown };
    let text = value.as_str().map(|text| text.trim().trim_end_matches('M').to_string());
    match text.as_deref() {
        Some("unlimited") => Limit::Unlimited,
        _ => limit(text.map(Value::from).as_ref().unwrap_or(value), MEBIBYTE),
    }
}

/// What an account may move in a month by its `limit`; 0 and anything near 10^15 is no limit.
pub(super) fn bandwidth_limit(row: &Value) -> Limit {
    match row.get("limit") {
        None => Limit::Unknown,
        Some(value) if value.as_str() == Some("unlimited") => Limit::Unlimited,
        Some(value) if whole(value).is_some_and(|bytes| bytes >= NO_LIMIT) => Limit::Unlimited,
        Some(value) => limit(value, 1),
    }
}

/// A limit as a number of units; 0 is none at all.
fn limit(value: &Value, unit: u64) -> Limit {
    let size = whole(value).and_then(|count| Bytes::new(count.checked_mul(unit)?).ok());
    Limit::of_door(size)
}

/// When an account was made; 0, an empty text and `false` are "not told".
pub(super) fn created(row: &Value) -> Option<Timestamp> {
    let seconds = whole(row.get("unix_startdate")?).filter(|seconds| *seconds > 0)?;
    Timestamp::new(i64::try_from(seconds).ok()?).ok()
}

fn bytes(key: &str, count: u64, unit: u64) -> Result<Bytes, String> {
    let wide = i128::from(count) * i128::from(unit);
    Bytes::from_wide(wide).map_err(|error| format!("{key} is out of range: {error}"))
}

fn shown(value: &Value) -> String {
    excerpt(&value.to_string(), VALUE_SHOWN)
}

/// A text of HTML without its tags; a blank stands for each.
pub(super) fn without_tags(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut is_tag = false;
    for c in text.chars() {
        match c {
            '<' if !is_tag => (is_tag, _) = (true, plain.push(' ')),
            '>' if is_tag => is_tag = false,
            c if !is_tag => plain.push(c),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn up_to(bytes: u64) -> Limit {
        Limit::UpTo(Bytes::new(bytes).expect("in range"))
    }

    #[test]
    fn figures_are_whole_or_named() {
        let read = |value: Value| size(&json!({ "blocks_used": value }), "blocks_used", 1024).map(Bytes::get);
        assert_eq!((read(json!(7)), read(json!("7")), read(json!(0))), (Ok(7168), Ok(7168), Ok(0)));
        for odd in [
            json!(null),
            json!(-1),
            json!(1.5),
            json!(""),
            json!([7]),
            json!(1e3),
            json!(u64::MAX),
            json!(true),
        ] {
            let told = read(odd.clone());
            assert!(told.as_ref().is_err_and(|told| told.contains("blocks_used")), "{odd}: {told:?}");
        }
        assert_eq!(count(&json!({}), "totalbytes"), Err("totalbytes is absent".into()));
    }

    #[test]
    fn mebibytes_have_their_letter_and_nothing_is_not_zero() {
        let read = |value: Value| mebibytes(&json!({ "diskused": value }), "diskused").map(Bytes::get);
        assert_eq!((read(json!("731M")), read(json!("0M"))), (Ok(731 << 20), Ok(0)));
        for none in
            [json!(""), json!("none"), json!(false), json!(null), json!(731), json!("7G"), json!("-1M")]
        {
            assert!(read(none.clone()).is_err(), "{none}");
        }
        assert!(mebibytes(&json!({}), "diskused").is_err());
    }

    #[test]
    fn limits_are_told_in_every_spelling() {
        let disk = |value: Value| disk_limit(&json!({ "disklimit": value }));
        for (value, limit) in [
            (json!("unlimited"), Limit::Unlimited),
            (json!("2048M"), up_to(2048 << 20)),
            (json!("3531007M"), up_to(3_531_007 << 20)),
            (json!(2048), up_to(2048 << 20)),
            (json!("0M"), Limit::Unlimited),
            (json!("*unknown*"), Limit::Unknown),
            (json!(null), Limit::Unknown),
        ] {
            assert_eq!(disk(value.clone()), limit, "{value}");
        }
        let bandwidth = |value: Value| bandwidth_limit(&json!({ "limit": value }));
        for (value, limit) in [
            (json!(0), Limit::Unlimited),
            (json!("0"), Limit::Unlimited),
            (json!("unlimited"), Limit::Unlimited),
            (json!("999999999999990"), Limit::Unlimited),
            (json!("1049624576"), up_to(1_049_624_576)),
            (json!(""), Limit::Unknown),
            (json!(-5), Limit::Unknown),
        ] {
            assert_eq!(bandwidth(value.clone()), limit, "{value}");
        }
        assert_eq!((disk_limit(&json!({})), bandwidth_limit(&json!({}))), (Limit::Unknown, Limit::Unknown));
    }

    #[test]
    fn a_start_is_told_or_not() {
        let read = |value: Value| created(&json!({ "unix_startdate": value })).map(Timestamp::get);
        assert_eq!(read(json!(1_675_759_260)), Some(1_675_759_260));
        assert_eq!(read(json!("1730574300")), Some(1_730_574_300));
        for none in [json!(0), json!("0"), json!(""), json!(false), json!(null)] {
            assert_eq!(read(none.clone()), None, "{none}");
        }
        let row = json!({ "domain": " ", "email": "*unknown*", "plan": "Start 2G" });
        assert_eq!(
            (text(&row, "domain"), text(&row, "email"), text(&row, "plan")),
            (None, None, Some("Start 2G"))
        );
        assert_eq!(without_tags("<script>a < b</script>x<br />y"), " a  x y");
    }
}
