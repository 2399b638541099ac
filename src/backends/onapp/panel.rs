//! Asks the panel: one call at a time, and lists in pages where the release has any.
//!
//! Decides nothing about accounts. Answers may hold passwords in clear text, so no body of a success is ever shown.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::refusal::{ApiRefusal, CallFailure, No, unanswered, words};
use super::release::Release;
use super::settings::PanelConfig;
use super::wire::{id, unwrapped};
use crate::backends::BackendError;
use crate::http::{Answer, Call, Http, Method, Url};
use crate::settings::Secret;

/// Rows of a page; more are capped by some releases.
const PER_PAGE: usize = 100;
/// No list has more pages than this.
const MOST_PAGES: usize = 10_000;

/// One call.
#[derive(Clone, Debug)]
pub(super) struct ApiCall {
    pub method: Method,
    /// Its path, without `.json`.
    pub path: Vec<String>,
    pub query: Vec<(&'static str, String)>,
    /// What is sent; some statistics want it with a GET.
    pub body: Option<Value>,
    /// The permission that it needs.
    pub right: &'static str,
}

impl ApiCall {
    /// A call that reads.
    pub fn get(path: &[&str], right: &'static str) -> ApiCall {
        ApiCall::new(Method::GET, path, right)
    }

    /// Any call.
    pub fn new(method: Method, path: &[&str], right: &'static str) -> ApiCall {
        let path = path.iter().map(ToString::to_string).collect();
        ApiCall { method, path, query: Vec::new(), body: None, right }
    }

    /// With these in its query.
    pub fn query(mut self, pairs: impl IntoIterator<Item = (&'static str, String)>) -> ApiCall {
        self.query.extend(pairs);
        self
    }

    /// With a body.
    pub fn body(mut self, body: Value) -> ApiCall {
        self.body = Some(body);
        self
    }

    /// Its name in errors.
    pub fn name(&self) -> String {
        format!("{} /{}.json", self.method, self.path.join("/"))
    }

    /// An answer to it that is not what the manual promises.
    pub fn unexpected(&self, detail: impl Into<String>) -> BackendError {
        BackendError::Unexpected { at: self.name(), detail: detail.into() }
    }
}

/// A list as far as it came.
#[derive(Debug)]
pub(super) struct Listed {
    /// Its rows, without their root keys.
    pub rows: Vec<Value>,
    /// Why it is not certain that these are all.
    pub doubt: Option<String>,
}

/// The panel as we know it.
pub(super) struct Panel {
    http: Http,
    base: Url,
    username: String,
    secret: Secret,
    /// The release, once it was told.
    release: Mutex<Option<Release>>,
}

impl Panel {
    /// A panel that has not been asked anything.
    pub fn new(http: Http, config: &PanelConfig) -> Panel {
        let (base, username, secret) = (config.base.clone(), config.username.clone(), config.secret.clone());
        Panel { http, base, username, secret, release: Mutex::default() }
    }

    pub fn base(&self) -> &Url {
        &self.base
    }

    pub fn http(&self) -> &Http {
        &self.http
    }

    /// The release, asked for once; unknown where the user may not see it.
    pub async fn release(&self) -> Result<Release, BackendError> {
        let kept = self.release.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(release) = kept {
            return Ok(release);
        }
        let call = ApiCall::get(&["version"], "settings.version");
        let release = match self.ask(&call).await {
            Ok((answer, _)) => Release::read(&answer).map_err(|detail| call.unexpected(detail))?,
            Err(CallFailure::Refusal(refusal)) if refusal.is_right() || refusal.is_gone() => {
                Release::unknown()
            }
            Err(failure) => return Err(failure.into()),
        };
        *self.release.lock().unwrap_or_else(PoisonError::into_inner) = Some(release.clone());
        Ok(release)
    }

    /// Finds the release out anew at the next call: a panel that failed may have been replaced.
    pub fn forget(&self) {
        *self.release.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// One object, without its root key.
    pub async fn object(&self, call: &ApiCall) -> Result<Value, CallFailure> {
        let (answer, _) = self.ask(call).await?;
        let object = unwrapped(answer);
        object.ok_or_else(|| call.unexpected("expected an object below its root key").into())
    }

    /// A list that is certain to have an end, or says that it is not.
    pub async fn list(&self, call: &ApiCall) -> Result<Listed, CallFailure> {
        let has_pages = self.release().await?.has_pages();
        let (mut rows, mut ids, mut page) = (Vec::new(), BTreeSet::new(), 1);
        loop {
            let paged = call.clone().query([("page", page.to_string()), ("per_page", PER_PAGE.to_string())]);
            let (answer, total) = self.ask(if has_pages { &paged } else { call }).await?;
            let Value::Array(came) = answer else {
                return Err(call.unexpected("expected a list").into());
            };
            let count = came.len();
            let came: Option<Vec<Value>> = came.into_iter().map(unwrapped).collect();
            let came = came.ok_or_else(|| call.unexpected("a row of the list is no object"))?;
            // The same page again: the release knows no pages, and the first answer was everything.
            let is_new = |row: &Value| id(row).is_some_and(|id| !ids.contains(&id));
            if page > 1 && total.is_none() && !came.iter().any(is_new) {
                break;
            }
            ids.extend(came.iter().filter_map(id));
            rows.extend(came);
            match total {
                Some(total) if rows.len() >= total => {
                    let doubt = (ids.len() != total)
                        .then(|| format!("{}: {total} rows are told, {} are there", call.name(), ids.len()));
                    return Ok(Listed { rows, doubt });
                }
                Some(total) if count == 0 => {
                    let doubt = Some(format!("{}: {} of {total} rows came", call.name(), rows.len()));
                    return Ok(Listed { rows, doubt });
                }
                None if !has_pages || count > PER_PAGE || count == 0 => break,
                _ if page >= MOST_PAGES => {
                    return Err(call.unexpected(format!("more than {MOST_PAGES} pages")).into());
                }
                _ => page += 1,
            }
        }
        Ok(Listed { rows, doubt: None })
    }

    /// The rows of statistics, which come in one answer or in as many pages as it says.
    pub async fn rows(&self, call: &ApiCall) -> Result<Vec<Value>, CallFailure> {
        let (mut rows, mut page) = (Vec::new(), 1_usize);
        loop {
            let paged = call.clone().query([("page", page.to_string())]);
            let (answer, total) = self.ask(if page > 1 { &paged } else { call }).await?;
            let Value::Array(came) = answer else {
                return Err(call.unexpected("expected a list").into());
            };
            let count = came.len();
            let came: Option<Vec<Value>> = came.into_iter().map(unwrapped).collect();
            rows.extend(came.ok_or_else(|| call.unexpected("a row of the list is no object"))?);
            match total {
                Some(total) if rows.len() < total && count > 0 && page < MOST_PAGES => page += 1,
                Some(total) if rows.len() < total => {
                    return Err(call.unexpected(format!("{} of {total} rows came", rows.len())).into());
                }
                _ => return Ok(rows),
            }
        }
    }

    /// Changes something; never repeated by itself.
    pub async fn write(&self, call: &ApiCall) -> Result<(), CallFailure> {
        self.ask(call).await.map(|_| ())
    }

    /// The answer as JSON, and how many rows there are on all pages where it tells.
    async fn ask(&self, call: &ApiCall) -> Result<(Value, Option<usize>), CallFailure> {
        let url = self.url(call);
        let build = || {
            let http = Call::new(call.method.clone(), url.clone())
                .header("accept", "application/json")
                .header("content-type", "application/json")
                .basic(&self.username, &self.secret);
            Ok(match &call.body {
                Some(body) => http.json(body),
                None => http,
            })
        };
        let name = call.name();
        let answered = self.http.send(build).await;
        let answer = answered.map_err(|error| unanswered(&name, call.right, &self.origin(), error))?;
        let total = answer.header("x-total").and_then(|total| total.trim().parse().ok());
        Ok((self.judge(call, &answer)?, total))
    }

    fn judge(&self, call: &ApiCall, answer: &Answer) -> Result<Value, CallFailure> {
        let status = answer.status();
        let refused = |no| CallFailure::Refusal(ApiRefusal { call: call.name(), right: call.right, no });
        // A write may be answered without a body, whatever type that is said to have.
        let is_empty = answer.body().trim_ascii().is_empty();
        if answer.is_success() && is_empty && (status == 204 || call.method != Method::GET) {
            return Ok(Value::Null);
        }
        if answer.is_html() {
            let page = answer.text().to_lowercase();
            let is_login = page.contains("sign_in") || page.contains("type=\"password\"");
            return Err(match status {
                401 | 403 => refused(No::Status(status, String::new())),
                _ if is_login => refused(No::LoginPage),
                _ => refused(No::Page(status)),
            });
        }
        if !answer.is_success() {
            let body = serde_json::from_slice(answer.body()).unwrap_or_default();
            return Err(refused(No::Status(status, words(&body, &[self.secret.expose()]))));
        }
        Ok(answer.json(&call.name())?)
    }

    fn origin(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        format!("{}://{host}:{}", self.base.scheme(), self.base.port_or_known_default().unwrap_or_default())
    }

    /// Every part of the path is percent-encoded, so that a name cannot lead elsewhere.
    fn url(&self, call: &ApiCall) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            let last = call.path.len().saturating_sub(1);
            let parts = call.path.iter().enumerate();
            let parts =
                parts.map(|(place, part)| if place == last { format!("{part}.json") } else { part.clone() });
            path.pop_if_empty().extend(parts);
        }
        for (name, value) in &call.query {
            // A flag is its name alone.
            match value.is_empty() {
                true => url.query_pairs_mut().append_key_only(name),
                false => url.query_pairs_mut().append_pair(name, value),
            };
        }
        url
    }
}
