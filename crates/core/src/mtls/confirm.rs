//! The certificate binding check (RFC 8705 sections 3 and 6.2): the request's certificate is the one that
//! the token names, by SHA-256 over its DER. The chain does not matter here; possession was proven in the
//! handshake, ours or a trusted proxy's. A bound token without certificate is refused, never bearer.

use super::certificate::{CertificateThumbprint, PresentedCertificate};
use crate::rejection::Rejection;

/// Confirms that the request came with the certificate `bound`.
///
/// # Errors
/// [`Rejection::CertificateMissing`] or [`Rejection::CertificateMismatch`].
pub fn confirm(
    presented: &PresentedCertificate,
    bound: CertificateThumbprint,
) -> Result<CertificateThumbprint, Rejection> {
    match presented {
        PresentedCertificate::Absent(reason) => Err(Rejection::CertificateMissing(*reason)),
        PresentedCertificate::Present(certificate) => {
            let proven = certificate.thumbprint();
            if proven == bound { Ok(proven) } else { Err(Rejection::CertificateMismatch { proven, bound }) }
        }
    }
}

#[cfg(test)]
#[path = "confirm_tests.rs"]
mod tests;
