//! The client credentials grant (RFC 6749 section 4.4): the client speaks for itself. Its `sub` stands in a
//! namespace of its own, so that no client can be taken for a person (AT68-5-02).

use bindery_core::oauth::subject::client_subject;
use bindery_core::oauth::token_error::TokenError;

use super::{Granted, Redemption, require_audience, require_scope};

pub(super) async fn redeem(redemption: Redemption<'_>) -> Result<Granted, TokenError> {
    let Redemption { server, authenticated, client, parameters, .. } = redemption;
    if authenticated.is_public() {
        return Err(TokenError::UnauthorizedClient);
    }
    // Any client may name the resources of the configuration, and gets none of them unasked.
    let named: &[String] = match parameters.get("resource") {
        Some(_) => &server.settings.resources,
        None => &[],
    };
    Ok(Granted::token(
        client_subject(authenticated.client_id()),
        require_scope(parameters, &client.scope)?,
        require_audience(parameters, client.audiences.iter().chain(named))?,
    ))
}
