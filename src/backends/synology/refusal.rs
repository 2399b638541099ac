//! What the numbers mean by which DSM says no. From 400 on every API has its own, so a number never goes without its call.
//!
//! Codes below 400 are Synology's "common error codes" (DSM Login Web API Guide); the others were seen on devices, as
//! the clients named in README.md report them.

use serde_json::Value;

use crate::backends::{BackendError, kit};
use crate::domain::{AccountName, Seconds};
use crate::http::excerpt;

/// How much of what comes along with a number is shown.
const SHOWN: usize = 120;

/// The API that logs in and out.
pub(super) const AUTH: &str = "SYNO.API.Auth";

/// The age from which on a session may have been dropped where a right is said to be missing: some builds call it that
/// after a restart.
const MAY_BE_DROPPED: Seconds = Seconds::new(60);

/// Why a call did not succeed.
pub(super) type CallFailure = kit::CallFailure<ApiRefusal>;

/// A no of DSM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiRefusal {
    pub api: &'static str,
    pub method: &'static str,
    pub code: i64,
    /// What came along with it.
    errors: Option<String>,
    /// How old the session was; of a login there is none.
    age: Seconds,
}

impl ApiRefusal {
    /// A no to a call; `errors` is whatever stood beside the number.
    pub fn new(
        call: (&'static str, &'static str),
        code: i64,
        errors: Option<&Value>,
        age: Seconds,
    ) -> ApiRefusal {
        let errors = errors.filter(|errors| !errors.is_null());
        let errors = errors.map(|errors| excerpt(&errors.to_string(), SHOWN));
        ApiRefusal { api: call.0, method: call.1, code, errors, age }
    }

    /// Whether the session is not known any more, so that one new login is due.
    pub fn is_dropped_session(&self) -> bool {
        match self.code {
            106 | 107 | 119 | 150 => self.api != AUTH,
            105 => self.age > MAY_BE_DROPPED,
            _ => false,
        }
    }

    /// Whether the same call may succeed in a moment.
    pub fn may_pass(&self) -> bool {
        matches!(self.code, 109 | 110 | 111 | 117 | 118)
    }

    /// Whether a call of many in one is not understood as such.
    pub fn refuses_batches(&self) -> bool {
        matches!(self.code, 102..=104 | 117)
    }

    /// Whether there is no such method on this DSM.
    pub fn is_no_method(&self) -> bool {
        matches!(self.code, 102..=104)
    }

    /// What it means where the call is about one account.
    pub fn about(self, account: &AccountName) -> BackendError {
        match self.code {
            3106 => BackendError::NoSuchAccount(account.clone()),
            _ => self.into(),
        }
    }

    /// The call, the number and what came along.
    fn said(&self) -> String {
        let ApiRefusal { api, method, code, errors, .. } = self;
        match errors {
            Some(errors) => format!("{api} {method} says {code} ({errors})"),
            None => format!("{api} {method} says {code}"),
        }
    }
}

impl From<ApiRefusal> for BackendError {
    fn from(refusal: ApiRefusal) -> BackendError {
        let said = refusal.said();
        if refusal.api == AUTH && refusal.method == "login" && refusal.code >= 400 {
            return BackendError::Refused(format!("{said}: {}", of_login(refusal.code)));
        }
        let unexpected = |detail: &str| BackendError::Unexpected {
            at: format!("{} {}", refusal.api, refusal.method),
            detail: format!("{said}: {detail}"),
        };
        let busy = |detail: &str| BackendError::Busy { after: None, detail: format!("{said}: {detail}") };
        let refused = |detail: &str| BackendError::Refused(format!("{said}: {detail}"));
        let not_offered = |detail: &str| BackendError::NotOffered(format!("{said}: {detail}"));
        match refusal.code {
            101 | 114 | 120 => unexpected("a parameter is missing or wrong"),
            102 => not_offered("this DSM has no such API"),
            103 => {
                not_offered("no such method, or the SynoToken did not arrive (a proxy that drops headers?)")
            }
            104 => not_offered("this DSM has not this version of it"),
            105 => refused(
                "the login has no right to this: it has to be a member of the group administrators, and no proxy may \
                 drop the header X-SYNO-TOKEN",
            ),
            107 => busy("another login of the same user ended the session; give whmeter a user of its own"),
            106 | 119 => unexpected("the session that was just made is not known"),
            150 => refused("the NAS sees another address than at the login; whmeter needs one way to it"),
            109 | 110 | 111 | 117 | 118 => busy("it cannot answer at the moment"),
            116 => not_offered("a demonstration site changes nothing"),
            160 => refused("the login has no right to this application"),
            3109 | 3210 => not_offered("it is the last administrator"),
            3115 => not_offered("it is an account of the system"),
            3112 | 3113 | 3202 => busy("another administrator is changing it"),
            3119 => busy("the homes are being moved"),
            3106 => unexpected("no such user, although it is listed"),
            3205 | 3204 => unexpected("no such group"),
            3117 => unexpected("the quota is larger than what is free on the volume"),
            3101 | 3103 | 3201 => unexpected("a value is written otherwise than this DSM wants it"),
            5400..=5499 => unexpected("the call for quotas was rejected"),
            _ => unexpected("expected success"),
        }
    }
}

/// What a refused login means, and what to do.
fn of_login(code: i64) -> &'static str {
    match code {
        400 => "no such account, or the password is wrong; every further try counts for Auto Block",
        401 => "the account is disabled",
        402 => "the account may not log in here; it has to be an administrator",
        403 => {
            "a one-time password is wanted. Make this machine a trusted device and put its token into \
             device_token_file (README.md); one that was trusted is not any more"
        }
        404 => "the one-time password is wrong or was used already",
        405 => "this address is the portal of another application; use DSM's own",
        406 => {
            "the NAS insists on two-factor authentication for this account; set it up there, then see README.md"
        }
        407 => {
            "the NAS blocks the address of this machine for all its services. Control Panel, Security, Protection: take \
             it off the block list, and put it on the allow list"
        }
        408..=410 => "the password is over; set a new one, and let it never be",
        411 => "the account is locked by Account Protection; unlock it in Control Panel, Security",
        _ => "not let in",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Reason;
    use serde_json::json;

    fn refusal(api: &'static str, method: &'static str, code: i64) -> ApiRefusal {
        ApiRefusal::new((api, method), code, None, Seconds::new(5))
    }

    #[test]
    fn a_number_means_what_its_api_means_by_it() {
        use Reason::{Busy, NotOffered, Refused, Unexpected};
        for (api, method, code, reason, shown) in [
            (AUTH, "login", 400, Refused, "Auto Block"),
            (AUTH, "login", 403, Refused, "device_token_file"),
            (AUTH, "login", 406, Refused, "two-factor"),
            (AUTH, "login", 407, Refused, "allow list"),
            (AUTH, "login", 411, Refused, "locked"),
            (AUTH, "login", 102, NotOffered, "no such API"),
            ("SYNO.Core.User", "list", 105, Refused, "administrators"),
            ("SYNO.Core.User", "list", 400, Unexpected, "says 400"),
            ("SYNO.Core.User", "list", 119, Unexpected, "just made"),
            ("SYNO.Core.User", "set", 3112, Busy, "another administrator"),
            ("SYNO.Core.Quota", "get", 5403, Unexpected, "rejected"),
            ("SYNO.Core.Quota", "get", 118, Busy, "at the moment"),
            ("SYNO.Core.Group.Member", "list", 3205, Unexpected, "no such group"),
        ] {
            let error = BackendError::from(refusal(api, method, code));
            assert_eq!(error.reason(), reason, "{error}");
            let text = error.to_string();
            assert!(text.contains(shown) && text.contains(api) && text.contains(&code.to_string()), "{text}");
        }
    }

    #[test]
    fn only_sessions_that_may_be_over_are_made_anew() {
        let aged = |code, age| ApiRefusal::new(("SYNO.Core.User", "list"), code, None, Seconds::new(age));
        for (code, age, dropped) in [
            (106, 0, true),
            (107, 5, true),
            (119, 5, true),
            (150, 5, true),
            (105, 60, false),
            (105, 61, true),
            (103, 99, false),
        ] {
            assert_eq!(aged(code, age).is_dropped_session(), dropped, "{code} after {age} s");
        }
        assert!(!refusal(AUTH, "login", 119).is_dropped_session());
        let name = AccountName::new("cust-1001").expect("a name");
        assert!(matches!(
            refusal("SYNO.Core.User", "set", 3106).about(&name),
            BackendError::NoSuchAccount(_)
        ));
    }

    #[test]
    fn what_stands_beside_a_number_is_shown_and_a_token_in_it_is_not() {
        let errors = json!({ "token": "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4MTIzNDU2", "types": ["otp"] });
        let refusal = ApiRefusal::new((AUTH, "login"), 403, Some(&errors), Seconds::new(0));
        let text = BackendError::from(refusal).to_string();
        assert!(text.contains("otp") && !text.contains("Zm9v"), "{text}");
    }
}
