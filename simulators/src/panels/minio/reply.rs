//! An answer before it is sealed, compressed and dressed in headers.

use super::refusal::{Origin, Refusal};
use super::sealed::{self, Head};
use super::server::{Server, Signer};
use super::switches::Flavour;
use crate::faults::Strikes;
use crate::xml;
use axum::http::{HeaderName, HeaderValue, Response, header};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Answers shorter than this many bytes are never compressed.
const GZIP_FROM: usize = 1_000;

/// The id every node tells in its answers.
pub const HOST_ID: &str = "dd9025bab4ad464b049177c95eb6ebf374d3b3fd1af9251148b658df7ac2e3e8";

/// What a call answers.
#[derive(Debug, Default)]
pub struct Reply {
    status: u16,
    content_type: Option<&'static str>,
    body: Vec<u8>,
    sealed: bool,
    compressible: bool,
    headers: Vec<(&'static str, String)>,
    bare: bool,
}

impl Reply {
    /// A status and nothing else; how calls that change something answer.
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Readable JSON.
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::text("application/json", body)
    }

    /// JSON, sealed with the signer's secret.
    pub fn sealed(body: impl Into<Vec<u8>>) -> Self {
        Self { sealed: true, ..Self::json(body) }
    }

    /// XML, given without its first line.
    pub fn xml(body: &str) -> Self {
        Self::text("application/xml", format!("{}{body}", xml::HEAD))
    }

    /// A body of some type.
    pub fn text(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let (body, content_type) = (body.into(), Some(content_type));
        Self { status: 200, body, content_type, compressible: true, ..Self::default() }
    }

    /// Never compressed.
    pub fn plain(mut self) -> Self {
        self.compressible = false;
        self
    }

    /// With one header more.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Another status.
    pub fn set_status(&mut self, status: u16) {
        self.status = status;
    }

    /// Readable after all.
    pub fn unsealed(mut self) -> Self {
        self.sealed = false;
        self
    }

    /// A refusal as an answer: JSON on admin and metrics paths, XML elsewhere and on RustFS.
    pub fn refusal(refusal: &Refusal, origin: &Origin<'_>, flavour: Flavour) -> Self {
        let wants_json = origin.path.starts_with("/minio/admin/") || origin.path.contains("/metrics/");
        let mut reply = match wants_json && !refusal.always_xml && flavour != Flavour::Rustfs {
            true => Self::json(refusal.json(origin)),
            false => Self::xml(&refusal.xml(origin)),
        };
        reply.status = refusal.status;
        reply.bare = !refusal.routed;
        reply
    }
}

/// What finishing an answer needs to know of its request.
pub struct Finish<'a> {
    /// Who answers.
    pub server: &'a Server,
    /// Whose secret seals.
    pub signer: Option<&'a Signer>,
    /// The faults that change fields.
    pub strikes: &'a Strikes,
    /// The client takes gzip.
    pub gzip: bool,
    /// A HEAD request: the body stays here.
    pub is_head: bool,
    /// The request's id.
    pub request_id: &'a str,
}

impl Finish<'_> {
    /// Changes fields, seals, compresses and adds headers, in this order.
    pub fn finish(&self, reply: Reply) -> Response<Bytes> {
        let switches = self.server.switches();
        let mut body = self.strikes.change_body(reply.body);
        let mut content_type = reply.content_type;
        if reply.sealed {
            let algorithm = match switches.flavour {
                Flavour::Rustfs => 2,
                _ => switches.seal_algorithm,
            };
            if switches.seal_exact_fragments {
                body.resize(body.len().div_ceil(16_384).max(1) * 16_384, b' ');
            }
            let secret = self.signer.map_or("", |signer| &signer.secret);
            body = sealed::seal(secret, algorithm, &Head::random(), &body).unwrap_or_default();
            if switches.flavour == Flavour::Rustfs {
                content_type = Some("application/octet-stream");
            }
        }
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = crate::server::status(reply.status);
        let mut set = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                answer.headers_mut().insert(HeaderName::from_static(name), value);
            }
        };
        if let Some(content_type) = content_type {
            set("content-type", content_type);
        }
        match (switches.flavour, reply.bare) {
            (Flavour::Rustfs, _) => set("x-request-id", self.request_id),
            (_, true) => set("vary", "Origin"),
            (_, false) => self.usual_headers(&mut set),
        }
        let is_text = content_type.is_some_and(|told| told.starts_with("text/plain"));
        if switches.flavour != Flavour::Rustfs && content_type.is_some() && !is_text {
            set("server", "MinIO");
            set("accept-ranges", "bytes");
        }
        if reply.compressible && self.gzip && body.len() >= GZIP_FROM {
            body = gzipped(&body);
            set("content-encoding", "gzip");
        }
        for (name, value) in &reply.headers {
            set(name, value);
        }
        if self.is_head {
            if !answer.headers().contains_key(header::CONTENT_LENGTH) {
                answer.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
            }
            return answer;
        }
        *answer.body_mut() = body.into();
        answer
    }

    fn usual_headers(&self, set: &mut impl FnMut(&'static str, &str)) {
        set("strict-transport-security", "max-age=31536000; includeSubDomains");
        set("vary", "Accept-Encoding");
        set("x-amz-id-2", HOST_ID);
        set("x-amz-request-id", self.request_id);
        set("x-content-type-options", "nosniff");
        set("x-xss-protection", "1; mode=block");
    }
}

/// Bytes as gzip.
pub fn gzipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(body).and_then(|()| encoder.finish());
    // Writing to memory does not fail.
    packed.unwrap_or_default()
}
