//! The answer to token introspection (RFC 7662 section 2.2). The inactive answer has one spelling and
//! nothing beside it, whatever the cause (INT-2-03). Introspection reports a binding and never checks one
//! (RFC 9449 section 6.2).

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde_json::{Map, Value};

use super::scope::Scope;
use super::token_response::token_type;
use crate::time::UnixTime;
use crate::token::confirmation::Confirmation;

/// What is said of a live token to a caller that may know it.
#[derive(Clone, Debug)]
pub struct ActiveToken {
    /// `iss`.
    pub issuer: String,
    /// `client_id`.
    pub client_id: String,
    /// `sub`.
    pub subject: String,
    /// `aud`.
    pub audience: Vec<String>,
    /// `scope`.
    pub scope: Scope,
    /// `iat`.
    pub issued_at: UnixTime,
    /// `exp`.
    pub expires_at: UnixTime,
    /// `jti`; refresh tokens have none.
    pub identifier: Option<String>,
    /// `cnf`, from which `token_type` follows.
    pub confirmation: Confirmation,
    /// Whether this is a refresh token, which has no `token_type`.
    pub refresh: bool,
}

/// The answer.
#[derive(Clone, Debug)]
pub enum IntrospectionResponse {
    /// Unknown, expired, revoked, malformed, or none of the caller's business.
    Inactive,
    /// Live.
    Active(alloc::boxed::Box<ActiveToken>),
}

impl IntrospectionResponse {
    /// The JSON body (RFC 7662 section 2.2, RFC 9449 section 6.2, RFC 8705 section 3.2).
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let token = match self {
            Self::Inactive => return br#"{"active":false}"#.to_vec(),
            Self::Active(token) => token,
        };
        let mut members = Map::new();
        members.insert("active".into(), true.into());
        members.insert("iss".into(), token.issuer.clone().into());
        members.insert("client_id".into(), token.client_id.clone().into());
        members.insert("sub".into(), token.subject.clone().into());
        let audience = match token.audience.as_slice() {
            [] => None,
            [one] => Some(Value::String(one.clone())),
            several => Some(several.into()),
        };
        members.extend(audience.map(|audience| ("aud".into(), audience)));
        if !token.scope.is_empty() {
            members.insert("scope".into(), token.scope.to_string().into());
        }
        members.insert("iat".into(), token.issued_at.as_seconds().into());
        members.insert("exp".into(), token.expires_at.as_seconds().into());
        members.extend(token.identifier.clone().map(|jti| ("jti".into(), jti.into())));
        if !token.refresh {
            members.insert("token_type".into(), token_type(&token.confirmation).into());
        }
        members.extend(token.confirmation.to_claim().map(|cnf| ("cnf".into(), cnf)));
        serde_json::to_vec(&members).unwrap_or_default()
    }
}
