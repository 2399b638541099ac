//! The loose shapes of WHMCS's answers: numbers as texts, lists wrapped twice, flattened or absent.

use serde_json::{Map, Value};

/// A scalar as text; ids and numbers come as either.
pub(super) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A whole number that came as a number or as its digits.
pub(super) fn whole(value: Option<&Value>) -> Option<u64> {
    text(value)?.trim().parse().ok()
}

/// Whether a switch is on: `1`, `"1"` or `true`.
pub(super) fn is_on(value: Option<&Value>) -> bool {
    value.and_then(Value::as_bool).unwrap_or_else(|| whole(value).is_some_and(|number| number != 0))
}

/// The rows of a list: `{outer: {inner: [..]}}` as documented, `{outer: [..]}`, one row alone, rows keyed
/// by their number, or flattened to keys like `outer[inner][0][name]`. An empty list may be missing
/// altogether, `""`, `[]` or `{}`. `None` is a shape that cannot be a list.
pub(super) fn rows(answer: &Map<String, Value>, outer: &str, inner: &str) -> Option<Vec<Map<String, Value>>> {
    match answer.get(outer) {
        None => Some(flattened(answer, outer, inner)),
        Some(Value::Object(wrapped)) if wrapped.contains_key(inner) => list(&wrapped[inner]),
        Some(list_itself) => list(list_itself),
    }
}

fn list(value: &Value) -> Option<Vec<Map<String, Value>>> {
    let objects = |values: &mut dyn Iterator<Item = &Value>| {
        values.map(|row| row.as_object().cloned()).collect::<Option<Vec<_>>>()
    };
    match value {
        Value::Null => Some(Vec::new()),
        Value::String(empty) if empty.is_empty() => Some(Vec::new()),
        Value::Array(rows) => objects(&mut rows.iter()),
        Value::Object(rows) if rows.values().all(Value::is_object) => objects(&mut rows.values()),
        Value::Object(row) => Some(vec![row.clone()]),
        _ => None,
    }
}

fn flattened(answer: &Map<String, Value>, outer: &str, inner: &str) -> Vec<Map<String, Value>> {
    let prefix = format!("{outer}[{inner}][");
    let mut rows = std::collections::BTreeMap::<u64, Map<String, Value>>::new();
    for (key, value) in answer {
        let Some((number, field)) = key.strip_prefix(&prefix).and_then(|rest| rest.split_once("][")) else {
            continue;
        };
        if let (Ok(number), Some(field)) = (number.parse(), field.strip_suffix(']')) {
            rows.entry(number).or_default().insert(field.to_string(), value.clone());
        }
    }
    rows.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(answer: Value) -> Option<Vec<String>> {
        let rows = rows(answer.as_object().expect("an object"), "products", "product")?;
        Some(rows.iter().map(|row| text(row.get("id")).expect("an id")).collect())
    }

    #[test]
    fn a_list_is_found_in_every_wrapping() {
        for answer in [
            json!({"products": {"product": [{"id": "1"}, {"id": 2}]}}),
            json!({"products": [{"id": 1}, {"id": "2"}]}),
            json!({"products": {"product": {"0": {"id": 1}, "1": {"id": 2}}}}),
            json!({"products[product][0][id]": "1", "products[product][1][id]": "2", "result": "success"}),
        ] {
            assert_eq!(names(answer.clone()), Some(vec!["1".into(), "2".into()]), "{answer}");
        }
        assert_eq!(names(json!({"products": {"product": {"id": 1}}})), Some(vec!["1".into()]));
    }

    #[test]
    fn an_empty_list_is_empty_and_a_strange_one_is_no_list() {
        for answer in [json!({}), json!({"products": ""}), json!({"products": []}), json!({"products": {}})] {
            assert_eq!(names(answer.clone()), Some(vec![]), "{answer}");
        }
        assert_eq!(names(json!({"products": {"product": ""}})), Some(vec![]));
        assert_eq!(names(json!({"products": "many"})), None);
        assert_eq!(names(json!({"products": ["one"]})), None);
    }

    #[test]
    fn numbers_and_switches_come_as_either() {
        assert_eq!(whole(Some(&json!("7731"))), whole(Some(&json!(7731))));
        assert_eq!(whole(Some(&json!("many"))), None);
        for (value, on) in [(json!("1"), true), (json!(1), true), (json!(true), true), (json!("0"), false)] {
            assert_eq!(is_on(Some(&value)), on, "{value}");
        }
        assert!(!is_on(None));
    }
}
