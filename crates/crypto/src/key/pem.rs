//! The PEM text of a private key (RFC 7468 section 10): finds exactly one `PRIVATE KEY` section, and tells the
//! usual mistakes (public half, passphrase, older format) apart so that the remedy can be named.

use rustls_pki_types::pem::{PemObject as _, SectionKind};
use x509_cert::der::pem::{self, LineEnding};
use zeroize::Zeroizing;

use super::{KeyError, MAXIMUM_KEY};

/// The DER of the one private key in `text`.
pub(super) fn private_key(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if text.len() > MAXIMUM_KEY {
        return Err(KeyError::TooLong);
    }
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    let mut found = None;
    let mut other = None;
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
        let (kind, der) = section.map_err(|_| KeyError::NotPem)?;
        let der = Zeroizing::new(der);
        match kind {
            SectionKind::PrivateKey if found.is_some() => return Err(KeyError::SeveralPrivateKeys),
            SectionKind::PrivateKey => found = Some(der),
            SectionKind::RsaPrivateKey => return Err(KeyError::OldFormat("RSA PRIVATE KEY")),
            SectionKind::EcPrivateKey => return Err(KeyError::OldFormat("EC PRIVATE KEY")),
            SectionKind::PublicKey => other = Some("PUBLIC KEY"),
            SectionKind::Certificate => other = other.or(Some("CERTIFICATE")),
            _ => {}
        }
    }
    found.ok_or(KeyError::NoPrivateKey(other))
}

/// The DER of a PKCS#8 key as PEM, in lines of 64 characters.
pub(super) fn write(der: &[u8]) -> Zeroizing<String> {
    // It fails only on a label or a length that PEM can't hold, and neither occurs.
    Zeroizing::new(pem::encode_string("PRIVATE KEY", LineEnding::LF, der).unwrap_or_default())
}
