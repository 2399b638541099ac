//! Policy documents: templates filled in, documents compared, and what a document lets one write to.
//!
//! Pure. Nothing is sent from here.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::claim::MACRO;

/// The longest document the server takes (MinIO cmd/admin-handlers-users.go).
const LONGEST: usize = 20_480;

/// The mark of the one statement we add to a limited document: it grants next to nothing and tells
/// which buckets the account had by its standard policy, so that they are still his in the next poll.
const CLAIM: &str = "WhmeterBuckets";

/// A document with the macro `<USER_ID>` where a user's name goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template(Value);

impl Template {
    /// Reads a template; the macro need not be in it.
    pub fn parse(text: &str) -> Result<Template, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        if value.get("Version").and_then(Value::as_str).is_none() {
            return Err("has no \"Version\"; the server refuses such a document".into());
        }
        if statements(&value).next().is_none() {
            return Err("has no \"Statement\"".into());
        }
        Ok(Template(value))
    }

    /// The document for `user`; refuses a name that would mean something else inside a policy.
    pub fn fill(&self, user: &str) -> Result<Value, String> {
        check_name(user)?;
        let document = replaced(&self.0, user);
        match document.to_string().len() {
            length if length > LONGEST => Err(format!("is {length} bytes long; the server takes {LONGEST}")),
            _ => Ok(document),
        }
    }

    /// What an operator should know about it.
    pub fn warnings(&self) -> Vec<String> {
        let admin = actions(&self.0).any(|action| action.to_lowercase().starts_with("admin:"));
        let everything = actions(&self.0).any(|action| action == "*");
        let allows = statements(&self.0).any(|statement| effect(statement) == "Allow");
        let mut warnings = Vec::new();
        if admin || everything {
            warnings.push(
                "gives customers admin: actions; older releases do not confine those to the customer's buckets"
                    .to_string(),
            );
        }
        if allows && !self.0.to_string().contains(MACRO) {
            warnings.push(format!("does not hold {MACRO}: every customer gets the same rights"));
        }
        warnings
    }

    /// Whether it takes rights away by Deny, so that rights a group gives do not matter.
    pub fn denies(&self) -> bool {
        statements(&self.0).any(|statement| effect(statement) == "Deny")
    }
}

/// Whether `user` can stand in a policy name and document without meaning something else.
pub(super) fn check_name(user: &str) -> Result<(), String> {
    let odd = user.contains(|c: char| c.is_control() || "*?$,\"\\{}/".contains(c));
    match odd || user.trim() != user || user.is_empty() {
        true => Err("the account's name holds characters that mean something else in a policy".into()),
        false => Ok(()),
    }
}

/// The policies of a comma-joined mapping.
pub(super) fn mapped(policy: &str) -> BTreeSet<&str> {
    policy.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// Whether two documents say the same; the server sorts what it is given.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    normal(a) == normal(b)
}

/// The document inside an answer of `info-canned-policy`, which comes bare or wrapped in two ways.
pub(super) fn unwrapped(answer: Value) -> Value {
    match answer {
        Value::Object(mut outer) if !outer.contains_key("Statement") => {
            let inner = outer.remove("Policy").or_else(|| outer.remove("policy"));
            inner.unwrap_or(Value::Object(outer))
        }
        bare => bare,
    }
}

/// The bucket patterns `user` may write to by `document`, or had before he was limited.
pub(super) fn writes_to(document: &Value, user: &str) -> Vec<String> {
    let writing = |action: &str| {
        let action = action.to_lowercase();
        matches!(action.as_str(), "*" | "s3:*" | "s3:put*" | "s3:putobject" | "s3:putobject*")
    };
    statements(document)
        .filter(|statement| effect(statement) == "Allow")
        .filter(|statement| {
            statement.get("Sid").and_then(Value::as_str) == Some(CLAIM)
                || texts(statement.get("Action")).any(writing)
        })
        .flat_map(|statement| texts(statement.get("Resource")))
        .filter_map(|resource| resource.strip_prefix("arn:aws:s3:::"))
        .map(|pattern| pattern.replace("${aws:username}", user))
        .collect()
}

/// Whether `document` carries our note, so that it is one of our limited ones.
pub(super) fn is_noted(document: &Value) -> bool {
    statements(document).any(|statement| statement.get("Sid").and_then(Value::as_str) == Some(CLAIM))
}

/// `limited` with the note which buckets the account had, save those its name `prefix` finds anyway.
pub(super) fn with_buckets(mut limited: Value, standard: &[Value], user: &str, prefix: &str) -> Value {
    let found = |pattern: &str| !prefix.is_empty() && pattern.to_lowercase().starts_with(prefix);
    let patterns: BTreeSet<String> = standard
        .iter()
        .flat_map(|document| writes_to(document, user))
        // A lone wildcard claims nothing.
        .filter(|pattern| !found(pattern) && !pattern.starts_with('*'))
        .map(|pattern| format!("arn:aws:s3:::{pattern}"))
        .collect();
    if patterns.is_empty() {
        return limited;
    }
    let note = json!({
        "Sid": CLAIM, "Effect": "Allow", "Action": ["s3:GetBucketLocation"], "Resource": patterns,
    });
    match limited.get_mut("Statement") {
        Some(Value::Array(list)) => list.push(note),
        Some(single) => *single = json!([single.take(), note]),
        None => {}
    }
    limited
}

fn replaced(value: &Value, user: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace(MACRO, user)),
        Value::Array(list) => list.iter().map(|item| replaced(item, user)).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, item)| (key.clone(), replaced(item, user))).collect())
        }
        other => other.clone(),
    }
}

/// Lists whose order means nothing are sorted, single texts become lists, empty things are dropped.
fn normal(document: &Value) -> Value {
    let mut list: Vec<Value> = statements(document)
        .map(|statement| {
            let Some(map) = statement.as_object() else { return statement.clone() };
            let fields = map.iter().filter(|(_, value)| !is_empty(value)).map(|(key, value)| {
                let is_set = matches!(key.as_str(), "Action" | "NotAction" | "Resource" | "NotResource");
                let value = match is_set {
                    true => json!(BTreeSet::from_iter(texts(Some(value)))),
                    false => value.clone(),
                };
                (key.clone(), value)
            });
            Value::Object(fields.collect())
        })
        .collect();
    list.sort_by_key(Value::to_string);
    json!({"Version": document.get("Version"), "Statement": list})
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn statements(document: &Value) -> impl Iterator<Item = &Value> {
    let (many, one) = match document.get("Statement") {
        Some(Value::Array(list)) => (list.as_slice(), None),
        Some(single @ Value::Object(_)) => ([].as_slice(), Some(single)),
        _ => ([].as_slice(), None),
    };
    many.iter().chain(one)
}

fn actions(document: &Value) -> impl Iterator<Item = &str> {
    statements(document).flat_map(|statement| texts(statement.get("Action")))
}

fn effect(statement: &Value) -> &str {
    statement.get("Effect").and_then(Value::as_str).unwrap_or_default()
}

/// A text or a list of texts.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let (many, one) = match value {
        Some(Value::Array(list)) => (list.as_slice(), None),
        Some(single @ Value::String(_)) => ([].as_slice(), Some(single)),
        _ => ([].as_slice(), None),
    };
    many.iter().chain(one).filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITED: &str = include_str!("policies/limited.json");
    const STANDARD: &str = include_str!("policies/standard.json");

    fn template(text: &str) -> Template {
        Template::parse(text).expect("a template")
    }

    #[test]
    fn the_shipped_templates_are_what_they_should_be() {
        let (standard, limited) = (template(STANDARD), template(LIMITED));
        assert!(limited.denies() && !standard.denies());
        assert!(limited.warnings().is_empty() && standard.warnings().is_empty());
        let filled = standard.fill("7-41").expect("filled");
        assert_eq!(writes_to(&filled, "7-41"), ["7-41*"]);
        assert_eq!(writes_to(&limited.fill("7-41").expect("filled"), "7-41"), [""; 0]);
    }

    #[test]
    fn names_that_would_mean_more_are_refused() {
        for name in ["*", "a*", "a,b", "${aws:username}", "a\"b", " a", "a ", "", "a/b", "uid=a,ou=b"] {
            assert!(template(LIMITED).fill(name).is_err(), "{name:?}");
        }
        assert!(template(LIMITED).fill("kunde-1_2.3@example.net").is_ok());
    }

    #[test]
    fn templates_that_cannot_work_are_refused_and_odd_ones_warned_about() {
        for wrong in ["", "[]", "{}", r#"{"Version":"2012-10-17"}"#, r#"{"Statement":[{"Effect":"Deny"}]}"#] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
        let odd = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"admin:DataUsageInfo"}}"#;
        assert_eq!(template(odd).warnings().len(), 2);
    }

    #[test]
    fn documents_are_the_same_whatever_their_order() {
        let a = json!({"Version": "1", "Statement": [
            {"Effect": "Allow", "Action": ["b", "a"], "Resource": "r"}, {"Effect": "Deny", "Action": "c", "Resource": ["q", "p"]}]});
        let b = json!({"Statement": [
            {"Effect": "Deny", "Action": ["c"], "Resource": ["p", "q"], "Sid": ""},
            {"Effect": "Allow", "Action": ["a", "b"], "Resource": ["r"], "Condition": {}}], "Version": "1", "ID": ""});
        assert!(same(&a, &b));
        let mut c = b.clone();
        c["Statement"][0]["Effect"] = json!("Allow");
        assert!(!same(&a, &c));
    }

    #[test]
    fn a_document_comes_bare_or_wrapped() {
        let bare = json!({"Version": "1", "Statement": null});
        assert_eq!(unwrapped(bare.clone()), bare);
        assert_eq!(
            unwrapped(json!({"PolicyName": "x", "Policy": {"Statement": []}})),
            json!({"Statement": []})
        );
        assert_eq!(
            unwrapped(json!({"policy_name": "x", "policy": {"Statement": []}})),
            json!({"Statement": []})
        );
    }

    #[test]
    fn a_limited_account_keeps_the_buckets_its_policy_gave() {
        let standard = json!({"Version": "1", "Statement": [
            {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::photos-*", "arn:aws:s3:::7-41*", "arn:aws:s3:::*"]},
            {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}-x/*"},
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::public/*"},
            {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::secret/*"}]});
        assert_eq!(writes_to(&standard, "7-41"), ["photos-*", "7-41*", "*", "7-41-x/*"]);
        let limited = template(LIMITED).fill("7-41").expect("filled");
        let noted = with_buckets(limited.clone(), std::slice::from_ref(&standard), "7-41", "7-41");
        assert_eq!(writes_to(&noted, "7-41"), ["photos-*"]);
        // Where the name rule finds everything, the operator's text stays as it is.
        let plain = template(STANDARD).fill("7-41").expect("filled");
        assert_eq!(with_buckets(limited.clone(), std::slice::from_ref(&plain), "7-41", "7-41"), limited);
        assert_ne!(with_buckets(limited.clone(), &[plain], "7-41", ""), limited);
    }
}
