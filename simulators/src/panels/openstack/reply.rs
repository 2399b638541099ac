//! Answers, and how each service says what is wrong.

use crate::faults::Strikes;
use crate::server;
use axum::http::{HeaderValue, Response};
use bytes::Bytes;
use serde_json::{Value, json};

/// An answer, or a refusal.
pub type Answered = Result<Reply, Reply>;

/// One of the services, by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Identity.
    Keystone,
    /// Metrics.
    Gnocchi,
    /// Servers.
    Nova,
    /// Volumes.
    Cinder,
    /// Ports.
    Neutron,
    /// Objects.
    Swift,
    /// Shares.
    Manila,
    /// Images.
    Glance,
}

/// All services in the order of their addresses.
pub const SERVICES: [Service; 8] = [
    Service::Keystone,
    Service::Gnocchi,
    Service::Nova,
    Service::Cinder,
    Service::Neutron,
    Service::Swift,
    Service::Manila,
    Service::Glance,
];

impl Service {
    /// Its type in the catalogue.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Keystone => "identity",
            Self::Gnocchi => "metric",
            Self::Nova => "compute",
            Self::Cinder => "block-storage",
            Self::Neutron => "network",
            Self::Swift => "object-store",
            Self::Manila => "shared-file-system",
            Self::Glance => "image",
        }
    }
}

/// What is sent back.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Json(Value),
    Page(String),
    Nothing,
}

impl Reply {
    /// JSON.
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    /// A page for people.
    pub fn page(status: u16, text: &str) -> Self {
        let page = format!(
            "<html>\n <head>\n  <title>{status}</title>\n </head>\n <body>\n  <h1>{text}</h1>\n </body>\n</html>"
        );
        Self { status, headers: Vec::new(), body: Body::Page(page) }
    }

    /// No body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Nothing }
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Keystone's error, which its middleware uses too.
    pub fn keystone(status: u16, message: &str) -> Self {
        let title = match status {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            429 => "Too Many Requests",
            _ => "Internal Server Error",
        };
        Self::json(status, json!({ "error": { "code": status, "message": message, "title": title } }))
    }

    /// Gnocchi's error: JSON where exactly that was asked for.
    pub fn gnocchi(accept: &str, status: u16, description: Value) -> Self {
        let title = match status {
            400 => "Bad Request",
            403 => "Forbidden",
            404 => "Not Found",
            _ => "Internal Server Error",
        };
        match accept == "application/json" {
            true => Self::json(status, json!({ "code": status, "title": title, "description": description })),
            false => Self::page(status, &format!("{title} {}", description.to_string().replace('"', "'"))),
        }
    }

    /// The error of Nova, Cinder and Manila.
    pub fn fault(status: u16, message: &str) -> Self {
        let key = match status {
            400 => "badRequest",
            401 => "unauthorized",
            403 => "forbidden",
            404 => "itemNotFound",
            405 => "badMethod",
            409 => "conflictingRequest",
            413 | 429 => "overLimit",
            415 => "badMediaType",
            501 => "notImplemented",
            503 => "serviceUnavailable",
            _ => "computeFault",
        };
        Self::json(status, json!({ key: { "code": status, "message": message } }))
    }

    /// Neutron's error.
    pub fn neutron(status: u16, kind: &str, message: &str) -> Self {
        let error = json!({ "type": kind, "message": message, "detail": "" });
        Self::json(status, json!({ "NeutronError": error }))
    }

    /// How a service says something, whatever was asked.
    pub fn of(service: Service, status: u16, message: &str) -> Self {
        match service {
            Service::Keystone => Self::keystone(status, message),
            Service::Gnocchi if status == 403 => Self::gnocchi("application/json", status, json!("")),
            Service::Gnocchi if status == 429 => Self::keystone(status, message),
            Service::Gnocchi => Self::page(status, message),
            Service::Nova | Service::Cinder | Service::Manila => Self::fault(status, message),
            Service::Neutron => Self::neutron(status, "HTTPError", message),
            Service::Swift | Service::Glance => Self::page(status, message),
        }
    }

    /// The answer as it goes out, its fields changed by what struck.
    pub fn finish(self, service: Service, request: u32, strikes: &Strikes) -> Response<Bytes> {
        let mut answer = match self.body {
            Body::Json(body) => {
                server::json_answer(self.status, strikes.change_body(body.to_string().into_bytes()))
            }
            Body::Page(page) => server::answer(self.status, "text/html; charset=UTF-8", page.into_bytes()),
            Body::Nothing => server::answer(self.status, "text/plain", Vec::new()),
        };
        let (name, id) = match service {
            Service::Swift => ("X-Trans-Id", format!("tx{request:020x}")),
            _ => ("x-openstack-request-id", format!("req-{request:08x}-7c1d-4f0e-9a52-3b6d8e0f4a17")),
        };
        for (name, value) in self.headers.into_iter().chain([(name, id)]) {
            let name = axum::http::HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
                answer.headers_mut().append(name, value);
            }
        }
        answer
    }
}
