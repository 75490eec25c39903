//! What is said of each cause: the reason that machines read, the sentence for the wire, and the remedy. One
//! table, without a wildcard arm. Nothing of a request ever stands in these texts.

use super::Rejection;

impl Rejection {
    /// Reason, sentence and remedy, in one table.
    pub(super) const fn texts(&self) -> (&'static str, &'static str, &'static str) {
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
