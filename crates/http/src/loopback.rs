//! Real handshakes on loopback, for the tests of this crate: throw-away certificates, a service that says
//! what it knows of its peer, and clients that speak one protocol over one connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::{Extension, Router};
use bindery_core::mtls::certificate::{CertificateThumbprint, PresentedCertificate};
use bindery_crypto::AwsLc;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::listener::{Limits, Listener, ListenerHandle};
use crate::peer::{ApplicationProtocol, Peer};
use crate::tls::{ClientCertificates, ClientIdentity, ServerTls, client_config};

/// A certificate and its key, PEM and DER.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) der: Vec<u8>,
}

impl Issued {
    pub(crate) fn thumbprint(&self) -> CertificateThumbprint {
        CertificateThumbprint::of(&self.der, &AwsLc)
    }

    pub(crate) fn identity(&self) -> ClientIdentity {
        ClientIdentity::from_pem(self.certificate.as_bytes(), self.key.as_bytes()).unwrap()
    }
}

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) root: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), root }
    }

    pub(crate) fn issue(&self, name: &str) -> Issued {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() }
    }
}

pub(crate) fn self_signed(name: &str) -> Issued {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    Issued { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() }
}

pub(crate) fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// A server that is stopped when the test ends.
pub(crate) struct Running {
    pub(crate) authority: Authority,
    pub(crate) address: SocketAddr,
    pub(crate) tls: ServerTls,
    pub(crate) handle: ListenerHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.shut_down(Duration::ZERO);
    }
}

pub(crate) fn start(clients: ClientCertificates, limits: Limits, service: Router) -> Running {
    let authority = Authority::new();
    let server = authority.issue("localhost");
    let tls = ServerTls::from_pem(server.certificate.as_bytes(), server.key.as_bytes(), clients).unwrap();
    let listener = Listener::tls(any_port(), tls.clone(), limits).unwrap();
    let (address, handle) = (listener.local_address(), listener.handle());
    tokio::spawn(listener.serve(service));
    Running { authority, address, tls, handle }
}

/// Says in headers what it knows of its peer.
pub(crate) fn says_its_peer() -> Router {
    Router::new().fallback(|Extension(peer): Extension<Peer>| async move {
        let certificate = match &peer.certificate {
            PresentedCertificate::Present(certificate) => certificate.thumbprint().to_string(),
            PresentedCertificate::Absent(absence) => format!("{absence:?}"),
        };
        let protocol = match peer.application_protocol {
            Some(ApplicationProtocol::Http1) => "http1",
            Some(ApplicationProtocol::Http2) => "http2",
            None => "none",
        };
        let name = peer.server_name.as_deref().unwrap_or("none").to_owned();
        let port = peer.address.port().to_string();
        [("certificate", certificate), ("protocol", protocol.to_owned()), ("name", name), ("port", port)]
            .into_response()
    })
}

impl Running {
    pub(crate) fn client(&self, identity: Option<&Issued>) -> ClientConfig {
        let identity = identity.map(Issued::identity);
        client_config(self.authority.root.as_bytes(), identity.as_ref()).unwrap()
    }

    pub(crate) async fn handshake(&self, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
        self.handshake_with(Arc::new(config)).await
    }

    pub(crate) async fn handshake_with(
        &self,
        config: Arc<ClientConfig>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(config).connect(name, stream).await
    }

    /// One request over a connection of its own.
    pub(crate) async fn get(
        &self,
        mut config: ClientConfig,
        protocol: ApplicationProtocol,
    ) -> Result<Response<Incoming>, Box<dyn std::error::Error>> {
        config.alpn_protocols = match protocol {
            ApplicationProtocol::Http1 => vec![b"http/1.1".to_vec()],
            ApplicationProtocol::Http2 => vec![b"h2".to_vec()],
        };
        let stream = TokioIo::new(self.handshake(config).await?);
        match protocol {
            ApplicationProtocol::Http1 => {
                let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
                tokio::spawn(connection);
                let request = Request::get("/").header("host", "localhost").body(Body::empty())?;
                Ok(sender.send_request(request).await?)
            }
            ApplicationProtocol::Http2 => {
                let executor = TokioExecutor::new();
                let (mut sender, connection) =
                    hyper::client::conn::http2::handshake(executor, stream).await?;
                tokio::spawn(connection);
                Ok(sender.send_request(Request::get("https://localhost/").body(Body::empty())?).await?)
            }
        }
    }
}

pub(crate) fn header<'r, B>(response: &'r Response<B>, name: &str) -> &'r str {
    response.headers()[name].to_str().unwrap()
}
