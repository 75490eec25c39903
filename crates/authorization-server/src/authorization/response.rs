//! The answer to an authorization request, success or error, in the mode that was asked for (RFC 6749 section
//! 4.1.2, OAuth 2.0 Multiple Response Types, Form Post, JARM). `iss` always names the issuer (RFC 9207), inside
//! the signed response where there is one. Nothing is sent but to a redirect URI that was validated before.

use axum::response::Response;
use bindery_core::oauth::authorization_request::{AuthorizationError, ResponseMode, ReturnTo};
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::time::UnixTime;
use http::HeaderMap;
use serde_json::{Map, Value};

use crate::encryption::{JWT, encrypt_for_client};
use crate::observation::refused;
use crate::people::pages;
use crate::server::Server;

/// What is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome<'a> {
    /// A code was issued.
    Code(&'a str),
    /// The request is refused, or the person refused it.
    Refused(AuthorizationError),
}

/// No answer could be made: the signing key or the client's encryption key can't be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseUnavailable;

/// Renders the answer to `client` at `to`.
///
/// # Errors
/// [`ResponseUnavailable`] when a response that must be signed can't be: it is then not sent at all (FMS-RES-01).
pub(crate) async fn render(
    server: &Server,
    client: &ClientMetadata,
    to: &ReturnTo,
    outcome: Outcome<'_>,
    headers: &HeaderMap,
    now: UnixTime,
) -> Result<Response, ResponseUnavailable> {
    let reason = match &outcome {
        Outcome::Code(_) => None,
        Outcome::Refused(error) => Some(error.reason()),
    };
    let mut parameters = parameters(outcome, to);
    parameters.push(("iss", server.settings.issuer.clone()));
    if to.response_mode.is_signed() {
        let response = sign(server, client, parameters, now).await?;
        parameters = vec![("response", response)];
    }
    let response = match to.response_mode {
        ResponseMode::Query | ResponseMode::QueryJwt => {
            pages::see_other(&with_query(&to.redirect_uri, &parameters))
        }
        ResponseMode::Fragment | ResponseMode::FragmentJwt => {
            pages::see_other(&format!("{}#{}", to.redirect_uri, encode(&parameters)))
        }
        ResponseMode::FormPost | ResponseMode::FormPostJwt => {
            let fields = parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            pages::form_post(server, headers, &[], &to.redirect_uri, fields)
        }
    };
    Ok(match reason {
        Some(reason) => refused(response, reason),
        None => response,
    })
}

fn parameters(outcome: Outcome<'_>, to: &ReturnTo) -> Vec<(&'static str, String)> {
    let mut parameters = match outcome {
        Outcome::Code(code) => vec![("code", code.to_owned())],
        Outcome::Refused(error) => {
            vec![("error", error.code().to_owned()), ("error_description", error.sentence().to_owned())]
        }
    };
    parameters.extend(to.state.clone().map(|state| ("state", state)));
    parameters
}

/// JARM section 2.1: the parameters as claims, with issuer, audience and a short life (JARM-2-01, JARM-X-01);
/// encrypted where the client registered that (section 2.2).
async fn sign(
    server: &Server,
    client: &ClientMetadata,
    parameters: Vec<(&'static str, String)>,
    now: UnixTime,
) -> Result<String, ResponseUnavailable> {
    let mut claims: Map<String, Value> =
        parameters.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    claims.insert("aud".into(), client.client_id.clone().into());
    claims.insert("exp".into(), now.plus(server.settings.signed_response_lifetime).as_seconds().into());
    let signed =
        server.signing_keys.current().sign_as(client.authorization.response_algorithm, None, &claims);
    let signed = signed.map_err(|_| ResponseUnavailable)?;
    let Some(encryption) = client.authorization.response_encryption else { return Ok(signed) };
    let encrypted = encrypt_for_client(server, client, &signed, encryption, Some(JWT), now).await;
    encrypted.map_err(|_| ResponseUnavailable)
}

/// The registered query stays as it is (RFC 6749 section 3.1.2). The status is 303, so that a browser that posted a
/// password or a consent does not post it onwards (RFC 9700 section 4.12).
fn with_query(redirect_uri: &str, parameters: &[(&'static str, String)]) -> String {
    let joint = match redirect_uri.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{redirect_uri}{joint}{}", encode(parameters))
}

fn encode(parameters: &[(&'static str, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registered_query_survives() {
        let code = [("code", "a b".to_owned())];
        for (uri, answered) in [
            ("https://c.example/cb", "https://c.example/cb?code=a+b"),
            ("https://c.example/cb?x=1&y=2", "https://c.example/cb?x=1&y=2&code=a+b"),
            ("https://c.example/cb?", "https://c.example/cb?code=a+b"),
        ] {
            assert_eq!(with_query(uri, &code), answered);
        }
    }
}
