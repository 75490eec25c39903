//! `client_secret_post` (RFC 6749 section 2.3.1): the secret in the body. The check is that of
//! `client_secret_basic`; only a client that is registered for it may send its secret so.

use super::client_secret_basic::require_secret;
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
        Credential::PostedSecret(secret) => require_secret(secret, client, context),
        _ => Err(ClientAuthenticationFailure::WrongMethod { registered: client.metadata.authentication }),
    }
}
