//! Who may ask: tokens, passwords, and cPHulk, which locks out whoever fails too often.

use super::population::RESELLERS;
use super::switches::Switches;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Somebody who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// `root`, or a reseller.
    pub user: String,
    /// Whether it is root.
    pub is_root: bool,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// 403, whatever is wrong.
    Denied,
    /// The firewall drops what it sends.
    Silent,
}

/// The secrets, and the failures so far.
pub struct Guard {
    /// The API token of root.
    pub token: String,
    /// The legacy access hash of root, without its line ends.
    pub access_hash: String,
    /// The password of root.
    pub password: String,
    failures: Mutex<Failures>,
}

#[derive(Default)]
struct Failures {
    at: Vec<i64>,
    locked_until: Option<i64>,
}

impl Guard {
    /// Nobody has failed yet.
    pub fn new(token: String, access_hash: String, password: String) -> Self {
        Self { token, access_hash, password, failures: Mutex::default() }
    }

    /// Says who asks, or why nobody is let in; a failure is counted.
    pub fn admit<B>(&self, now: i64, switches: &Switches, request: &Request<B>) -> Result<Caller, Refused> {
        let mut failures = self.failures();
        if failures.locked_until.is_some_and(|until| now < until) {
            return Err(if switches.lockout_silent { Refused::Silent } else { Refused::Denied });
        }
        let is_over = switches.token_expires.is_some_and(|end| now >= end);
        if let Some(caller) = self.known(request, is_over) {
            return Ok(caller);
        }
        let seconds = switches.lockout_minutes * 60;
        failures.at.retain(|at| now - at < seconds);
        failures.at.push(now);
        if switches.lockout_failures > 0 && failures.at.len() >= switches.lockout_failures {
            failures.locked_until = Some(now + seconds);
            failures.at.clear();
        }
        Err(Refused::Denied)
    }

    /// Forgets all failures.
    pub fn unlock(&self) {
        *self.failures() = Failures::default();
    }

    /// Until when nobody is let in.
    pub fn locked_until(&self) -> Option<i64> {
        self.failures().locked_until
    }

    fn known<B>(&self, request: &Request<B>, tokens_are_over: bool) -> Option<Caller> {
        let told = request.headers().get("authorization")?.to_str().ok()?;
        let (scheme, rest) = told.split_once(' ')?;
        let (user, secret, is_token) = match scheme.to_ascii_lowercase().as_str() {
            "whm" => {
                let (user, secret) = rest.trim().split_once(':')?;
                (user.to_owned(), secret.to_owned(), true)
            }
            "basic" => {
                let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
                let (user, secret) = text.split_once(':')?;
                (user.to_owned(), secret.to_owned(), false)
            }
            _ => return None,
        };
        let is_root = user == "root";
        let is_right = match (is_root, is_token) {
            (true, true) => secret == self.access_hash || (secret == self.token && !tokens_are_over),
            (true, false) => secret == self.password,
            (false, _) => {
                let is_reseller = RESELLERS.contains(&user.as_str());
                is_reseller && is_token && secret == reseller_token(&user) && !tokens_are_over
            }
        };
        is_right.then_some(Caller { user, is_root })
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The API token of a reseller.
pub fn reseller_token(user: &str) -> String {
    format!("{:X<32}", user.to_ascii_uppercase())
}
