//! `client_secret_basic` (RFC 6749 section 2.3.1). The secret is random, of 256 bits, so its SHA-256 digest is
//! what is kept; digests are compared in constant time, and an unknown client costs the same work.

use subtle::ConstantTimeEq as _;

use super::failure::ClientAuthenticationFailure;
use super::{
    AuthenticatedAssertion, Credential, PresentedCredentials, RegisteredClient, VerificationContext,
};

pub(super) fn verify(
    presented: &PresentedCredentials,
    client: &RegisteredClient<'_>,
    context: &VerificationContext<'_>,
) -> Result<Option<AuthenticatedAssertion>, ClientAuthenticationFailure> {
    let registered = client.metadata.authentication;
    let Credential::Secret(secret) = presented.credential() else {
        return Err(ClientAuthenticationFailure::WrongMethod { registered });
    };
    let digest = context.cryptography.sha256(&[secret.as_bytes()]);
    match client.metadata.secret_digest {
        Some(expected) if bool::from(expected.ct_eq(&digest)) => Ok(None),
        _ => Err(ClientAuthenticationFailure::Secret),
    }
}

pub(super) fn spend_equal_work(secret: &str, context: &VerificationContext<'_>) {
    let digest = context.cryptography.sha256(&[secret.as_bytes()]);
    let _ = core::hint::black_box(digest.ct_eq(&[0; 32]));
}
