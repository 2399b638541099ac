//! The cluster's own no, and what it means for the caller. Pure.
//!
//! Identified by status number (595 to 599 have no names), and by texts only where nothing else reports.

use serde::Deserialize;

use crate::backends::{BackendError, kit};
use crate::http::Answer;

/// Why a call did not succeed.
pub(super) type CallFailure = kit::CallFailure<ApiRefusal>;

/// The cluster's own no.
#[derive(Clone, Debug)]
pub(super) struct ApiRefusal {
    /// What was asked.
    pub call: String,
    pub status: u16,
    /// The reason phrase, and the message where the body has one: old releases report only in the first,
    /// proxies keep only the second.
    message: String,
    /// The right the call needs.
    right: &'static str,
    html: bool,
    sketch: String,
}

/// The body of a refusal since pve-http-server 5.2.0; before it is `{"data":null}`.
#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    message: Option<String>,
}

impl ApiRefusal {
    /// Takes an answer without success.
    pub fn new(call: String, right: &'static str, answer: &Answer) -> ApiRefusal {
        let body: Option<ErrorBody> = serde_json::from_slice(answer.body()).ok();
        let explanation = body.and_then(|body| body.message).unwrap_or_default();
        let html = answer.is_html();
        let sketch = if html { answer.sketch() } else { answer.sketch_head() };
        let message = format!("{} {explanation}", answer.reason());
        ApiRefusal { call, status: answer.status(), message, right, html, sketch }
    }

    /// Whether the guest is not on that node (any more): PVE::QemuConfig and PVE::LXC::Config, load_config.
    pub fn is_gone(&self) -> bool {
        self.says("configuration file") && self.says("does not exist")
    }

    /// Whether another client wrote the configuration in between: PVE::Tools::assert_if_modified and its
    /// older wording.
    pub fn is_stale(&self) -> bool {
        self.says("checksum mismatch") || self.says("detected modified configuration")
    }

    /// Whether a backup, migration or the like holds the guest.
    pub fn is_locked(&self) -> bool {
        self.says("is locked") || self.says("can't lock file")
    }

    /// Whether the text stands in the answer, in whatever case.
    pub fn says(&self, text: &str) -> bool {
        self.message.to_lowercase().contains(text)
    }
}

impl From<ApiRefusal> for BackendError {
    fn from(refusal: ApiRefusal) -> BackendError {
        let ApiRefusal { call, right, sketch, .. } = &refusal;
        if refusal.html {
            let detail = format!("not the API of Proxmox VE (another port, or an HTML page?): {sketch}");
            return BackendError::Unexpected { at: call.clone(), detail };
        }
        match refusal.status {
            401 => {
                BackendError::Refused(format!("user or secret is wrong, expired or switched off ({sketch})"))
            }
            403 if refusal.says("need proper ticket") => {
                BackendError::Refused(format!("{call} is closed to API tokens ({sketch})"))
            }
            403 => BackendError::Refused(format!(
                "{call} needs the right {right} ({sketch}); a token with privilege separation needs it too"
            )),
            // The server's own client could not connect to the node it asked for us.
            595 => {
                BackendError::Unreachable(format!("{call}: the node does not answer its cluster ({sketch})"))
            }
            596..=599 => BackendError::Busy {
                after: None,
                detail: format!("{call}: the node did not answer its cluster in time ({sketch})"),
            },
            500.. if refusal.is_locked() => {
                BackendError::Busy { after: None, detail: format!("{call}: the guest is locked ({sketch})") }
            }
            501 => BackendError::NotOffered(format!("this release has no {call} ({sketch})")),
            _ => BackendError::Unexpected { at: call.clone(), detail: refusal.sketch },
        }
    }
}
