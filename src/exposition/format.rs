//! The two text formats Prometheus reads, as far as they differ: the lines about a family, not the
//! sample lines. Those are the same bytes in both, which is why one page serves both.

use std::borrow::Cow;

/// A text format for samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The Prometheus text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// What a family's samples do over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// May rise and fall.
    Gauge,
    /// Only rises.
    Counter,
    /// Counts per bucket.
    Histogram,
}

impl Format {
    /// Every format.
    pub(super) const ALL: [Format; 2] = [Format::Text, Format::OpenMetrics];

    /// The media type an answer carries.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The line that says the page is whole.
    pub(super) fn end(self) -> &'static str {
        match self {
            Format::Text => "",
            Format::OpenMetrics => "# EOF\n",
        }
    }

    /// The lines above a family's samples. `name` is the name the samples carry.
    pub(super) fn head(self, out: &mut Vec<u8>, name: &str, kind: Kind, help: &str) {
        // OpenMetrics names a counter without the suffix its samples have.
        let name = match (self, kind) {
            (Format::OpenMetrics, Kind::Counter) => name.strip_suffix("_total").unwrap_or(name),
            _ => name,
        };
        let word = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        let help = match self {
            Format::Text => Cow::from(help.replace('\\', "\\\\").replace('\n', "\\n")),
            Format::OpenMetrics => escape(help),
        };
        out.extend_from_slice(format!("# HELP {name} {help}\n# TYPE {name} {word}\n").as_bytes());
        if let (Format::OpenMetrics, Some(unit)) = (self, unit(name)) {
            out.extend_from_slice(format!("# UNIT {name} {unit}\n").as_bytes());
        }
    }
}

/// The lines above the samples of a gauge.
pub fn gauge_head(format: Format, name: &str, help: &str) -> String {
    let mut out = Vec::new();
    format.head(&mut out, name, Kind::Gauge, help);
    String::from_utf8_lossy(&out).into_owned()
}

/// The unit a family's name ends in.
fn unit(name: &str) -> Option<&'static str> {
    let is_of = |unit: &&str| name.strip_suffix(*unit).is_some_and(|before| before.ends_with('_'));
    ["byte_seconds", "bytes", "seconds", "ratio"].into_iter().find(is_of)
}

/// A label value as it stands between its quotes.
pub fn escape(value: &str) -> Cow<'_, str> {
    if value.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        Cow::from(value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
    } else {
        Cow::from(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(format: Format, name: &str, kind: Kind, help: &str) -> String {
        let mut out = Vec::new();
        format.head(&mut out, name, kind, help);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_formats_differ_in_the_lines_about_a_family() {
        assert_eq!(
            head(Format::Text, "x_bytes_total", Kind::Counter, "Says \"x\" \\ y."),
            "# HELP x_bytes_total Says \"x\" \\\\ y.\n# TYPE x_bytes_total counter\n"
        );
        assert_eq!(
            head(Format::OpenMetrics, "x_bytes_total", Kind::Counter, "Says \"x\" \\ y."),
            "# HELP x_bytes Says \\\"x\\\" \\\\ y.\n# TYPE x_bytes counter\n# UNIT x_bytes bytes\n"
        );
        let held = head(Format::OpenMetrics, "x_byte_seconds", Kind::Gauge, "x");
        assert!(held.contains("# UNIT x_byte_seconds byte_seconds\n"), "{held}");
        assert!(!head(Format::OpenMetrics, "x_limited", Kind::Gauge, "x").contains("UNIT"));
    }

    #[test]
    fn label_values_keep_their_quotes_backslashes_and_line_ends() {
        assert_eq!(escape("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
        assert_eq!(escape("\\n"), "\\\\n");
        assert!(matches!(escape("plain"), Cow::Borrowed("plain")));
    }
}
