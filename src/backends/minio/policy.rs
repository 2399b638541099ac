//! Policy documents: templates filled in, documents compared, and what a document lets one write to.
//!
//! Pure. Nothing is sent from here.

use std::collections::BTreeSet;

use globset::Glob;
use serde_json::{Value, json};

use super::bucket_ownership::MACRO;

/// The longest document the server takes (MinIO cmd/admin-handlers-users.go).
const LONGEST: usize = 20_480;

/// The `ID` of the documents we write for limited accounts (MinIO pkg/policy/policy.go): the server keeps it and grants
/// nothing by it, and it reports them from documents of the same name that are somebody else's.
const OURS: &str = "whmeter";

/// What a bucket's name follows in a resource.
const BUCKETS: &str = "arn:aws:s3:::";

/// The mark of the one statement we add to a limited document: it grants next to nothing and reports
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
        self.serving(user, &BTreeSet::new())
    }

    /// The limited document for `user`. Where the template names his buckets by the macro, those in `by_config` and
    /// `by_policy` (patterns without `arn:`) are named too, and the latter are noted, so that they are still his while
    /// he is limited.
    pub fn limited(
        &self,
        user: &str,
        by_config: BTreeSet<String>,
        by_policy: BTreeSet<String>,
    ) -> Result<Value, String> {
        let buckets = by_config.into_iter().chain(by_policy.iter().cloned()).collect();
        let mut document = noted(self.serving(user, &buckets)?, &by_policy);
        document["ID"] = json!(OURS);
        short_enough(document)
    }

    /// The document for `user` with further buckets of his.
    fn serving(&self, user: &str, buckets: &BTreeSet<String>) -> Result<Value, String> {
        check_name(user)?;
        let mut document = replaced(&self.0, user);
        document["Statement"] =
            statements(&self.0).map(|statement| served(statement, user, buckets)).collect();
        short_enough(document)
    }

    /// Whether buckets can be named in it that do not carry the user's name: somewhere it names his by the macro, or
    /// it allows what it allows in all buckets.
    pub fn serves_any_bucket(&self) -> bool {
        let allowed = statements(&self.0).filter(|statement| effect(statement) == "Allow");
        let mut resources = allowed.flat_map(|statement| texts(statement.get("Resource")));
        resources.any(|resource| names_buckets(resource) || resource == "arn:aws:s3:::*" || resource == "*")
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
    statements(document)
        .filter(|statement| effect(statement) == "Allow")
        .filter(|statement| {
            statement.get("Sid").and_then(Value::as_str) == Some(CLAIM)
                || texts(statement.get("Action")).any(writes)
        })
        .flat_map(|statement| texts(statement.get("Resource")))
        .filter_map(|resource| resource.strip_prefix(BUCKETS))
        .map(|pattern| pattern.replace("${aws:username}", user))
        .collect()
}

/// Whether an action lets objects be written.
fn writes(action: &str) -> bool {
    let action = action.to_lowercase();
    matches!(action.as_str(), "*" | "s3:*" | "s3:put*" | "s3:putobject" | "s3:putobject*")
}

/// Whether `document` takes the right to write away, whatever else is mapped.
pub(super) fn denies_writing(document: &Value) -> bool {
    let mut denies = statements(document).filter(|statement| effect(statement) == "Deny");
    denies.any(|statement| texts(statement.get("Action")).any(writes))
}

/// Whether a user who has `document` alone cannot write.
pub(super) fn limits(document: &Value) -> bool {
    let mut allows = statements(document).filter(|statement| effect(statement) == "Allow");
    denies_writing(document) || !allows.any(|statement| texts(statement.get("Action")).any(writes))
}

/// Whether `document` grants the right to `action` somewhere.
pub(super) fn grants(document: &Value, action: &str) -> bool {
    let fits = |pattern: &str| Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(action));
    let covers = |statement: &Value| match statement.get("NotAction") {
        Some(others) => !texts(Some(others)).any(fits),
        None => texts(statement.get("Action")).any(fits),
    };
    let mut of =
        statements(document).filter(|statement| covers(statement)).map(effect).collect::<BTreeSet<_>>();
    of.remove("Allow") && of.is_empty()
}

/// Whether `document` carries our note, so that it is one of our limited ones.
pub(super) fn is_noted(document: &Value) -> bool {
    statements(document).any(|statement| statement.get("Sid").and_then(Value::as_str) == Some(CLAIM))
}

/// Whether we have written `document`.
pub(super) fn is_ours(document: &Value) -> bool {
    document.get("ID").and_then(Value::as_str) == Some(OURS) || is_noted(document)
}

/// The bucket patterns `user` has by his standard policies, save those that `prefix`, made of his name, finds anyway.
pub(super) fn buckets<'a>(
    standard: impl Iterator<Item = &'a Value>,
    user: &str,
    prefix: &str,
) -> BTreeSet<String> {
    let found = |pattern: &str| !prefix.is_empty() && pattern.to_lowercase().starts_with(prefix);
    let patterns = standard.flat_map(|document| writes_to(document, user));
    // A lone wildcard claims nothing.
    patterns.filter(|pattern| !found(pattern) && !pattern.starts_with('*')).collect()
}

/// `document` with the note which buckets the account had by its standard policies.
fn noted(mut document: Value, buckets: &BTreeSet<String>) -> Value {
    if buckets.is_empty() {
        return document;
    }
    let resources: Vec<String> = buckets.iter().map(|pattern| format!("{BUCKETS}{pattern}")).collect();
    let note = json!({
        "Sid": CLAIM, "Effect": "Allow", "Action": ["s3:GetBucketLocation"], "Resource": resources,
    });
    if let Some(Value::Array(list)) = document.get_mut("Statement") {
        list.push(note);
    }
    document
}

/// A statement of a template for `user`: where it allows something in the buckets of his name, or denies it everywhere
/// else, it does so of these `buckets` as well.
fn served(statement: &Value, user: &str, buckets: &BTreeSet<String>) -> Value {
    let mut filled = replaced(statement, user);
    let field = match effect(statement) {
        "Allow" => "Resource",
        "Deny" => "NotResource",
        _ => return filled,
    };
    if texts(statement.get(field)).any(names_buckets) {
        let mut all: Vec<String> = texts(filled.get(field)).map(str::to_string).collect();
        let more = buckets.iter().map(|pattern| format!("{BUCKETS}{pattern}"));
        for resource in more {
            if !all.contains(&resource) {
                all.push(resource);
            }
        }
        filled[field] = json!(all);
    }
    filled
}

/// Whether a resource of a template is about the buckets of the user's name.
fn names_buckets(resource: &str) -> bool {
    resource.strip_prefix(BUCKETS).is_some_and(|bucket| bucket.contains(MACRO))
}

fn short_enough(document: Value) -> Result<Value, String> {
    match document.to_string().len() {
        length if length > LONGEST => Err(format!(
            "the document is {length} bytes long and the server takes {LONGEST}; name many buckets by one \
             prefix"
        )),
        _ => Ok(document),
    }
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

    fn patterns(patterns: &[&str]) -> BTreeSet<String> {
        patterns.iter().map(|pattern| pattern.to_string()).collect()
    }

    /// What the first statement of a document is about.
    fn resources(document: &Value) -> Vec<&str> {
        texts(document["Statement"][0].get("Resource")).collect()
    }

    #[test]
    fn a_limited_account_keeps_the_buckets_its_policy_gave() {
        let standard = json!({"Version": "1", "Statement": [
            {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::photos-*", "arn:aws:s3:::7-41*", "arn:aws:s3:::*"]},
            {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}-x/*"},
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::public/*"},
            {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::secret/*"}]});
        assert_eq!(writes_to(&standard, "7-41"), ["photos-*", "7-41*", "*", "7-41-x/*"]);
        let by_policy = |prefix| buckets(std::iter::once(&standard), "7-41", prefix);
        assert_eq!(by_policy("7-41"), patterns(&["photos-*"]));
        assert_eq!(by_policy(""), patterns(&["7-41*", "7-41-x/*", "photos-*"]));
        let limited = template(LIMITED);
        let served = limited.limited("7-41", patterns(&["7-41*"]), by_policy("7-41")).expect("filled");
        // He may read, list and delete there, and it is still his in the next poll.
        assert_eq!(resources(&served), ["arn:aws:s3:::7-41*", "arn:aws:s3:::photos-*"]);
        assert_eq!(writes_to(&served, "7-41"), ["photos-*"]);
        // Where the name rule finds everything, the operator's text stays as it is.
        let plain = limited.limited("7-41", patterns(&["7-41*"]), BTreeSet::new()).expect("filled");
        assert!(same(&plain, &limited.fill("7-41").expect("filled")));
    }

    #[test]
    fn a_limited_document_serves_the_buckets_that_are_his_by_the_config() {
        let by_config = patterns(&["u-7-41-*", "old-archive", "old-archive/*"]);
        let served = template(LIMITED).limited("7-41", by_config.clone(), BTreeSet::new()).expect("filled");
        let expected = ["7-41*", "old-archive", "old-archive/*", "u-7-41-*"];
        assert_eq!(resources(&served), expected.map(|pattern| format!("{BUCKETS}{pattern}")));
        // What is denied everywhere stays denied everywhere.
        assert_eq!(texts(served["Statement"][1].get("Resource")).collect::<Vec<_>>(), ["arn:aws:s3:::*"]);
        // A template of an operator: what is denied outside his buckets is not denied in them.
        let outside = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":["s3:*"],"NotResource":"arn:aws:s3:::<USER_ID>*"}}"#;
        let served = template(outside).limited("7-41", by_config.clone(), BTreeSet::new()).expect("filled");
        assert_eq!(served["Statement"][0]["NotResource"].as_array().map(Vec::len), Some(4));
        // One that names nobody's buckets cannot serve any.
        let fixed = LIMITED.replace("arn:aws:s3:::<USER_ID>*", "arn:aws:s3:::customers-<USER_ID>*");
        assert!(template(LIMITED).serves_any_bucket() && template(&fixed).serves_any_bucket());
        assert!(!template(&LIMITED.replace("<USER_ID>*", "shared")).serves_any_bucket());
        let many =
            (0..300).map(|n| format!("bucket-of-a-long-name-that-somebody-has-chosen-{n:04}/*")).collect();
        let error = template(LIMITED).limited("7-41", many, BTreeSet::new()).expect_err("too long");
        assert!(error.contains("20480") && error.contains("one prefix"), "{error}");
    }

    #[test]
    fn ours_are_told_from_others_and_what_limits_or_grants_from_what_does_not() {
        let (standard, limited) = (template(STANDARD).fill("7-41").expect("filled"), template(LIMITED));
        let ours = limited.limited("7-41", BTreeSet::new(), BTreeSet::new()).expect("filled");
        assert!(is_ours(&ours) && !is_ours(&standard) && !is_ours(&limited.fill("7-41").expect("filled")));
        assert!(limits(&ours) && denies_writing(&ours));
        assert!(!limits(&standard));
        let rights = json!({"Version": "1", "Statement": [
            {"Effect": "Allow", "Action": ["admin:Create*", "admin:GetPolicy"]},
            {"Effect": "Deny", "Action": "admin:CreateUser"}]});
        for (action, granted) in [
            ("admin:CreatePolicy", true),
            ("admin:GetPolicy", true),
            ("admin:CreateUser", false),
            ("admin:GetUser", false),
        ] {
            assert_eq!(grants(&rights, action), granted, "{action}");
        }
        let root = json!({"Statement": [{"Effect": "Allow", "Action": ["admin:*"]}]});
        assert!(
            grants(&root, "admin:DeletePolicy") && !grants(&json!({"Statement": null}), "admin:DeletePolicy")
        );
        let reading = json!({"Version": "1", "Statement": [
            {"Effect": "Allow", "Action": ["s3:Get*"], "Resource": ["arn:aws:s3:::7-41*"]}]});
        // Alone it keeps him from writing, beside another policy it does not.
        assert!(limits(&reading) && !denies_writing(&reading));
    }
}
