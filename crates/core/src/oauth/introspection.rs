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

/// `typ` of a signed answer, and without `application/` before it (RFC 9701 section 5).
pub const INTROSPECTION_TYPE: &str = "token-introspection+jwt";
/// The media type by which a resource server asks for a signed answer (RFC 9701 section 4).
pub const INTROSPECTION_MEDIA_TYPE: &str = "application/token-introspection+jwt";

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
    /// What else the token says, as far as callers may know it: [`ActiveToken::FURTHER`].
    pub further: Map<String, Value>,
}

impl ActiveToken {
    /// Claims of an access token that introspection passes on: how the person was authenticated (RFC 9470 section
    /// 6.2), what was granted in detail (RFC 9396 section 9.2), who acts and who may (RFC 8693 sections 4.1 and 4.4).
    pub const FURTHER: [&'static str; 6] =
        ["auth_time", "acr", "amr", "authorization_details", "act", "may_act"];
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
        match self {
            Self::Inactive => br#"{"active":false}"#.to_vec(),
            Self::Active(_) => serde_json::to_vec(&self.members()).unwrap_or_default(),
        }
    }

    /// The claims of the signed answer for `caller`, a resource server by its `client_id` (RFC 9701 section 5).
    /// What is said of the token stands inside one member, so that the answer can't pass for a token
    /// (JINT-5-01); for the same reason it has neither `sub` nor `exp` of its own. The header's `typ` is
    /// [`INTROSPECTION_TYPE`].
    #[must_use]
    pub fn signed_claims(&self, issuer: &str, caller: &str, now: UnixTime) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("iss".into(), issuer.into());
        claims.insert("aud".into(), caller.into());
        claims.insert("iat".into(), now.as_seconds().into());
        claims.insert("token_introspection".into(), self.members().into());
        claims
    }

    /// The members of the answer.
    #[must_use]
    pub fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let token = match self {
            Self::Inactive => {
                members.insert("active".into(), false.into());
                return members;
            }
            Self::Active(token) => token,
        };
        members.extend(token.further.clone());
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
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_signed_answer_says_nothing_outside_its_one_member() {
        let now = UnixTime::from_seconds(100);
        let token = ActiveToken {
            issuer: "https://id.example".into(),
            client_id: "c".into(),
            subject: "alice".into(),
            audience: ["https://api.example".into()].into(),
            scope: Scope::parse("read").unwrap(),
            issued_at: now,
            expires_at: UnixTime::from_seconds(400),
            identifier: None,
            confirmation: Confirmation::Unbound,
            further: Map::new(),
            refresh: false,
        };
        let signed = |response: &IntrospectionResponse| {
            Value::Object(response.signed_claims("https://id.example", "api", now))
        };
        let active = IntrospectionResponse::Active(token.into());
        let claims = signed(&active);
        let names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["aud", "iat", "iss", "token_introspection"]);
        let plain: Value = serde_json::from_slice(&active.render()).unwrap();
        assert_eq!((&claims["aud"], &claims["token_introspection"]), (&json!("api"), &plain));
        let inactive = signed(&IntrospectionResponse::Inactive);
        assert_eq!(inactive["token_introspection"], json!({"active": false}));
    }
}
