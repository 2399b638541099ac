//! Visits: who looks at a page, and the door in front of it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::access::{Refused, peer_of, spelt};
use super::{cookies, path, session};
use crate::clock::Clock;
use crate::telemetry::Refusal;
use crate::web::{Access, Asker, Problem, Scope};

/// Marks a request that came by our own TLS.
#[derive(Clone, Copy, Debug)]
pub struct OverTls;

/// Where browsers without a session are sent.
const LOGIN: &str = "/login";

/// Who looks at a page.
#[derive(Clone)]
pub struct Visit {
    /// Who it is, for the audit; without a token where everything is open, or before a login.
    pub asker: Asker,
    /// Whether what acts may be used.
    pub may_act: bool,
    /// Whether there is a session, which can be ended.
    pub has_session: bool,
    /// Whether a login is of any use.
    pub needs_login: bool,
    word: Arc<str>,
    secure: bool,
    peer: Option<SocketAddr>,
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Visit, Problem> {
        let visit = parts.extensions.get().cloned();
        visit.ok_or_else(|| Problem::forbidden("this is behind the door of a page only"))
    }
}

impl Visit {
    /// What every form on the page repeats.
    pub fn form_word(&self) -> &str {
        &self.word
    }

    /// Who is in the audit for what is asked by a button.
    pub fn actor(&self) -> String {
        let token = self.asker.token.as_ref().map(|token| format!(", token {token}")).unwrap_or_default();
        format!("console{token}")
    }

    /// Takes a token as routes of JSON take it; the cookie of a new session. Wrong ones are answered slowly.
    pub async fn log_in(&self, access: &Access, given: &str) -> Result<Option<HeaderValue>, Problem> {
        let (now, id) = (Clock::System.now().get(), rand::random());
        let made = access.with_tokens(|tokens| {
            let token = spelt(tokens, given.as_bytes())?;
            token.allows(Scope::Read)?;
            if let Some(server) = token.server() {
                let detail = format!(
                    "token {:?} is for WHMCS server {server} only, and the console shows all servers; use a token \
                     without `server`",
                    token.name
                );
                return Err(Refused(Refusal::Server, Problem::forbidden(detail)));
            }
            Ok(session::seal(token, id, now))
        });
        match made {
            Ok(cookie) => Ok(cookies::write(cookies::SESSION, &cookie, session::LASTS, self.secure)),
            Err(Refused(Refusal::WrongToken, problem)) => {
                Err(access.guessed(self.peer, LOGIN, problem).await)
            }
            Err(Refused(why, problem)) => {
                access.refused(why);
                Err(problem)
            }
        }
    }

    /// What ends the session in this browser.
    pub fn log_out(&self) -> Option<HeaderValue> {
        cookies::write(cookies::SESSION, "", 0, self.secure)
    }
}

/// What stands in front of a page; without a scope anybody may see it.
#[derive(Clone)]
pub(in crate::web) struct PageDoor {
    pub access: Access,
    pub scope: Option<Scope>,
}

/// What a request has by its cookie.
enum Entry {
    Visit(Visit),
    /// It has to log in first.
    Login,
    /// It has a cookie that no token of now has sealed.
    Guess,
    No(Refused),
}

/// The layer in front of a page.
pub(in crate::web) async fn guard_page(
    State(door): State<PageDoor>,
    mut request: Request,
    next: Next,
) -> Response {
    let (peer, secure) = (peer_of(&request), came_by_tls(&request));
    let mut given = true;
    let entry = door.entry(&request, peer, secure, &mut given);
    let mut response = match entry {
        Entry::Visit(visit) => {
            let word = (!given)
                .then(|| cookies::write(cookies::FORM, &visit.word, session::LASTS, secure))
                .flatten();
            request.extensions_mut().insert(visit.asker.clone());
            request.extensions_mut().insert(visit);
            let mut response = next.run(request).await;
            response.headers_mut().extend(word.map(|word| (header::SET_COOKIE, word)));
            response
        }
        Entry::No(Refused(why, problem)) => {
            door.access.refused(why);
            problem.into_response()
        }
        Entry::Login => to_login(&request, secure),
        Entry::Guess => {
            // Sealing a session with a guessed token would find out whether the guess is right: as slow as any other.
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "no such session");
            let answer = to_login(&request, secure);
            let path = request.uri().path().to_string();
            drop(request);
            match door.access.guessed(peer, &path, problem).await {
                problem if problem.status == StatusCode::UNAUTHORIZED => answer,
                problem => problem.into_response(),
            }
        }
    };
    promise(&mut response);
    response
}

/// Gives a page the headers that every page has.
pub fn promise(response: &mut Response) {
    response.headers_mut().extend(PROMISES.map(|(name, value)| (name, HeaderValue::from_static(value))));
}

/// Whether whoever asks wants to read the answer: a browser says so, a program does not.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accepted.contains("text/html")
}

/// What every page tells the browser: nothing is loaded from elsewhere, no script runs, nothing is kept, and no other
/// page has it in a frame. Without any referrer a browser would send `Origin: null` with our own forms.
const PROMISES: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; \
         base-uri 'none'",
    ),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
];

impl PageDoor {
    /// `given`: whether the browser has shown what its forms repeat, or has a session that it is made of.
    fn entry(&self, request: &Request, peer: Option<SocketAddr>, secure: bool, given: &mut bool) -> Entry {
        let headers = request.headers();
        let mut visit = Visit {
            asker: Asker::default(),
            may_act: self.access.is_open(),
            has_session: false,
            needs_login: !self.access.is_open(),
            word: "".into(),
            secure,
            peer,
        };
        let cookie = cookies::read(headers, cookies::SESSION).filter(|cookie| !cookie.is_empty());
        if let Some(cookie) = cookie.filter(|_| visit.needs_login) {
            let now = Clock::System.now().get();
            let opened = self.access.with_tokens(|tokens| match session::open(cookie, tokens, now) {
                // Whoever logs in is not kept from it by an old cookie.
                session::Opened::Foreign if self.scope.is_none() => Ok(None),
                session::Opened::Foreign => Err(Entry::Guess),
                session::Opened::Over => Ok(None),
                // A token may have been tied to a server since, or may read no more: then another has to log in.
                session::Opened::Good(token, _)
                    if token.server().is_some() || !token.scopes.contains(&Scope::Read) =>
                {
                    Ok(None)
                }
                session::Opened::Good(token, session) => {
                    self.scope.map_or(Ok(()), |scope| token.allows(scope)).map_err(Entry::No)?;
                    Ok(Some((session, token.scopes.contains(&Scope::Admin))))
                }
            });
            match opened {
                Err(entry) => return entry,
                Ok(Some((session, may_act))) => {
                    visit.asker.token = Some(session.token);
                    (visit.word, visit.may_act, visit.has_session) = (session.form.into(), may_act, true);
                    return Entry::Visit(visit);
                }
                Ok(None) => {}
            }
        }
        if visit.needs_login && self.scope.is_some() {
            return Entry::Login;
        }
        let known = cookies::read(headers, cookies::FORM).filter(|word| word.len() == 43);
        *given = known.is_some();
        let new = || URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        visit.word = known.map(str::to_string).unwrap_or_else(new).into();
        Entry::Visit(visit)
    }
}

/// Whether the browser speaks TLS, to us or to a proxy that says so. Who lies about it only keeps its own cookie from
/// coming back.
fn came_by_tls(request: &Request) -> bool {
    let proxied =
        request.headers().get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes() == b"https");
    proxied || request.extensions().get::<OverTls>().is_some()
}

/// To the form for a token, and from there back to what was asked for, where that can be asked for again.
fn to_login(request: &Request, secure: bool) -> Response {
    let asked = request.uri().path_and_query().map(|asked| asked.as_str());
    let asked = asked.filter(|_| request.method() == Method::GET).and_then(path::own_path);
    let back = asked.filter(|asked| *asked != "/" && !asked.starts_with(LOGIN));
    let to = back.map_or(LOGIN.to_string(), |asked| format!("{LOGIN}?next={}", path::encoded(asked)));
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
    // A link on another site brings no cookie along, and must not end the session that the browser keeps from it.
    let came = cookies::read(request.headers(), cookies::SESSION).is_some();
    let ended = came.then(|| cookies::write(cookies::SESSION, "", 0, secure)).flatten();
    response.headers_mut().extend(ended.map(|ended| (header::SET_COOKIE, ended)));
    response
}
