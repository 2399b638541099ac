//! What Gnocchi is asked to look for: conditions as JSON, or as the text of `filter`.

use super::resources::Resource;
use serde_json::{Value, json};

/// Whether a resource meets a condition; an empty one is met by all. `None` where it is not understood.
pub fn meets(resource: &Value, condition: &Value) -> Option<bool> {
    let Some((operator, told)) = condition.as_object()?.iter().next() else { return Some(true) };
    let parts = || told.as_array().map(Vec::as_slice);
    match operator.as_str() {
        "and" | "or" => {
            let met: Option<Vec<bool>> = parts()?.iter().map(|part| meets(resource, part)).collect();
            let met = met?;
            Some(if operator == "and" {
                met.into_iter().all(|met| met)
            } else {
                met.into_iter().any(|met| met)
            })
        }
        "not" => meets(resource, told).map(|met| !met),
        operator => {
            let (name, wanted) = told.as_object()?.iter().next()?;
            let own = resource.get(name)?;
            compare(own, operator, wanted)
        }
    }
}

fn compare(own: &Value, operator: &str, wanted: &Value) -> Option<bool> {
    let same = |wanted: &Value| match (own.as_str(), wanted.as_str()) {
        (Some(own), Some(wanted)) => own == wanted,
        _ => own == wanted,
    };
    let texts = own.as_str().zip(wanted.as_str());
    // Times are compared as texts: the wanted one may lack its zone, and is not longer.
    let order = texts.map(|(own, wanted)| own[..own.len().min(wanted.len())].cmp(wanted));
    Some(match operator {
        "=" | "==" | "eq" => same(wanted),
        "!=" | "ne" => !same(wanted),
        ">" | "gt" => order.is_some_and(|order| order.is_gt()),
        ">=" | "ge" => order.is_some_and(|order| order.is_ge()),
        "<" | "lt" => order.is_some_and(|order| order.is_lt()),
        "<=" | "le" => order.is_some_and(|order| order.is_le()),
        "in" => wanted.as_array()?.iter().any(same),
        "like" => {
            let (own, wanted) = texts?;
            match (wanted.strip_prefix('%'), wanted.strip_suffix('%')) {
                (Some(rest), Some(_)) => own.contains(rest.trim_end_matches('%')),
                (Some(rest), None) => own.ends_with(rest),
                (None, Some(rest)) => own.starts_with(rest),
                (None, None) => own == wanted,
            }
        }
        _ => return None,
    })
}

/// The resources that meet a condition; `None` where it is not understood.
pub fn select(resources: Vec<Resource>, condition: &Value) -> Option<Vec<Resource>> {
    let mut met = Vec::new();
    for resource in resources {
        if condition.is_null() || meets(&resource.shown(), condition)? {
            met.push(resource);
        }
    }
    Some(met)
}

/// The text of `filter` as a condition: `project_id = '…' and (ended_at = null or ended_at >= '…')`.
pub fn parse(text: &str) -> Option<Value> {
    let mut words = words(text)?;
    words.reverse();
    let condition = either(&mut words)?;
    words.is_empty().then_some(condition)
}

fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => rest[1..].find(first)? + 2,
            '(' | ')' | '[' | ']' | ',' => 1,
            '=' | '<' | '>' | '!' => rest.find(|c: char| !"=<>!".contains(c)).unwrap_or(rest.len()),
            _ => rest.find(|c: char| c.is_whitespace() || "()[],=<>!".contains(c)).unwrap_or(rest.len()),
        };
        words.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Some(words)
}

fn either(words: &mut Vec<String>) -> Option<Value> {
    joined(words, "or", |words| joined(words, "and", single))
}

fn joined(
    words: &mut Vec<String>,
    joint: &str,
    part: impl Fn(&mut Vec<String>) -> Option<Value>,
) -> Option<Value> {
    let mut parts = vec![part(words)?];
    while words.last().is_some_and(|word| word.eq_ignore_ascii_case(joint)) {
        words.pop();
        parts.push(part(words)?);
    }
    if parts.len() == 1 { parts.pop() } else { Some(json!({ joint: parts })) }
}

fn single(words: &mut Vec<String>) -> Option<Value> {
    let name = words.pop()?;
    if name == "(" {
        let inner = either(words)?;
        return (words.pop()? == ")").then_some(inner);
    }
    if name == "not" {
        return Some(json!({ "not": single(words)? }));
    }
    let operator = words.pop()?;
    let value = match words.pop()?.as_str() {
        "[" => {
            let mut list = Vec::new();
            loop {
                match words.pop()?.as_str() {
                    "]" => break Value::Array(list),
                    "," => {}
                    word => list.push(literal(word)),
                }
            }
        }
        word => literal(word),
    };
    Some(json!({ operator: { name: value } }))
}

fn literal(word: &str) -> Value {
    match word {
        "null" | "None" => Value::Null,
        word => match word.parse::<f64>() {
            Ok(number) => json!(number),
            Err(_) => json!(word.trim_matches(['\'', '"'])),
        },
    }
}
