//! Reads what callers send: elements, attributes and texts, and no more than that.

/// An element as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its attributes in their order.
    pub attributes: Vec<(String, String)>,
    /// The elements in it, in their order.
    pub children: Vec<Node>,
    text: String,
}

impl Node {
    /// The first element in it with this name.
    pub fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name)
    }

    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Its text, without the blanks around it.
    pub fn text(&self) -> &str {
        self.text.trim()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.children.is_empty() && self.text().is_empty()
    }
}

/// The root element of a document; `None` for what is not well formed, is cut off, or declares a document type: that
/// could bring entities.
pub fn read(body: &[u8]) -> Option<Node> {
    let text = std::str::from_utf8(body).ok()?.trim_start_matches('\u{feff}').trim_start();
    let mut left = match text.strip_prefix("<?xml") {
        Some(declared) => declared.split_once("?>")?.1,
        None => text,
    };
    let mut open: Vec<Node> = Vec::new();
    loop {
        let (before, after) = left.split_once('<')?;
        match open.last_mut() {
            Some(parent) => parent.text.push_str(&unescaped(before)?),
            None if before.trim().is_empty() => {}
            None => return None,
        }
        if let Some(comment) = after.strip_prefix("!--") {
            left = comment.split_once("-->")?.1;
            continue;
        }
        if let Some(raw) = after.strip_prefix("![CDATA[") {
            let (raw, rest) = raw.split_once("]]>")?;
            open.last_mut()?.text.push_str(raw);
            left = rest;
            continue;
        }
        // No caller writes a `>` into an attribute.
        let (tag, rest) = after.split_once('>')?;
        left = rest;
        let ended = match (tag.strip_prefix('/'), tag.strip_suffix('/')) {
            (Some(name), _) => Some(open.pop().filter(|node| node.name == name.trim_end())?),
            (None, Some(tag)) => Some(begun(tag)?),
            (None, None) => {
                open.push(begun(tag)?);
                None
            }
        };
        let Some(node) = ended else { continue };
        match open.last_mut() {
            Some(parent) => parent.children.push(node),
            None => return left.trim().is_empty().then_some(node),
        }
    }
}

/// An element by its start tag.
fn begun(tag: &str) -> Option<Node> {
    let (name, mut left) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
    if !name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') {
        return None;
    }
    let mut attributes = Vec::new();
    while !left.trim().is_empty() {
        let (key, value) = left.trim_start().split_once('=')?;
        let value = value.trim_start();
        let quote = value.chars().next().filter(|letter| ['"', '\''].contains(letter))?;
        let (value, rest) = value[1..].split_once(quote)?;
        attributes.push((key.trim_end().to_owned(), unescaped(value)?));
        left = rest;
    }
    Some(Node { name: name.to_owned(), attributes, ..Node::default() })
}

/// A text with its references resolved; `None` where one is none of XML's own.
fn unescaped(text: &str) -> Option<String> {
    let (mut plain, mut left) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = left.split_once('&') {
        let (name, rest) = after.split_once(';')?;
        plain.push_str(before);
        plain.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            other => {
                let digits = other.strip_prefix('#')?;
                let code = match digits.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => digits.parse(),
                };
                char::from_u32(code.ok()?)?
            }
        });
        left = rest;
    }
    plain.push_str(left);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_attributes_and_texts_are_read() {
        let node = read(b"\xef\xbb\xbf<?xml version='1.0'?>\n<p v=\"1 &amp; 2\" w='x'>\n <a>Zo\xc3\xab &#x26; &#38;<!-- <b> -->!</a>\n <b/><b><![CDATA[<&>]]></b></p>\n");
        let node = node.unwrap_or_default();
        assert_eq!(
            (node.name.as_str(), node.attribute("v"), node.attribute("w")),
            ("p", Some("1 & 2"), Some("x"))
        );
        assert_eq!(node.child("a").map(Node::text), Some("Zoë & &!"));
        assert_eq!(node.children.iter().map(Node::text).collect::<Vec<_>>(), ["Zoë & &!", "", "<&>"]);
        assert!(node.children[1].is_empty() && !node.is_empty());
    }

    #[test]
    fn what_is_not_well_formed_is_not_read() {
        for body in [
            "",
            "text",
            "<a>",
            "<a><b></a></b>",
            "<a/><b/>",
            "<a x=1/>",
            "<a>&e;</a>",
            "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>",
            "<a>fine</a>more",
            "< a/>",
        ] {
            assert_eq!(read(body.as_bytes()), None, "{body}");
        }
    }
}
