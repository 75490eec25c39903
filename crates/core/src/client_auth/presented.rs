//! What a request presents to authenticate its client, before anybody knows the client: at most one
//! credential, and the identifier that it claims. Two credentials are refused even if both are good
//! (RFC 6749 section 2.3).

use alloc::string::String;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::failure::ClientAuthenticationFailure;
use super::private_key_jwt;
use crate::oauth::form::decode_component;
use crate::oauth::token_request::ClientParameters;

/// `client_assertion_type` of a JWT (RFC 7523 section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest Basic credential that is decoded, in characters.
const MAXIMUM_BASIC: usize = 2048;

/// One claimed identifier and at most one credential for it. Nothing is verified.
pub struct PresentedCredentials {
    client_id: String,
    credential: Credential,
}

/// The kinds of credential that a request itself can carry; a certificate belongs to its connection.
pub enum Credential {
    /// A client assertion.
    Assertion(Zeroizing<String>),
    /// The secret of HTTP Basic.
    Secret(Zeroizing<String>),
    /// The secret of the body.
    PostedSecret(Zeroizing<String>),
    /// `client_id` alone: a public client, or one that its certificate authenticates.
    IdentifierOnly,
}

impl core::fmt::Debug for PresentedCredentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PresentedCredentials").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl PresentedCredentials {
    /// Reads the `Authorization` values and the body's client parameters. `Ok(None)` when there is nothing.
    ///
    /// # Errors
    /// [`ClientAuthenticationFailure`] when there is more than one method, one that we don't offer, or a
    /// malformed one.
    pub fn parse(
        authorization: &[&str],
        parameters: &ClientParameters,
    ) -> Result<Option<Self>, ClientAuthenticationFailure> {
        let assertion = parameters.assertion.is_some() || parameters.assertion_type.is_some();
        let attempts =
            authorization.len() + usize::from(parameters.client_secret.is_some()) + usize::from(assertion);
        if attempts > 1 {
            return Err(ClientAuthenticationFailure::SeveralMethods);
        }
        let presented = match (authorization.first(), assertion, &parameters.client_secret) {
            (Some(value), ..) => Self::parse_basic(value)?,
            (None, true, _) => Self::parse_assertion(parameters)?,
            (None, false, secret) => {
                let credential = match secret {
                    Some(secret) => Credential::PostedSecret(secret.clone()),
                    None => Credential::IdentifierOnly,
                };
                match &parameters.client_id {
                    Some(client_id) => Self { client_id: client_id.clone(), credential },
                    None if secret.is_some() => return Err(ClientAuthenticationFailure::ClientIdMissing),
                    None => return Ok(None),
                }
            }
        };
        match &parameters.client_id {
            Some(client_id) if *client_id != presented.client_id => {
                Err(ClientAuthenticationFailure::ClientIdMismatch)
            }
            _ => Ok(Some(presented)),
        }
    }

    /// `Basic`, base64, and in it identifier and secret, each form-encoded (RFC 6749 section 2.3.1).
    fn parse_basic(value: &str) -> Result<Self, ClientAuthenticationFailure> {
        const MALFORMED: ClientAuthenticationFailure = ClientAuthenticationFailure::BasicMalformed;
        let (scheme, encoded) = value.split_once(' ').ok_or(MALFORMED)?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return Err(ClientAuthenticationFailure::UnsupportedMethod);
        }
        if encoded.len() > MAXIMUM_BASIC {
            return Err(MALFORMED);
        }
        let decoded = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| MALFORMED)?);
        let colon = decoded.iter().position(|byte| *byte == b':').ok_or(MALFORMED)?;
        let client_id = decode_component(&decoded[..colon]).map_err(|_| MALFORMED)?;
        let secret = decode_component(&decoded[colon + 1..]).map_err(|_| MALFORMED)?;
        Ok(Self { client_id: String::clone(&client_id), credential: Credential::Secret(secret) })
    }

    fn parse_assertion(parameters: &ClientParameters) -> Result<Self, ClientAuthenticationFailure> {
        let (Some(assertion), Some(JWT_BEARER)) =
            (&parameters.assertion, parameters.assertion_type.as_deref())
        else {
            return Err(ClientAuthenticationFailure::AssertionTypeMalformed);
        };
        let client_id = private_key_jwt::claimed_client(assertion)?;
        Ok(Self { client_id, credential: Credential::Assertion(assertion.clone()) })
    }

    /// The client that the request claims to come from.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// What it presents.
    #[must_use]
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }
}
