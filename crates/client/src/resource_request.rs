//! Builds the headers of a protected-resource request and judges its answer (RFC 9449 section 7, RFC 6750
//! section 3). The scheme is the token's own: no challenge, whatever it offers, makes a bound token travel as
//! something weaker.

use bindery_core::time::UnixTime;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::challenge::{Challenge, parse_challenges};
use crate::error::Error;
use crate::nonce::ServerNonce;
use crate::proof::{DPOP, ProofTarget, build_proof};
use crate::token::{BoundToken, TokenBinding};

/// The headers that one attempt at a resource carries: `Authorization`, and with a DPoP token a proof that is good
/// for this attempt alone. `now` is the time as the resource server tells it.
///
/// The caller sends them once, to exactly `url`, over https.
///
/// # Errors
/// [`Error::Random`] or [`Error::Signing`] when no proof can be made.
pub fn build_resource_headers(
    method: &Method,
    url: &Url,
    token: &BoundToken,
    nonce: Option<&ServerNonce>,
    now: UnixTime,
) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(AUTHORIZATION, token.authorization().clone());
    if let TokenBinding::Dpop { signer } = token.binding() {
        let target = ProofTarget { method, url, access_token_hash: Some(token.hash()), nonce, now };
        headers.insert(DPOP, build_proof(signer, &target)?);
    }
    Ok(headers)
}

/// What a resource's answer means for the presented token and proof.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceVerdict {
    /// Not a 401: the application's answer.
    Answered,
    /// `use_dpop_nonce`, with the nonce to use (RFC 9449 section 9).
    NonceDemanded(ServerNonce),
    /// `use_dpop_nonce` without exactly one well-formed nonce.
    NonceMissing,
    /// `invalid_token`: expired, revoked, or bound to a certificate that is no longer used (MTLS-6.3-01).
    TokenRefused,
    /// `invalid_dpop_proof`.
    ProofRefused,
    /// A DPoP token was sent, and only other schemes are offered.
    SchemeNotOffered,
    /// Another refusal.
    Refused,
}

/// Judges an answer to a request that carried a token with `binding`.
#[must_use]
pub fn judge_resource_response(
    status: StatusCode,
    headers: &HeaderMap,
    binding: &TokenBinding,
) -> ResourceVerdict {
    if status != StatusCode::UNAUTHORIZED {
        return ResourceVerdict::Answered;
    }
    let challenges = parse_challenges(headers);
    let says = |scheme: &str, code: &str| {
        challenges.iter().any(|challenge| challenge.has_scheme(scheme) && challenge.error() == Some(code))
    };
    if let TokenBinding::Dpop { .. } = binding {
        if says("DPoP", "use_dpop_nonce") {
            let nonce = ServerNonce::from_headers(headers);
            return nonce.map_or(ResourceVerdict::NonceMissing, ResourceVerdict::NonceDemanded);
        }
        if says("DPoP", "invalid_dpop_proof") {
            return ResourceVerdict::ProofRefused;
        }
    }
    // A new token is as strongly bound as the old one, so it does not matter under which scheme this was said.
    if says("DPoP", "invalid_token") || says("Bearer", "invalid_token") {
        return ResourceVerdict::TokenRefused;
    }
    let offered = |challenge: &Challenge| challenge.has_scheme(binding.scheme());
    if challenges.is_empty() || challenges.iter().any(offered) {
        ResourceVerdict::Refused
    } else {
        ResourceVerdict::SchemeNotOffered
    }
}
