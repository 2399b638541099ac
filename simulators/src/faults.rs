//! What can be made to go wrong, for which requests and how often.
//!
//! A fault is added at run time and strikes every request whose path and query contain its text,
//! until its count is used up. What it then does to the answer is told in `damage.rs`.

use crate::xml::Damage;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

/// One thing going wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// Strikes only requests whose path and query contain this; empty strikes all.
    #[serde(default)]
    pub path_contains: String,
    /// Strikes this many requests and is over; absent means until cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// The ways an answer can be wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// The panel says that the credentials are wrong, in its own words.
    CredentialsRefused {
        /// 401 or 403; absent is what the panel would say.
        #[serde(default)]
        status: Option<u16>,
    },
    /// The panel says that the credentials lack the right for this call.
    RightMissing,
    /// 429, the panel's own words.
    TooManyRequests {
        /// The `Retry-After` header, in seconds; absent leaves it out.
        #[serde(default)]
        retry_after_seconds: Option<u64>,
    },
    /// The panel fails with this status, in its own words.
    Failed {
        /// 500 to 599.
        status: u16,
    },
    /// A page for people where an API answer was asked.
    HtmlPage {
        /// 200 for a maintenance page, 502 or 504 for a proxy's.
        status: u16,
    },
    /// The body ends after this many bytes.
    Truncated {
        /// Bytes of the body that still arrive.
        bytes: usize,
        /// True when `Content-Length` tells the shortened size, false when it promises the whole.
        #[serde(default)]
        honest_length: bool,
    },
    /// The body is no JSON, XML or text of any kind.
    Garbage,
    /// The body arrives slowly.
    Drip {
        /// Bytes per tenth of a second.
        bytes_per_tick: usize,
    },
    /// Nothing arrives for a while.
    Delay {
        /// Milliseconds before the first byte.
        milliseconds: u64,
    },
    /// The connection is reset (TCP RST) in the middle of the body.
    Reset {
        /// Bytes of the body that are sent before.
        after_bytes: usize,
    },
    /// The body never ends.
    Endless,
    /// A field of an answer in JSON or XML, or of a form, is not what it was.
    ChangedField {
        /// A key, an element or an attribute, changed wherever it stands; in JSON also a pointer (`/a/b/0`).
        field: String,
        /// What becomes of it.
        becomes: Change,
    },
    /// A piece of text is replaced wherever it stands in the body.
    ReplacedText {
        /// The text to look for.
        find: String,
        /// What stands there instead.
        with: String,
    },
    /// The body claims to be gzip and is not.
    BrokenGzip,
    /// An answer in XML is no longer what a reader may trust; other answers stay as they are.
    BadXml {
        /// What is wrong with it.
        how: Damage,
    },
}

/// What becomes of a changed field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The key gets another name.
    RenamedTo(String),
    /// The value is replaced (`null`, a negative number, ...).
    Value(serde_json::Value),
    /// The value is replaced by these very characters, say a number above 2^64.
    RawText(String),
    /// A number becomes a string of its digits.
    Quoted,
    /// The field disappears.
    Removed,
}

impl Fault {
    /// A fault that strikes every request until it is cleared.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, path_contains: String::new(), times: None }
    }

    /// Strikes only requests whose path and query contain `text`.
    #[must_use]
    pub fn on(mut self, text: &str) -> Self {
        text.clone_into(&mut self.path_contains);
        self
    }

    /// Strikes `count` requests and is over.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.times = Some(count);
        self
    }
}

/// The faults in force at one panel; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    /// Puts a fault in force.
    pub fn add(&self, fault: Fault) {
        self.list().push(fault);
    }

    /// Ends all faults.
    pub fn clear(&self) {
        self.list().clear();
    }

    /// The faults in force, oldest first.
    pub fn in_force(&self) -> Vec<Fault> {
        self.list().clone()
    }

    /// The faults that strike a request, each counted down by one.
    pub fn strike(&self, path_and_query: &str) -> Strikes {
        let mut list = self.list();
        let mut struck = Vec::new();
        for fault in list.iter_mut() {
            if path_and_query.contains(&fault.path_contains) && fault.times != Some(0) {
                struck.push(fault.kind.clone());
                fault.times = fault.times.map(|left| left - 1);
            }
        }
        list.retain(|fault| fault.times != Some(0));
        Strikes(struck)
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The faults that struck one request.
#[derive(Clone, Debug, Default)]
pub struct Strikes(pub(crate) Vec<FaultKind>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_fault_is_over_after_its_count() {
        let faults = Faults::default();
        faults.add(Fault::new(FaultKind::Garbage).on("list-users").times(2));
        assert!(faults.strike("/info").0.is_empty());
        assert_eq!(faults.strike("/list-users?a=b").0.len(), 1);
        assert_eq!(faults.strike("/list-users").0.len(), 1);
        assert!(faults.strike("/list-users").0.is_empty());
        assert!(faults.in_force().is_empty());
    }

    #[test]
    fn faults_are_told_in_flat_json() -> Result<(), serde_json::Error> {
        let told = r#"{"kind":"changed_field","field":"size","becomes":{"raw_text":"1e99"},"times":3}"#;
        let fault: Fault = serde_json::from_str(told)?;
        assert_eq!(fault.times, Some(3));
        let becomes = Change::RawText("1e99".into());
        let field = "size".into();
        assert_eq!(fault.kind, FaultKind::ChangedField { field, becomes });
        let quoted: Change = serde_json::from_str(r#""quoted""#)?;
        assert_eq!(quoted, Change::Quoted);
        Ok(())
    }
}
