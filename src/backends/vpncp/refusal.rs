//! What a panel's no means for the caller.
//!
//! Pure. 2.x documents neither status codes nor texts, so the words decide where the status does not.

use super::envelope::No;
use super::generation::Generation;
use crate::backends::{BackendError, kit};
use crate::domain::AccountName;
use crate::http::HttpError;

/// Why a call did not succeed.
pub(super) type CallFailure = kit::CallFailure<ApiRefusal>;

/// The panel's own no.
#[derive(Clone, Debug)]
pub(super) struct ApiRefusal {
    /// Which call, as "GET /client".
    pub call: String,
    /// The permission it needs on a 2.x panel.
    pub right: &'static str,
    pub generation: Generation,
    pub status: u16,
    pub no: No,
}

/// What to look at when something answers that is not the API.
const HINT: &str = "wrong port, address not allowed, or the API is disabled";

impl ApiRefusal {
    /// Whether what was asked about is not there.
    pub fn is_gone(&self) -> bool {
        !self.is_refusal() && (self.status == 404 || self.words().contains("not found"))
    }

    /// Whether it dislikes how the month is written.
    pub fn is_about_month(&self) -> bool {
        !self.is_refusal() && (self.status == 404 || self.words().contains("month"))
    }

    /// Whether it dislikes how one of these fields is written.
    pub fn is_about(&self, names: &[&str]) -> bool {
        let No::Message { fields, .. } = &self.no else { return false };
        let words = self.words();
        !self.is_refusal()
            && names.iter().any(|name| fields.iter().any(|field| field == name) || words.contains(name))
    }

    /// The trouble of a call about one account, who may be gone.
    pub fn about(self, account: &AccountName) -> BackendError {
        match self.is_gone() {
            true => BackendError::NoSuchAccount(account.clone()),
            false => self.into(),
        }
    }

    fn is_refusal(&self) -> bool {
        let words = self.words();
        let named = ["authori", "token", "permission", "forbidden"].iter().any(|word| words.contains(word));
        matches!(self.status, 401 | 403) || named || self.no == No::LoginPage
    }

    fn words(&self) -> String {
        match &self.no {
            No::Message { text, .. } => text.to_lowercase(),
            _ => String::new(),
        }
    }

    fn shown(&self) -> String {
        match &self.no {
            No::Message { text, .. } if text.is_empty() => format!("status {}, no reason given", self.status),
            No::Message { text, .. } => format!("status {}, {text:?}", self.status),
            No::LoginPage => format!("status {}, a login page", self.status),
            No::Strange(what) => what.clone(),
        }
    }

    fn refused(&self) -> String {
        let (call, shown) = (&self.call, self.shown());
        let is_about_rights =
            self.status == 403 || ["permission", "forbidden"].iter().any(|word| self.words().contains(word));
        match self.generation {
            _ if self.no == No::LoginPage => format!("{call}: {HINT} ({shown})"),
            Generation::Two if is_about_rights => {
                format!("{call} needs the right {}, from an allowed address ({shown})", self.right)
            }
            Generation::Two => {
                format!("{call}: the token is wrong, expired or bound to another address ({shown})")
            }
            Generation::One => format!(
                "{call}: the access_hash is wrong or bound to another address, or the API is off for want \
                 of a licence ({shown})"
            ),
        }
    }
}

impl From<ApiRefusal> for BackendError {
    fn from(refusal: ApiRefusal) -> BackendError {
        let words = refusal.words();
        if refusal.is_refusal() {
            BackendError::Refused(refusal.refused())
        } else if words.contains("status not ok") {
            BackendError::Busy { after: None, detail: format!("{}: {}", refusal.call, refusal.shown()) }
        } else if words.contains("license") || words.contains("licence") {
            BackendError::NotOffered(format!("{}: {}", refusal.call, refusal.shown()))
        } else {
            let detail = refusal.shown();
            BackendError::Unexpected { at: refusal.call, detail }
        }
    }
}

/// No answer at all. A redirect within the panel leads to its login page; elsewhere, to its real address.
pub(super) fn unanswered(call: &str, own_origin: &str, error: HttpError) -> BackendError {
    match &error {
        HttpError::Redirect { to, status, .. } if to == own_origin => {
            BackendError::Refused(format!("{call}: {HINT} (status {status}, redirected within {to})"))
        }
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(generation: Generation, status: u16, text: &str) -> ApiRefusal {
        let no = No::Message { text: text.into(), fields: Vec::new() };
        ApiRefusal { call: "GET /client".into(), right: "client:read", generation, status, no }
    }

    #[test]
    fn what_the_panel_says_becomes_what_to_do_next() {
        use Generation::{One, Two};
        let table = [
            (One, 200, "Not authorized", "refuses: GET /client: the access_hash is wrong"),
            (Two, 401, "", "refuses: GET /client: the token is wrong"),
            (Two, 200, "Invalid token", "refuses: GET /client: the token is wrong"),
            (Two, 200, "Permission denied", "needs the right client:read"),
            (Two, 403, "", "needs the right client:read"),
            (One, 200, "PUQVPNCP status not OK", "the panel is busy: GET /client"),
            (One, 200, "The license is not active", "not offered: GET /client"),
            (
                Two,
                500,
                "database is locked",
                "unexpected answer at GET /client: status 500, \"database is locked\"",
            ),
        ];
        for (generation, status, text, expected) in table {
            let shown = BackendError::from(refusal(generation, status, text)).to_string();
            assert!(shown.contains(expected), "{status} {text}: {shown}");
        }
    }

    #[test]
    fn who_is_gone_is_told_from_who_may_not_ask() {
        let account = AccountName::new("vpn-1").expect("a name");
        for (status, text) in [(404, ""), (200, "Account not found")] {
            let error = refusal(Generation::One, status, text).about(&account);
            assert!(matches!(&error, BackendError::NoSuchAccount(name) if *name == account), "{error:?}");
        }
        assert!(!refusal(Generation::Two, 403, "token not found").is_gone());
        assert!(refusal(Generation::One, 200, "Wrong month setting").is_about_month());
        assert!(!refusal(Generation::Two, 401, "token of this month").is_about_month());
        assert!(refusal(Generation::Two, 422, "b_download must be a string").is_about(&["b_download"]));
    }

    #[test]
    fn a_redirect_within_the_panel_is_its_login_page() {
        let to = |to: &str| HttpError::Redirect { host: "a:80".into(), status: 302, to: to.into() };
        let own = unanswered("GET /client", "http://a:80", to("http://a:80"));
        assert!(matches!(&own, BackendError::Refused(why) if why.contains("wrong port")), "{own:?}");
        let other = unanswered("GET /client", "http://a:80", to("https://a:443"));
        assert!(
            matches!(&other, BackendError::Unexpected { detail, .. } if detail.contains("https://a:443"))
        );
    }
}
