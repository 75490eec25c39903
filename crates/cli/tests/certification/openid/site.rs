//! An issuer of the profile `openid` with static clients, and a relying party's own https server that receives
//! logout tokens and serves key sets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Form, State};
use axum::routing::{get, post};
use bindery_http::listener::{Limits, Listener};
use reqwest::Client as Http;
use serde_json::{Value, json};

use crate::key::{self, Key, base64url};
use crate::site::{http, table};
use crate::support::estate::address_of;
use crate::support::process::Process;
use crate::support::{Stage, free_port};

pub(super) const CALLBACKS: &str = "https://suite.example/test/a/openid/callback";
pub(super) const AFTER_LOGOUT: &str = "https://suite.example/test/a/openid/post_logout_redirect";
const PASSWORD: &str = "correct horse battery staple";

/// A client that is registered in the configuration.
pub(super) struct Registered {
    pub(super) client_id: &'static str,
    pub(super) secret: String,
}

/// What the relying party's server has received.
#[derive(Clone, Default)]
pub(super) struct Received {
    pub(super) logout_tokens: Arc<Mutex<Vec<String>>>,
}

/// The running issuer.
pub(super) struct Site {
    pub(super) issuer: String,
    pub(super) metadata: Value,
    pub(super) http: Http,
    /// `client_secret_basic`.
    pub(super) basic: Registered,
    /// `client_secret_basic`, another one: two redirect URIs.
    pub(super) second: Registered,
    /// `client_secret_post`.
    pub(super) posting: Registered,
    /// A key that registered clients may use.
    pub(super) key: Arc<Key>,
    pub(super) received: Received,
    pub(super) initial_access_token: Option<String>,
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

    pub(super) async fn start() -> Self {
        let stage = Stage::logging("warn,bindery=info");
        let issuer = format!("https://localhost:{}", free_port());
        let received = Received::default();
        let party = relying_party(&stage, received.clone());
        let registered = |client_id| Registered { client_id, secret: key::random(32) };
        let [basic, second, posting] = ["basic", "second", "posting"].map(registered);
        let back_channel = format!("https://localhost:{}/logout", party.port());
        let clients = [
            client(&basic, "client_secret_basic", &[CALLBACKS], Some(&back_channel)),
            client(
                &second,
                "client_secret_basic",
                &[&format!("{CALLBACKS}2"), &format!("{CALLBACKS}3")],
                None,
            ),
            client(&posting, "client_secret_post", &[&format!("{CALLBACKS}4")], None),
        ];
        let config = stage.write("server.toml", &(server_toml(&stage, &issuer) + &clients.concat()));
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
            initial_access_token: None,
            _server: server,
            _stage: stage,
        }
    }
}

fn client(client: &Registered, method: &str, redirect_uris: &[&str], back_channel: Option<&str>) -> String {
    let mut members = json!({
        "client_id": client.client_id,
        "client_name": format!("Relying party {}", client.client_id),
        "token_endpoint_auth_method": method,
        "client_secret_sha256": base64url(key::sha256(&client.secret)),
        "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": redirect_uris,
        "scope": "openid profile email address phone offline_access",
        "post_logout_redirect_uris": [AFTER_LOGOUT],
    });
    if let Some(uri) = back_channel {
        members["backchannel_logout_uri"] = uri.into();
        members["backchannel_logout_session_required"] = true.into();
    }
    format!("\n[[server.client]]\n{}", table(&members))
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

fn server_toml(stage: &Stage, issuer: &str) -> String {
    let [ca, certificate, private, store] =
        ["ca.pem", "server.pem", "server.key", "bindery.db"].map(|file| stage.path(file));
    format!(
        r#"
[listener]
address = "{address}"
certificate_file = "{certificate}"
key_file = "{private}"
[store]
path = "{store}"
durability = "normal"
[server]
# Hundreds of people sign in at once here, from one address; the suite itself does so one by one.
limits = {{ enabled = false }}
issuer = "{issuer}"
profile = "openid"
pkce = "public_clients"
signing_algorithms = ["RS256", "ES256"]
[server.bearer]
reason = "certification of OpenID Connect"
until = "2099-01-01"
[server.registration]
access = "open"
[server.client_keys]
roots_file = "{ca}"
dangerous_private_hosts = ["localhost"]
"#,
        address = address_of(issuer),
    )
}

/// The relying party: remembers logout tokens.
fn relying_party(stage: &Stage, received: Received) -> SocketAddr {
    let tls = bindery_http::tls::ServerTls::from_pem_files(
        stage.path("server.pem").as_ref(),
        stage.path("server.key").as_ref(),
        bindery_http::tls::ClientCertificates::NotAsked,
    )
    .unwrap();
    let application = Router::new()
        .route("/", get(|| async { "relying party" }))
        .route("/logout", post(remember))
        .with_state(received);
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::tls(anywhere, tls, Limits::default()).unwrap();
    let address = listener.local_address();
    tokio::spawn(listener.serve(application));
    address
}

async fn remember(State(received): State<Received>, Form(form): Form<Vec<(String, String)>>) {
    let tokens = form.into_iter().filter(|(name, _)| name == "logout_token").map(|(_, value)| value);
    received.logout_tokens.lock().unwrap().extend(tokens);
}
