//! Rows for a spreadsheet.

/// A cell that no spreadsheet takes for a formula, and no comma or line break splits.
pub(crate) fn cell(text: &str) -> String {
    let text = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_string(),
    };
    let splits = text.contains([',', '"', '\n', '\r']);
    if splits { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_neither_a_formula_nor_two_cells() {
        for formula in ["=1+2", "+1", "-1", "@SUM(A1)"] {
            assert_eq!(cell(formula), format!("'{formula}"));
        }
        assert_eq!(cell("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
        assert_eq!(cell("=a,b"), "\"'=a,b\"");
        assert_eq!(cell("Müller"), "Müller");
    }
}
