//! How version 1 writes an answer: as JSON, or as tags without a root.

use serde_json::{Map, Value};

/// The fields of an answer in their order, besides its status.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Whether all is well; where not, `statusmsg` says why.
    pub is_success: bool,
    /// What `statusmsg` says.
    pub message: String,
    /// The rest.
    pub fields: Vec<(&'static str, Value)>,
    /// Some lists have no status in tags.
    pub bare_in_tags: bool,
}

impl Answer {
    /// Done; the words say what.
    pub fn done(message: &str) -> Self {
        Self { is_success: true, message: message.to_owned(), ..Self::default() }
    }

    /// Not done; the words say why.
    pub fn error(message: &str) -> Self {
        Self { message: message.to_owned(), ..Self::default() }
    }

    /// Fields that were asked for.
    pub fn of(fields: Vec<(&'static str, Value)>) -> Self {
        Self { is_success: true, fields, ..Self::default() }
    }

    /// Without a status when it is written in tags.
    pub fn bare(self) -> Self {
        Self { bare_in_tags: true, ..self }
    }

    /// As JSON; with loose lists as some converters write them.
    pub fn json(self, loose_lists: bool) -> Vec<u8> {
        let fields = self.all().into_iter().map(|(name, value)| match value {
            Value::Array(items) if loose_lists => (name.to_owned(), loose(items)),
            value => (name.to_owned(), value),
        });
        Value::Object(fields.collect::<Map<_, _>>()).to_string().into_bytes()
    }

    /// As tags: nothing is escaped, and there is no declaration.
    pub fn tags(self) -> Vec<u8> {
        let fields = if self.bare_in_tags && self.is_success { self.fields } else { self.all() };
        let tags = fields.iter().map(|(name, value)| tag(name, value));
        tags.collect::<Vec<_>>().join("\n").into_bytes()
    }

    fn all(self) -> Vec<(&'static str, Value)> {
        let status = if self.is_success { "success" } else { "error" };
        let head = [("status", Value::from(status)), ("statusmsg", self.message.into())];
        head.into_iter().chain(self.fields).collect()
    }
}

fn loose(mut items: Vec<Value>) -> Value {
    match items.len() {
        0 => "".into(),
        1 => items.remove(0),
        _ => items.into(),
    }
}

fn tag(name: &str, value: &Value) -> String {
    let inside = match value {
        Value::Array(items) => {
            let one = name.strip_suffix('s').unwrap_or(name);
            items.iter().map(|item| tag(one, item)).collect()
        }
        Value::Object(fields) => fields.iter().map(|(name, value)| tag(name, value)).collect(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!("<{name}>{inside}</{name}>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_same_answer_has_two_shapes() {
        let list = |items: Value| Answer::of(vec![("clients", items)]).bare();
        let two = list(json!([{"company": "Sands & Sons"}, {"company": ""}]));
        let soup = "<clients><client><company>Sands & Sons</company></client>\
                    <client><company></company></client></clients>";
        assert_eq!(two.tags(), soup.as_bytes());
        assert_eq!(list(json!([])).json(true), br#"{"clients":"","status":"success","statusmsg":""}"#);
        assert_eq!(
            list(json!([{"id": "1"}])).json(true),
            br#"{"clients":{"id":"1"},"status":"success","statusmsg":""}"#
        );
        let error = "<status>error</status>\n<statusmsg>No</statusmsg>";
        assert_eq!(Answer::error("No").bare().tags(), error.as_bytes());
    }
}
