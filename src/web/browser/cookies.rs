//! The two cookies there are: of a session, and of a form that is shown before there is one.

use axum::http::{HeaderMap, HeaderValue, header};

/// The session's.
pub(super) const SESSION: &str = "whmeter_session";

/// What a form repeats that is shown without a session. It opens nothing.
pub(super) const FORM: &str = "whmeter_form";

/// The first cookie of a name.
pub(super) fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let given = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs =
        given.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| value)
}

/// A cookie for pages of this site alone, which no script reads and no other site sends.
pub(super) fn write(name: &str, value: &str, seconds: i64, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    // What we write has letters and digits only.
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; not_whmeter_session=x"));
        headers.append(header::COOKIE, HeaderValue::from_static("whmeter_session=a.b=; b=2"));
        assert_eq!(read(&headers, SESSION), Some("a.b="));
        assert_eq!(read(&headers, FORM), None);
    }
}
