//! Asks the toy: pages of accounts, and one write.

use super::BackendError;
use super::wire::{Account, Page, Refusal};
use crate::backends::kit;
use crate::backends::kit::pages::Offsets;
use crate::domain::AccountName;
use crate::http::{Answer, Call, Http, ProbeStep, Url, excerpt};
use crate::settings::Secret;
use serde::de::IgnoredAny;

/// Accounts asked for at once.
const PAGE: usize = 100;

/// The call that lists accounts, in errors.
const LISTING: &str = "GET /accounts";

/// How much of the panel's own words is shown.
const SHOWN: usize = 80;

/// Why a call did not succeed.
pub(super) type CallFailure = kit::CallFailure<ApiRefusal>;

/// The panel's own no.
#[derive(Clone, Debug)]
pub(super) struct ApiRefusal {
    call: String,
    status: u16,
    text: String,
}

impl ApiRefusal {
    /// Whether what was asked about is not there.
    pub fn is_gone(&self) -> bool {
        self.status == 404
    }
}

impl From<ApiRefusal> for BackendError {
    fn from(refusal: ApiRefusal) -> BackendError {
        let ApiRefusal { call, status, text } = refusal;
        match status {
            401 => BackendError::Refused(format!("{call}: the token is wrong (status 401, {text})")),
            403 => BackendError::Refused(format!(
                "{call}: the token lacks the right to this (status 403, {text})"
            )),
            _ => BackendError::Unexpected { at: call, detail: format!("status {status}, {text}") },
        }
    }
}

pub(super) struct Panel {
    http: Http,
    base: Url,
    token: Secret,
}

impl Panel {
    pub fn new(http: Http, base: Url, token: Secret) -> Panel {
        Panel { http, base, token }
    }

    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The steps below every call.
    pub async fn probe(&self) -> Vec<ProbeStep> {
        self.http.probe(&self.base).await
    }

    /// Takes every account, page after page, until as many have come as the panel says there are; returns how many.
    pub async fn each_account(
        &self,
        mut take: impl FnMut(&Account<'_>) + Send,
    ) -> Result<usize, BackendError> {
        let mut pages = Offsets::of(LISTING);
        while let Some(offset) = pages.next() {
            let mut url = self.url(&["accounts"]);
            url.set_query(Some(&format!("offset={offset}&limit={PAGE}")));
            let answer = self.send(LISTING, || Call::get(url.clone())).await?;
            let page = page(&answer)?;
            page.accounts.iter().for_each(&mut take);
            pages.came(page.accounts.len(), Some(page.total))?;
        }
        Ok(pages.rows())
    }

    /// Suspends an account for a reason, or lets it go on.
    pub async fn suspend(
        &self,
        account: &AccountName,
        reason: Option<&str>,
        ours: &str,
    ) -> Result<(), CallFailure> {
        match reason {
            Some(reason) => self.post(account.as_str(), "suspend", reason).await,
            None => self.post(account.as_str(), "unsuspend", ours).await,
        }
    }

    /// One write. Asked twice it changes nothing more.
    pub async fn post(&self, account: &str, action: &str, reason: &str) -> Result<(), CallFailure> {
        let (name, url) =
            (format!("POST /accounts/{account}/{action}"), self.url(&["accounts", account, action]));
        let body = serde_json::json!({ "reason": reason });
        let answer = self.send(&name, || Call::post(url.clone()).json(&body)).await?;
        answer.json::<serde_json::Value>(&name).map(|_| ()).map_err(CallFailure::from)
    }

    async fn send(&self, name: &str, call: impl Fn() -> Call + Send + Sync) -> Result<Answer, CallFailure> {
        let answer = self.http.send(|| Ok(call().bearer(&self.token))).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        let answered = serde_json::from_slice::<Refusal>(answer.body());
        let text = answered
            .map_or_else(|_| answer.sketch(), |refusal| format!("{:?}", excerpt(&refusal.error, SHOWN)));
        Err(CallFailure::Refusal(ApiRefusal { call: name.into(), status: answer.status(), text }))
    }

    /// Every part of the path is percent-encoded, so that a name cannot lead elsewhere.
    fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("api").extend(parts);
        }
        url
    }
}

/// A page, or what came in its place.
fn page(answer: &Answer) -> Result<Page<'_>, BackendError> {
    serde_json::from_slice(answer.body()).map_err(|error| match answer.json::<IgnoredAny>(LISTING) {
        Err(no_json) => no_json.into(),
        Ok(_) => {
            BackendError::Unexpected { at: LISTING.into(), detail: format!("JSON of another shape: {error}") }
        }
    })
}
