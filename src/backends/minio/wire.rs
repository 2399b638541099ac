//! The server's JSON and XML as structs. Nobody outside this folder sees them.
//!
//! The usage of all buckets, which is long, has a file of its own.

use std::collections::BTreeMap;
use std::io::Read;

use chrono::{DateTime, Datelike};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::domain::Timestamp;
use crate::http::excerpt;

/// One user of `list-users` and `user-info`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct User {
    /// The policies mapped on the user himself, joined by commas; absent when there is none.
    #[serde(rename = "policyName", default)]
    pub policy: String,
    /// `enabled` or `disabled`.
    #[serde(default)]
    pub status: Option<String>,
    /// His groups; absent when there is none.
    #[serde(rename = "memberOf", default, deserialize_with = "null_is_empty")]
    pub groups: Vec<String>,
}

/// One group of `group`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Group {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub members: Vec<String>,
    #[serde(default)]
    pub policy: String,
}

/// Who asks, of `accountinfo`: the access key's user and his rights. RustFS spells it otherwise and writes the
/// policy as a text.
#[derive(Debug, Deserialize)]
pub(super) struct Caller {
    #[serde(rename = "AccountName", alias = "account_name")]
    pub name: String,
    #[serde(rename = "Policy", alias = "policy", default)]
    policy: Value,
}

impl Caller {
    /// Reads the answer as it arrives: root is given every bucket in it.
    pub fn read(source: &mut dyn Read) -> Result<Caller, String> {
        serde_json::from_reader(std::io::BufReader::new(source)).map_err(|error| error.to_string())
    }

    /// Everything it may do, as one policy document; `None` where that is not reported.
    pub fn policy(&self) -> Option<Value> {
        let policy = match &self.policy {
            Value::String(text) => serde_json::from_str(text).ok()?,
            policy => policy.clone(),
        };
        policy.get("Statement").is_some_and(Value::is_array).then_some(policy)
    }
}

/// Who has a policy, of `policy-entities`; absent when nobody has.
#[derive(Debug, Deserialize)]
pub(super) struct Entities {
    #[serde(rename = "policyMappings", default, deserialize_with = "null_is_empty")]
    pub policies: Vec<PolicyMapping>,
}

/// One policy, and everybody who has it.
#[derive(Debug, Deserialize)]
pub(super) struct PolicyMapping {
    pub policy: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    users: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    groups: Vec<String>,
}

impl PolicyMapping {
    /// Whether anybody has it.
    pub fn is_had(&self) -> bool {
        !self.users.is_empty() || !self.groups.is_empty()
    }
}

/// What `info` is asked for: the release of every node. RustFS wraps it once more.
#[derive(Debug, Deserialize)]
pub(super) struct ServerState {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub servers: Vec<Node>,
    #[serde(default, rename = "info")]
    pub wrapped: Option<Box<ServerState>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Node {
    #[serde(default)]
    pub version: String,
}

/// The error both JSON and XML carry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ErrorBody {
    pub code: String,
    pub message: String,
}

impl ErrorBody {
    /// Reads by the first character: the content type is no guide (S3 calls and middleware say XML
    /// on admin paths too).
    pub fn read(body: &[u8]) -> ErrorBody {
        let body = body.trim_ascii_start();
        match body.first() {
            Some(b'{') => serde_json::from_slice(body).unwrap_or_default(),
            Some(b'<') => quick_xml::de::from_reader(body).unwrap_or_default(),
            _ => ErrorBody::default(),
        }
    }
}

/// The buckets of `ListBuckets`, each with the time it was made.
pub(super) fn buckets(xml: &[u8]) -> Result<BTreeMap<String, Option<Timestamp>>, String> {
    #[derive(Deserialize)]
    struct ListAllMyBucketsResult {
        #[serde(rename = "Buckets")]
        buckets: Option<Buckets>,
        #[serde(rename = "ContinuationToken", default)]
        goes_on: Option<String>,
    }
    #[derive(Default, Deserialize)]
    struct Buckets {
        #[serde(rename = "Bucket", default)]
        list: Vec<Bucket>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Bucket {
        name: String,
        creation_date: Option<String>,
    }
    // Any root element would do for the parser; an error page must not read as "no buckets".
    if !xml.windows(22).take(1024).any(|part| part == b"ListAllMyBucketsResult") {
        return Err("no ListAllMyBucketsResult in it".to_string());
    }
    let result: ListAllMyBucketsResult =
        quick_xml::de::from_reader(xml).map_err(|error| error.to_string())?;
    if result.goes_on.is_some_and(|token| !token.is_empty()) {
        return Err(
            "a part of the list only: it ends with a ContinuationToken, which no known server sends".into()
        );
    }
    let list = result.buckets.ok_or("no Buckets in it")?.list;
    Ok(list
        .into_iter()
        .map(|bucket| (bucket.name, bucket.creation_date.as_deref().and_then(|text| time(text).ok()?)))
        .collect())
}

/// An RFC 3339 time with any offset and 0 to 9 digits of fraction; Go's zero time is `None`.
pub(super) fn time(text: &str) -> Result<Option<Timestamp>, String> {
    let time =
        DateTime::parse_from_rfc3339(text).map_err(|_| format!("{:?} is not a time", excerpt(text, 40)))?;
    if time.year() <= 1 {
        return Ok(None);
    }
    Timestamp::new(time.timestamp()).map(Some).map_err(|error| error.to_string())
}

fn null_is_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_with_any_offset_and_fraction() {
        for text in [
            "2026-11-20T23:59:58Z",
            "2026-11-20T23:59:58.1Z",
            "2026-11-20T23:59:58.123456789Z",
            "2026-11-21T01:59:58.12+02:00",
            "2026-11-20T18:29:58-05:30",
        ] {
            assert_eq!(time(text), Ok(Some(Timestamp::new(1_795_219_198).expect("in range"))), "{text}");
        }
        assert_eq!(time("0001-01-01T00:00:00Z"), Ok(None));
        assert!(time("1969-12-31T23:59:59Z").is_err());
    }

    #[test]
    fn bucket_lists_are_lists_or_errors() {
        let list = buckets(include_bytes!("testdata/buckets.xml")).expect("a list");
        assert_eq!(list.keys().collect::<Vec<_>>(), ["7-41-data", "7-42-data"]);
        assert_eq!(list["7-41-data"], time("2026-11-21T00:36:23.000Z").expect("a time"));
        let none = b"<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>";
        assert_eq!(buckets(none), Ok(BTreeMap::new()));
        assert!(buckets(b"<Error><Code>AccessDenied</Code></Error>").is_err());
        assert!(buckets(b"<ListAllMyBucketsResult><Buckets><Bucket><Name>a</Na").is_err());
        assert!(buckets(b"<ListAllMyBucketsResult></ListAllMyBucketsResult>").is_err());
        let part = b"<ListAllMyBucketsResult><Buckets></Buckets><ContinuationToken>x</ContinuationToken></ListAllMyBucketsResult>";
        assert!(buckets(part).is_err_and(|error| error.contains("ContinuationToken")));
    }

    #[test]
    fn errors_are_read_by_their_first_character() {
        let code = |body: &str| ErrorBody::read(body.as_bytes()).code;
        assert_eq!(code(r#"{"Code":"XMinioAdminNoSuchUser","Message":"m"}"#), "XMinioAdminNoSuchUser");
        let xml =
            "<?xml version=\"1.0\"?>\n<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>";
        assert_eq!(code(xml), "RequestTimeTooSkewed");
        assert_eq!(code("<html><body>hi"), "");
        assert_eq!(code(""), "");
    }

    #[test]
    fn who_asks_is_told_in_both_spellings() {
        let minio = br#"{"AccountName":"whmeter","Server":{"Type":2},"Policy":{"Version":"1","Statement":[]},"Buckets":[{"name":"a"}]}"#;
        let rustfs = br#"{"account_name":"whmeter","policy":"{\"Statement\":[]}","buckets":[]}"#;
        for body in [minio.as_slice(), rustfs] {
            let caller = Caller::read(&mut &*body).expect("reported");
            assert!(caller.name == "whmeter" && caller.policy().is_some(), "{caller:?}");
        }
        let bare = Caller::read(&mut br#"{"AccountName":"a","Policy":null}"#.as_slice()).expect("reported");
        assert_eq!(bare.policy(), None);
    }

    #[test]
    fn users_come_with_and_without_everything() {
        let users: BTreeMap<String, User> =
            serde_json::from_str(include_str!("testdata/users.json")).expect("users");
        assert_eq!(users["7-41"].groups, ["hosting"]);
        assert_eq!((users["8-77"].policy.as_str(), users["8-77"].groups.len()), ("", 0));
        assert_eq!(users["7-42"].status.as_deref(), Some("disabled"));
    }
}
