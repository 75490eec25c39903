//! Sector identifiers (OpenID Connect Core section 8.1, Dynamic Client Registration section 5): clients that
//! share pairwise subjects name one document that lists all their redirect URIs. It is fetched once, at
//! registration, past the guard against internal addresses; a client that it does not list is refused.

use serde_json::{Map, Value};

use super::RegistrationRefused;
use crate::outbound::Outbound;

const MEMBER: &str = "sector_identifier_uri";

/// Requires that the document at `sector_identifier_uri`, if one is named, lists every redirect URI.
///
/// # Errors
/// [`RegistrationRefused`] names the rule.
pub(crate) async fn require_listed(
    members: &Map<String, Value>,
    outbound: Option<&dyn Outbound>,
) -> Result<(), RegistrationRefused> {
    let Some(uri) = members.get(MEMBER) else { return Ok(()) };
    let wrong = |rule: &str| {
        RegistrationRefused::new(MEMBER, rule, "serve a JSON array of all redirect URIs there, over https")
    };
    let uri = uri.as_str().filter(|uri| uri.starts_with("https://"));
    let uri = uri.ok_or_else(|| wrong("it is not an https URL"))?;
    let outbound = outbound.ok_or_else(|| wrong("this server fetches no documents"))?;
    let fetched = outbound.get(uri, "application/json").await;
    let text = fetched.map_err(|_| wrong("the document can't be fetched"))?;
    let listed: Vec<String> =
        serde_json::from_slice(&text).map_err(|_| wrong("the document is not a JSON array of texts"))?;
    let uris = members.get("redirect_uris").and_then(Value::as_array);
    let all = uris
        .into_iter()
        .flatten()
        .all(|uri| uri.as_str().is_some_and(|uri| listed.iter().any(|one| one == uri)));
    if all { Ok(()) } else { Err(wrong("the document does not list every redirect URI")) }
}
