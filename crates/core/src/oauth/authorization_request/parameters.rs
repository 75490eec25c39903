//! The parameters of an authorization request, from wherever they come: a form, a query, or a verified request
//! object, in which numbers and JSON have their own types (RFC 9101 section 4). Each has one value; `resource`
//! may repeat (RFC 8707 section 2). What we don't know is dropped (RFC 6749 section 3.1), credentials with it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde_json::{Map, Value};

use super::error::AuthorizationError;
use crate::oauth::form::Form;

/// Every parameter that an authorization request may have, whether we act on it or not.
const KNOWN: [&str; 23] = [
    "acr_values",
    "authorization_details",
    "claims",
    "claims_locales",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "display",
    "dpop_jkt",
    "id_token_hint",
    "login_hint",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "ui_locales",
    RESOURCE,
];
const RESOURCE: &str = "resource";
/// The most resources that one request may name.
const MAXIMUM_RESOURCES: usize = 16;

/// What a client asks, one value for each parameter. Nothing is judged yet.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AuthorizationParameters {
    members: BTreeMap<&'static str, Value>,
    resources: Vec<String>,
}

/// Names only: hints and states are the person's and the client's business.
impl fmt::Debug for AuthorizationParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.members.keys()).finish()
    }
}

impl AuthorizationParameters {
    /// The parameters that may occur more than once, for [`Form::parse_repeating`].
    pub const REPEATING: [&'static str; 1] = [RESOURCE];

    /// Takes the parameters of a form or a query.
    ///
    /// # Errors
    /// [`AuthorizationError::ParameterTooLong`] when too many resources are named.
    pub fn from_form(form: &Form) -> Result<Self, AuthorizationError> {
        let resources: Vec<String> = form.all(RESOURCE).map(Into::into).collect();
        let members = KNOWN
            .iter()
            .filter(|name| **name != RESOURCE)
            .filter_map(|name| Some((*name, Value::String(form.get(name)?.into()))))
            .collect();
        Self { members, resources }.with_resources_counted()
    }

    /// Takes the claims of a request object. Its own claims (`iss`, `exp` and so on) are not parameters.
    ///
    /// # Errors
    /// [`AuthorizationError::ParameterMalformed`] when a parameter has another type than it may have.
    pub fn from_claims(claims: &Map<String, Value>) -> Result<Self, AuthorizationError> {
        let mut parameters = Self::default();
        for name in KNOWN {
            let Some(value) = claims.get(name) else { continue };
            match (name, value) {
                (RESOURCE, Value::String(one)) => parameters.resources.push(one.clone()),
                (RESOURCE, Value::Array(several)) => {
                    let texts = several.iter().map(|value| value.as_str().map(Into::into));
                    parameters.resources = texts
                        .collect::<Option<_>>()
                        .ok_or(AuthorizationError::ParameterMalformed(RESOURCE))?;
                }
                (_, Value::String(text)) if text.is_empty() => {}
                (_, Value::String(_))
                | ("max_age", Value::Number(_))
                | ("claims", Value::Object(_))
                | ("authorization_details", Value::Array(_)) => {
                    parameters.members.insert(name, value.clone());
                }
                _ => return Err(AuthorizationError::ParameterMalformed(name)),
            }
        }
        parameters.with_resources_counted()
    }

    fn with_resources_counted(self) -> Result<Self, AuthorizationError> {
        if self.resources.len() > MAXIMUM_RESOURCES {
            return Err(AuthorizationError::ParameterTooLong(RESOURCE));
        }
        Ok(self)
    }

    /// The text of a parameter; `None` when it is missing, empty, or no text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(Value::as_str)
    }

    /// The value of a parameter in its own type.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// The values of `resource`.
    #[must_use]
    pub fn resources(&self) -> &[String] {
        &self.resources
    }
}
