//! Asks WHM: one function of API 1 at a time, by an API token.
//!
//! Decides nothing about accounts, and never tries a refused credential twice.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;

use super::envelope::judge;
use super::refusal::{ApiRefusal, CallFailure};
use super::settings::PanelConfig;
use crate::backends::BackendError;
use crate::http::{Call, Http, ProbeStep, Url};
use crate::settings::Secret;

/// One function of WHM API 1.
#[derive(Debug)]
pub(super) struct Function {
    /// As it stands in the path.
    pub name: &'static str,
    /// The privilege it needs, as *Edit Reseller Nameservers and Privileges* and the token page call it.
    pub acl: &'static str,
}

/// Everybody. "WHM API 1 Functions - listaccts".
pub(super) static LISTACCTS: Function = Function { name: "listaccts", acl: "list-accts" };
/// Disk use of everybody, since cPanel 80. Which privilege it needs is written nowhere.
pub(super) static GET_DISK_USAGE: Function =
    Function { name: "get_disk_usage", acl: "list-accts, or another that cPanel does not name" };
/// Bandwidth of everybody in one month.
pub(super) static SHOWBW: Function = Function { name: "showbw", acl: "show-bandwidth" };
/// How many accounts one owner has.
pub(super) static ACCTCOUNTS: Function = Function { name: "acctcounts", acl: "list-accts" };
/// Whether disk quotas are on.
pub(super) static QUOTA_ENABLED: Function = Function { name: "quota_enabled", acl: "basic-system-info" };
/// The release.
pub(super) static VERSION: Function = Function { name: "version", acl: "basic-system-info" };
/// What the caller may do.
pub(super) static MYPRIVS: Function = Function { name: "myprivs", acl: "basic-whm-functions" };
/// A function of one account's own API.
pub(super) static UAPI_CPANEL: Function = Function { name: "uapi_cpanel", acl: "cpanel-api" };
/// Suspends an account.
pub(super) static SUSPENDACCT: Function = Function { name: "suspendacct", acl: "suspend-acct" };
/// Lets a suspended account go on.
pub(super) static UNSUSPENDACCT: Function = Function { name: "unsuspendacct", acl: "suspend-acct" };
/// Sets the bandwidth that an account may use in a month.
pub(super) static LIMITBW: Function = Function { name: "limitbw", acl: "limit-bandwidth" };

/// So do suspensions: tens of seconds to minutes (FOSSBilling #1086).
const WRITE_PATIENCE: Duration = Duration::from_secs(120);

impl Function {
    /// An answer that is not what its page promises.
    pub fn unexpected(&self, detail: String) -> BackendError {
        BackendError::Unexpected { at: self.name.to_string(), detail }
    }
}

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
enum Patience {
    /// As long as the config says.
    Configured,
    /// At least this long.
    AtLeast(Duration),
}

pub(super) struct Panel {
    http: Http,
    base: Url,
    user: String,
    token: Secret,
    /// One call at a time: a token that is refused is refused once, and the server is not hurried.
    turn: Mutex<()>,
}

impl Panel {
    pub fn new(http: Http, config: &PanelConfig) -> Panel {
        let (base, user, token) = (config.base.clone(), config.user.clone(), config.token.clone());
        Panel { http, base, user, token, turn: Mutex::default() }
    }

    pub fn http(&self) -> &Http {
        &self.http
    }

    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The steps below every call.
    pub async fn probe(&self) -> Vec<ProbeStep> {
        self.http.probe(&self.base).await
    }

    /// Reads.
    pub async fn get(
        &self,
        function: &'static Function,
        arguments: &[(&str, &str)],
    ) -> Result<Value, CallFailure> {
        let mut url = self.url(function);
        url.query_pairs_mut().append_pair("api.version", "1").extend_pairs(arguments);
        self.send(function, Patience::Configured, || Call::get(url.clone())).await
    }

    /// Writes; not repeated by itself.
    pub async fn post(
        &self,
        function: &'static Function,
        arguments: &[(&str, &str)],
    ) -> Result<Value, CallFailure> {
        let url = self.url(function);
        let form: Vec<(&str, &str)> =
            [("api.version", "1")].into_iter().chain(arguments.iter().copied()).collect();
        self.send(function, Patience::AtLeast(WRITE_PATIENCE), || Call::post(url.clone()).form(&form)).await
    }

    async fn send(
        &self,
        function: &'static Function,
        patience: Patience,
        build: impl Fn() -> Call + Send + Sync,
    ) -> Result<Value, CallFailure> {
        let _turn = self.turn.lock().await;
        let authorization = format!("whm {}:{}", self.user, self.token.expose());
        let call = || {
            let call = build().secret_header("authorization", &authorization);
            Ok(match patience {
                Patience::Configured => call,
                Patience::AtLeast(time) => call.at_least(time),
            })
        };
        let answer = self.http.send(call).await?;
        judge(&answer)
            .map_err(|no| CallFailure::Refusal(ApiRefusal { function, status: answer.status(), no }))
    }

    fn url(&self, function: &Function) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["json-api", function.name]);
        }
        url
    }
}

/// The pattern that finds this user alone: searches are regular expressions.
pub(super) fn exactly(user: &str) -> String {
    let escaped = user.chars().map(|c| match c.is_alphanumeric() || c == '_' {
        true => c.to_string(),
        false => format!("\\{c}"),
    });
    format!("^{}$", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_finds_one_user_alone() {
        assert_eq!(exactly("harborla"), "^harborla$");
        assert_eq!(exactly("a.b-c_1"), "^a\\.b\\-c_1$");
    }
}
