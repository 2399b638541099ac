//! Who may ask what: bearer tokens with scopes, some of them for one WHMCS server alone, checked before any room is
//! asked.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{ConnectInfo, FromRequestParts, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::Problem;
use super::guesses::Guesses;
use crate::settings::{Secret, SettingsError};
use crate::telemetry::{Refusal, Telemetry};

/// What a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// `/metrics` and below.
    Metrics,
    /// `/v1/whmcs`.
    Billing,
    /// The console and the JSON it is made of.
    Read,
    /// What changes something.
    Admin,
}

impl Scope {
    /// As the config and the API name it.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Metrics => "metrics",
            Scope::Billing => "billing",
            Scope::Read => "read",
            Scope::Admin => "admin",
        }
    }

    /// Whether each answer can be about one WHMCS server alone: what is summed over all of them cannot.
    fn can_be_tied(self) -> bool {
        matches!(self, Scope::Billing | Scope::Admin)
    }
}

/// One `[[http.token]]`.
#[derive(Clone, Debug, Deserialize)]
pub struct TokenSettings {
    /// 1 to 64 bytes: the audit shows it.
    name: String,
    /// Some of `metrics`, `billing`, `read`, `admin`.
    scope: Vec<Scope>,
    /// The one WHMCS server (`tblservers.id`) that it sees and touches; for `billing` and `admin`. All without it.
    server: Option<i64>,
    /// The token itself: 16 characters or more.
    token: Secret,
}

/// A token that is accepted.
#[derive(Clone, Debug)]
pub struct Token {
    pub(super) name: Arc<str>,
    pub(super) scopes: Vec<Scope>,
    server: Option<i64>,
    pub(super) secret: Secret,
}

/// Shorter tokens can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// A name stands in the audit beside what its token has done.
const LONGEST_NAME: usize = 64;

impl Token {
    /// Checks what the config says of a token.
    pub fn new(settings: TokenSettings) -> Result<Token, SettingsError> {
        let TokenSettings { name, scope, server, token } = settings;
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            let problem = format!("expected a name of 1 to {LONGEST_NAME} bytes: the audit shows it");
            return Err(SettingsError::new("name", problem));
        }
        if scope.is_empty() {
            return Err(SettingsError::new("scope", "empty; expected some of metrics, billing, read, admin"));
        }
        if let Some(whole) = scope.iter().find(|scope| server.is_some() && !scope.can_be_tied()) {
            let problem = format!(
                "scope {:?} is of all servers and cannot be tied to one; give it to a token of its own without `server`, \
                 or leave `server` out",
                whole.name()
            );
            return Err(SettingsError::new("server", problem));
        }
        let length = token.expose().len();
        if length < SHORTEST_TOKEN {
            let problem = format!(
                "{length} characters can be guessed; use at least {SHORTEST_TOKEN}, from `openssl rand -hex 24`"
            );
            return Err(SettingsError::new("token", problem));
        }
        if !token.expose().chars().all(|c| c.is_ascii_graphic()) {
            return Err(SettingsError::new(
                "token",
                "has a space, a line break or a character outside ASCII",
            ));
        }
        Ok(Token { name: name.into(), scopes: scope, server, secret: token })
    }

    /// The one WHMCS server it is for.
    pub fn server(&self) -> Option<i64> {
        self.server
    }

    /// Whether it is for routes of this scope.
    pub(super) fn allows(&self, scope: Scope) -> Result<(), Refused> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let detail = format!("token {:?} has no scope {:?}", self.name, scope.name());
        Err(Refused(Refusal::Scope, Problem::forbidden(detail)))
    }
}

/// Who asks, as the door has found out: for answers that depend on it, and for the audit.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    /// The name of the token; `None` where everything is open.
    pub token: Option<Arc<str>>,
    /// The one WHMCS server that may be asked about.
    pub tied_to: Option<i64>,
    /// For whom the program that has the token says it acts: a name, and no proof of one.
    pub on_behalf_of: Option<Arc<str>>,
}

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Asker, Self::Rejection> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

impl Asker {
    /// Who is in the audit: by what way, by which token, and for whom as the caller says.
    pub fn signed(&self, way: &str) -> String {
        let token = self.token.as_ref().map(|token| format!(", token {token}")).unwrap_or_default();
        let person = self.on_behalf_of.as_ref().map(|name| format!(", for {name}")).unwrap_or_default();
        format!("{way}{token}{person}")
    }

    /// Refuses callers tied to a server, for something that is of all of them.
    pub fn must_be_untied(&self, what: &str) -> Result<(), Problem> {
        let Some(own) = self.tied_to else { return Ok(()) };
        Err(Problem::forbidden(format!(
            "this token is for WHMCS server {own} only, and {what}; ask with a token without `server`"
        )))
    }

    /// Refuses callers tied to another server than the one that something is of.
    pub fn must_be_let_to(&self, server: Option<i64>, what: &str) -> Result<(), Problem> {
        match self.tied_to == server {
            true => Ok(()),
            false => self.must_be_untied(what),
        }
    }
}

/// The tokens accepted now. Empty: everything is open, which the config allows on loopback only.
#[derive(Clone, Default)]
pub struct Access {
    tokens: Arc<RwLock<Vec<Token>>>,
    guesses: Arc<Guesses>,
    telemetry: Telemetry,
}

/// Why a request is not let in, and what is reported.
pub(super) struct Refused(pub Refusal, pub Problem);

impl Access {
    /// No tokens yet; what is refused is counted there.
    pub fn new(telemetry: Telemetry) -> Access {
        Access { telemetry, ..Access::default() }
    }

    /// Takes in a new list of tokens.
    pub fn configure(&self, tokens: Vec<Token>) {
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    /// Whether there is no token at all.
    pub fn is_open(&self) -> bool {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Counts a request that is not let in.
    pub(super) fn refused(&self, why: Refusal) {
        self.telemetry.request_refused(why);
    }

    fn check(&self, scope: Scope, request: &Request) -> Result<Asker, Refused> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        if tokens.is_empty() {
            return Ok(Asker::default());
        }
        let given = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = given.and_then(|value| {
            let (kind, token) = value.split_at_checked(7)?;
            kind.eq_ignore_ascii_case(b"bearer ").then_some(token)
        });
        let no_token = "this needs a header `Authorization: Bearer TOKEN`";
        let given = given.ok_or_else(|| unauthorized(Refusal::NoToken, no_token))?;
        let token = spelt(&tokens, given)?;
        token.allows(scope)?;
        match token.server {
            Some(own) if !asks_only_for(own, request) => {
                let detail = format!("token {:?} is for WHMCS server {own} only", token.name);
                Err(Refused(Refusal::Server, Problem::forbidden(detail)))
            }
            tied_to => Ok(Asker { token: Some(Arc::clone(&token.name)), tied_to, on_behalf_of: None }),
        }
    }

    /// Looks at the tokens that are accepted now.
    pub(super) fn with_tokens<T>(&self, look: impl FnOnce(&[Token]) -> T) -> T {
        look(&self.tokens.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts and logs a wrong token, and says what its caller is answered, when it is time for it.
    pub(super) async fn guessed(&self, peer: Option<SocketAddr>, path: &str, problem: Problem) -> Problem {
        self.refused(Refusal::WrongToken);
        self.guesses.log(peer, path);
        self.answer_guess(problem).await
    }

    /// What a caller with a wrong token is answered, and when: guesses are answered slowly.
    async fn answer_guess(&self, problem: Problem) -> Problem {
        match self.guesses.turn() {
            Some(wait) => {
                tokio::time::sleep(wait).await;
                problem
            }
            None => Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens").after(60),
        }
    }
}

fn unauthorized(why: Refusal, detail: &str) -> Refused {
    Refused(why, Problem::new(StatusCode::UNAUTHORIZED, detail))
}

/// The token that is spelt so. Every token is compared, in constant time, so that none shows how close a guess was.
pub(super) fn spelt<'t>(tokens: &'t [Token], given: &[u8]) -> Result<&'t Token, Refused> {
    let found = tokens.iter().fold(None, |found, token| {
        let same = bool::from(token.secret.expose().as_bytes().ct_eq(given.trim_ascii()));
        if same { Some(token) } else { found }
    });
    found.ok_or_else(|| unauthorized(Refusal::WrongToken, "no such token"))
}

/// Whether no other server is asked for. The query is decoded as the routes decode it: `%73erver=%31`
/// asks for a server too.
fn asks_only_for(own: i64, request: &Request) -> bool {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(request.uri());
    pairs.is_ok_and(|Query(pairs)| {
        let mut servers = pairs.iter().filter(|(name, _)| name == "server");
        servers.all(|(_, server)| server.parse() == Ok(own))
    })
}

/// The header by which a program says for whom it acts.
const ON_BEHALF_OF: &str = "x-whmeter-on-behalf-of";

/// The name in it, as far as it is one.
fn named_person(headers: &HeaderMap) -> Option<Arc<str>> {
    let name = headers.get(ON_BEHALF_OF)?.to_str().ok()?.trim();
    // It stands in the audit between commas, which it must not have itself.
    let is_plain = |c: char| c != ',' && !c.is_control();
    let is_name = !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_plain);
    is_name.then(|| name.into())
}

/// Who is at the other end of the connection.
pub(super) fn peer_of(request: &Request) -> Option<SocketAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer)
}

/// What stands in front of a route.
#[derive(Clone)]
pub(super) struct Door {
    pub access: Access,
    pub scope: Scope,
}

/// The layer in front of a route.
pub(super) async fn guard(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let Refused(why, problem) = match door.access.check(door.scope, &request) {
        Ok(asker) => {
            let on_behalf_of = named_person(request.headers());
            request.extensions_mut().insert(Asker { on_behalf_of, ..asker });
            return next.run(request).await;
        }
        Err(refused) => refused,
    };
    let problem = match why {
        Refusal::WrongToken => {
            let (peer, path) = (peer_of(&request), request.uri().path().to_string());
            drop(request);
            door.access.guessed(peer, &path, problem).await
        }
        _ => {
            door.access.refused(why);
            problem
        }
    };
    let unauthorized = problem.status == StatusCode::UNAUTHORIZED;
    let mut response = problem.into_response();
    if unauthorized {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_s_name_is_no_way_to_write_another_line_of_the_audit() {
        let named = |text: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(ON_BEHALF_OF, HeaderValue::from_bytes(text).expect("a header"));
            named_person(&headers).map(|name| name.to_string())
        };
        assert_eq!(named(b" ann "), Some("ann".into()));
        assert_eq!(named("Łucja O'Hara".as_bytes()), None, "headers are ASCII");
        for text in [&b"ann, for root"[..], b",", b"", b"   ", b"a\tb", &[b'x'; 65]] {
            assert_eq!(named(text), None, "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(named_person(&HeaderMap::new()), None);
    }
}
