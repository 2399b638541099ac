//! Listening: one server for each address, with TLS where it is wanted, and what every route has in common.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio::task::JoinHandle;

use super::AppError;
use crate::config::ServeSettings;
use crate::problem::Problem;
use crate::store::Store;
use crate::usage_api::{BILLABLE, LONGEST_SERVICES, SERVICES};

/// A request body longer than this is refused.
const LONGEST_BODY: usize = 1 << 20;

/// Listens on every address and serves its routes until `stop` is told to. An address that cannot be listened
/// on, or a certificate that cannot be read, is an error, and nothing is served.
pub(super) async fn listen(
    serve: &ServeSettings,
    addresses: Vec<(SocketAddr, Router)>,
    stop: &Handle<SocketAddr>,
) -> Result<Vec<JoinHandle<()>>, AppError> {
    let tls = tls(serve).await?;
    let mut servers = Vec::new();
    for (address, routes) in addresses {
        let listener = std::net::TcpListener::bind(address).map_err(|error| AppError::Serve {
            address,
            why: format!("{error}; is another whmeter running? choose another http.listen"),
        })?;
        listener.set_nonblocking(true)?;
        servers.push(tokio::spawn(answer(address, listener, routes, tls.clone(), stop.clone())));
    }
    Ok(servers)
}

async fn tls(serve: &ServeSettings) -> Result<Option<RustlsConfig>, AppError> {
    let (Some(cert), Some(key)) = (&serve.tls_cert, &serve.tls_key) else { return Ok(None) };
    let read = RustlsConfig::from_pem_file(cert, key).await;
    read.map(Some).map_err(|error| AppError::Serve {
        address: serve.listen,
        why: format!("tls_cert or tls_key: {error}"),
    })
}

async fn answer(
    address: SocketAddr,
    listener: std::net::TcpListener,
    routes: Router,
    tls: Option<RustlsConfig>,
    handle: Handle<SocketAddr>,
) {
    let service = routes.into_make_service();
    let ended = match tls {
        Some(tls) => match axum_server::from_tcp_rustls(listener, tls) {
            Ok(server) => server.handle(handle).serve(service).await,
            Err(error) => Err(error),
        },
        None => match axum_server::from_tcp(listener) {
            Ok(server) => server.handle(handle).serve(service).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = ended {
        tracing::error!(%address, "serving ended: {error}");
    }
}

/// Joins routes that share an address; those without an address of their own go to `serve.listen`.
pub(super) fn joined(
    serve: &ServeSettings,
    parts: impl IntoIterator<Item = (Option<SocketAddr>, Router)>,
) -> Vec<(SocketAddr, Router)> {
    let mut addresses: Vec<(SocketAddr, Router)> = Vec::new();
    let all = serve.addresses().into_iter().map(|address| (Some(address), Router::new()));
    for (own, routes) in all.chain(parts) {
        let address = own.unwrap_or(serve.listen);
        match addresses.iter_mut().find(|(known, _)| *known == address) {
            Some((_, there)) => *there = std::mem::take(there).merge(routes),
            None => addresses.push((address, routes)),
        }
    }
    addresses
}

/// What every address has besides its routes: health, limits on bodies, and an answer for what is not there.
pub(super) fn finished(routes: Router, store: Store) -> Router {
    let health = Router::new()
        .route("/-/healthy", get(|| async { "ok\n" }))
        .route("/-/ready", get(ready))
        .with_state(store);
    let nothing_here = || async { Problem::new(StatusCode::NOT_FOUND, "nothing is served under this path") };
    let not_so = || async { Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method") };
    routes
        .merge(health)
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_so)
        .layer(axum::middleware::from_fn(refuse_long_bodies))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
}

/// Ready: the store answers and its schema is ours, or this process would not have started.
async fn ready(State(store): State<Store>) -> Result<&'static str, Problem> {
    match store.ready().await {
        Ok(()) => Ok("ok\n"),
        Err(error) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
    }
}

/// A body that says it is too long is refused before anybody reads it.
async fn refuse_long_bodies(
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Result<axum::response::Response, Problem> {
    let length = request.headers().get(axum::http::header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    // The lists that WHMCS tells are the bodies that may be long.
    let is_list = [SERVICES, BILLABLE].contains(&request.uri().path());
    let longest = if is_list { LONGEST_SERVICES } else { LONGEST_BODY };
    if length.is_some_and(|length| length > longest as u64) {
        let detail = format!("a body may have at most {} MiB here", longest >> 20);
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    Ok(next.run(request).await)
}
