//! A throw-away certification authority and what it signs: one certificate for all servers on loopback and
//! one for the backend client. The keys live in memory and, for trying by hand, in a directory of the demo.

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// A certificate and its private key, PEM.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
    /// The certificate in DER, for forging headers.
    pub(crate) der: Vec<u8>,
}

/// The authority of one demo.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "Bindery demo authority (throw-away)");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)
            .context("the demo's certification authority can't be made")?;
        Ok(Self { issuer })
    }

    pub(crate) fn root_pem(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn server(&self) -> anyhow::Result<Identity> {
        let mut parameters = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()])?;
        parameters.distinguished_name.push(DnType::CommonName, "Bindery demo servers");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(parameters)
    }

    pub(crate) fn client(&self, name: &str) -> anyhow::Result<Identity> {
        let mut parameters = CertificateParams::new(vec![format!("{name}.demo.example")])?;
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(parameters)
    }

    fn sign(&self, parameters: CertificateParams) -> anyhow::Result<Identity> {
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
        })
    }
}

/// A certificate that nobody but its holder signed.
pub(crate) fn self_signed(name: &str) -> anyhow::Result<Identity> {
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new(vec![format!("{name}.invalid")])?;
    parameters.distinguished_name.push(DnType::CommonName, name);
    let certificate = parameters.self_signed(&key)?;
    Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() })
}
