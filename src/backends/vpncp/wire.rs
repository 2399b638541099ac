//! The panel's JSON, read as tolerantly as its two generations need and never more so.
//!
//! The bodies of 2.x are described nowhere in full, so a field is looked for under every name the
//! vendor's papers give it. What is found must be what it should be: nothing here invents a number.

use serde_json::{Map, Value};

/// How much of a panel's own words is shown.
const LONGEST_EXCERPT: usize = 120;
/// A run of letters and digits from this length on may be a token or a key and is not shown.
const TOKEN: usize = 24;

/// What a value is, without showing it.
pub(super) fn type_of(value: &Value) -> &'static str {
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
pub(super) fn keys(object: &Map<String, Value>) -> String {
    let names: Vec<&str> = object.keys().take(20).map(String::as_str).collect();
    format!("[{}]", names.join(", "))
}

/// The panel's words fit for a log: short, printable, and without anything that may be a secret.
pub(super) fn excerpt(text: &str) -> String {
    let shown = text.split_whitespace().map(|word| {
        let long = word.chars().filter(char::is_ascii_alphanumeric).count() >= TOKEN;
        if long { "…" } else { word }
    });
    let text = shown.collect::<Vec<_>>().join(" ");
    text.chars().filter(|c| !c.is_control()).take(LONGEST_EXCERPT).collect()
}

/// The first of these fields that is there, with the name it has.
pub(super) fn field<'a>(
    object: &'a Map<String, Value>,
    names: &[&'static str],
) -> Option<(&'static str, &'a Value)> {
    names.iter().find_map(|name| Some((*name, object.get(*name)?)))
}

/// The same, if it is a text with something in it.
pub(super) fn text<'a>(object: &'a Map<String, Value>, names: &[&'static str]) -> Option<&'a str> {
    field(object, names)?.1.as_str().filter(|text| !text.is_empty())
}

/// A whole number that is not negative, written as one or as a text of its digits (1.x writes most
/// numbers as texts).
pub(super) fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// One row of a list: the key it stood under, where the list is an object, and the row.
pub(super) type Row<'a> = (Option<&'a str>, &'a Value);

/// The rows of a list, which may be an array, an object of objects, or either under one of `inside`.
/// `null` is how Go writes an empty list. `None` when it is none of these.
pub(super) fn rows<'a>(payload: &'a Value, inside: &[&'static str]) -> Option<Vec<Row<'a>>> {
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

/// `GET /system/status`: the panel about itself (PUQVPNCP doc/20. API, "System").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// "OK", or what it is busy with.
    pub text: Option<String>,
    /// How many clients there are.
    pub clients: Option<u64>,
    /// How many the licence allows in all, in spite of its name `count_accounts_available`.
    pub licensed: Option<u64>,
    /// Whether the licence holds.
    pub license_valid: Option<bool>,
    /// The release.
    pub version: Option<String>,
}

impl Status {
    /// Reads the content of the answer.
    pub fn read(payload: &Value) -> Result<Status, String> {
        let Value::Object(object) = payload else {
            return Err(format!("expected an object, came {}", type_of(payload)));
        };
        let owned = |name: &'static str| text(object, &[name]).map(str::to_string);
        let number = |name: &'static str| object.get(name).and_then(whole);
        Ok(Status {
            text: owned("status"),
            clients: number("count_accounts"),
            licensed: number("count_accounts_available"),
            license_valid: object.get("license_valid").and_then(Value::as_bool),
            version: owned("version"),
        })
    }

    /// What it is busy with; while it is, it reads and refuses to write.
    pub fn busy_with(&self) -> Option<String> {
        self.text.as_deref().filter(|text| !text.eq_ignore_ascii_case("ok")).map(excerpt)
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

    #[test]
    fn excerpts_show_words_and_no_keys() {
        assert_eq!(excerpt("Account not found"), "Account not found");
        let secret = "a3f9".repeat(20);
        assert!(!excerpt(&format!("bad cookie {secret} sent")).contains("a3f9a3f9"));
        assert_eq!(excerpt(&"word ".repeat(200)).chars().count(), LONGEST_EXCERPT);
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
