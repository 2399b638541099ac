//! JSON whose shape is not certain: fields that go by several names, lists that are arrays or objects, and what a value is
//! without showing it.

use serde_json::{Map, Value};

/// What a value is, without showing it.
pub fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The names of an object's fields, never their values.
pub fn keys(object: &Map<String, Value>) -> String {
    let names: Vec<&str> = object.keys().take(20).map(String::as_str).collect();
    format!("[{}]", names.join(", "))
}

/// The first of these fields that is there, with the name it has.
pub fn field<'a>(
    object: &'a Map<String, Value>,
    names: &[&'static str],
) -> Option<(&'static str, &'a Value)> {
    names.iter().find_map(|name| Some((*name, object.get(*name)?)))
}

/// The same, if it is a text with something in it.
pub fn text<'a>(object: &'a Map<String, Value>, names: &[&'static str]) -> Option<&'a str> {
    field(object, names)?.1.as_str().filter(|text| !text.is_empty())
}

/// A whole number that is not negative, written as one or as a text of its digits.
pub fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// One row of a list: the key it stood under, where the list is an object, and the row.
pub type Row<'a> = (Option<&'a str>, &'a Value);

/// The rows of a list, which may be an array, an object of objects, or either under one of `inside`.
/// `null` is how Go writes an empty list. `None` when it is none of these.
pub fn rows<'a>(payload: &'a Value, inside: &[&'static str]) -> Option<Vec<Row<'a>>> {
    match payload {
        Value::Null => Some(Vec::new()),
        Value::Array(items) => Some(items.iter().map(|item| (None, item)).collect()),
        Value::Object(object) => match field(object, inside) {
            Some((_, Value::Null)) => Some(Vec::new()),
            Some((_, nested @ (Value::Array(_) | Value::Object(_)))) => rows(nested, &[]),
            _ => {
                let are_objects = object.values().all(Value::is_object);
                are_objects.then(|| object.iter().map(|(key, item)| (Some(key.as_str()), item)).collect())
            }
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn lists_come_in_every_known_shape() {
        for list in [
            json!([{"name": "a"}, {"name": "b"}]),
            json!({"a": {"x": 1}, "b": {}}),
            json!({"clients": [{}, {}], "total": 2}),
            json!({"clients": {"a": {}, "b": {}}}),
        ] {
            assert_eq!(rows(&list, &["clients"]).map(|rows| rows.len()), Some(2), "{list}");
        }
        for empty in [json!(null), json!([]), json!({}), json!({"clients": null, "total": 0})] {
            assert_eq!(rows(&empty, &["clients"]).map(|rows| rows.len()), Some(0), "{empty}");
        }
        for strange in [json!(true), json!("none"), json!({"total": 2}), json!({"clients": 7})] {
            assert_eq!(rows(&strange, &["clients"]), None, "{strange}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_are_read_from_digits_alone(number: u64, signed in i64::MIN..0, float: f64, text in "[ +a-f.x-]+[0-9]*") {
            prop_assert_eq!(whole(&json!(number)), Some(number));
            prop_assert_eq!(whole(&json!(number.to_string())), Some(number));
            prop_assert_eq!(whole(&json!(signed)), None);
            prop_assert_eq!(whole(&json!(float)), None);
            prop_assert_eq!(whole(&json!(text)), None);
        }
    }
}
