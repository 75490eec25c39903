//! Listens, ends TLS, and serves HTTP/1.1 and HTTP/2 to a tower service (an axum router is one). Each
//! handshake runs in its connection's own task under a deadline, so a slow or silent peer delays nobody.
//! Every request carries its [`Peer`](crate::Peer), made once per connection from the handshake alone.

mod activity;
mod admission;
mod opening;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioTimer;
use tokio::sync::Semaphore;
use tower::Service;

use crate::edge_policy::EdgePolicy;
use crate::tls::ServerTls;
use admission::Admission;

/// What a peer may cost us before it has said anything worth hearing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the accepted socket to the end of the handshake.
    pub handshake_timeout: Duration,
    /// From the end of the handshake, or of the last request, to the end of a request's headers (HTTP/1.1);
    /// also the time for the first bytes that tell the HTTP version.
    pub header_timeout: Duration,
    /// Size of a request's line and headers together, in bytes; at least 8192. Forwarded certificates and
    /// their chains must fit (CC-3-01).
    pub maximum_header_bytes: usize,
    /// Number of a request's headers (HTTP/1.1).
    pub maximum_headers: usize,
    /// Concurrent requests on one HTTP/2 connection.
    pub maximum_streams: u32,
    /// Connections of the listener; further ones are closed at once.
    pub maximum_connections: usize,
    /// A silent HTTP/2 peer is asked for a sign of life after this time, and has as long to give it.
    pub http2_ping_interval: Duration,
    /// An HTTP/2 connection without a request is closed after this time, however lively it answers pings. (For
    /// HTTP/1.1 `header_timeout` does that.)
    pub http2_idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(15),
            maximum_header_bytes: 64 * 1024,
            maximum_headers: 128,
            maximum_streams: 128,
            maximum_connections: 10_000,
            http2_ping_interval: Duration::from_secs(30),
            http2_idle_timeout: Duration::from_secs(300),
        }
    }
}

/// A bound socket, ready to serve.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<ServerTls>,
    only_proxies_of: Option<EdgePolicy>,
    limits: Limits,
    handle: ListenerHandle,
}

impl Listener {
    /// Binds a TLS listener; port 0 takes a free one.
    ///
    /// # Errors
    /// [`ListenFailed`] names the address and the remedy.
    pub fn tls(address: SocketAddr, tls: ServerTls, limits: Limits) -> Result<Self, ListenFailed> {
        Self::bind(address, Some(tls), limits)
    }

    /// Binds a listener without TLS, for loopback and for networks where a listed proxy ends TLS.
    ///
    /// # Errors
    /// [`ListenFailed`] names the address and the remedy.
    pub fn plaintext(address: SocketAddr, limits: Limits) -> Result<Self, ListenFailed> {
        Self::bind(address, None, limits)
    }

    /// Closes every connection at once that comes from no listed proxy of `edge`. On a listener without TLS
    /// nobody else may speak: what they send was open to all, and their address is all that is known of them.
    #[must_use]
    pub fn only_for_proxies_of(mut self, edge: EdgePolicy) -> Self {
        self.only_proxies_of = Some(edge);
        self
    }

    fn bind(address: SocketAddr, tls: Option<ServerTls>, limits: Limits) -> Result<Self, ListenFailed> {
        let failed = |source| ListenFailed { address, source };
        let socket = TcpListener::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let handle = ListenerHandle(axum_server::Handle::new());
        Ok(Self { socket, address, tls, only_proxies_of: None, limits, handle })
    }

    /// The real address, with the real port.
    #[must_use]
    pub const fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Whether connections are TLS.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// A handle with which the listener can be stopped.
    #[must_use]
    pub fn handle(&self) -> ListenerHandle {
        self.handle.clone()
    }

    /// Serves until the handle stops it. Requests carry [`Peer`](crate::Peer) in their extensions; protocol
    /// upgrades work. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When the socket can't be handed to the runtime.
    pub async fn serve<S, B>(self, service: S) -> io::Result<()>
    where
        S: Service<http::Request<hyper::body::Incoming>, Response = http::Response<B>>
            + Clone
            + Send
            + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Future: Send + 'static,
        B: http_body::Body + Send + 'static,
        B::Data: Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let admission = Admission {
            tls: self.tls,
            only_proxies_of: self.only_proxies_of,
            permits: Arc::new(Semaphore::new(self.limits.maximum_connections)),
            limits: self.limits,
        };
        let mut server = axum_server::from_tcp(self.socket)?.handle(self.handle.0).acceptor(admission);
        configure(server.http_builder(), &self.limits);
        let for_each = tower::service_fn(move |_: SocketAddr| {
            std::future::ready(Ok::<_, std::convert::Infallible>(service.clone()))
        });
        server.serve(for_each).await
    }
}

type HttpBuilder = hyper_util::server::conn::auto::Builder<hyper_util::rt::TokioExecutor>;

fn configure(builder: &mut HttpBuilder, limits: &Limits) {
    let header_bytes = limits.maximum_header_bytes.max(8192);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(header_bytes)
        .max_headers(limits.maximum_headers);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.maximum_streams)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.http2_ping_interval)
        .keep_alive_timeout(limits.http2_ping_interval);
}

/// Stops a listener and watches it.
#[derive(Clone, Debug)]
pub struct ListenerHandle(axum_server::Handle<SocketAddr>);

impl ListenerHandle {
    /// Accepts nothing more, lets running requests end, and cuts off what still runs after `grace`.
    pub fn shut_down(&self, grace: Duration) {
        self.0.graceful_shutdown(Some(grace));
    }

    /// Connections that are open now, those in their handshake included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connection_count()
    }
}

/// The address can't be listened on.
#[derive(Debug)]
pub struct ListenFailed {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

impl fmt::Display for ListenFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remedy = match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                "the port is in use; stop the program that holds it, or choose another port"
            }
            io::ErrorKind::PermissionDenied => {
                "this user may not open the port; choose one from 1024 upwards, or grant the right"
            }
            io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address; choose one of its own, or 0.0.0.0 for all"
            }
            _ => return write!(f, "can't listen on {}: {}", self.address, self.source),
        };
        write!(f, "can't listen on {}: {remedy}", self.address)
    }
}

impl std::error::Error for ListenFailed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;
