//! A document of one line, with a line for each element.

/// What is between elements may be changed so, and what is in them may not: a text stays in its element's line.
pub fn indented(document: &str) -> String {
    let (mut written, mut depth, mut just_begun) = (String::with_capacity(document.len() * 2), 0, false);
    for piece in document.split_inclusive('>') {
        let is_end = piece.contains("</");
        if is_end {
            depth -= 1;
        }
        let piece = if piece.trim_start().starts_with('<') { piece.trim_start() } else { piece };
        if piece.starts_with('<') && !(is_end && just_begun) && !written.is_empty() {
            written.push('\n');
            written.push_str(&"  ".repeat(depth));
        }
        written.push_str(piece);
        just_begun = !is_end && !piece.ends_with("/>") && !piece.starts_with("<?") && piece.ends_with('>');
        if just_begun {
            depth += 1;
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_element_has_its_line_and_texts_stay_as_they_are() {
        let document = "<?xml version=\"1.0\"?>\n<p v=\"1\"><a><b> x </b><c></c><d/></a></p>";
        let expected = "<?xml version=\"1.0\"?>\n<p v=\"1\">\n  <a>\n    <b> x </b>\n    <c></c>\n    <d/>\n  </a>\n</p>";
        assert_eq!(indented(document), expected);
    }
}
