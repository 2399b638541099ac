//! URL-encoded text as DirectAdmin writes it: with HTML entities in it, ended or not, and on many builds with every
//! character encoded but the letters. Pure.

/// The fields of a text, in their order, decoded once.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    let repaired = repaired(text);
    let pairs = repaired.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(key, value)| (decoded(key), decoded(value))).collect()
}

/// A field of them.
pub(super) fn field<'p>(pairs: &'p [(String, String)], name: &str) -> Option<&'p str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// One piece of such a text, decoded.
pub(super) fn plain(text: &str) -> String {
    decoded(&repaired(text))
}

/// Percent-encodes all that is not a letter, a digit, `-`, `.`, `_` or `~`.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// Bytes as text: UTF-8, or where they are none one letter for each, so that no two become the same.
pub(super) fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect())
}

/// Writes every entity in its percent form: a form is cut at each `&`, and an entity has one (directadmin.com/api.html).
fn repaired(text: &str) -> String {
    let (mut repaired, mut left) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = left.split_once('&') {
        repaired.push_str(before);
        left = match entity(after) {
            Some((letter, rest)) => {
                repaired.push_str(&encoded(letter.encode_utf8(&mut [0; 4])));
                rest
            }
            None => {
                repaired.push('&');
                after
            }
        };
    }
    repaired + left
}

/// The letter of an entity whose `&` was read already, and what follows it. A number may go without its semicolon.
fn entity(text: &str) -> Option<(char, &str)> {
    for (name, letter) in [("amp;", '&'), ("quot;", '"'), ("lt;", '<'), ("gt;", '>'), ("apos;", '\'')] {
        if let Some(rest) = text.strip_prefix(name) {
            return Some((letter, rest));
        }
    }
    let number = text.strip_prefix('#')?;
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    let end = digits.find(|letter: char| !letter.is_digit(radix)).unwrap_or(digits.len());
    let letter = char::from_u32(u32::from_str_radix(&digits[..end], radix).ok()?)?;
    Some((letter, digits[end..].strip_prefix(';').unwrap_or(&digits[end..])))
}

/// Percent-decodes; a `%` without two digits stays, and a `+` is a blank.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut plain, mut index) = (Vec::with_capacity(bytes.len()), 0);
    while index < bytes.len() {
        let digits = bytes.get(index + 1..index + 3).filter(|pair| pair.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        match (bytes[index], byte) {
            (b'%', Some(byte)) => {
                plain.push(byte);
                index += 2;
            }
            (b'+', _) => plain.push(b' '),
            (other, _) => plain.push(other),
        }
        index += 1;
    }
    text_of(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn entities_do_not_cut_a_field_and_everything_is_decoded_once() {
        let text = "name=maplet&#39s%20Lane&amp;Sons&quot;&ns%31=a%2Db&pct=100%25&bad=%zz&none&x=%2541&u=%FC&l=a&#60b";
        let read = pairs(text);
        let wanted = [
            ("name", "maplet's Lane&Sons\""),
            ("ns1", "a-b"),
            ("pct", "100%"),
            ("bad", "%zz"),
            ("none", ""),
            ("x", "%41"),
            ("u", "ü"),
            ("l", "a<b"),
        ];
        let wanted = wanted.map(|(key, value)| (key.to_string(), value.to_string()));
        assert_eq!(read, wanted);
        assert_eq!(field(&read, "ns1"), Some("a-b"));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_again(key in "[^&]{1,20}", value in ".{0,40}") {
            let text = format!("a=1&{}={}&b=2", encoded(&key), encoded(&value));
            prop_assert_eq!(&pairs(&text)[1], &(key, value));
        }

        #[test]
        fn nothing_that_may_come_is_too_strange(text in ".{0,200}") {
            let _ = pairs(&text);
        }
    }
}
