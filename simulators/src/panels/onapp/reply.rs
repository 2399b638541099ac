//! What answers look like: wrapped elements, both shapes of 404, pages in HTML, pages of lists.

use super::ask::{Ask, zone};
use super::switches::{Errors, Numbers, Paging, Refusal, Switches};
use crate::clock::at;
use crate::server::{answer, json_answer};
use axum::http::{HeaderName, HeaderValue, Response};
use bytes::Bytes;
use serde_json::{Value, json};

/// What a request comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A list, of which a page is sent.
    List(Vec<Value>),
    /// A tree.
    Tree(Value),
    /// Done, or to be done: 201 with the object.
    Created(Value),
    /// Done: 204 without a body.
    Done,
    /// There is none, in the words of users' calls (a list) or of machines' (one text).
    Missing { listed: bool },
    /// A right is missing.
    Forbidden,
    /// Refused: the field, and what is wrong with it.
    Invalid(&'static str, &'static str),
    /// The method does not fit the path.
    WrongVerb,
}

/// The sentence for what is not there.
const NOT_FOUND: &str = "Resource not found";

impl Said {
    /// The answer, before a fault changes its body.
    pub fn written(
        self,
        switches: &Switches,
        ask: &Ask,
    ) -> (u16, Option<String>, Vec<(&'static str, String)>) {
        let tree = |status, tree: Value| (status, Some(tree.to_string()), Vec::new());
        match self {
            Self::List(rows) => {
                let (rows, headers) = page(switches, ask, rows);
                (200, Some(Value::from(rows).to_string()), headers)
            }
            Self::Tree(body) => tree(200, body),
            Self::Created(body) => tree(201, body),
            Self::Done => (204, Some(String::new()), Vec::new()),
            Self::Missing { listed: true } => tree(404, json!({ "errors": [NOT_FOUND] })),
            Self::Missing { listed: false } => tree(404, json!({ "error": NOT_FOUND })),
            Self::Forbidden => tree(403, forbidden()),
            Self::Invalid(field, text) => tree(422, invalid(switches.errors, field, text)),
            Self::WrongVerb => (500, None, Vec::new()),
        }
    }
}

/// The body of 403.
pub fn forbidden() -> Value {
    json!({ "errors": ["You do not have permissions for this action"] })
}

fn invalid(shape: Errors, field: &str, text: &str) -> Value {
    let sentence = format!("{field} {text}");
    match shape {
        Errors::List => json!({ "errors": [sentence] }),
        Errors::Map => json!({ "errors": { field: [text] } }),
        Errors::Objects => json!({ "errors": [{ "attribute": field, "message": text }] }),
        Errors::Text => json!({ "error": sentence }),
    }
}

/// The page of a list that is asked for, and its headers.
fn page(switches: &Switches, ask: &Ask, rows: Vec<Value>) -> (Vec<Value>, Vec<(&'static str, String)>) {
    let knows_pages = switches.paging != Paging::ByVersion || switches.release() >= (5, 0);
    let by_path = |name: &str| {
        let place = ask.path.iter().position(|part| part == name)?;
        ask.path.get(place + 1).map(String::as_str)
    };
    let told = |name| ask.query.first(name).or(by_path(name));
    if switches.paging == Paging::Whole || !knows_pages || told("per_page").or(told("page")).is_none() {
        return (rows, Vec::new());
    }
    let total = rows.len();
    let limit = match told("per_page") {
        Some("all") if switches.per_page_all => total.max(1),
        limit => limit.and_then(|limit| limit.parse().ok()).unwrap_or(20).clamp(1, switches.largest_page),
    };
    let page = told("page").and_then(|page| page.parse().ok()).unwrap_or(1_usize).max(1);
    let part = rows.into_iter().skip((page - 1).saturating_mul(limit)).take(limit).collect();
    if switches.paging == Paging::Silent {
        return (part, Vec::new());
    }
    let headers = [("x-page", page), ("x-limit", limit), ("x-total", total)];
    (part, headers.map(|(name, number)| (name, number.to_string())).into())
}

/// An answer as it leaves the panel; without a body it is the page of an error.
pub fn sent(status: u16, body: Option<Vec<u8>>, headers: Vec<(&'static str, String)>) -> Response<Bytes> {
    let mut answer = match body {
        Some(body) if body.is_empty() => answer(status, "text/html", body),
        Some(body) => json_answer(status, body),
        None => error_page(status),
    };
    let all = headers.into_iter().chain([
        ("set-cookie", "_session_id=BAh7B0kiD3Nlc3Npb25faWQ; path=/; HttpOnly".to_owned()),
        ("x-runtime", "0.198481".to_owned()),
        ("x-powered-by", "Phusion Passenger 4.0.42".to_owned()),
        ("cache-control", "max-age=0, private, must-revalidate".to_owned()),
    ]);
    for (name, value) in all {
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    answer
}

/// The page of an error of the web server.
pub fn error_page(status: u16) -> Response<Bytes> {
    let title =
        if status == 503 { "503 Service Temporarily Unavailable" } else { "500 Internal Server Error" };
    let page = format!("<html><body><h1>{title}</h1></body></html>\n");
    answer(status, "text/html", page.into_bytes())
}

/// What somebody sees who is not logged in.
pub fn unauthorized(refusal: Refusal, status: Option<u16>) -> Response<Bytes> {
    let text = "You need to sign in or sign up before continuing.";
    let told = |body: Value| json_answer(status.unwrap_or(401), body.to_string().into_bytes());
    let page = "<!DOCTYPE html>\n<html><head><title>OnApp Control Panel</title></head><body>\
                <form action=\"/users/sign_in\" method=\"post\"></form></body></html>\n";
    match refusal {
        Refusal::Error => told(json!({ "error": text })),
        Refusal::Errors => told(json!({ "errors": [text] })),
        Refusal::LoginPage => answer(status.unwrap_or(200), "text/html; charset=utf-8", page.into()),
        Refusal::Redirect => {
            let mut answer = answer(status.unwrap_or(302), "text/html; charset=utf-8", page.into());
            answer.headers_mut().insert("location", HeaderValue::from_static("/users/sign_in"));
            answer
        }
    }
}

/// A time as objects have it.
pub fn time(switches: &Switches, seconds: i64) -> Value {
    written_time(seconds, &switches.time_zone, switches.release() < (4, 0)).into()
}

/// A time as statistics have it: in UTC unless they are asked for otherwise.
pub fn stat_time(switches: &Switches, ask: &Ask, seconds: i64) -> Value {
    let local = ask.field("period", "use_local_time").is_some_and(|value| value == "1" || value == 1);
    let follows = local || switches.statistics_in_zone;
    written_time(seconds, if follows { &switches.time_zone } else { "" }, true).into()
}

fn written_time(seconds: i64, name: &str, with_z: bool) -> String {
    let local = zone(name).local(at(seconds));
    let minutes = (local.and_utc().timestamp() - seconds) / 60;
    let offset = match minutes {
        0 if with_z => "Z".to_owned(),
        0 => "+00:00".to_owned(),
        _ => {
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
        }
    };
    format!("{}{offset}", local.format("%Y-%m-%dT%H:%M:%S"))
}

/// A number of a machine, as versions write it.
pub fn number(switches: &Switches, number: u64) -> Value {
    match switches.numbers {
        Numbers::ByVersion if switches.release() < (2, 1) => format!("{number}.0").into(),
        Numbers::ByVersion => number.into(),
        Numbers::Texts => format!("{number}.0").into(),
        Numbers::Floats => (number as f64).into(),
    }
}
