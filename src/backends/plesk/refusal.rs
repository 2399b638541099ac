//! What a panel's no means for the caller. Pure: the number decides, texts differ by object and language.
//!
//! Codes: docs.plesk.com, XML API, "API RPC error codes" (33765); 11003 as platform integrations print it.

use super::wire::Element;
use crate::backends::{BackendError, kit};
use crate::domain::AccountName;
use crate::http::excerpt;

/// How much of the panel's own words is shown.
const SHOWN: usize = 120;

/// Why a call did not succeed.
pub(super) type CallFailure = kit::CallFailure<ApiRefusal>;

/// The panel's own no: to a whole packet, or to one of its results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiRefusal {
    /// Which call, as `webspace/get`.
    pub call: String,
    /// Its number; none where it said no without one.
    pub code: Option<u64>,
    text: String,
}

impl ApiRefusal {
    /// The no that an element with `errcode` and `errtext` says; the secrets are left out of its words.
    pub fn of(call: &str, element: &Element, secrets: &[&str]) -> ApiRefusal {
        let words = element.text("errtext").unwrap_or_default();
        let words = secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .fold(words.to_string(), |words, secret| words.replace(secret, "…"));
        ApiRefusal { call: call.into(), code: element.whole("errcode").ok(), text: excerpt(&words, SHOWN) }
    }

    /// Whether the protocol that was named is not spoken.
    pub fn is_about_protocol(&self) -> bool {
        self.code == Some(1005)
    }

    /// Whether the request is of a kind that this panel or login does not know.
    pub fn is_unknown(&self) -> bool {
        matches!(self.code, Some(1014 | 1017 | 1026 | 1027))
    }

    /// Whether what was asked about is not there.
    pub fn is_gone(&self) -> bool {
        matches!(self.code, Some(1013 | 1015 | 1018))
    }

    /// The newest protocol that it says it speaks.
    pub fn current_protocol(&self) -> Option<&str> {
        let version = self.text.rsplit('\'').nth(1)?;
        version.starts_with(|letter: char| letter.is_ascii_digit()).then_some(version)
    }

    /// The trouble of a call about one account, which may be gone.
    pub fn about(self, account: &AccountName) -> BackendError {
        match self.is_gone() {
            true => BackendError::NoSuchAccount(account.clone()),
            false => self.into(),
        }
    }

    fn shown(&self) -> String {
        let code = self.code.map_or("no code".into(), |code| format!("error {code}"));
        match self.text.is_empty() {
            true => code,
            false => format!("{code}, {:?}", self.text),
        }
    }
}

impl From<ApiRefusal> for BackendError {
    fn from(refusal: ApiRefusal) -> BackendError {
        let (call, shown) = (&refusal.call, refusal.shown());
        let refused = |why: &str| BackendError::Refused(format!("{call}: {why} ({shown})"));
        match refusal.code {
            Some(1001) => refused("login or password is wrong"),
            Some(11003) => refused("the secret key is wrong, or bound to another address"),
            Some(1029) => refused("this way to log in is not known"),
            Some(1006) => refused("the login lacks the right to this, or its address may not use the API"),
            Some(1010..=1012) => {
                refused("the login has no right to the panel now: it is denied, switched off or locked")
            }
            Some(1004) => BackendError::NotOffered(format!(
                "{call}: the panel's first set-up is not finished; log in to it once ({shown})"
            )),
            Some(1030) => BackendError::NotOffered(format!("{call}: the panel's licence is over ({shown})")),
            Some(1005 | 1017 | 1026 | 1027) => BackendError::NotOffered(format!("{call}: {shown}")),
            Some(1008 | 1023) => BackendError::Busy { after: None, detail: format!("{call}: {shown}") },
            Some(1003) => {
                BackendError::Unreachable(format!("{call}: the panel's agent did not start ({shown})"))
            }
            _ => BackendError::Unexpected { at: refusal.call, detail: shown },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::Packet;
    use super::*;
    use crate::domain::Reason;

    fn refusal(code: &str, text: &str) -> ApiRefusal {
        let body = format!(
            "<packet><system><status>error</status><errcode>{code}</errcode><errtext>{text}</errtext></system></packet>"
        );
        let packet = Packet::read(body.as_bytes(), |_| {}).expect("a packet");
        ApiRefusal::of("webspace/get", &packet.system.expect("a no"), &["hunter2"])
    }

    #[test]
    fn the_number_says_what_to_do_next() {
        for (codes, reason) in [
            (vec!["1001", "1006", "1010", "1011", "1012", "1029", "11003"], Reason::Refused),
            (vec!["1004", "1005", "1017", "1026", "1027", "1030"], Reason::NotOffered),
            (vec!["1008", "1023"], Reason::Busy),
            (vec!["1003"], Reason::Unreachable),
            (vec!["1013", "1014", "1019", "1024", "1025", "14008", "", "many"], Reason::Unexpected),
        ] {
            for code in codes {
                let error = BackendError::from(refusal(code, "hunter2 is wrong"));
                assert_eq!(error.reason(), reason, "{code}: {error}");
                let text = error.to_string();
                assert!(text.contains("webspace/get") && !text.contains("hunter2"), "{text}");
            }
        }
    }

    #[test]
    fn what_is_gone_is_no_account_and_a_protocol_is_read_from_its_refusal() {
        let account = AccountName::new("harbor-lane.example").expect("a name");
        assert!(matches!(refusal("1013", "").about(&account), BackendError::NoSuchAccount(_)));
        let said = "Protocol version '1.6.9.1' is not supported. Current protocol version is '1.6.3.5'";
        let old = refusal("1005", said);
        assert!(old.is_about_protocol());
        assert_eq!(old.current_protocol(), Some("1.6.3.5"));
        assert_eq!(refusal("1005", "no").current_protocol(), None);
    }
}
