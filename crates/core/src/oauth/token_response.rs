//! The answer to a token request that succeeded (RFC 6749 section 5.1, RFC 9449 section 5). The token type
//! follows from the confirmation, so a DPoP-bound token is never announced as `Bearer` nor the reverse
//! (AMB-27: a certificate-bound token is a `Bearer` token to HTTP).

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::scope::Scope;
use crate::token::confirmation::Confirmation;

/// `token_type` for a token with this confirmation.
#[must_use]
pub const fn token_type(confirmation: &Confirmation) -> &'static str {
    match confirmation {
        Confirmation::Dpop(_) | Confirmation::Both(..) => "DPoP",
        Confirmation::Mtls(_) | Confirmation::Unbound => "Bearer",
    }
}

/// What the client gets.
pub struct TokenResponse {
    /// The access token.
    pub access_token: Zeroizing<String>,
    /// What it is bound to.
    pub confirmation: Confirmation,
    /// Its lifetime in seconds.
    pub expires_in: u64,
    /// The scope that was granted; always said, so that a narrower one is never missed.
    pub scope: Scope,
    /// The next refresh token, if the grant has one.
    pub refresh_token: Option<Zeroizing<String>>,
    /// The ID token (OpenID Connect Core section 3.1.3.3).
    pub id_token: Option<Zeroizing<String>>,
    /// Further members: `authorization_details` (RFC 9396 section 7), `issued_token_type` (RFC 8693 section 2.2.1).
    /// None of them replaces a member above.
    pub further: Map<String, Value>,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("confirmation", &self.confirmation)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl TokenResponse {
    /// The JSON body; the caller adds `Cache-Control: no-store`.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut members = self.further.clone();
        members.insert("access_token".into(), Value::String(self.access_token.to_string()));
        members.insert("token_type".into(), token_type(&self.confirmation).into());
        members.insert("expires_in".into(), self.expires_in.into());
        if !self.scope.is_empty() {
            members.insert("scope".into(), self.scope.to_string().into());
        }
        if let Some(token) = &self.refresh_token {
            members.insert("refresh_token".into(), Value::String(token.to_string()));
        }
        if let Some(token) = &self.id_token {
            members.insert("id_token".into(), Value::String(token.to_string()));
        }
        serde_json::to_vec(&members).unwrap_or_default()
    }
}
