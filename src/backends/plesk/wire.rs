//! Answers of the XML API: a packet, read to its very end, one result after the other.
//!
//! Strict where a lenient reader would invent: no document types, no entities but XML's own, nothing after the packet,
//! no figure but plain digits.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use crate::domain::Bytes;
use crate::http::excerpt;

/// How much of a strange value is shown.
const SHOWN: usize = 40;

/// Deeper than any answer.
const DEEPEST: usize = 24;

/// An element with what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

/// What a packet is besides its results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Packet {
    /// The protocol it says it is written in.
    pub version: Option<String>,
    /// What stands there in place of an answer.
    pub system: Option<Element>,
    /// The operations it answers, as `webspace/get`.
    pub operations: Vec<String>,
}

impl Packet {
    /// Reads a whole answer; `take` gets every result as it ends. What is wrong with it comes without its values.
    pub fn read(body: &[u8], mut take: impl FnMut(Element)) -> Result<Packet, String> {
        let text = std::str::from_utf8(body).map_err(|_| "its text is not UTF-8".to_string())?;
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let (mut packet, mut open) = (Packet::default(), Vec::<Element>::new());
        loop {
            let at = |problem: String| {
                let within =
                    open.last().map(|element: &Element| element.name.as_str()).unwrap_or("the document");
                format!("{problem} in {}", excerpt(within, SHOWN))
            };
            match reader.read_event().map_err(|error| at(error.to_string()))? {
                Event::Start(tag) => {
                    packet.begin(&tag, &open)?;
                    open.push(Element::named(&tag));
                    if open.len() > DEEPEST {
                        return Err(format!("more than {DEEPEST} elements within one another"));
                    }
                }
                Event::Empty(tag) => {
                    packet.begin(&tag, &open)?;
                    packet.end(Element::named(&tag), &mut open, &mut take);
                }
                Event::End(_) => match open.pop() {
                    Some(element) => packet.end(element, &mut open, &mut take),
                    None => return Err("an end without a beginning".into()),
                },
                Event::Text(text) => put(&mut open, &text.xml10_content())?,
                Event::CData(text) => put(&mut open, &text.xml10_content())?,
                Event::GeneralRef(reference) => {
                    let letter = reference.resolve_char_ref().ok().flatten().map(String::from);
                    let letter = letter.or_else(|| resolve_predefined_entity(&reference).map(String::from));
                    let letter = letter.ok_or_else(|| at("an entity that is not XML's own".into()))?;
                    put(&mut open, &letter)?;
                }
                Event::Decl(declared) => {
                    check_encoding(declared.encoding().and_then(Result::ok).as_deref(), text)?
                }
                Event::DocType(_) => return Err("it has a document type, which no packet has".into()),
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof if open.is_empty() && packet.has_begun() => return Ok(packet),
                Event::Eof => return Err(at("it ends".into())),
            }
        }
    }

    fn has_begun(&self) -> bool {
        self.version.is_some()
    }

    fn begin(&mut self, tag: &BytesStart<'_>, open: &[Element]) -> Result<(), String> {
        if !open.is_empty() {
            return Ok(());
        }
        let name = tag.name();
        if name.as_ref() != "packet" || self.has_begun() {
            return Err(format!("<{}> where one <packet> is expected", excerpt(name.as_ref(), SHOWN)));
        }
        let version = tag.try_get_attribute("version").ok().flatten();
        // A packet need not say its version; that it has begun is known by there being one.
        self.version = Some(version.map(|version| excerpt(&version.value, SHOWN)).unwrap_or_default());
        Ok(())
    }

    /// An element is whole: `packet/OPERATOR/OPERATION/result` is handed on, and what is within one is kept in it.
    fn end(&mut self, element: Element, open: &mut [Element], take: &mut impl FnMut(Element)) {
        match open {
            [_] if element.name == "system" => self.system = Some(element),
            [_, operator] if operator.name != "system" => {
                self.operations.push(format!("{}/{}", operator.name, element.name));
            }
            [_, operator, _] if operator.name != "system" && element.name == "result" => take(element),
            [_, .., parent] => parent.children.push(element),
            _ => {}
        }
    }
}

/// Letters outside of the packet are nothing that a panel writes.
fn put(open: &mut [Element], text: &str) -> Result<(), String> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err("text outside of the packet".into()),
    }
    Ok(())
}

fn check_encoding(declared: Option<&str>, text: &str) -> Result<(), String> {
    match declared {
        Some(name) if !name.eq_ignore_ascii_case("utf-8") && !text.is_ascii() => {
            Err(format!("it is declared to be {:?}, which is not read", excerpt(name, SHOWN)))
        }
        _ => Ok(()),
    }
}

impl Element {
    fn named(tag: &BytesStart<'_>) -> Element {
        Element { name: tag.name().as_ref().to_string(), ..Element::default() }
    }

    /// The first element of this name in it.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All elements of this name in it.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a Element> + use<'a, 'n> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of an element in it; none where it is absent or empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }

    /// The texts of all elements of this name in it, without empty ones.
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.all(name).map(|child| child.text.trim().to_string()).filter(|text| !text.is_empty()).collect()
    }

    /// A number in it that counts something, or what is wrong with it: plain digits, once. An empty element is absent.
    pub fn whole(&self, name: &str) -> Result<u64, String> {
        let mut found = self.all(name);
        let element = match (found.next(), found.next()) {
            (Some(element), None) => element,
            (None, _) => return Err(format!("{name} is absent")),
            (Some(_), Some(_)) => return Err(format!("{name} is there more than once")),
        };
        let text = element.text.trim();
        if !element.children.is_empty() {
            return Err(format!("{name} has elements in it, and is not a whole number"));
        }
        if text.is_empty() {
            return Err(format!("{name} is empty"));
        }
        let is_plain = text.bytes().all(|letter| letter.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_plain);
        number.ok_or_else(|| format!("{name} is {:?}, not a whole number", excerpt(text, SHOWN)))
    }

    /// A number of bytes in it, or what is wrong with it.
    pub fn bytes(&self, name: &str) -> Result<Bytes, String> {
        Bytes::new(self.whole(name)?).map_err(|error| format!("{name} is out of range: {error}"))
    }

    /// A `true` or `false` in it.
    pub fn truth(&self, name: &str) -> Option<bool> {
        self.text(name)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<(Packet, Vec<Element>), String> {
        let mut results = Vec::new();
        Packet::read(body.as_bytes(), |result| results.push(result)).map(|packet| (packet, results))
    }

    const ONE: &str = "<packet version=\"1.6.9.1\"><webspace><get><result><status>ok</status><id>12</id>\
                       <data><gen_info><name>a&amp;b &#x142;</name><size>5</size><none/></gen_info></data></result>\
                       </get></webspace></packet>";

    #[test]
    fn a_packet_is_read_pretty_or_in_one_line() {
        let pretty =
            format!("\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", ONE.replace('>', ">\n"));
        for body in [ONE, &pretty] {
            let (packet, results) = read(body).expect(body);
            assert_eq!(packet.version.as_deref(), Some("1.6.9.1"));
            assert_eq!(packet.operations, ["webspace/get"]);
            let info = results[0].child("data").and_then(|data| data.child("gen_info")).expect("there");
            assert_eq!((results[0].text("status"), results[0].whole("id")), (Some("ok"), Ok(12)));
            assert_eq!((info.text("name"), info.text("none")), (Some("a&b ł"), None));
            assert!(info.whole("none").is_err_and(|error| error == "none is empty"));
            assert!(info.whole("size").is_ok_and(|size| size == 5));
        }
        let (empty, results) = read("<packet><webspace><get/></webspace></packet>").expect("empty");
        assert_eq!(
            (empty.operations.as_slice(), results.len()),
            (["webspace/get".to_string()].as_slice(), 0)
        );
        let system = "<packet><system><status>error</status><errcode>1006</errcode></system></packet>";
        let (refused, _) = read(system).expect("a packet");
        assert!(refused.system.is_some_and(|system| system.whole("errcode") == Ok(1006)));
        assert!(refused.operations.is_empty());
    }

    #[test]
    fn what_is_not_whole_or_not_a_packet_is_nothing() {
        let whole = ONE.len();
        for end in 1..whole {
            assert!(read(&ONE[..end]).is_err(), "{}", &ONE[..end]);
        }
        for (body, problem) in [
            ("", "ends"),
            ("plain", "outside"),
            ("<html><p>down</p></html>", "<html>"),
            ("<packet/><packet/>", "one <packet>"),
            ("<packet/>junk", "outside"),
            ("<packet></pocket>", "pocket"),
            ("<!DOCTYPE packet [<!ENTITY e \"x\">]><packet>&e;</packet>", "document type"),
            ("<packet>&e;</packet>", "entity"),
            ("<?xml version=\"1.0\" encoding=\"ISO-8859-2\"?><packet><a>\u{142}</a></packet>", "ISO-8859-2"),
        ] {
            assert!(read(body).is_err_and(|error| error.contains(problem)), "{body}: {:?}", read(body));
        }
        assert!(Packet::read(b"<packet>\xb3</packet>", |_| {}).is_err_and(|error| error.contains("UTF-8")));
        let deep = format!("<packet>{}</packet>", "<a>".repeat(2_000));
        assert!(read(&deep).is_err_and(|error| error.contains("within one another")));
    }

    #[test]
    fn only_plain_digits_are_a_number() {
        let number = |text: &str| {
            let body = format!("<packet><a><b><result>{text}</result></b></a></packet>");
            read(&body).expect("a packet").1[0].bytes("used")
        };
        assert_eq!(number("<used> 5000000000 </used>").map(Bytes::get), Ok(5_000_000_000));
        for text in
            ["-1", "1.5", "1e3", "+5", "\"5\"", "99999999999999999999", "9223372036854775808", "many", "0x5"]
        {
            let error = number(&format!("<used>{text}</used>")).expect_err(text);
            assert!(error.starts_with("used is "), "{error}");
        }
        for text in ["", "<used/>", "<used>5</used><used>5</used>", "<used><item>5</item></used>"] {
            assert!(number(text).is_err_and(|error| error.starts_with("used ")), "{text}");
        }
    }
}
