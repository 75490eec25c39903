//! What a grant remembers beside scope and audience, as one typed value in the store: how and when the person
//! was authenticated, what was granted in detail, which claims were asked for. A record that can't be read is
//! refused, never taken for empty.

use bindery_core::oauth::claims_request::ClaimsRequest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The details of a grant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct GrantDetails {
    /// When the person was authenticated, in seconds since 1970 (`auth_time`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) auth_time: Option<i64>,
    /// `acr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acr: Option<String>,
    /// `amr`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) amr: Vec<String>,
    /// `nonce`, for the ID token of the code exchange (OIDC-2-01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<String>,
    /// The granted `authorization_details` (RFC 9396 section 7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) authorization_details: Vec<Value>,
    /// The `claims` request parameter (OpenID Connect Core section 5.5).
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub(crate) claims: ClaimsRequest,
    /// `act`: who acts for the subject (RFC 8693 section 4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) act: Option<Value>,
}

/// The stored details are damaged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DetailsDamaged;

impl GrantDetails {
    /// Reads a grant's `details`.
    ///
    /// # Errors
    /// [`DetailsDamaged`] when a member has another type than was written.
    pub(crate) fn read(details: &Value) -> Result<Self, DetailsDamaged> {
        match details {
            Value::Null => Ok(Self::default()),
            Value::Object(_) => Self::deserialize(details).map_err(|_| DetailsDamaged),
            _ => Err(DetailsDamaged),
        }
    }

    /// The value for the store.
    pub(crate) fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// What an access token says of it: `auth_time`, `acr`, `amr` (RFC 9068 section 2.2.1),
    /// `authorization_details` (RFC 9396 section 9.1), `act` (RFC 8693 section 4.1).
    pub(crate) fn access_token_claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.extend(self.auth_time.map(|time| ("auth_time".to_owned(), time.into())));
        claims.extend(self.acr.clone().map(|acr| ("acr".to_owned(), acr.into())));
        if !self.amr.is_empty() {
            claims.insert("amr".into(), self.amr.clone().into());
        }
        if !self.authorization_details.is_empty() {
            claims.insert("authorization_details".into(), self.authorization_details.clone().into());
        }
        claims.extend(self.act.clone().map(|act| ("act".to_owned(), act)));
        claims
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn details_come_back_as_they_were_stored() {
        let details = GrantDetails {
            auth_time: Some(7),
            acr: Some("urn:gold".into()),
            amr: vec!["pwd".into()],
            authorization_details: vec![json!({"type": "payment"})],
            ..GrantDetails::default()
        };
        assert_eq!(GrantDetails::read(&details.to_value()).unwrap(), details);
        assert_eq!(GrantDetails::read(&Value::Null).unwrap(), GrantDetails::default());
    }

    #[test]
    fn rejects_details_of_another_shape() {
        assert!(GrantDetails::read(&json!({"auth_time": "yesterday"})).is_err());
        assert!(GrantDetails::read(&json!([])).is_err());
    }
}
