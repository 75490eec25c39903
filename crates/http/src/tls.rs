//! TLS as our servers and clients speak it (RFC 8705 section 8, BCP 195): 1.3 and 1.2, rustls on aws-lc-rs.
//! A listener may ask for a client certificate; it never requires one, because OAuth decides per client
//! (MTLS-6.1-01). A server that asks never resumes a session, so every certificate belongs to a handshake
//! in which possession of its key was proven (MTLS-7.3-03).

mod any_client_certificate;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use any_client_certificate::AnyClientCertificate;

/// Whether a listener asks its clients for certificates in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClientCertificates {
    /// No CertificateRequest is sent (browsers then show no picker: MTLS-5-05).
    #[default]
    NotAsked,
    /// Asked for, not required. Any certificate is taken, its chain is not looked at, but the client must
    /// prove that it holds the key (MTLS-3-06).
    Asked,
}

/// The cryptography that all our TLS uses.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The same for servers: of TLS 1.2 only the cipher suites that BCP 195 recommends (RFC 9325 section 4.2, FSP-NET-06).
fn server_provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        )
    });
    Arc::new(provider)
}

/// A server's side of TLS: protocol rules and a certificate that can be renewed while serving. Clones
/// share the certificate.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    certificate: Arc<RenewableCertificate>,
    clients: ClientCertificates,
}

impl ServerTls {
    /// Reads the certificate chain, leaf first, and its private key (PKCS#8, SEC1 or PKCS#1) from PEM files.
    ///
    /// # Errors
    /// [`TlsInvalid`] names the file, the rule and the remedy.
    pub fn from_pem_files(
        certificates: &Path,
        key: &Path,
        clients: ClientCertificates,
    ) -> Result<Self, TlsInvalid> {
        Self::new(&Pem::file(certificates)?, &Pem::file(key)?, clients)
    }

    /// The same from PEM text.
    ///
    /// # Errors
    /// [`TlsInvalid`], calling the texts "the certificate" and "the private key".
    pub fn from_pem(
        certificates: &[u8],
        key: &[u8],
        clients: ClientCertificates,
    ) -> Result<Self, TlsInvalid> {
        Self::new(&Pem::text("the certificate", certificates), &Pem::text("the private key", key), clients)
    }

    fn new(certificates: &Pem, key: &Pem, clients: ClientCertificates) -> Result<Self, TlsInvalid> {
        let certificate =
            Arc::new(RenewableCertificate(ArcSwap::from_pointee(certified_key(certificates, key)?)));
        let builder = ServerConfig::builder_with_provider(server_provider())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|source| TlsInvalid::Versions(source.to_string()))?;
        let builder = match clients {
            ClientCertificates::NotAsked => builder.with_no_client_auth(),
            ClientCertificates::Asked => {
                builder.with_client_cert_verifier(Arc::new(AnyClientCertificate::new(&provider())))
            }
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Early data could be replayed by anybody who saw it, on any listener (RFC 8446 section 8).
        config.max_early_data_size = 0;
        if clients == ClientCertificates::Asked {
            config.send_tls13_tickets = 0;
            config.session_storage = Arc::new(NoServerSessionStorage {});
        }
        Ok(Self { config: Arc::new(config), certificate, clients })
    }

    /// Replaces certificate and key for all handshakes to come. On an error the old ones stay.
    ///
    /// # Errors
    /// [`TlsInvalid`] as at the start.
    pub fn renew_from_pem_files(&self, certificates: &Path, key: &Path) -> Result<(), TlsInvalid> {
        self.renew(&Pem::file(certificates)?, &Pem::file(key)?)
    }

    /// The same from PEM text.
    ///
    /// # Errors
    /// [`TlsInvalid`] as at the start.
    pub fn renew_from_pem(&self, certificates: &[u8], key: &[u8]) -> Result<(), TlsInvalid> {
        self.renew(&Pem::text("the certificate", certificates), &Pem::text("the private key", key))
    }

    fn renew(&self, certificates: &Pem, key: &Pem) -> Result<(), TlsInvalid> {
        self.certificate.0.store(Arc::new(certified_key(certificates, key)?));
        Ok(())
    }

    /// Whether clients are asked for certificates.
    #[must_use]
    pub const fn client_certificates(&self) -> ClientCertificates {
        self.clients
    }

    /// The configuration for rustls.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls")
    }
}

struct RenewableCertificate(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for RenewableCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl fmt::Debug for RenewableCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RenewableCertificate")
    }
}

/// A certificate and key that a client presents when it is asked.
pub struct ClientIdentity {
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ClientIdentity {
    /// Reads the certificate chain, leaf first, and its key from PEM files.
    ///
    /// # Errors
    /// [`TlsInvalid`] names the file, the rule and the remedy.
    pub fn from_pem_files(certificates: &Path, key: &Path) -> Result<Self, TlsInvalid> {
        Self::new(&Pem::file(certificates)?, &Pem::file(key)?)
    }

    /// The same from PEM text.
    ///
    /// # Errors
    /// [`TlsInvalid`], calling the texts "the certificate" and "the private key".
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsInvalid> {
        Self::new(&Pem::text("the certificate", certificates), &Pem::text("the private key", key))
    }

    fn new(certificates: &Pem, key: &Pem) -> Result<Self, TlsInvalid> {
        certified_key(certificates, key)?;
        Ok(Self { certificates: certificates.certificates()?, key: key.private_key()? })
    }

    /// The end-entity certificate, DER.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        self.certificates.first().map_or(&[], |leaf| leaf.as_ref())
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(redacted)")
    }
}

/// A client's side of TLS: it trusts `roots` (PEM) and nothing else, and presents `identity` when asked.
/// ALPN is left empty, for the HTTP connector to fill. Keep one configuration per identity: sessions are
/// resumed within it, and must not carry one identity into another's connection (MTLS-6.3-02).
///
/// # Errors
/// [`TlsInvalid`] when a root can't be used, or when there is none.
pub fn client_config(roots: &[u8], identity: Option<&ClientIdentity>) -> Result<ClientConfig, TlsInvalid> {
    let pem = Pem::text("the trusted roots", roots);
    let mut store = RootCertStore::empty();
    for root in pem.certificates()? {
        store.add(root).map_err(|_| TlsInvalid::NoCertificate(pem.name.clone()))?;
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|source| TlsInvalid::Versions(source.to_string()))?
        .with_root_certificates(store);
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some(identity) => builder
            .with_client_auth_cert(identity.certificates.clone(), identity.key.clone_key())
            .map_err(|_| TlsInvalid::KeyMismatch("the private key".to_owned())),
    }
}

/// A PEM text and the name that errors call it by.
struct Pem {
    name: String,
    text: Vec<u8>,
}

impl Pem {
    fn text(name: &str, text: &[u8]) -> Self {
        Self { name: name.to_owned(), text: text.to_vec() }
    }

    fn file(path: &Path) -> Result<Self, TlsInvalid> {
        let name = path.display().to_string();
        match std::fs::read(path) {
            Ok(text) => Ok(Self { name: format!("`{name}`"), text }),
            Err(source) => Err(TlsInvalid::File { name, reason: source.to_string() }),
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsInvalid> {
        let certificates = CertificateDer::pem_slice_iter(&self.text).collect::<Result<Vec<_>, _>>();
        certificates
            .ok()
            .filter(|certificates| !certificates.is_empty())
            .ok_or_else(|| TlsInvalid::NoCertificate(self.name.clone()))
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsInvalid> {
        PrivateKeyDer::from_pem_slice(&self.text).map_err(|_| TlsInvalid::NoKey(self.name.clone()))
    }
}

/// Private keys pass through here in plain; they are wiped by whoever drops them last.
impl Drop for Pem {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.text);
    }
}

fn certified_key(certificates: &Pem, key: &Pem) -> Result<CertifiedKey, TlsInvalid> {
    CertifiedKey::from_der(certificates.certificates()?, key.private_key()?, &provider()).map_err(|error| {
        match error {
            rustls::Error::InconsistentKeys(_) => TlsInvalid::KeyMismatch(key.name.clone()),
            rustls::Error::InvalidCertificate(_) => TlsInvalid::NoCertificate(certificates.name.clone()),
            _ => TlsInvalid::NoKey(key.name.clone()),
        }
    })
}

/// Why TLS can't be set up. Names what is wrong with which file, never what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsInvalid {
    /// The file can't be read.
    #[error("`{name}` can't be read: {reason}; check the path and its permissions")]
    File {
        /// The path.
        name: String,
        /// What the system says.
        reason: String,
    },
    /// No usable certificate.
    #[error(
        "{0} holds no X.509 certificate in PEM; give the chain as `-----BEGIN CERTIFICATE-----` blocks, the \
         server's own first"
    )]
    NoCertificate(String),
    /// No usable private key.
    #[error(
        "{0} holds no private key that TLS can use; give an unencrypted ECDSA P-256 or P-384, Ed25519 or RSA \
         key in PEM (PKCS#8)"
    )]
    NoKey(String),
    /// The key belongs to another certificate.
    #[error("{0} is not the key of the certificate; give the key that the certificate was issued for")]
    KeyMismatch(String),
    /// The cryptography lacks TLS 1.2 or 1.3.
    #[error("TLS 1.2 and 1.3 can't be set up: {0}")]
    Versions(String),
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
