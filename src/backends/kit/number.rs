//! Values that panels write in more than one way: a number as a number, as a text, or not at all. Read without copying.
//!
//! What cannot be the number it should be is kept as it came, so that it can be named; nothing here invents one.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::domain::Bytes;
use crate::http::excerpt;

/// How much of a strange value is shown.
const SHOWN: usize = 40;

/// A text, where one came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(Option<Cow<'a, str>>);

impl Text<'_> {
    /// The text; none where it is absent or empty.
    pub fn text(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }
}

/// A number that counts something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Figure<'a> {
    /// Not there, `null` or an empty text.
    #[default]
    Absent,
    /// A whole number.
    Whole(u64),
    /// Something else, as it came.
    Odd(Cow<'a, str>),
}

impl<'a> Figure<'a> {
    /// The number, where it is one.
    pub fn whole(&self) -> Option<u64> {
        match self {
            Figure::Whole(number) => Some(*number),
            _ => None,
        }
    }

    /// The number as bytes, or what is wrong with it; `key` is its name on the wire.
    pub fn bytes(&self, key: &str) -> Result<Bytes, String> {
        match self {
            Figure::Whole(number) => {
                Bytes::new(*number).map_err(|error| format!("{key} is out of range: {error}"))
            }
            Figure::Absent => Err(format!("{key} is absent")),
            Figure::Odd(came) => Err(format!("{key} is {came:?}, not a whole number")),
        }
    }

    fn from_float(number: f64) -> Figure<'a> {
        // Above 2^53 a float no longer distinguishes neighbours: bytes would be invented.
        match (0.0..9_007_199_254_740_992.0).contains(&number) && number.fract() == 0.0 {
            true => Figure::Whole(number as u64),
            false => Figure::Odd(number.to_string().into()),
        }
    }

    fn from_text(text: Cow<'a, str>) -> Figure<'a> {
        if text.trim().is_empty() {
            return Figure::Absent;
        }
        if let Ok(number) = text.trim().parse::<u64>() {
            return Figure::Whole(number);
        }
        let float = text.trim().parse().map(Figure::from_float);
        match float {
            Ok(whole @ Figure::Whole(_)) => whole,
            _ => Figure::Odd(excerpt(&text, SHOWN).into()),
        }
    }
}

/// Takes any value and says what it is.
struct Anything;

/// Any value as it came.
enum Came<'a> {
    Nothing,
    Whole(u64),
    Float(f64),
    Text(Cow<'a, str>),
    Strange(Cow<'a, str>),
}

impl<'de> Visitor<'de> for Anything {
    type Value = Came<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Came<'de>, E> {
        Ok(Came::Whole(value.into()))
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Came<'de>, E> {
        Ok(Came::Whole(value))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Came<'de>, E> {
        Ok(u64::try_from(value).map_or_else(|_| Came::Strange(value.to_string().into()), Came::Whole))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Came<'de>, E> {
        Ok(Came::Float(value))
    }
    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Came<'de>, E> {
        Ok(Came::Text(Cow::Borrowed(value)))
    }
    fn visit_str<E: de::Error>(self, value: &str) -> Result<Came<'de>, E> {
        Ok(Came::Text(value.to_string().into()))
    }
    fn visit_unit<E: de::Error>(self) -> Result<Came<'de>, E> {
        Ok(Came::Nothing)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Came<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Came::Strange("a list".into()))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Came<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Came::Strange("an object".into()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Text<'a>, D::Error> {
        Ok(Text(match from.deserialize_any(Anything)? {
            Came::Text(text) => Some(text),
            Came::Whole(number) => Some(number.to_string().into()),
            Came::Float(number) => Some(number.to_string().into()),
            Came::Nothing | Came::Strange(_) => None,
        }))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Figure<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Figure<'a>, D::Error> {
        Ok(match from.deserialize_any(Anything)? {
            Came::Nothing => Figure::Absent,
            Came::Whole(number) => Figure::Whole(number),
            Came::Float(number) => Figure::from_float(number),
            Came::Text(text) => Figure::from_text(text),
            Came::Strange(came) => Figure::Odd(came),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_come_as_many_things_and_nonsense_is_kept_to_be_named() {
        let odd = |text: &'static str| Figure::Odd(text.into());
        let table = [
            ("734003212345", Figure::Whole(734_003_212_345)),
            ("\"2843205632\"", Figure::Whole(2_843_205_632)),
            ("1e3", Figure::Whole(1000)),
            ("\"1.5e3\"", Figure::Whole(1500)),
            ("true", Figure::Whole(1)),
            ("null", Figure::Absent),
            ("\"\"", Figure::Absent),
            ("-1", odd("-1")),
            ("1.5", odd("1.5")),
            ("\"NaN\"", odd("NaN")),
            ("1e18", odd("1000000000000000000")),
            ("99999999999999999999", odd("100000000000000000000")),
            ("[7]", odd("a list")),
            ("{\"a\":[1]}", odd("an object")),
        ];
        for (text, wanted) in table {
            assert_eq!(serde_json::from_str::<Figure>(text).expect(text), wanted, "{text}");
        }
        let too_many = Figure::Whole(1 << 63).bytes("netin").expect_err("too many");
        assert!(too_many.contains("netin") && too_many.contains("9223372036854775808"), "{too_many}");
        let long = format!("\"{}\"", "no number ".repeat(50));
        let Ok(Figure::Odd(shown)) = serde_json::from_str(&long) else { panic!("odd") };
        assert_eq!(shown.chars().count(), SHOWN);
    }

    #[test]
    fn texts_are_borrowed_and_numbers_are_texts_too() {
        let text = |json: &'static str| serde_json::from_str::<Text>(json).expect("any value");
        assert!(matches!(text("\"web\"").0, Some(Cow::Borrowed("web"))));
        assert_eq!((text("5").text(), text("\"\"").text(), text("[1]").text()), (Some("5"), None, None));
    }
}
