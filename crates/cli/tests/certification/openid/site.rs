//! An issuer of the profile `openid` as `examples/openid.toml` has it, and a relying party's own https server that
//! receives logout tokens and serves whatever modules publish: key sets, request objects, lists of redirect URIs.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Form, State};
use axum::response::IntoResponse as _;
use axum::routing::post;
use bindery_http::listener::{Limits, Listener};
use reqwest::Client as Http;
use serde_json::{Value, json};

use crate::key::{self, Key, base64url};
use crate::site::http;
use crate::support::estate::address_of;
use crate::support::process::Process;
use crate::support::{Stage, free_port};

/// As the example has them.
pub(super) const CALLBACKS: &str = "https://suite.example/test/a/bindery/callback";
pub(super) const AFTER_LOGOUT: &str = "https://suite.example/test/a/bindery/post_logout_redirect";
const BACK_CHANNEL: &str = "https://suite.example/test/a/bindery/backchannel_logout";
const EXAMPLE_ISSUER: &str = "https://openid.example.com:9443";
const PASSWORD: &str = "correct horse battery staple";

/// A client that is registered in the configuration.
pub(super) struct Registered {
    pub(super) client_id: &'static str,
    pub(super) secret: String,
}

/// A form's fields.
type Fields = Vec<(String, String)>;

/// What the relying party's server has received, and what it serves.
#[derive(Clone, Default)]
pub(super) struct Received {
    /// Every field of each call that brought a logout token.
    pub(super) logouts: Arc<Mutex<Vec<Fields>>>,
    documents: Arc<Mutex<HashMap<String, (&'static str, String)>>>,
}

/// The running issuer.
pub(super) struct Site {
    pub(super) issuer: String,
    pub(super) metadata: Value,
    pub(super) http: Http,
    /// `client_secret_basic`.
    pub(super) basic: Registered,
    /// `client_secret_basic`, another one.
    pub(super) second: Registered,
    /// `client_secret_post`.
    pub(super) posting: Registered,
    /// A key that registered clients may use.
    pub(super) key: Arc<Key>,
    pub(super) received: Received,
    /// Whether every answer is to be posted: the form post plan.
    pub(super) form_post: bool,
    /// The configuration's file.
    pub(super) config: String,
    /// The relying party's own server.
    party: String,
    _server: Process,
    _stage: Stage,
}

impl Site {
    pub(super) fn account(&self) -> (&'static str, &'static str) {
        ("alice", PASSWORD)
    }

    pub(super) fn endpoint(&self, name: &str) -> String {
        self.metadata[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", self.metadata)).to_owned()
    }

    pub(super) async fn jwks(&self) -> Value {
        self.http.get(self.endpoint("jwks_uri")).send().await.unwrap().json().await.unwrap()
    }

    /// Serves `text` from now on, and says where.
    pub(super) fn publish(&self, name: &str, content_type: &'static str, text: impl Into<String>) -> String {
        let path = format!("/{name}");
        let url = format!("{}{path}", self.party);
        self.received.documents.lock().unwrap().insert(path, (content_type, text.into()));
        url
    }

    pub(super) async fn start(form_post: bool) -> Self {
        let stage = Stage::logging("warn,bindery=info");
        let issuer = format!("https://localhost:{}", free_port());
        let received = Received::default();
        let party = format!("https://localhost:{}", relying_party(&stage, received.clone()).port());
        let registered = |client_id| {
            let secret = key::random(32);
            stage.secret("a client's secret", &secret);
            Registered { client_id, secret }
        };
        let [basic, second, posting] = ["basic", "basic-2", "post"].map(registered);
        let config =
            stage.write("server.toml", &example(&stage, &issuer, &party, [&basic, &second, &posting]));
        add_account(&config);
        let server = stage.spawn(&["server", "--config", &config]);
        server.listening(1);
        let plain = http(&stage, None);
        let url = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Value = plain.get(url).send().await.unwrap().json().await.unwrap();
        let key = Key::rsa(Some("dynamic"));
        Self {
            issuer,
            metadata,
            http: plain,
            basic,
            second,
            posting,
            key,
            received,
            form_post,
            config,
            party,
            _server: server,
            _stage: stage,
        }
    }
}

/// `examples/openid.toml` with the addresses, the certificate and the secrets of this estate, and nothing else but
/// what lets a test hurry: no limit on logins, and key sets fetched again after five seconds.
fn example(stage: &Stage, issuer: &str, party: &str, clients: [&Registered; 3]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/openid.toml");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(CALLBACKS) && text.contains(AFTER_LOGOUT));
    let text =
        text.replace(EXAMPLE_ISSUER, issuer).replace(BACK_CHANNEL, &format!("{party}/backchannel_logout"));
    let mut config: toml::Table = text.parse().unwrap();
    let [ca, certificate, private, store] =
        ["ca.pem", "server.pem", "server.key", "bindery.db"].map(|file| toml::Value::from(stage.path(file)));
    let table = |value: Value| toml::Value::try_from(value).unwrap();
    let listener = config["listener"].as_table_mut().unwrap();
    listener.insert("address".into(), address_of(issuer).to_string().into());
    listener.insert("certificate_file".into(), certificate);
    listener.insert("key_file".into(), private);
    let of_store = config["store"].as_table_mut().unwrap();
    of_store.insert("path".into(), store);
    of_store.insert("durability".into(), "normal".into());
    let server = config["server"].as_table_mut().unwrap();
    server.insert("limits".into(), table(json!({"enabled": false})));
    let mut client_keys = table(json!({"dangerous_private_hosts": ["localhost"], "refetch_pause": 5}));
    client_keys.as_table_mut().unwrap().insert("roots_file".into(), ca);
    server.insert("client_keys".into(), client_keys);
    for client in server["client"].as_array_mut().unwrap() {
        let known =
            clients.iter().find(|known| client["client_id"].as_str() == Some(known.client_id)).unwrap();
        let digest = base64url(key::sha256(&known.secret));
        client.as_table_mut().unwrap().insert("client_secret_sha256".into(), digest.into());
    }
    toml::to_string(&config).unwrap()
}

/// The account with every standard claim.
fn add_account(config: &str) {
    let claims = json!({
        "name": "Alice Example", "given_name": "Alice", "family_name": "Example", "middle_name": "A.",
        "nickname": "al", "preferred_username": "alice", "profile": "https://alice.example",
        "picture": "https://alice.example/picture", "website": "https://alice.example", "gender": "female",
        "birthdate": "1990-01-31", "zoneinfo": "Europe/Vienna", "locale": "de-AT", "updated_at": 1_700_000_000,
        "email": "alice@example.com", "email_verified": true, "phone_number": "+43 1 2345", "phone_number_verified": true,
        "address": {"formatted": "Ring 1, Wien", "street_address": "Ring 1", "locality": "Wien", "region": "Wien",
            "postal_code": "1010", "country": "AT"},
    });
    let claims: Vec<String> =
        claims.as_object().unwrap().iter().map(|(name, value)| format!("--claim={name}={value}")).collect();
    let claims: Vec<&str> = claims.iter().map(String::as_str).collect();
    crate::site::add_account(config, "alice", PASSWORD, &claims);
}

/// The relying party: remembers logout tokens, and serves what was published.
fn relying_party(stage: &Stage, received: Received) -> SocketAddr {
    let tls = bindery_http::tls::ServerTls::from_pem_files(
        stage.path("server.pem").as_ref(),
        stage.path("server.key").as_ref(),
        bindery_http::tls::ClientCertificates::NotAsked,
    )
    .unwrap();
    let application =
        Router::new().route("/backchannel_logout", post(remember)).fallback(serve).with_state(received);
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::tls(anywhere, tls, Limits::default()).unwrap();
    let address = listener.local_address();
    tokio::spawn(listener.serve(application));
    address
}

async fn remember(State(received): State<Received>, Form(form): Form<Fields>) {
    received.logouts.lock().unwrap().push(form);
}

async fn serve(State(received): State<Received>, uri: axum::http::Uri) -> axum::response::Response {
    match received.documents.lock().unwrap().get(uri.path()) {
        Some((content_type, text)) => ([("content-type", *content_type)], text.clone()).into_response(),
        None => axum::http::StatusCode::NOT_FOUND.into_response(),
    }
}
