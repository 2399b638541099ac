//! Makes JSON of what Perl takes for JSON: bare `NaN` and `inf` become texts. Pure.
//!
//! One guest with such a figure must not hide all the others.

/// The same answer with every bare word that JSON does not know put in quotes.
pub(super) fn quoted(body: &[u8]) -> Vec<u8> {
    let mut quoted_text = Vec::with_capacity(body.len() + 64);
    let mut rest = body;
    while let Some(first) = rest.first() {
        let length = match first {
            b'"' => text_length(rest),
            b'{' | b'}' | b'[' | b']' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => 1,
            _ => rest.iter().position(|byte| b"{}[],:\" \t\r\n".contains(byte)).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        match is_strange(token) {
            true => quoted_text.extend([b"\"", token, b"\""].concat()),
            false => quoted_text.extend(token),
        }
        rest = after;
    }
    quoted_text
}

fn text_length(text: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// A word or number that no JSON parser takes; anything but plain letters, digits and signs is no
/// figure of Perl's and stays the error it is.
fn is_strange(token: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(token) else { return false };
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '#'));
    match text {
        "true" | "false" | "null" | "" => false,
        _ if !plain => false,
        _ => text.parse::<f64>().map_or(text.len() <= 12, |number| !number.is_finite()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted_text(text: &str) -> String {
        String::from_utf8(quoted(text.as_bytes())).expect("text")
    }

    #[test]
    fn only_what_json_does_not_know_is_quoted() {
        assert_eq!(
            quoted_text(r#"{"a":NaN,"b":-inf,"c":[nan, 1e400]}"#),
            r#"{"a":"NaN","b":"-inf","c":["nan", "1e400"]}"#
        );
        for text in [
            r#"{"a":"NaN, \"inf\":nan","b":[1,-2.5e3,true,false,null],"c":{}}"#,
            "\u{13}7<{[ not what was asked for",
            r#"{"a":"unfinished \"#,
            "",
        ] {
            let kept = quoted_text(text);
            assert!(kept == text || serde_json::from_str::<serde_json::Value>(&kept).is_err(), "{kept}");
        }
    }
}
