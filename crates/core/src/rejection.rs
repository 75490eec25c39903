//! Why a request is refused: one variant per rule, sorted by blame, each with two messages (design: errors
//! by blame). The wire hears a fixed [`Rejection::sentence`] and a machine-readable [`Rejection::reason`];
//! the operator reads the facts through `Display`. Neither ever holds a token, a proof or a secret; what a
//! client claimed reaches the operator only escaped and shortened, as [`Claimed`].

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

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

/// What a client claimed, for the operator's eyes: cut to 160 bytes and escaped when shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Claimed(Box<str>);

impl Claimed {
    /// Keeps at most 160 bytes of `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text[..text.floor_char_boundary(160)].into())
    }
}

impl fmt::Display for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_debug())
    }
}

impl fmt::Debug for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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

    /// Reason, sentence and remedy, in one table.
    const fn texts(&self) -> (&'static str, &'static str, &'static str) {
        use Rejection as R;
        match self {
            R::NoCredentials => (
                "no_credentials",
                "An access token is required.",
                "Send an Authorization header with a bound access token.",
            ),
            R::DuplicateCredentials => (
                "duplicate_credentials",
                "More than one set of credentials was sent.",
                "Send exactly one Authorization header and no token anywhere else.",
            ),
            R::TokenInQuery => (
                "token_in_query",
                "Access tokens are not accepted in the URI.",
                "Send the token in the Authorization header; treat the one in the URI as leaked.",
            ),
            R::AuthorizationMalformed(_) => (
                "authorization_malformed",
                "The Authorization header is malformed.",
                "Write the scheme, one space, and the token.",
            ),
            R::AmbiguousPath(_) => (
                "ambiguous_path",
                "The request path is ambiguous.",
                "Send the path without dot segments, empty segments, and encoded separators.",
            ),
            R::ForwardedCertificateUnusable(_) => (
                "forwarded_certificate_unusable",
                "The forwarded client certificate can't be used.",
                "Let the proxy set exactly one certificate header in the configured format, and remove what the client sent.",
            ),
            R::ProofMissing => {
                ("proof_missing", "A DPoP proof is required.", "Send a DPoP header with a fresh proof.")
            }
            R::ProofDuplicate => (
                "proof_duplicate",
                "More than one DPoP header was sent.",
                "Send exactly one DPoP header; look for a proxy or library that adds one.",
            ),
            R::ProofMalformed(_) => (
                "proof_malformed",
                "The DPoP proof is malformed.",
                "Send one compact JWS with strict JSON and unpadded base64url.",
            ),
            R::ProofMember(_) => (
                "proof_incomplete",
                "The DPoP proof lacks a required member or claim.",
                "Send typ, alg, jwk, jti, htm, htu and iat, and ath beside a token.",
            ),
            R::ProofType => {
                ("proof_type", "The DPoP proof has the wrong type.", "Set the header member typ to dpop+jwt.")
            }
            R::ProofAlgorithm(_) => (
                "proof_algorithm",
                "The DPoP proof's algorithm is not accepted.",
                "Sign with one of the algorithms that the challenge or the metadata lists.",
            ),
            R::ProofKey(_) => (
                "proof_key",
                "The DPoP proof's key is not accepted.",
                "Send a public EC P-256, P-384, Ed25519 or RSA (2048 bits and more) key, without private members.",
            ),
            R::ProofKeyAlgorithm => (
                "proof_key_algorithm",
                "The DPoP proof's key does not fit its algorithm.",
                "Sign with the algorithm of the key in jwk.",
            ),
            R::ProofSignature => (
                "proof_signature",
                "The DPoP proof's signature is invalid.",
                "Sign header and payload with the private half of jwk; ECDSA signatures are r || s, not DER.",
            ),
            R::ProofMethod { .. } => (
                "proof_method",
                "The DPoP proof is for another method.",
                "Make a new proof with htm equal to the request's method.",
            ),
            R::ProofTargetInvalid(..) => (
                "proof_target_invalid",
                "The DPoP proof's target is not a comparable URI.",
                "Set htu to the absolute https URI of the request, without user information.",
            ),
            R::ProofTarget { .. } => (
                "proof_target",
                "The DPoP proof is for another URI.",
                "Make a new proof with htu equal to the request's public URI; an operator whose proxy rewrites it must list the public base.",
            ),
            R::NonceMissing => (
                "nonce_missing",
                "A DPoP nonce is required.",
                "Repeat with a new proof that holds the nonce of the DPoP-Nonce header.",
            ),
            R::NonceUnknown => (
                "nonce_unknown",
                "The DPoP nonce is not one of this server's.",
                "Repeat with a new proof that holds the nonce of the DPoP-Nonce header; keep nonces apart by origin.",
            ),
            R::NonceStale => (
                "nonce_stale",
                "The DPoP nonce is too old.",
                "Repeat with a new proof that holds the nonce of the DPoP-Nonce header.",
            ),
            R::ProofExpired { .. } => (
                "proof_expired",
                "The DPoP proof is too old.",
                "Make a new proof for every request; if it was new, set the clock by the Date header.",
            ),
            R::ProofFromFuture { .. } => (
                "proof_from_future",
                "The DPoP proof's time lies too far ahead.",
                "Set the clock by the Date header.",
            ),
            R::ProofOwnLimits(_) => (
                "proof_own_limits",
                "The DPoP proof is outside its own time limits.",
                "Make a new proof, without exp and nbf.",
            ),
            R::ProofPredatesMemory => (
                "proof_predates_memory",
                "A DPoP nonce is required.",
                "Repeat with a new proof that holds the nonce of the DPoP-Nonce header.",
            ),
            R::ProofTokenHash => (
                "proof_token_hash",
                "The DPoP proof is for another access token.",
                "Set ath to the base64url SHA-256 of the token that is sent.",
            ),
            R::ProofReplayed => (
                "proof_replayed",
                "The DPoP proof has been used.",
                "Make a new proof, with a new jti, for every request and every retry.",
            ),
            R::TokenMalformed(_) => (
                "token_malformed",
                "The access token is malformed.",
                "Send the token exactly as it was issued.",
            ),
            R::TokenType => (
                "token_type",
                "The access token has the wrong type.",
                "Send an access token (typ at+jwt), not another kind of JWT.",
            ),
            R::TokenAlgorithm(_) => (
                "token_algorithm",
                "The access token's algorithm is not accepted.",
                "Let the authorization server sign with an accepted algorithm, or accept it in the guard's issuer settings.",
            ),
            R::TokenClaim(_) => (
                "token_claim",
                "The access token lacks a required claim.",
                "Let the authorization server issue RFC 9068 access tokens.",
            ),
            R::TokenIssuer(_) => (
                "token_issuer",
                "The access token's issuer is not trusted.",
                "Get a token from an issuer that the guard lists.",
            ),
            R::TokenKeyUnknown => (
                "token_key_unknown",
                "The access token's key is unknown.",
                "Get a new token; if it is new, check the issuer's JWK set.",
            ),
            R::TokenSignature => (
                "token_signature",
                "The access token's signature is invalid.",
                "Send the token exactly as it was issued.",
            ),
            R::TokenExpired { .. } => {
                ("token_expired", "The access token has expired.", "Get a new access token.")
            }
            R::TokenNotYetValid => (
                "token_not_yet_valid",
                "The access token is not valid yet.",
                "Check the clocks of issuer and guard.",
            ),
            R::TokenAudience => (
                "token_audience",
                "The access token is for another audience.",
                "Ask for a token whose audience is this resource.",
            ),
            R::TokenInactive => {
                ("token_inactive", "The access token is not active.", "Get a new access token.")
            }
            R::ConfirmationUnenforceable(_) => (
                "confirmation_unenforceable",
                "The access token is bound in a way that can't be checked.",
                "Issue tokens whose cnf has jkt or x5t#S256.",
            ),
            R::BoundTokenAsBearer => (
                "bound_token_as_bearer",
                "The access token is bound to a key and can't be used as a bearer token.",
                "Send it under the scheme DPoP with a proof.",
            ),
            R::UnboundTokenAsDpop => (
                "unbound_token_as_dpop",
                "The access token is not bound to a DPoP key.",
                "Ask for the token with a DPoP proof.",
            ),
            R::ProofKeyMismatch { .. } => (
                "proof_key_mismatch",
                "The access token is bound to another key.",
                "Sign the proof with the key that the token was requested with.",
            ),
            R::CertificateMissing(_) => (
                "certificate_missing",
                "The access token is bound to a client certificate.",
                "Connect with the certificate that the token was requested with; behind a proxy, let it forward the certificate.",
            ),
            R::CertificateMismatch { .. } => (
                "certificate_mismatch",
                "The access token is bound to another client certificate.",
                "Connect with the certificate that the token was requested with, or get a new token after a renewal.",
            ),
            R::MechanismNotAccepted(_) => (
                "mechanism_not_accepted",
                "The access token's binding is not accepted here.",
                "Ask for a token bound by a mechanism that the route accepts.",
            ),
            R::UnboundTokenNotAccepted => (
                "unbound_token",
                "Bearer tokens are not accepted here.",
                "Ask for a token bound by DPoP or mutual TLS.",
            ),
            R::InsufficientScope(_) => (
                "insufficient_scope",
                "The access token does not cover this request.",
                "Ask for a token with the scope that the challenge names.",
            ),
            R::KeysUnavailable => (
                "keys_unavailable",
                "The request can't be checked at the moment.",
                "Make the issuer's JWK set reachable from the guard.",
            ),
            R::IntrospectionUnavailable => (
                "introspection_unavailable",
                "The request can't be checked at the moment.",
                "Make the introspection endpoint reachable from the guard, and check the guard's credentials there.",
            ),
            R::ReplayStoreUnavailable => (
                "replay_store_unavailable",
                "The request can't be checked at the moment.",
                "Make the replay store reachable from the guard.",
            ),
            R::ReplayStoreFull => (
                "replay_store_full",
                "The request can't be checked at the moment.",
                "Raise the replay store's bound, or find who floods it.",
            ),
        }
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
