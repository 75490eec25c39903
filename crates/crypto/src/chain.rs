//! Decides whether a client's certificate chains to an anchor that we trust for clients, by RFC 5280 section 6
//! as webpki checks it (MTLS-2.1-01, MTLS-7.5-01). It says nothing about who the client is: the registered
//! subject is compared elsewhere, and both must hold. Self-signed client certificates (RFC 8705 section 2.2)
//! never come here.

mod anchors;
mod invalid;

use std::time::Duration;

use bindery_core::mtls::certificate::MAXIMUM_CERTIFICATE;
use bindery_core::time::UnixTime;
use rustls_pki_types::CertificateDer;
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, Error, ExpirationPolicy, ExtendedKeyUsageValidator,
    KeyPurposeIdIter, RequiredEkuNotFoundContext, RevocationOptionsBuilder, VerifiedPath,
};
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::KeyUsage;

pub use anchors::{TrustAnchors, TrustAnchorsInvalid};
pub use invalid::ChainInvalid;

/// The most certificates that are looked at beside the leaf; real chains have one or two.
pub const MAXIMUM_INTERMEDIATES: usize = 10;

/// Verifies that `leaf` is a certificate for client authentication that chains, through any of
/// `intermediates` in any order, to one of `anchors`, and is valid at `now`.
///
/// The leaf is the certificate whose key the client has proven to hold, and only it; nothing in
/// `intermediates` can take its place. Intermediates that don't belong to the chain are passed over.
/// When the extended key usage extension is present it must name clientAuth or any (MTLS-7.5-02), and when
/// `anchors` carry revocation lists, every certificate of the chain must be covered and not revoked
/// (MTLS-2.1-08).
///
/// # Errors
/// [`ChainInvalid`] tells the operator which rule the chain breaks. The client learns only that it is not
/// authenticated.
pub fn verify_client_chain(
    leaf: &[u8],
    intermediates: &[Vec<u8>],
    anchors: &TrustAnchors,
    now: UnixTime,
) -> Result<(), ChainInvalid> {
    require_bounds(leaf, intermediates)?;
    let leaf_der = CertificateDer::from(leaf);
    let leaf = EndEntityCert::try_from(&leaf_der).map_err(|error| ChainInvalid::of_leaf(&error))?;
    require_key_usage(&leaf_der, KeyUsage::digital_signature)?;
    let intermediates: Vec<_> =
        intermediates.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    for (index, der) in intermediates.iter().enumerate() {
        require_certificate(der, index)?;
    }
    let lists = anchors.revocation_lists();
    let revocation = RevocationOptionsBuilder::new(&lists)
        .ok()
        .map(|options| options.with_expiration_policy(ExpirationPolicy::Enforce).build());
    leaf.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        anchors.anchors(),
        &intermediates,
        seconds(now),
        ClientAuthentication,
        revocation,
        Some(&require_issuers_may_sign),
    )
    .map(|_| ())
    .map_err(|error| ChainInvalid::of_path(&error))
}

/// Sizes come first, before anything is parsed.
fn require_bounds(leaf: &[u8], intermediates: &[Vec<u8>]) -> Result<(), ChainInvalid> {
    if intermediates.len() > MAXIMUM_INTERMEDIATES {
        return Err(ChainInvalid::TooManyCertificates);
    }
    let too_long = |der: &[u8]| der.len() > MAXIMUM_CERTIFICATE;
    if too_long(leaf) || intermediates.iter().any(|der| too_long(der)) {
        return Err(ChainInvalid::TooLong);
    }
    Ok(())
}

/// An unrelated certificate is harmless; bytes that are no certificate at all mean that the peer or a proxy is
/// broken, and are refused.
fn require_certificate(der: &CertificateDer<'_>, index: usize) -> Result<(), ChainInvalid> {
    match EndEntityCert::try_from(der) {
        Err(Error::BadDer | Error::BadDerTime | Error::TrailingData(_)) => {
            Err(ChainInvalid::MalformedIntermediate(index))
        }
        _ => Ok(()),
    }
}

/// webpki leaves key usage to its caller: where present, a client's must allow signatures and an issuer's the
/// signing of certificates (RFC 5280 sections 4.2.1.3 and 6.1.4 (n)).
fn require_key_usage(der: &[u8], allows: fn(&KeyUsage) -> bool) -> Result<(), ChainInvalid> {
    let certificate = x509_cert::Certificate::from_der(der).map_err(|_| ChainInvalid::Malformed)?;
    match certificate.tbs_certificate().get_extension::<KeyUsage>() {
        Ok(None) => Ok(()),
        Ok(Some((_, usage))) if allows(&usage) => Ok(()),
        Ok(Some(_)) => Err(ChainInvalid::KeyUsage),
        Err(_) => Err(ChainInvalid::Malformed),
    }
}

/// Runs on each candidate path, so that another path may still be found.
fn require_issuers_may_sign(path: &VerifiedPath<'_>) -> Result<(), Error> {
    for issuer in path.intermediate_certificates() {
        require_key_usage(&issuer.der(), KeyUsage::key_cert_sign).map_err(|_| Error::EndEntityUsedAsCa)?;
    }
    Ok(())
}

/// Extended key usage, where present, must name clientAuth or anyExtendedKeyUsage (MTLS-7.5-02, RFC 5280
/// section 4.2.1.12); webpki applies it to issuers as well.
struct ClientAuthentication;

impl ExtendedKeyUsageValidator for ClientAuthentication {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let mut present = Vec::new();
        for purpose in purposes {
            present.push(purpose?.to_decoded_oid());
        }
        let allows = |purpose: &Vec<usize>| {
            [CLIENT_AUTHENTICATION, ANY_EXTENDED_KEY_USAGE].contains(&purpose.as_slice())
        };
        if present.is_empty() || present.iter().any(allows) {
            return Ok(());
        }
        let required = webpki::KeyUsage::client_auth();
        Err(Error::RequiredEkuNotFoundContext(RequiredEkuNotFoundContext { required, present }))
    }
}

/// id-kp-clientAuth.
const CLIENT_AUTHENTICATION: &[usize] = webpki::KeyUsage::CLIENT_AUTH_REPR;
/// anyExtendedKeyUsage.
const ANY_EXTENDED_KEY_USAGE: &[usize] = &[2, 5, 29, 37, 0];

/// webpki knows no time before 1970, and no certificate of ours was valid then.
fn seconds(now: UnixTime) -> rustls_pki_types::UnixTime {
    let seconds = u64::try_from(now.as_seconds()).unwrap_or(0);
    rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

#[cfg(test)]
mod test_authority;

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;

#[cfg(test)]
mod revocation_tests;
