//! SolusVM 1's older output: tags one after another without a root, and nothing escaped. No XML parser would take it; it is
//! read pair by pair into the same JSON that the master writes when it is asked for that. Pure.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// Rows of a list: there may be one, or none.
const ROWS: [&str; 2] = ["virtualserver", "client"];

/// A text with more tags than this that are never closed is no answer.
const MOST_UNCLOSED: usize = 100;

/// How deep lists lie in answers, and a little more. What lies deeper is a text.
const DEEPEST: usize = 4;

/// The tags of a text; none where it has none.
pub(super) fn read(text: &str) -> Map<String, Value> {
    read_at(text, 0)
}

fn read_at(text: &str, depth: usize) -> Map<String, Value> {
    let (mut found, mut unclosed) = (Map::new(), HashSet::new());
    let mut rest = text;
    while let Some((name, inner, after)) = next(rest, &mut unclosed) {
        let nested =
            (depth < DEEPEST && inner.trim_start().starts_with('<')).then(|| read_at(inner, depth + 1));
        let nested = nested.filter(|nested| !nested.is_empty());
        let value = nested.map_or_else(|| Value::from(inner.trim()), Value::Object);
        match found.get_mut(name) {
            Some(Value::Array(rows)) => rows.push(value),
            _ if ROWS.contains(&name) => drop(found.insert(name.into(), Value::Array(vec![value]))),
            _ => drop(found.insert(name.into(), value)),
        }
        rest = after;
    }
    found
}

/// The next pair of tags: its name, what stands between, and what comes after it. `unclosed` are the names that are closed
/// nowhere further on: a text of nothing but these is read through once, not once for each.
fn next<'t>(text: &'t str, unclosed: &mut HashSet<&'t str>) -> Option<(&'t str, &'t str, &'t str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find('<')?;
        let shut = open + text[open..].find('>')?;
        let name = &text[open + 1..shut];
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if is_name && !unclosed.contains(name) {
            let end = format!("</{name}>");
            if let Some(close) = text[shut + 1..].find(&end).map(|close| shut + 1 + close) {
                return Some((name, &text[shut + 1..close], &text[close + end.len()..]));
            }
            if unclosed.len() >= MOST_UNCLOSED {
                return None;
            }
            unclosed.insert(name);
        }
        from = open + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn tags_are_read_as_the_json_would_be() {
        let text = "<status>success</status>\n<statusmsg></statusmsg> noise & <nodes>1,2</nodes>";
        assert_eq!(json!(read(text)), json!({"status": "success", "statusmsg": "", "nodes": "1,2"}));
        let list = "<virtualservers><virtualserver><vserverid>171</vserverid><hostname>a & b <c</hostname></virtualserver>\
            <virtualserver><vserverid>172</vserverid></virtualserver></virtualservers>";
        let rows = json!([{"vserverid": "171", "hostname": "a & b <c"}, {"vserverid": "172"}]);
        assert_eq!(json!(read(list)), json!({"virtualservers": {"virtualserver": rows}}));
        assert_eq!(json!(read("<virtualservers></virtualservers>")), json!({"virtualservers": ""}));
        assert_eq!(json!(read("no tags < at all > here")), json!({}));
    }

    #[test]
    fn nesting_without_an_end_is_a_text() {
        let deep = "<a>".repeat(50_000) + &"</a>".repeat(50_000);
        assert!(json!(read(&deep)).to_string().contains("<a>"));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_a_panic(text in "[<>/a-c ü&]{0,60}") {
            let _ = read(&text);
        }
    }
}
