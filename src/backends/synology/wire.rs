//! What every answer of DSM's Web API looks like around its data. Seen by no other room.

use serde::Deserialize;
use serde_json::Value;

/// An answer: success and data, or an error. Any of its parts may be absent.
#[derive(Deserialize)]
pub(super) struct Envelope {
    pub success: Option<bool>,
    /// What was asked for; `null` where it is absent.
    #[serde(default)]
    pub data: Value,
    pub error: Option<ApiError>,
}

/// A number that says why not, and whatever else there is to say: numbers, objects, or nothing.
#[derive(Deserialize)]
pub(super) struct ApiError {
    pub code: Option<i64>,
    #[serde(default)]
    pub errors: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_may_be_absent_and_errors_of_any_kind() {
        for (text, success, code) in [
            (r#"{"success":true}"#, Some(true), None),
            (r#"{"data":[],"success":true}"#, Some(true), None),
            (r#"{"error":{"code":105},"success":false}"#, Some(false), Some(105)),
            (r#"{"error":{"code":120,"errors":{"name":"name"}},"success":false}"#, Some(false), Some(120)),
            (r#"{"error":{"code":3102,"errors":[3102]}}"#, None, Some(3102)),
            (r#"{"error":{}}"#, None, None),
        ] {
            let read: Envelope = serde_json::from_str(text).expect(text);
            assert_eq!((read.success, read.error.and_then(|error| error.code)), (success, code), "{text}");
        }
    }
}
