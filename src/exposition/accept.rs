//! Which format and packing a scraper asked for.

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING};

use super::format::Format;

/// The format the client prefers; the text format unless it plainly prefers OpenMetrics.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let (mut open, mut text) = ((0, 0), (0, 0));
    for range in ranges(headers, &ACCEPT) {
        // How exactly the range names a format decides between equal weights.
        match range.name.as_str() {
            "application/openmetrics-text" if range.has_version(&["1.0.0", "1.0"]) => {
                open = open.max((range.weight, 2));
            }
            "text/plain" if range.has_version(&["0.0.4"]) => text = text.max((range.weight, 2)),
            "application/*" => open = open.max((range.weight, 1)),
            "text/*" => text = text.max((range.weight, 1)),
            "*/*" => {
                open = open.max((range.weight, 0));
                text = text.max((range.weight, 0));
            }
            _ => {}
        }
    }
    if open.0 > 0 && open > text { Format::OpenMetrics } else { Format::Text }
}

/// Whether the client takes gzip, and likes it no less than no packing at all.
pub(super) fn gzip(headers: &HeaderMap) -> bool {
    let weight = |name: &str| {
        ranges(headers, &ACCEPT_ENCODING).into_iter().find(|range| range.name == name).map(|r| r.weight)
    };
    let gzip = weight("gzip").or_else(|| weight("x-gzip")).or_else(|| weight("*")).unwrap_or(0);
    gzip > 0 && gzip >= weight("identity").unwrap_or(0)
}

/// One entry of an Accept header.
struct Range {
    name: String,
    version: Option<String>,
    /// In thousandths.
    weight: u16,
}

impl Range {
    fn has_version(&self, known: &[&str]) -> bool {
        self.version.as_deref().is_none_or(|version| known.contains(&version))
    }
}

fn ranges(headers: &HeaderMap, name: &http::HeaderName) -> Vec<Range> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(range).collect()
}

fn range(entry: &str) -> Option<Range> {
    let mut parts = entry.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
    let mut range = Range { name, version: None, weight: 1000 };
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "q" => range.weight = weight(value.trim())?,
            "version" => range.version = Some(value.trim().trim_matches('"').to_string()),
            _ => {}
        }
    }
    Some(range)
}

/// Reads `1`, `0.5`, `0.125`: at most three places.
fn weight(text: &str) -> Option<u16> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    if places.len() > 3 || !places.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{places:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("a header value"))])
    }

    #[test]
    fn openmetrics_is_for_those_who_prefer_it() {
        let cases = [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html, application/xhtml+xml, */*;q=0.8", Format::Text),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/openmetrics-text; version=1.0.0, */*", Format::OpenMetrics),
            ("application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.5", Format::Text),
            ("application/openmetrics-text;q=0.3,text/plain;q=0.9", Format::Text),
            ("application/openmetrics-text;q=0,*/*;q=0.1", Format::Text),
            ("application/openmetrics-text;q=nonsense,text/plain;q=0.2", Format::Text),
            // What Prometheus 2.42 and 3.x send.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::OpenMetrics,
            ),
        ];
        for (accept, expected) in cases {
            assert_eq!(format(&asked(ACCEPT, accept)), expected, "{accept}");
        }
        assert_eq!(format(&HeaderMap::new()), Format::Text);
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        let cases = [
            ("gzip", true),
            ("GZIP;q=0.5", true),
            ("deflate, gzip;q=1.0, *;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("identity, gzip;q=0.5", false),
            ("br, zstd", false),
            ("", false),
        ];
        for (accept, expected) in cases {
            assert_eq!(gzip(&asked(ACCEPT_ENCODING, accept)), expected, "{accept}");
        }
        assert!(!gzip(&HeaderMap::new()));
    }
}
