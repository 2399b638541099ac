//! From a request to an answer: which call it is, who signed it, and the answer's last touches.

use super::admin::{self, Route};
use super::health;
use super::metrics;
use super::refusal::{Origin, Refusal};
use super::reply::{Finish, HOST_ID, Reply};
use super::rustfs;
use super::s3;
use super::server::{Call, Server, Signer};
use super::signature::{self, Claim};
use super::switches::Flavour;
use crate::faults::Strikes;
use crate::form::{Form, decoded};
use crate::growth::Traffic;
use crate::server::Front;
use async_trait::async_trait;
use axum::http::request::Parts;
use axum::http::{Method, Request, Response};
use bytes::Bytes;
use std::sync::Arc;

/// The server as its callers see it.
pub struct MinioFront(pub Arc<Server>);

#[async_trait]
impl Front for MinioFront {
    async fn answer(&self, node: usize, request: Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
        let (server, strikes) = (self.0.clone(), strikes.clone());
        // Sealing takes tens of milliseconds of a whole core.
        let working = tokio::task::spawn_blocking(move || answer(&server, node, request, &strikes));
        match working.await {
            Ok(answer) => answer,
            Err(_) => self.failed("/", 500),
        }
    }

    fn credentials_refused(&self, path: &str, status: Option<u16>) -> Response<Bytes> {
        let mut refusal = Refusal::new("SignatureDoesNotMatch");
        refusal.status = status.unwrap_or(refusal.status);
        self.refuse(path, &refusal)
    }

    fn right_missing(&self, path: &str) -> Response<Bytes> {
        self.refuse(path, &Refusal::new("AccessDenied"))
    }

    fn too_many_requests(&self, path: &str) -> Response<Bytes> {
        self.refuse(path, &Refusal::new("TooManyRequests"))
    }

    fn failed(&self, path: &str, status: u16) -> Response<Bytes> {
        let mut refusal = match status {
            503 => Refusal::new("SlowDownRead"),
            _ => Refusal::new("InternalError"),
        };
        refusal.status = status;
        self.refuse(path, &refusal)
    }
}

impl MinioFront {
    fn refuse(&self, path: &str, refusal: &Refusal) -> Response<Bytes> {
        let request_id = self.0.request_id();
        let reply = refusal_reply(&self.0, path, &request_id, refusal);
        let strikes = Strikes::default();
        finish(&self.0, None, &strikes, &request_id).finish(reply)
    }
}

fn answer(server: &Server, node: usize, request: Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
    let (head, body) = request.into_parts();
    let request_id = server.request_id();
    let path = decoded(head.uri.path(), false);
    let mut signer = None;
    let reply = reply(server, node, &head, &body, &mut signer);
    let reply = reply.unwrap_or_else(|refusal| match head.method {
        Method::HEAD => bodiless(&refusal),
        _ => refusal_reply(server, &path, &request_id, &refusal),
    });
    let mut finish = finish(server, signer.as_ref(), strikes, &request_id);
    let offered = head.headers.get("accept-encoding");
    let offered = offered.and_then(|value| value.to_str().ok());
    finish.gzip = offered.is_some_and(|offered| offered.contains("gzip"));
    finish.is_head = head.method == Method::HEAD;
    let answer = finish.finish(reply);
    let moved = Traffic { received: body.len() as u64, sent: answer.body().len() as u64 };
    s3::count(server, s3::bucket_and_key(&path).0, moved);
    answer
}

fn reply(
    server: &Server,
    node: usize,
    head: &Parts,
    body: &Bytes,
    signed_by: &mut Option<Signer>,
) -> Result<Reply, Refusal> {
    let path = decoded(head.uri.path(), false);
    let query = Form::read(head.uri.query().unwrap_or_default()).into_pairs();
    let flavour = server.switches().flavour;
    if let Some(answer) = health::reply(server, node, &path, &query) {
        return Ok(answer);
    }
    if flavour != Flavour::Rustfs && metrics::is_ours(&path) {
        return metrics::reply(server, node, head, &path, &query);
    }
    if flavour == Flavour::Rustfs && metrics::is_ours(&path) {
        return Err(rustfs::no_metrics(head));
    }
    signature::check_skew(&head.headers, server.now())?;
    let place = Place::of(&path, server)?;
    let route = match &place {
        Place::Admin(call) => Some(admin::find(&head.method, call, &query, server)?),
        Place::S3 => None,
    };
    if route.is_none()
        && let Some(early) = s3::before_signature(&head.method, &path)?
    {
        return Ok(early);
    }
    let (bucket, key) = s3::bucket_and_key(&path);
    let about = |refusal: Refusal| match route {
        None if !bucket.is_empty() && !refusal.always_xml => refusal.about(bucket, key),
        _ => refusal,
    };
    let (signer, body) = authenticate(server, head, body, route).map_err(about)?;
    *signed_by = Some(signer.clone());
    let call = Call { server, node, head, path: path.clone(), query, body, signer };
    match (route, flavour) {
        (Some(route), Flavour::Rustfs) => rustfs::run(route, &call),
        (Some(route), _) => route.run(&call),
        (None, _) => s3::run(&call, bucket, key).map_err(about),
    }
}

/// Where a path leads.
enum Place {
    /// An admin call, by its name.
    Admin(String),
    /// An S3 call.
    S3,
}

impl Place {
    fn of(path: &str, server: &Server) -> Result<Self, Refusal> {
        let rustfs = match server.switches().flavour {
            Flavour::Rustfs => path.strip_prefix("/rustfs/admin/"),
            _ => None,
        };
        let Some(rest) = path.strip_prefix("/minio/admin/").or(rustfs) else {
            return Ok(Self::S3);
        };
        let (version, call) = rest.split_once('/').unwrap_or(("unknown", ""));
        admin::check_version(version, call, server)?;
        Ok(Self::Admin(call.to_owned()))
    }
}

fn authenticate(
    server: &Server,
    head: &Parts,
    body: &Bytes,
    route: Option<&Route>,
) -> Result<(Signer, Vec<u8>), Refusal> {
    let Some(claim) = Claim::read(head)? else {
        return Err(Refusal::new("AccessDenied"));
    };
    let signer = server.signer(&claim.access_key)?;
    claim.verify(head, &signer.secret, route.is_some())?;
    let switches = server.switches();
    let is_unsigned = head.headers.get("x-amz-content-sha256").is_some_and(|told| told == "UNSIGNED-PAYLOAD");
    if route.is_some() && is_unsigned && switches.refuse_unsigned_admin {
        return Err(Refusal::new("AccessDenied"));
    }
    let wrong_region = !switches.region.is_empty() && claim.region != switches.region;
    if route.is_none() && wrong_region && head.uri.path() != "/" {
        let message = format!(
            "The authorization header is malformed; the region is wrong; expecting '{}'.",
            switches.region
        );
        return Err(Refusal::new("AuthorizationHeaderMalformed").saying(message));
    }
    // A call without a body never looks at the hash of its body.
    let body = match body.is_empty() {
        true => Vec::new(),
        false => claim.body(body, &signer.secret).map_err(|refusal| in_words_of(route, refusal))?,
    };
    Ok((signer, body))
}

/// How a call says that its body is not the one that was signed.
fn in_words_of(route: Option<&Route>, refusal: Refusal) -> Refusal {
    match route.map(|route| route.name) {
        Some("add-user") => Refusal::new("XMinioAdminConfigBadJSON"),
        Some("update-group-members" | "set-bucket-quota") => Refusal::new("InvalidRequest"),
        _ => refusal,
    }
}

fn refusal_reply(server: &Server, path: &str, request_id: &str, refusal: &Refusal) -> Reply {
    let origin = Origin { path, request_id, host_id: HOST_ID };
    let flavour = server.switches().flavour;
    match flavour {
        Flavour::Rustfs => rustfs::refusal(refusal, &origin),
        _ => Reply::refusal(refusal, &origin, flavour),
    }
}

/// A refused HEAD tells its code in headers.
fn bodiless(refusal: &Refusal) -> Reply {
    Reply::empty(refusal.status)
        .with("x-minio-error-code", refusal.code)
        .with("x-minio-error-desc", format!("{:?}", refusal.message))
        .with("server", "MinIO")
        .with("accept-ranges", "bytes")
}

fn finish<'a>(
    server: &'a Server,
    signer: Option<&'a Signer>,
    strikes: &'a Strikes,
    request_id: &'a str,
) -> Finish<'a> {
    Finish { server, signer, strikes, gzip: false, is_head: false, request_id }
}
