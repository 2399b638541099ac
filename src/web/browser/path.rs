//! Paths of our own: where a login leads to, and names as parts of a path.

/// No path of ours is longer.
const LONGEST: usize = 1000;

/// A path that a login may lead to: one of this site, whatever a browser makes of it. Browsers read `\` as `/`, take
/// `//name` for another host, and leave out tabs and line breaks.
pub fn own_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    let is_plain = path.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    (path.len() <= LONGEST && is_plain && !rest.starts_with('/')).then_some(path)
}

/// A text as one part of a path, or as a value of a query: everything but letters, digits and `-._~` is written as
/// `%XX`.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    // These two are no names but steps, in every spelling of the dot.
    match out.as_str() {
        "." => "%2E".into(),
        ".." => "%2E%2E".into(),
        _ => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_to_paths_of_this_site_and_nowhere_else() {
        for own in ["/", "/accounts?q=a%2Fb&page=2", "/accounts/s3/7-41", "/a//b", "/?next=//evil.example"] {
            assert_eq!(own_path(own), Some(own));
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        for foreign in [
            "",
            "evil.example",
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/a\\..\\b",
            "/a\r\nSet-Cookie: x=y",
            "/a b",
            "/\u{202e}",
            "javascript:alert(1)",
            long.as_str(),
        ] {
            assert_eq!(own_path(foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn names_cannot_leave_their_part_of_a_path() {
        assert_eq!(encoded("a/b?c#d&e=f\"<é"), "a%2Fb%3Fc%23d%26e%3Df%22%3C%C3%A9");
        assert_eq!(encoded("7-41_a.b~1"), "7-41_a.b~1");
        assert_eq!([encoded("."), encoded("..")], ["%2E", "%2E%2E"]);
    }
}
