//! What commands come to, and how that is written: url-encoded, as JSON, as lines, or on a page.

use super::ask::Ask;
use super::switches::{Entities, KeyRefusal, Switches};
use crate::form::encoded;
use serde_json::{Value, json};

/// The sentence for a command that is above the caller's level, or that nobody knows.
const ABOVE_LEVEL: &str =
    "The request you've made cannot be executed because it does not exist in your authority level";

/// What a command of the old API comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// It was done; in these words.
    Done(&'static str),
    /// It was not done: what it is about, and why.
    Failed(String, String),
    /// Fields, url-encoded.
    Pairs(Vec<(String, String)>),
    /// Fields that many builds percent-encode but for letters.
    Conf(Vec<(String, String)>),
    /// A body that is written already.
    Text(String),
    /// A tree.
    Json(Value),
    /// A page for people.
    Page(&'static str),
    /// The caller's level has no such command.
    AboveLevel,
    /// The caller's login key has no such command.
    NotInKey,
}

impl Said {
    /// A failure of a command.
    pub fn failed(text: &str, details: &str) -> Self {
        Self::Failed(text.to_owned(), details.to_owned())
    }

    /// There is no such user.
    pub fn nobody() -> Self {
        Self::failed("User does not exist", "That user does not exist on this server")
    }
}

/// A status, the type of the body, and the body.
pub type Written = (u16, &'static str, String);

/// What was said, as it is asked for.
pub fn written(switches: &Switches, ask: &Ask, said: Said) -> Written {
    match said {
        Said::Page(title) => page(200, title),
        Said::AboveLevel if switches.level_page => page(200, ABOVE_LEVEL),
        Said::AboveLevel if ask.wants_json => failure(ask, ABOVE_LEVEL, ""),
        Said::AboveLevel => (200, "text/plain", ABOVE_LEVEL.to_owned()),
        Said::NotInKey => match switches.key_refusal {
            KeyRefusal::LoginPage => login_page(switches),
            KeyRefusal::Text => failure(ask, "Access Denied", "That login key may not use this command"),
        },
        Said::Failed(text, details) => failure(ask, &text, &details),
        Said::Done(text) if ask.wants_json => in_json(200, &json!({ "success": text })),
        Said::Done(text) => plain(pairs_text(switches, &outcome("0", text, "none"), false)),
        Said::Pairs(pairs) if ask.wants_json => in_json(200, &object(pairs)),
        Said::Conf(pairs) if ask.wants_json => in_json(200, &object(pairs)),
        Said::Pairs(pairs) => plain(pairs_text(switches, &pairs, false)),
        Said::Conf(pairs) => plain(pairs_text(switches, &pairs, switches.fully_encoded)),
        Said::Text(text) => plain(text),
        Said::Json(tree) => in_json(200, &tree),
    }
}

/// The login page.
pub fn login_page(switches: &Switches) -> Written {
    page(switches.login_page_status, "DirectAdmin Login")
}

/// What a caller hears that is not logged in and reads JSON.
pub fn not_logged_in() -> Written {
    let body = json!({
        "client_ip": "192.0.2.9", "error": "Not logged in", "geo_ip_lang": "0", "have_lost_password": "0",
        "success": "no",
    });
    in_json(401, &body)
}

/// A page for people.
pub fn page(status: u16, title: &str) -> Written {
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1>\
         <p>DirectAdmin Web Control Panel</p></body></html>\n"
    );
    (status, "text/html; charset=UTF-8", page)
}

/// A tree, written.
pub fn in_json(status: u16, tree: &Value) -> Written {
    (status, "application/json", tree.to_string())
}

fn plain(text: String) -> Written {
    (200, "text/plain", text)
}

fn failure(ask: &Ask, text: &str, details: &str) -> Written {
    match ask.wants_json {
        true => in_json(200, &json!({ "error": text, "result": details })),
        false => plain(pairs_text(&Switches::default(), &outcome("1", text, details), false)),
    }
}

fn outcome(error: &str, text: &str, details: &str) -> Vec<(String, String)> {
    [("error", error), ("text", text), ("details", details)]
        .map(|(key, value)| (key.into(), value.into()))
        .into()
}

fn object(pairs: Vec<(String, String)>) -> Value {
    Value::Object(pairs.into_iter().map(|(key, value)| (key, value.into())).collect())
}

/// Fields as a body has them.
pub fn pairs_text(switches: &Switches, pairs: &[(String, String)], fully: bool) -> String {
    let written = |text: &str| match fully {
        true => but_letters(switches, text),
        false => with_entities(switches, text, |part| encoded(part, false)),
    };
    let pairs = pairs.iter().map(|(key, value)| format!("{}={}", written(key), written(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Every character but letters percent-encoded, and apostrophes as the switches say.
fn but_letters(switches: &Switches, text: &str) -> String {
    with_entities(switches, text, |part| {
        let byte = |byte: u8| match byte.is_ascii_alphabetic() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        part.bytes().map(byte).collect()
    })
}

/// Entities stand in url-encoded bodies as they are: somebody escaped a text for HTML, and nobody for the form.
fn with_entities(switches: &Switches, text: &str, write: impl Fn(&str) -> String) -> String {
    let apostrophe = match switches.entities {
        Entities::None => return write(text),
        Entities::Terminated => "&#39;",
        Entities::Unterminated => "&#39",
    };
    let part = |part: &str| part.split('&').map(&write).collect::<Vec<_>>().join("&amp;");
    text.split('\'').map(part).collect::<Vec<_>>().join(apostrophe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_stand_unescaped_in_what_is_escaped() {
        let pairs = [("name".to_owned(), "Harbor's Lane & Sons 2".to_owned())];
        let text = |entities, fully| pairs_text(&Switches { entities, ..Switches::default() }, &pairs, fully);
        assert_eq!(text(Entities::Unterminated, false), "name=Harbor&#39s%20Lane%20&amp;%20Sons%202");
        assert_eq!(text(Entities::Terminated, true), "name=Harbor&#39;s%20Lane%20&amp;%20Sons%20%32");
        assert_eq!(text(Entities::None, false), "name=Harbor%27s%20Lane%20%26%20Sons%202");
    }
}
