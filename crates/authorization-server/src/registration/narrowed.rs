//! What an administrator said of members that a client which registered itself may say too. From then on the
//! client keeps within that: an update by the client (RFC 7592 section 2.2) never takes back what an
//! administrator took. The client may always ask for less.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::RegistrationRefused;

/// Lists of which the client keeps what it was left, and scope, whose words are such a list.
const LISTS: [&str; 3] = ["grant_types", "redirect_uris", "scope"];

/// Demands that the client can't lift.
const DEMANDS: [&str; 4] = [
    "dpop_bound_access_tokens",
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "tls_client_certificate_bound_access_tokens",
];

/// The members that an administrator has said, as they stood then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Narrowed(Map<String, Value>);

impl Narrowed {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes what an administrator changes of a registration.
    pub(crate) fn note(&mut self, before: &Value, after: &Value) {
        for name in LISTS.into_iter().chain(DEMANDS) {
            if before.get(name) != after.get(name) {
                let said = after.get(name).cloned();
                // A list that was taken away altogether is an empty one; a demand that was lifted is none.
                let said = said.or_else(|| LISTS.contains(&name).then(|| Value::Array(Vec::new())));
                match said {
                    Some(said) => self.0.insert(name.to_owned(), said),
                    None => self.0.remove(name),
                };
            }
        }
    }

    /// The words that an administrator left the client of a list.
    pub(crate) fn words(&self, name: &str) -> Option<Vec<&str>> {
        self.0.get(name).map(words)
    }

    /// Requires that an update keeps within what was left, and keeps up the demands.
    ///
    /// # Errors
    /// [`RegistrationRefused`] names the first member that goes beyond it.
    pub(crate) fn require(&self, asked: &mut Map<String, Value>) -> Result<(), RegistrationRefused> {
        for name in ["grant_types", "redirect_uris"] {
            let (Some(left), Some(wanted)) = (self.words(name), asked.get(name)) else { continue };
            if words(wanted).iter().any(|word| !left.contains(word)) {
                return Err(RegistrationRefused::new(
                    name,
                    "an administrator left the client less",
                    "register what GET shows, or less",
                ));
            }
        }
        for name in DEMANDS.into_iter().filter(|name| self.0.get(*name) == Some(&Value::Bool(true))) {
            asked.insert(name.to_owned(), true.into());
        }
        Ok(())
    }
}

fn words(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => text.split(' ').filter(|word| !word.is_empty()).collect(),
        _ => Vec::new(),
    }
}
