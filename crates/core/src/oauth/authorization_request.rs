//! The authorization request (RFC 6749 section 4.1.1, RFC 9126, OpenID Connect Core 1.0 section 3.1.2.1): the
//! parameters of any origin in, one judged request out. Where the answer goes is settled first; until the
//! redirect URI is known to be the client's, no refusal may be sent there (RFC 6749 section 4.1.2.1).

use alloc::string::String;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::authorization_details::{self, DetailType};
use super::claims_request::ClaimsRequest;
use super::client_metadata::ClientMetadata;
use super::pkce;
use super::redirect_uri::{self, ApplicationType};
use super::scope::Scope;
use crate::jose::thumbprint::JwkThumbprint;

mod ask;
mod error;
mod parameters;
mod return_to;

pub(super) use ask::is_language_tag;
pub use ask::{Ask, Prompt};
pub use error::{AuthorizationError, AuthorizationErrorForm};
pub use parameters::AuthorizationParameters;
pub use return_to::{ResponseMode, ReturnTo};

/// The longest `nonce`, in bytes (FSP-AS-28 asks for 64, the suite for 384; nothing is ever cut).
pub const MAXIMUM_NONCE: usize = 1000;
/// The longest `state`, in bytes (FSP-AS-30).
pub const MAXIMUM_STATE: usize = 2000;

/// A request that the client may make; whether a person grants it is another question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: String,
    /// What is asked of a person.
    pub ask: Ask,
    /// Where the answer goes.
    pub return_to: ReturnTo,
    /// `nonce`, for the ID token, exactly as sent.
    pub nonce: Option<String>,
    /// `code_challenge`, made with S256; a code without it must be refused a verifier too.
    pub code_challenge: Option<String>,
    /// The key that alone may redeem the code (RFC 9449 section 10).
    pub dpop_jkt: Option<JwkThumbprint>,
}

/// The value is not a request that we stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredRequestInvalid;

impl AuthorizationRequest {
    /// The form in which it is stored.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Reads what [`Self::to_value`] wrote.
    ///
    /// # Errors
    /// [`StoredRequestInvalid`] when it is something else.
    pub fn from_value(value: &Value) -> Result<Self, StoredRequestInvalid> {
        Self::deserialize(value).map_err(|_| StoredRequestInvalid)
    }
}

/// When a request may lack a `code_challenge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PkceRule {
    /// Never (FAPI 2.0 Security Profile section 5.3.2.2).
    Always,
    /// When a confidential client asks for an ID token with a nonce (OAuth 2.1 section 7.5.1).
    UnlessOpenidNonceOfConfidentialClient,
    /// When a confidential client asks for an ID token (OpenID Connect Core 1.0).
    UnlessOpenidOfConfidentialClient,
}

/// What the server allows at all.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizationPolicy<'a> {
    /// The issuer; as the userinfo endpoint's name it is the resource of a client without others.
    pub issuer: &'a str,
    /// Whether OpenID Connect is on. Without it `openid` is no scope and `claims` is not read.
    pub openid: bool,
    /// When PKCE is needed.
    pub pkce: PkceRule,
    /// Whether the request came through the pushed request endpoint, with its client authenticated.
    pub pushed: bool,
    /// Whether a client with one redirect URI must name it too (FSP-AS-20); OpenID Connect requests always must.
    pub redirect_uri_required: bool,
    /// Whether an authenticated client may name an https redirect URI that is not registered (RFC 9126
    /// section 2.4). Holds only for pushed requests.
    pub unregistered_redirect_uri: bool,
    /// The response modes that the server offers.
    pub response_modes: &'a [ResponseMode],
    /// Whether every response must be signed (FMS-RES-01).
    pub signed_response_required: bool,
    /// The authorization details types that the server knows.
    pub detail_types: &'a [DetailType],
    /// The resources that any client may name, beside its own audiences.
    pub resources: &'a [String],
}

/// A refusal, and where it may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationRefused {
    /// Why.
    pub error: AuthorizationError,
    /// `None`: nothing may be sent to any redirect URI.
    pub return_to: Option<ReturnTo>,
}

/// Judges a request of `client`, which the caller has found by the request's `client_id` or has authenticated.
///
/// # Errors
/// [`AuthorizationRefused`] for the first rule that is broken, the redirect URI's rules first.
pub fn validate(
    parameters: &AuthorizationParameters,
    client: &ClientMetadata,
    policy: &AuthorizationPolicy<'_>,
) -> Result<AuthorizationRequest, AuthorizationRefused> {
    let untrusted = |error| AuthorizationRefused { error, return_to: None };
    // JAR-6.3-01: a request of one client never runs under another's name.
    if parameters.text("client_id").is_some_and(|client_id| client_id != client.client_id) {
        return Err(untrusted(AuthorizationError::ClientMismatch));
    }
    let (redirect_uri, redirect_uri_given) =
        confirm_redirect_uri(parameters, client, policy).map_err(untrusted)?;
    let return_to = ReturnTo::supposed(redirect_uri, redirect_uri_given, parameters, policy);
    let trusted = |error| AuthorizationRefused { error, return_to: Some(return_to.clone()) };
    judge(parameters, client, policy, &return_to).map_err(trusted)
}

/// Byte for byte one of the client's (BCP-2.1-01), or, where policy lets an authenticated client say so, any
/// https URI.
fn confirm_redirect_uri(
    parameters: &AuthorizationParameters,
    client: &ClientMetadata,
    policy: &AuthorizationPolicy<'_>,
) -> Result<(String, bool), AuthorizationError> {
    let registered = &client.authorization.redirect_uris;
    let Some(given) = parameters.text("redirect_uri") else {
        // OpenID Connect Core section 3.1.2.1 requires it, also of a client that registered one alone.
        let scope = parameters.text("scope").unwrap_or_default();
        let openid = policy.openid && scope.split(' ').any(|value| value == "openid");
        return match registered.as_slice() {
            [one] if !policy.redirect_uri_required && !openid => Ok((one.clone(), false)),
            _ => Err(AuthorizationError::RedirectUriMissing),
        };
    };
    let application = client.authorization.application_type;
    let known = redirect_uri::find_registered(registered, given, application).is_some();
    let allowed = policy.unregistered_redirect_uri
        && policy.pushed
        && !client.is_public()
        && given.starts_with("https:")
        && redirect_uri::require_redirect_uri(given, ApplicationType::Web).is_ok();
    if known || allowed { Ok((given.into(), true)) } else { Err(AuthorizationError::RedirectUri) }
}

fn judge(
    parameters: &AuthorizationParameters,
    client: &ClientMetadata,
    policy: &AuthorizationPolicy<'_>,
    return_to: &ReturnTo,
) -> Result<AuthorizationRequest, AuthorizationError> {
    if parameters.value("request_uri").is_some() {
        let pushed = policy.pushed;
        return Err(if pushed {
            AuthorizationError::RequestUriPushed // RFC 9126 section 2.1
        } else {
            AuthorizationError::RequestUriNotSupported
        });
    }
    if parameters.value("request").is_some() {
        return Err(AuthorizationError::RequestNotSupported);
    }
    require_text(parameters, "state", MAXIMUM_STATE)?;
    match parameters.text("response_type") {
        None => return Err(AuthorizationError::ParameterMissing("response_type")),
        Some("code") => {}
        Some(_) => return Err(AuthorizationError::ResponseType), // FSP-AS-15
    }
    if !client.grant_types.iter().any(|grant| grant == "authorization_code") {
        return Err(AuthorizationError::UnauthorizedClient);
    }
    return_to::require_mode(parameters, client, policy)?;
    let nonce = require_text(parameters, "nonce", MAXIMUM_NONCE)?;
    let ask = Ask::require(parameters, client, policy)?;
    let code_challenge = require_pkce(parameters, client, policy, &ask, nonce.is_some())?;
    let dpop_jkt = match parameters.text("dpop_jkt") {
        None => None,
        // DPOP-10-04
        Some(text) => {
            Some(JwkThumbprint::parse(text).map_err(|_| AuthorizationError::ParameterMalformed("dpop_jkt"))?)
        }
    };
    Ok(AuthorizationRequest {
        client_id: client.client_id.clone(),
        ask,
        return_to: return_to.clone(),
        nonce,
        code_challenge,
        dpop_jkt,
    })
}

fn require_pkce(
    parameters: &AuthorizationParameters,
    client: &ClientMetadata,
    policy: &AuthorizationPolicy<'_>,
    ask: &Ask,
    nonce: bool,
) -> Result<Option<String>, AuthorizationError> {
    let Some(challenge) = parameters.text("code_challenge") else {
        if parameters.value("code_challenge_method").is_some() {
            return Err(AuthorizationError::ParameterMissing("code_challenge"));
        }
        let openid = !client.is_public() && ask.scope.contains("openid");
        let excused = match policy.pkce {
            PkceRule::Always => false,
            PkceRule::UnlessOpenidNonceOfConfidentialClient => openid && nonce,
            PkceRule::UnlessOpenidOfConfidentialClient => openid,
        };
        return if excused { Ok(None) } else { Err(AuthorizationError::PkceMissing) };
    };
    // Without a method, RFC 7636 section 4.3 means `plain`.
    if parameters.text("code_challenge_method") != Some(pkce::METHODS[0]) {
        return Err(AuthorizationError::PkceMethod);
    }
    pkce::parse_challenge(challenge).map_err(|_| AuthorizationError::PkceMalformed)?;
    Ok(Some(challenge.into()))
}

/// Printable ASCII (RFC 6749 appendix A.5), whole or not at all.
fn require_text(
    parameters: &AuthorizationParameters,
    name: &'static str,
    maximum: usize,
) -> Result<Option<String>, AuthorizationError> {
    let Some(text) = parameters.text(name) else { return Ok(None) };
    if text.len() > maximum {
        return Err(AuthorizationError::ParameterTooLong(name));
    }
    if !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        return Err(AuthorizationError::ParameterMalformed(name));
    }
    Ok(Some(text.into()))
}

#[cfg(test)]
#[path = "authorization_request_tests.rs"]
mod tests;
