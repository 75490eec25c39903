//! `self_signed_tls_client_auth` (RFC 8705 section 2.2): the connection's certificate is, byte for byte, the
//! first `x5c` certificate of one of the client's keys (MTLS-2.2-05), that certificate holds the very key
//! (MTLS-2.2-02), and it is within its validity (MTLS-2.2-06). No chain is verified.

use super::failure::ClientAuthenticationFailure;
use super::registered_certificate::{confirm_certificate_key, require_valid_at};
use super::{
    AuthenticatedAssertion, Credential, PresentedCredentials, RegisteredClient, VerificationContext,
};

pub(super) fn verify(
    presented: &PresentedCredentials,
    client: &RegisteredClient<'_>,
    context: &VerificationContext<'_>,
) -> Result<Option<AuthenticatedAssertion>, ClientAuthenticationFailure> {
    let registered = client.metadata.authentication;
    let Credential::IdentifierOnly = presented.credential() else {
        return Err(ClientAuthenticationFailure::WrongMethod { registered });
    };
    let certificate = context.certificate.ok_or(ClientAuthenticationFailure::CertificateMissing)?;
    client
        .keys
        .keys
        .iter()
        .find(|jwk| {
            jwk.certificates.first().is_some_and(|leaf| leaf == certificate.leaf())
                && confirm_certificate_key(certificate.leaf(), &jwk.key).is_ok()
        })
        .ok_or(ClientAuthenticationFailure::CertificateNotRegistered)?;
    require_valid_at(certificate.leaf(), context.now)
        .map(|()| None)
        .map_err(|_| ClientAuthenticationFailure::CertificateExpired)
}
