//! What registration and authentication must know of a registered certificate: that it holds the key that
//! it stands beside (RFC 7517 section 4.7, MTLS-2.2-02), and that it is within its validity (RFC 5280
//! section 4.1.2.5). Says nothing about who signed it.

use core::fmt;

use crate::jose::jwk::PublicKey;
use crate::mtls::subject::{public_key_of, validity};
use crate::time::UnixTime;

/// Why a certificate can't be registered or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateRefused {
    /// Not one X.509 certificate in DER with a key of a kind that we use.
    Unreadable,
    /// It holds another key.
    AnotherKey,
    /// Outside its validity period.
    NotValidNow,
}

impl fmt::Display for CertificateRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "the certificate is not X.509 in DER with a key of a kind that we use",
            Self::AnotherKey => "the first certificate of `x5c` holds another key",
            Self::NotValidNow => "the certificate is outside its validity period",
        })
    }
}

/// Confirms that the certificate holds exactly `key`.
///
/// # Errors
/// [`CertificateRefused`] when it can't be read or holds another key.
pub fn confirm_certificate_key(der: &[u8], key: &PublicKey) -> Result<(), CertificateRefused> {
    let found = public_key_of(der).map_err(|_| CertificateRefused::Unreadable)?;
    if found == *key { Ok(()) } else { Err(CertificateRefused::AnotherKey) }
}

/// Requires `now` to lie within the certificate's validity, both ends included.
///
/// # Errors
/// [`CertificateRefused`] when it can't be read or does not.
pub fn require_valid_at(der: &[u8], now: UnixTime) -> Result<(), CertificateRefused> {
    let (not_before, not_after) = validity(der).map_err(|_| CertificateRefused::Unreadable)?;
    if (not_before..=not_after).contains(&now) { Ok(()) } else { Err(CertificateRefused::NotValidNow) }
}
