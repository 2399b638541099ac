//! PHP's `serialize` for a flat list of named scalars, byte for byte as PHP writes it.
//!
//! Source: php.net, "serialize"; floats as with the default `serialize_precision` of -1. Objects are
//! never written: WHMCS unserializes what we send.

/// A scalar.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    /// Text; its length is reported in bytes.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A number with a fraction; finite.
    Fraction(f64),
}

/// PHP has words for it that not every reader takes; we have no use for such numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a finite number")]
pub(super) struct NotFinite(&'static str);

/// The list as PHP's `serialize` writes an associative array.
pub(super) fn serialize(fields: &[(&'static str, Scalar)]) -> Result<String, NotFinite> {
    let mut written = format!("a:{}:{{", fields.len());
    for (name, value) in fields {
        written.push_str(&string(name));
        match value {
            Scalar::Text(text) => written.push_str(&string(text)),
            Scalar::Whole(number) => written.push_str(&format!("i:{number};")),
            Scalar::Fraction(number) if number.is_finite() => {
                written.push_str(&format!("d:{};", fraction(*number)));
            }
            Scalar::Fraction(_) => return Err(NotFinite(name)),
        }
    }
    written.push('}');
    Ok(written)
}

fn string(text: &str) -> String {
    format!("s:{}:\"{text}\";", text.len())
}

/// The shortest digits that read back the same, as PHP lays them out: scientific below 0.0001 and from
/// 18 places on, always with a point in front of the exponent.
fn fraction(number: f64) -> String {
    let scientific = format!("{number:E}");
    let (digits, exponent) = scientific.split_once('E').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..17).contains(&exponent) {
        return number.to_string();
    }
    let point = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{point}E{exponent:+}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_bytes() {
        let text = |text: &str| serialize(&[("a", Scalar::Text(text.into()))]).expect("finite");
        assert_eq!(text("Müller & Söhne"), "a:1:{s:1:\"a\";s:16:\"Müller & Söhne\";}");
        assert_eq!(text(""), "a:1:{s:1:\"a\";s:0:\"\";}");
        assert_eq!(serialize(&[]).expect("finite"), "a:0:{}");
    }

    #[test]
    fn fractions_are_laid_out_as_php_does() {
        let table = [
            (1.0 / 1_073_741_824.0, "9.313225746154785E-10"),
            (1.0 / 1_048_576.0, "9.5367431640625E-7"),
            (1.0 / 1_099_511_627_776.0, "9.094947017729282E-13"),
            (1e-6, "1.0E-6"),
            (1e-9, "1.0E-9"),
            (1e-15, "1.0E-15"),
            (0.0001, "0.0001"),
            (0.00001, "1.0E-5"),
            (9.5, "9.5"),
            (1.0, "1"),
            (-0.5, "-0.5"),
            (1e16, "10000000000000000"),
            (1e17, "1.0E+17"),
            (1.5e300, "1.5E+300"),
        ];
        for (number, written) in table {
            assert_eq!(fraction(number), written);
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(serialize(&[("x", Scalar::Fraction(number))]), Err(NotFinite("x")));
        }
    }
}
