//! Asks the server: commands of the old API, calls of the JSON API, and one write.
//!
//! Decides nothing about accounts, and never tries a refused credential twice.

use serde_json::Value;

use super::form::{encoded, text_of};
use super::refusal::{CallFailure, refusal};
use super::settings::ServerConfig;
use crate::backends::BackendError;
use crate::domain::AccountName;
use crate::http::{Answer, Call, Http, ProbeStep, Url};
use crate::settings::Secret;

/// The command that suspends accounts, lets them go on, and deletes them.
const SELECT_USERS: &str = "CMD_API_SELECT_USERS";

/// The server behind its address.
pub(super) struct Panel {
    http: Http,
    base: Url,
    username: String,
    password: Secret,
}

/// What is done to an account. There is no other thing to do: the same command deletes accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection<'a> {
    /// Suspended, with these details.
    Suspend(&'a str),
    /// Let go on.
    Unsuspend,
}

impl Panel {
    /// A server that has not been asked anything.
    pub fn new(http: Http, config: &ServerConfig) -> Panel {
        let (base, username) = (config.base.clone(), config.username.clone());
        Panel { http, base, username, password: config.password.clone() }
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

    /// A command of the old API whose answer is JSON.
    pub async fn json(&self, command: &str, query: &[(&str, &str)]) -> Result<Value, CallFailure> {
        let query: Vec<(&str, &str)> = [("json", "yes")].iter().chain(query).copied().collect();
        let url = self.url(&[command], &query);
        let (name, answer) = (format!("GET /{command}"), self.get(command, &url, true).await?);
        Ok(answer.json(&name)?)
    }

    /// A command of the old API whose answer is URL-encoded text.
    pub async fn text(&self, command: &str, query: &[(&str, &str)]) -> Result<String, CallFailure> {
        let url = self.url(&[command], query);
        let answer = self.get(command, &url, false).await?;
        Ok(text_of(answer.body().to_vec()))
    }

    /// A call of the JSON API, by the parts of its path.
    pub async fn api(&self, path: &[&str]) -> Result<Value, CallFailure> {
        let name = path.join("/");
        let answer = self.get(&name, &self.url(path, &[]), true).await?;
        Ok(answer.json(&format!("GET /{name}"))?)
    }

    /// Suspends one account or lets it go on. Whether it took shows only when it is read back.
    pub async fn select(&self, account: &AccountName, selection: Selection<'_>) -> Result<(), CallFailure> {
        let (url, body) = (self.url(&[SELECT_USERS], &[]), selection.body(account));
        let call = || {
            let call = self.authorized(Call::post(url.clone())).header("referer", self.base.as_str());
            call.body("application/x-www-form-urlencoded", body.clone())
        };
        let name = format!("POST /{SELECT_USERS}");
        let answer = self.http.send(|| Ok(call())).await?;
        self.judged(&name, answer).map(|_| ())
    }

    async fn get(&self, path: &str, url: &Url, wants_json: bool) -> Result<Answer, CallFailure> {
        let call = || {
            let call = self.authorized(Call::get(url.clone()));
            if wants_json { call.header("accept", "application/json") } else { call }
        };
        let answer = self.http.send(|| Ok(call())).await?;
        self.judged(&format!("GET /{path}"), answer)
    }

    fn judged(&self, name: &str, answer: Answer) -> Result<Answer, CallFailure> {
        match refusal(name, &answer, self.password.expose()) {
            Some(refusal) => Err(CallFailure::Refusal(refusal)),
            None => Ok(answer),
        }
    }

    fn authorized(&self, call: Call) -> Call {
        call.basic(&self.username, &self.password)
    }

    /// Every part of path and query is percent-encoded, so that a name cannot lead elsewhere.
    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        let pairs = query.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        url
    }
}

impl Selection<'_> {
    /// The whole body, from a fixed template: with a key too many the command deletes (directadmin.com/api.html).
    fn body(self, account: &AccountName) -> String {
        let account = encoded(account.as_str());
        let fields = match self {
            Selection::Suspend(details) => {
                format!("suspend=Suspend&select0={account}&reason=other&details={}", encoded(details))
            }
            Selection::Unsuspend => format!("suspend=Unsuspend&select0={account}"),
        };
        format!("location=CMD_SELECT_USERS&{fields}&json=yes")
    }
}

/// An answer of another shape than is promised.
pub(super) fn strange(command: &str, detail: impl Into<String>) -> BackendError {
    BackendError::Unexpected { at: format!("GET /{command}"), detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_has_the_keys_of_its_template_and_no_others_whatever_the_name() {
        let hostile = AccountName::new("a&delete=yes&confirmed=Confirm").expect("a name");
        for (selection, keys) in [
            (Selection::Suspend("whmeter: limit reached"), "location suspend select0 reason details json"),
            (Selection::Unsuspend, "location suspend select0 json"),
        ] {
            let body = selection.body(&hostile);
            let found: Vec<&str> =
                body.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
            assert_eq!(found.join(" "), keys);
            assert!(!body.contains("delete=") && body.contains("select0=a%26delete%3Dyes"), "{body}");
        }
    }
}
