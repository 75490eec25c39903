//! A whole estate in processes: an authorization server on a SQLite file with one client of each kind, and
//! gateways in front of an application.

use std::net::SocketAddr;

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_crypto::{AwsLc, SigningKey, random_token};
use serde_json::{Map, Value};

use super::forgery::{self, Proof};
use super::process::Process;
use super::upstream::Upstream;
use super::wire::{self, Reply};
use super::{Stage, free_port};

/// The audience of every token here.
pub(crate) const API: &str = "https://api.shop.example";
pub(crate) const SCOPE: &str = "orders.read payments.read";

/// The routes of every gateway here.
const ROUTES: &str = r#"
[[gateway.guard.route]]
path = "/orders"
scope = "orders.read"
[[gateway.guard.route]]
path = "/payments"
scope = "payments.read"
nonce_required = true
[[gateway.guard.route]]
path = "/admin"
scope = "admin"
[[gateway.guard.route]]
path = "/watched"
mode = "observe"
[[gateway.guard.route]]
path = "/warned"
mode = "warn"
"#;

/// An authorization server and what its clients hold.
pub(crate) struct Estate {
    pub(crate) stage: Stage,
    pub(crate) issuer: String,
    /// The directory entry of its configuration file.
    pub(crate) config: String,
    pub(crate) server: Process,
    pub(crate) billing_key: SigningKey,
}

impl Estate {
    pub(crate) fn start() -> Self {
        Self::start_on(Stage::new())
    }

    pub(crate) fn start_on(stage: Stage) -> Self {
        Self::start_with(stage, |configuration| configuration)
    }

    /// With the configuration that `edit` makes of the usual one.
    pub(crate) fn start_with(stage: Stage, edit: impl FnOnce(String) -> String) -> Self {
        let (billing_key, _) = forgery::key_file(&stage, "billing.key");
        let inventory = stage.authority.client("inventory");
        stage.secret("the inventory client's private key", &inventory.key);
        stage.write("inventory.pem", &inventory.certificate);
        stage.write("inventory.key", &inventory.key);
        let issuer = format!("https://localhost:{}", free_port());
        let mtls = format!("https://localhost:{}", free_port());
        let text = edit(server_toml(&stage, &issuer, &mtls, &billing_key));
        let config = stage.write("server.toml", &text);
        let server = stage.spawn(&["server", "--config", &config]);
        server.listening(2);
        Self { stage, issuer, config, server, billing_key }
    }

    /// Starts the server again, on the same file and the same ports.
    pub(crate) fn restart_server(&mut self) {
        self.server = self.stage.spawn(&["server", "--config", &self.config]);
        self.server.listening(2);
    }

    /// Where the server listens.
    pub(crate) fn server_address(&self) -> SocketAddr {
        address_of(&self.issuer)
    }

    /// `bindery client ..` on the server's store.
    pub(crate) fn client(&self, arguments: &[&str]) -> super::process::Finished {
        self.stage.run(&[&["client", "--config", &self.config], arguments].concat())
    }

    /// `bindery request METHOD URL` as `client_id`, with what further arguments say.
    pub(crate) fn request(&self, client_id: &str, arguments: &[&str]) -> super::process::Finished {
        let ca = self.stage.path("ca.pem");
        let common = ["request", "--issuer", &self.issuer, "--ca", &ca, "--client-id", client_id];
        self.stage.run(&[&common, arguments].concat())
    }

    /// An access token of `billing`, bound to `key`.
    pub(crate) fn token(&self, key: &SigningKey) -> String {
        let dpop = self.stage.write("stolen-later.key", &key.to_pkcs8_pem());
        let assertion = self.stage.path("billing.key");
        self.printed_token("billing", &["--assertion-key", &assertion, "--dpop-key", &dpop])
    }

    /// The access token that `bindery request --print-token` prints.
    pub(crate) fn printed_token(&self, client_id: &str, arguments: &[&str]) -> String {
        let finished = self.request(client_id, &[arguments, &["--print-token"]].concat()).require(0);
        let token = finished.stdout.trim().to_owned();
        self.stage.secret("an access token", &token);
        token
    }

    /// A gateway on a port of its own, known to clients as `public_url`, or as its own address.
    pub(crate) fn gateway(&self, name: &str, upstream: &Upstream, public_url: Option<&str>) -> Gateway {
        let nonce_key = self.stage.path("nonce.key");
        if !std::fs::exists(&nonce_key).unwrap() {
            let key = base64url::encode(bindery_crypto::random_bytes::<32>().unwrap());
            self.stage.secret("a nonce key", &key);
            self.stage.write("nonce.key", &key);
        }
        let port = free_port();
        let url = public_url.map_or_else(|| format!("https://localhost:{port}"), str::to_owned);
        let [ca, certificate, key, secret] =
            ["ca.pem", "server.pem", "server.key", "api.secret"].map(|file| self.stage.path(file));
        let text = format!(
            r#"
issuer_roots_file = "{ca}"
[listener]
address = "127.0.0.1:{port}"
certificate_file = "{certificate}"
key_file = "{key}"
[gateway.upstream]
url = "http://{upstream}"
[gateway.guard]
public_urls = ["{url}"]
[[gateway.guard.issuer]]
issuer = "{issuer}"
audiences = ["{API}"]
[gateway.guard.issuer.introspection]
endpoint = "{issuer}/introspect"
client_id = "api"
client_secret_file = "{secret}"
[[gateway.guard.nonce_key]]
id = 1
file = "{nonce_key}"
{ROUTES}"#,
            upstream = upstream.address,
            issuer = self.issuer,
        );
        let config = self.stage.write(&format!("gateway-{name}.toml"), &text);
        let process = self.stage.spawn(&["gateway", "--config", &config]);
        let address = process.listening(1)[0];
        Gateway { url, address, config, process }
    }
}

/// A gateway process.
pub(crate) struct Gateway {
    /// What clients call it, and what proofs must name.
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    pub(crate) config: String,
    pub(crate) process: Process,
}

/// A reply, which must have this status.
#[track_caller]
pub(crate) fn require_status(reply: Reply, status: u16) -> Reply {
    assert_eq!(reply.status, Some(status), "{reply:?}");
    reply
}

impl Gateway {
    /// Adds tables to its file, for the next start.
    pub(crate) fn configure(&self, tables: &str) {
        let written = std::fs::read_to_string(&self.config).unwrap();
        std::fs::write(&self.config, format!("{written}\n{tables}")).unwrap();
    }

    pub(crate) fn restart(&mut self, stage: &Stage) {
        self.process = stage.spawn(&["gateway", "--config", &self.config]);
        assert_eq!(self.process.listening(1), [self.address]);
    }

    /// A proof for GET on `path`; in the first seconds of a gateway it needs a nonce, because the one that
    /// stood here before may have seen it.
    pub(crate) fn proof<'k>(&self, key: &'k SigningKey, path: &str, token: &str) -> Proof<'k> {
        Proof::of(key, "GET", &format!("{}{path}", self.url)).with_token(token)
    }

    /// GET with a token and a proof.
    pub(crate) fn get(&self, stage: &Stage, path: &str, token: &str, proof: &str) -> Reply {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: DPoP {token}\r\n\
             DPoP: {proof}\r\n\r\n"
        );
        wire::exchange(stage, self.address, request.as_bytes())
    }

    /// A nonce, as the gateway gives it to whoever comes without one where it wants one.
    pub(crate) fn nonce(&self, stage: &Stage, key: &SigningKey, token: &str) -> String {
        let proof = self.proof(key, "/payments", token).sign(stage);
        let reply = require_status(self.get(stage, "/payments", token, &proof), 401);
        assert!(reply.header("www-authenticate").unwrap().contains("use_dpop_nonce"), "{reply:?}");
        reply.header("dpop-nonce").unwrap().to_owned()
    }
}

/// The socket of a server that is known as `https://localhost:PORT`.
pub(crate) fn address_of(url: &str) -> SocketAddr {
    format!("127.0.0.1:{}", url.rsplit(':').next().unwrap()).parse().unwrap()
}

fn server_toml(stage: &Stage, issuer: &str, mtls: &str, billing: &SigningKey) -> String {
    let secret = |name: &str| {
        let secret = random_token().unwrap();
        stage.secret(&format!("the secret of {name}"), &secret);
        stage.write(&format!("{name}.secret"), &secret);
        base64url::encode(AwsLc.sha256(&[secret.as_bytes()]))
    };
    let [ca, certificate, key, store] =
        ["ca.pem", "server.pem", "server.key", "bindery.db"].map(|file| stage.path(file));
    format!(
        r#"
[listener]
address = "{address}"
certificate_file = "{certificate}"
key_file = "{key}"
[mtls_listener]
address = "{mtls_address}"
certificate_file = "{certificate}"
key_file = "{key}"
[store]
path = "{store}"
[server]
issuer = "{issuer}"
mtls_base_url = "{mtls}"
[[server.trust_anchors]]
name = "shop"
file = "{ca}"

[[server.client]]
client_id = "billing"
token_endpoint_auth_method = "private_key_jwt"
grant_types = ["client_credentials"]
scope = "{SCOPE}"
audiences = ["{API}"]
sender_constraint = "dpop"
jwks = {jwks}

[[server.client]]
client_id = "inventory"
token_endpoint_auth_method = "tls_client_auth"
tls_client_auth_san_dns = "inventory.shop.example"
trust_anchors = "shop"
grant_types = ["client_credentials"]
scope = "{SCOPE}"
audiences = ["{API}"]
sender_constraint = "mtls"

[[server.client]]
client_id = "ledger"
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = "{ledger}"
grant_types = ["client_credentials"]
scope = "{SCOPE}"
audiences = ["{API}"]
sender_constraint = "dpop"

[[server.client]]
client_id = "vault"
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = "{vault}"
access_token_format = "opaque"
grant_types = ["client_credentials"]
scope = "{SCOPE}"
audiences = ["{API}"]
sender_constraint = "dpop"

[[server.client]]
client_id = "shop"
token_endpoint_auth_method = "none"
grant_types = ["refresh_token"]
scope = "{SCOPE}"
audiences = ["{API}"]
sender_constraint = "dpop"
refresh_token_rotation = true

[[server.client]]
client_id = "api"
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = "{api}"
grant_types = []
introspection_audiences = ["{API}"]
"#,
        address = address_of(issuer),
        mtls_address = address_of(mtls),
        jwks = jwks_toml(billing),
        ledger = secret("ledger"),
        vault = secret("vault"),
        api = secret("api"),
    )
}

fn jwks_toml(key: &SigningKey) -> String {
    let members: Map<String, Value> = key.public_key().to_jwk();
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("{{ keys = [{{ {} }}] }}", members.join(", "))
}
