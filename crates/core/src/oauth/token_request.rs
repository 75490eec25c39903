//! The token request (RFC 6749 section 4, RFC 8707): which grant, with that grant's own parameters and no
//! others, and what the client says of itself. The grants are the caller's table, so the parser accepts
//! exactly what the server runs. Parsing authenticates nobody.

use alloc::string::String;

use zeroize::Zeroizing;

use super::form::Form;
use super::token_error::TokenError;

/// One grant type as the parser sees it.
#[derive(Clone, Copy, Debug)]
pub struct GrantForm {
    /// The registered `grant_type` value.
    pub name: &'static str,
    /// The parameters that the grant reads; every other one is dropped.
    pub parameters: &'static [&'static str],
}

/// A token request whose syntax holds.
#[derive(Debug)]
pub struct TokenRequest {
    /// The position of the grant in the caller's table.
    pub grant: usize,
    /// The grant's parameters.
    pub parameters: Form,
    /// What the body says of the client.
    pub client: ClientParameters,
}

/// The parameters by which a client names or authenticates itself in a body (RFC 6749 section 2.3.1,
/// RFC 7521 section 4.2); the same at every endpoint.
#[derive(Clone, Default)]
pub struct ClientParameters {
    /// `client_id`.
    pub client_id: Option<String>,
    /// `client_secret`.
    pub client_secret: Option<Zeroizing<String>>,
    /// `client_assertion_type`.
    pub assertion_type: Option<String>,
    /// `client_assertion`.
    pub assertion: Option<Zeroizing<String>>,
}

impl ClientParameters {
    /// Picks the client's parameters out of a form.
    #[must_use]
    pub fn read(form: &Form) -> Self {
        Self {
            client_id: form.get("client_id").map(Into::into),
            client_secret: form.get("client_secret").map(|text| Zeroizing::new(text.into())),
            assertion_type: form.get("client_assertion_type").map(Into::into),
            assertion: form.get("client_assertion").map(|text| Zeroizing::new(text.into())),
        }
    }
}

impl core::fmt::Debug for ClientParameters {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ClientParameters").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// Parses a token request against the table of grants.
///
/// # Errors
/// [`TokenError`] with the code of RFC 6749 section 5.2.
pub fn parse(body: &[u8], grants: &[GrantForm]) -> Result<TokenRequest, TokenError> {
    let form = Form::parse(body).map_err(TokenError::Form)?;
    let name = form.get("grant_type").ok_or(TokenError::ParameterMissing("grant_type"))?;
    let grant = grants.iter().position(|grant| grant.name == name).ok_or(TokenError::UnsupportedGrantType)?;
    Ok(TokenRequest {
        grant,
        parameters: form.keeping(grants[grant].parameters),
        client: ClientParameters::read(&form),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANTS: [GrantForm; 2] = [
        GrantForm { name: "client_credentials", parameters: &["scope"] },
        GrantForm { name: "refresh_token", parameters: &["refresh_token", "scope"] },
    ];

    #[test]
    fn keeps_only_the_parameters_of_the_grant() {
        let request = parse(b"grant_type=client_credentials&scope=a&refresh_token=r&client_id=c", &GRANTS);
        let request = request.unwrap();
        assert_eq!(request.grant, 0);
        assert_eq!(request.parameters.get("scope"), Some("a"));
        assert_eq!(request.parameters.get("refresh_token"), None);
        assert_eq!(request.client.client_id.as_deref(), Some("c"));
    }

    #[test]
    fn rejects_an_unknown_a_missing_and_a_repeated_grant_type() {
        let error = |body: &[u8]| parse(body, &GRANTS).unwrap_err();
        assert_eq!(error(b"grant_type=password"), TokenError::UnsupportedGrantType);
        assert_eq!(error(b"grant_type=Client_Credentials"), TokenError::UnsupportedGrantType);
        assert_eq!(error(b"grant_type="), TokenError::ParameterMissing("grant_type"));
        assert!(matches!(error(b"grant_type=refresh_token&grant_type=refresh_token"), TokenError::Form(_)));
    }
}
