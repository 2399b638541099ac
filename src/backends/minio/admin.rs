//! Asks the server: signed admin and S3 calls, the version of the admin API, and what errors mean.
//!
//! Decides nothing about accounts, and never tries a refused credential twice.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;

use super::refusal::{ApiRefusal, CallFailure};
use super::sealed;
use super::sign::Key;
use super::wire::ErrorBody;
use crate::backends::BackendError;
use crate::backends::kit::{Addresses, Asks, many};
use crate::http::{Answer, Call, Http, HttpError, Method, Streamed, Url};

/// An address with a hundred thousand buckets takes its time over the usage of all of them.
const PATIENCE: Duration = Duration::from_secs(120);

/// Everybody, sealed.
pub(super) const USERS: ApiCall<'static> = ApiCall::get("list-users", "admin:ListUsers");
/// What every bucket holds.
pub(super) const USAGE: ApiCall<'static> = ApiCall::get("datausageinfo", "admin:DataUsageInfo");
/// Who asks: needs a signature that is right, and no right.
pub(super) const CALLER: ApiCall<'static> = ApiCall::get("accountinfo", "to sign requests");
/// Every policy document.
pub(super) const POLICIES: ApiCall<'static> = ApiCall::get("list-canned-policies", "admin:ListUserPolicies");

/// One admin call: what is asked, how, and which right it needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct ApiCall<'a> {
    pub method: &'a Method,
    pub name: &'static str,
    pub query: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
    pub right: &'static str,
}

impl<'a> ApiCall<'a> {
    pub const fn get(name: &'static str, right: &'static str) -> ApiCall<'a> {
        ApiCall { method: &Method::GET, name, query: &[], body: b"", right }
    }

    pub fn put(name: &'static str, right: &'static str) -> ApiCall<'a> {
        ApiCall { method: &Method::PUT, ..ApiCall::get(name, right) }
    }

    pub fn with(self, query: &'a [(&'a str, &'a str)]) -> ApiCall<'a> {
        ApiCall { query, ..self }
    }

    pub fn body(self, body: &'a [u8]) -> ApiCall<'a> {
        ApiCall { body, ..self }
    }
}

/// The server as we know it.
pub(super) struct Admin {
    http: Http,
    addresses: Addresses,
    key: Key,
    /// The version of the admin API that last worked, by call: releases differ call by call.
    versions: Mutex<BTreeMap<&'static str, u8>>,
}

impl Admin {
    pub fn new(http: Http, addresses: Vec<Url>, key: Key) -> Admin {
        Admin { http, addresses: Addresses::new(addresses), key, versions: Mutex::default() }
    }

    pub fn http(&self) -> &Http {
        &self.http
    }

    pub fn addresses(&self) -> &[Url] {
        self.addresses.all()
    }

    /// An admin call whose answer is plain JSON.
    pub async fn json<'a, T: DeserializeOwned>(&'a self, ask: ApiCall<'a>) -> Result<T, CallFailure> {
        Ok(self.call(ask).await?.json(ask.name)?)
    }

    /// An admin call whose answer is sealed JSON.
    pub async fn sealed<'a, T: DeserializeOwned>(&'a self, ask: ApiCall<'a>) -> Result<T, CallFailure> {
        let answer = self.call(ask).await?;
        let plain = sealed::open(&self.key.secret, answer.body().clone()).await.map_err(|error| {
            let detail = format!("{error}: got {} bytes, {}", answer.body().len(), answer.sketch_head());
            BackendError::Unexpected { at: ask.name.into(), detail }
        })?;
        serde_json::from_slice(&plain).map_err(|error| {
            let detail = format!("what was decrypted is not the JSON expected: {error}");
            BackendError::Unexpected { at: ask.name.into(), detail }.into()
        })
    }

    /// Seals a request's body.
    pub async fn seal(&self, plain: Vec<u8>) -> Result<Vec<u8>, BackendError> {
        let failed = |error: sealed::CannotOpen| BackendError::Unexpected {
            at: "sealing".into(),
            detail: error.to_string(),
        };
        sealed::seal(&self.key.secret, plain).await.map_err(failed)
    }

    /// An admin call, asked in the version the server wants.
    pub async fn call<'a>(&'a self, ask: ApiCall<'a>) -> Result<Answer, CallFailure> {
        let asks = if *ask.method == Method::GET { Asks::Read } else { Asks::Write };
        let mut version = self.version(ask.name);
        let mut tried_other = false;
        loop {
            let result = self.addresses.ask(asks, move |base| {
                async move {
                    let url = address(base, &format!("minio/admin/v{version}/{}", ask.name), ask.query);
                    self.http.send(|| self.signed(ask, &url)).await
                }
                .boxed()
            });
            match accept(ask.name, ask.right, result.await?) {
                Err(CallFailure::Refusal(refusal)) if !tried_other && refusal.wants_other(version) => {
                    version = other(version);
                    tried_other = true;
                }
                Ok(answer) => {
                    self.remember(ask.name, version);
                    return Ok(answer);
                }
                refused => return refused,
            }
        }
    }

    /// An admin call whose long answer is read while it arrives.
    pub async fn streamed<'a, T: Send + 'static>(
        &'a self,
        ask: ApiCall<'a>,
        read: fn(&mut dyn Read) -> Result<T, String>,
    ) -> Result<T, CallFailure> {
        let mut version = self.version(ask.name);
        let mut tried_other = false;
        loop {
            let result = self.addresses.ask(Asks::Read, move |base| {
                async move {
                    let url = address(base, &format!("minio/admin/v{version}/{}", ask.name), ask.query);
                    self.http.stream(|| Ok(self.signed(ask, &url)?.at_least(PATIENCE)), read).await
                }
                .boxed()
            });
            match result.await? {
                Streamed::Read(read) => {
                    self.remember(ask.name, version);
                    return read.map_err(|detail| {
                        let detail =
                            format!("not the JSON expected ({detail}); not a MinIO API, or cut off?");
                        BackendError::Unexpected { at: ask.name.into(), detail }.into()
                    });
                }
                Streamed::Answer(answer) => match accept(ask.name, ask.right, answer) {
                    Err(CallFailure::Refusal(refusal)) if !tried_other && refusal.wants_other(version) => {
                        version = other(version);
                        tried_other = true;
                    }
                    Err(refused) => return Err(refused),
                    Ok(answer) => {
                        let detail = format!("no body received: {}", answer.sketch());
                        return Err(BackendError::Unexpected { at: ask.name.into(), detail }.into());
                    }
                },
            }
        }
    }

    /// The S3 list of all buckets.
    pub async fn list_buckets(&self) -> Result<Answer, CallFailure> {
        let result = self.addresses.ask(Asks::Read, move |base| {
            async move {
                let url = address(base, "", &[]);
                self.http.send(|| self.key.sign(Call::get(url.clone()), self.http.clock().now())).await
            }
            .boxed()
        });
        accept("ListBuckets", "s3:ListAllMyBuckets", result.await?)
    }

    /// Whether the node at `base` is alive; asked without credentials.
    pub async fn live(&self, base: &Url) -> Result<Answer, CallFailure> {
        let url = address(base, "minio/health/live", &[]);
        accept("health/live", "none", self.http.send(|| Ok(Call::get(url.clone()))).await?)
    }

    /// A metrics page of the node at `base`, read while it arrives.
    pub async fn metrics<T: Send + 'static>(
        &self,
        base: &Url,
        path: &str,
        read: impl FnOnce(&mut dyn Read) -> Result<T, String> + Send + 'static,
    ) -> Result<T, CallFailure> {
        let url = address(base, &format!("minio{path}"), &[]);
        let build = || {
            let call = Call::get(url.clone());
            Ok(match self.key.metrics_token(self.http.clock().now()) {
                Some(token) => call.bearer(&token),
                None => call,
            })
        };
        match self.http.stream(build, read).await? {
            Streamed::Read(read) => {
                read.map_err(|detail| BackendError::Unexpected { at: "metrics".into(), detail }.into())
            }
            Streamed::Answer(answer) => match accept("metrics", "admin:Prometheus", answer) {
                // A path this release does not know is taken for a bucket called "minio", and the S3
                // side says no; a missing right is identified by the admin side, in JSON or not at all.
                Err(CallFailure::Refusal(refusal))
                    if (refusal.status == 403 && refusal.xml) || refusal.status == 404 =>
                {
                    Err(BackendError::NotOffered(format!("this release has no {path}")).into())
                }
                Err(other) => Err(other),
                Ok(answer) => {
                    Err(BackendError::Unexpected { at: "metrics".into(), detail: answer.sketch() }.into())
                }
            },
        }
    }

    fn signed(&self, ask: ApiCall<'_>, url: &Url) -> Result<Call, HttpError> {
        let mut call = Call::new(ask.method.clone(), url.clone());
        // Every PUT we make says how things shall be, so it may be said twice; attach and detach are
        // POSTs, and saying those twice is an error we know.
        call = call.repeatable();
        if !ask.body.is_empty() {
            call = call.body("application/octet-stream", ask.body.to_vec());
        }
        self.key.sign(call, self.http.clock().now())
    }

    /// Makes many calls, as many at once as the panel may be asked.
    pub async fn some_at_once<T>(&self, calls: Vec<BoxFuture<'_, T>>) -> Vec<T> {
        many::some_at_once(self.http.max_in_flight(), calls).await
    }

    fn version(&self, call: &'static str) -> u8 {
        self.versions.lock().map_or(3, |known| known.get(call).copied().unwrap_or(3))
    }

    fn remember(&self, call: &'static str, version: u8) {
        if let Ok(mut known) = self.versions.lock() {
            known.insert(call, version);
        }
    }
}

/// The other version of the admin API.
pub(super) fn other(version: u8) -> u8 {
    if version == 3 { 4 } else { 3 }
}

/// Success as JSON, XML or nothing; an HTML page is no success, whatever its status.
fn accept(call: &'static str, right: &'static str, answer: Answer) -> Result<Answer, CallFailure> {
    let html = answer.is_html();
    if answer.is_success() && !html {
        return Ok(answer);
    }
    let ErrorBody { code, message } = ErrorBody::read(answer.body());
    let (status, sketch) = (answer.status(), answer.sketch());
    let xml = !html && answer.body().trim_ascii_start().starts_with(b"<");
    Err(CallFailure::Refusal(ApiRefusal { call, status, code, message, right, html, xml, sketch }))
}

/// An address below `base`, its query in strict RFC 3986 encoding and in order, as signatures want it.
fn address(base: &Url, path: &str, query: &[(&str, &str)]) -> Url {
    let mut url = base.clone();
    url.set_path(path);
    let mut pairs = Vec::from_iter(query.iter().map(|(name, value)| (encoded(name), encoded(value))));
    pairs.sort();
    let pairs = Vec::from_iter(pairs.iter().map(|(name, value)| format!("{name}={value}")));
    url.set_query((!pairs.is_empty()).then(|| pairs.join("&")).as_deref());
    url
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_signatures_want_them() {
        let base = Url::parse("https://s3.example.net:9000/").expect("an address");
        let url = address(&base, "minio/admin/v3/x", &[("user", "b c+d/*%&=ü~"), ("policy", "")]);
        assert_eq!(
            url.as_str(),
            "https://s3.example.net:9000/minio/admin/v3/x?policy=&user=b%20c%2Bd%2F%2A%25%26%3D%C3%BC~"
        );
    }
}
