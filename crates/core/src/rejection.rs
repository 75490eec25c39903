//! Why a request is refused: one variant per rule, sorted by blame, each with two messages (design: errors
//! by blame). The wire hears a fixed [`Rejection::sentence`] and a machine-readable [`Rejection::reason`];
//! the operator reads the facts through `Display`. Neither ever holds a token, a proof or a secret; what a
//! client claimed reaches the operator only escaped and shortened, as [`Claimed`].

mod claimed;
mod texts;

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

pub use claimed::Claimed;

use crate::dpop::target::TargetInvalid;
use crate::jose::jwk::JwkInvalid;
use crate::jose::jws::JwsMalformed;
use crate::jose::thumbprint::JwkThumbprint;
use crate::mtls::certificate::{CertificateAbsence, CertificateThumbprint};
use crate::time::UnixTime;
use crate::token::confirmation::ConfirmationInvalid;

/// Whose fault a rejection is, and so who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// No credentials at all: not a fault, an invitation.
    Absent,
    /// The request breaks a grammar.
    Malformed,
    /// Well formed, but a check of cryptography, type or content fails.
    Invalid,
    /// Too old, too early, or without the nonce that would show that it is new.
    NotFresh,
    /// Seen before.
    Replayed,
    /// Everything is genuine, but the key is not the one that the token is bound to.
    WrongBinding,
    /// Proven, but not allowed enough.
    Insufficient,
    /// We could not check, so we refuse.
    Unavailable,
}

impl Blame {
    /// A stable name for metrics and events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::NotFresh => "not_fresh",
            Self::Replayed => "replayed",
            Self::WrongBinding => "wrong_binding",
            Self::Insufficient => "insufficient",
            Self::Unavailable => "unavailable",
        }
    }
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    // The request as a whole.
    /// No `Authorization` header, or one of a scheme that carries no access token.
    NoCredentials,
    /// More than one `Authorization` header (RFC 6750 section 2, RFC 9449 section 7.2).
    DuplicateCredentials,
    /// An access token in the URI query (OAuth 2.1, FAPI 2.0).
    TokenInQuery,
    /// The `Authorization` value is not `scheme SP token68`, or the token is longer than 16 KiB.
    AuthorizationMalformed(&'static str),
    /// The path can be read in two ways by the servers that it passes.
    AmbiguousPath(&'static str),
    /// A trusted proxy's certificate header can't be used (RFC 9440 section 4).
    ForwardedCertificateUnusable(&'static str),

    // The DPoP proof, in the order of RFC 9449 section 4.3.
    /// Scheme `DPoP` without a `DPoP` header.
    ProofMissing,
    /// Step 1: more than one `DPoP` header field.
    ProofDuplicate,
    /// Step 2: not one well-formed compact JWS.
    ProofMalformed(JwsMalformed),
    /// Step 3: a required header member or claim is missing, empty, or too long.
    ProofMember(&'static str),
    /// Step 4: `typ` is not `dpop+jwt`.
    ProofType,
    /// Step 5: `alg` is not an asymmetric algorithm that the policy accepts.
    ProofAlgorithm(Claimed),
    /// Steps 5 and 7: the key is private, weak, or not for this algorithm.
    ProofKey(JwkInvalid),
    /// Step 5: `alg` names an algorithm that this kind of key can't sign with.
    ProofKeyAlgorithm,
    /// Step 6: the signature does not verify with the proof's own key.
    ProofSignature,
    /// Step 8: `htm` is another method.
    ProofMethod {
        /// What `htm` says.
        claimed: Claimed,
        /// The method of the request.
        expected: Claimed,
    },
    /// Step 9: `htu` is not an absolute https URI that can be compared.
    ProofTargetInvalid(TargetInvalid, Claimed),
    /// Step 9: `htu` is another URI.
    ProofTarget {
        /// What `htu` says.
        claimed: Claimed,
        /// The URI of the request under the first configured public base.
        expected: Claimed,
    },
    /// Step 10: a nonce is demanded and the proof has none.
    NonceMissing,
    /// Step 10: the nonce is not one of ours, or is for another server.
    NonceUnknown,
    /// Step 10: the nonce was ours and is too old.
    NonceStale,
    /// Step 11: `iat` is too long ago.
    ProofExpired {
        /// The proof's own time.
        issued_at: UnixTime,
        /// Our time.
        now: UnixTime,
        /// Seconds that a proof may be old.
        past: u64,
    },
    /// Step 11: `iat` is too far ahead.
    ProofFromFuture {
        /// The proof's own time.
        issued_at: UnixTime,
        /// Our time.
        now: UnixTime,
        /// Seconds that a proof may be ahead.
        future: u64,
    },
    /// The proof's own `exp` has passed or its `nbf` lies ahead (AMB-14).
    ProofOwnLimits(&'static str),
    /// The proof may be older than the memory that would know a replay (DPOP-11.1-11).
    ProofPredatesMemory,
    /// Step 12: `ath` is not the hash of the presented token.
    ProofTokenHash,
    /// Section 11.1: this proof has been seen.
    ProofReplayed,

    // The access token.
    /// Neither a compact JWS nor, where introspection is configured, an opaque token.
    TokenMalformed(JwsMalformed),
    /// `typ` is not `at+jwt` (RFC 9068 section 4).
    TokenType,
    /// `alg` is not accepted from this issuer.
    TokenAlgorithm(Claimed),
    /// A claim that RFC 9068 requires is missing or of the wrong type.
    TokenClaim(&'static str),
    /// `iss` is not on the allow-list.
    TokenIssuer(Claimed),
    /// The issuer publishes no key for this `kid` and algorithm.
    TokenKeyUnknown,
    /// The signature does not verify with the issuer's key.
    TokenSignature,
    /// `exp` has passed.
    TokenExpired {
        /// The token's `exp`.
        expired_at: UnixTime,
        /// Our time.
        now: UnixTime,
    },
    /// `nbf` or `iat` lies ahead.
    TokenNotYetValid,
    /// `aud` does not name this resource server.
    TokenAudience,
    /// The authorization server says that the token is not active (RFC 7662 section 2.2).
    TokenInactive,

    // The binding.
    /// `cnf` is there and can't be enforced; never read as bearer (AMB-05).
    ConfirmationUnenforceable(ConfirmationInvalid),
    /// A DPoP-bound token under the scheme `Bearer` (RFC 9449 section 7.2).
    BoundTokenAsBearer,
    /// A token that is not DPoP-bound under the scheme `DPoP` (DPOP-7.1-12).
    UnboundTokenAsDpop,
    /// The proof's key is not the token's (RFC 9449 section 4.3 step 12).
    ProofKeyMismatch {
        /// The key that proved.
        proven: JwkThumbprint,
        /// The key that the token names.
        bound: JwkThumbprint,
    },
    /// A certificate-bound token on a request without certificate (RFC 8705 section 3).
    CertificateMissing(CertificateAbsence),
    /// The certificate is not the token's (RFC 8705 section 3).
    CertificateMismatch {
        /// The certificate of the request.
        proven: CertificateThumbprint,
        /// The certificate that the token names.
        bound: CertificateThumbprint,
    },
    /// The token is bound by a mechanism that this route does not accept.
    MechanismNotAccepted(&'static str),
    /// A bearer token where only bound ones are accepted.
    UnboundTokenNotAccepted,

    // What the token allows.
    /// A required scope is missing (RFC 6750 section 3.1).
    InsufficientScope(Box<str>),

    // What we could not do.
    /// The issuer's keys could not be fetched.
    KeysUnavailable,
    /// The introspection endpoint could not be asked.
    IntrospectionUnavailable,
    /// The replay store could not be asked.
    ReplayStoreUnavailable,
    /// The replay store is full of live entries.
    ReplayStoreFull,
}

impl Rejection {
    /// Whose fault it is.
    #[must_use]
    pub const fn blame(&self) -> Blame {
        use Rejection as R;
        match self {
            R::NoCredentials => Blame::Absent,
            R::DuplicateCredentials
            | R::TokenInQuery
            | R::AuthorizationMalformed(_)
            | R::AmbiguousPath(_)
            | R::ForwardedCertificateUnusable(_)
            | R::ProofMissing
            | R::ProofDuplicate
            | R::ProofMalformed(_)
            | R::ProofMember(_)
            | R::TokenMalformed(_) => Blame::Malformed,
            R::ProofType
            | R::ProofAlgorithm(_)
            | R::ProofKey(_)
            | R::ProofKeyAlgorithm
            | R::ProofSignature
            | R::ProofMethod { .. }
            | R::ProofTargetInvalid(..)
            | R::ProofTarget { .. }
            | R::ProofTokenHash
            | R::TokenType
            | R::TokenAlgorithm(_)
            | R::TokenClaim(_)
            | R::TokenIssuer(_)
            | R::TokenKeyUnknown
            | R::TokenSignature
            | R::TokenAudience
            | R::TokenInactive
            | R::ConfirmationUnenforceable(_) => Blame::Invalid,
            R::NonceMissing
            | R::NonceUnknown
            | R::NonceStale
            | R::ProofExpired { .. }
            | R::ProofFromFuture { .. }
            | R::ProofOwnLimits(_)
            | R::ProofPredatesMemory
            | R::TokenExpired { .. }
            | R::TokenNotYetValid => Blame::NotFresh,
            R::ProofReplayed => Blame::Replayed,
            R::BoundTokenAsBearer
            | R::UnboundTokenAsDpop
            | R::ProofKeyMismatch { .. }
            | R::CertificateMissing(_)
            | R::CertificateMismatch { .. }
            | R::MechanismNotAccepted(_)
            | R::UnboundTokenNotAccepted => Blame::WrongBinding,
            R::InsufficientScope(_) => Blame::Insufficient,
            R::KeysUnavailable
            | R::IntrospectionUnavailable
            | R::ReplayStoreUnavailable
            | R::ReplayStoreFull => Blame::Unavailable,
        }
    }

    /// A stable machine-readable name: for metrics, events, and the `reason` that clients may act on.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.texts().0
    }

    /// The sentence for the wire (`error_description`): fixed per cause, with nothing of the request in it.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        self.texts().1
    }

    /// What whoever is to blame can do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        self.texts().2
    }

    /// Whether the answer must carry a fresh `DPoP-Nonce` and `use_dpop_nonce` (RFC 9449 sections 8 and 9).
    #[must_use]
    pub const fn asks_for_nonce(&self) -> bool {
        matches!(self, Self::NonceMissing | Self::NonceUnknown | Self::NonceStale | Self::ProofPredatesMemory)
    }

    /// Whether the fault lies with the proof, whatever the token may be.
    #[must_use]
    pub const fn is_about_proof(&self) -> bool {
        use Rejection as R;
        matches!(
            self,
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
                | R::NonceMissing
                | R::NonceUnknown
                | R::NonceStale
                | R::ProofExpired { .. }
                | R::ProofFromFuture { .. }
                | R::ProofOwnLimits(_)
                | R::ProofPredatesMemory
                | R::ProofTokenHash
                | R::ProofReplayed
        )
    }
}

/// The facts for the operator: what was claimed, what was expected.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Rejection as R;
        match self {
            R::AuthorizationMalformed(what) | R::AmbiguousPath(what) | R::ForwardedCertificateUnusable(what) => {
                write!(f, "{} ({what})", self.sentence())
            }
            R::ProofMalformed(reason) => write!(f, "the DPoP proof is not usable: {reason}"),
            R::ProofMember(name) => write!(f, "the DPoP proof's `{name}` is missing, empty, or too long"),
            R::ProofAlgorithm(alg) => write!(f, "the DPoP proof's alg {alg} is not accepted"),
            R::ProofKey(reason) => write!(f, "the DPoP proof's key: {reason}"),
            R::ProofMethod { claimed, expected } => {
                write!(f, "the DPoP proof's htm is {claimed}, the request's method is {expected}")
            }
            R::ProofTargetInvalid(reason, claimed) => write!(f, "the DPoP proof's htu {claimed}: {reason}"),
            R::ProofTarget { claimed, expected } => {
                write!(f, "the DPoP proof's htu is {claimed}, the request's URI is {expected}")
            }
            R::ProofExpired { issued_at, now, past } => write!(
                f,
                "the DPoP proof was made at {issued_at}, {} s ago (now {now}); at most {past} s are accepted",
                now.seconds_since(*issued_at)
            ),
            R::ProofFromFuture { issued_at, now, future } => write!(
                f,
                "the DPoP proof was made at {issued_at}, {} s ahead (now {now}); at most {future} s are accepted",
                issued_at.seconds_since(*now)
            ),
            R::ProofOwnLimits(name) => write!(f, "the DPoP proof's own `{name}` forbids it now"),
            R::ProofPredatesMemory => f.write_str(
                "the DPoP proof may have been used before this replay memory began; a nonce shows that it was not",
            ),
            R::TokenMalformed(reason) => write!(f, "the access token is not usable: {reason}"),
            R::TokenAlgorithm(alg) => write!(f, "the access token's alg {alg} is not accepted from its issuer"),
            R::TokenClaim(name) => write!(f, "the access token's claim `{name}` is missing or has the wrong type"),
            R::TokenIssuer(issuer) => write!(f, "the access token's issuer {issuer} is not on the allow-list"),
            R::TokenExpired { expired_at, now } => {
                write!(f, "the access token expired at {expired_at}, {} s ago", now.seconds_since(*expired_at))
            }
            R::ConfirmationUnenforceable(reason) => write!(f, "the access token can't be confirmed: {reason}"),
            R::ProofKeyMismatch { proven, bound } => {
                write!(f, "the access token is bound to key {bound}, the proof was made by {proven}")
            }
            R::CertificateMissing(absence) => write!(f, "the access token is bound to a certificate, but {absence}"),
            R::CertificateMismatch { proven, bound } => {
                write!(f, "the access token is bound to certificate {bound}, the request came with {proven}")
            }
            R::MechanismNotAccepted(name) => write!(f, "the access token is bound by {name}, which the route does not accept"),
            R::InsufficientScope(scope) => write!(f, "the access token lacks the required scope \"{}\"", scope.escape_debug()),
            _ => f.write_str(self.sentence()),
        }
    }
}

impl From<Rejection> for String {
    fn from(rejection: Rejection) -> Self {
        alloc::format!("{rejection}")
    }
}

#[cfg(test)]
#[path = "rejection_tests.rs"]
pub(crate) mod tests;
