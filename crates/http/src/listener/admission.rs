//! From an accepted socket to a stream that HTTP may read: a place among the connections, the handshake
//! under its deadline, and the peer's facts, computed here once and cloned into every request.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_server::accept::Accept;
use bindery_core::mtls::certificate::{CertificateAbsence, ClientCertificate, PresentedCertificate};
use bindery_crypto::AwsLc;
use rustls::ServerConnection;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::Limits;
use super::activity::{Activity, Answering, Watched};
use super::opening::{Opening, Transport};
use crate::edge_policy::EdgePolicy;
use crate::peer::{ApplicationProtocol, Peer};
use crate::tls::{ClientCertificates, ServerTls};

#[derive(Clone)]
pub(super) struct Admission {
    pub(super) tls: Option<ServerTls>,
    pub(super) only_proxies_of: Option<EdgePolicy>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) limits: Limits,
}

type Admitted<S> = io::Result<(Opening, WithPeer<S>)>;

impl<S: Send + 'static> Accept<TcpStream, S> for Admission {
    type Stream = Opening;
    type Service = WithPeer<S>;
    type Future = Pin<Box<dyn Future<Output = Admitted<S>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let admission = self.clone();
        Box::pin(async move {
            let activity = Activity::new();
            let (stream, peer) = admission.admit(stream, activity.clone()).await?;
            Ok((stream, WithPeer { service, peer, activity }))
        })
    }
}

impl Admission {
    async fn admit(self, stream: TcpStream, activity: Activity) -> io::Result<(Opening, Peer)> {
        let Ok(permit) = self.permits.try_acquire_owned() else {
            tracing::warn!("closed a connection at once: the listener holds as many as it may");
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        stream.set_nodelay(true)?;
        let mut peer = Peer::plaintext(stream.peer_addr()?);
        peer.address.set_ip(peer.address.ip().to_canonical());
        let transport: Box<dyn Transport> = match self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let acceptor = TlsAcceptor::from(tls.config());
                let handshake = tokio::time::timeout(self.limits.handshake_timeout, acceptor.accept(stream));
                let stream = match handshake.await {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(error)) => {
                        // rustls' words name a rule of TLS, never the bytes that broke it.
                        tracing::debug!(peer = %peer.address, %error, "handshake failed");
                        return Err(error);
                    }
                    Err(_) => {
                        tracing::debug!(peer = %peer.address, "handshake took too long");
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                };
                learn(&mut peer, stream.get_ref().1, tls.client_certificates());
                Box::new(stream)
            }
        };
        if let Some(edge) = &self.only_proxies_of
            && edge.trusted_proxies().and_then(|proxies| proxies.confirm_peer(&peer)).is_none()
        {
            tracing::warn!(peer = %peer.address, "closed a connection: it comes from no listed proxy");
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok((Opening::new(transport, &self.limits, activity, permit), peer))
    }
}

fn learn(peer: &mut Peer, connection: &ServerConnection, clients: ClientCertificates) {
    peer.encrypted = true;
    peer.server_name = connection.server_name().map(Arc::from);
    peer.application_protocol = match connection.alpn_protocol() {
        Some(b"h2") => Some(ApplicationProtocol::Http2),
        Some(b"http/1.1") => Some(ApplicationProtocol::Http1),
        _ => None,
    };
    // Element 0 is the one whose key was proven; what follows is only what the client sent (CVE-2023-2422).
    peer.certificate = match connection.peer_certificates().and_then(<[_]>::split_first) {
        Some((leaf, rest)) => {
            let rest = rest.iter().map(|certificate| certificate.to_vec()).collect();
            PresentedCertificate::Present(ClientCertificate::new(leaf.to_vec(), rest, &AwsLc))
        }
        None => PresentedCertificate::Absent(match clients {
            ClientCertificates::Asked => CertificateAbsence::NotOffered,
            ClientCertificates::NotAsked => CertificateAbsence::NotAsked,
        }),
    };
}

/// A service whose requests carry their peer, and are counted while they run.
#[derive(Clone)]
pub(super) struct WithPeer<S> {
    service: S,
    peer: Peer,
    activity: Activity,
}

impl<S, B, R> Service<http::Request<B>> for WithPeer<S>
where
    S: Service<http::Request<B>, Response = http::Response<R>>,
{
    type Response = http::Response<Watched<R>>;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.peer.clone());
        let running = self.activity.begin();
        Answering::new(self.service.call(request), running)
    }
}
