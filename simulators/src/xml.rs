//! XML as panels answer it: elements, escapes, a declared encoding; and ways to damage a finished answer.

mod indent;
mod read;

pub use indent::indented;
pub use read::{Node, read};

use crate::faults::Change;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Write;

/// Begins a document in UTF-8.
pub const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Text inside an element or an attribute, escaped as Go's encoder does it.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&#39;"),
            '"' => escaped.push_str("&#34;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// An element with nothing but a text in it, as it is written.
pub fn leaf(name: &str, text: impl ToString) -> String {
    format!("<{name}>{}</{name}>", escaped(&text.to_string()))
}

/// An element with its attributes and whatever is in it.
#[derive(Clone, Debug)]
pub struct Element {
    name: String,
    attributes: String,
    inside: String,
}

impl Element {
    /// An empty element.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), attributes: String::new(), inside: String::new() }
    }

    /// With one attribute more.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: impl ToString) -> Self {
        // Writing to a string does not fail.
        let _ = write!(self.attributes, " {name}=\"{}\"", escaped(&value.to_string()));
        self
    }

    /// With a text after what is in it.
    #[must_use]
    pub fn text(mut self, text: impl ToString) -> Self {
        self.inside.push_str(&escaped(&text.to_string()));
        self
    }

    /// With an element after what is in it that has nothing but a text.
    #[must_use]
    pub fn leaf(mut self, name: &str, text: impl ToString) -> Self {
        self.inside.push_str(&leaf(name, text));
        self
    }

    /// With elements after what is in it.
    #[must_use]
    pub fn with(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        children.into_iter().for_each(|child| self.inside.push_str(&child.written()));
        self
    }

    /// As it is written.
    pub fn written(&self) -> String {
        let Self { name, attributes, inside } = self;
        match inside.is_empty() {
            true => format!("<{name}{attributes}/>"),
            false => format!("<{name}{attributes}>{inside}</{name}>"),
        }
    }

    /// A whole document, its encoding declared.
    pub fn document(&self, encoding: Encoding) -> Vec<u8> {
        let declared = encoding.name();
        let text = format!("<?xml version=\"1.0\" encoding=\"{declared}\"?>\n{}\n", self.written());
        encoding.bytes(&text)
    }
}

/// How a document is written in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// ISO-8859-1; what it lacks is written as a character reference.
    Latin1,
    /// UTF-16, least byte first, with a byte order mark.
    Utf16,
}

impl Encoding {
    /// The name in the declaration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Latin1 => "ISO-8859-1",
            Self::Utf16 => "UTF-16",
        }
    }

    fn bytes(self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Latin1 => text.chars().flat_map(latin1).collect(),
            Self::Utf16 => {
                [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
            }
        }
    }
}

fn latin1(letter: char) -> Vec<u8> {
    match u8::try_from(letter) {
        Ok(byte) => vec![byte],
        Err(_) => format!("&#{};", u32::from(letter)).into_bytes(),
    }
}

/// What may be wrong with an answer in XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// It ends before the root element does.
    CutOff,
    /// It is not in the encoding that it declares: UTF-16 without a mark, said to be UTF-8.
    WrongEncoding,
    /// Every text begins with an entity that unfolds to a billion characters.
    EntityBomb,
    /// Every text begins with an entity that stands for a file of whoever reads it.
    ExternalEntity,
}

/// Entities that name ten of the one before: 10^9 letters in 600 bytes.
const BOMB_LEVELS: u32 = 9;

/// A document with something wrong; what is no XML stays as it is.
pub fn damaged(body: Vec<u8>, how: Damage) -> Vec<u8> {
    let Some(text) = document(&body) else { return body };
    match how {
        Damage::CutOff => text.as_bytes()[..text.rfind("</").unwrap_or(text.len() / 2)].to_vec(),
        Damage::WrongEncoding => {
            HEAD.bytes().chain(rest(text).encode_utf16().flat_map(u16::to_le_bytes)).collect()
        }
        Damage::EntityBomb => {
            let level = |n: u32| format!("<!ENTITY e{n} \"{}\">", format!("&e{};", n - 1).repeat(10));
            let levels: String = (1..=BOMB_LEVELS).map(level).collect();
            with_entity(text, &format!("<!ENTITY e0 \"x\">{levels}"), &format!("&e{BOMB_LEVELS};"))
        }
        Damage::ExternalEntity => with_entity(text, "<!ENTITY e SYSTEM \"file:///etc/passwd\">", "&e;"),
    }
}

/// A body as text, if it is XML; pages for people are none.
fn document(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?.trim_start();
    let begins = |part: &str| text.get(..part.len()).is_some_and(|start| start.eq_ignore_ascii_case(part));
    (begins("<") && !begins("<!doctype html") && !begins("<html")).then_some(text)
}

/// Whether a body is XML.
pub(crate) fn is_document(body: &[u8]) -> bool {
    document(body).is_some()
}

/// What follows the declaration.
fn rest(text: &str) -> &str {
    let after = text.strip_prefix("<?xml").and_then(|declared| declared.split_once("?>"));
    after.map_or(text, |(_, rest)| rest).trim_start()
}

fn with_entity(text: &str, entities: &str, reference: &str) -> Vec<u8> {
    let body = rest(text);
    let root = body.trim_start_matches('<').split([' ', '>', '/']).next().unwrap_or_default();
    let mut written = format!("{HEAD}<!DOCTYPE {root} [{entities}]>\n");
    for piece in body.split_inclusive('>') {
        // The text of an element stands between its start and the next tag.
        let is_text = piece.find('<').is_some_and(|length| !piece[..length].trim().is_empty());
        written.push_str(if is_text { reference } else { "" });
        written.push_str(piece);
    }
    written.into_bytes()
}

/// A document with a field changed wherever it stands, as an element or as an attribute.
pub(crate) fn change_field(body: &[u8], field: &str, change: &Change) -> Vec<u8> {
    match std::str::from_utf8(body) {
        Ok(text) => change_attributes(&change_elements(text, field, change), field, change).into_bytes(),
        Err(_) => body.to_vec(),
    }
}

fn change_elements(text: &str, field: &str, change: &Change) -> String {
    let (open, close) = (format!("<{field}"), format!("</{field}>"));
    let (mut written, mut left) = (String::with_capacity(text.len()), text);
    while let Some(at) = left.find(&open) {
        let (before, from) = left.split_at(at);
        written.push_str(before);
        let after = &from[open.len()..];
        let tag_end = after.find('>').filter(|_| after.starts_with([' ', '>', '/']));
        let Some(tag_end) = tag_end else {
            // Another element whose name begins so.
            written.push_str(&open);
            left = after;
            continue;
        };
        let attributes = after[..tag_end].trim_end_matches('/');
        let inside = &after[tag_end + 1..];
        let is_empty = after[..tag_end].ends_with('/');
        let (inside, next) = match inside.find(&close).filter(|_| !is_empty) {
            Some(end) => (&inside[..end], &inside[end + close.len()..]),
            None => ("", inside),
        };
        let name = if let Change::RenamedTo(other) = change { other.as_str() } else { field };
        if let Some(inside) = new_text(inside, change) {
            written.push_str(&format!("<{name}{attributes}>{inside}</{name}>"));
        }
        left = next;
    }
    written + left
}

fn change_attributes(text: &str, field: &str, change: &Change) -> String {
    let open = format!(" {field}=\"");
    let (mut written, mut left) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = left.split_once(&open) {
        written.push_str(before);
        let (value, next) = after.split_once('"').unwrap_or((after, ""));
        let name = if let Change::RenamedTo(other) = change { other.as_str() } else { field };
        if let Some(value) = new_text(value, change) {
            written.push_str(&format!(" {name}=\"{}\"", value.replace('"', "&#34;")));
        }
        left = next;
    }
    written + left
}

/// What stands in a field's place; `None` where it disappears.
fn new_text(old: &str, change: &Change) -> Option<String> {
    match change {
        Change::RenamedTo(_) => Some(old.to_owned()),
        Change::Value(value) => Some(written(value)),
        Change::RawText(raw) => Some(raw.clone()),
        Change::Quoted => Some(format!("\"{old}\"")),
        Change::Removed => None,
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escaped(text),
        Value::Array(items) => items.iter().map(|item| format!("<item>{}</item>", written(item))).collect(),
        other => escaped(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Element {
        let domain =
            Element::new("domain").attribute("name", "a\"b.pl").leaf("used", 5).leaf("owner", "Zoë & <co> ż");
        Element::new("list").with([domain, Element::new("end")])
    }

    fn text(body: &[u8]) -> String {
        String::from_utf8_lossy(body).into_owned()
    }

    #[test]
    fn elements_are_escaped_and_the_encoding_is_declared() {
        let body = "<list><domain name=\"a&#34;b.pl\"><used>5</used><owner>Zoë &amp; &lt;co&gt; ż</owner></domain><end/></list>";
        assert_eq!(account().written(), body);
        assert_eq!(text(&account().document(Encoding::Utf8)), format!("{HEAD}{body}\n"));
        let latin = account().document(Encoding::Latin1);
        assert!(latin.starts_with(b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>"));
        let part: &[u8] = b"Zo\xeb &amp; &lt;co&gt; &#380;<";
        assert!(latin.windows(part.len()).any(|window| window == part));
        let wide = account().document(Encoding::Utf16);
        assert_eq!(wide[..4], [0xff, 0xfe, b'<', 0]);
    }

    #[test]
    fn every_damage_is_what_it_says() {
        let whole = account().document(Encoding::Utf8);
        let spoilt = |how| damaged(whole.clone(), how);
        assert!(text(&spoilt(Damage::CutOff)).ends_with("</domain><end/>"));
        let wrong = spoilt(Damage::WrongEncoding);
        assert!(wrong.starts_with(HEAD.as_bytes()) && wrong[HEAD.len()..].starts_with(b"<\0l\0i\0"));
        let bomb = text(&spoilt(Damage::EntityBomb));
        assert!(bomb.contains("<!DOCTYPE list [<!ENTITY e0 \"x\"><!ENTITY e1 \"&e0;&e0;"), "{bomb}");
        assert!(bomb.contains("<used>&e9;5</used><owner>&e9;Zoë"), "{bomb}");
        assert!(bomb.len() < 2_000);
        let file = text(&spoilt(Damage::ExternalEntity));
        assert!(
            file.contains("SYSTEM \"file:///etc/passwd\"") && file.contains("<used>&e;5</used>"),
            "{file}"
        );
        for other in ["{\"used\": 5}", "<!DOCTYPE html>\n<html><p>down</p></html>", "used=5"] {
            assert_eq!(text(&damaged(other.into(), Damage::EntityBomb)), other);
        }
    }

    #[test]
    fn a_field_is_changed_as_an_element_and_as_an_attribute() {
        let body = b"<a><used unit=\"B\">5</used><used_max>7</used_max><d used=\"6\"/><used/></a>";
        let changed = |becomes| text(&change_field(body, "used", &becomes));
        assert_eq!(
            changed(Change::Value((-1).into())),
            "<a><used unit=\"B\">-1</used><used_max>7</used_max><d used=\"-1\"/><used>-1</used></a>"
        );
        assert_eq!(
            changed(Change::RenamedTo("use".into())),
            "<a><use unit=\"B\">5</use><used_max>7</used_max><d use=\"6\"/><use></use></a>"
        );
        assert_eq!(changed(Change::Removed), "<a><used_max>7</used_max><d/></a>");
        assert!(
            changed(Change::Value(serde_json::json!([7])))
                .starts_with("<a><used unit=\"B\"><item>7</item></used>")
        );
        assert!(changed(Change::RawText("1e3".into())).contains("used=\"1e3\""));
        assert!(changed(Change::Quoted).contains(">\"5\"<"));
    }
}
