//! Sockets that can be cut.
//!
//! A `Gate` is one listening address. It can be shut (a node is down: callers get a reset, open
//! connections break) and opened again on the same port. Every connection carries a `Reset`, so
//! that a fault can end it with a TCP RST instead of a polite goodbye.

use axum::serve::{IncomingStream, Listener};
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// What Go's HTTPS server says to plain HTTP.
const NOT_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
const TLS_HANDSHAKE: u8 = 0x16;

/// Ends its connection with a TCP reset, once armed.
#[derive(Clone, Debug, Default)]
pub struct Reset(Arc<AtomicBool>);

impl Reset {
    /// From now on the connection ends with a reset.
    pub fn arm(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_armed(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Whether a listening address lets callers in.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<GateState>>);

#[derive(Debug, Default)]
struct GateState {
    shut: bool,
    connections: CancellationToken,
}

impl Gate {
    /// Breaks all connections and resets new ones.
    pub fn shut(&self) {
        let mut state = self.state();
        state.shut = true;
        std::mem::take(&mut state.connections).cancel();
    }

    /// Lets callers in again.
    pub fn open(&self) {
        self.state().shut = false;
    }

    /// Breaks all connections, as a restart does, and lets new ones in.
    pub fn break_connections(&self) {
        std::mem::take(&mut self.state().connections).cancel();
    }

    /// Whether callers are turned away.
    pub fn is_shut(&self) -> bool {
        self.state().shut
    }

    fn admit(&self) -> Option<CancellationToken> {
        let state = self.state();
        (!state.shut).then(|| state.connections.clone())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, GateState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A TCP connection that its gate or a fault can cut.
struct Cuttable {
    tcp: TcpStream,
    reset: Reset,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Cuttable {
    fn poll_cut(&mut self, context: &mut Context<'_>) -> Result<()> {
        match self.cut.as_mut().poll(context) {
            Poll::Ready(()) => {
                self.reset.arm();
                Err(ErrorKind::ConnectionReset.into())
            }
            Poll::Pending => Ok(()),
        }
    }
}

impl Drop for Cuttable {
    fn drop(&mut self) {
        if self.reset.is_armed() {
            let _closed_anyway = self.tcp.set_zero_linger();
        }
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.poll_cut(context)?;
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.poll_cut(context)?;
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.reset.is_armed() {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

trait ReadWrite: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ReadWrite for T {}

/// A connection whose handshake, if any, is done.
pub struct Connection(Box<dyn ReadWrite>);

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Accepted connections, as the HTTP server takes them.
pub(crate) struct Door {
    address: SocketAddr,
    accepted: mpsc::Receiver<(Connection, Reset)>,
}

impl Door {
    /// Starts accepting; ends with `stop`.
    pub fn open(
        listener: TcpListener,
        gate: Gate,
        tls: Option<TlsAcceptor>,
        stop: CancellationToken,
    ) -> Result<Self> {
        let address = listener.local_addr()?;
        let (hand_over, accepted) = mpsc::channel(64);
        tokio::spawn(async move {
            let accepting = async {
                loop {
                    let Ok((tcp, _)) = listener.accept().await else {
                        continue;
                    };
                    tokio::spawn(admit(tcp, gate.clone(), tls.clone(), hand_over.clone()));
                }
            };
            stop.run_until_cancelled(accepting).await;
            gate.shut();
        });
        Ok(Self { address, accepted })
    }
}

async fn admit(
    tcp: TcpStream,
    gate: Gate,
    tls: Option<TlsAcceptor>,
    hand_over: mpsc::Sender<(Connection, Reset)>,
) {
    let Some(connections) = gate.admit() else {
        let _closed_anyway = tcp.set_zero_linger();
        return;
    };
    let _faster = tcp.set_nodelay(true);
    let reset = Reset::default();
    let cut = Box::pin(connections.cancelled_owned());
    let mut wire = Cuttable { tcp, reset: reset.clone(), cut };
    let connection: Box<dyn ReadWrite> = match tls {
        None => Box::new(wire),
        Some(tls) => {
            let mut first = [0];
            match wire.tcp.peek(&mut first).await {
                Ok(1) if first[0] == TLS_HANDSHAKE => match tls.accept(wire).await {
                    Ok(stream) => Box::new(stream),
                    Err(_) => return,
                },
                _ => {
                    let _gone = wire.write_all(NOT_TLS).await;
                    let _gone = wire.shutdown().await;
                    return;
                }
            }
        }
    };
    let _stopped = hand_over.send((Connection(connection), reset)).await;
}

impl Listener for Door {
    type Io = Connection;
    type Addr = Reset;

    async fn accept(&mut self) -> (Connection, Reset) {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> Result<Reset> {
        Err(Error::other(self.address.to_string()))
    }
}

impl axum::extract::connect_info::Connected<IncomingStream<'_, Door>> for Reset {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.remote_addr().clone()
    }
}
