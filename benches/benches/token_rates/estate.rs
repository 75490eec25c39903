//! The server under load: the released binary, its configuration with one client of each kind, its store.

use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::mtls::subject::public_key_of;
use bindery_crypto::{AwsLc, SigningKey};
use bindery_store::postgres::fixture::PostgresServer;
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use crate::wire::Wire;

pub(crate) const SECRET: &str = "a-secret-of-more-than-thirty-two-characters";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const CALLBACK: &str = "https://app.example.com/callback";

/// Where state is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Memory,
    Sqlite,
    Postgres,
}

impl Backend {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

pub(crate) struct Estate {
    pub(crate) backend: Backend,
    pub(crate) issuer: String,
    pub(crate) address: SocketAddr,
    pub(crate) mtls_address: SocketAddr,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) mutual_tls: Arc<rustls::ClientConfig>,
    pub(crate) assertion_key: SigningKey,
    pub(crate) proof_key: SigningKey,
    process: Child,
    _directory: tempfile::TempDir,
    _postgres: Option<PostgresServer>,
}

impl Estate {
    /// Starts a server; `None` where its database is not installed.
    pub(crate) async fn start(backend: Backend) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let postgres = match backend {
            Backend::Postgres => Some(PostgresServer::start()?),
            _ => None,
        };
        let (address, mtls_address) = (free_address(), free_address());
        let base = |address: SocketAddr| format!("https://localhost:{}", address.port());
        let (issuer, mtls) = (base(address), base(mtls_address));
        let key = || SigningKey::generate(SignatureAlgorithm::Es256).unwrap();
        let assertion_key = key();
        let (server_certificate, server_key) = certificate(directory.path(), "server");
        let (client_certificate, client_key) = certificate(directory.path(), "client");
        let store = match (&postgres, backend) {
            (Some(server), _) => json!({
                "postgres": {"url": server.url(), "max_connections": 16},
                "key_file": directory.path().join("sealing.key"),
            }),
            (None, Backend::Sqlite) => json!({"path": directory.path().join("bindery.db")}),
            (None, _) => json!({}),
        };
        let listener = |address: SocketAddr| {
            json!({
                "address": address.to_string(),
                "certificate_file": directory.path().join("server.pem"),
                "key_file": directory.path().join("server.key"),
            })
        };
        let configuration = json!({
            "listener": listener(address), "mtls_listener": listener(mtls_address), "store": store,
            "server": {
                "issuer": issuer, "mtls_base_url": mtls, "limits": {"enabled": false},
                // Where several machines share the store, they share the memory of proofs too.
                "dpop": {"replay": if backend == Backend::Postgres { "store" } else { "memory" }},
                "client": clients(&assertion_key, &client_certificate),
            },
        });
        let path = directory.path().join("server.toml");
        std::fs::write(&path, toml::to_string(&configuration).unwrap()).unwrap();
        if backend != Backend::Memory {
            add_account(&path);
        }
        let log = File::create(directory.path().join("log")).unwrap();
        let process = Command::new(binary())
            .args(["server", "--config"])
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let tls = client_tls(&server_certificate, None);
        let mutual_tls = client_tls(&server_certificate, Some((client_certificate, client_key)));
        drop(server_key);
        let estate = Self {
            backend,
            issuer,
            address,
            mtls_address,
            tls,
            mutual_tls,
            assertion_key,
            proof_key: key(),
            process,
            _directory: directory,
            _postgres: postgres,
        };
        estate.ready().await;
        Some(estate)
    }

    async fn ready(&self) {
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(self.address).await.is_ok() {
                let mut wire = Wire::open(self.address, &self.tls).await;
                if wire.ask(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.status == 200 {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        unreachable!("{} did not start", self.backend.name());
    }

    /// CPU time that the server has used so far, in microseconds.
    pub(crate) fn server_cpu(&self) -> f64 {
        cpu(&format!("/proc/{}/stat", self.process.id()))
    }

    /// Resident size now, and the highest so far, in MiB.
    pub(crate) fn resident(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = |name: &str| -> f64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_matches(|character: char| !character.is_ascii_digit()).parse::<f64>().unwrap() / 1024.0
        };
        (line("VmRSS:"), line("VmHWM:"))
    }
}

impl Drop for Estate {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// User and system time, of `/proc/PID/stat`, in microseconds.
pub(crate) fn cpu(path: &str) -> f64 {
    let text = std::fs::read_to_string(path).unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // Fields 14 and 15, counted from the state, in hundredths of a second.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) * 10_000.0
}

/// The binary under load: the released one, or what `BINDERY` names.
pub(crate) fn binary() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/bindery");
    std::env::var_os("BINDERY").map_or(built, PathBuf::from)
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// Writes `NAME.pem` and `NAME.key`.
fn certificate(directory: &Path, name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(directory.join(format!("{name}.pem")), certificate.pem()).unwrap();
    let path = directory.join(format!("{name}.key"));
    std::fs::write(&path, key.serialize_pem()).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, mode).unwrap();
    (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

fn client_tls(
    server: &CertificateDer<'static>,
    own: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
) -> Arc<rustls::ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(server.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).unwrap(),
    })
}

/// One client for each kind of request.
fn clients(assertion_key: &SigningKey, certificate: &CertificateDer<'_>) -> Value {
    use base64::Engine as _;
    let digest = base64url::encode(AwsLc.sha256(&[SECRET.as_bytes()]));
    let signing = json!({"keys": [assertion_key.public_key().to_jwk()]});
    let mut own = public_key_of(certificate).unwrap().to_jwk();
    own.insert("x5c".into(), json!([base64::engine::general_purpose::STANDARD.encode(certificate)]));
    let audience = ["https://api.example.com"];
    json!([
        {
            "client_id": "secret", "client_secret_sha256": digest, "scope": "orders.read",
            "grant_types": ["client_credentials"], "audiences": audience, "sender_constraint": "none",
            "sender_constraint_reason": "the measure of what binding costs",
            "sender_constraint_until": "2099-01-01",
        },
        {
            "client_id": "assertion", "token_endpoint_auth_method": "private_key_jwt", "jwks": signing,
            "scope": "orders.read", "grant_types": ["client_credentials"], "audiences": audience,
            "sender_constraint": "dpop",
        },
        {
            "client_id": "certificate", "token_endpoint_auth_method": "self_signed_tls_client_auth",
            "jwks": {"keys": [own]}, "scope": "orders.read", "grant_types": ["client_credentials"],
            "audiences": audience, "sender_constraint": "mtls",
        },
        {
            "client_id": "web", "token_endpoint_auth_method": "private_key_jwt", "jwks": signing,
            "scope": "orders.read", "grant_types": ["authorization_code", "refresh_token"],
            "redirect_uris": [CALLBACK], "audiences": audience, "sender_constraint": "dpop",
            "consent": "implied",
        },
        {
            "client_id": "api", "client_secret_sha256": digest, "grant_types": [],
            "introspection_audiences": audience,
        },
    ])
}

fn add_account(config: &Path) {
    let mut child = Command::new(binary())
        .args(["account", "add", "alice", "--config"])
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}
