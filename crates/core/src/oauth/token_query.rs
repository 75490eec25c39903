//! A request about one token: introspection (RFC 7662 section 2.1) and revocation (RFC 7009 section 2.1) ask
//! with the same form. Parsing says nothing about the token.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use super::form::Form;
use super::token_error::TokenError;
use super::token_request::ClientParameters;

/// The longest token that is looked at, in bytes.
pub const MAXIMUM_TOKEN: usize = 16 * 1024;

/// The token in question. `token_type_hint` is read past: every kind of token is searched anyway (INT-2-02).
pub struct TokenQuery {
    /// The token, as sent; at most [`MAXIMUM_TOKEN`] bytes.
    pub token: Zeroizing<String>,
    /// What the body says of the calling client.
    pub client: ClientParameters,
}

impl fmt::Debug for TokenQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenQuery").field("client", &self.client).finish_non_exhaustive()
    }
}

impl TokenQuery {
    /// Parses the request body.
    ///
    /// # Errors
    /// [`TokenError`] when the body is not a form or `token` is missing or too long.
    pub fn parse(body: &[u8]) -> Result<Self, TokenError> {
        let form = Form::parse(body).map_err(TokenError::Form)?;
        let token = form.get("token").ok_or(TokenError::ParameterMissing("token"))?;
        if token.len() > MAXIMUM_TOKEN {
            return Err(TokenError::ParameterTooLong("token"));
        }
        Ok(Self { token: Zeroizing::new(token.into()), client: ClientParameters::read(&form) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_missing_empty_or_too_long_is_refused() {
        let error = |body: &[u8]| TokenQuery::parse(body).unwrap_err();
        assert_eq!(error(b"token="), TokenError::ParameterMissing("token"));
        let body = alloc::format!("token={}", "a".repeat(MAXIMUM_TOKEN + 1));
        assert_eq!(error(body.as_bytes()), TokenError::ParameterTooLong("token"));
        assert!(TokenQuery::parse(b"token=a&token_type_hint=whatever").is_ok());
    }
}
