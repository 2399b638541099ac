//! Requests that a page of somebody else makes a browser send: refused before anything is looked at.
//!
//! Without tokens everything on loopback is open, and any page in a browser of this machine can reach it: by a name
//! that it points to 127.0.0.1 (DNS rebinding), or by a form. The first shows in Host, the second in Origin and
//! Sec-Fetch-Site, which no page can choose (fetch.spec.whatwg.org, "forbidden request-header").

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Access, Problem};
use crate::telemetry::Refusal;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The layer in front of everything.
pub async fn refuse_foreign(State(access): State<Access>, request: Request, next: Next) -> Response {
    let host = host_of(&request);
    if access.is_open() && !host.as_deref().is_none_or(is_loopback) {
        access.refused(Refusal::Host);
        let detail = "without tokens only 127.0.0.1, [::1] and localhost are answered; ask by one of these, or give \
                      [[http.token]]";
        return Problem::new(StatusCode::MISDIRECTED_REQUEST, detail).into_response();
    }
    if is_foreign(request.headers(), host.as_deref()) && !is_link(&request) {
        access.refused(Refusal::Origin);
        return Problem::forbidden("a page of another site has asked for this").into_response();
    }
    next.run(request).await
}

/// Whom the request is for. Programs of old do not say it, browsers always do. One that cannot be read, or that comes
/// twice, counts for none.
fn host_of(request: &Request) -> Option<String> {
    let mut given = request.headers().get_all(header::HOST).iter();
    let host = given.next().map(|host| host.to_str().unwrap_or_default().to_string());
    let host = host.map(|host| if given.next().is_some() { String::new() } else { host });
    match request.uri().authority() {
        // What stands in the request line counts (RFC 9112, 3.2.2); where both are, both must be good.
        Some(authority) if host.as_ref().is_none_or(|host| is_loopback(host)) => Some(authority.to_string()),
        _ => host,
    }
}

/// Whether a host, perhaps with a port, means this machine in whatever network.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_plain = !host.contains('@');
    is_plain && (name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback()))
}

/// Whether a browser says that a page of another site wants this.
fn is_foreign(headers: &HeaderMap, host: Option<&str>) -> bool {
    let is_own = |origin: &[u8]| {
        let origin = std::str::from_utf8(origin).ok();
        let origin = origin.and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
        origin.zip(host).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host))
    };
    let from_elsewhere = headers.get_all(header::ORIGIN).iter().any(|origin| !is_own(origin.as_bytes()));
    // "none": somebody has typed it, or opened a bookmark.
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    from_elsewhere || sites.any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// Whether somebody has followed a link on a page of another site, as from an alert or a mail: what comes of it is
/// shown as a page of its own, which that site can neither read nor have in a frame, and nothing is done by it.
fn is_link(request: &Request) -> bool {
    let says = |name: &HeaderName, value: &str| {
        let mut given = request.headers().get_all(name).iter();
        given.next().is_some_and(|given| given.as_bytes() == value.as_bytes()) && given.next().is_none()
    };
    request.method() == Method::GET
        && !request.headers().contains_key(header::ORIGIN)
        && says(&SEC_FETCH_MODE, "navigate")
        && says(&SEC_FETCH_DEST, "document")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_and_nothing_else_is() {
        let request = |method: &str, headers: &[(&'static str, &str)]| {
            let mut request = axum::http::Request::builder().method(method).uri("/");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            request.body(axum::body::Body::empty()).expect("a request")
        };
        let link = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert!(is_link(&request("GET", &link)));
        assert!(!is_link(&request("POST", &link)));
        assert!(!is_link(&request("GET", &[link[0], link[1], ("origin", "http://evil.example")])));
        assert!(!is_link(&request("GET", &[link[0], ("sec-fetch-dest", "iframe")])));
        assert!(!is_link(&request("GET", &[("sec-fetch-mode", "cors"), link[1]])));
        assert!(!is_link(&request("GET", &[link[0], link[1], link[1]])));
        assert!(!is_link(&request("GET", &[])));
    }

    #[test]
    fn hosts_of_this_machine_are_told_from_others() {
        for own in [
            "127.0.0.1",
            "127.0.0.1:9480",
            "127.9.9.9:1",
            "[::1]",
            "[::1]:9480",
            "localhost:9480",
            "LOCALHOST",
        ] {
            assert!(is_loopback(own), "{own}");
        }
        for foreign in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]:1",
            "a@127.0.0.1",
            "localhost.evil",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_browser_says_whose_page_it_is() {
        let foreign = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a value"));
            is_foreign(&headers, Some("meter.example:9480"))
        };
        for own in [
            ("origin", "http://meter.example:9480"),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
        ] {
            assert!(!foreign(own.0, own.1), "{own:?}");
        }
        for other in [
            ("origin", "null"),
            ("origin", ""),
            ("origin", "http://evil.example"),
            ("origin", "http://meter.example"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "same-origin, cross-site"),
        ] {
            assert!(foreign(other.0, other.1), "{other:?}");
        }
        assert!(!is_foreign(&HeaderMap::new(), None));
    }
}
