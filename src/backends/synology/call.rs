//! One call of the Web API: its name, its parameters, and how DSM wants their values written.

use serde_json::Value;

/// The most of a version that is known here, of APIs that have several.
const KNOWN: [(&str, u64); 3] = [("SYNO.DSM.Info", 2), ("SYNO.Entry.Request", 2), ("SYNO.API.Auth", 7)];

/// What a call does, and so how it is sent and whether it may be sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Reads, by GET.
    Reads,
    /// Reads, by POST: it is long, and takes long.
    ReadsMany,
    /// Changes something, by POST, once.
    Writes,
}

/// What is called.
#[derive(Clone, Debug)]
pub(super) struct ApiCall {
    pub api: &'static str,
    pub method: &'static str,
    pub does: Does,
    pub parameters: Vec<(&'static str, String)>,
}

impl ApiCall {
    /// A call that reads.
    pub fn get(api: &'static str, method: &'static str) -> ApiCall {
        ApiCall { api, method, does: Does::Reads, parameters: Vec::new() }
    }

    /// A call that changes something.
    pub fn write(api: &'static str, method: &'static str) -> ApiCall {
        ApiCall { does: Does::Writes, ..ApiCall::get(api, method) }
    }

    /// With a text, as DSM reads it.
    pub fn text(mut self, name: &'static str, value: &str) -> ApiCall {
        self.parameters.push((name, text_value(value)));
        self
    }

    /// With anything else: a number, a truth, a list.
    pub fn with(mut self, name: &'static str, value: Value) -> ApiCall {
        self.parameters.push((name, value.to_string()));
        self
    }

    /// The version to ask for where the NAS offers these.
    pub fn version(&self, offered: Offered) -> Option<u64> {
        let known = KNOWN.iter().find(|(api, _)| *api == self.api).map_or(1, |(_, known)| *known);
        (offered.least <= known).then_some(known.min(offered.most))
    }
}

/// The versions of an API that a NAS offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offered {
    pub least: u64,
    pub most: u64,
}

/// A text as the value of a parameter. It may be sent bare unless it would be read as something else in JSON: a user may be
/// called `12345`.
fn text_value(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(_) => Value::from(text).to_string(),
        Err(_) => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_bare_unless_they_read_as_something_else() {
        for (text, sent) in [
            ("cust-1001", "cust-1001"),
            ("now", "now"),
            ("2027/3/5", "2027/3/5"),
            ("12345", "\"12345\""),
            ("1e5", "\"1e5\""),
            ("true", "\"true\""),
            ("null", "\"null\""),
            ("jörg & söhne", "jörg & söhne"),
        ] {
            assert_eq!(text_value(text), sent);
        }
        let call = ApiCall::get("SYNO.Core.User", "list").with("limit", json!(-1)).with("flag", json!(true));
        assert_eq!(call.parameters, [("limit", "-1".to_string()), ("flag", "true".to_string())]);
    }

    #[test]
    fn the_newest_version_is_asked_for_that_both_know() {
        let version = |api, least, most| ApiCall::get(api, "x").version(Offered { least, most });
        assert_eq!(version("SYNO.API.Auth", 1, 6), Some(6));
        assert_eq!(version("SYNO.API.Auth", 1, 9), Some(7));
        assert_eq!(version("SYNO.API.Auth", 8, 9), None);
        assert_eq!(version("SYNO.Core.User", 1, 3), Some(1));
    }
}
