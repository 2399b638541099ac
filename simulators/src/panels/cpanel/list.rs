//! What the caller makes of a list: searched, cut into chunks, rid of keys.

use crate::form::Form;
use serde_json::{Value, json};

/// What the rows of a list are searched by: the kinds of search, and the key of each.
pub type Searches = [(&'static str, &'static str)];

/// The rows that are searched for. A search that does not say what by is ignored, as the panel does.
pub fn searched(rows: Vec<Value>, asked: &Form, searches: &Searches) -> Vec<Value> {
    let by = searches.iter().find(|(kind, _)| *kind == asked.get("searchtype"));
    let (Some((_, key)), Some(pattern)) = (by, asked.first("search")) else { return rows };
    let is_exact = asked.get("searchmethod") == "exact";
    let found = |row: &Value| match row[key].as_str() {
        Some(text) if is_exact => text == pattern,
        Some(text) => matches(pattern, text),
        None => false,
    };
    rows.into_iter().filter(found).collect()
}

/// The chunk of a list that is asked for, and which one it is.
pub fn chunked(rows: Vec<Value>, asked: &Form) -> (Vec<Value>, Option<Value>) {
    let number = |name| asked.number(name).and_then(|number| usize::try_from(number).ok());
    let Some(size) = number("api.chunk.size").filter(|size| *size > 0) else { return (rows, None) };
    if asked.get("api.chunk.enable") != "1" {
        return (rows, None);
    }
    let (start, records) = (number("api.chunk.start").unwrap_or(1).max(1), rows.len());
    let chunk: Vec<Value> = rows.into_iter().skip(start - 1).take(size).collect();
    let told = json!({
        "beg": start, "size": size, "end": start - 1 + chunk.len(), "current": (start - 1) / size + 1,
        "chunks": records.div_ceil(size), "records": records,
    });
    (chunk, Some(told))
}

/// The rows with the keys that are wanted alone.
pub fn wanted(rows: Vec<Value>, asked: &Form) -> Vec<Value> {
    let Some(keys) = asked.first("want") else { return rows };
    let keys: Vec<&str> = keys.split(',').map(str::trim).collect();
    let cut = |row: Value| match row {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().filter(|(key, _)| keys.contains(&key.as_str())).collect())
        }
        other => other,
    };
    rows.into_iter().map(cut).collect()
}

/// Whether a text has what a pattern says: letters, `.` for any, `\` before what stands for itself, `^` and `$`. The
/// rest of what Perl would understand stands for itself.
fn matches(pattern: &str, text: &str) -> bool {
    let from_start = pattern.strip_prefix('^');
    let rest = from_start.unwrap_or(pattern);
    let to_end = rest.strip_suffix('$').filter(|rest| !rest.ends_with('\\'));
    let mut wanted = Vec::new();
    let mut letters = to_end.unwrap_or(rest).chars();
    while let Some(letter) = letters.next() {
        wanted.push(match letter {
            '.' => None,
            '\\' => letters.next(),
            other => Some(other),
        });
    }
    let text: Vec<char> = text.chars().collect();
    let is_at = |start: usize| {
        let Some(part) = text.get(start..start + wanted.len()) else { return false };
        let fits = part.iter().zip(&wanted).all(|(have, want)| want.is_none_or(|want| want == *have));
        fits && (to_end.is_none() || start + wanted.len() == text.len())
    };
    match from_start {
        Some(_) => is_at(0),
        None => (0..=text.len()).any(is_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_anchored_where_they_say() {
        assert!(matches("^oak$", "oak") && !matches("^oak$", "oak1") && !matches("^oak$", "soak"));
        assert!(matches("oak", "soaks") && matches("", "oak") && matches("k$", "oak"));
        assert!(matches("^a\\.b$", "a.b") && !matches("^a\\.b$", "axb") && matches("^a.b$", "axb"));
    }
}
