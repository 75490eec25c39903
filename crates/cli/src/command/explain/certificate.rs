//! The client certificate of `--certificate`: its thumbprint, its subject, its validity. Possession of its key
//! is taken for granted, as the real check is the TLS handshake's.

use std::path::Path;

use anyhow::{anyhow, bail};
use bindery_core::explain::{Decoded, Explanation, Subject, for_terminal, moment};
use bindery_core::mtls::certificate::ClientCertificate;
use bindery_core::mtls::subject::validity;
use bindery_core::time::UnixTime;
use bindery_crypto::AwsLc;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::input;

/// A certificate file that was read.
pub(super) struct CertificateFile {
    pub(super) certificate: ClientCertificate,
    /// The file's text, if it is PEM.
    pub(super) pem: Option<String>,
    subject: String,
    starts_at: UnixTime,
    ends_at: UnixTime,
}

impl CertificateFile {
    /// Reads PEM (the first certificate counts) or DER.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let bytes = input::read_file("--certificate", path)?;
        let pem = String::from_utf8(bytes.clone()).ok().filter(|text| text.contains("-----BEGIN"));
        let leaf = match &pem {
            Some(text) => match CertificateDer::pem_slice_iter(text.as_bytes()).next() {
                Some(Ok(certificate)) => certificate.to_vec(),
                Some(Err(_)) => bail!("--certificate {shown}: its PEM is damaged"),
                None => bail!(
                    "--certificate {shown}: holds no certificate (only a key?); give the certificate's file"
                ),
            },
            None => bytes,
        };
        let (starts_at, ends_at) =
            validity(&leaf).map_err(|reason| anyhow!("--certificate {shown}: {reason}; give PEM or DER"))?;
        let subject = Certificate::from_der(&leaf)
            .map(|certificate| certificate.tbs_certificate().subject().to_string())
            .unwrap_or_default();
        let certificate = ClientCertificate::new(leaf, Vec::new(), &AwsLc);
        Ok(Self { certificate, pem, subject, starts_at, ends_at })
    }

    /// Adds what the certificate says of itself.
    pub(super) fn describe(&self, explanation: &mut Explanation, now: UnixTime) {
        let subject = if self.subject.is_empty() { "(empty)" } else { &self.subject };
        let members = [
            ("subject", for_terminal(subject)),
            ("valid from", moment(self.starts_at, now)),
            ("valid until", moment(self.ends_at, now)),
            ("x5t#S256", self.certificate.thumbprint().to_string()),
        ];
        explanation.decoded.push(Decoded {
            subject: Subject::Certificate,
            part: "certificate",
            members: members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        });
        if now < self.starts_at || now > self.ends_at {
            explanation.hint(
                "certificate_not_valid_now",
                "The certificate is outside its validity. The binding is by thumbprint and does not mind, but the TLS \
                 handshake or tls_client_auth may refuse it; a renewed certificate has another thumbprint and needs a \
                 new token.",
            );
        }
    }
}
