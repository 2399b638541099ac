//! SolusVM 2's REST API: calls, refusals, and tasks that take their time.

use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};

use super::super::settings::{Two, below};
use super::wire::{One, Page, Refusal, Task};
use crate::backends::{BackendError, CheckStep, kit};
use crate::domain::AccountName;
use crate::http::{Answer, Call, Http, Url, excerpt};

/// How much of the panel's own words is shown.
const SHOWN: usize = 200;

/// How often a task is looked at before it is left to itself.
const LOOKS: u32 = 60;

/// Why a call did not succeed.
pub(super) type CallFailure = kit::CallFailure<ApiRefusal>;

/// The panel's own no.
#[derive(Clone, Debug)]
pub(super) struct ApiRefusal {
    call: String,
    status: u16,
    text: String,
}

impl From<ApiRefusal> for BackendError {
    fn from(ApiRefusal { call, status, text }: ApiRefusal) -> BackendError {
        match status {
            401 => {
                BackendError::Refused(format!("{call}: the token is wrong or has ended (status 401, {text})"))
            }
            403 => BackendError::Refused(format!(
                "{call}: the role of the token's user lacks the right to this (status 403, {text})"
            )),
            _ => BackendError::Unexpected { at: call, detail: format!("status {status}, {text}") },
        }
    }
}

/// The refusal of a call about one server, which may be gone.
pub(super) fn about(failure: CallFailure, account: &AccountName) -> BackendError {
    match failure {
        CallFailure::Refusal(refusal) if refusal.status == 404 => {
            BackendError::NoSuchAccount(account.clone())
        }
        failure => failure.error(),
    }
}

/// Asks the panel.
pub(super) struct Panel {
    http: Http,
    settings: Two,
}

impl Panel {
    pub fn new(http: Http, settings: Two) -> Panel {
        Panel { http, settings }
    }

    pub fn settings(&self) -> &Two {
        &self.settings
    }

    /// The steps below every call.
    pub async fn probe(&self) -> Vec<CheckStep> {
        self.http.probe(&self.settings.base).await.into_iter().map(CheckStep::from).collect()
    }

    /// One page of the list of servers, as it came.
    pub async fn page(&self, number: u64) -> Result<Answer, BackendError> {
        let mut url = below(self.settings.base.clone(), &["servers"]);
        url.set_query(Some(&format!("page={number}")));
        Ok(self.send("GET servers", || Call::get(url.clone())).await?)
    }

    /// Something by its path.
    pub async fn get<T: DeserializeOwned>(&self, parts: &[&str]) -> Result<T, CallFailure> {
        let (name, url) = (format!("GET {}", parts.join("/")), below(self.settings.base.clone(), parts));
        let answer = self.send(&name, || Call::get(url.clone())).await?;
        Ok(answer.json::<One<T>>(&name)?.data)
    }

    /// What is done in its own time: told done only when it is.
    pub async fn run(&self, parts: &[&str]) -> Result<(), CallFailure> {
        let (name, url) = (format!("POST {}", parts.join("/")), below(self.settings.base.clone(), parts));
        let answer = self.send(&name, || Call::post(url.clone())).await?;
        let mut task = answer.json::<One<Task>>(&name)?.data;
        for look in 0..LOOKS {
            match task.status.as_str() {
                "done" => return Ok(()),
                "pending" | "queued" | "running" => {}
                other => {
                    let detail =
                        format!("its task {} ended as {other:?}: {}", task.id, excerpt(&task.output, SHOWN));
                    return Err(BackendError::Unexpected { at: name, detail }.into());
                }
            }
            tokio::time::sleep(Duration::from_millis(250) * look.min(8)).await;
            task = self.get(&["tasks", &task.id.to_string()]).await?;
        }
        let detail = format!("its task {} is still {:?}", task.id, task.status);
        Err(BackendError::Busy { after: None, detail: format!("{name}: {detail}") }.into())
    }

    async fn send(&self, name: &str, call: impl Fn() -> Call + Send + Sync) -> Result<Answer, CallFailure> {
        let answer = self
            .http
            .send(|| Ok(call().bearer(&self.settings.token).header("accept", "application/json")))
            .await?;
        if answer.is_success() {
            return Ok(answer);
        }
        let told = serde_json::from_slice::<Refusal>(answer.body());
        let text = told.map_or_else(
            |_| answer.sketch_without(&[self.settings.token.expose()]),
            |refusal| format!("{:?}", excerpt(&refusal.message, SHOWN)),
        );
        Err(CallFailure::Refusal(ApiRefusal { call: name.into(), status: answer.status(), text }))
    }
}

/// A page, or what came in its place.
pub(super) fn page(answer: &Answer) -> Result<Page<'_>, BackendError> {
    serde_json::from_slice(answer.body()).map_err(|error| match answer.json::<IgnoredAny>("GET servers") {
        Err(no_json) => no_json.into(),
        Ok(_) => BackendError::Unexpected {
            at: "GET servers".into(),
            detail: format!("JSON of another shape: {error}"),
        },
    })
}

/// The address of the panel, for whoever asks which one it is.
pub(super) fn address(panel: &Panel) -> Url {
    panel.settings.base.clone()
}
