//! One call of WHMCS's external API: a form out, JSON back, and its errors distinguished.
//!
//! One call at a time and ten a second at most: WHMCS serves customers from the same machine.
//! Source: developers.whmcs.com, "API Authentication" and "API Response Types".

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use serde_json::{Map, Value};

use super::super::delivery::NotDelivered;
use super::WhmcsApi;
use super::redacted_json::RedactedJson;
use super::wire::text;
use crate::http::{Answer, Call, Http, HttpError, HttpSettings, Url, panel_url};
use crate::settings::{Period, Secret, Section, SettingsError};

const CONNECT_SECONDS: u64 = 10;
/// WHMCS may need its time: a minute for the answer, besides the connection.
const CALL_SECONDS: u64 = 70;
/// The most of an error message that is shown.
const SHOWN: usize = 200;

/// The API of one WHMCS, with the credential for it.
#[derive(Clone)]
pub(super) struct Client {
    http: Http,
    url: Url,
    identifier: String,
    secret: Secret,
    access_key: Option<Secret>,
}

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    /// No answer.
    #[error("WHMCS at {0}")]
    Http(HttpError),
    /// The caller's address is not on the list.
    #[error(
        "WHMCS does not let the address {seen} in; add it under General Settings, Security, API IP Access \
         Restriction (IPv4 and IPv6 are separate entries, no ranges; behind a proxy see Trusted Proxies), \
         or set \
         whmcs.access_key"
    )]
    InvalidIp {
        /// The address that WHMCS saw.
        seen: String,
    },
    /// The credential is wrong, or its admin may not use the API.
    #[error(
        "WHMCS says {message:?}; check identifier and secret in [whmcs], and that the admin's role has \
         API Access"
    )]
    Authentication {
        /// What it said.
        message: String,
    },
    /// The credential's API roles lack an action.
    #[error(
        "the API role of WHMCS does not allow {action}; allow it under Manage API Credentials, API Roles"
    )]
    Permission {
        /// The action as we call it.
        action: &'static str,
    },
    /// The action itself failed.
    #[error("WHMCS says {message:?} to {action}")]
    Rejected {
        /// The action.
        action: &'static str,
        /// What it said.
        message: String,
    },
    /// The action failed on the way: before it did the thing, or after.
    #[error("WHMCS fails at {action} with status {status} and says {message:?}")]
    Failed {
        /// The action.
        action: &'static str,
        /// The status of the answer.
        status: u16,
        /// What it said.
        message: String,
    },
    /// An HTML page, or a failure without words: nothing was done, unless PHP itself failed on the way.
    #[error("WHMCS answers {action} with {sketch}; an HTML page instead of the API")]
    Page {
        /// The action.
        action: &'static str,
        /// What came, shortened.
        sketch: String,
        /// Whether the status is that of a server which failed: before it did the thing, or after.
        failed: bool,
    },
    /// Success by its status, and yet no answer of the API: it may have been done.
    #[error(
        "WHMCS answers {action} with something that is not JSON: {sketch}; perhaps a hook or module \
         prints into it"
    )]
    Malformed {
        /// The action.
        action: &'static str,
        /// What came, shortened.
        sketch: String,
    },
}

impl Client {
    pub fn new(api: &WhmcsApi, section: &Section) -> Result<Client, SettingsError> {
        let settings = HttpSettings {
            timeout: Period(Duration::from_secs(CALL_SECONDS)),
            connect_timeout: Period(Duration::from_secs(CONNECT_SECONDS)),
            max_in_flight: NonZeroUsize::MIN,
            requests_per_second: NonZeroU32::new(10),
            ..HttpSettings::default()
        };
        Ok(Client {
            http: Http::new(&settings, section)?,
            url: panel_url("whmcs.url", &api.url, true)?,
            identifier: api.identifier.clone(),
            secret: api.secret.clone(),
            access_key: api.access_key.clone(),
        })
    }

    /// Asks for something; asking twice changes nothing, so a broken connection is tried again.
    pub async fn read(
        &self,
        action: &'static str,
        parameters: &[(&str, &str)],
    ) -> Result<Map<String, Value>, ApiError> {
        let build = || Ok(self.form(action, parameters).repeatable());
        self.understand(action, self.http.send(build).await.map_err(ApiError::Http)?)
    }

    /// Has something done, once.
    pub async fn write(
        &self,
        action: &'static str,
        parameters: &[(&str, &str)],
    ) -> Result<Map<String, Value>, ApiError> {
        let build = || Ok(self.form(action, parameters));
        self.understand(action, self.http.send(build).await.map_err(ApiError::Http)?)
    }

    fn form(&self, action: &str, parameters: &[(&str, &str)]) -> Call {
        let mut pairs = vec![
            ("action", action),
            ("identifier", &self.identifier),
            ("secret", self.secret.expose()),
            ("responsetype", "json"),
        ];
        pairs.extend(self.access_key.as_ref().map(|key| ("accesskey", key.expose())));
        pairs.extend_from_slice(parameters);
        Call::post(self.url.clone()).form(&pairs)
    }

    /// Errors come with status 403 or with 200, so the body has the word wherever it is JSON.
    fn understand(&self, action: &'static str, answer: Answer) -> Result<Map<String, Value>, ApiError> {
        let Ok(RedactedJson(Value::Object(object))) = serde_json::from_slice(answer.body()) else {
            let sketch = answer.sketch_without(&self.secrets());
            let start = answer.body().trim_ascii_start().to_ascii_lowercase();
            // PHP's own warnings are HTML too, but no pages: the action went on after them.
            let is_page = start.starts_with(b"<!doctype") || start.starts_with(b"<html");
            return Err(match is_page || !answer.is_success() {
                true => ApiError::Page { action, sketch, failed: answer.status() >= 500 },
                false => ApiError::Malformed { action, sketch },
            });
        };
        // The documented sample of one action says `status` where all others say `result`.
        match object.get("result").or_else(|| object.get("status")).and_then(Value::as_str) {
            Some("success") => Ok(object),
            Some("error") => {
                let refusal = self.refusal(action, &text(object.get("message")).unwrap_or_default());
                Err(match refusal {
                    // A no has status 200 or 403. This is an error of PHP that WHMCS has put into words.
                    ApiError::Rejected { action, message } if answer.status() >= 500 => {
                        ApiError::Failed { action, status: answer.status(), message }
                    }
                    refusal => refusal,
                })
            }
            _ => Err(ApiError::Malformed { action, sketch: answer.sketch_without(&self.secrets()) }),
        }
    }

    fn refusal(&self, action: &'static str, message: &str) -> ApiError {
        let lower = message.to_ascii_lowercase();
        if let Some(at) = lower.find("invalid ip") {
            let seen = message[at + "invalid ip".len()..].trim_matches([':', ' ', '.']);
            return ApiError::InvalidIp { seen: self.shown(seen) };
        }
        if lower.contains("invalid permissions") {
            return ApiError::Permission { action };
        }
        let message = self.shown(message);
        match lower.contains("authentication failed") || lower.contains("invalid or missing credentials") {
            true => ApiError::Authentication { message },
            false => ApiError::Rejected { action, message },
        }
    }

    /// A message without our secrets, should it repeat them.
    fn shown(&self, message: &str) -> String {
        let message =
            self.secrets().iter().fold(message.to_string(), |text, secret| text.replace(secret, "…"));
        message.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
    }

    fn secrets(&self) -> Vec<&str> {
        let all = [Some(&self.secret), self.access_key.as_ref()];
        let secrets = all.into_iter().flatten().map(Secret::expose).chain([self.identifier.as_str()]);
        secrets.filter(|secret| !secret.is_empty()).collect()
    }
}

impl ApiError {
    /// For a call that only asked: it can always be asked again, unless somebody has to fix something.
    pub fn of_reading(self) -> NotDelivered {
        match &self {
            ApiError::InvalidIp { .. } | ApiError::Authentication { .. } | ApiError::Permission { .. } => {
                NotDelivered::never(self.to_string())
            }
            ApiError::Http(error) => match NotDelivered::of_call(error.clone()) {
                NotDelivered::Unknown { .. } => NotDelivered::later(self.to_string()),
                answer => answer,
            },
            ApiError::Rejected { .. }
            | ApiError::Failed { .. }
            | ApiError::Page { .. }
            | ApiError::Malformed { .. } => NotDelivered::later(self.to_string()),
        }
    }

    /// For a call that had something done.
    pub fn of_writing(self) -> NotDelivered {
        match &self {
            ApiError::Http(error) => NotDelivered::of_call(error.clone()),
            ApiError::Failed { .. } | ApiError::Malformed { .. } | ApiError::Page { failed: true, .. } => {
                NotDelivered::unknown(self.to_string())
            }
            ApiError::Page { failed: false, .. } => NotDelivered::later(self.to_string()),
            ApiError::InvalidIp { .. }
            | ApiError::Authentication { .. }
            | ApiError::Permission { .. }
            | ApiError::Rejected { .. } => NotDelivered::never(self.to_string()),
        }
    }
}
