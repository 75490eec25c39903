//! `tls_client_auth` (RFC 8705 section 2.1): the connection's certificate chains to the client's own trust
//! anchors and carries the one registered subject. Both, always: a subject from another CA is a stranger's
//! (MTLS-7.4-01).

use super::failure::ClientAuthenticationFailure;
use super::{
    AuthenticatedAssertion, ChainVerdict, Credential, PresentedCredentials, RegisteredClient,
    VerificationContext,
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
    match context.chain {
        ChainVerdict::Trusted => {}
        ChainVerdict::NotVerified | ChainVerdict::Refused => {
            return Err(ClientAuthenticationFailure::CertificateChain);
        }
    }
    let rule = client.metadata.tls_subject.as_ref().ok_or(ClientAuthenticationFailure::CertificateSubject)?;
    rule.confirm(certificate.leaf())
        .map(|_| None)
        .map_err(|_| ClientAuthenticationFailure::CertificateSubject)
}
