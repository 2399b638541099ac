//! A client that signs with the AWS crate, so that nothing of the simulator signs for itself.
#![allow(dead_code)] // No test file uses all of it.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime};
use whmeter_simulators::minio::{Panel, sealed};
use whmeter_simulators::panel::SimulatedPanel;

pub const ADMIN: &str = "/minio/admin/v3/";

/// Somebody with credentials.
pub struct Caller<'a> {
    pub panel: &'a Panel,
    pub base: String,
    pub access_key: String,
    pub secret: String,
    pub client: Client,
}

pub fn client() -> Client {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let timeout = Duration::from_secs(60);
    Client::builder().timeout(timeout).no_gzip().build().unwrap()
}

impl<'a> Caller<'a> {
    pub fn root(panel: &'a Panel) -> Self {
        let (access_key, secret) = panel.credentials();
        Self { panel, base: panel.url(), access_key, secret, client: client() }
    }

    pub fn tenant(panel: &'a Panel, user: &str) -> Self {
        let secret = whmeter_simulators::minio::account_secret(user);
        Self { panel, base: panel.url(), access_key: user.into(), secret, client: client() }
    }

    /// A signed request, ready to be sent.
    pub fn request(&self, method: &str, path_and_query: &str, body: &[u8]) -> RequestBuilder {
        let url = format!("{}{path_and_query}", self.base);
        let hash = hex::encode(Sha256::digest(body));
        let host = self.base.split("//").nth(1).unwrap();
        let headers = [("host", host), ("x-amz-content-sha256", &hash)];
        let identity = Credentials::from_keys(&self.access_key, &self.secret, None).into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = aws_sigv4::http_request::PercentEncodingMode::Single;
        let now = self.panel.knobs().clock.now_seconds();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("s3")
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(now.unsigned_abs()))
            .settings(settings)
            .build()
            .unwrap();
        let signable =
            SignableRequest::new(method, &url, headers.into_iter(), SignableBody::Bytes(body)).unwrap();
        let (signing, _) = sign(signable, &parameters.into()).unwrap().into_parts();
        let mut request = self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), &url);
        for (name, value) in signing.headers() {
            request = request.header(name, value);
        }
        request.header("x-amz-content-sha256", hash).body(body.to_vec())
    }

    pub async fn send(&self, method: &str, path_and_query: &str, body: &[u8]) -> Response {
        self.request(method, path_and_query, body).send().await.unwrap()
    }

    pub async fn status(&self, method: &str, path_and_query: &str, body: &[u8]) -> StatusCode {
        self.send(method, path_and_query, body).await.status()
    }

    pub async fn json(&self, call: &str) -> Value {
        let answer = self.send("GET", &format!("{ADMIN}{call}"), b"").await;
        assert_eq!(answer.status(), 200, "{call}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    pub async fn unsealed(&self, call: &str) -> Value {
        let answer = self.send("GET", &format!("{ADMIN}{call}"), b"").await;
        assert_eq!(answer.status(), 200, "{call}");
        let plain = sealed::open(&self.secret, &answer.bytes().await.unwrap());
        serde_json::from_slice(&plain.unwrap()).unwrap()
    }

    /// The error code of a refused call, with its status.
    pub async fn refusal(&self, method: &str, path_and_query: &str, body: &[u8]) -> (u16, String) {
        let answer = self.send(method, path_and_query, body).await;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        let code = match text.starts_with('{') {
            true => serde_json::from_str::<Value>(&text).unwrap()["Code"].as_str().unwrap().to_owned(),
            false => text
                .split("<Code>")
                .nth(1)
                .and_then(|rest| rest.split("</Code>").next())
                .unwrap_or("")
                .to_owned(),
        };
        (status, code)
    }
}
