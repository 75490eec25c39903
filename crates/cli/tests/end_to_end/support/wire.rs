//! Sockets: raw bytes over TLS for what no HTTP library would send, and reqwest for what one does.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{DEADLINE, Stage};

/// TLS that trusts the stage's authority and offers these protocols.
pub(crate) fn tls(stage: &Stage, protocols: &[&[u8]]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(stage.authority.root_der())).unwrap();
    let mut config = ClientConfig::builder_with_provider(bindery_http::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

/// A plain HTTP/1.1 client of the stage.
pub(crate) fn http_client(stage: &Stage) -> reqwest::Client {
    let builder = reqwest::Client::builder().tls_backend_preconfigured(tls(stage, &[b"http/1.1"]));
    builder.no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(DEADLINE).build().unwrap()
}

/// What came back on a socket.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The first status line's code; nothing when the connection was closed without an answer.
    pub(crate) status: Option<u16>,
    /// Everything.
    pub(crate) text: String,
}

impl Reply {
    /// Whether any of the answers is a success: a smuggled second request would have one of its own.
    pub(crate) fn has_success(&self) -> bool {
        self.text.lines().any(|line| line.starts_with("HTTP/1.1 2"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().take_while(|line| !line.is_empty()).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// An open TLS connection.
pub(crate) struct Wire(StreamOwned<ClientConnection, TcpStream>);

impl Wire {
    pub(crate) fn open(stage: &Stage, address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(tls(stage, &[b"http/1.1"])), name).unwrap();
        Self(StreamOwned::new(connection, socket))
    }

    /// Sends; a peer that has hung up already is the reader's discovery.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).and_then(|()| self.0.flush());
    }

    /// Reads until `text` has come.
    pub(crate) fn read_until(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&seen).contains(text) {
            let length = self.0.read(&mut buffer).unwrap();
            assert_ne!(length, 0, "closed before {text:?}: {}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&buffer[..length]);
        }
        String::from_utf8_lossy(&seen).into_owned()
    }

    /// Reads until the peer closes, or is silent for `patience` after it has said something.
    pub(crate) fn read_to_end(&mut self, patience: Duration) -> Reply {
        self.0.sock.set_read_timeout(Some(patience)).unwrap();
        let mut seen = Vec::new();
        let mut buffer = [0; 16 * 1024];
        while let Ok(length) = self.0.read(&mut buffer) {
            if length == 0 {
                break;
            }
            seen.extend_from_slice(&buffer[..length]);
        }
        let text = String::from_utf8_lossy(&seen).into_owned();
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        Reply { status, text }
    }
}

/// One request, written as it stands, and everything that came back.
pub(crate) fn exchange(stage: &Stage, address: SocketAddr, request: &[u8]) -> Reply {
    let mut wire = Wire::open(stage, address);
    wire.send(request);
    wire.read_to_end(DEADLINE)
}
