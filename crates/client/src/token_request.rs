//! Builds a token request (RFC 6749 sections 4.4.2 and 6) with its proof and its client authentication, all
//! of it new for every attempt (DPOP-5-01, DPOP-5-16). It sends nothing and judges nothing.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bindery_core::time::UnixTime;
use bindery_crypto::Signer;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use url::Url;
use zeroize::Zeroizing;

use crate::assertion::{ASSERTION_TYPE, build_assertion};
use crate::configuration::{ClientAuthentication, ClientConfiguration};
use crate::error::Error;
use crate::nonce::ServerNonce;
use crate::proof::{DPOP, ProofTarget, build_proof, sensitive};
use crate::secret::Secret;

/// What differs from one token request of a client to the next.
#[derive(Clone, Copy)]
pub struct TokenRequestTarget<'a> {
    /// The token endpoint, from the metadata.
    pub endpoint: &'a Url,
    /// The resource that the token is for (RFC 8707).
    pub resource: Option<&'a str>,
    /// The refresh token, when that is the grant; else client credentials.
    pub refresh_token: Option<&'a Secret>,
    /// The proof key, when tokens are bound to one.
    pub dpop: Option<&'a dyn Signer>,
    /// The authorization server's most recent nonce.
    pub nonce: Option<&'a ServerNonce>,
    /// The time, as the authorization server tells it.
    pub now: UnixTime,
}

/// A token request that is ready to be sent, once.
pub struct TokenRequest {
    /// Where to POST it.
    pub endpoint: Url,
    /// Its headers; those with secrets are marked sensitive.
    pub headers: HeaderMap,
    /// Its form. It holds secrets.
    pub body: Zeroizing<String>,
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenRequest(POST {}, body redacted)", self.endpoint)
    }
}

/// Builds the request of `configuration` for `target`.
///
/// # Errors
/// [`Error::Random`] or [`Error::Signing`] when an assertion or a proof can't be made.
pub fn build_token_request(
    configuration: &ClientConfiguration,
    target: &TokenRequestTarget<'_>,
) -> Result<TokenRequest, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let mut form = form_urlencoded::Serializer::new(String::new());
    match target.refresh_token {
        None => form.append_pair("grant_type", "client_credentials"),
        Some(token) => {
            form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token.expose())
        }
    };
    let optional = [
        ("scope", configuration.scope.as_deref()),
        ("audience", configuration.audience.as_deref()),
        ("resource", target.resource),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    authenticate(configuration, target.now, &mut headers, &mut form)?;
    if let Some(signer) = target.dpop {
        let proof = build_proof(
            signer,
            &ProofTarget {
                method: &Method::POST,
                url: target.endpoint,
                access_token_hash: None,
                nonce: target.nonce,
                now: target.now,
            },
        )?;
        headers.insert(DPOP, proof);
    }
    Ok(TokenRequest { endpoint: target.endpoint.clone(), headers, body: Zeroizing::new(form.finish()) })
}

fn authenticate(
    configuration: &ClientConfiguration,
    now: UnixTime,
    headers: &mut HeaderMap,
    form: &mut form_urlencoded::Serializer<'_, String>,
) -> Result<(), Error> {
    let client_id = &configuration.client_id;
    match &configuration.authentication {
        ClientAuthentication::PrivateKeyJwt { signer, key_id } => {
            let issuer = &configuration.issuer;
            let assertion = build_assertion(signer, key_id.as_deref(), client_id, issuer, now)?;
            form.append_pair("client_assertion_type", ASSERTION_TYPE);
            form.append_pair("client_assertion", &assertion);
        }
        ClientAuthentication::ClientSecretBasic { secret } => {
            headers.insert(AUTHORIZATION, basic(client_id, secret)?);
        }
        // RFC 8705 section 2 (MTLS-2-02), RFC 6749 section 3.2.1: the certificate or nothing says who asks.
        ClientAuthentication::TlsClientAuth { .. }
        | ClientAuthentication::SelfSignedTlsClientAuth { .. }
        | ClientAuthentication::None => {
            form.append_pair("client_id", client_id);
        }
    }
    Ok(())
}

/// RFC 6749 section 2.3.1: both halves form-encoded before they are joined.
fn basic(client_id: &str, secret: &Secret) -> Result<HeaderValue, Error> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Zeroizing::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
    sensitive(&format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}
