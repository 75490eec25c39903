//! TLS and HTTP as bound tokens need them: rustls with the given roots and identity, no redirects and no
//! retries below the place where proofs are made (DPOP-7.3-02, DPOP-7.3-03). A retry that does not pass
//! the signer would send the same proof twice.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use rustls_platform_verifier::BuilderVerifierExt as _;

use crate::error::ConfigurationInvalid;

/// Whom a server's certificate may come from.
#[derive(Clone, Default)]
pub enum TrustRoots {
    /// The certificate authorities that the operating system trusts.
    #[default]
    Platform,
    /// These and no others.
    Only(Vec<CertificateDer<'static>>),
}

impl TrustRoots {
    /// The certificates in a PEM text, and no others.
    ///
    /// # Errors
    /// [`ConfigurationInvalid::TrustRoots`] when the text holds no certificate or a broken one.
    pub fn from_pem(pem: &[u8]) -> Result<Self, ConfigurationInvalid> {
        let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match roots {
            Ok(roots) if !roots.is_empty() => Ok(Self::Only(roots)),
            _ => Err(ConfigurationInvalid::TrustRoots),
        }
    }
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("Platform"),
            Self::Only(roots) => write!(f, "Only({} certificates)", roots.len()),
        }
    }
}

/// A client certificate with its private key: what mutual TLS presents (RFC 8705).
///
/// One identity stands for one connection pool; to rotate, make a new client and a new source, and let the
/// old ones finish their work (MTLS-6.3-02).
#[derive(Clone)]
pub struct ClientIdentity(Arc<Identity>);

struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ClientIdentity {
    /// The certificate chain, leaf first, and the private key, both in PEM.
    ///
    /// # Errors
    /// [`ConfigurationInvalid::Identity`] when either is missing or broken, or when they don't belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, ConfigurationInvalid> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| ConfigurationInvalid::Identity)?;
        Self::new(chain.map_err(|_| ConfigurationInvalid::Identity)?, key)
    }

    /// The certificate chain, leaf first, and the private key, both in DER.
    ///
    /// # Errors
    /// [`ConfigurationInvalid::Identity`] when the chain is empty or the key is not the leaf's.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, ConfigurationInvalid> {
        if chain.is_empty() {
            return Err(ConfigurationInvalid::Identity);
        }
        let identity = Self(Arc::new(Identity { chain, key }));
        // Building a configuration loads the key and compares it with the leaf.
        tls_configuration(&TrustRoots::Only(Vec::new()), Some(&identity), TlsVersions::default())?;
        Ok(identity)
    }

    /// The leaf certificate in DER, which the server will name by its SHA-256 thumbprint.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.0.chain.first().map_or(&[], |leaf| leaf.as_ref())
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientIdentity({} certificates, key redacted)", self.0.chain.len())
    }
}

/// The versions of TLS that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TlsVersions {
    /// 1.3 and 1.2.
    #[default]
    Usual,
    /// 1.3 alone, which hides the client certificate from whoever listens (MTLS-7.3-02, RFC 8705 section 8).
    OnlyTls13,
}

/// A `reqwest` builder preset for bound tokens: redirects off, automatic retries off, rustls with `roots`,
/// and `identity` on every connection that asks for a certificate.
///
/// Use it for the client that carries a [`BoundMiddleware`](crate::BoundMiddleware). For certificate-bound
/// tokens `identity` must be the one that the token was obtained with.
///
/// # Errors
/// [`ConfigurationInvalid`] when the roots or the identity can't be used.
pub fn http_client_builder(
    roots: &TrustRoots,
    identity: Option<&ClientIdentity>,
    versions: TlsVersions,
) -> Result<reqwest::ClientBuilder, ConfigurationInvalid> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls_configuration(roots, identity, versions)?)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(Duration::from_secs(10)))
}

fn tls_configuration(
    roots: &TrustRoots,
    identity: Option<&ClientIdentity>,
    versions: TlsVersions,
) -> Result<ClientConfig, ConfigurationInvalid> {
    let versions: &[&rustls::SupportedProtocolVersion] = match versions {
        TlsVersions::Usual => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersions::OnlyTls13 => &[&rustls::version::TLS13],
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|_| ConfigurationInvalid::TrustRoots)?;
    let builder = match roots {
        TrustRoots::Platform => {
            builder.with_platform_verifier().map_err(|_| ConfigurationInvalid::TrustRoots)?
        }
        TrustRoots::Only(certificates) => {
            let mut store = RootCertStore::empty();
            for certificate in certificates {
                store.add(certificate.clone()).map_err(|_| ConfigurationInvalid::TrustRoots)?;
            }
            builder.with_root_certificates(store)
        }
    };
    let mut configuration = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder
            .with_client_auth_cert(identity.0.chain.clone(), identity.0.key.clone_key())
            .map_err(|_| ConfigurationInvalid::Identity)?,
    };
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(configuration)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a server that speaks TLS 1.2 alone takes this client's first message.
    fn is_understood_by_tls12(versions: TlsVersions) -> bool {
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key)
            .unwrap();
        let roots = TrustRoots::Only(vec![issued.cert.der().clone()]);
        let client = tls_configuration(&roots, None, versions).unwrap();
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = rustls::ServerConnection::new(Arc::new(server)).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        server.read_tls(&mut hello.as_slice()).unwrap();
        server.process_new_packets().is_ok()
    }

    #[test]
    fn tls_1_3_alone_speaks_to_no_older_server() {
        assert!(is_understood_by_tls12(TlsVersions::Usual));
        assert!(!is_understood_by_tls12(TlsVersions::OnlyTls13));
    }
}
