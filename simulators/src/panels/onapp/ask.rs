//! What is asked: who asks, the path without its ending, parameters from query and body, and the period.

use super::switches::Switches;
use super::world::{API_USER, HOUR, Server};
use crate::clock::at;
use crate::form::Form;
use crate::zone::Zone;
use axum::http::{Method, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use serde_json::Value;

/// The zone behind a name of Rails; those that are not known are UTC.
pub fn zone(name: &str) -> Zone {
    Zone::named(match name {
        "Warsaw" => "Europe/Warsaw",
        "London" => "Europe/London",
        "Tokyo" => "Asia/Tokyo",
        "Bogota" => "America/Bogota",
        _ => "UTC",
    })
}

/// A request of somebody who is known.
pub struct Ask {
    /// Who asks.
    pub caller: u32,
    /// How.
    pub method: Method,
    /// The parts of the path, without `.json`.
    pub path: Vec<String>,
    /// The query.
    pub query: Form,
    /// The body, where it is JSON.
    pub body: Value,
}

impl Ask {
    /// Reads a request; `None` where nobody known asks.
    pub fn read(server: &Server, switches: &Switches, request: &Request<Bytes>) -> Option<Self> {
        let caller = caller(server, switches, request)?;
        let path = request.uri().path().trim_matches('/');
        let path = path.strip_suffix(".json").unwrap_or(path);
        let has_body = switches.get_bodies || request.method() != Method::GET;
        let body = if has_body { serde_json::from_slice(request.body()).ok() } else { None };
        Some(Self {
            caller,
            method: request.method().clone(),
            path: path.split('/').map(|part| crate::form::decoded(part, false)).collect(),
            query: Form::read(request.uri().query().unwrap_or_default()),
            body: body.unwrap_or_default(),
        })
    }

    /// Whose things the caller may see: `None` is everybody's.
    pub fn whose(&self, switches: &Switches) -> Option<u32> {
        (self.caller != API_USER || switches.own_alone).then_some(self.caller)
    }

    /// A field below a root, from the body or the query: `{"user":{"bucket_id":9}}`, `user[bucket_id]=9`.
    pub fn field(&self, root: &str, name: &str) -> Option<Value> {
        let in_query = self.query.first(&format!("{root}[{name}]")).map(Value::from);
        self.body.get(root).and_then(|root| root.get(name)).cloned().or(in_query)
    }

    /// The same as a whole number; `null` and an empty text are 0.
    pub fn number(&self, root: &str, name: &str) -> Option<u32> {
        match self.field(root, name)? {
            Value::Null => Some(0),
            Value::String(text) if text.is_empty() => Some(0),
            Value::String(text) => text.parse().ok(),
            other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
        }
    }

    /// The period asked for, both ends inside; without one the last hours.
    pub fn period(&self, switches: &Switches, now: i64) -> (i64, i64) {
        let local = self.field("period", "use_local_time").is_some_and(|value| value == "1" || value == 1);
        let zone = if local { zone(&switches.time_zone) } else { zone("") };
        let bound = |name| {
            let told = self.field("period", name)?;
            read_time(told.as_str()?).map(|naive| instant(zone, naive))
        };
        let from = bound("startdate").unwrap_or(now - switches.default_hours * HOUR);
        (from, bound("enddate").unwrap_or(now))
    }

    /// Whether a period is asked for.
    pub fn has_period(&self) -> bool {
        self.field("period", "startdate").is_some()
    }
}

/// `YYYY-MM-DD hh:mm:ss`, with a `+` where somebody encoded the blank twice; seconds and time may be absent.
fn read_time(text: &str) -> Option<NaiveDateTime> {
    let text = text.replacen('+', " ", 1);
    let formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    let whole = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok());
    whole.or_else(|| text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN)))
}

/// The instant at which clocks of a zone show this.
fn instant(zone: Zone, naive: NaiveDateTime) -> i64 {
    let as_utc = naive.and_utc().timestamp();
    let ahead = |guess: i64| zone.local(at(guess)).and_utc().timestamp() - guess;
    as_utc - ahead(as_utc - ahead(as_utc))
}

fn caller(server: &Server, switches: &Switches, request: &Request<Bytes>) -> Option<u32> {
    let told = request.headers().get("authorization")?.to_str().ok()?.strip_prefix("Basic ")?;
    let told = String::from_utf8(STANDARD.decode(told).ok()?).ok()?;
    let (login, secret) = told.split_once(':')?;
    let cloud = server.cloud();
    // Whoever is suspended is not let in either.
    let mut users = cloud.users.iter().filter(|(_, user)| user.deleted.is_none() && !user.suspended);
    let found = users.find(|(_, user)| {
        let by_password = switches.password_for_api
            && (user.login == login || user.email == login)
            && password_of(&user.login) == secret;
        by_password || user.email == login && user.api_key == secret
    });
    found.map(|(id, _)| *id)
}

/// The password of a user.
pub fn password_of(login: &str) -> String {
    format!("{login}-password")
}
