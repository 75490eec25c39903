//! A gateway on loopback, the application behind it, and clients in front of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bindery_gateway::{Gateway, GatewayConfiguration, GatewayParts};
use bindery_http::listener::{Limits, Listener, ListenerHandle};
use bindery_http::tls::{ClientIdentity, client_config};
use bindery_http::{ClientCertificates, ManualClock};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::application;
use crate::world::{Authority, Client, Issued, Issuer, Notes, PUBLIC, START, any_port, old_memory};

/// Routes of every scene: `/` is enforced.
const ROUTES: &str = "
[[guard.route]]
path = \"/observed\"
mode = \"observe\"
[[guard.route]]
path = \"/warned\"
mode = \"warn\"
[[guard.route]]
path = \"/fresh\"
nonce_required = true
[[guard.route]]
path = \"/bearer\"
mechanisms = [\"dpop\", \"mtls\", \"dangerous_bearer\"]
";

pub(crate) struct Scene {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) issuer: Issuer,
    pub(crate) gateway: Gateway,
    pub(crate) address: SocketAddr,
    pub(crate) handle: ListenerHandle,
    application: Option<ListenerHandle>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.handle.shut_down(Duration::ZERO);
        if let Some(application) = &self.application {
            application.shut_down(Duration::ZERO);
        }
    }
}

impl Scene {
    /// In front of [`application::router`] without TLS.
    pub(crate) fn new() -> Self {
        Self::with("", "")
    }

    /// `top` and `upstream` are further options.
    pub(crate) fn with(top: &str, upstream: &str) -> Self {
        Self::before(application::router(), top, upstream)
    }

    pub(crate) fn before(application: Router, top: &str, upstream: &str) -> Self {
        let listener = Listener::plaintext(any_port(), Limits::default()).unwrap();
        let url = format!("http://{}", listener.local_address());
        let mut scene = Self::in_front_of(&Arc::new(Authority::new()), &url, top, upstream);
        scene.application = Some(listener.handle());
        tokio::spawn(listener.serve(application));
        scene
    }

    /// In front of whatever listens at `url`, or of nothing.
    pub(crate) fn in_front_of(authority: &Arc<Authority>, url: &str, top: &str, upstream: &str) -> Self {
        let authority = Arc::clone(authority);
        let issuer = Issuer::start(&authority);
        let clock = Arc::new(ManualClock::new(START));
        let text = format!(
            "{top}\n[guard]\npublic_urls = [\"{PUBLIC}\"]\n{}{ROUTES}\n[upstream]\nurl = \"{url}\"\n{upstream}\n",
            issuer.table().replace("[[issuer]]", "[[guard.issuer]]"),
        );
        let configuration: GatewayConfiguration = toml::from_str(&text).unwrap();
        let parts = GatewayParts {
            replay: old_memory(),
            clock: Arc::clone(&clock) as _,
            http_client: authority.http_client(),
            observer: Some(Arc::new(Notes::default())),
            metrics: bindery_gateway::GatewayMetrics::default(),
        };
        let gateway = configuration.into_gateway(parts).unwrap();
        let listener = authority.listen(ClientCertificates::Asked);
        let (address, handle) = (listener.local_address(), listener.handle());
        tokio::spawn(listener.serve(gateway.service()));
        Self { clock, authority, issuer, gateway, address, handle, application: None }
    }

    /// A client with a key, and a token that is bound to it.
    pub(crate) fn client(&self) -> (Client, String) {
        let client = Client::new(&self.clock);
        let token = self.issuer.token(client.cnf());
        (client, token)
    }

    pub(crate) async fn tls(&self, identity: Option<&Issued>, protocol: &[u8]) -> TlsStream<TcpStream> {
        let identity = identity.map(|issued| {
            crate::world::record::certificate(&issued.der);
            ClientIdentity::from_pem(issued.certificate.as_bytes(), issued.key.as_bytes()).unwrap()
        });
        let mut config = client_config(self.authority.root.as_bytes(), identity.as_ref()).unwrap();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    pub(crate) async fn http1(&self, identity: Option<&Issued>) -> http1::SendRequest<Body> {
        let stream = TokioIo::new(self.tls(identity, b"http/1.1").await);
        let (sender, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        sender
    }

    pub(crate) async fn http2(&self) -> http2::SendRequest<Body> {
        let stream = TokioIo::new(self.tls(None, b"h2").await);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// One HTTP/1.1 request over a connection of its own.
    pub(crate) async fn send(&self, request: http::request::Builder) -> Answer {
        self.send_body(request, Body::empty()).await
    }

    pub(crate) async fn send_body(&self, request: http::request::Builder, body: Body) -> Answer {
        let request = request.header("host", "api.example").body(body).unwrap();
        Answer::of(self.http1(None).await.send_request(request).await.unwrap()).await
    }
}

/// A request with token and proof; unlike the guard's tests it has no peer yet.
pub(crate) fn proven(client: &Client, method: &str, path: &str, token: &str) -> http::request::Builder {
    let judged = path.strip_prefix(PUBLIC).unwrap_or(path).split('?').next().unwrap();
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", client.proof(method, judged, token))
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let collected = body.collect().await.unwrap();
        let trailers = collected.trailers().cloned();
        let text = String::from_utf8(collected.to_bytes().to_vec()).unwrap();
        Self { status: parts.status, headers: parts.headers, trailers, text }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// All values of a header that the application received.
    pub(crate) fn received(&self, name: &str) -> Vec<String> {
        let json = self.json();
        let headers = json["headers"].as_array().unwrap();
        let named = headers.iter().filter(|header| header[0] == name);
        named.map(|header| header[1].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }
}

/// A body whose chunks the test sends one by one.
pub(crate) fn by_hand() -> (mpsc::Sender<&'static str>, Body) {
    let (sender, receiver) = mpsc::channel(1);
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
        let chunk: &str = receiver.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(chunk)), receiver))
    });
    (sender, Body::from_stream(stream))
}
