//! A certification authority for one test, and the certificates that it signs.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::watch::record;

/// A certificate and its private key.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// The names that test servers answer to; the last one is what a proof for another host says.
const SERVER_NAMES: [&str; 4] = ["localhost", "127.0.0.1", "api.shop.example", "evil.example"];

impl Authority {
    pub(crate) fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "Test authority");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn root_pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn root_der(&self) -> Vec<u8> {
        self.0.der().to_vec()
    }

    pub(crate) fn server(&self) -> Identity {
        self.sign(server_parameters())
    }

    /// A server's certificate that ended long ago.
    pub(crate) fn expired_server(&self) -> Identity {
        let mut parameters = server_parameters();
        parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2002, 1, 1);
        self.sign(parameters)
    }

    pub(crate) fn client(&self, name: &str) -> Identity {
        let mut parameters = CertificateParams::new(vec![format!("{name}.shop.example")]).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let identity = self.sign(parameters);
        record::secret("a client's private key", &identity.key);
        for line in identity.certificate.lines().filter(|line| !line.starts_with("-----")) {
            record::secret("a client's certificate", line);
        }
        identity
    }

    fn sign(&self, parameters: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

fn server_parameters() -> CertificateParams {
    let mut parameters = CertificateParams::new(SERVER_NAMES.map(str::to_owned)).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, "Test server");
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters
}
