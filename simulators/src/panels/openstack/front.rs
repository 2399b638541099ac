//! From a request to an answer: which service, which region, who asks.

use super::call::Call;
use super::cloud::{Cloud, Scope};
use super::reply::{Answered, Reply, SERVICES, Service};
use super::switches::Switches;
use super::{cinder, glance, gnocchi, keystone, login, neutron, nova, swift};
use crate::faults::Strikes;
use crate::form::{Form, decoded};
use crate::server::Front;
use async_trait::async_trait;
use axum::http::{Request, Response};
use bytes::Bytes;
use std::sync::Arc;

/// The cloud as its callers see it.
pub struct OpenStackFront(pub Arc<Cloud>);

#[async_trait]
impl Front for OpenStackFront {
    async fn answer(&self, address: usize, request: Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
        let (cloud, service) = (&self.0, SERVICES[address.min(SERVICES.len() - 1)]);
        let reply = reply(cloud, &cloud.switches(), service, &request);
        reply.unwrap_or_else(|refusal| refusal).finish(service, cloud.next(), strikes)
    }

    fn credentials_refused(&self, path: &str, status: Option<u16>) -> Response<Bytes> {
        self.say(path, status.unwrap_or(401), login::NOT_AUTHENTICATED)
    }

    fn right_missing(&self, path: &str) -> Response<Bytes> {
        let text = match service_of(path) {
            Service::Keystone => {
                "You are not authorized to perform the requested action: identity:list_projects."
            }
            Service::Swift => "Forbidden",
            _ => "Policy doesn't allow this to be performed.",
        };
        self.say(path, 403, text)
    }

    fn too_many_requests(&self, path: &str) -> Response<Bytes> {
        self.say(path, 429, "This request was rate-limited.")
    }

    fn failed(&self, path: &str, status: u16) -> Response<Bytes> {
        self.say(path, status, "An unexpected error prevented the server from fulfilling your request.")
    }
}

impl OpenStackFront {
    fn say(&self, path: &str, status: u16, text: &str) -> Response<Bytes> {
        let service = service_of(path);
        let reply = match (service, status) {
            (Service::Swift, _) => Reply::of(service, status, text),
            // The middleware speaks for whom it stands before.
            (_, 401) => Reply::keystone(401, text),
            _ => Reply::of(service, status, text),
        };
        reply.finish(service, self.0.next(), &Strikes::default())
    }
}

/// Whose a path is, where only that is known.
fn service_of(path: &str) -> Service {
    let path = path.trim_start_matches("/identity").trim_start_matches("/region-two");
    let is_cinder = ["/volumes", "/os-quota-sets", "/snapshots", "/backups", "/limits"];
    match path {
        _ if path.starts_with("/v1/AUTH_") || path == "/info" => Service::Swift,
        _ if path.starts_with("/v1") => Service::Gnocchi,
        _ if path.starts_with("/v2.1") => Service::Nova,
        _ if path.starts_with("/v2.0") => Service::Neutron,
        _ if path.starts_with("/v2/images") => Service::Glance,
        _ if path.starts_with("/v2") => Service::Manila,
        _ if is_cinder.iter().any(|part| path.contains(part)) => Service::Cinder,
        _ => Service::Keystone,
    }
}

fn reply(cloud: &Cloud, switches: &Switches, service: Service, request: &Request<Bytes>) -> Answered {
    let scheme = cloud.place.scheme();
    let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let whole = request.uri().path();
    let (elsewhere, raw_path) = match whole.strip_prefix("/region-two") {
        Some(rest) => (true, rest),
        None => (false, whole),
    };
    let below = switches.doubled_prefix && service == Service::Keystone;
    let (prefix, raw_path) = match raw_path.strip_prefix("/identity") {
        Some(rest) if below => ("/identity", rest),
        _ => ("", raw_path),
    };
    let region = if elsewhere { "/region-two" } else { "" };
    let parts: Vec<String> =
        raw_path.trim_start_matches('/').split('/').map(|part| decoded(part, false)).collect();
    let path: Vec<&str> = parts.iter().map(String::as_str).collect();
    let mut call = Call {
        cloud,
        switches,
        method: request.method(),
        path: &path,
        raw_path,
        query: Form::read(request.uri().query().unwrap_or_default()),
        headers: request.headers(),
        body: request.body(),
        base: format!("{scheme}://{host}{region}{prefix}"),
        elsewhere,
        scope: Scope::Unscoped,
    };
    // uWSGI does not read a body that comes in pieces.
    if request.headers().get("transfer-encoding").is_some() && service != Service::Swift {
        return Err(Reply::page(411, "Length Required"));
    }
    let open = match service {
        Service::Keystone => keystone::open(&call),
        Service::Gnocchi => gnocchi::open(&call),
        Service::Nova => nova::open(&call),
        Service::Cinder => cinder::open(&call),
        Service::Neutron => neutron::open(&call),
        Service::Swift => swift::open(&call),
        Service::Manila | Service::Glance => None,
    };
    if let Some(answer) = open {
        return answer;
    }
    login::admit(&mut call, service, &cloud.world())?;
    match service {
        Service::Keystone => keystone::answer(&call),
        Service::Gnocchi => gnocchi::answer(&call),
        Service::Nova => nova::answer(&call),
        Service::Cinder => cinder::answer(&call),
        Service::Neutron => neutron::answer(&call),
        Service::Swift => swift::answer(&call),
        Service::Manila => cinder::shares(&call),
        Service::Glance => glance::answer(&call),
    }
}
