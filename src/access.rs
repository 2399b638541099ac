//! Who may ask what: bearer tokens with scopes, checked before any room is asked.

use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::problem::Problem;
use crate::settings::{Secret, SettingsError};

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
    fn name(self) -> &'static str {
        match self {
            Scope::Metrics => "metrics",
            Scope::Billing => "billing",
            Scope::Read => "read",
            Scope::Admin => "admin",
        }
    }
}

/// One `[[http.token]]`.
#[derive(Clone, Debug, Deserialize)]
pub struct TokenSettings {
    name: String,
    scope: Vec<Scope>,
    server: Option<i64>,
    token: Secret,
}

/// A token that is accepted.
#[derive(Clone, Debug)]
pub struct Token {
    name: String,
    scopes: Vec<Scope>,
    server: Option<i64>,
    secret: Secret,
}

/// Shorter tokens can be guessed.
const SHORTEST_TOKEN: usize = 16;

impl Token {
    /// Checks what the config says of a token.
    pub fn new(settings: TokenSettings) -> Result<Token, SettingsError> {
        let TokenSettings { name, scope, server, token } = settings;
        if scope.is_empty() {
            return Err(SettingsError::new("scope", "empty; expected some of metrics, billing, read, admin"));
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
        Ok(Token { name, scopes: scope, server, secret: token })
    }
}

/// The tokens accepted now. Empty: everything is open, which the config allows on loopback only.
#[derive(Clone, Debug, Default)]
pub struct Access(Arc<RwLock<Vec<Token>>>);

impl Access {
    /// Takes in a new list of tokens.
    pub fn configure(&self, tokens: Vec<Token>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    fn check(&self, scope: Scope, request: &Request) -> Result<(), Problem> {
        let tokens = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if tokens.is_empty() {
            return Ok(());
        }
        let given = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = given.and_then(|value| {
            let (kind, token) = value.split_at_checked(7)?;
            kind.eq_ignore_ascii_case(b"bearer ").then_some(token)
        });
        let refused = |detail: String| Problem::new(StatusCode::UNAUTHORIZED, detail);
        let given =
            given.ok_or_else(|| refused("this needs a header `Authorization: Bearer TOKEN`".into()))?;
        // Every token is compared, in constant time, so that none tells how close a guess was.
        let found = tokens.iter().fold(None, |found, token| {
            let same = bool::from(token.secret.expose().as_bytes().ct_eq(given.trim_ascii()));
            if same { Some(token) } else { found }
        });
        let token = found.ok_or_else(|| refused("no such token".into()))?;
        if !token.scopes.contains(&scope) {
            let detail = format!("token {:?} has no scope {:?}", token.name, scope.name());
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        match token.server {
            Some(own) if !asks_only_for(own, request) => {
                let detail = format!("token {:?} is for WHMCS server {own} only", token.name);
                Err(Problem::new(StatusCode::FORBIDDEN, detail))
            }
            _ => Ok(()),
        }
    }
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

/// The layer in front of a room's routes.
pub async fn guard(State((access, scope)): State<(Access, Scope)>, request: Request, next: Next) -> Response {
    match access.check(scope, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            let unauthorized = problem.status == StatusCode::UNAUTHORIZED;
            let mut response = problem.into_response();
            if unauthorized {
                let challenge = HeaderValue::from_static("Bearer");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            response
        }
    }
}
