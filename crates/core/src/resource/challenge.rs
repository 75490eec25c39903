//! What a refused request is told (RFC 6750 section 3, RFC 9449 sections 7.1 and 9, RFC 9728 section 5.1):
//! one table from cause to status, error code and challenges, without a wildcard arm, so that a new cause
//! must find its place here. Nothing of the request ever reaches the text.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt::Write as _;

use serde_json::{Value, json};

use super::presentation::Scheme;
use super::step::AcceptedMechanisms;
use crate::dpop::proof::ProofPolicy;
use crate::rejection::Rejection;
use crate::time::UnixTime;

/// What the challenges say of the server itself.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeContext<'a> {
    /// Accepted proofs: `algs` and the accepted window come from here.
    pub proof: &'a ProofPolicy,
    /// Which challenges to send.
    pub mechanisms: AcceptedMechanisms,
    /// The `realm`, if one is configured. Must hold no quote, backslash or control character.
    pub realm: Option<&'a str>,
    /// The URL of the protected resource metadata (RFC 9728), if it is served.
    pub resource_metadata: Option<&'a str>,
    /// The server's time, told to clients whose proof was refused for its time.
    pub now: UnixTime,
}

/// An answer to a refused request, for the HTTP edge to render.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorAnswer {
    /// The status code.
    pub status: u16,
    /// The values of `WWW-Authenticate`, one header line each.
    pub challenges: Vec<String>,
    /// The JSON body; null when the request made no attempt, and so nothing is told (RFC 6750 section 3.1).
    pub body: Value,
    /// Whether exactly one fresh `DPoP-Nonce` must go along.
    pub needs_nonce: bool,
    /// Seconds after which a repetition may succeed, when the fault is ours.
    pub retry_after: Option<u32>,
}

/// The registered error code and status of a cause. `None` for the code: no error is named, because no
/// attempt was made (RFC 6750 section 3.1).
const fn code(rejection: &Rejection) -> (u16, Option<&'static str>) {
    use Rejection as R;
    match rejection {
        R::NoCredentials => (401, None),
        R::DuplicateCredentials
        | R::TokenInQuery
        | R::AuthorizationMalformed(_)
        | R::AmbiguousPath(_)
        | R::ForwardedCertificateUnusable(_) => (400, Some("invalid_request")),
        R::ProofMissing
        | R::ProofDuplicate
        | R::ProofMalformed(_)
        | R::ProofMember(_)
        | R::ProofType
        | R::ProofAlgorithm(_)
        | R::ProofKey(_)
        | R::ProofKeyAlgorithm
        | R::ProofSignature
        | R::ProofMethod { .. }
        | R::ProofTargetInvalid(..)
        | R::ProofTarget { .. }
        | R::ProofExpired { .. }
        | R::ProofFromFuture { .. }
        | R::ProofOwnLimits(_)
        | R::ProofTokenHash
        | R::ProofReplayed => (401, Some("invalid_dpop_proof")),
        R::NonceMissing | R::NonceUnknown | R::NonceStale | R::ProofPredatesMemory => {
            (401, Some("use_dpop_nonce"))
        }
        R::TokenMalformed(_)
        | R::TokenType
        | R::TokenAlgorithm(_)
        | R::TokenClaim(_)
        | R::TokenIssuer(_)
        | R::TokenKeyUnknown
        | R::TokenSignature
        | R::TokenExpired { .. }
        | R::TokenNotYetValid
        | R::TokenAudience
        | R::TokenInactive
        | R::ConfirmationUnenforceable(_)
        | R::BoundTokenAsBearer
        | R::UnboundTokenAsDpop
        | R::ProofKeyMismatch { .. }
        | R::CertificateMissing(_)
        | R::CertificateMismatch { .. }
        | R::MechanismNotAccepted(_)
        | R::UnboundTokenNotAccepted => (401, Some("invalid_token")),
        R::InsufficientScope(_) => (403, Some("insufficient_scope")),
        R::KeysUnavailable | R::IntrospectionUnavailable | R::ReplayStoreUnavailable | R::ReplayStoreFull => {
            (503, Some("temporarily_unavailable"))
        }
    }
}

/// Builds the answer to `rejection`. `used` is the scheme of the request, if it used one: the error goes only
/// into that scheme's challenge, into both when the credentials are ambiguous (RFC 9449 section 7.2).
#[must_use]
pub fn answer(rejection: &Rejection, used: Option<Scheme>, context: &ChallengeContext<'_>) -> ErrorAnswer {
    let (status, error) = code(rejection);
    let challenges = match status {
        503 => Vec::new(),
        _ => [Scheme::Dpop, Scheme::Bearer]
            .into_iter()
            .filter(|scheme| is_offered(*scheme, used, context.mechanisms))
            .map(|scheme| {
                let named = used.is_none_or(|used| used == scheme);
                challenge(scheme, rejection, error.filter(|_| named), context)
            })
            .collect(),
    };
    ErrorAnswer {
        status,
        challenges,
        body: error.map_or(Value::Null, |error| body(rejection, error, context)),
        needs_nonce: rejection.asks_for_nonce(),
        retry_after: (status == 503).then_some(5),
    }
}

/// A challenge is sent for every scheme that could succeed, and for the one that was tried.
fn is_offered(scheme: Scheme, used: Option<Scheme>, mechanisms: AcceptedMechanisms) -> bool {
    used == Some(scheme)
        || match scheme {
            Scheme::Dpop => mechanisms.dpop,
            Scheme::Bearer => mechanisms.mtls || mechanisms.dangerous_bearer,
        }
}

fn challenge(
    scheme: Scheme,
    rejection: &Rejection,
    error: Option<&str>,
    context: &ChallengeContext<'_>,
) -> String {
    let mut text = String::from(match scheme {
        Scheme::Dpop => "DPoP",
        Scheme::Bearer => "Bearer",
    });
    let mut first = true;
    let mut parameter = |name: &str, value: &str| {
        let _ = write!(text, "{} {name}=\"{value}\"", if first { "" } else { "," });
        first = false;
    };
    if let Some(realm) = context.realm {
        parameter("realm", realm);
    }
    if let Some(error) = error {
        parameter("error", error);
        parameter("error_description", rejection.sentence());
    }
    if let Rejection::InsufficientScope(scope) = rejection {
        parameter("scope", scope);
    }
    if scheme == Scheme::Dpop {
        parameter("algs", &context.proof.algorithms.to_string());
    }
    if let Some(url) = context.resource_metadata {
        parameter("resource_metadata", url);
    }
    text
}

/// The OAuth error as JSON, with the machine-readable reason and, for faults of time, what would have been
/// accepted: clients can tell a wrong clock from a wrong key.
fn body(rejection: &Rejection, error: &str, context: &ChallengeContext<'_>) -> Value {
    let mut body = json!({
        "error": error,
        "error_description": rejection.sentence(),
        "reason": rejection.reason(),
    });
    if matches!(rejection, Rejection::ProofExpired { .. } | Rejection::ProofFromFuture { .. }) {
        body["server_time"] = context.now.as_seconds().into();
        body["accepted_past_seconds"] = context.proof.past.as_secs().into();
        body["accepted_future_seconds"] = context.proof.future().as_secs().into();
    }
    body
}

#[cfg(test)]
#[path = "challenge_tests.rs"]
mod tests;
