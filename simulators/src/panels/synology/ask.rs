//! A call as it came: which API, which method, and parameters that are JSON literals or bare texts.

use super::reply::Refusal;
use super::switches::Switches;
use crate::form::Form;
use axum::http::{HeaderMap, Request, header};
use bytes::Bytes;
use serde_json::{Map, Value};

/// Names that are never read as JSON.
const RAW: [&str; 5] = ["api", "version", "method", "_sid", "SynoToken"];

/// One call.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The API.
    pub api: String,
    /// Its version; `None` where it is missing or no number.
    pub version: Option<u32>,
    /// The method.
    pub method: String,
    /// The parameters of the call.
    pub parameters: Parameters,
    /// The session it came with.
    pub sid: Option<String>,
    /// The token it came with.
    pub token: Option<String>,
}

impl Ask {
    /// Reads a query, and the form of a POST behind it.
    pub fn read(switches: &Switches, request: &Request<Bytes>) -> Self {
        let query = Form::read(request.uri().query().unwrap_or_default());
        let body = Form::read(request.body());
        let raw = |name: &str| [&query, &body].into_iter().find_map(|form| form.first(name)).unwrap_or("");
        let mut texts = Map::new();
        for (name, value) in body.pairs().iter().chain(query.pairs()) {
            if !RAW.contains(&name.as_str()) {
                texts.insert(name.clone(), value.as_str().into());
            }
        }
        let told = |name: &str, in_body: bool| {
            let in_body = in_body.then(|| body.first(name)).flatten();
            query.first(name).or(in_body).filter(|told| !told.is_empty()).map(str::to_owned)
        };
        let header = header_text(request.headers(), "x-syno-token");
        let token = match switches.token_from {
            super::TokenFrom::Header => header,
            super::TokenFrom::Query => told("SynoToken", false),
            super::TokenFrom::Either => header.or_else(|| told("SynoToken", true)),
        };
        Self {
            api: raw("api").to_owned(),
            version: raw("version").parse().ok(),
            method: raw("method").to_owned(),
            parameters: Parameters { values: texts, are_texts: true },
            sid: told("_sid", switches.sid_in_body || !switches.is_seven())
                .or_else(|| cookie(request.headers(), "id")),
            token,
        }
    }

    /// A call in a batch: its values are JSON as they stand.
    pub fn inner(outer: &Self, told: &Value) -> Self {
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let values = told.as_object().cloned().unwrap_or_default();
        Self {
            api: text("api"),
            version: told["version"].as_u64().and_then(|version| u32::try_from(version).ok()),
            method: text("method"),
            parameters: Parameters { values, are_texts: false },
            sid: outer.sid.clone(),
            token: outer.token.clone(),
        }
    }

    /// `SYNO.Core.User.list`.
    pub fn call(&self) -> String {
        format!("{}.{}", self.api, self.method)
    }
}

/// What a call is told.
#[derive(Clone, Debug)]
pub struct Parameters {
    values: Map<String, Value>,
    are_texts: bool,
}

impl Parameters {
    /// A parameter as JSON; a text that is none stands for itself.
    pub fn json(&self, name: &str) -> Option<Value> {
        let value = self.values.get(name)?;
        match value.as_str().filter(|_| self.are_texts) {
            Some(text) => Some(serde_json::from_str(text).unwrap_or_else(|_| text.into())),
            None => Some(value.clone()),
        }
    }

    /// A parameter as it was sent, whatever it reads as.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    /// A text; a number is none, however much it looks like a name.
    pub fn text(&self, name: &str) -> Option<String> {
        self.json(name)?.as_str().map(str::to_owned)
    }

    /// A user's name; one that reads as a number has to be quoted, unless the NAS is lenient.
    pub fn user(&self, switches: &Switches, name: &str) -> Option<String> {
        let told = self.json(name)?;
        let lenient = told.as_number().filter(|_| switches.bare_numbers_are_names).map(ToString::to_string);
        told.as_str().map(str::to_owned).or(lenient)
    }

    /// A whole number, negative ones too; a default where it is missing.
    pub fn number(&self, name: &str, default: i64) -> Result<i64, Refusal> {
        match self.json(name) {
            None => Ok(default),
            Some(told) => told.as_i64().ok_or_else(|| Refusal::of_parameter(name, "type")),
        }
    }

    /// `true` or `false` and no other spelling, or the API's code for it.
    pub fn flag(&self, name: &str, refused: u32) -> Result<bool, Refusal> {
        match self.json(name) {
            None => Ok(false),
            Some(told) => told.as_bool().ok_or(Refusal::code(refused)),
        }
    }

    /// Names in an array; a single bare one will do.
    pub fn names(&self, switches: &Switches, name: &str) -> Vec<String> {
        match self.json(name) {
            Some(Value::Array(names)) => {
                names.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
            }
            Some(_) => self.user(switches, name).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let told = header_text(headers, header::COOKIE.as_str())?;
    let pairs = told.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(of, _)| *of == name).map(|(_, value)| value.to_owned()).next()
}
