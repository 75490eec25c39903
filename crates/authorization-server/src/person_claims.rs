//! Which claims about a person go where (OpenID Connect Core sections 5.4 and 5.5): what scopes stand for goes to
//! userinfo, what the `claims` parameter names goes where it says. The claims themselves are the account's; one
//! that it does not have is left out, and nothing is ever made up.

use std::collections::BTreeSet;

use bindery_core::oauth::scope::Scope;
use bindery_core::oauth::token_error::TokenError;
use serde_json::{Map, Value};

use crate::grant::details::GrantDetails;
use crate::server::{Server, unavailable};

/// Claims that the server itself makes; an account can't say them.
const OWN: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "nonce",
    "auth_time",
    "acr",
    "amr",
    "azp",
    "sid",
    "at_hash",
];

/// What the userinfo endpoint says beside `sub`.
///
/// # Errors
/// [`TokenError::Unavailable`] when the store can't be asked.
pub(crate) async fn for_userinfo(
    server: &Server,
    subject: &str,
    scope: &Scope,
    details: &GrantDetails,
) -> Result<Map<String, Value>, TokenError> {
    let scopes = scope.iter().filter_map(|name| server.settings.scopes.get(name));
    let mut names: BTreeSet<&str> =
        scopes.flat_map(|scope| scope.claims.iter().map(String::as_str)).collect();
    names.extend(details.claims.userinfo.keys().map(String::as_str));
    pick(server, subject, &names).await
}

/// What the ID token says beside its own claims.
///
/// # Errors
/// As [`for_userinfo`].
pub(crate) async fn for_id_token(
    server: &Server,
    subject: &str,
    details: &GrantDetails,
) -> Result<Map<String, Value>, TokenError> {
    let names: BTreeSet<&str> = details.claims.id_token.keys().map(String::as_str).collect();
    pick(server, subject, &names).await
}

async fn pick(
    server: &Server,
    subject: &str,
    names: &BTreeSet<&str>,
) -> Result<Map<String, Value>, TokenError> {
    let names: BTreeSet<_> = names.iter().filter(|name| !OWN.contains(name)).collect();
    if names.is_empty() {
        return Ok(Map::new());
    }
    let account = server.store.find_account(subject).await;
    let account = account.map_err(|error| unavailable("find_account", &error))?;
    let Some(Value::Object(claims)) = account.map(|account| account.claims) else { return Ok(Map::new()) };
    Ok(claims
        .into_iter()
        .filter(|(name, value)| names.contains(&name.as_str()) && !value.is_null())
        .collect())
}
