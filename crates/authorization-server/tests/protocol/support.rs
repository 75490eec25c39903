//! One server with one client of each kind, a clock moved by hand, and the means to speak to it as any of
//! them: requests go through the router with the peer that a listener would have put there.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use bindery_authorization_server::{AuthorizationServer, SealingKey, ServerConfiguration, ServerParts};
use bindery_core::dpop::proof_builder::{ProofClaims, unsigned_proof};
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jws::{attach_signature, signing_input};
use bindery_core::mtls::certificate::{CertificateAbsence, ClientCertificate, PresentedCertificate};
use bindery_core::time::UnixTime;
use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::{AwsLc, Signer as _, SigningKey};
use bindery_http::{Clock as _, ManualClock, Peer};
use bindery_store::AuthorizationStore;
use bindery_store::memory::{MemoryStore, ReplayMemory};
use http::{HeaderMap, Request, StatusCode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use serde_json::{Value, json};

pub(crate) use crate::clients::Setup;
use crate::exchange::exchange;
use crate::metrics::EveryCauseIsNamed;

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const MTLS: &str = "https://mtls.id.example";
pub(crate) const API: &str = "https://api.example";
pub(crate) const OTHER_API: &str = "https://other.example";
pub(crate) const SECRET: &str = "a-secret-of-more-than-thirty-two-characters";
pub(crate) const START: i64 = 1_800_000_000;
/// What the servers' key file holds.
pub(crate) const KEY_FILE: [u8; 32] = [5; 32];

pub(crate) type Ca = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn ca(name: &str) -> Ca {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for client authentication: by `ca`, or self-signed.
pub(crate) fn certificate(
    common_name: &str,
    names: Vec<SanType>,
    ca: Option<&Ca>,
) -> (ClientCertificate, KeyPair) {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
    params.subject_alt_names = names;
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let der = match ca {
        Some(ca) => params.signed_by(&key, ca).unwrap().der().to_vec(),
        None => params.self_signed(&key).unwrap().der().to_vec(),
    };
    (ClientCertificate::new(der, Vec::new(), &AwsLc), key)
}

/// The JWK of a certificate's key, with the certificate in `x5c`.
pub(crate) fn certificate_jwk(certificate: &ClientCertificate) -> Value {
    use base64_standard as encode;
    let key = bindery_core::mtls::subject::public_key_of(certificate.leaf()).unwrap();
    let mut jwk = key.to_jwk();
    jwk.insert("x5c".into(), json!([encode(certificate.leaf())]));
    jwk.into()
}

/// Standard base64 with padding, as `x5c` and Basic want it.
pub(crate) fn base64_standard(bytes: &[u8]) -> String {
    let url = base64url::encode(bytes);
    let mut text: String = url
        .chars()
        .map(|character| match character {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

pub(crate) fn key() -> SigningKey {
    SigningKey::generate(SignatureAlgorithm::Es256).unwrap()
}

pub(crate) struct World {
    pub(crate) server: AuthorizationServer,
    pub(crate) router: Router,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn AuthorizationStore>,
    pub(crate) ca: Ca,
    pub(crate) other_ca: Ca,
    /// The assertion key of `jwt-client` and the other private_key_jwt clients.
    pub(crate) assertion_key: SigningKey,
    pub(crate) pki_certificate: ClientCertificate,
    pub(crate) self_signed: ClientCertificate,
    key_file: tempfile::NamedTempFile,
    counter: AtomicU64,
    _causes: EveryCauseIsNamed,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body
    }

    #[track_caller]
    pub(crate) fn error(&self, status: u16, error: &str) -> &Self {
        assert_eq!(
            (self.status.as_u16(), self.body["error"].as_str()),
            (status, Some(error)),
            "{}",
            self.body
        );
        assert!(self.body.get("access_token").is_none());
        self.no_store()
    }

    #[track_caller]
    pub(crate) fn reason(&self, reason: &str) -> &Self {
        assert_eq!(self.body["reason"], reason);
        self
    }

    #[track_caller]
    pub(crate) fn no_store(&self) -> &Self {
        assert_eq!(self.headers["cache-control"], "no-store");
        self
    }

    #[track_caller]
    pub(crate) fn nonce(&self) -> String {
        let nonces: Vec<_> = self.headers.get_all("dpop-nonce").iter().collect();
        assert_eq!(nonces.len(), 1, "exactly one DPoP-Nonce");
        nonces[0].to_str().unwrap().to_owned()
    }
}

/// A request in the making.
#[derive(Clone, Default)]
pub(crate) struct Call {
    path: String,
    form: Vec<(String, String)>,
    headers: Vec<(&'static str, String)>,
    certificate: Option<ClientCertificate>,
    raw_body: Option<String>,
    from: Option<IpAddr>,
}

impl Call {
    pub(crate) fn to(path: &str) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    pub(crate) fn token(grant_type: &str) -> Self {
        Self::to("/token").with("grant_type", grant_type)
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.form.push((name.into(), value.into()));
        self
    }

    /// To another path.
    pub(crate) fn at(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }

    /// With another value of a parameter.
    pub(crate) fn replacing(mut self, name: &str, value: &str) -> Self {
        self.form.retain(|(given, _)| given != name);
        self.with(name, value)
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.form.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn dpop(self, proof: impl Into<String>) -> Self {
        self.header("dpop", proof)
    }

    pub(crate) fn basic(self, id: &str, secret: &str) -> Self {
        self.header(
            "authorization",
            format!("Basic {}", base64_standard(format!("{id}:{secret}").as_bytes())),
        )
    }

    pub(crate) fn assertion(self, assertion: impl Into<String>) -> Self {
        self.with("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            .with("client_assertion", assertion)
    }

    pub(crate) fn certificate(mut self, certificate: &ClientCertificate) -> Self {
        self.certificate = Some(certificate.clone());
        self
    }

    /// From another address than loopback.
    pub(crate) fn from(mut self, address: &str) -> Self {
        self.from = Some(address.parse().unwrap());
        self
    }

    pub(crate) fn raw_body(mut self, body: &str) -> Self {
        self.raw_body = Some(body.into());
        self
    }
}

impl Setup {
    pub(crate) async fn start(self) -> World {
        let clock = Arc::new(ManualClock::new(UnixTime::from_seconds(START)));
        let claims = ReplayMemory::new(100_000, clock.now(), [7; 16]);
        let store: Arc<dyn AuthorizationStore> = Arc::new(MemoryStore::new(claims));
        self.start_on(store, clock).await
    }

    pub(crate) async fn start_on(self, store: Arc<dyn AuthorizationStore>, clock: Arc<ManualClock>) -> World {
        crate::logging::install();
        let configuration: ServerConfiguration = serde_json::from_value(self.configuration).unwrap();
        let key_file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(key_file.path(), KEY_FILE).unwrap();
        let key = SealingKey::from_file(key_file.path()).unwrap();
        let mut parts = ServerParts::new(store.clone(), clock.clone(), key);
        parts.key_fetcher = self.key_fetcher;
        parts.outbound = self.outbound;
        parts.edge = self.edge;
        let server = AuthorizationServer::start(&configuration, parts).await.unwrap();
        // Past the time from which proofs could be older than the replay memory.
        clock.advance(Duration::from_secs(100));
        let (pki_certificate, _) = certificate("pki-client", Vec::new(), Some(&self.ca));
        World {
            router: server.router(),
            _causes: EveryCauseIsNamed::of(&server),
            server,
            clock,
            store,
            ca: self.ca,
            other_ca: self.other_ca,
            assertion_key: self.assertion_key,
            pki_certificate,
            self_signed: self.self_signed,
            key_file,
            counter: AtomicU64::new(0),
        }
    }
}

pub(crate) async fn world() -> World {
    Setup::new().start().await
}

impl World {
    /// Another server on the same store, as a second replica would be.
    pub(crate) async fn another(&self, configuration: Value) -> AuthorizationServer {
        let configuration: ServerConfiguration = serde_json::from_value(configuration).unwrap();
        let key = SealingKey::from_file(self.key_file.path()).unwrap();
        let parts = ServerParts::new(self.store.clone(), self.clock.clone(), key);
        AuthorizationServer::start(&configuration, parts).await.unwrap()
    }

    /// Tries to start another, and says why it does not.
    pub(crate) async fn try_another(
        &self,
        configuration: &ServerConfiguration,
    ) -> Result<AuthorizationServer, bindery_authorization_server::StartFailed> {
        let key = SealingKey::from_file(self.key_file.path()).unwrap();
        let parts = ServerParts::new(self.store.clone(), self.clock.clone(), key);
        AuthorizationServer::start(configuration, parts).await
    }

    /// The same, with a way to call clients.
    pub(crate) async fn another_that_calls(
        &self,
        configuration: Value,
        outbound: Arc<dyn bindery_authorization_server::Outbound>,
    ) -> AuthorizationServer {
        let configuration: ServerConfiguration = serde_json::from_value(configuration).unwrap();
        let key = SealingKey::from_file(self.key_file.path()).unwrap();
        let mut parts = ServerParts::new(self.store.clone(), self.clock.clone(), key);
        parts.outbound = Some(outbound);
        AuthorizationServer::start(&configuration, parts).await.unwrap()
    }

    pub(crate) fn unique(&self) -> String {
        format!("id-{}", self.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// The server's time, in seconds.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_seconds()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        self.send_to(&self.router, call).await
    }

    /// To another server.
    pub(crate) async fn send_to(&self, router: &Router, call: Call) -> Answer {
        let body = call.raw_body.unwrap_or_else(|| form(&call.form));
        let mut request = Request::post(&call.path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        for (name, value) in call.headers {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let from = call.from.unwrap_or(Ipv4Addr::LOCALHOST.into());
        dispatch_to(router, from, request, call.certificate).await
    }

    pub(crate) async fn dispatch(
        &self,
        request: Request<Body>,
        certificate: Option<ClientCertificate>,
    ) -> Answer {
        dispatch_to(&self.router, Ipv4Addr::LOCALHOST.into(), request, certificate).await
    }

    /// A good assertion of `client_id`, with `changes` (`null` removes a claim).
    pub(crate) fn assertion_with(&self, client_id: &str, changes: &Value) -> String {
        let now = self.clock.now().as_seconds();
        let mut claims = json!({
            "iss": client_id, "sub": client_id, "aud": ISSUER, "jti": self.unique(), "iat": now, "exp": now + 60,
        });
        merge(&mut claims, changes);
        sign(&self.assertion_key, &json!({"alg": "ES256"}), &claims)
    }

    /// An assertion with another key than that of the configured clients.
    pub(crate) fn assertion_signed_by(&self, key: &SigningKey, client_id: &str) -> String {
        let now = self.clock.now().as_seconds();
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": ISSUER, "jti": self.unique(), "iat": now, "exp": now + 60,
        });
        sign(key, &json!({"alg": "ES256"}), &claims)
    }

    pub(crate) fn assertion(&self, client_id: &str) -> String {
        self.assertion_with(client_id, &json!({}))
    }

    /// A fresh proof for the token endpoint.
    pub(crate) fn proof(&self, key: &SigningKey) -> String {
        self.proof_with(key, &format!("{ISSUER}/token"), None)
    }

    pub(crate) fn proof_with(&self, key: &SigningKey, target: &str, nonce: Option<&str>) -> String {
        self.prove(key, "POST", target, None, nonce)
    }

    /// A fresh proof for a request with an access token of this hash.
    pub(crate) fn proof_for(
        &self,
        key: &SigningKey,
        method: &str,
        target: &str,
        access_token_hash: Option<&[u8; 32]>,
    ) -> String {
        self.prove(key, method, target, access_token_hash, None)
    }

    /// A fresh proof of anything.
    pub(crate) fn prove(
        &self,
        key: &SigningKey,
        method: &str,
        target: &str,
        access_token_hash: Option<&[u8; 32]>,
        nonce: Option<&str>,
    ) -> String {
        let claims = ProofClaims {
            identifier: &self.unique(),
            method,
            target,
            issued_at: self.clock.now(),
            access_token_hash,
            nonce,
        };
        let input = unsigned_proof(key.public_key(), key.algorithm(), &claims);
        let signature = key.sign(&input).unwrap();
        attach_signature(input, &signature)
    }

    /// A refresh token for `client_id`, bound from birth to `confirmation`.
    pub(crate) async fn provision(&self, client_id: &str, confirmation: Confirmation) -> String {
        let granted = bindery_authorization_server::provision::grant(
            &self.server,
            client_id,
            "alice",
            "",
            confirmation,
        );
        granted.await.unwrap().refresh_token.to_string()
    }

    /// Somebody who can sign in, with the claims that `profile` and `email` stand for; gives the subject.
    pub(crate) async fn account(&self, username: &str, password: &str) -> String {
        use bindery_authorization_server::people::accounts::{self, NewAccount};
        let claims =
            json!({"name": "Alice Example", "email": "alice@client.example", "email_verified": true});
        let new = NewAccount {
            username: username.into(),
            password: Some(password.to_owned().into()),
            claims: claims.as_object().unwrap().clone(),
            subject: None,
        };
        accounts::add(&*self.store, new, 8, self.clock.now()).await.unwrap().subject
    }

    pub(crate) fn refresh(&self, client_id: &str, token: &str) -> Call {
        Call::token("refresh_token").with("client_id", client_id).with("refresh_token", token)
    }

    /// Introspection by the resource server at `API`.
    pub(crate) async fn introspect(&self, token: &str) -> Value {
        self.send(Call::to("/introspect").with("token", token).basic("api", SECRET)).await.ok()
    }
}

async fn dispatch_to(
    router: &Router,
    from: IpAddr,
    mut request: Request<Body>,
    certificate: Option<ClientCertificate>,
) -> Answer {
    let mut peer = Peer::plaintext(SocketAddr::from((from, 40_000)));
    peer.encrypted = true;
    peer.certificate = match certificate {
        Some(certificate) => PresentedCertificate::Present(certificate),
        None => PresentedCertificate::Absent(CertificateAbsence::NotOffered),
    };
    request.extensions_mut().insert(peer);
    let response = exchange(router, request).await;
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    // What is no JSON is kept as text.
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| match body.is_empty() {
        true => Value::Null,
        false => String::from_utf8_lossy(&body).into(),
    });
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) fn merge(claims: &mut Value, changes: &Value) {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
}

pub(crate) fn sign(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let input = signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes());
    let signature = key.sign(&input).unwrap();
    attach_signature(input, &signature)
}

pub(crate) fn form(parameters: &[(String, String)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    parameters
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

/// The claims of a JWT, unverified.
pub(crate) fn claims(token: &Value) -> HashMap<String, Value> {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(payload).unwrap()).unwrap()
}

pub(crate) fn dpop_binding(key: &SigningKey) -> Confirmation {
    Confirmation::Dpop(key.thumbprint())
}
