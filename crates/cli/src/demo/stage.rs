//! The stage: an authorization server, an API with the guard as a layer, and a legacy application behind the
//! gateway, each on TLS sockets of its own; and a partner's issuer that the guards trust. The API and the
//! gateway can be restarted, which empties their replay memories as a crash would.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::{Extension, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bindery_authorization_server::people::accounts::{self, NewAccount};
use bindery_authorization_server::{AuthorizationServer, SealingKey, ServerConfiguration, ServerParts};
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jws::{attach_signature, signing_input};
use bindery_core::resource::AuthorizedRequest;
use bindery_crypto::{Signer as _, SigningKey, random_bytes, random_identifier};
use bindery_gateway::{GatewayConfiguration, GatewayParts};
use bindery_http::listener::{Limits, Listener, ListenerHandle};
use bindery_http::tls::ServerTls;
use bindery_http::{ClientCertificates, Clock as _, EdgePolicy, SystemClock};
use bindery_resource_server::configuration::GuardParts;
use bindery_resource_server::{Guard, GuardConfiguration, GuardLayer, outbound};
use bindery_store::memory::{MemoryStore, ReplayMemory};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::certificates::{Authority, Identity};

/// The audience of the demo's tokens.
pub(crate) const API_AUDIENCE: &str = "https://api.demo.example";
/// The scope that the demo's routes require.
pub(crate) const SCOPE: &str = "orders.read";
/// A protected path.
pub(crate) const PATH: &str = "/orders";
/// A protected path that demands nonces.
pub(crate) const NONCE_PATH: &str = "/payments";
/// Set by the applications on everything they answer, so that a theft that reached one can't hide.
pub(crate) const REACHED: &str = "demo-application-reached";

/// Alice's name and password at the authorization server.
pub(crate) const ALICE: (&str, &str) = ("alice", "twelve demo horses");
/// Where the shop receives codes; nobody answers there, the demo reads the redirect.
pub(crate) const CALLBACK: &str = "https://shop.demo.example/callback";

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const GRACE: Duration = Duration::from_millis(200);

/// Where thefts are tried.
pub(crate) struct Door {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    address: SocketAddr,
    server: Running,
}

/// A partner's authorization server: only its key and its JWK set matter here.
pub(crate) struct Partner {
    pub(crate) issuer: String,
    pub(crate) key: SigningKey,
}

struct Running {
    handle: ListenerHandle,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        self.handle.shut_down(GRACE);
        let _ = self.task.await;
    }
}

/// Everything that stands.
pub(crate) struct Stage {
    pub(crate) issuer: String,
    mtls_base: String,
    pub(crate) root_pem: String,
    pub(crate) backend_identity: Identity,
    pub(crate) billing_key: Arc<SigningKey>,
    pub(crate) partner: Partner,
    pub(crate) doors: Vec<Door>,
    pub(crate) directory: tempfile::TempDir,
    export_secret: String,
    server_identity: Identity,
    legacy_url: String,
    others: Vec<Running>,
}

/// As whoever plays by hand must keep it: the commands refuse a key that others may read.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

impl Stage {
    /// Builds it.
    pub(crate) async fn build() -> anyhow::Result<Self> {
        let authority = Authority::new()?;
        let server_identity = authority.server()?;
        let backend_identity = authority.client("inventory")?;
        let directory = tempfile::Builder::new().prefix("bindery-demo-").tempdir()?;
        let write = |name: &str, text: &str| -> anyhow::Result<PathBuf> {
            let path = directory.path().join(name);
            write_private(&path, text).with_context(|| format!("{} can't be written", path.display()))?;
            Ok(path)
        };
        write("ca.pem", &authority.root_pem())?;
        write("inventory.pem", &backend_identity.certificate)?;
        write("inventory.key", &backend_identity.key)?;
        write("nonce.key", &base64url::encode(random_bytes::<32>()?))?;

        let listen = |asked| -> anyhow::Result<Listener> {
            let tls = ServerTls::from_pem(
                server_identity.certificate.as_bytes(),
                server_identity.key.as_bytes(),
                asked,
            )?;
            Ok(Listener::tls(LOOPBACK, tls, Limits::default())?)
        };
        let plain = listen(ClientCertificates::NotAsked)?;
        let asking = listen(ClientCertificates::Asked)?;
        let issuer = url_of(plain.local_address());
        let mtls_base = url_of(asking.local_address());

        let billing_key = Arc::new(SigningKey::generate(SignatureAlgorithm::Es256)?);
        write("billing.key", &billing_key.to_pkcs8_pem())?;
        let export_secret = bindery_crypto::random_token()?;
        let configuration =
            server_configuration(&issuer, &mtls_base, &authority.root_pem(), &billing_key, &export_secret)?;
        let clock = Arc::new(SystemClock);
        let claims = ReplayMemory::new(100_000, clock.now(), random_bytes()?);
        let store = Arc::new(MemoryStore::new(claims));
        add_alice(&store).await?;
        let parts = ServerParts::new(store, clock, SealingKey::ephemeral()?);
        let server = AuthorizationServer::start(&configuration, parts).await?;
        server.ready().await;

        let partner_listener = listen(ClientCertificates::NotAsked)?;
        let partner = Partner {
            issuer: url_of(partner_listener.local_address()),
            key: SigningKey::generate(SignatureAlgorithm::Es256)?,
        };
        let legacy_listener = listen(ClientCertificates::NotAsked)?;
        let legacy_url = url_of(legacy_listener.local_address());
        let others = vec![
            serve(plain, server.router()),
            serve(asking, server.router()),
            serve(partner_listener, partner.router()),
            serve(legacy_listener, legacy_application()),
        ];

        let root_pem = authority.root_pem();
        let mut stage = Self {
            issuer,
            mtls_base,
            root_pem,
            backend_identity,
            billing_key,
            partner,
            doors: Vec::new(),
            directory,
            export_secret,
            server_identity,
            legacy_url,
            others,
        };
        stage.doors = vec![stage.open_api(LOOPBACK).await?, stage.open_gateway(LOOPBACK).await?];
        Ok(stage)
    }

    /// Who stands where, one line each.
    pub(crate) fn describe(&self) -> Vec<String> {
        vec![
            format!("authorization server   {}   (with client certificates: {})", self.issuer, self.mtls_base),
            format!("API with the layer     {}", self.doors[0].url),
            format!("gateway                {}   in front of a legacy application on {}", self.doors[1].url, self.legacy_url),
            "client inventory       a backend; its certificate authenticates it and binds its tokens".into(),
            "client billing         a backend; signs assertions (private_key_jwt), its tokens are bound by DPoP".into(),
            "client shop            public, as in a browser; a DPoP key, and what alice allows it when she signs in".into(),
            "client nightly-export  an old backend with an exception until next week: its tokens are bearer tokens".into(),
        ]
    }

    /// Stops both guards and starts them again on the same ports with nothing but their configuration.
    pub(crate) async fn restart_guards(&mut self) -> anyhow::Result<()> {
        let mut addresses = Vec::new();
        for door in self.doors.drain(..) {
            addresses.push(door.address);
            door.server.stop().await;
        }
        self.doors = vec![self.open_api(addresses[0]).await?, self.open_gateway(addresses[1]).await?];
        Ok(())
    }

    /// Stops everything.
    pub(crate) async fn shut_down(self) {
        for running in self.others.into_iter().chain(self.doors.into_iter().map(|door| door.server)) {
            running.stop().await;
        }
    }

    async fn open_api(&self, address: SocketAddr) -> anyhow::Result<Door> {
        let listener = self.listen(address)?;
        let address = listener.local_address();
        let guard = self.guard(&url_of(address))?;
        guard.ready().await;
        let api = Router::new()
            .route(PATH, get(order_list))
            .route(NONCE_PATH, get(order_list))
            .layer(GuardLayer::new(guard));
        Ok(Door { name: "layer", url: url_of(address), address, server: serve(listener, api) })
    }

    async fn open_gateway(&self, address: SocketAddr) -> anyhow::Result<Door> {
        let listener = self.listen(address)?;
        let address = listener.local_address();
        let configuration: GatewayConfiguration = toml::from_str(&format!(
            "[upstream]\nurl = {:?}\nroots_file = {:?}\n{}",
            self.legacy_url,
            self.path("ca.pem"),
            self.guard_toml(&url_of(address), "guard.")
        ))?;
        let parts = GatewayParts {
            replay: ReplayMemory::new(1_000_000, SystemClock.now(), random_bytes()?),
            clock: Arc::new(SystemClock),
            http_client: self.http_client()?,
            observer: None,
            metrics: bindery_gateway::GatewayMetrics::default(),
        };
        let gateway = configuration.into_gateway(parts)?;
        gateway.guard().ready().await;
        let server = spawn(listener.handle(), async move { listener.serve(gateway.service()).await });
        Ok(Door { name: "gateway", url: url_of(address), address, server })
    }

    fn guard(&self, url: &str) -> anyhow::Result<Guard> {
        let configuration: GuardConfiguration = toml::from_str(&self.guard_toml(url, ""))?;
        let parts = GuardParts {
            replay: ReplayMemory::new(1_000_000, SystemClock.now(), random_bytes()?),
            clock: Arc::new(SystemClock),
            edge: EdgePolicy::direct(),
            http_client: self.http_client()?,
            observer: None,
        };
        Ok(configuration.into_guard(parts)?)
    }

    /// What both guards are told; `table` is the prefix of its tables.
    fn guard_toml(&self, url: &str, table: &str) -> String {
        let head =
            if table.is_empty() { String::new() } else { format!("[{}]\n", table.trim_end_matches('.')) };
        format!(
            r#"{head}public_urls = ["{url}"]
[[{table}issuer]]
issuer = "{issuer}"
audiences = ["{API_AUDIENCE}"]
[[{table}issuer]]
issuer = "{partner}"
audiences = ["{API_AUDIENCE}"]
jwks_uri = "{partner}/jwks"
[[{table}nonce_key]]
id = 1
file = {nonce_key:?}
[[{table}route]]
path = "{PATH}"
scope = "{SCOPE}"
[[{table}route]]
path = "{NONCE_PATH}"
scope = "{SCOPE}"
nonce_required = true
"#,
            issuer = self.issuer,
            partner = self.partner.issuer,
            nonce_key = self.path("nonce.key"),
        )
    }

    fn listen(&self, address: SocketAddr) -> anyhow::Result<Listener> {
        let Identity { certificate, key, .. } = &self.server_identity;
        let tls = ServerTls::from_pem(certificate.as_bytes(), key.as_bytes(), ClientCertificates::Asked)?;
        Ok(Listener::tls(address, tls, Limits::default())?)
    }

    pub(crate) fn http_client(&self) -> anyhow::Result<reqwest::Client> {
        let tls = bindery_http::tls::client_config(self.root_pem.as_bytes(), None)?;
        Ok(outbound::http_client_builder().tls_backend_preconfigured(tls).build()?)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn other_door(&self, door: &Door) -> &Door {
        self.doors.iter().find(|other| other.name != door.name).unwrap_or(&self.doors[0])
    }

    pub(crate) fn now(&self) -> i64 {
        SystemClock.now().as_seconds()
    }

    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}/token", self.issuer)
    }

    pub(crate) fn mtls_token_endpoint(&self) -> String {
        format!("{}/token", self.mtls_base)
    }

    pub(crate) fn backend_certificate_base64(&self) -> String {
        self.backend_identity.certificate.lines().filter(|line| !line.starts_with("-----")).collect()
    }

    /// A bearer token of the one client that may have it.
    pub(crate) async fn bearer_token(&self) -> anyhow::Result<String> {
        let request = self
            .http_client()?
            .post(self.token_endpoint())
            .basic_auth("nightly-export", Some(&self.export_secret))
            .form(&[("grant_type", "client_credentials")]);
        let answer: Value = request.send().await?.json().await?;
        let token = answer.get("access_token").and_then(Value::as_str).map(str::to_owned);
        token.with_context(|| {
            format!("the client with the exception got no token: {}", answer["error_description"])
        })
    }

    /// An assertion as `billing` makes it.
    pub(crate) fn assertion(&self, key: &SigningKey) -> anyhow::Result<String> {
        let now = self.now();
        let header = json!({"alg": "ES256", "typ": "JWT"});
        let claims = json!({
            "iss": "billing", "sub": "billing", "aud": self.issuer, "jti": random_identifier()?, "iat": now, "exp": now + 60,
        });
        let input = signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes());
        let signature = key.sign(&input).map_err(|_| anyhow::anyhow!("the demo can't sign"))?;
        Ok(attach_signature(input, &signature))
    }

    /// A nonce as a door gives it to anybody who asks with a token and a proof without one.
    pub(crate) async fn nonce_of(&self, door: &Door, http: &reqwest::Client) -> anyhow::Result<String> {
        let url = format!("{}{NONCE_PATH}", door.url);
        let key = SigningKey::generate(SignatureAlgorithm::Es256)?;
        let proof = super::forgery::Forgery::of(&key, "GET", &url, "any", self.now())?.sign()?;
        let answer = http.get(&url).header("authorization", "DPoP any").header("dpop", proof).send().await?;
        nonce_in(&answer).with_context(|| format!("the {} gave no nonce: {}", door.name, answer.status()))
    }

    /// A nonce of the authorization server, if it demands one.
    pub(crate) async fn authorization_server_nonce(
        &self,
        http: &reqwest::Client,
    ) -> anyhow::Result<Option<String>> {
        let url = self.token_endpoint();
        let key = SigningKey::generate(SignatureAlgorithm::Es256)?;
        let proof = super::forgery::Forgery::at_token_endpoint(&key, &url, None, self.now())?.sign()?;
        let form = [("grant_type", "refresh_token"), ("client_id", "shop"), ("refresh_token", "none")];
        let answer = http.post(&url).form(&form).header("dpop", proof).send().await?;
        Ok(nonce_in(&answer))
    }
}

/// The one person who can sign in.
async fn add_alice(store: &MemoryStore) -> anyhow::Result<()> {
    let account = NewAccount {
        username: ALICE.0.into(),
        password: Some(Zeroizing::new(ALICE.1.into())),
        claims: serde_json::Map::new(),
        subject: Some(ALICE.0.into()),
    };
    accounts::add(store, account, 8, SystemClock.now()).await?;
    Ok(())
}

fn nonce_in(answer: &reqwest::Response) -> Option<String> {
    answer.headers().get("dpop-nonce")?.to_str().ok().map(str::to_owned)
}

impl Partner {
    fn router(&self) -> Router {
        let mut jwk = self.key.public_key().to_jwk();
        jwk.insert("kid".into(), "partner".into());
        let jwks = json!({ "keys": [jwk] });
        Router::new().route("/jwks", get(async move || Json(jwks)))
    }
}

fn server_configuration(
    issuer: &str,
    mtls_base: &str,
    root_pem: &str,
    billing_key: &SigningKey,
    export_secret: &str,
) -> anyhow::Result<ServerConfiguration> {
    let hash =
        bindery_core::crypto::Cryptography::sha256(&bindery_crypto::AwsLc, &[export_secret.as_bytes()]);
    let next_week = SystemClock.now().as_seconds() + 7 * 24 * 3600;
    let jwk = |name: &str| billing_key.public_key().to_jwk().get(name).cloned().unwrap_or_default();
    let text = format!(
        r#"
issuer = "{issuer}"
mtls_base_url = "{mtls_base}"

[[trust_anchors]]
name = "demo"
pem = """
{root_pem}"""

[[client]]
client_id = "inventory"
token_endpoint_auth_method = "tls_client_auth"
tls_client_auth_san_dns = "inventory.demo.example"
trust_anchors = "demo"
grant_types = ["client_credentials"]
scope = "{SCOPE}"
audiences = ["{API_AUDIENCE}"]
sender_constraint = "mtls"

[[client]]
client_id = "billing"
token_endpoint_auth_method = "private_key_jwt"
grant_types = ["client_credentials"]
scope = "{SCOPE}"
audiences = ["{API_AUDIENCE}"]
sender_constraint = "dpop"
[[client.jwks.keys]]
kty = "EC"
crv = "P-256"
x = {x}
y = {y}

[[client]]
client_id = "shop"
client_name = "The shop"
token_endpoint_auth_method = "none"
grant_types = ["authorization_code", "refresh_token"]
redirect_uris = ["{CALLBACK}"]
scope = "{SCOPE}"
audiences = ["{API_AUDIENCE}"]
sender_constraint = "dpop"

[[client]]
client_id = "nightly-export"
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = "{secret}"
grant_types = ["client_credentials"]
scope = "{SCOPE}"
audiences = ["{API_AUDIENCE}"]
sender_constraint = "none"
sender_constraint_reason = "the export job is replaced next week"
sender_constraint_until = {next_week}
"#,
        x = jwk("x"),
        y = jwk("y"),
        secret = base64url::encode(hash),
    );
    toml::from_str(&text).context("the demo's own server configuration")
}

/// The API: it asks for the verified request, so it can't be reached without one.
async fn order_list(Extension(request): Extension<AuthorizedRequest>) -> Response {
    let who = request.token().subject().unwrap_or("nobody").to_owned();
    let orders = json!({ "orders_of": who, "proven_by": request.binding().name() });
    ([(REACHED, "yes")], Json(orders)).into_response()
}

/// The legacy application: it knows no token, only the headers that the gateway sets.
fn legacy_application() -> Router {
    Router::new().fallback(async |request: Request| {
        let header = |name: &str| {
            request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("nobody").to_owned()
        };
        let orders =
            json!({ "orders_of": header("bindery-subject"), "proven_by": header("bindery-binding") });
        ([(REACHED, "yes")], Json(orders))
    })
}

fn url_of(address: SocketAddr) -> String {
    format!("https://localhost:{}", address.port())
}

fn serve(listener: Listener, application: Router) -> Running {
    spawn(listener.handle(), async move { listener.serve(application).await })
}

fn spawn(
    handle: ListenerHandle,
    serving: impl Future<Output = std::io::Result<()>> + Send + 'static,
) -> Running {
    let task = tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(event = "listener_failed", %error);
        }
    });
    Running { handle, task }
}
