//! What the listener knows of the other end of a connection, learnt once in the handshake and put into
//! the extensions of each of its requests. Nothing here comes from a request's headers.

use std::net::SocketAddr;
use std::sync::Arc;

use bindery_core::mtls::certificate::{CertificateAbsence, PresentedCertificate};

/// The application protocol agreed on in the handshake (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationProtocol {
    /// `http/1.1`.
    Http1,
    /// `h2`.
    Http2,
}

/// The other end of a connection. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Address and port of the socket; IPv4 addresses in IPv6 dress are undressed.
    pub address: SocketAddr,
    /// The certificate whose key the peer proved to hold in our handshake, or why there is none. Of a
    /// trusted proxy this is the proxy's own; [`presented`](crate::presented) tells the client's.
    pub certificate: PresentedCertificate,
    /// The host name of the handshake (SNI), lower-case as rustls gives it.
    pub server_name: Option<Arc<str>>,
    /// What ALPN chose; `None` when the client offered nothing, or without TLS.
    pub application_protocol: Option<ApplicationProtocol>,
    /// Whether the connection is TLS that we ended ourselves.
    pub encrypted: bool,
}

impl Peer {
    /// A peer of a plaintext connection.
    #[must_use]
    pub const fn plaintext(address: SocketAddr) -> Self {
        Self {
            address,
            certificate: PresentedCertificate::Absent(CertificateAbsence::NotAsked),
            server_name: None,
            application_protocol: None,
            encrypted: false,
        }
    }
}
