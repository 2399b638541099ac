//! `application/x-www-form-urlencoded` and the percent-coding below it: what many calls come as, and what old
//! panels answer in.

use crate::faults::Change;
use serde_json::Value;

/// The fields of a form in their order; a name may stand there several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body or a query.
    pub fn read(body: impl AsRef<[u8]>) -> Self {
        let text = String::from_utf8_lossy(body.as_ref());
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(name, value)| (decoded(name, true), decoded(value, true))).collect())
    }

    /// A field; of one told twice the last counts, as in PHP, and an absent one is empty.
    pub fn get(&self, name: &str) -> &str {
        let told = self.0.iter().rev().find(|(field, _)| field == name);
        told.map_or("", |(_, value)| value.as_str())
    }

    /// A field as it was told first.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// A field that is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).parse().ok()
    }

    /// All fields in their order.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// All fields in their order, to be kept.
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// As it is written in a body; a blank is a `+`.
    pub fn text(&self) -> String {
        let plus = |text: &str| encoded(text, false).replace("%20", "+");
        let pairs = self.0.iter().map(|(name, value)| format!("{}={}", plus(name), plus(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Form {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// A percent-encoded text, decoded; what is no UTF-8 is replaced, and a `%` without digits stays.
pub fn decoded(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let (mut plain, mut index) = (Vec::with_capacity(bytes.len()), 0);
    while index < bytes.len() {
        let pair = bytes.get(index + 1..index + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[index], byte) {
            (b'%', Some(byte)) => {
                plain.push(byte);
                index += 2;
            }
            (b'+', _) if plus_is_space => plain.push(b' '),
            (other, _) => plain.push(other),
        }
        index += 1;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// A text percent-encoded as RFC 3986 wants it; `/` may stay.
pub fn encoded(text: &str, keep_slash: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte.into()),
            b'/' if keep_slash => encoded.push('/'),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// Whether a body may be a form: fields and nothing that a form would escape.
pub(crate) fn is_form(body: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"=&%+-_.~*[]".contains(byte);
    body.contains(&b'=') && body.iter().all(fits)
}

/// A form with a field changed wherever it stands.
pub(crate) fn change_field(body: &[u8], field: &str, change: &Change) -> Vec<u8> {
    let changed = Form::read(body).0.into_iter().filter_map(|(name, value)| {
        if name != field {
            return Some((name, value));
        }
        match change {
            Change::RenamedTo(other) => Some((other.clone(), value)),
            Change::Value(Value::String(text)) | Change::RawText(text) => Some((name, text.clone())),
            Change::Value(Value::Null) => Some((name, String::new())),
            Change::Value(other) => Some((name, other.to_string())),
            Change::Quoted => Some((name, format!("\"{value}\""))),
            Change::Removed => None,
        }
    });
    changed.collect::<Form>().text().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_as_php_reads_them() {
        let form = Form::read(b"a=1&b=x+y%2B%C3%BC&a=2&c&d=%zz");
        assert_eq!((form.get("a"), form.get("b"), form.get("c")), ("2", "x y+ü", ""));
        assert_eq!((form.first("a"), form.first("e")), (Some("1"), None));
        assert_eq!(form.get("d"), "%zz");
        assert_eq!(form.number("a"), Some(2));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let form: Form = [("list[]", "a&b=c"), ("list[]", "100 %"), ("empty", "")].into_iter().collect();
        assert_eq!(form.text(), "list%5B%5D=a%26b%3Dc&list%5B%5D=100+%25&empty=");
        assert_eq!(Form::read(form.text()), form);
        assert!(is_form(form.text().as_bytes()) && !is_form(b"{\"a\": 1}") && !is_form(b"error"));
    }

    #[test]
    fn a_field_is_changed_and_the_others_stay() {
        let changed = |becomes| String::from_utf8(change_field(b"used=5&user=a", "used", &becomes));
        assert_eq!(changed(Change::Value((-1).into())).as_deref(), Ok("used=-1&user=a"));
        assert_eq!(changed(Change::RawText("1e3".into())).as_deref(), Ok("used=1e3&user=a"));
        assert_eq!(changed(Change::RenamedTo("use".into())).as_deref(), Ok("use=5&user=a"));
        assert_eq!(changed(Change::Value(Value::Null)).as_deref(), Ok("used=&user=a"));
        assert_eq!(changed(Change::Removed).as_deref(), Ok("user=a"));
    }
}
