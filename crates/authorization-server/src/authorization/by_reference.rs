//! Request objects by reference (RFC 9101 section 5.2): only where the profile lets it, only from a URL that the
//! client has registered, only through the guarded fetcher (JAR-10-02). What comes back is verified like an
//! object by value; it is not kept.

use bindery_core::oauth::authorization_request::AuthorizationError;

use crate::client_registry::Client;
use crate::server::Server;

/// The longest request object that is read, in bytes.
const MAXIMUM_OBJECT: usize = 32 * 1024;

/// Fetches the object at `uri`.
///
/// # Errors
/// `request_uri_not_supported` where the profile has no references, `invalid_request_uri` for one that is not
/// registered or can't be fetched.
pub(crate) async fn fetch(server: &Server, uri: &str, client: &Client) -> Result<String, AuthorizationError> {
    if !server.settings.rules.of_client(&client.metadata).request_by_reference {
        return Err(AuthorizationError::RequestUriNotSupported);
    }
    let outbound = server.outbound.as_ref().ok_or(AuthorizationError::RequestUriNotSupported)?;
    let (location, _) = uri.split_once('#').unwrap_or((uri, ""));
    let registered = |one: &String| {
        let (registered, version) = one.split_once('#').unwrap_or((one, ""));
        registered == location && (version.is_empty() || one == uri)
    };
    if !client.metadata.authorization.request_uris.iter().any(registered) {
        return Err(AuthorizationError::RequestUri);
    }
    let accept = "application/oauth-authz-req+jwt, application/jwt";
    let fetched = outbound.get(location, accept).await.map_err(|_| AuthorizationError::RequestUri)?;
    let text = String::from_utf8(fetched).ok().filter(|text| text.len() <= MAXIMUM_OBJECT);
    text.map(|text| text.trim().to_owned()).ok_or(AuthorizationError::RequestUri)
}
