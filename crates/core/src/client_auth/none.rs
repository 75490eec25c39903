//! Public clients (RFC 6749 section 2.1): `client_id` and nothing else. A public client that sends a
//! credential is confused or someone else, and is refused.

use super::failure::ClientAuthenticationFailure;
use super::{
    AuthenticatedAssertion, Credential, PresentedCredentials, RegisteredClient, VerificationContext,
};

pub(super) fn verify(
    presented: &PresentedCredentials,
    client: &RegisteredClient<'_>,
    _: &VerificationContext<'_>,
) -> Result<Option<AuthenticatedAssertion>, ClientAuthenticationFailure> {
    match presented.credential() {
        Credential::IdentifierOnly => Ok(None),
        Credential::Assertion(_) | Credential::Secret(_) | Credential::PostedSecret(_) => {
            Err(ClientAuthenticationFailure::WrongMethod { registered: client.metadata.authentication })
        }
    }
}
