//! The cluster's JSON as structs, read without copying and tolerant of types. Nobody outside this
//! folder sees them.
//!
//! Releases and guest types differ in whether a number is a number, a text or absent: Perl makes no
//! difference between them. What cannot be meant is kept as it came, so that it can be named.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::domain::Bytes;

/// How much of a strange value is shown.
const SHOWN: usize = 40;

/// Every answer: `{"data": …}`.
#[derive(serde::Deserialize)]
pub(super) struct Envelope<T> {
    pub data: T,
}

/// One row of `/cluster/resources` (pve-manager PVE/API2/Cluster.pm); fields of other rows stay away.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Row<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub node: Text<'a>,
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub status: Text<'a>,
    #[serde(borrow)]
    pub pool: Text<'a>,
    #[serde(borrow)]
    pub tags: Text<'a>,
    #[serde(borrow)]
    pub vmid: Figure<'a>,
    #[serde(borrow)]
    pub template: Figure<'a>,
    /// Seconds since the guest's process began on its present node; 0 while it is stopped.
    #[serde(borrow)]
    pub uptime: Figure<'a>,
    /// Bytes sent to the guest since then.
    #[serde(borrow)]
    pub netin: Figure<'a>,
    /// Bytes sent by the guest since then.
    #[serde(borrow)]
    pub netout: Figure<'a>,
    /// Containers: bytes used of the root file system. Machines: always 0.
    #[serde(borrow)]
    pub disk: Figure<'a>,
}

/// One machine of `/nodes/{node}/qemu?full=1` (qemu-server PVE/QemuServer.pm, vmstatus).
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Machine<'a> {
    #[serde(borrow)]
    pub vmid: Figure<'a>,
    #[serde(borrow)]
    pub uptime: Figure<'a>,
    #[serde(borrow)]
    pub nics: Option<BTreeMap<Cow<'a, str>, Card<'a>>>,
}

/// The counters of one network card.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Card<'a> {
    #[serde(borrow)]
    pub netin: Figure<'a>,
    #[serde(borrow)]
    pub netout: Figure<'a>,
}

/// One row of `rrddata`; a rate is left out where nothing was known.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
pub(super) struct RrdRow {
    /// The end of the interval, in epoch seconds.
    pub time: i64,
    /// Bytes per second.
    #[serde(default)]
    pub netin: Option<f64>,
    /// Bytes per second.
    #[serde(default)]
    pub netout: Option<f64>,
}

/// One row of `/nodes/{node}/{type}/{vmid}/pending`.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Pending {
    pub key: String,
    #[serde(default)]
    pub pending: Option<Value>,
    #[serde(default)]
    pub delete: Option<Value>,
}

/// What `/access/ticket` gives.
#[derive(serde::Deserialize)]
pub(super) struct Login {
    pub ticket: String,
    #[serde(rename = "CSRFPreventionToken", default)]
    pub csrf: Option<String>,
    #[serde(rename = "NeedTFA", default)]
    pub needs_second_factor: Option<Value>,
}

/// A guest's configuration, every value as text.
#[derive(Debug)]
pub(super) struct Config(BTreeMap<String, String>);

impl Config {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Keys that are `name` and a number, with their values.
    pub fn numbered<'c>(&'c self, name: &'c str) -> impl Iterator<Item = (&'c str, &'c str)> {
        let ours = move |key: &str| {
            let number = key.strip_prefix(name).unwrap_or_default();
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        };
        self.0.iter().filter(move |(key, _)| ours(key)).map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Config, D::Error> {
        let values = BTreeMap::<String, Value>::deserialize(from)?;
        let text = |value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(Config(values.into_iter().map(|(key, value)| (key, text(value))).collect()))
    }
}

/// A text, where one came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(Option<Cow<'a, str>>);

impl Text<'_> {
    /// The text; none where it is absent or empty.
    pub fn text(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }
}

/// A number that counts something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Figure<'a> {
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
                Bytes::new(*number).map_err(|error| format!("{key} cannot be meant: {error}"))
            }
            Figure::Absent => Err(format!("{key} is absent")),
            Figure::Odd(came) => Err(format!("{key} is {came:?}, not a whole number")),
        }
    }

    fn from_float(number: f64) -> Figure<'a> {
        // Above 2^53 a float no longer tells neighbours apart: bytes would be invented.
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
            _ if text.chars().count() > SHOWN => Figure::Odd(text.chars().take(SHOWN).collect()),
            _ => Figure::Odd(text),
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
        let long = format!("\"{}\"", "x".repeat(500));
        let Ok(Figure::Odd(shown)) = serde_json::from_str(&long) else { panic!("odd") };
        assert_eq!(shown.len(), SHOWN);
    }

    #[test]
    fn rows_borrow_what_they_can_and_skip_what_they_do_not_know() {
        let text = r#"{"name":"web","x":{"y":[1]},"tags":"a\u003bb","vmid":"7","pool":null,"node":5}"#;
        let row: Row = serde_json::from_str(text).expect("a row");
        assert!(matches!(row.name.0, Some(Cow::Borrowed("web"))));
        assert_eq!((row.tags.text(), row.vmid.whole(), row.pool.text()), (Some("a;b"), Some(7), None));
        assert_eq!((row.node.text(), row.netin), (Some("5"), Figure::Absent));
    }
}
