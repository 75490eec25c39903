//! A scripted HTTPS server: records what it saw, answers what the test says, on a loopback socket with a
//! certificate of a throw-away CA. It judges nothing; the tests do.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bindery_client::{
    BoundMiddleware, ClientAuthentication, ClientConfiguration, ClientIdentity, Clock, ConfigurationBuilder,
    SenderConstraint, TokenSource, TrustRoots,
};
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::time::UnixTime;
use bindery_crypto::{Signer, SigningKey};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

#[path = "../../../cli/tests/redaction/record.rs"]
#[expect(dead_code, reason = "other suites record processes")]
pub(crate) mod record;

pub(crate) type Response = http::Response<Full<Bytes>>;

/// What to do with one request.
pub(crate) enum Reply {
    Answer(Response),
    /// Close the connection without a word.
    Drop,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) certificate: Option<Vec<u8>>,
}

impl Seen {
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.headers.get("authorization").map(|value| value.to_str().unwrap())
    }

    pub(crate) fn proof(&self) -> Option<&str> {
        assert!(self.headers.get_all("dpop").iter().count() <= 1, "at most one proof");
        self.headers.get("dpop").map(|value| value.to_str().unwrap())
    }

    pub(crate) fn claims(&self) -> Value {
        claims(self.proof().unwrap())
    }

    pub(crate) fn jti(&self) -> String {
        self.claims()["jti"].as_str().unwrap().to_owned()
    }

    pub(crate) fn nonce(&self) -> Option<String> {
        self.claims()["nonce"].as_str().map(str::to_owned)
    }

    pub(crate) fn form(&self) -> HashMap<String, String> {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(&self.body).into_owned().collect();
        let form: HashMap<_, _> = pairs.iter().cloned().collect();
        assert_eq!(form.len(), pairs.len(), "no parameter twice");
        form
    }

    /// The thumbprint-like identity of the proof's key: its `jwk` as text.
    pub(crate) fn key(&self) -> String {
        decoded(self.proof().unwrap(), 0)["jwk"].to_string()
    }
}

pub(crate) fn decoded(jws: &str, segment: usize) -> Value {
    serde_json::from_slice(&base64url::decode(jws.split('.').nth(segment).unwrap()).unwrap()).unwrap()
}

pub(crate) fn claims(jws: &str) -> Value {
    decoded(jws, 1)
}

static CA: LazyLock<CertifiedIssuer<'static, KeyPair>> = LazyLock::new(|| {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
});

pub(crate) fn roots() -> TrustRoots {
    TrustRoots::from_pem(CA.pem().as_bytes()).unwrap()
}

fn certificate(name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let names = vec![name.to_owned(), "127.0.0.1".to_owned()];
    (CertificateParams::new(names).unwrap().signed_by(&key, &CA).unwrap(), key)
}

pub(crate) fn identity() -> ClientIdentity {
    let (certificate, key) = certificate("client.example");
    record::secret("a client's private key", &key.serialize_pem());
    ClientIdentity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap()
}

fn tls(protocols: &[&[u8]]) -> Arc<rustls::ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut store = rustls::RootCertStore::empty();
    store.add(CA.der().clone()).unwrap();
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider.clone())
            .allow_unauthenticated()
            .build()
            .unwrap();
    let (certificate, key) = certificate("localhost");
    let key = rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut configuration = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    configuration.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(configuration)
}

/// Answers the `n`th request (from zero) of those that the script is asked about.
pub(crate) type Script = Box<dyn Fn(&Seen, usize) -> Reply + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) async fn start(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_url(|_| Box::new(script)).await
    }

    /// Over HTTP/2 on request of the client.
    pub(crate) async fn http2(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(|_| Box::new(script), &[b"h2"]).await
    }

    /// For scripts that need to know where they run.
    pub(crate) async fn with_url(script: impl FnOnce(&Url) -> Script) -> Self {
        Self::listen(script, &[b"http/1.1"]).await
    }

    async fn listen(script: impl FnOnce(&Url) -> Script, protocols: &[&[u8]]) -> Self {
        record::listen::install();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
        let script = Arc::new(script(&url));
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let record = Arc::clone(&seen);
        let acceptor = TlsAcceptor::from(tls(protocols));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, script, record) = (acceptor.clone(), Arc::clone(&script), Arc::clone(&record));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let chain = stream.get_ref().1.peer_certificates();
                    let certificate = chain.and_then(|chain| Some(chain.first()?.to_vec()));
                    let service = service_fn(move |request| {
                        answer(request, certificate.clone(), Arc::clone(&script), Arc::clone(&record))
                    });
                    let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { url, seen }
    }

    pub(crate) fn at(&self, path: &str) -> Url {
        self.url.join(path).unwrap()
    }

    /// Requests so far, those for metadata left out.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| !seen.path.contains(".well-known")).cloned().collect()
    }
}

async fn answer(
    request: http::Request<Incoming>,
    certificate: Option<Vec<u8>>,
    script: Arc<Script>,
    record: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response, std::io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes().to_vec();
    record::message::headers(&parts.headers);
    record::message::payload(&body);
    if let Some(certificate) = &certificate {
        record::certificate(certificate);
    }
    let path = parts.uri.path_and_query().unwrap().to_string();
    let seen = Seen { method: parts.method.to_string(), path, headers: parts.headers, body, certificate };
    let count = {
        let mut record = record.lock().unwrap();
        let metadata = seen.path.contains(".well-known");
        let count = record.iter().filter(|seen| seen.path.contains(".well-known") == metadata).count();
        record.push(seen.clone());
        count
    };
    match script(&seen, count) {
        Reply::Answer(response) => {
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
            record::message::headers(&parts.headers);
            record::message::payload(&body);
            Ok(Response::from_parts(parts, Full::from(body)))
        }
        Reply::Drop => Err(std::io::Error::other("dropped by script")),
    }
}

pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut response = http::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Reply::Answer(response.body(Full::from(body.to_owned())).unwrap())
}

pub(crate) fn ok() -> Reply {
    reply(200, &[], "done")
}

pub(crate) fn json_reply(status: u16, headers: &[(&str, &str)], body: &Value) -> Reply {
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    reply(status, &all, &body.to_string())
}

pub(crate) fn granted(number: usize) -> Reply {
    json_reply(200, &[], &json!({"access_token": token(number), "token_type": "DPoP", "expires_in": 300}))
}

/// Access token number `n`; the text that must turn up in no log.
pub(crate) fn token(number: usize) -> String {
    format!("SECRET-access-token-{number}")
}

pub(crate) fn metadata(url: &Url) -> Value {
    let issuer = url.as_str().trim_end_matches('/');
    json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/token"),
        "dpop_signing_alg_values_supported": ["ES256", "EdDSA"],
        "token_endpoint_auth_methods_supported":
            ["private_key_jwt", "client_secret_basic", "tls_client_auth", "none"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "tls_client_certificate_bound_access_tokens": true,
        "response_types_supported": ["code"],
    })
}

/// An authorization server whose token endpoint follows `script`, with usual metadata.
pub(crate) async fn authority(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Server {
    authority_with(|metadata| metadata, script).await
}

/// The same with changed metadata.
pub(crate) async fn authority_with(
    change: impl FnOnce(Value) -> Value,
    script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
) -> Server {
    Server::with_url(|url| {
        let metadata = change(metadata(url));
        Box::new(move |seen, count| match seen.path.as_str() {
            "/.well-known/oauth-authorization-server" => json_reply(200, &[], &metadata),
            path if path.contains(".well-known") => reply(404, &[], ""),
            _ => script(seen, count),
        })
    })
    .await
}

pub(crate) fn issuer(server: &Server) -> String {
    server.url.as_str().trim_end_matches('/').to_owned()
}

pub(crate) fn key() -> Arc<dyn Signer> {
    Arc::new(SigningKey::generate(SignatureAlgorithm::Es256).unwrap())
}

/// A confidential client with `private_key_jwt` and DPoP.
pub(crate) fn confidential(server: &Server) -> ConfigurationBuilder {
    ClientConfiguration::builder(issuer(server), "client-1")
        .authentication(ClientAuthentication::PrivateKeyJwt { signer: key(), key_id: None })
        .sender_constraint(SenderConstraint::Dpop { signer: key() })
        .trust_roots(roots())
}

pub(crate) fn source(builder: ConfigurationBuilder) -> TokenSource {
    TokenSource::new(builder.build().unwrap()).unwrap()
}

/// A client that presents the tokens of `source`.
pub(crate) fn client(source: &TokenSource) -> ClientWithMiddleware {
    let http = source.configuration().http_client_builder().unwrap().build().unwrap();
    ClientBuilder::new(http).with(BoundMiddleware::new(source.clone())).build()
}

/// A clock that tests move.
pub(crate) struct HandClock {
    pub(crate) wall: AtomicI64,
    pub(crate) passed: AtomicU64,
}

impl HandClock {
    /// Behind the real time by `seconds`; the servers' `Date` tells the real one.
    pub(crate) fn behind(seconds: i64) -> Arc<Self> {
        let now = bindery_client::SystemClock.now().as_seconds();
        Arc::new(Self { wall: AtomicI64::new(now - seconds), passed: AtomicU64::new(0) })
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.passed.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.passed.load(Ordering::SeqCst))
    }
}

/// No `jti` occurs twice among the proofs of `seen`.
pub(crate) fn assert_every_proof_is_new(seen: &[Seen]) {
    let distinct: HashSet<String> = seen.iter().map(Seen::jti).collect();
    assert_eq!(distinct.len(), seen.len());
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}
