//! One call before it is made: method, address, headers, body, and whether it may be repeated.

use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};

use super::HttpError;
use crate::settings::Secret;

/// One call, made anew for every attempt.
#[derive(Clone)]
pub struct Call {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    may_repeat: bool,
    patience: Duration,
    broken: Option<String>,
}

impl Call {
    /// A call by `method`; GET and HEAD may be repeated, others only after [`Call::repeatable`].
    pub fn new(method: Method, url: Url) -> Call {
        let may_repeat = matches!(method, Method::GET | Method::HEAD);
        Call {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            may_repeat,
            patience: Duration::ZERO,
            broken: None,
        }
    }

    /// A GET.
    pub fn get(url: Url) -> Call {
        Call::new(Method::GET, url)
    }

    /// A POST; not repeated.
    pub fn post(url: Url) -> Call {
        Call::new(Method::POST, url)
    }

    /// Says that doing it twice is the same as doing it once.
    pub fn repeatable(mut self) -> Call {
        self.may_repeat = true;
        self
    }

    /// Grants this call at least `time` even where `timeout` is shorter.
    pub fn at_least(mut self, time: Duration) -> Call {
        self.patience = time;
        self
    }

    /// Adds a header. A value with a line break or another control character breaks the call.
    pub fn header(self, name: &str, value: &str) -> Call {
        self.put_header(name, value, false)
    }

    /// Adds a header whose value is a secret.
    pub fn secret_header(self, name: &str, value: &str) -> Call {
        self.put_header(name, value, true)
    }

    /// Authorizes by a bearer token.
    pub fn bearer(self, token: &Secret) -> Call {
        self.secret_header(AUTHORIZATION.as_str(), &format!("Bearer {}", token.expose()))
    }

    /// Authorizes by user name and password.
    pub fn basic(self, user: &str, password: &Secret) -> Call {
        let pair = format!("{user}:{}", password.expose());
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        self.secret_header(AUTHORIZATION.as_str(), &format!("Basic {encoded}"))
    }

    /// Gives the call a body.
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Call {
        self.body = body.into();
        self.header(CONTENT_TYPE.as_str(), content_type)
    }

    /// Gives the call a JSON body.
    pub fn json(mut self, body: &impl serde::Serialize) -> Call {
        match serde_json::to_vec(body) {
            Ok(json) => self.body("application/json", json),
            Err(error) => {
                self.broken = Some(format!("its body is not JSON: {error}"));
                self
            }
        }
    }

    /// Gives the call the body of an HTML form.
    pub fn form(self, pairs: &[(&str, &str)]) -> Call {
        let form = reqwest::Url::parse_with_params("form:", pairs).ok();
        let body = form.and_then(|url| url.query().map(str::to_owned)).unwrap_or_default();
        self.body("application/x-www-form-urlencoded", body)
    }

    /// The host and port it goes to: all of the address that may be shown.
    pub fn host(&self) -> String {
        host_of(&self.url)
    }

    /// Its method, for a signature.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Its address, for a signature.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The bytes of its body, for a signature.
    pub fn payload(&self) -> &[u8] {
        &self.body
    }

    /// A header as it will be sent.
    #[cfg(test)]
    pub fn header_for_test(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn may_repeat(&self) -> bool {
        self.may_repeat
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) fn into_request(self) -> Result<Request, HttpError> {
        if let Some(detail) = self.broken {
            return Err(HttpError::Malformed { host: host_of(&self.url), detail });
        }
        let mut request = Request::new(self.method, self.url);
        *request.headers_mut() = self.headers;
        // An empty body is sent with its length too: some servers insist on it for PUT and POST.
        if !self.body.is_empty() || !matches!(*request.method(), Method::GET | Method::HEAD) {
            *request.body_mut() = Some(self.body.into());
        }
        Ok(request)
    }

    fn put_header(mut self, name: &str, value: &str, secret: bool) -> Call {
        match (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(secret);
                self.headers.insert(name, value);
            }
            // The value is not shown: it may be the secret itself.
            _ => {
                let problem = format!("header {name:?} holds a character no header may hold");
                self.broken.get_or_insert(problem);
            }
        }
        self
    }
}

/// Host and port of an address, without anything that could be a secret.
pub(super) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("nowhere");
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    }
}
