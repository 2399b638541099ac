//! The form a call comes as.

use super::switches::Switches;
use std::collections::BTreeMap;
use std::ops::Range;

/// The fields of one call; of a field told twice the last counts, as in PHP.
#[derive(Debug, Default)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    pub fn read(body: &[u8]) -> Self {
        let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        let read = |pair: &[u8]| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut half = || decoded(halves.next().unwrap_or_default());
            (half(), half())
        };
        Self(pairs.map(read).collect())
    }

    /// A field; absent is empty.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A field that is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).parse().ok()
    }

    /// Which rows of `total` are asked for: `limitstart` (0) and `limitnum` (25).
    pub fn page(&self, switches: &Switches, total: usize) -> (usize, Range<usize>) {
        let asked = |name: &str| self.number(name).and_then(|number| usize::try_from(number).ok());
        let start = asked("limitstart").unwrap_or(0);
        let count = asked("limitnum").unwrap_or(25).min(switches.most_rows);
        let from = start.min(total);
        (start, from..from.saturating_add(count).min(total))
    }
}

fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (first, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = after;
            }
            (other, _) => {
                bytes.push(*other);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_as_php_reads_them() {
        let form = Form::read(b"a=1&b=x+y%2B%C3%BC&a=2&c&d=%zz");
        assert_eq!((form.get("a"), form.get("b"), form.get("c")), ("2", "x y+ü", ""));
        assert_eq!(form.get("d"), "%zz");
        assert_eq!(form.number("a"), Some(2));
    }
}
