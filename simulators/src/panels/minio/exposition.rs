//! Prometheus text as a Go server writes it: families by name, numbers in Go's short form.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Families and their lines, in the order they will be written.
#[derive(Debug, Default)]
pub struct Exposition(BTreeMap<&'static str, Family>);

#[derive(Debug)]
struct Family {
    help: &'static str,
    kind: &'static str,
    lines: String,
}

impl Exposition {
    /// Adds a line to a gauge.
    pub fn gauge(&mut self, name: &'static str, help: &'static str, labels: &[(&str, &str)], value: f64) {
        self.add(name, help, "gauge", labels, value);
    }

    /// Adds a line to a counter.
    pub fn counter(&mut self, name: &'static str, help: &'static str, labels: &[(&str, &str)], value: f64) {
        self.add(name, help, "counter", labels, value);
    }

    fn add(
        &mut self,
        name: &'static str,
        help: &'static str,
        kind: &'static str,
        labels: &[(&str, &str)],
        value: f64,
    ) {
        let lines = String::new();
        let family = self.0.entry(name).or_insert(Family { help, kind, lines });
        let text = &mut family.lines;
        text.push_str(name);
        for (index, (label, told)) in labels.iter().enumerate() {
            // Writing to memory does not fail.
            let _written = write!(text, "{}{label}=\"{told}\"", if index == 0 { '{' } else { ',' });
        }
        text.push_str(if labels.is_empty() { " " } else { "} " });
        text.push_str(&go_float(value));
        text.push('\n');
    }

    /// The whole text.
    pub fn written(&self) -> String {
        let families = self.0.iter().map(|(name, family)| {
            let Family { help, kind, lines } = family;
            format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}")
        });
        families.collect()
    }
}

/// The shortest text of a number, with an exponent below 10^-4 and from 10^6 on.
fn go_float(value: f64) -> String {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    match value == 0.0 || (-4..6).contains(&exponent) {
        true => format!("{value}"),
        false => format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        let shown = [
            (0.0, "0"),
            (100_000.0, "100000"),
            (810_576.0, "810576"),
            (1_073_741_824.0, "1.073741824e+09"),
            (2_097_152.0, "2.097152e+06"),
            (1_795_226_783.05, "1.79522678305e+09"),
            (0.149_360_029, "0.149360029"),
            (39_489_536.0, "3.9489536e+07"),
            (1_000_000.0, "1e+06"),
            (9.2428e-05, "9.2428e-05"),
            (0.003_132_687, "0.003132687"),
        ];
        for (value, text) in shown {
            assert_eq!(go_float(value), text);
        }
    }

    #[test]
    fn families_are_sorted_and_told_once() {
        let mut text = Exposition::default();
        text.gauge("b", "Second", &[("x", "1"), ("y", "2")], 7.0);
        text.counter("a", "First", &[], 1.0);
        text.gauge("b", "Second", &[("x", "2"), ("y", "2")], 8.0);
        assert_eq!(
            text.written(),
            "# HELP a First\n# TYPE a counter\na 1\n# HELP b Second\n# TYPE b gauge\nb{x=\"1\",y=\"2\"} 7\nb{x=\"2\",y=\"2\"} 8\n"
        );
    }
}
