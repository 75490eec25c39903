//! Sector identifiers (OpenID Connect Core section 8.1, Dynamic Client Registration section 5): clients that
//! share pairwise subjects name one document that lists all their redirect URIs. It is fetched once, at
//! registration, past the guard against internal addresses; a client that it does not list is refused, and one
//! without redirect URIs is listed by its `jwks_uri` (CIBA Core section 4): nobody enters a sector unasked.

use serde_json::{Map, Value};

use super::RegistrationRefused;
use crate::outbound::Outbound;

const MEMBER: &str = "sector_identifier_uri";

/// Requires that the document at `sector_identifier_uri`, if one is named, lists every redirect URI, or the
/// `jwks_uri` of a client that has none.
///
/// # Errors
/// [`RegistrationRefused`] names the rule.
pub(crate) async fn require_listed(
    members: &Map<String, Value>,
    outbound: Option<&dyn Outbound>,
) -> Result<(), RegistrationRefused> {
    let Some(uri) = members.get(MEMBER) else { return Ok(()) };
    let wrong = |rule: &str| {
        let remedy =
            "serve a JSON array of all redirect URIs there, over https, or of the jwks_uri without any";
        RegistrationRefused::new(MEMBER, rule, remedy)
    };
    let uri = uri.as_str().filter(|uri| uri.starts_with("https://"));
    let uri = uri.ok_or_else(|| wrong("it is not an https URL"))?;
    let outbound = outbound.ok_or_else(|| wrong("this server fetches no documents"))?;
    let fetched = outbound.get(uri, "application/json").await;
    let text = fetched.map_err(|_| wrong("the document can't be fetched"))?;
    let listed: Vec<String> =
        serde_json::from_slice(&text).map_err(|_| wrong("the document is not a JSON array of texts"))?;
    let uris = members.get("redirect_uris").and_then(Value::as_array).filter(|uris| !uris.is_empty());
    let own: Vec<&Value> = match uris {
        Some(uris) => uris.iter().collect(),
        None => members.get("jwks_uri").into_iter().collect(),
    };
    let is_listed = |uri: &&Value| uri.as_str().is_some_and(|uri| listed.iter().any(|one| one == uri));
    if own.is_empty() {
        return Err(wrong(
            "the client has neither redirect URIs nor a jwks_uri that the document could list",
        ));
    }
    match own.iter().all(is_listed) {
        true => Ok(()),
        false => {
            Err(wrong("the document does not list every redirect URI, or the jwks_uri of a client without"))
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use serde_json::json;

    use super::*;
    use crate::outbound::{Notification, OutboundFailed};

    /// Serves one document.
    struct Served(Value);

    #[async_trait]
    impl Outbound for Served {
        async fn get(&self, _: &str, _: &'static str) -> Result<Vec<u8>, OutboundFailed> {
            Ok(self.0.to_string().into_bytes())
        }

        async fn post(&self, _: &str, _: Notification) -> Result<u16, OutboundFailed> {
            Err(OutboundFailed)
        }
    }

    #[tokio::test]
    async fn rejects_a_sector_that_lists_nothing_of_the_client() {
        let (keys, callback) = ("https://client.example/jwks", "https://client.example/cb");
        for (listed, changes, may) in [
            (json!([]), json!({}), false),
            (json!([callback]), json!({}), false),
            (json!([callback]), json!({"redirect_uris": []}), false),
            (json!([callback]), json!({"jwks_uri": keys}), false),
            (json!([keys]), json!({"jwks_uri": keys}), true),
            (json!([keys]), json!({"jwks_uri": keys, "redirect_uris": []}), true),
            (json!([keys]), json!({"jwks_uri": keys, "redirect_uris": [callback]}), false),
            (json!([callback]), json!({"jwks_uri": keys, "redirect_uris": [callback]}), true),
        ] {
            let mut members = json!({MEMBER: "https://sector.example/uris"});
            members.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let judged = require_listed(members.as_object().unwrap(), Some(&Served(listed.clone()))).await;
            assert_eq!(judged.is_ok(), may, "{listed} {changes}");
        }
    }
}
