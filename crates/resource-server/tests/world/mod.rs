//! What the tests of the guard and of the gateway share: an authorization server of a few lines over real
//! TLS (keys and introspection, with counters), clients that sign proofs, and a clock that is moved by hand.

pub(crate) mod door;
#[path = "../../../cli/tests/redaction/record.rs"]
#[expect(dead_code, reason = "other suites record processes")]
pub(crate) mod record;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bindery_core::crypto::Cryptography as _;
use bindery_core::dpop::proof_builder::{ProofClaims, unsigned_proof};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jws;
use bindery_core::mtls::certificate::{CertificateThumbprint, ClientCertificate, PresentedCertificate};
use bindery_core::rejection::Rejection;
use bindery_core::resource::AuthorizedRequest;
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, Signer as _, SigningKey, random_bytes, random_identifier};
use bindery_http::listener::{Limits, Listener, ListenerHandle};
use bindery_http::tls::{ServerTls, client_config};
use bindery_http::{ClientCertificates, Clock as _, ManualClock, Peer};
use bindery_resource_server::observer::Observer;
use bindery_resource_server::outbound::http_client_builder;
use bindery_resource_server::{GuardConfiguration, Mode, Route};
use bindery_store::memory::ReplayMemory;
use http::StatusCode;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::{Value, json};

/// When the tests take place.
pub(crate) const START: UnixTime = UnixTime::from_seconds(1_800_000_000);
/// Where clients think that the resource server is.
pub(crate) const PUBLIC: &str = "https://api.example";

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) der: Vec<u8>,
}

impl Issued {
    pub(crate) fn thumbprint(&self) -> String {
        CertificateThumbprint::of(&self.der, &AwsLc).to_string()
    }

    /// The certificate in the base64 of PEM, on one line (RFC 9440 section 2.1).
    pub(crate) fn standard_base64(&self) -> String {
        record::certificate(&self.der);
        self.certificate.lines().filter(|line| !line.starts_with("-----")).collect()
    }

    pub(crate) fn presented(&self) -> PresentedCertificate {
        record::certificate(&self.der);
        PresentedCertificate::Present(ClientCertificate::new(self.der.clone(), Vec::new(), &AwsLc))
    }
}

/// A throw-away certification authority.
pub(crate) struct Authority {
    issuer: rcgen::Issuer<'static, KeyPair>,
    pub(crate) root: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        record::listen::install();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().pem();
        Self { issuer: rcgen::Issuer::new(params, key), root }
    }

    pub(crate) fn issue(&self, name: &str) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        record::secret("a private key", &key.serialize_pem());
        Issued { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() }
    }

    pub(crate) fn listen(&self, clients: ClientCertificates) -> Listener {
        let server = self.issue("localhost");
        let tls = ServerTls::from_pem(server.certificate.as_bytes(), server.key.as_bytes(), clients).unwrap();
        Listener::tls(any_port(), tls, Limits::default()).unwrap()
    }

    pub(crate) fn http_client(&self) -> reqwest::Client {
        let tls = client_config(self.root.as_bytes(), None).unwrap();
        http_client_builder().tls_backend_preconfigured(tls).build().unwrap()
    }
}

/// Written down, and handed on.
fn kept(what: &str, secret: String) -> String {
    record::secret(what, &secret);
    secret
}

pub(crate) fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Claims of an access token, before it is signed.
pub(crate) type Claims = serde_json::Map<String, Value>;

#[derive(Default)]
pub(crate) struct IssuerState {
    jwks: Mutex<Value>,
    pub(crate) key_fetches: AtomicUsize,
    pub(crate) introspections: AtomicUsize,
    pub(crate) down: AtomicBool,
    opaque: Mutex<BTreeMap<String, Value>>,
}

/// An authorization server.
pub(crate) struct Issuer {
    pub(crate) url: String,
    pub(crate) state: Arc<IssuerState>,
    signing: Mutex<(String, Arc<SigningKey>)>,
    handle: ListenerHandle,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.handle.shut_down(Duration::ZERO);
    }
}

impl Issuer {
    pub(crate) fn start(authority: &Authority) -> Self {
        let listener = authority.listen(ClientCertificates::NotAsked);
        let state = Arc::new(IssuerState::default());
        let router = Router::new()
            .route("/jwks", get(serve_keys))
            .route("/introspect", post(introspect))
            .with_state(Arc::clone(&state));
        let url = format!("https://localhost:{}", listener.local_address().port());
        let handle = listener.handle();
        tokio::spawn(listener.serve(router));
        let key = Arc::new(SigningKey::generate(SignatureAlgorithm::Es256).unwrap());
        let issuer = Self { url, state, signing: Mutex::new((String::new(), key)), handle };
        issuer.rotate("first");
        issuer
    }

    /// Replaces the signing key, and publishes only the new one.
    pub(crate) fn rotate(&self, key_id: &str) {
        let key = Arc::new(SigningKey::generate(SignatureAlgorithm::Es256).unwrap());
        let mut jwk = key.public_key().to_jwk();
        jwk.insert("kid".into(), key_id.into());
        *self.state.jwks.lock().unwrap() = json!({"keys": [jwk]});
        *self.signing.lock().unwrap() = (key_id.to_owned(), key);
    }

    pub(crate) fn claims(&self, cnf: Option<Value>) -> Claims {
        let now = START.as_seconds();
        let claims = json!({
            "iss": self.url, "sub": "alice", "client_id": "client-1", "aud": PUBLIC, "scope": "read write",
            "jti": random_identifier().unwrap(), "iat": now - 10, "exp": now + 7200,
        });
        let Value::Object(mut claims) = claims else { unreachable!() };
        claims.extend(cnf.map(|cnf| ("cnf".into(), cnf)));
        claims
    }

    pub(crate) fn token(&self, cnf: Option<Value>) -> String {
        self.sign(&self.claims(cnf))
    }

    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let key_id = self.signing.lock().unwrap().0.clone();
        self.sign_as(&key_id, claims)
    }

    /// Signs a JWT of another type.
    pub(crate) fn sign_typed(&self, typ: &str, claims: &Value) -> String {
        let (key_id, key) = self.signing.lock().unwrap().clone();
        let header = json!({"typ": typ, "alg": "ES256", "kid": key_id}).to_string();
        let input = jws::signing_input(header.as_bytes(), claims.to_string().as_bytes());
        let signature = key.sign(&input).unwrap();
        kept("a signed answer", jws::attach_signature(input, &signature))
    }

    /// Signs under a `kid` of the caller's choice.
    pub(crate) fn sign_as(&self, key_id: &str, claims: &Claims) -> String {
        let key = Arc::clone(&self.signing.lock().unwrap().1);
        let header = json!({"typ": "at+jwt", "alg": "ES256", "kid": key_id}).to_string();
        let payload = Value::Object(claims.clone()).to_string();
        let input = jws::signing_input(header.as_bytes(), payload.as_bytes());
        let signature = key.sign(&input).unwrap();
        kept("an access token", jws::attach_signature(input, &signature))
    }

    /// An opaque token about which introspection answers `answer`.
    pub(crate) fn opaque(&self, answer: Value) -> String {
        let token = kept("an opaque access token", random_identifier().unwrap());
        self.state.opaque.lock().unwrap().insert(token.clone(), answer);
        token
    }

    pub(crate) fn answer_about(&self, token: &str, answer: Value) {
        self.state.opaque.lock().unwrap().insert(token.to_owned(), answer);
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.state.down.store(down, Ordering::SeqCst);
    }

    /// The `[[issuer]]` table by which a guard trusts it.
    pub(crate) fn table(&self) -> String {
        format!(
            "[[issuer]]\nissuer = \"{url}\"\naudiences = [\"{PUBLIC}\"]\njwks_uri = \"{url}/jwks\"\n",
            url = self.url
        )
    }

    /// The same, for opaque tokens too.
    pub(crate) fn introspection_table(&self, secret: &Path) -> String {
        format!(
            "{}[issuer.introspection]\nendpoint = \"{}/introspect\"\nclient_id = \"guard\"\n\
             client_secret_file = \"{}\"\n",
            self.table(),
            self.url,
            secret.display()
        )
    }
}

async fn serve_keys(State(state): State<Arc<IssuerState>>) -> Response {
    state.key_fetches.fetch_add(1, Ordering::SeqCst);
    if state.down.load(Ordering::SeqCst) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    axum::Json(state.jwks.lock().unwrap().clone()).into_response()
}

async fn introspect(
    State(state): State<Arc<IssuerState>>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    state.introspections.fetch_add(1, Ordering::SeqCst);
    if state.down.load(Ordering::SeqCst) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let answer = state.opaque.lock().unwrap().get(&form["token"]).cloned();
    match answer.unwrap_or_else(|| json!({"active": false})) {
        Value::String(text) => text.into_response(),
        answer => axum::Json(answer).into_response(),
    }
}

/// A client with a DPoP key.
pub(crate) struct Client {
    key: SigningKey,
    clock: Arc<ManualClock>,
}

impl Client {
    pub(crate) fn new(clock: &Arc<ManualClock>) -> Self {
        record::listen::install();
        let key = SigningKey::generate(SignatureAlgorithm::Es256).unwrap();
        record::secret("a client's private key", &key.to_pkcs8_pem());
        Self { key, clock: Arc::clone(clock) }
    }

    pub(crate) fn jkt(&self) -> String {
        self.key.thumbprint().to_string()
    }

    pub(crate) fn cnf(&self) -> Option<Value> {
        Some(json!({"jkt": self.jkt()}))
    }

    /// A fresh proof for a path below [`PUBLIC`].
    pub(crate) fn proof(&self, method: &str, path: &str, token: &str) -> String {
        self.proof_with(method, path, token, None, &random_identifier().unwrap(), self.clock.now())
    }

    pub(crate) fn proof_with_nonce(&self, path: &str, token: &str, nonce: &str) -> String {
        let identifier = random_identifier().unwrap();
        self.proof_with("GET", path, token, Some(nonce), &identifier, self.clock.now())
    }

    pub(crate) fn proof_with(
        &self,
        method: &str,
        path: &str,
        token: &str,
        nonce: Option<&str>,
        identifier: &str,
        issued_at: UnixTime,
    ) -> String {
        let claims = ProofClaims {
            identifier,
            method,
            target: &format!("{PUBLIC}{path}"),
            issued_at,
            access_token_hash: Some(&AwsLc.sha256(&[token.as_bytes()])),
            nonce,
        };
        let input = unsigned_proof(self.key.public_key(), SignatureAlgorithm::Es256, &claims);
        let signature = self.key.sign(&input).unwrap();
        kept("a DPoP proof", jws::attach_signature(input, &signature))
    }

    /// A request with a fresh proof.
    pub(crate) fn get(&self, path: &str, token: &str) -> http::request::Builder {
        let proof = self.proof("GET", path, token);
        with_proof(path, token, &proof)
    }
}

/// A GET with this proof, as it arrives from a loopback peer without certificate.
pub(crate) fn with_proof(path: &str, token: &str, proof: &str) -> http::request::Builder {
    http::Request::get(path)
        .extension(peer(None))
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", proof)
}

/// A GET with a token under `Bearer`.
pub(crate) fn as_bearer(path: &str, token: &str, certificate: Option<&Issued>) -> http::request::Builder {
    http::Request::get(path).extension(peer(certificate)).header("authorization", format!("Bearer {token}"))
}

/// A peer on loopback, as our own listener would have described it.
pub(crate) fn peer(certificate: Option<&Issued>) -> Peer {
    let mut peer = Peer::plaintext(any_port());
    peer.encrypted = true;
    if let Some(certificate) = certificate {
        peer.certificate = certificate.presented();
    }
    peer
}

/// A replay memory that began an hour ago.
pub(crate) fn old_memory() -> ReplayMemory {
    memory_since(START.minus(Duration::from_secs(3600)))
}

pub(crate) fn memory_since(start: UnixTime) -> ReplayMemory {
    ReplayMemory::new(100_000, start, random_bytes().unwrap())
}

/// Remembers what it was told.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<(&'static str, Mode)>>);

impl Notes {
    /// The reasons of all rejections so far.
    pub(crate) fn reasons(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(|(reason, _)| *reason).collect()
    }
}

impl Observer for Notes {
    fn admitted(&self, _: &AuthorizedRequest, route: &Route) {
        self.0.lock().unwrap().push(("admitted", route.mode));
    }

    fn rejected(&self, rejection: &Rejection, mode: Mode, _: &str, _: &str) {
        self.0.lock().unwrap().push((rejection.reason(), mode));
    }
}

/// Reads a guard's configuration: options first, then tables.
pub(crate) fn configuration(options: &str, tables: &str) -> GuardConfiguration {
    toml::from_str(&format!("public_urls = [\"{PUBLIC}\"]\n{options}\n{tables}")).unwrap()
}
