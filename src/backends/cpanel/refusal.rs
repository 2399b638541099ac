//! What a panel's no means for the caller. Pure.
//!
//! Texts of missing privileges vary by release and language file; the words that public clients look for decide.

use super::envelope::No;
use super::panel::Function;
use crate::backends::{BackendError, kit};

/// Why a call did not succeed.
pub(super) type CallFailure = kit::CallFailure<ApiRefusal>;

/// How the panel says that a privilege is missing.
const NO_PRIVILEGE: [&str; 6] = [
    "access denied",
    "permission denied",
    "you do not have permission",
    "you do not have access",
    "not have the privilege",
    "requires the privilege",
];

/// How it says that it has no such function.
const NO_FUNCTION: [&str; 3] = ["unknown app", "unknown function", "function not found"];

/// The panel's own no.
#[derive(Clone, Debug)]
pub(super) struct ApiRefusal {
    pub function: &'static Function,
    pub status: u16,
    pub no: No,
}

impl ApiRefusal {
    /// Whether the credential or our address is refused: whoever insists is locked out by cPHulk.
    pub fn is_credentials(&self) -> bool {
        self.no == No::Credentials
    }

    /// Whether this one function is refused to the token.
    pub fn is_privilege(&self) -> bool {
        self.says(&NO_PRIVILEGE)
    }

    /// Whether this release has no such function.
    pub fn is_unknown(&self) -> bool {
        !self.is_privilege() && self.says(&NO_FUNCTION)
    }

    fn says(&self, words: &[&str]) -> bool {
        let No::Message(text) = &self.no else { return false };
        let text = text.to_lowercase();
        words.iter().any(|word| text.contains(word))
    }
}

impl From<ApiRefusal> for BackendError {
    fn from(refusal: ApiRefusal) -> BackendError {
        let (is_privilege, is_unknown) = (refusal.is_privilege(), refusal.is_unknown());
        let ApiRefusal { function: Function { name, acl }, status, no } = refusal;
        match no {
            No::Credentials => BackendError::Refused(format!(
                "{name}: the token is wrong or expired, or cPHulk blocks this address (status {status}); check the \
                 token first, then put this address on cPHulk's white list"
            )),
            No::Message(text) if is_privilege => {
                BackendError::Refused(format!("{name} needs the right (ACL) {acl}: {text:?}"))
            }
            No::Message(text) if is_unknown => {
                BackendError::NotOffered(format!("{name}: this release has no such function ({text:?})"))
            }
            No::Message(text) if text.is_empty() => unexpected(name, "refused without a reason".into()),
            No::Message(text) => unexpected(name, format!("refused: {text:?}")),
            No::Strange(detail) => unexpected(name, detail),
        }
    }
}

fn unexpected(name: &str, detail: String) -> BackendError {
    BackendError::Unexpected { at: name.to_string(), detail }
}

#[cfg(test)]
mod tests {
    use super::super::panel::SHOWBW;
    use super::*;

    #[test]
    fn what_the_panel_says_becomes_what_to_do_next() {
        let table = [
            (No::Credentials, "refuses: showbw: the token is wrong or expired, or cPHulk"),
            (
                No::Message("You do not have permission to call “showbw”.".into()),
                "right (ACL) show-bandwidth",
            ),
            (No::Message("Permission Denied".into()), "refuses: showbw needs the right (ACL) show-bandwidth"),
            (No::Message("This call requires the privilege “all”".into()), "right (ACL) show-bandwidth"),
            (No::Message("Unknown app (“showbw”) requested".into()), "not offered: showbw"),
            (No::Message("Invalid month".into()), "unexpected answer at showbw: refused: \"Invalid month\""),
            (No::Message(String::new()), "unexpected answer at showbw: refused without a reason"),
            (No::Strange("got a page".into()), "unexpected answer at showbw: got a page"),
        ];
        for (no, expected) in table {
            let shown = BackendError::from(ApiRefusal { function: &SHOWBW, status: 403, no }).to_string();
            assert!(shown.contains(expected), "{shown}");
        }
    }
}
