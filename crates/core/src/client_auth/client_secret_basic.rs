//! `client_secret_basic` (RFC 6749 section 2.3.1). The secret is random, of 256 bits, so its SHA-256 digest is
//! what is kept; digests are compared in constant time, and an unknown client costs the same work. While a
//! secret is being changed the one before it counts too, until its own end.

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
    match presented.credential() {
        Credential::Secret(secret) => require_secret(secret, client, context),
        _ => Err(ClientAuthenticationFailure::WrongMethod { registered: client.metadata.authentication }),
    }
}

/// Compares with the registered digests, both of them whatever the first one says.
pub(super) fn require_secret(
    secret: &str,
    client: &RegisteredClient<'_>,
    context: &VerificationContext<'_>,
) -> Result<Option<AuthenticatedAssertion>, ClientAuthenticationFailure> {
    let digest = context.cryptography.sha256(&[secret.as_bytes()]);
    let previous = client.metadata.previous_secret.filter(|previous| context.now < previous.until);
    let registered = [client.metadata.secret_digest, previous.map(|previous| previous.digest)];
    let matches = registered
        .into_iter()
        .flatten()
        .fold(subtle::Choice::from(0), |found, expected| found | expected.ct_eq(&digest));
    if bool::from(matches) { Ok(None) } else { Err(ClientAuthenticationFailure::Secret) }
}

pub(super) fn spend_equal_work(secret: &str, context: &VerificationContext<'_>) {
    let digest = context.cryptography.sha256(&[secret.as_bytes()]);
    let _ = core::hint::black_box(digest.ct_eq(&[0; 32]));
}
