//! The panel's JSON, read as tolerantly as its two generations need and never more so.
//!
//! The bodies of 2.x are described nowhere in full, so a field is looked for under every name the
//! vendor's papers give it. What is found must be what it should be: nothing here invents a number.

use serde_json::Value;

use crate::backends::kit::json::{text, type_of, whole};

/// The panel's own words, fit for a log.
pub(super) fn excerpt(text: &str) -> String {
    crate::http::excerpt(text, 120)
}

/// `GET /system/status`: the panel about itself (PUQVPNCP doc/20. API, "System").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// "OK", or what it is busy with.
    pub text: Option<String>,
    /// How many clients there are.
    pub clients: Option<u64>,
    /// How many the licence allows in all, in spite of its name `count_accounts_available`.
    pub licensed: Option<u64>,
    /// Whether the licence holds.
    pub license_valid: Option<bool>,
    /// The release.
    pub version: Option<String>,
}

impl Status {
    /// Reads the content of the answer.
    pub fn read(payload: &Value) -> Result<Status, String> {
        let Value::Object(object) = payload else {
            return Err(format!("expected an object, got {}", type_of(payload)));
        };
        let owned = |name: &'static str| text(object, &[name]).map(str::to_string);
        let number = |name: &'static str| object.get(name).and_then(whole);
        Ok(Status {
            text: owned("status"),
            clients: number("count_accounts"),
            licensed: number("count_accounts_available"),
            license_valid: object.get("license_valid").and_then(Value::as_bool),
            version: owned("version"),
        })
    }

    /// What it is busy with; while it is, it reads and refuses to write.
    pub fn busy_with(&self) -> Option<String> {
        self.text.as_deref().filter(|text| !text.eq_ignore_ascii_case("ok")).map(excerpt)
    }
}
