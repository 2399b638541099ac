//! Who asks, and whether they may: addresses, keys, logins, locks.

use super::people::{Person, Rank};
use super::refusal::Refusal;
use super::world::Server;
use axum::http::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Every caller is on this machine.
pub const CALLER: &str = "127.0.0.1";

/// The first protocol with secret keys.
const FIRST_WITH_KEYS: &str = "1.6.6.0";

/// Who sends a packet.
pub fn sender(server: &Server, headers: &HeaderMap) -> Result<Person, Refusal> {
    let switches = server.switches();
    if let Some(code) = switches.refuses {
        return Err(Refusal::new(code));
    }
    if switches.allowed_address.is_some_and(|allowed| allowed != CALLER) {
        return Err(Refusal::said(1006, format!("Access to API is disabled for {CALLER}")));
    }
    let header = |name: &str| {
        let is_dropped = switches.drops_underscores && name.contains('_');
        headers.get(name).filter(|_| !is_dropped).and_then(|value| value.to_str().ok())
    };
    if let Some(key) = header("KEY") {
        if !server.switches().speaks(FIRST_WITH_KEYS) {
            return Err(Refusal::new(1029));
        }
        return by_key(server, key).ok_or(Refusal::new(11003));
    }
    let told = |name| header(name).unwrap_or_default();
    by_password(server, told("HTTP_AUTH_LOGIN"), told("HTTP_AUTH_PASSWD"))
}

/// Who asks the REST API, which is the administrator's alone; else the status of the refusal.
pub fn rest_caller(server: &Server, headers: &HeaderMap) -> Result<Person, u16> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let caller = match (header("X-API-Key"), header("Authorization")) {
        (Some(key), _) => by_key(server, key),
        (None, Some(basic)) => {
            login_of(basic).and_then(|(login, password)| by_password(server, &login, &password).ok())
        }
        (None, None) => None,
    };
    match caller.ok_or(401_u16)? {
        admin if admin.rank == Rank::Admin => Ok(admin),
        _ => Err(403),
    }
}

fn login_of(basic: &str) -> Option<(String, String)> {
    let plain = BASE64_STANDARD.decode(basic.strip_prefix("Basic ")?).ok()?;
    let (login, password) = std::str::from_utf8(&plain).ok()?.split_once(':')?;
    Some((login.to_owned(), password.to_owned()))
}

fn by_key(server: &Server, key: &str) -> Option<Person> {
    if server.switches().key_address.is_some_and(|bound| bound != CALLER) {
        return None;
    }
    server.people().values().find(|person| person.key() == key).cloned()
}

fn by_password(server: &Server, login: &str, password: &str) -> Result<Person, Refusal> {
    let (now, switches) = (server.knobs.clock.now_seconds(), server.switches());
    let mut watch = server.watch();
    let (wrong, locked_until) = watch.wrong.entry(login.to_owned()).or_default();
    if now < *locked_until {
        return Err(Refusal::new(1012));
    }
    let person = server.people().values().find(|person| person.login == login).cloned();
    match person.filter(|person| person.password() == password) {
        Some(person) => {
            *wrong = 0;
            Ok(person)
        }
        None => {
            *wrong += 1;
            if switches.lock_after.is_some_and(|most| *wrong >= most) {
                (*wrong, *locked_until) = (0, now + switches.locked_seconds);
            }
            Err(Refusal::new(1001))
        }
    }
}
