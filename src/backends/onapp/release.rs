//! Which release of the panel answers. Pure: read as a text, for as a number 5.10 would be 5.1.

use serde_json::Value;

use crate::http::excerpt;

/// A release, as far as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    text: Option<String>,
    numbers: Option<(u32, u32)>,
}

impl Release {
    /// One that is not told.
    pub fn unknown() -> Release {
        Release { text: None, numbers: None }
    }

    /// Reads `{"version": "6.4.0-61"}`.
    pub fn read(answer: &Value) -> Result<Release, String> {
        let version = answer.get("version");
        let text = match version {
            Some(Value::String(text)) => text.clone(),
            // A float has lost the end of 5.10: its first number is all that is certain.
            Some(Value::Number(number)) => {
                number.to_string().split('.').next().unwrap_or_default().to_string()
            }
            _ => return Err("version is absent; is this the address of an OnApp control panel?".into()),
        };
        let mut parts = text.split(['.', '-']).map(str::parse);
        let major: Option<u32> = parts.next().and_then(Result::ok);
        let minor = parts.next().and_then(Result::ok).unwrap_or(0);
        let numbers = major.map(|major| (major, minor));
        match numbers {
            Some(_) => Ok(Release { text: Some(excerpt(&text, 40)), numbers }),
            None => Err(format!("version is {:?}, not a version number", excerpt(&text, 40))),
        }
    }

    /// Whether lists come in pages: up to 4.x they were whole.
    pub fn has_pages(&self) -> bool {
        self.numbers.is_none_or(|(major, _)| major >= 5)
    }

    /// Whether users are suspended by a GET, as in recordings of 2.x.
    pub fn suspends_by_get(&self) -> bool {
        self.numbers.is_some_and(|(major, _)| major <= 2)
    }

    /// Whether CDN rows have `value`; before 3.0 they were of locations.
    pub fn has_cdn_billing(&self) -> bool {
        self.numbers.is_none_or(|(major, _)| major >= 3)
    }

    /// Whether CDN rows of the last hours are known to be wrong (a defect of 2.3.2).
    pub fn has_late_cdn(&self) -> bool {
        self.numbers == Some((2, 3))
    }

    /// For people.
    pub fn shown(&self) -> String {
        match &self.text {
            Some(text) => format!("OnApp {text}"),
            None => "release not told (the right settings.version is missing)".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_release_is_no_number() {
        let read = |version: Value| Release::read(&json!({ "version": version }));
        let ten = read(json!("5.10.0-34")).expect("a release");
        assert_eq!(ten.numbers, Some((5, 10)));
        assert!(ten.has_pages() && ten.has_cdn_billing() && !ten.suspends_by_get());
        let old = read(json!("2.3.2")).expect("a release");
        assert!(!old.has_pages() && !old.has_cdn_billing() && old.suspends_by_get() && old.has_late_cdn());
        assert_eq!(read(json!(5.1)).expect("a release").numbers, Some((5, 0)));
        assert!(read(json!("edge")).is_err() && Release::read(&json!({})).is_err());
        assert!(Release::unknown().has_pages() && Release::unknown().shown().contains("settings.version"));
    }
}
