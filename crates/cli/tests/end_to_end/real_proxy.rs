//! A real nginx in front of both servers: it ends TLS, takes any certificate, and forwards the client's. A
//! token that was bound through it is good through it with that certificate, and with nothing else; nobody
//! who goes round it can say what it says. Skipped where nginx is not installed, unless
//! `BINDERY_REQUIRE_PROXIES` is set.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::certificates::Identity;
use crate::support::process::Process;
use crate::support::upstream::Upstream;
use crate::support::wire::Reply;
use crate::support::{DEADLINE, Stage, free_port};

const API: &str = "https://api.shop.example";
/// nginx connects from here, so that a connection from 127.0.0.1 is one that goes round it.
const PROXY: &str = "127.0.0.2";

/// nginx, the servers behind it, and the addresses of both.
struct Estate {
    stage: Stage,
    upstream: Upstream,
    inventory: Identity,
    issuer: String,
    public_api: SocketAddr,
    gateway: SocketAddr,
    server: SocketAddr,
    _processes: [Process; 3],
}

impl Estate {
    fn start() -> Option<Self> {
        let found = Command::new("nginx").arg("-v").output().is_ok();
        if !found {
            assert!(
                std::env::var_os("BINDERY_REQUIRE_PROXIES").is_none(),
                "nginx is not installed, and BINDERY_REQUIRE_PROXIES is set; install Debian's package `nginx`"
            );
            say("SKIPPED: nginx is not installed, so nothing was shown about real proxies");
            return None;
        }
        let (stage, upstream) = (Stage::new(), Upstream::start());
        let inventory = stage.authority.client("inventory");
        stage.secret("the inventory client's private key", &inventory.key);
        stage.write("inventory.pem", &inventory.certificate);
        stage.write("inventory.key", &inventory.key);
        let [public_server, public_api, server, gateway] =
            std::array::from_fn(|_| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let issuer = format!("https://localhost:{}", public_server.port());
        let nginx = nginx(&stage, [(public_server, "http", server), (public_api, "https", gateway)]);
        let toml = server_toml(&stage, &issuer, server);
        let server_process = stage.spawn(&["server", "--config", &stage.write("server.toml", &toml)]);
        server_process.listening(1);
        let toml = gateway_toml(&stage, &issuer, public_api, gateway, upstream.address);
        let gateway_process = stage.spawn(&["gateway", "--config", &stage.write("gateway.toml", &toml)]);
        gateway_process.listening(1);
        let _processes = [nginx, server_process, gateway_process];
        Some(Self { stage, upstream, inventory, issuer, public_api, gateway, server, _processes })
    }

    /// A token that was asked for through nginx with the certificate of `inventory`.
    fn token(&self) -> String {
        let [ca, certificate, key] =
            ["ca.pem", "inventory.pem", "inventory.key"].map(|file| self.stage.path(file));
        let arguments = ["request", "--issuer", &self.issuer, "--ca", &ca, "--client-id", "inventory"];
        let certificate = ["--certificate", &certificate, "--certificate-key", &key, "--print-token"];
        let token = self.stage.run(&[&arguments[..], &certificate[..]].concat()).require(0).stdout;
        self.stage.secret("an access token", token.trim());
        token.trim().to_owned()
    }

    /// GET /orders with a token and further headers, to `address`, presenting `identity`.
    fn get(&self, address: SocketAddr, identity: Option<&Identity>, token: &str, headers: &str) -> Reply {
        let request = format!(
            "GET /orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             {headers}\r\n"
        );
        exchange(&self.stage, address, identity, &request)
    }
}

/// To the terminal, past the harness that keeps what passing tests print.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn nginx(stage: &Stage, sites: [(SocketAddr, &str, SocketAddr); 2]) -> Process {
    let directory = stage.directory.path().to_str().unwrap();
    let sites: String = sites
        .iter()
        .map(|(public, scheme, inner)| {
            format!(
                r#"
    server {{
        listen {public} ssl;
        ssl_certificate {directory}/server.pem;
        ssl_certificate_key {directory}/server.key;
        ssl_verify_client optional_no_ca;
        location / {{
            proxy_pass {scheme}://{inner};
            proxy_bind {PROXY};
            proxy_http_version 1.1;
            proxy_ssl_trusted_certificate {directory}/ca.pem;
            proxy_ssl_verify on;
            proxy_ssl_name localhost;
            proxy_set_header ssl-client-cert $ssl_client_escaped_cert;
        }}
    }}"#
            )
        })
        .collect();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {directory}/nginx.pid;\nerror_log stderr warn;\nevents {{}}\n\
         http {{\n    access_log off;\n    client_body_temp_path {directory}/body;\n    \
         proxy_temp_path {directory}/proxy;\n    fastcgi_temp_path {directory}/fastcgi;\n    \
         uwsgi_temp_path {directory}/uwsgi;\n    scgi_temp_path {directory}/scgi;{sites}\n}}\n"
    );
    let config = stage.write("nginx.conf", &text);
    let mut command = Command::new("nginx");
    command.args(["-p", directory, "-c", &config, "-e", "stderr"]);
    let process = Process::spawn(command, &["nginx"], &stage.watch);
    let started = Instant::now();
    let public = sites_of(&text);
    while public.iter().any(|address| TcpStream::connect(address).is_err()) {
        assert!(
            started.elapsed() < DEADLINE,
            "nginx does not listen: {}",
            process.stderr.read(str::to_owned)
        );
        std::thread::yield_now();
    }
    process
}

fn sites_of(config: &str) -> Vec<SocketAddr> {
    let lines = config.lines().filter_map(|line| line.trim().strip_prefix("listen ")?.strip_suffix(" ssl;"));
    lines.map(|address| address.parse().unwrap()).collect()
}

/// Behind nginx without TLS: nobody else is answered at all.
fn server_toml(stage: &Stage, issuer: &str, address: SocketAddr) -> String {
    format!(
        r#"
[listener]
address = "{address}"
dangerous_plaintext = true
[trusted_proxies]
format = "nginx"
networks = ["{PROXY}"]
verification_header = "none"
[server]
issuer = "{issuer}"
[[server.trust_anchors]]
name = "shop"
file = "{ca}"
[[server.client]]
client_id = "inventory"
token_endpoint_auth_method = "tls_client_auth"
tls_client_auth_san_dns = "inventory.shop.example"
grant_types = ["client_credentials"]
scope = "orders.read"
audiences = ["{API}"]
sender_constraint = "mtls"
"#,
        ca = stage.path("ca.pem"),
    )
}

/// Behind nginx with TLS of its own, so that clients can also come directly.
fn gateway_toml(
    stage: &Stage,
    issuer: &str,
    public: SocketAddr,
    address: SocketAddr,
    upstream: SocketAddr,
) -> String {
    let [ca, certificate, key] = ["ca.pem", "server.pem", "server.key"].map(|file| stage.path(file));
    format!(
        r#"
issuer_roots_file = "{ca}"
[listener]
address = "{address}"
certificate_file = "{certificate}"
key_file = "{key}"
[gateway.upstream]
url = "http://{upstream}"
[gateway.trusted_proxies]
format = "nginx"
networks = ["{PROXY}"]
verification_header = "none"
[gateway.guard]
public_urls = ["https://localhost:{port}"]
[[gateway.guard.issuer]]
issuer = "{issuer}"
audiences = ["{API}"]
[[gateway.guard.route]]
path = "/orders"
scope = "orders.read"
"#,
        port = public.port(),
    )
}

/// One request over a connection with `identity`, and everything that came back.
fn exchange(stage: &Stage, address: SocketAddr, identity: Option<&Identity>, request: &str) -> Reply {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(stage.authority.root_der())).unwrap();
    let builder = ClientConfig::builder_with_provider(bindery_http::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut wire = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket);
    wire.write_all(request.as_bytes()).unwrap();
    let mut seen = Vec::new();
    // Some servers close without saying goodbye in TLS; what came before is what counts.
    let _ = wire.read_to_end(&mut seen);
    let text = String::from_utf8_lossy(&seen).into_owned();
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    Reply { status, text }
}

/// The header that nginx would write for this certificate.
fn forged(identity: &Identity) -> String {
    let escaped: String =
        identity
            .certificate
            .bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect();
    format!("ssl-client-cert: {escaped}\r\n")
}

#[test]
fn a_certificate_bound_token_lives_behind_nginx_with_its_certificate_alone() {
    let Some(estate) = Estate::start() else { return };
    let token = estate.token();
    let (own, other) = (&estate.inventory, estate.stage.authority.client("other"));
    let forged = forged(own);

    let reply = estate.get(estate.public_api, Some(own), &token, "");
    assert_eq!(reply.status, Some(200), "{reply:?}");
    assert_eq!(estate.upstream.last().header("bindery-client-id"), ["inventory"]);
    assert!(estate.upstream.last().header("ssl-client-cert").is_empty());
    // Round nginx, the handshake counts.
    assert_eq!(estate.get(estate.gateway, Some(own), &token, "").status, Some(200));

    let before = estate.upstream.count();
    for (name, address, identity, headers) in [
        ("another certificate", estate.public_api, Some(&other), ""),
        ("no certificate", estate.public_api, None, ""),
        ("a header to nginx", estate.public_api, None, forged.as_str()),
        ("a header beside another certificate", estate.public_api, Some(&other), &forged),
        ("a header round nginx", estate.gateway, None, &forged),
        ("a header round nginx beside another certificate", estate.gateway, Some(&other), &forged),
    ] {
        let reply = estate.get(address, identity, &token, headers);
        assert_eq!(reply.status, Some(401), "{name}: {reply:?}");
    }
    assert_eq!(estate.upstream.count(), before, "the application saw none of it");
}

#[test]
fn the_token_endpoint_behind_nginx_knows_clients_by_their_certificates_alone() {
    let Some(estate) = Estate::start() else { return };
    let public = estate.issuer.rsplit(':').next().unwrap().parse().unwrap();
    let public = SocketAddr::from(([127, 0, 0, 1], public));
    let form = "grant_type=client_credentials&client_id=inventory";
    let request = |headers: &str| {
        format!(
            "POST /token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n{headers}\r\n{form}",
            form.len()
        )
    };
    let (own, other) = (&estate.inventory, estate.stage.authority.client("other"));
    let forged = request(&forged(own));
    for (name, identity, request) in [
        ("another certificate", Some(&other), request("")),
        ("no certificate", None, request("")),
        ("a header", None, forged.clone()),
        ("a header beside another certificate", Some(&other), forged.clone()),
    ] {
        let reply = exchange(&estate.stage, public, identity, &request);
        assert_eq!(reply.status, Some(401), "{name}: {reply:?}");
    }
    let reply = exchange(&estate.stage, public, Some(own), &request(""));
    assert_eq!(reply.status, Some(200), "{reply:?}");
    let token = reply.text.split("\"access_token\":\"").nth(1).unwrap().split('"').next().unwrap();
    estate.stage.secret("an access token", token);

    // Round nginx there is no answer, whatever is said.
    let mut round = TcpStream::connect(estate.server).unwrap();
    round.set_read_timeout(Some(DEADLINE)).unwrap();
    let _ = round.write_all(forged.as_bytes());
    let mut seen = Vec::new();
    let _ = round.read_to_end(&mut seen);
    assert!(seen.is_empty(), "{}", String::from_utf8_lossy(&seen));
}
