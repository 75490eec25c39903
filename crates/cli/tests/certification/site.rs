//! The estate under test: one authorization server process with three issuers and all clients of all combinations,
//! and a gateway for each FAPI issuer in front of a resource, which asks that issuer about every token. All are the
//! real binary over real TLS.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;

use reqwest::Client as Http;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::key::{Key, base64url};
use super::support::estate::address_of;
use super::support::process::{self, Process};
use super::support::watch::record;
use super::support::{DEADLINE, Stage, free_port};
use super::variant::{ClientAuth, Profile, Variant};

/// Where the certifier's clients wait; nothing listens there.
pub(crate) const CALLBACKS: &str = "https://suite.example/test/a/bindery/callback";
const API: &str = "https://api.shop.example";
const USERNAME: &str = "alice";
const PASSWORD: &str = "correct horse battery staple";

/// What a certifier holds for client 1 or client 2 in every combination.
pub(crate) struct Caller {
    pub(crate) key: Arc<Key>,
    /// Connections with its certificate.
    pub(crate) certified: Http,
    certificate: Value,
}

impl Caller {
    /// One that is registered already.
    pub(crate) fn of(key: &Arc<Key>, certified: &Http) -> Self {
        Self { key: Arc::clone(key), certified: certified.clone(), certificate: Value::Null }
    }
}

/// An issuer and the resource that believes it.
pub(crate) struct Site {
    pub(crate) issuer: String,
    pub(crate) resource: String,
    pub(crate) callbacks: String,
    pub(crate) metadata: Value,
    pub(crate) jwks: Value,
    /// Connections without a certificate.
    pub(crate) plain: Http,
    pub(crate) callers: Arc<[Caller; 2]>,
    /// Who signs in.
    pub(crate) account: (String, String),
    /// The cookies of a browser in which the person has signed in.
    pub(crate) session: OnceCell<Vec<(String, String)>>,
    /// The issuer of plain OpenID Connect in the same process.
    pub(crate) neighbour: String,
    #[expect(dead_code, reason = "it runs as long as this is here")]
    pub(crate) server: Arc<Process>,
    #[expect(dead_code, reason = "it runs as long as this is here")]
    pub(crate) gateway: Option<Process>,
    pub(crate) stage: Arc<Stage>,
}

/// Both FAPI issuers.
pub(crate) struct Sites {
    security: Arc<Site>,
    signing: Arc<Site>,
}

impl Sites {
    /// Where this combination is certified: one that signs everything at the issuer of that profile, the others at the
    /// Security Profile's, where clients sign what they registered to sign.
    pub(crate) fn of(&self, variant: Variant) -> &Arc<Site> {
        if signs_everything(variant) { &self.signing } else { &self.security }
    }

    /// Starts everything for these combinations.
    pub(crate) async fn start(variants: &[Variant]) -> Self {
        let stage = Arc::new(Stage::logging("warn,bindery=info"));
        let (base, mtls) = (url(), url());
        let callers = Arc::new([first_caller(&stage), second_caller(&stage)]);
        let clients = |signing: bool| -> String {
            let here = variants.iter().filter(|variant| signs_everything(**variant) == signing);
            here.flat_map(|variant| [1, 2].map(|number| registration(*variant, number, &callers[number - 1])))
                .collect()
        };
        let issuers = [
            issuer_toml(&stage, &base, &mtls, "security", "profile = \"fapi2-security\"") + &clients(false),
            issuer_toml(&stage, &base, &mtls, "signing", "profile = \"fapi2-message-signing\"")
                + &clients(true),
            neighbour_toml(&stage, &base),
        ];
        let config = stage.write("server.toml", &(listeners_toml(&stage, &base, &mtls) + &issuers.concat()));
        for issuer in ["security", "signing"].map(|name| format!("{base}/{name}")) {
            add_account(&config, USERNAME, PASSWORD, &["--issuer", &issuer]);
        }
        let server = stage.spawn(&["server", "--config", &config]);
        server.listening(2);
        let server = Arc::new(server);
        let upstream = serve_resource().await;
        let identity = stage.authority.client("api");
        stage.write("api.pem", &identity.certificate);
        stage.write("api.key", &identity.key);
        let site = async |name: &str| {
            let (issuer, mtls, resource) = (format!("{base}/{name}"), format!("{mtls}/{name}"), url());
            let toml = gateway_toml(&stage, &issuer, &mtls, &resource, upstream, name == "signing");
            let gateway = stage.spawn(&["gateway", "--config", &stage.write(&format!("{name}.toml"), &toml)]);
            gateway.listening(1);
            let plain = http(&stage, None);
            let get =
                async |url: String| -> Value { plain.get(url).send().await.unwrap().json().await.unwrap() };
            let metadata = get(format!("{issuer}/.well-known/openid-configuration")).await;
            let jwks = get(metadata["jwks_uri"].as_str().unwrap().to_owned()).await;
            Arc::new(Site {
                resource: format!("{resource}/accounts"),
                callbacks: CALLBACKS.to_owned(),
                session: OnceCell::new(),
                neighbour: format!("{base}/neighbour"),
                account: (USERNAME.to_owned(), PASSWORD.to_owned()),
                server: Arc::clone(&server),
                gateway: Some(gateway),
                issuer,
                metadata,
                jwks,
                plain,
                callers: Arc::clone(&callers),
                stage: Arc::clone(&stage),
            })
        };
        Self { security: site("security").await, signing: site("signing").await }
    }
}

fn signs_everything(variant: Variant) -> bool {
    variant.signed_requests && variant.jarm
}

impl Site {
    pub(crate) fn client_id(variant: Variant, number: usize) -> String {
        format!("{variant}-{number}")
    }

    pub(crate) fn redirect_uri(variant: Variant, number: usize) -> String {
        let query = if number == 2 { "?dummy1=lorem&dummy2=ipsum" } else { "" };
        format!("{CALLBACKS}/{variant}{query}")
    }

    pub(crate) fn scope(variant: Variant) -> &'static str {
        if variant.openid { "openid profile accounts" } else { "accounts payments" }
    }

    pub(crate) fn account(&self) -> (&str, &str) {
        (&self.account.0, &self.account.1)
    }
}

/// The application behind the gateway, which knows no token.
pub(crate) async fn serve_resource() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let application = axum::Router::new().fallback(async || axum::Json(json!({"accounts": []})));
    tokio::spawn(async move { axum::serve(listener, application).await });
    address
}

fn url() -> String {
    format!("https://localhost:{}", free_port())
}

/// HTTP/1.1 without redirects, over connections that show this certificate.
pub(crate) fn http(stage: &Stage, identity: Option<(&str, &str)>) -> Http {
    let mut tls = super::support::wire::tls(stage, &[b"http/1.1"]);
    if let Some((certificate, key)) = identity {
        use rustls::pki_types::pem::PemObject as _;
        let chain = vec![rustls::pki_types::CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        tls.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(
            rustls::sign::CertifiedKey::from_der(chain, key, &bindery_http::tls::provider()).unwrap(),
        ));
    }
    let builder = Http::builder().tls_backend_preconfigured(tls).http1_only();
    builder.no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(DEADLINE).build().unwrap()
}

/// PS256, and a certificate of the authority that the server trusts, known by its name.
fn first_caller(stage: &Stage) -> Caller {
    let key = Key::rsa(Some("c1-1"));
    let identity = stage.authority.client("first");
    let certificate = json!({
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_san_dns": "first.shop.example",
        "trust_anchors": "shop",
    });
    Caller { key, certified: http(stage, Some((&identity.certificate, &identity.key))), certificate }
}

/// ES256, and a self-signed certificate, known by being in the client's keys.
fn second_caller(stage: &Stage) -> Caller {
    let key = Key::ec(Some("c2-1"));
    let mut parameters = rcgen::CertificateParams::new(vec!["second.shop.example".to_owned()]).unwrap();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "second");
    let pair = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&pair).unwrap();
    record::secret("a client's private key", &pair.serialize_pem());
    record::certificate(certificate.der());
    let point = pair.public_key_raw();
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "x": base64url(&point[1..33]), "y": base64url(&point[33..]),
        "kid": "c2-certificate",
        "x5c": [base64::Engine::encode(&base64::engine::general_purpose::STANDARD, certificate.der())],
    });
    let certified = http(stage, Some((&certificate.pem(), &pair.serialize_pem())));
    let certificate =
        json!({"token_endpoint_auth_method": "self_signed_tls_client_auth", "certificate_key": jwk});
    Caller { key, certified, certificate }
}

/// One client's `[[server.client]]`.
fn registration(variant: Variant, number: usize, caller: &Caller) -> String {
    let mut keys = vec![caller.key.registered()];
    let mut client = json!({
        "client_id": Site::client_id(variant, number),
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": Site::scope(variant),
        "audiences": [API],
        "sender_constraint": if variant.dpop() { "dpop" } else { "mtls" },
        "access_token_format": "opaque",
    });
    if variant.client_auth == ClientAuth::Mtls {
        let mut members = caller.certificate.clone();
        keys.extend(members.as_object_mut().unwrap().remove("certificate_key"));
        merge(&mut client, members);
    }
    if variant.profile == Profile::ClientCredentials {
        merge(&mut client, json!({"grant_types": ["client_credentials"]}));
    } else {
        merge(
            &mut client,
            json!({
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "redirect_uris": [Site::redirect_uri(variant, number)],
                "require_signed_request_object": variant.signed_requests,
            }),
        );
    }
    if variant.jarm {
        merge(&mut client, json!({"response_modes": ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt"]}));
    }
    client["jwks"] = json!({"keys": keys});
    format!("\n[[issuer.server.client]]\n{}", table(&client))
}

fn merge(target: &mut Value, members: Value) {
    let Value::Object(members) = members else { panic!("not an object") };
    target.as_object_mut().unwrap().extend(members);
}

/// JSON members as lines of a TOML table.
pub(crate) fn table(members: &Value) -> String {
    let text = |value: &Value| toml::Value::try_from(value).unwrap().to_string();
    members.as_object().unwrap().iter().map(|(name, value)| format!("{name} = {}\n", text(value))).collect()
}

/// Makes an account through the binary, which reads the password from standard input.
pub(crate) fn add_account(config: &str, username: &str, password: &str, more: &[&str]) {
    let arguments = [&["account", "--config", config, "add", username], more].concat();
    let mut command = process::command(&arguments, "warn");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    record::secret("a password", password);
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    record::process(&output.stderr);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "bindery account add {username}: {said}");
}

fn listeners_toml(stage: &Stage, base: &str, mtls: &str) -> String {
    let [certificate, private] = ["server.pem", "server.key"].map(|file| stage.path(file));
    format!(
        r#"
[listener]
address = "{address}"
certificate_file = "{certificate}"
key_file = "{private}"
[mtls_listener]
address = "{mtls_address}"
certificate_file = "{certificate}"
key_file = "{private}"
"#,
        address = address_of(base),
        mtls_address = address_of(mtls),
    )
}

/// An issuer below `base`, and its client `api`, which is the resource.
fn issuer_toml(stage: &Stage, base: &str, mtls: &str, name: &str, profile: &str) -> String {
    let [ca, store] = ["ca.pem", &format!("{name}.db")].map(|file| stage.path(file));
    format!(
        r#"
[[issuer]]
[issuer.store]
path = "{store}"
durability = "normal"
[issuer.server]
# Hundreds of people sign in at once here, from one address; the suite itself does so one by one.
limits = {{ enabled = false }}
issuer = "{base}/{name}"
mtls_base_url = "{mtls}/{name}"
{profile}
openid = true
sender_constraints = ["dpop", "mtls"]
[[issuer.server.scope]]
name = "accounts"
description = "See your accounts"
[[issuer.server.scope]]
name = "payments"
description = "Prepare payments"
[[issuer.server.trust_anchors]]
name = "shop"
file = "{ca}"
[[issuer.server.client]]
client_id = "api"
token_endpoint_auth_method = "tls_client_auth"
tls_client_auth_san_dns = "api.shop.example"
trust_anchors = "shop"
grant_types = []
introspection_audiences = ["{API}"]
"#,
    )
}

/// Plain OpenID Connect beside them.
fn neighbour_toml(stage: &Stage, base: &str) -> String {
    format!(
        r#"
[[issuer]]
[issuer.store]
path = "{store}"
[issuer.server]
issuer = "{base}/neighbour"
profile = "openid"
signing_algorithms = ["RS256", "ES256"]
"#,
        store = stage.path("neighbour.db"),
    )
}

fn gateway_toml(
    stage: &Stage,
    issuer: &str,
    mtls: &str,
    resource: &str,
    upstream: SocketAddr,
    signed: bool,
) -> String {
    let [ca, certificate, private, api, api_key] =
        ["ca.pem", "server.pem", "server.key", "api.pem", "api.key"].map(|file| stage.path(file));
    format!(
        r#"
issuer_roots_file = "{ca}"
issuer_certificate_file = "{api}"
issuer_key_file = "{api_key}"
[listener]
address = "{address}"
certificate_file = "{certificate}"
key_file = "{private}"
[gateway.upstream]
url = "http://{upstream}"
[gateway.guard]
public_urls = ["{resource}"]
[[gateway.guard.issuer]]
issuer = "{issuer}"
audiences = ["{API}"]
[gateway.guard.issuer.introspection]
endpoint = "{mtls}/introspect"
client_id = "api"
cache_seconds = 0
signed = {signed}
[[gateway.guard.route]]
path = "/accounts"
scope = "accounts"
"#,
        address = address_of(resource),
    )
}
