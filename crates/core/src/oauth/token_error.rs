//! Errors of the token, introspection and revocation endpoints: one table from cause to code (RFC 6749
//! section 5.2, RFC 9449 sections 5 and 8, RFC 8707 section 2), status, fixed sentence and machine-readable
//! reason. Nothing that the caller sent ever reaches the answer.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde_json::{Map, Value};

use super::form::FormInvalid;
use super::polling::PollRefused;
use super::token_exchange::ExchangeRefused;
use crate::time::UnixTime;

/// Why a request to an OAuth endpoint is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// The body has another media type than a form.
    MediaType,
    /// The body did not arrive in time.
    BodyTooSlow,
    /// The body is not a form that we read.
    Form(FormInvalid),
    /// A required parameter is missing or empty.
    ParameterMissing(&'static str),
    /// A parameter is longer than we read.
    ParameterTooLong(&'static str),
    /// The grant type is not one of ours.
    UnsupportedGrantType,
    /// More than one client authentication method in one request (RFC 6749 section 2.3).
    SeveralClientAuthentications,
    /// Client authentication is missing, unknown or failed. One answer for all (RFC 6749 section 5.2).
    ClientAuthentication {
        /// Whether the attempt was made with HTTP Basic, which is then challenged.
        basic: bool,
    },
    /// The client may not use this grant type.
    UnauthorizedClient,
    /// The client must prove a key with DPoP and sent no proof (DPOP-5.2-02).
    DpopProofMissing,
    /// The proof fails a check; the two texts are the rejection's own.
    DpopProof {
        /// Machine-readable reason.
        reason: &'static str,
        /// Fixed sentence.
        sentence: &'static str,
    },
    /// The proof has no nonce, or not one that was supplied lately. The answer carries a fresh one.
    UseDpopNonce {
        /// Machine-readable reason.
        reason: &'static str,
    },
    /// The client must show its certificate in the handshake and showed none (MTLS-3.4-02).
    CertificateMissing,
    /// The client must prove possession of some key and proved none.
    SenderConstraintMissing,
    /// The client's exception from sender constraint has ended.
    BearerExceptionEnded,
    /// The scope is malformed, unknown, or more than the client or the grant has.
    Scope,
    /// The resource is not one that the client may ask for.
    Target,
    /// The authorization details are malformed, or exceed what was granted (RFC 9396 section 6).
    AuthorizationDetails,
    /// The token that shall be revoked was issued to another client (RFC 7009 section 2.1).
    TokenOfAnotherClient,
    /// The request's target or its forwarded certificate is not usable.
    RequestUnusable,
    /// The authorization code is unknown, expired, used, another client's, or redeemed in another way than its
    /// request said (RFC 6749 section 4.1.3, RFC 7636 section 4.6).
    AuthorizationCode,
    /// The refresh token is unknown, expired, revoked, used up, or another client's.
    RefreshToken,
    /// The refresh token is bound to another key than the one proven (DPOP-5-06, MTLS-4-01).
    RefreshTokenBinding,
    /// The refresh token was issued unbound and policy does not let it be used (DPOP-5-12).
    RefreshTokenUnbound,
    /// A token is not exchanged (RFC 8693 section 2.2.2).
    Exchange(ExchangeRefused),
    /// There are no tokens yet, or never will be (RFC 8628 section 3.5, CIBA Core section 11).
    Poll(PollRefused),
    /// The caller asks too often (RFC 6585 section 4). The answer carries `Retry-After`.
    TooManyRequests {
        /// Seconds until the next attempt can succeed.
        retry_after: u32,
    },
    /// What the decision needs can't be reached or is full; nothing was decided.
    Unavailable,
}

/// How one error looks on the wire.
#[derive(Clone, Copy, Debug)]
pub struct TokenErrorForm {
    /// HTTP status.
    pub status: u16,
    /// `error`.
    pub code: &'static str,
    /// `error_description`.
    pub sentence: &'static str,
    /// Our `reason`: stable, for programs.
    pub reason: &'static str,
}

impl TokenError {
    /// The one table from cause to wire.
    #[must_use]
    pub const fn form(&self) -> TokenErrorForm {
        let (status, code, reason, sentence) = match self {
            Self::MediaType => {
                (400, "invalid_request", "media_type", "The body must be application/x-www-form-urlencoded.")
            }
            Self::BodyTooSlow => {
                (408, "invalid_request", "body_too_slow", "The request body did not arrive in time.")
            }
            Self::Form(invalid) => (400, "invalid_request", "form", invalid.sentence()),
            Self::ParameterMissing(name) => (
                400,
                "invalid_request",
                "parameter_missing",
                match name.as_bytes() {
                    b"grant_type" => "The parameter grant_type is missing.",
                    b"refresh_token" => "The parameter refresh_token is missing.",
                    b"token" => "The parameter token is missing.",
                    b"code" => "The parameter code is missing.",
                    b"device_code" => "The parameter device_code is missing.",
                    b"auth_req_id" => "The parameter auth_req_id is missing.",
                    b"subject_token" => "The parameter subject_token is missing.",
                    b"client_id" => "The parameter client_id is missing.",
                    _ => "A required parameter is missing.",
                },
            ),
            Self::ParameterTooLong(_) => {
                (400, "invalid_request", "parameter_too_long", "A parameter is too long.")
            }
            Self::UnsupportedGrantType => (
                400,
                "unsupported_grant_type",
                "grant_type",
                "This grant type is not supported; see grant_types_supported in the metadata.",
            ),
            Self::SeveralClientAuthentications => (
                400,
                "invalid_request",
                "several_client_authentications",
                "The request uses more than one client authentication method.",
            ),
            Self::ClientAuthentication { .. } => {
                (401, "invalid_client", "client_authentication", "Client authentication failed.")
            }
            Self::UnauthorizedClient => (
                400,
                "unauthorized_client",
                "grant_type_not_allowed",
                "The client is not allowed to use this grant type.",
            ),
            Self::DpopProofMissing => {
                (400, "invalid_dpop_proof", "dpop_proof_missing", "The client must send a DPoP proof.")
            }
            Self::DpopProof { reason, sentence } => (400, "invalid_dpop_proof", *reason, *sentence),
            Self::UseDpopNonce { reason } => (
                400,
                "use_dpop_nonce",
                *reason,
                "The DPoP proof must carry the nonce of the DPoP-Nonce header.",
            ),
            Self::CertificateMissing => (
                400,
                "invalid_request",
                "certificate_missing",
                "The client must use mutual TLS here; see mtls_endpoint_aliases in the metadata.",
            ),
            Self::SenderConstraintMissing => (
                400,
                "invalid_request",
                "sender_constraint_missing",
                "The client must send a DPoP proof or use mutual TLS.",
            ),
            Self::BearerExceptionEnded => (
                400,
                "invalid_request",
                "bearer_exception_ended",
                "Bearer tokens for this client have ended: send a DPoP proof or use mutual TLS.",
            ),
            Self::Scope => {
                (400, "invalid_scope", "scope", "The scope is malformed or exceeds what is allowed.")
            }
            Self::Target => {
                (400, "invalid_target", "resource", "The resource is not one the client may ask for.")
            }
            Self::AuthorizationDetails => (
                400,
                "invalid_authorization_details",
                "authorization_details",
                "The authorization_details are malformed or exceed what was granted.",
            ),
            Self::TokenOfAnotherClient => (
                400,
                "unauthorized_client",
                "token_of_another_client",
                "The token was not issued to this client.",
            ),
            Self::RequestUnusable => (
                400,
                "invalid_request",
                "request_unusable",
                "The request target or the forwarded certificate can't be used.",
            ),
            Self::AuthorizationCode => (
                400,
                "invalid_grant",
                "authorization_code",
                "The authorization code is not valid for this client and this request.",
            ),
            Self::RefreshToken => {
                (400, "invalid_grant", "refresh_token", "The refresh token is not valid for this client.")
            }
            Self::RefreshTokenBinding => (
                400,
                "invalid_grant",
                "refresh_token_binding",
                "The refresh token is bound to a key that the request does not prove.",
            ),
            Self::RefreshTokenUnbound => (
                400,
                "invalid_grant",
                "refresh_token_unbound",
                "The refresh token is not bound to a key; the grant must be made again.",
            ),
            Self::Exchange(refused) => {
                let (reason, sentence) = refused.texts();
                (400, "invalid_request", reason, sentence)
            }
            Self::Poll(refused) => {
                let (code, reason, sentence) = refused.form();
                (400, code, reason, sentence)
            }
            Self::TooManyRequests { .. } => (
                429,
                "temporarily_unavailable",
                "rate_limited",
                "Too many requests: wait as long as Retry-After says.",
            ),
            Self::Unavailable => (
                503,
                "temporarily_unavailable",
                "unavailable",
                "The server can't decide at the moment; nothing was issued.",
            ),
        };
        TokenErrorForm { status, code, sentence, reason }
    }

    /// The JSON body (RFC 6749 section 5.2), for faults of proofs with the server's time and what it accepts, so
    /// that a client can tell a wrong clock from a wrong key. The caller adds `Cache-Control: no-store`, a
    /// challenge for Basic, and exactly one `DPoP-Nonce` for [`TokenError::UseDpopNonce`].
    #[must_use]
    pub fn render(&self, proofs: &ProofWindow) -> Vec<u8> {
        let form = self.form();
        let mut members = Map::new();
        for (name, text) in
            [("error", form.code), ("error_description", form.sentence), ("reason", form.reason)]
        {
            members.insert(name.into(), Value::String(text.into()));
        }
        if matches!(self, Self::DpopProof { .. }) {
            members.insert("server_time".into(), proofs.now.as_seconds().into());
            members.insert("accepted_past_seconds".into(), proofs.past.as_secs().into());
            members.insert("accepted_future_seconds".into(), proofs.future.as_secs().into());
        }
        serde_json::to_vec(&members).unwrap_or_default()
    }
}

/// The server's time and which proofs it accepts.
#[derive(Clone, Copy, Debug)]
pub struct ProofWindow {
    /// Now.
    pub now: UnixTime,
    /// How old a proof may be.
    pub past: Duration,
    /// How far ahead it may be.
    pub future: Duration,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.form().sentence)
    }
}

impl core::error::Error for TokenError {}
