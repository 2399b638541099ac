//! Connections: taken in, spoken to in HTTP/1.1, and ended when nothing comes or nothing goes.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::Request;
use futures_util::StreamExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::connections::{Answering, Connection, Connections};
use super::patient::Patient;
use crate::web::OverTls;

/// TLS, a request's header, each part of its body, silence between two requests: none may take longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A whole body may take so long; the longest are lists of services, over a slow line.
const BODY_WITHIN: Duration = Duration::from_secs(60);

/// After descriptors have run out, it is tried again so soon.
const PAUSE: Duration = Duration::from_millis(100);

/// Whether to go on. `Leave`: what is being answered is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Going {
    /// Serve.
    On,
    /// Take nothing new in.
    Leave,
}

/// One address and what is served on it.
#[derive(Clone)]
pub(super) struct Serving {
    pub routes: Router,
    pub tls: Option<TlsAcceptor>,
    pub connections: Connections,
    pub going: watch::Receiver<Going>,
}

impl Serving {
    /// Serves until asked to leave, and until what was being answered is answered.
    pub async fn run(mut self, listener: TcpListener) {
        let mut open = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = asked_to_stop(&mut self.going) => break,
                Some(_) = open.join_next() => continue,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Some(connection) = self.connections.admit() else { continue };
                    open.spawn(self.clone().serve(stream, peer, connection));
                }
                // One that is gone again, or no descriptor is left: others end meanwhile.
                Err(error) => {
                    tracing::debug!("cannot accept connections: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(listener);
        while open.join_next().await.is_some() {}
    }

    async fn serve(self, stream: TcpStream, peer: SocketAddr, connection: Connection) {
        tokio::select! {
            () = connection.has_to_go() => {}
            () = self.speak(stream, peer, &connection) => {}
        }
    }

    async fn speak(self, stream: TcpStream, peer: SocketAddr, connection: &Connection) {
        // Answers go out whole: waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        match self.tls.clone() {
            None => self.answer(stream, (peer, None), connection).await,
            Some(tls) => match timeout(PATIENCE, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.answer(stream, (peer, Some(OverTls)), connection).await,
                Ok(Err(error)) => tracing::debug!(%peer, "no TLS: {error}"),
                Err(_) => tracing::debug!(%peer, "no TLS in time"),
            },
        }
    }

    async fn answer<S>(
        mut self,
        stream: S,
        (peer, tls): (SocketAddr, Option<OverTls>),
        connection: &Connection,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let routes = Arc::new(TowerToHyperService::new(self.routes));
        let ticket = connection.ticket();
        let service = service_fn(move |request: Request<Incoming>| {
            let (routes, answering) = (Arc::clone(&routes), ticket.answering());
            async move {
                let mut request = request.map(|body| patient(Body::new(body)));
                request.extensions_mut().insert(ConnectInfo(peer));
                tls.and_then(|tls| request.extensions_mut().insert(tls));
                let response = routes.call(request).await?;
                Ok::<_, std::convert::Infallible>(response.map(|body| Whole { body, _answering: answering }))
            }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        // Between two requests no header comes either: the same time ends silence.
        http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
        let spoken = http.serve_connection(TokioIo::new(Patient::new(stream, PATIENCE)), service);
        tokio::pin!(spoken);
        let ended = tokio::select! {
            ended = spoken.as_mut() => ended,
            () = asked_to_stop(&mut self.going) => {
                spoken.as_mut().graceful_shutdown();
                spoken.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, "connection ended: {error}");
        }
    }
}

/// Waits until nothing new is to be taken in.
async fn asked_to_stop(going: &mut watch::Receiver<Going>) {
    let _ = going.wait_for(|going| *going == Going::Leave).await;
}

/// A body that may neither pause for long nor go on for ever.
fn patient(body: Body) -> Body {
    let end = Instant::now() + BODY_WITHIN;
    let parts = futures_util::stream::unfold(Some(body.into_data_stream()), move |parts| async move {
        let mut parts = parts?;
        match timeout_at(end.min(Instant::now() + PATIENCE), parts.next()).await {
            Ok(Some(part)) => Some((part, Some(parts))),
            Ok(None) => None,
            Err(late) => Some((Err(axum::Error::new(late)), None)),
        }
    });
    Body::from_stream(parts)
}

/// The body of an answer: until all of it is sent, its connection is being answered.
struct Whole {
    body: Body,
    _answering: Answering,
}

impl HttpBody for Whole {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
