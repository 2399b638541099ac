//! Serves one panel on its addresses: counts the request, lets faults strike, asks the panel.

use crate::clock::Clock;
use crate::damage::html_page;
use crate::faults::{FaultKind, Faults, Strikes};
use crate::requests::Requests;
use crate::wire::{Door, Gate, Reset};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use std::io::Result;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// The largest request body a panel takes, in bytes.
const LARGEST_REQUEST: usize = 256 << 20;

/// A panel as its callers see it: answers, and its own words for what faults make it say.
#[async_trait]
pub trait Front: Send + Sync + 'static {
    /// Answers a request that reached the address number `address`.
    ///
    /// The panel passes every plain body through `strikes.change_body` before it seals or
    /// compresses it.
    async fn answer(
        &self,
        address: usize,
        request: http::Request<Bytes>,
        strikes: &Strikes,
    ) -> Response<Bytes>;

    /// What a request asks for, where one path has many calls: it follows the path wherever requests are counted and
    /// faults are aimed. By default nothing: the path says it.
    fn called(&self, request: &http::Request<Bytes>) -> String {
        let _ = request;
        String::new()
    }

    /// How it says that the credentials are wrong.
    fn credentials_refused(&self, path: &str, status: Option<u16>) -> Response<Bytes>;

    /// How it says that a right is missing.
    fn right_missing(&self, path: &str) -> Response<Bytes>;

    /// How it says 429; the `Retry-After` header is added.
    fn too_many_requests(&self, path: &str) -> Response<Bytes>;

    /// How it says 5xx.
    fn failed(&self, path: &str, status: u16) -> Response<Bytes>;
}

use axum::http;

/// One address of a panel.
#[derive(Clone)]
struct Desk {
    front: Arc<dyn Front>,
    address: usize,
    faults: Faults,
    requests: Requests,
    clock: Clock,
}

/// A listener that is bound but not yet served, with its final address.
pub struct Bound {
    listener: TcpListener,
    /// The address with its real port.
    pub address: SocketAddr,
}

/// Binds an address; port 0 takes a free one.
pub async fn bind(address: SocketAddr) -> Result<Bound> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok(Bound { listener, address })
}

/// What all addresses of a panel share.
pub struct House {
    /// The panel.
    pub front: Arc<dyn Front>,
    /// Faults in force.
    pub faults: Faults,
    /// Where requests are counted.
    pub requests: Requests,
    /// The time its answers are dated by.
    pub clock: Clock,
    /// TLS, if the panel speaks HTTPS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Ends all of it.
    pub stop: CancellationToken,
}

impl House {
    /// Serves the panel's address number `address` until the house is stopped.
    pub fn serve(&self, address: usize, bound: Bound, gate: Gate) -> Result<()> {
        let tls = self.tls.clone().map(TlsAcceptor::from);
        let door = Door::open(bound.listener, gate, tls, self.stop.clone())?;
        let desk = Desk {
            front: self.front.clone(),
            address,
            faults: self.faults.clone(),
            requests: self.requests.clone(),
            clock: self.clock.clone(),
        };
        let app = Router::new().fallback(receive).with_state(desk);
        let app = app.into_make_service_with_connect_info::<Reset>();
        let stop = self.stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled(async { axum::serve(door, app).await }).await });
        Ok(())
    }
}

/// Serves the control address until the panel is stopped.
pub fn serve_control(bound: Bound, app: Router, stop: CancellationToken) {
    let app = app.into_make_service();
    tokio::spawn(async move {
        let serving = async { axum::serve(bound.listener, app).await };
        stop.run_until_cancelled(serving).await
    });
}

/// An answer with a body of some type.
pub fn answer(number: u16, kind: &'static str, body: Vec<u8>) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = status(number);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// An answer in JSON.
pub fn json_answer(number: u16, body: Vec<u8>) -> Response<Bytes> {
    answer(number, "application/json", body)
}

/// A status from its number; what is none becomes 500.
pub fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

async fn receive(
    State(desk): State<Desk>,
    ConnectInfo(reset): ConnectInfo<Reset>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_REQUEST).await else {
        let _answering = desk.requests.note(head.method.as_str(), &path);
        return Response::new(Body::empty());
    };
    let request = http::Request::from_parts(head, body);
    let called = desk.front.called(&request);
    let _answering = desk.requests.note(request.method().as_str(), &format!("{path}{called}"));
    let path_and_query = request.uri().path_and_query().map_or("/", |whole| whole.as_str());
    let strikes = desk.faults.strike(&format!("{path_and_query}{called}"));
    strikes.delay().await;
    let mut answer = match instead(&*desk.front, &path, &strikes) {
        Some(answer) => answer,
        None => desk.front.answer(desk.address, request, &strikes).await,
    };
    let date = desk.clock.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = date.parse() {
        answer.headers_mut().insert(header::DATE, date);
    }
    strikes.spoil(answer, &reset)
}

/// The answer of a fault that speaks in the panel's place.
fn instead(front: &dyn Front, path: &str, strikes: &Strikes) -> Option<Response<Bytes>> {
    strikes.0.iter().find_map(|kind| match kind {
        FaultKind::CredentialsRefused { status } => Some(front.credentials_refused(path, *status)),
        FaultKind::RightMissing => Some(front.right_missing(path)),
        FaultKind::TooManyRequests { retry_after_seconds } => {
            let mut answer = front.too_many_requests(path);
            if let Some(seconds) = retry_after_seconds {
                answer.headers_mut().insert(header::RETRY_AFTER, (*seconds).into());
            }
            Some(answer)
        }
        FaultKind::Failed { status } => Some(front.failed(path, *status)),
        FaultKind::HtmlPage { status } => Some(html_page(*status)),
        _ => None,
    })
}
