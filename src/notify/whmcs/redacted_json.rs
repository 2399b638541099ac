//! JSON as WHMCS sends it, without the passwords that some of its lists hold: they are skipped while the
//! text is read and never become a value of ours.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A value without passwords.
pub(super) struct RedactedJson(pub Value);

impl<'de> Deserialize<'de> for RedactedJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RedactedJson, D::Error> {
        deserializer.deserialize_any(Reading).map(RedactedJson)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(RedactedJson(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            // In flattened lists the key is `products[product][0][password]`.
            if key == "password" || key.ends_with("[password]") {
                fields.next_value::<IgnoredAny>()?;
            } else {
                object.insert(key, fields.next_value::<RedactedJson>()?.0);
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_is_read_but_passwords() {
        let text = r#"{"a":[1,-2,0.5,"x",true,null,{"password":{"b":1},"id":"7"}],"p[0][password]":"y","password":"z"}"#;
        let RedactedJson(value) = serde_json::from_str(text).expect("JSON");
        assert_eq!(value, json!({"a": [1, -2, 0.5, "x", true, null, {"id": "7"}]}));
        assert!(serde_json::from_str::<RedactedJson>("{\"a\":").is_err());
        assert!(serde_json::from_str::<RedactedJson>("{} trailing").is_err());
    }
}
