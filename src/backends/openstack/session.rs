//! Asks the cloud: one token for all services, where the token's catalogue says that they are.
//!
//! One login at a time; a token that a service has dropped is replaced once, and a secret that was refused is not tried
//! again at once: users are locked behind an answer that looks like any other.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::catalogue::{Endpoints, Entry, Service};
use super::refusal::{ApiRefusal, CallFailure};
use super::settings::{Access, Login};
use super::wire::TokenBody;
use crate::backends::BackendError;
use crate::backends::kit::session;
use crate::domain::{Seconds, Timestamp};
use crate::http::{Answer, Call, Http, Method, Url};
use crate::settings::Secret;

/// A token is not used when less than this is left of it.
const MARGIN: Seconds = Seconds::new(120);

/// Who may list everybody's things.
pub(super) const ADMIN: &str = "admin on the project that whmeter logs in to";

/// One call: of which service, and what.
#[derive(Clone, Debug)]
pub(super) struct ApiCall {
    service: Service,
    method: Method,
    path: Vec<String>,
    query: Vec<(String, String)>,
    body: Option<Value>,
    headers: Vec<(&'static str, String)>,
    role: &'static str,
    patience: Duration,
    may_repeat: bool,
}

impl ApiCall {
    pub fn new(method: Method, service: Service, path: &str) -> ApiCall {
        let path = path.split('/').map(String::from).collect();
        let may_repeat = matches!(method, Method::GET | Method::HEAD | Method::PUT | Method::PATCH);
        ApiCall {
            service,
            method,
            path,
            query: Vec::new(),
            body: None,
            headers: Vec::new(),
            role: ADMIN,
            patience: Duration::ZERO,
            may_repeat,
        }
    }

    pub fn get(service: Service, path: &str) -> ApiCall {
        ApiCall::new(Method::GET, service, path)
    }

    pub fn post(service: Service, path: &str, body: Value) -> ApiCall {
        ApiCall::new(Method::POST, service, path).with_body(body)
    }

    pub fn with_body(self, body: Value) -> ApiCall {
        ApiCall { body: Some(body), ..self }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> ApiCall {
        self.query.push((name.into(), value.into()));
        self
    }

    /// With this query in place of its own.
    pub fn asking(self, query: Vec<(String, String)>) -> ApiCall {
        ApiCall { query, ..self }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> ApiCall {
        self.headers.push((name, value.into()));
        self
    }

    /// With the role that it needs, where that is not the usual one.
    pub fn needs(self, role: &'static str) -> ApiCall {
        ApiCall { role, ..self }
    }

    /// A search, which changes nothing and takes its time.
    pub fn slow_search(self) -> ApiCall {
        ApiCall { patience: Duration::from_secs(120), may_repeat: true, ..self }
    }

    /// As it is called in errors.
    pub fn name(&self) -> String {
        format!("{} {} ({})", self.method, self.path.join("/"), self.service.name())
    }

    fn at(&self, mut url: Url, token: &str) -> Call {
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&self.path);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        // Exactly so: with any other Accept Gnocchi's errors are pages.
        let call = Call::new(self.method.clone(), url).header("accept", "application/json");
        let call = call.secret_header("x-auth-token", token).at_least(self.patience);
        let call = self.headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        let call = match &self.body {
            Some(body) => call.json(body),
            // Ends behind uWSGI want to be told that nothing follows.
            None if self.method == Method::POST => call.body("application/json", ""),
            None => call,
        };
        if self.may_repeat { call.repeatable() } else { call }
    }
}

/// What a login gave.
pub(super) struct Grant {
    token: Secret,
    catalogue: Vec<Entry>,
    pub roles: Vec<String>,
    /// The project that the token is for.
    pub project: String,
    /// From when on it is traded for another one.
    renew_at: Timestamp,
}

impl Grant {
    /// Whether it may do what administrators may.
    pub fn is_admin(&self) -> bool {
        self.has_role("admin")
    }

    pub fn has_role(&self, name: &str) -> bool {
        self.roles.iter().any(|role| role.eq_ignore_ascii_case(name))
    }
}

/// The cloud as we know it.
pub(super) struct Cloud {
    http: Http,
    identity: Url,
    login: Login,
    endpoints: Endpoints,
    tickets: session::Session<Arc<Grant>>,
}

impl Cloud {
    pub fn new(http: Http, access: Access) -> Cloud {
        let Access { identity, login, endpoints } = access;
        Cloud { http, identity, login, endpoints, tickets: session::Session::new(None) }
    }

    pub fn http(&self) -> &Http {
        &self.http
    }

    /// Keystone's address, and the region behind it: two regions of one cloud are two backends.
    pub fn address(&self) -> Url {
        let mut url = self.identity.clone();
        url.set_fragment(self.endpoints.region.as_deref());
        url
    }

    pub fn identity(&self) -> &Url {
        &self.identity
    }

    pub fn swift_prefix(&self) -> &str {
        &self.endpoints.swift_prefix
    }

    /// Logs in where that is needed; tells what the token is good for.
    pub async fn grant(&self) -> Result<Arc<Grant>, BackendError> {
        let call =
            |grant: Arc<Grant>| async move { self.still_good(&grant, "login").map(|()| grant) }.boxed();
        Ok(self.called(call).await?)
    }

    /// Whether the catalogue has a service in our region.
    pub async fn has(&self, service: Service) -> Result<bool, BackendError> {
        let grant = self.grant().await?;
        Ok(self.endpoints.address(&grant.catalogue, service)?.is_some())
    }

    /// The region that is asked, where the catalogue names any.
    pub async fn region(&self) -> Result<Option<String>, BackendError> {
        self.endpoints.region(&self.grant().await?.catalogue)
    }

    /// A call whose answer is JSON.
    pub async fn json<T: DeserializeOwned>(&self, ask: &ApiCall) -> Result<T, CallFailure> {
        let answer = self.call(ask).await?;
        Ok(answer.json(&ask.name()).map_err(BackendError::from)?)
    }

    /// A call that succeeds or says why not.
    pub async fn call(&self, ask: &ApiCall) -> Result<Answer, CallFailure> {
        let call = |grant: Arc<Grant>| {
            async move {
                self.still_good(&grant, &ask.name())?;
                let base = match ask.service {
                    Service::Identity => self.identity.clone(),
                    service => {
                        self.endpoints.address(&grant.catalogue, service)?.ok_or_else(|| missing(service))?
                    }
                };
                let answer = self.http.send(|| Ok(ask.at(base.clone(), grant.token.expose()))).await?;
                self.accepted(ask, answer, grant.token.expose())
            }
            .boxed()
        };
        self.called(call).await
    }

    async fn called<'c, R>(
        &'c self,
        call: impl Fn(Arc<Grant>) -> futures_util::future::BoxFuture<'c, Result<R, CallFailure>> + Send,
    ) -> Result<R, CallFailure> {
        let login = |_| self.log_in().boxed();
        let is_dropped = |refusal: &ApiRefusal| refusal.status == 401;
        self.tickets.call(self.http.clock().now(), &login, is_dropped, call).await
    }

    fn still_good(&self, grant: &Grant, call: &str) -> Result<(), CallFailure> {
        match self.http.clock().now() < grant.renew_at {
            true => Ok(()),
            false => Err(CallFailure::Refusal(ApiRefusal::ending(call.into(), Service::Identity))),
        }
    }

    /// Success that is no page. Where nothing came the type of it says nothing: Swift calls its empty answers HTML.
    fn accepted(&self, ask: &ApiCall, answer: Answer, token: &str) -> Result<Answer, CallFailure> {
        if answer.is_success() && (answer.body().is_empty() || !answer.is_html()) {
            return Ok(answer);
        }
        let secrets = [self.login.secret(), token];
        if answer.is_success() {
            let detail = format!("expected JSON, got {}", answer.sketch_without(&secrets));
            return Err(BackendError::Unexpected { at: ask.name(), detail }.into());
        }
        Err(CallFailure::Refusal(ApiRefusal::new(ask.name(), ask.service, ask.role, &answer, &secrets)))
    }

    async fn log_in(&self) -> Result<Arc<Grant>, CallFailure> {
        let ask = ApiCall::post(Service::Identity, "auth/tokens", self.credentials());
        let build = || {
            let mut url = self.identity.clone();
            if let Ok(mut path) = url.path_segments_mut() {
                path.pop_if_empty().extend(&ask.path);
            }
            let call = Call::post(url).header("accept", "application/json");
            Ok(match &ask.body {
                Some(body) => call.json(body),
                None => call,
            })
        };
        let answer = self.accepted(&ask, self.http.send(build).await?, "")?;
        let token = answer.header("x-subject-token").map(|token| Secret::new(token.into()));
        let odd = |detail: &str| BackendError::Unexpected { at: ask.name(), detail: detail.into() };
        let token =
            token.ok_or_else(|| odd("a token was made, and the header X-Subject-Token is missing"))?;
        let body: TokenBody = answer.json(&ask.name()).map_err(BackendError::from)?;
        let body = body.token;
        let project = body.project.map(|project| project.id).unwrap_or_default();
        if project.is_empty() {
            // Gnocchi answers a token of the system's scope with an empty list, which looks like no usage at all.
            return Err(BackendError::Refused(
                "the token is for no project; make the application credential in a project, or give project"
                    .into(),
            )
            .into());
        }
        let roles = body.roles.into_iter().map(|role| role.name).collect();
        let lasts = lifetime(body.issued_at.as_deref(), body.expires_at.as_deref());
        // A short one is used for half of its time.
        let used = match lasts.get() {
            short if short < 2 * MARGIN.get() => Seconds::new(short / 2),
            long => Seconds::new(long - MARGIN.get()),
        };
        let renew_at = self.http.clock().now().plus(used);
        Ok(Arc::new(Grant { token, catalogue: body.catalog, roles, project, renew_at }))
    }

    fn credentials(&self) -> Value {
        match &self.login {
            // It carries its own scope, and none may be asked for.
            Login::Credential { id, secret } => json!({ "auth": { "identity": {
                "methods": ["application_credential"],
                "application_credential": { "id": id, "secret": secret.expose() },
            } } }),
            Login::Password { user, user_domain, password, project, project_domain } => json!({ "auth": {
                "identity": { "methods": ["password"], "password": { "user": {
                    "name": user, "domain": { "name": user_domain }, "password": password.expose(),
                } } },
                "scope": { "project": { "name": project, "domain": { "name": project_domain } } },
            } }),
        }
    }
}

/// How long a token lasts by its own two times, so that nobody's clock matters; an hour where it does not say.
fn lifetime(issued: Option<&str>, expires: Option<&str>) -> Seconds {
    let time = |text: Option<&str>| text.and_then(super::time::parsed);
    match (time(issued), time(expires)) {
        (Some(issued), Some(expires)) if expires > issued => expires.since(issued),
        _ => Seconds::hours(1),
    }
}

/// A service that this cloud or region does not have.
pub(super) fn missing(service: Service) -> BackendError {
    BackendError::NotOffered(format!(
        "the catalogue has no address of {} in this region; give one in endpoints, or leave it out of the config",
        service.name()
    ))
}
