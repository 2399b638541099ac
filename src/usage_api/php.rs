//! What PHP makes of JSON: numbers as texts, empty maps as empty lists, lists with gaps as maps, texts as they were
//! escaped for a page. What means one thing only is read; the rest is an error that says what came.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A whole number, also as text.
pub(super) fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    let value = Value::deserialize(from)?;
    let number = match &value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| D::Error::custom(format!("got {}, expected a whole number", shown(&value))))
}

/// The same where nothing means none: an absent one has its default.
pub(super) fn whole_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(0),
        Value::String(text) if text.trim().is_empty() => Ok(0),
        value => whole(value).map_err(D::Error::custom),
    }
}

/// A text that there must be.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let value = Value::deserialize(from)?;
    let text = readable(&value);
    // NUL is in no name, and in no text of PostgreSQL.
    let text = text.map(|text| text.replace('\0', ""));
    text.ok_or_else(|| D::Error::custom(format!("got {}, expected a text", shown(&value))))
}

/// A text, or nothing.
pub(super) fn maybe_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        value => text(value).map(Some).map_err(D::Error::custom),
    }
}

/// A text that is empty where there is none.
pub(super) fn text_or_empty<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    maybe_text(from).map(Option::unwrap_or_default)
}

/// Numbers of bytes by name, also as texts; an empty map comes as an empty list, and nothing says nothing.
pub(super) fn sizes<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, u64>, D::Error> {
    let map: BTreeMap<String, Value> = or_empty(from)?;
    let size = |(name, value): (String, Value)| {
        let size = match &value {
            Value::Null => return None,
            Value::String(text) if text.trim().is_empty() => return None,
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let size = size.ok_or_else(|| format!("{name}: got {}, expected a number of bytes", shown(&value)));
        Some(size.map(|size| (name, size)))
    };
    map.into_iter().filter_map(size).collect::<Result<_, _>>().map_err(D::Error::custom)
}

/// A map that is nothing, or an empty list, where it has no entries.
pub(super) fn or_empty<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    from: D,
) -> Result<T, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(T::default()),
        Value::Array(entries) if entries.is_empty() => Ok(T::default()),
        value => serde_json::from_value(value).map_err(D::Error::custom),
    }
}

/// A list, also one whose places have gaps, which PHP sends as a map. Nothing is no list.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    from.deserialize_any(List(PhantomData))
}

struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(one) = seq.next_element()? {
            list.push(one);
        }
        Ok(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(place) = map.next_key::<String>()? {
            if place.parse::<u64>().is_err() {
                let place: String = place.chars().take(40).collect();
                return Err(A::Error::custom(format!("got a map with {place:?}, expected a list")));
            }
            list.push(map.next_value()?);
        }
        Ok(list)
    }
}

/// A text as a person would read it: WHMCS keeps some of its texts as they were escaped for a page.
fn readable(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.contains('&') => {
            let entities = [
                ("&lt;", "<"),
                ("&gt;", ">"),
                ("&quot;", "\""),
                ("&#039;", "'"),
                ("&#39;", "'"),
                ("&amp;", "&"),
            ];
            Some(
                entities
                    .iter()
                    .fold(text.clone(), |text, (entity, character)| text.replace(entity, character)),
            )
        }
        Value::String(text) => Some(text.clone()),
        // JSON_NUMERIC_CHECK makes a number of every text that looks like one.
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What came, short enough for an error.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a map".into(),
        value => {
            let text = value.to_string();
            if text.chars().count() > 40 { text.chars().take(40).collect::<String>() + "…" } else { text }
        }
    }
}
