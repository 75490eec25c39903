//! What is read out of an end-entity certificate: its alternative names, its public key and its dates.
//! Reading is strict (one DER value, nothing after it) and bounded; it verifies no signature.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use x509_cert::Certificate;

use super::SubjectKind;
use crate::jose::jwk::{PublicKey, RsaPublicKey, is_low_order};
use crate::mtls::certificate::MAXIMUM_CERTIFICATE;
use crate::time::UnixTime;

const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Why nothing can be said about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateUnreadable {
    /// It is longer than [`MAXIMUM_CERTIFICATE`].
    TooLong,
    /// It is not one X.509 certificate in DER.
    NotACertificate,
    /// An extension is repeated or malformed.
    Extension,
    /// Its key is of a kind, size or form that we don't use.
    Key,
}

impl fmt::Display for CertificateUnreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the certificate is longer than 32 KiB",
            Self::NotACertificate => "this is not one X.509 certificate in DER",
            Self::Extension => "an extension of the certificate is repeated or malformed",
            Self::Key => {
                "the certificate's key is none of P-256, P-384, Ed25519 and RSA of 2048 to 8192 bits"
            }
        })
    }
}

impl core::error::Error for CertificateUnreadable {}

/// Reads one certificate.
pub(super) fn read(der: &[u8]) -> Result<Certificate, CertificateUnreadable> {
    if der.len() > MAXIMUM_CERTIFICATE {
        return Err(CertificateUnreadable::TooLong);
    }
    Certificate::from_der(der).map_err(|_| CertificateUnreadable::NotACertificate)
}

/// One alternative name of a kind that a rule can speak of, its octets as they stand.
pub(super) struct AlternativeName<'c> {
    pub(super) kind: SubjectKind,
    pub(super) value: &'c [u8],
}

/// The alternative names; kinds that no rule speaks of are passed over.
pub(super) fn alternative_names(
    certificate: &Certificate,
) -> Result<Vec<AlternativeName<'_>>, CertificateUnreadable> {
    let malformed = |_| CertificateUnreadable::Extension;
    let extensions = certificate.tbs_certificate().extensions().map_or(&[][..], Vec::as_slice);
    let mut found = extensions.iter().filter(|extension| extension.extn_id == SUBJECT_ALTERNATIVE_NAME);
    let Some(extension) = found.next() else { return Ok(Vec::new()) };
    // RFC 5280 section 4.2: one instance of an extension; two are two readings.
    if found.next().is_some() {
        return Err(CertificateUnreadable::Extension);
    }
    let sequence = AnyRef::from_der(extension.extn_value.as_bytes()).map_err(malformed)?;
    if sequence.tag() != Tag::Sequence {
        return Err(CertificateUnreadable::Extension);
    }
    let mut names = Vec::new();
    let mut reader = SliceReader::new(sequence.value()).map_err(malformed)?;
    while !reader.is_finished() {
        let name = AnyRef::decode(&mut reader).map_err(malformed)?;
        let Tag::ContextSpecific { constructed, number } = name.tag() else {
            return Err(CertificateUnreadable::Extension);
        };
        let kind = match number.value() {
            1 => SubjectKind::SanEmail,
            2 => SubjectKind::SanDns,
            6 => SubjectKind::SanUri,
            7 => SubjectKind::SanIp,
            _ => continue,
        };
        if constructed {
            return Err(CertificateUnreadable::Extension);
        }
        names.push(AlternativeName { kind, value: name.value() });
    }
    Ok(names)
}

/// The public key of a certificate, as the same value that a JWK gives (for `x5c`: MTLS-2.2-02).
///
/// # Errors
/// [`CertificateUnreadable`]: not a certificate, or its key is not one that we use.
pub fn public_key_of(leaf_der: &[u8]) -> Result<PublicKey, CertificateUnreadable> {
    let certificate = read(leaf_der)?;
    let info = certificate.tbs_certificate().subject_public_key_info();
    let key = info.subject_public_key.as_bytes().ok_or(CertificateUnreadable::Key)?;
    public_key(info.algorithm.oid, info.algorithm.parameters.as_ref().map(AnyRef::from), key)
        .ok_or(CertificateUnreadable::Key)
}

fn public_key(algorithm: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Option<PublicKey> {
    match algorithm {
        EC_PUBLIC_KEY => match parameters?.decode_as::<ObjectIdentifier>().ok()? {
            P_256 if key.first() == Some(&4) => key.try_into().ok().map(PublicKey::EcP256),
            P_384 if key.first() == Some(&4) => key.try_into().ok().map(PublicKey::EcP384),
            _ => None,
        },
        ED25519 if parameters.is_none() => {
            key.try_into().ok().filter(|key| !is_low_order(key)).map(PublicKey::Ed25519)
        }
        RSA_ENCRYPTION => {
            let sequence = AnyRef::from_der(key).ok().filter(|sequence| sequence.tag() == Tag::Sequence)?;
            let mut reader = SliceReader::new(sequence.value()).ok()?;
            let modulus = UintRef::decode(&mut reader).ok()?;
            let exponent = UintRef::decode(&mut reader).ok()?;
            reader.finish().ok()?;
            RsaPublicKey::new(modulus.as_bytes().to_vec(), exponent.as_bytes().to_vec())
                .ok()
                .map(|key| PublicKey::Rsa(Box::new(key)))
        }
        _ => None,
    }
}

/// `notBefore` and `notAfter`, both still inside the validity (RFC 5280 section 4.1.2.5).
///
/// # Errors
/// [`CertificateUnreadable`]: not a certificate.
pub fn validity(leaf_der: &[u8]) -> Result<(UnixTime, UnixTime), CertificateUnreadable> {
    let certificate = read(leaf_der)?;
    let validity = certificate.tbs_certificate().validity();
    let time = |time: x509_cert::time::Time| UnixTime::from_seconds(0).plus(time.to_unix_duration());
    Ok((time(validity.not_before), time(validity.not_after)))
}
