//! Asks the NAS: what it offers, a login that is kept for one visit and ended with it, and the calls in between.
//!
//! One visit at a time, one call after the other: a NAS is small, and sessions that nobody ends pile up until it answers
//! no more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::Value;
use tokio::time::Instant;

use super::apis::{ASKED_FOR, Apis, QUERY_PATHS};
use super::call::{ApiCall, Does};
use super::hold::Hold;
use super::refusal::{AUTH, ApiRefusal, CallFailure};
use super::settings::{Access, NasConfig};
use super::wire::{ApiError, Envelope};
use crate::backends::BackendError;
use crate::backends::kit::session::Session;
use crate::domain::{Seconds, Timestamp};
use crate::http::{Answer, Call, Http, Url};
use crate::settings::Secret;

/// The name of our sessions: ending one leaves those of others alone.
const SESSION: &str = "whmeter";

/// How long many calls in one may take; the seed module's own limit for one call is 30 s.
const MANY: Duration = Duration::from_secs(120);

/// How often a call is made again that the NAS could not answer at the moment.
const AGAIN: u32 = 2;

/// What a login gave, and what the NAS offers.
struct Ticket {
    sid: String,
    token: Option<String>,
    apis: Apis,
    since: Timestamp,
}

/// The NAS behind its address.
pub(super) struct Nas {
    http: Http,
    base: Url,
    access: Access,
    session: Session<Arc<Ticket>>,
    hold: Hold,
    /// What a login with a one-time password brought: with it this machine is trusted, as long as it runs.
    trusted: Mutex<Trust>,
    visit: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Trust {
    device_token: Option<Secret>,
    /// A one-time password is sent once.
    code_was_sent: bool,
}

impl Nas {
    /// A NAS that was not asked anything.
    pub fn new(http: Http, config: &NasConfig) -> Nas {
        let trust = Trust { device_token: config.access.device_token.clone(), code_was_sent: false };
        Nas {
            http,
            base: config.base.clone(),
            access: config.access.clone(),
            session: Session::new(None),
            hold: Hold::default(),
            trusted: Mutex::new(trust),
            visit: tokio::sync::Mutex::default(),
        }
    }

    pub fn http(&self) -> &Http {
        &self.http
    }

    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Does some work, alone, and logs out after it.
    pub async fn visit<T>(
        &self,
        work: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let _alone = self.visit.lock().await;
        let done = work.await;
        // A NAS that does not answer is not asked for that either: its session is used, or dropped, the next time.
        if !matches!(done, Err(BackendError::Unreachable(_))) {
            self.log_out().await;
        }
        done
    }

    /// A call; what it answers under `data`, `null` where that is absent.
    pub async fn call(&self, ask: &ApiCall) -> Result<Value, CallFailure> {
        let login = |_: Option<Arc<Ticket>>| self.log_in().boxed();
        let call = |ticket: Arc<Ticket>| async move { self.patiently(ask, &ticket).await }.boxed();
        let now = self.http.clock().now();
        self.session.call(now, &login, ApiRefusal::is_dropped_session, call).await
    }

    /// What the NAS offers, asked anew.
    pub async fn offers(&self) -> Result<Apis, BackendError> {
        for path in QUERY_PATHS {
            let mut url = self.url(path);
            let query =
                [("api", "SYNO.API.Info"), ("version", "1"), ("method", "query"), ("query", ASKED_FOR)];
            url.query_pairs_mut().extend_pairs(query);
            let answer = self.http.send(|| Ok(Call::get(url.clone()))).await?;
            if answer.status() == 404 && path != QUERY_PATHS[QUERY_PATHS.len() - 1] {
                continue;
            }
            let call = ("SYNO.API.Info", "query");
            return Apis::read(&self.data(call, &answer, &[], Seconds::new(0)).map_err(CallFailure::error)?);
        }
        Err(BackendError::NotOffered("there is no DSM at this address".into()))
    }

    async fn log_in(&self) -> Result<Arc<Ticket>, CallFailure> {
        self.hold.permits(Instant::now())?;
        let apis = self.offers().await?;
        let ended = self.log_in_at(&apis).await;
        match &ended {
            Ok(_) => self.hold.note(Instant::now(), Ok(())),
            Err(failure) => self.hold.note::<()>(Instant::now(), Err(&failure.clone().error())),
        }
        let (sid, token) = ended?;
        Ok(Arc::new(Ticket { sid, token, apis, since: self.http.clock().now() }))
    }

    async fn log_in_at(&self, apis: &Apis) -> Result<(String, Option<String>), CallFailure> {
        let api = apis.get(AUTH)?;
        let ask = ApiCall::write(AUTH, "login");
        let version = ask.version(api.offered).ok_or_else(|| too_new(AUTH))?.to_string();
        let (proof, uses_code) = self.second_factor();
        let mut pairs: Vec<(&str, &str)> = vec![
            ("api", AUTH),
            ("version", &version),
            ("method", "login"),
            ("account", &self.access.username),
            ("passwd", self.access.password.expose()),
            ("session", SESSION),
            ("format", "sid"),
            ("enable_syno_token", "yes"),
        ];
        pairs.extend(proof.iter().map(|(name, value)| (*name, value.expose())));
        let url = self.url(&api.path);
        // A login that may have succeeded is not made again: its session would be nobody's.
        let answer = self.http.send(|| Ok(Call::post(url.clone()).form(&pairs))).await?;
        let data = self.data((AUTH, "login"), &answer, &[], Seconds::new(0))?;
        let text = |key: &str| data.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        if uses_code {
            // DSM 7 calls it device_id, DSM 6 did.
            let token = text("device_id").or(text("did")).map(|token| Secret::new(token.into()));
            self.trust().device_token = token;
        }
        let sid = text("sid").ok_or_else(|| strange((AUTH, "login"), "sid is absent"))?;
        Ok((sid.to_string(), text("synotoken").map(str::to_string)))
    }

    /// What proves that it is us besides the password: the token of a trusted device, or a code; and whether it is one.
    fn second_factor(&self) -> (Vec<(&'static str, Secret)>, bool) {
        let mut trust = self.trust();
        let text = |text: &str| Secret::new(text.into());
        let as_device =
            vec![("device_name", text(&self.access.device_name)), ("enable_device_token", text("yes"))];
        if let Some(token) = trust.device_token.clone() {
            return ([vec![("device_id", token)], as_device].concat(), false);
        }
        match self.access.otp_code.clone().filter(|_| !std::mem::replace(&mut trust.code_was_sent, true)) {
            Some(code) => ([vec![("otp_code", code)], as_device].concat(), true),
            None => (Vec::new(), false),
        }
    }

    fn trust(&self) -> std::sync::MutexGuard<'_, Trust> {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a one-time password has made this machine a trusted device that is forgotten with the process.
    pub fn is_trusted_until_its_end(&self) -> bool {
        self.access.device_token.is_none() && self.trust().device_token.is_some()
    }

    /// Ends the session, if there is one. DSM says success to a logout without `_sid`, and keeps the session.
    async fn log_out(&self) {
        let Some(ticket) = self.session.end().await else { return };
        let ask = ApiCall { parameters: vec![("session", SESSION.into())], ..ApiCall::get(AUTH, "logout") };
        if let Err(failure) = self.once(&ask, &ticket).await {
            let error = failure.error();
            tracing::debug!(%error, "a session of the NAS was not ended");
        }
    }

    /// Makes a call that reads again where the NAS could not answer at the moment.
    async fn patiently(&self, ask: &ApiCall, ticket: &Ticket) -> Result<Value, CallFailure> {
        let mut tries = 0;
        loop {
            match self.once(ask, ticket).await {
                Err(CallFailure::Refusal(refusal))
                    if refusal.may_pass() && ask.does != Does::Writes && tries < AGAIN =>
                {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(250) * tries * tries).await;
                }
                ended => return ended,
            }
        }
    }

    async fn once(&self, ask: &ApiCall, ticket: &Ticket) -> Result<Value, CallFailure> {
        let api = ticket.apis.get(ask.api)?;
        let version = ask.version(api.offered).ok_or_else(|| too_new(ask.api))?.to_string();
        let mut url = self.url(&api.path);
        let parameters: Vec<(&str, &str)> =
            ask.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs([("api", ask.api), ("version", &version), ("method", ask.method)]);
            if ask.does == Does::Reads {
                query.extend_pairs(&parameters);
            }
            // Some builds read them in the query alone, whatever the method (README.md, "Quirks").
            query.append_pair("_sid", &ticket.sid);
            if let Some(token) = &ticket.token {
                query.append_pair("SynoToken", token);
            }
        }
        let build = || {
            let call = match ask.does {
                Does::Reads => Call::get(url.clone()),
                Does::ReadsMany => Call::post(url.clone()).form(&parameters).repeatable().at_least(MANY),
                Does::Writes => Call::post(url.clone()).form(&parameters),
            };
            Ok(match &ticket.token {
                Some(token) => call.secret_header("X-SYNO-TOKEN", token),
                None => call,
            })
        };
        let answer = self.http.send(build).await?;
        let age = self.http.clock().now().since(ticket.since);
        let secrets = [ticket.sid.as_str(), ticket.token.as_deref().unwrap_or_default()];
        self.data((ask.api, ask.method), &answer, &secrets, age)
    }

    /// What an answer says. Errors come with 200 like everything else; pages are proxies', or a NAS that starts.
    fn data(
        &self,
        call: (&'static str, &'static str),
        answer: &Answer,
        secrets: &[&str],
        age: Seconds,
    ) -> Result<Value, CallFailure> {
        let trust = self.trust().device_token.clone();
        let trust = trust.as_ref().map_or("", Secret::expose);
        let secrets = [secrets, &[self.access.password.expose(), trust]].concat();
        let sketch = || answer.sketch_without(&secrets);
        let at = format!("{} {}", call.0, call.1);
        if matches!(answer.status(), 401 | 403) {
            let why = format!("{at}: {}; whatever stands before DSM has no right for us", sketch());
            return Err(BackendError::Refused(why).into());
        }
        if answer.is_html() || !answer.is_success() {
            let detail =
                format!("expected an answer of DSM, got {}; does DSM start, or a proxy answer?", sketch());
            return Err(strange(call, detail).into());
        }
        // The type may be anything; the body decides.
        let envelope: Envelope = answer.json(&at).map_err(BackendError::from)?;
        match (envelope.success, envelope.error) {
            (Some(true), _) => Ok(envelope.data),
            (Some(false), Some(ApiError { code: Some(code), errors })) => {
                Err(CallFailure::Refusal(ApiRefusal::new(call, code, Some(&errors), age)))
            }
            (Some(false), _) => Err(strange(call, "success is false, and error.code is absent").into()),
            (None, _) => Err(strange(call, "success is absent").into()),
        }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().push("webapi").extend(path.split('/'));
        }
        url
    }
}

/// An answer of another shape than is promised.
pub(super) fn strange(call: (&str, &str), detail: impl Into<String>) -> BackendError {
    BackendError::Unexpected { at: format!("{} {}", call.0, call.1), detail: detail.into() }
}

fn too_new(api: &str) -> BackendError {
    BackendError::NotOffered(format!("this DSM has only versions of {api} that are newer than whmeter"))
}
