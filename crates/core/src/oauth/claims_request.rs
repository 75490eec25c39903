//! The `claims` parameter (OpenID Connect Core 1.0 section 5.5): which claims about a person a client asks for,
//! where they shall stand, and with which values. Asking grants nothing: what is released is decided by scope,
//! consent and what is known. Members that we don't know are read past (section 5.5).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::encoding::json;

/// The longest `claims` parameter that is parsed, in bytes.
pub const MAXIMUM_CLAIMS: usize = 16 * 1024;
/// The longest name of a claim, in bytes.
const MAXIMUM_NAME: usize = 256;
/// The most values that one claim may be asked with.
const MAXIMUM_VALUES: usize = 32;

/// The claims asked for, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// Those for the userinfo endpoint.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub userinfo: BTreeMap<String, ClaimAsked>,
    /// Those for the ID token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub id_token: BTreeMap<String, ClaimAsked>,
}

/// How one claim is asked for (section 5.5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimAsked {
    /// Whether the client can't do well without it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub essential: bool,
    /// `value` or `values`, in the order of preference; empty when any will do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

/// The text is not a claims request; which part of it is wrong is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimsRequestInvalid;

impl ClaimsRequest {
    /// Parses the JSON text of the parameter.
    ///
    /// # Errors
    /// [`ClaimsRequestInvalid`] when it is too long, not strict JSON, or a member has another type.
    pub fn parse(text: &str) -> Result<Self, ClaimsRequestInvalid> {
        if text.len() > MAXIMUM_CLAIMS {
            return Err(ClaimsRequestInvalid);
        }
        Self::from_members(&json::parse_object(text.as_bytes()).map_err(|_| ClaimsRequestInvalid)?)
    }

    /// Reads the members, as they stand in a request object.
    ///
    /// # Errors
    /// [`ClaimsRequestInvalid`] when a member has another type or there is too much of it.
    pub fn from_members(members: &Map<String, Value>) -> Result<Self, ClaimsRequestInvalid> {
        Ok(Self { userinfo: read(members.get("userinfo"))?, id_token: read(members.get("id_token"))? })
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.userinfo.is_empty() && self.id_token.is_empty()
    }

    /// The one subject that the ID token must have, if the client says so (section 5.5.1): whoever signs in as
    /// another must be refused.
    #[must_use]
    pub fn required_subject(&self) -> Option<&str> {
        let asked = self.id_token.get("sub").or_else(|| self.userinfo.get("sub"))?;
        asked.values.first().and_then(Value::as_str)
    }

    /// The authentication context classes of which one must be reached, because `acr` is essential with values
    /// (section 5.5.1.1, RFC 9470 section 5); empty when none must.
    pub fn essential_acr(&self) -> impl Iterator<Item = &str> {
        let asked = self.id_token.get("acr").filter(|asked| asked.essential);
        asked.into_iter().flat_map(|asked| asked.values.iter()).filter_map(Value::as_str)
    }
}

fn read(place: Option<&Value>) -> Result<BTreeMap<String, ClaimAsked>, ClaimsRequestInvalid> {
    let members = match place {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(members)) => members,
        Some(_) => return Err(ClaimsRequestInvalid),
    };
    members.iter().map(|(name, asked)| Ok((name_of(name)?, ClaimAsked::read(asked)?))).collect()
}

fn name_of(name: &str) -> Result<String, ClaimsRequestInvalid> {
    let fits = !name.is_empty() && name.len() <= MAXIMUM_NAME;
    if fits { Ok(name.into()) } else { Err(ClaimsRequestInvalid) }
}

impl ClaimAsked {
    fn read(asked: &Value) -> Result<Self, ClaimsRequestInvalid> {
        let members = match asked {
            Value::Null => return Ok(Self::default()),
            Value::Object(members) => members,
            _ => return Err(ClaimsRequestInvalid),
        };
        let essential = match members.get("essential") {
            None => false,
            Some(Value::Bool(essential)) => *essential,
            Some(_) => return Err(ClaimsRequestInvalid),
        };
        let values = match (members.get("value"), members.get("values")) {
            (None, None) => Vec::new(),
            (Some(one), None) => alloc::vec![one.clone()],
            (None, Some(Value::Array(several))) if several.len() <= MAXIMUM_VALUES => several.clone(),
            _ => return Err(ClaimsRequestInvalid),
        };
        Ok(Self { essential, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_other_types_and_duplicates() {
        for text in [
            "",
            "[]",
            "{\"id_token\":[]}",
            "{\"id_token\":{\"acr\":true}}",
            "{\"id_token\":{\"acr\":{\"essential\":\"true\"}}}",
            "{\"id_token\":{\"acr\":{\"values\":\"a\"}}}",
            "{\"id_token\":{\"acr\":{\"value\":\"a\",\"values\":[\"a\"]}}}",
            "{\"id_token\":{\"acr\":null,\"acr\":null}}",
            "{\"id_token\":{\"\":null}}",
            "{} {}",
        ] {
            assert_eq!(ClaimsRequest::parse(text), Err(ClaimsRequestInvalid), "{text}");
        }
        let long = alloc::format!("{{\"x\":\"{}\"}}", "a".repeat(MAXIMUM_CLAIMS));
        assert_eq!(ClaimsRequest::parse(&long), Err(ClaimsRequestInvalid));
    }

    #[test]
    fn reads_what_is_asked_and_survives_the_store() {
        let text = r#"{"userinfo":{"name":{"essential":true},"email":null},"transaction":{"x":1},
            "id_token":{"acr":{"essential":true,"values":["gold","silver"]},"sub":{"value":"alice"},
                        "auth_time":{"essential":true}}}"#;
        let claims = ClaimsRequest::parse(text).unwrap();
        assert!(claims.userinfo["name"].essential && !claims.userinfo["email"].essential);
        assert_eq!(claims.required_subject(), Some("alice"));
        assert!(claims.essential_acr().eq(["gold", "silver"]));
        let stored = serde_json::to_value(&claims).unwrap();
        assert_eq!(serde_json::from_value::<ClaimsRequest>(stored).unwrap(), claims);
        assert!(ClaimsRequest::parse("{}").unwrap().is_empty());
        let voluntary = ClaimsRequest::parse(r#"{"id_token":{"acr":{"value":"gold"}}}"#).unwrap();
        assert!(voluntary.essential_acr().next().is_none());
    }
}
