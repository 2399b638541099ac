//! Asks the panel: one call of either generation, and which generation it is.
//!
//! Decides nothing about clients, and never tries a refused credential twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::envelope::{No, Payload, judge};
use super::generation::{Description, Generation};
use super::refusal::{ApiRefusal, CallFailure, unanswered};
use super::settings::{PanelConfig, Wanted};
use super::wire::Status;
use crate::backends::BackendError;
use crate::http::{Call, Http, Method, Url};
use crate::settings::Secret;

/// The content of a write, before a generation has put it into its words.
pub(super) type Fields = Vec<(&'static str, Value)>;

/// One call below `/api/v1/`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ApiCall<'a> {
    pub path: &'a [&'a str],
    /// The permission it needs on a 2.x panel.
    pub right: &'static str,
}

impl ApiCall<'_> {
    /// Its name in errors.
    pub fn name(&self, method: &Method) -> String {
        format!("{method} /{}", self.path.join("/"))
    }
}

/// The panel as we know it.
pub(super) struct Panel {
    http: Http,
    base: Url,
    token: Option<Secret>,
    access_hash: Option<Secret>,
    wanted: Wanted,
    known: Mutex<Option<PanelFacts>>,
    months_unpadded: AtomicBool,
}

/// What was found out about a panel.
#[derive(Clone, Debug)]
pub(super) struct PanelFacts {
    pub generation: Generation,
    /// Something the operator should look at.
    pub complaint: Option<String>,
}

impl Panel {
    /// A panel that has not been asked anything.
    pub fn new(http: Http, config: &PanelConfig) -> Panel {
        Panel {
            http,
            base: config.base.clone(),
            token: config.token.clone(),
            access_hash: config.access_hash.clone(),
            wanted: config.wanted,
            known: Mutex::new(None),
            months_unpadded: AtomicBool::new(false),
        }
    }

    pub fn http(&self) -> &Http {
        &self.http
    }

    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Whether this panel wants months as `4` and not as `04`.
    pub fn months_unpadded(&self) -> &AtomicBool {
        &self.months_unpadded
    }

    /// Which generation it speaks; found out once and kept until [`Panel::forget`].
    pub async fn known(&self) -> Result<PanelFacts, BackendError> {
        if let Wanted::Fixed(generation) = self.wanted {
            return Ok(PanelFacts { generation, complaint: None });
        }
        let kept = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = kept {
            return Ok(known);
        }
        let found = match self.description().await? {
            Some(description) => {
                PanelFacts { generation: Generation::Two, complaint: description.complaint() }
            }
            None => PanelFacts { generation: Generation::One, complaint: None },
        };
        self.credential(found.generation)?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        Ok(found)
    }

    /// Finds the generation out anew at the next call: a panel that failed may have been replaced.
    pub fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.months_unpadded.store(false, Ordering::Relaxed);
    }

    /// Asks for the public description of the API, which 2.x has and 1.x has not.
    async fn description(&self) -> Result<Option<Description>, BackendError> {
        let ask = ApiCall { path: &["openapi.json"], right: "none" };
        let name = ask.name(&Method::GET);
        let answer = self.http.send(|| Ok(Call::get(self.url(&ask)))).await;
        let answer = answer.map_err(|error| unanswered(&name, &self.origin(), error))?;
        if let Ok(document) = serde_json::from_slice(answer.body())
            && answer.is_success()
            && let Some(description) = Description::read(&document)
        {
            return Ok(Some(description));
        }
        let refusal = |no| ApiRefusal {
            call: name.clone(),
            right: ask.right,
            generation: Generation::Two,
            status: answer.status(),
            no,
        };
        match judge(&answer) {
            Err(No::LoginPage) => Err(refusal(No::LoginPage).into()),
            Err(no) if matches!(answer.status(), 401 | 403 | 500..) => Err(refusal(no).into()),
            _ => Ok(None),
        }
    }

    /// Reads with a GET.
    pub async fn get(&self, ask: &ApiCall<'_>) -> Result<Payload, CallFailure> {
        let generation = self.known().await?.generation;
        self.send(Method::GET, ask, generation, &|call| call).await
    }

    /// Writes with a PUT, in the words of the generation; not repeated by itself, because every save
    /// drops the client's connection on 1.x (PUQVPNCP doc/13. VPN accounts).
    pub async fn put(&self, ask: &ApiCall<'_>, fields: &Fields) -> Result<Payload, CallFailure> {
        let generation = self.known().await?.generation;
        let object =
            Value::Object(fields.iter().map(|(name, value)| (name.to_string(), value.clone())).collect());
        let texts = fields.iter().map(|(name, value)| (*name, plain(value))).collect::<Vec<_>>();
        let pairs = texts.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>();
        self.send(Method::PUT, ask, generation, &|call| match generation {
            Generation::One => call.form(&pairs),
            Generation::Two => call.json(&object),
        })
        .await
    }

    /// What the panel says about itself.
    pub async fn status(&self) -> Result<Status, BackendError> {
        let ask = ApiCall { path: &["system", "status"], right: "system_config:read" };
        let payload = self.get(&ask).await?;
        Status::read(&payload.value)
            .map_err(|detail| BackendError::Unexpected { at: ask.name(&Method::GET), detail })
    }

    async fn send(
        &self,
        method: Method,
        ask: &ApiCall<'_>,
        generation: Generation,
        finish: &(dyn Fn(Call) -> Call + Send + Sync),
    ) -> Result<Payload, CallFailure> {
        let name = ask.name(&method);
        let credential = self.credential(generation)?;
        let build = || {
            let call = Call::new(method.clone(), self.url(ask)).header("accept", "application/json");
            let call = match generation {
                Generation::One => {
                    call.secret_header("cookie", &format!("access_hash={}", credential.expose()))
                }
                Generation::Two => call.bearer(credential),
            };
            Ok(finish(call))
        };
        let answer = self.http.send(build).await.map_err(|error| unanswered(&name, &self.origin(), error))?;
        judge(&answer).map_err(|no| {
            CallFailure::Refusal(ApiRefusal {
                call: name,
                right: ask.right,
                generation,
                status: answer.status(),
                no,
            })
        })
    }

    fn credential(&self, generation: Generation) -> Result<&Secret, BackendError> {
        let (key, secret) = match generation {
            Generation::One => ("access_hash", &self.access_hash),
            Generation::Two => ("token", &self.token),
        };
        secret.as_ref().ok_or_else(|| BackendError::Unexpected {
            at: "GET /openapi.json".into(),
            detail: format!(
                "the panel looks like {}, which needs the key {key}; or this is the wrong port, or a \
                 proxy hides openapi.json: then set generation",
                generation.name()
            ),
        })
    }

    fn origin(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        format!("{}://{host}:{}", self.base.scheme(), self.base.port_or_known_default().unwrap_or_default())
    }

    /// Every part of the path is percent-encoded, so that a name cannot lead elsewhere.
    fn url(&self, ask: &ApiCall<'_>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]).extend(ask.path);
        }
        url
    }
}

/// A value as a form writes it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}
