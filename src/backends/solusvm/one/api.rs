//! SolusVM 1's one address: what is posted to it, and what its answers mean.

use std::time::Duration;

use serde_json::{Map, Value};

use super::super::settings::One;
use super::soup;
use crate::backends::kit;
use crate::backends::{BackendError, CheckStep};
use crate::domain::AccountName;
use crate::http::{Answer, Call, Http, Url, excerpt};

/// How much of the master's own words is shown.
const SHOWN: usize = 200;

/// The master itself waits for the node that a server is on (the vendor's own module waits as long).
const SLOW: Duration = Duration::from_secs(100);

/// Why a call did not succeed.
pub(super) type CallFailure = kit::CallFailure<ApiRefusal>;

/// The master's own no: `"status":"error"`, or a bare text.
#[derive(Clone, Debug)]
pub(super) struct ApiRefusal {
    action: String,
    message: String,
}

impl ApiRefusal {
    /// Whether there is no such server ("Virtual server not found").
    pub fn is_gone(&self) -> bool {
        self.message.to_lowercase().contains("server not found")
    }

    /// The refusal of a call about one account, which may be gone.
    pub fn about(self, account: &AccountName) -> BackendError {
        if self.is_gone() { BackendError::NoSuchAccount(account.clone()) } else { self.into() }
    }
}

impl From<ApiRefusal> for BackendError {
    fn from(ApiRefusal { action, message }: ApiRefusal) -> BackendError {
        let told = message.to_lowercase();
        match () {
            () if told.contains("invalid ipaddress") => BackendError::Refused(format!(
                "{action}: our address is not on the list that the API key is bound to ({message}): add it in the \
                 master's API access"
            )),
            () if told.contains("invalid id or key") => {
                BackendError::Refused(format!("{action}: the API id or key is wrong ({message})"))
            }
            () if told.contains("permission") || told.contains("access denied") => {
                BackendError::Refused(format!("{action}: the API key lacks the right to this ({message})"))
            }
            () => BackendError::Unexpected { at: action, detail: message },
        }
    }
}

/// Asks the master.
pub(super) struct Master {
    http: Http,
    settings: One,
}

impl Master {
    pub fn new(http: Http, settings: One) -> Master {
        Master { http, settings }
    }

    pub fn settings(&self) -> &One {
        &self.settings
    }

    pub fn address(&self) -> &Url {
        &self.settings.command
    }

    /// The steps below every call.
    pub async fn probe(&self) -> Vec<CheckStep> {
        self.http.probe(self.address()).await.into_iter().map(CheckStep::from).collect()
    }

    /// A call that changes nothing.
    pub async fn read(&self, action: &str, more: &[(&str, &str)]) -> Result<Map<String, Value>, CallFailure> {
        self.send(action, || Ok(self.call(action, more).repeatable())).await
    }

    /// The same, where the master asks the node of a server.
    pub async fn read_slow(
        &self,
        action: &str,
        more: &[(&str, &str)],
    ) -> Result<Map<String, Value>, CallFailure> {
        self.send(action, || Ok(self.call(action, more).repeatable().at_least(SLOW))).await
    }

    /// A call that changes something.
    pub async fn write(
        &self,
        action: &str,
        more: &[(&str, &str)],
    ) -> Result<Map<String, Value>, CallFailure> {
        self.send(action, || Ok(self.call(action, more).at_least(SLOW))).await
    }

    /// Posted, never in the address: there the key would stand in every access log.
    fn call(&self, action: &str, more: &[(&str, &str)]) -> Call {
        let One { command, id, key, login, .. } = &self.settings;
        let mut form =
            vec![("id", id.expose()), ("key", key.expose()), ("action", action), ("rdtype", "json")];
        form.extend_from_slice(more);
        let call = Call::post(command.clone()).form(&form);
        match login {
            Some((user, password)) => call.basic(user, password),
            None => call,
        }
    }

    async fn send(
        &self,
        action: &str,
        call: impl Fn() -> Result<Call, crate::http::HttpError> + Send + Sync,
    ) -> Result<Map<String, Value>, CallFailure> {
        let answer = self.http.send(call).await?;
        let secrets = [self.settings.id.expose(), self.settings.key.expose()];
        let sketch = || answer.sketch_without(&secrets);
        if matches!(answer.status(), 401 | 403) {
            let detail = format!("{action}: the web server wants a login or forbids this ({})", sketch());
            return Err(BackendError::Refused(detail).into());
        }
        let body = answered(&answer);
        let Some(body) = body.filter(|_| answer.is_success()) else {
            let refusal = ApiRefusal { action: action.into(), message: excerpt(answer.text().trim(), SHOWN) };
            return Err(match is_bare_refusal(&answer.text()) && answer.is_success() {
                true => CallFailure::Refusal(refusal),
                false => BackendError::Unexpected {
                    at: action.into(),
                    detail: format!("{}; expected JSON or tags", sketch()),
                }
                .into(),
            });
        };
        match body.get("status").and_then(Value::as_str).map(str::trim) {
            Some("success") => Ok(body),
            // Some lists have no status at all.
            None if body.keys().any(|key| key != "statusmsg") => Ok(body),
            other => {
                let message = body.get("statusmsg").and_then(Value::as_str).unwrap_or_default().trim();
                let message = match (message, other) {
                    ("", other) => {
                        format!("status {:?} without a message", excerpt(other.unwrap_or_default(), SHOWN))
                    }
                    (message, _) => excerpt(message, SHOWN),
                };
                Err(CallFailure::Refusal(ApiRefusal { action: action.into(), message }))
            }
        }
    }
}

/// What the master says without tags and with status 200.
fn is_bare_refusal(text: &str) -> bool {
    let told = text.to_lowercase();
    text.len() < SHOWN
        && ["invalid ipaddress", "invalid id or key", "node not found"].iter().any(|bare| told.contains(bare))
}

/// An answer as the object it is, in JSON or in tags. Which of them it is only the text tells: PHP calls both a page.
fn answered(answer: &Answer) -> Option<Map<String, Value>> {
    let text = answer.text();
    let text = text.trim();
    if is_bare_refusal(text) || is_page(text) {
        return None;
    }
    if text.starts_with('{') {
        return serde_json::from_str(text).ok();
    }
    Some(soup::read(text)).filter(|tags| !tags.is_empty())
}

/// Whether it is for people: a proxy's page, or the master's own while it is being worked on.
fn is_page(text: &str) -> bool {
    let begins = |tag: &str| text.get(..tag.len()).is_some_and(|head| head.eq_ignore_ascii_case(tag));
    begins("<!doctype html") || begins("<html")
}
