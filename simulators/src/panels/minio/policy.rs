//! Policy documents: what is a valid one, and what does it allow.
//!
//! Rights are the union of all Allow statements of a user and his groups, minus any Deny. A
//! statement with a `Condition` is taken at its strictest: an Allow does not apply, a Deny does.

use super::actions;
use super::refusal::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const BUCKETS: &str = "arn:aws:s3:::";
const NOT_AN_OBJECT: &str = "json: cannot unmarshal array into Go value of type policy.subPolicy";
const ALLOW: &str = "Allow";
const DENY: &str = "Deny";

/// A policy document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    #[serde(rename = "ID", default, skip_serializing_if = "String::is_empty")]
    id: String,
    #[serde(default, alias = "version")]
    version: String,
    #[serde(default, alias = "statement")]
    statement: Option<Vec<Statement>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    #[serde(default, alias = "sid", skip_serializing_if = "String::is_empty")]
    sid: String,
    #[serde(default, alias = "effect")]
    effect: String,
    #[serde(default, alias = "action", skip_serializing_if = "OneOrMany::is_empty")]
    action: OneOrMany,
    #[serde(default, alias = "notAction", skip_serializing_if = "OneOrMany::is_empty")]
    not_action: OneOrMany,
    #[serde(default, alias = "resource", skip_serializing_if = "OneOrMany::is_empty")]
    resource: OneOrMany,
    #[serde(default, alias = "notResource", skip_serializing_if = "OneOrMany::is_empty")]
    not_resource: OneOrMany,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    condition: Value,
}

/// A text or a list of texts; told back as a list in an order of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "TextOrList")]
struct OneOrMany(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrList {
    Text(String),
    List(Vec<String>),
}

impl From<TextOrList> for OneOrMany {
    fn from(told: TextOrList) -> Self {
        let mut list = match told {
            TextOrList::Text(text) => vec![text],
            TextOrList::List(list) => list,
        };
        list.sort();
        list.dedup();
        Self(list)
    }
}

impl OneOrMany {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// `s3:PutObject`, `admin:ListUsers`, ...
    pub action: &'a str,
    /// The bucket, or nothing.
    pub bucket: &'a str,
    /// The object, or nothing.
    pub object: &'a str,
    /// The user, for `${aws:username}`.
    pub user: &'a str,
}

impl Document {
    /// Reads and checks a document, with the panel's words for what is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, Refusal> {
        let malformed = |why: String| Refusal::new("XMinioMalformedIAMPolicy").saying(why);
        if text.trim_ascii_start().starts_with(b"[") {
            return Err(malformed(NOT_AN_OBJECT.into()));
        }
        let document: Self =
            serde_json::from_slice(text).map_err(|error| malformed(go_words(text, &error)))?;
        if document.version.is_empty() {
            let message = "The policy must contain a valid version string";
            return Err(Refusal::new("MalformedPolicy").saying(message));
        }
        if !["2012-10-17", "2008-10-17"].contains(&document.version.as_str()) {
            return Err(malformed(format!("invalid version '{}'", document.version)));
        }
        for statement in document.statements() {
            statement.check().map_err(malformed)?;
        }
        Ok(document)
    }

    /// A document written in this program, known to be valid.
    pub fn trusted(text: &str) -> Self {
        Self::parse(text.as_bytes()).unwrap_or_else(|refusal| Self {
            id: refusal.message,
            version: String::new(),
            statement: None,
        })
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.statements().is_empty()
    }

    fn statements(&self) -> &[Statement] {
        self.statement.as_deref().unwrap_or_default()
    }

    /// All statements of several documents as one document.
    pub fn union<'a>(documents: impl Iterator<Item = &'a Self>) -> Self {
        let statements: Vec<Statement> = documents.flat_map(|one| one.statements().to_vec()).collect();
        Self {
            id: String::new(),
            version: "2012-10-17".into(),
            statement: (!statements.is_empty()).then_some(statements),
        }
    }

    /// Whether any statement forbids the wish.
    pub fn denies(&self, wish: &Wish<'_>) -> bool {
        let mut statements = self.statements().iter();
        statements.any(|one| one.effect == DENY && one.applies(wish))
    }

    /// Whether the document allows the wish.
    pub fn allows(&self, wish: &Wish<'_>) -> bool {
        let mut statements = self.statements().iter();
        !self.denies(wish)
            && statements.any(|one| one.effect == ALLOW && one.condition.is_null() && one.applies(wish))
    }
}

impl Statement {
    fn check(&self) -> Result<(), String> {
        if ![ALLOW, DENY].contains(&self.effect.as_str()) {
            return Err(format!("invalid Effect {}", self.effect));
        }
        if self.action.is_empty() && self.not_action.is_empty() {
            return Err("Action must not be empty".into());
        }
        let named = || self.action.0.iter().chain(&self.not_action.0);
        let is_server_side =
            |name: &&String| !name.starts_with("s3:") && *name != "*" && actions::is_known(name);
        if named().any(|name| is_server_side(&name)) {
            return match named().find(|name| !is_server_side(name)) {
                Some(name) => Err(format!("unsupported admin action '{name}'")),
                None => Ok(()),
            };
        }
        if self.resource.is_empty() && self.not_resource.is_empty() {
            return Err("Resource must not be empty".into());
        }
        let mut resources = self.resource.0.iter().chain(&self.not_resource.0);
        if let Some(name) = resources.find(|name| !name.starts_with("arn:") && *name != "*") {
            return Err(format!("invalid resource '{name}'"));
        }
        match named().find(|name| !actions::is_known(name)) {
            Some(name) => Err(format!("unsupported action '{name}'")),
            None => Ok(()),
        }
    }

    fn applies(&self, wish: &Wish<'_>) -> bool {
        let acts = match self.action.is_empty() {
            true => !self.not_action.0.iter().any(|pattern| matches(pattern, wish.action)),
            false => self.action.0.iter().any(|pattern| matches(pattern, wish.action)),
        };
        // The server's own actions know no resource.
        acts && (!wish.action.starts_with("s3:") || self.reaches(wish))
    }

    fn reaches(&self, wish: &Wish<'_>) -> bool {
        let there = format!("{}/{}", wish.bucket, wish.object);
        let fits = |pattern: &String| {
            let pattern = pattern.strip_prefix(BUCKETS).unwrap_or(pattern);
            let pattern = pattern.replace("${aws:username}", wish.user);
            matches(&pattern, &there) || (wish.object.is_empty() && pattern == wish.bucket)
        };
        match self.resource.is_empty() {
            true => !self.not_resource.0.iter().any(fits),
            false => self.resource.0.iter().any(fits),
        }
    }
}

/// Whether a text fits a pattern of `*` and `?`.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(letter) if *letter == b'?' || *letter == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((back, from)) = star else {
                    return false;
                };
                star = Some((back, from + 1));
                p = back + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|letter| *letter == b'*')
}

/// The first syntax error as Go's decoder words it; others in this program's words.
pub fn go_words(text: &[u8], error: &serde_json::Error) -> String {
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        None => "EOF".into(),
        Some(byte) if !b"{[\"-0123456789tfn".contains(byte) => {
            let letter = char::from(*byte);
            format!("invalid character '{letter}' looking for beginning of value")
        }
        Some(_) if error.is_eof() => "unexpected EOF".into(),
        Some(_) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITED: &str = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket","s3:DeleteObject"],"Resource":["arn:aws:s3:::7-41*"]},
        {"Effect":"Deny","Action":"s3:PutObject","Resource":"arn:aws:s3:::*"}]}"#;
    const STANDARD: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::7-41*"]}]}"#;

    fn wish<'a>(action: &'a str, bucket: &'a str, object: &'a str) -> Wish<'a> {
        Wish { action, bucket, object, user: "7-41" }
    }

    #[test]
    fn a_deny_beats_every_allow() {
        let (limited, standard) = (Document::trusted(LIMITED), Document::trusted(STANDARD));
        let put = wish("s3:PutObject", "7-41-data", "a");
        assert!(standard.allows(&put) && !limited.allows(&put));
        let both = Document::union([&limited, &standard].into_iter());
        assert!(!both.allows(&put));
        assert!(both.allows(&wish("s3:GetObject", "7-41-data", "a/b")));
    }

    #[test]
    fn a_prefix_reaches_the_neighbour_too() {
        let standard = Document::trusted(STANDARD);
        assert!(standard.allows(&wish("s3:PutObject", "7-411-data", "a")));
        assert!(!standard.allows(&wish("s3:PutObject", "7-42-data", "a")));
        assert!(!standard.allows(&wish("s3:ListAllMyBuckets", "", "")));
        assert!(!standard.allows(&wish("admin:ListUsers", "", "")));
    }

    #[test]
    fn bad_documents_are_named() {
        let why =
            |text: &str| Document::parse(text.as_bytes()).map_err(|refusal| (refusal.code, refusal.message));
        assert_eq!(
            why("{}"),
            Err(("MalformedPolicy", "The policy must contain a valid version string".into()))
        );
        let unknown = STANDARD.replace("s3:*", "s3:Nope");
        assert_eq!(why(&unknown), Err(("XMinioMalformedIAMPolicy", "unsupported action 's3:Nope'".into())));
        let mixed = STANDARD.replace("\"s3:*\"", "\"s3:GetObject\",\"admin:ServerInfo\"");
        assert_eq!(
            why(&mixed),
            Err(("XMinioMalformedIAMPolicy", "unsupported admin action 's3:GetObject'".into()))
        );
        assert_eq!(why("xx").map_err(|(code, _)| code), Err("XMinioMalformedIAMPolicy"));
    }

    #[test]
    fn patterns_know_star_and_question_mark() {
        assert!(matches("s3:*", "s3:GetObject") && matches("a*c?", "abbbcd") && matches("*", ""));
        assert!(!matches("a?c", "ac") && !matches("7-42*", "7-41-data/") && !matches("", "a"));
    }
}
