//! Listening: one server for each address, with TLS where it is wanted, and what every route has in common.

mod connections;
mod patient;
mod serving;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::AppError;
use crate::config::ServeSettings;
use crate::console::nothing_served;
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::web::{Access, Problem, Route, Routes, Served, refuse_foreign, wants_page};
use connections::Connections;
pub(super) use serving::Going;
use serving::Serving;

/// Listens on every address and serves its routes until `going` says otherwise. An address that cannot be listened
/// on, or a certificate that cannot be read, is an error, and nothing is served.
pub(super) async fn listen(
    serve: &ServeSettings,
    addresses: Vec<(SocketAddr, Router)>,
    telemetry: Telemetry,
    going: watch::Receiver<Going>,
) -> Result<Vec<JoinHandle<()>>, AppError> {
    let tls = tls(serve)?;
    let connections = Connections::new(telemetry);
    tracing::debug!(most = connections.most(), "connections that may be open at once");
    let mut servers = Vec::new();
    for (address, routes) in addresses {
        let listener = TcpListener::bind(address).await.map_err(|error| AppError::Serve {
            address,
            why: format!("{error}; is another whmeter running? choose another http.listen"),
        })?;
        let (tls, connections, going) = (tls.clone(), connections.clone(), going.clone());
        let serving = Serving { routes, tls, connections, going };
        servers.push(tokio::spawn(serving.run(listener)));
    }
    Ok(servers)
}

/// Whether the certificate and its key can be used; `None` where there are none.
pub(crate) fn check_tls(serve: &ServeSettings) -> Option<Result<String, String>> {
    let (cert, key) = serve.tls_cert.as_ref().zip(serve.tls_key.as_ref())?;
    Some(tls_config(cert, key).map(|_| format!("{} with its key", cert.display())))
}

fn tls(serve: &ServeSettings) -> Result<Option<TlsAcceptor>, AppError> {
    let (Some(cert), Some(key)) = (&serve.tls_cert, &serve.tls_key) else { return Ok(None) };
    let why = |why: String| AppError::Serve { address: serve.listen, why };
    let read = tls_config(cert, key);
    read.map(|config| Some(TlsAcceptor::from(Arc::new(config)))).map_err(why)
}

/// HTTP/1.1 alone is offered: without streams and windows there is less to hold up.
fn tls_config(cert: &Path, key: &Path) -> Result<ServerConfig, String> {
    let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| format!("tls_cert: {}: {error}", cert.display()))?;
    let own = PrivateKeyDer::from_pem_file(key);
    let own = own.map_err(|error| format!("tls_key: {}: {error}", key.display()))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, own);
    let mut config = config.map_err(|error| format!("tls_cert or tls_key: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Joins routes that share an address; those without an address of their own go to `serve.listen`.
pub(super) fn joined(
    serve: &ServeSettings,
    parts: impl IntoIterator<Item = (Option<SocketAddr>, Served)>,
) -> Vec<(SocketAddr, Served)> {
    let mut addresses: Vec<(SocketAddr, Served)> = Vec::new();
    let all = serve.addresses().into_iter().map(|address| (Some(address), Served::default()));
    for (own, routes) in all.chain(parts) {
        let address = own.unwrap_or(serve.listen);
        match addresses.iter_mut().find(|(known, _)| *known == address) {
            Some((_, there)) => *there = std::mem::take(there).and(routes),
            None => addresses.push((address, routes)),
        }
    }
    addresses
}

/// Health, on every address and for everybody.
pub(super) fn health(access: &Access, store: Store) -> Served {
    let current = "ok when the store answers and its schema is current";
    Routes::new(access)
        .add(Route::get("/-/healthy", "ok"), || async { "ok\n" })
        .add(Route::get("/-/ready", current), ready)
        .add(Route::get("/healthz", "ok, for those that ask every program so"), || async { "ok\n" })
        .served(store)
}

/// Routes with an answer for what is not there, and with nothing for pages of other sites.
pub(super) fn finished(routes: Served, access: &Access) -> Router {
    let nothing_here = |headers: HeaderMap| async move {
        let problem = Problem::unknown("nothing is served under this path");
        match wants_page(&headers) {
            true => nothing_served(problem).await,
            false => problem.into_response(),
        }
    };
    let not_so = || async { Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method") };
    let routes = routes.router.fallback(nothing_here).method_not_allowed_fallback(not_so);
    routes.layer(from_fn_with_state(access.clone(), refuse_foreign))
}

/// Ready: the store answers and its schema is ours, or this process would not have started.
async fn ready(State(store): State<Store>) -> Result<&'static str, Problem> {
    store.ready().await.map(|()| "ok\n").map_err(Problem::unavailable)
}
