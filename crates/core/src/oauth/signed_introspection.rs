//! The signed answer to introspection, as a resource server receives it (RFC 9701 section 5, JINT-5-01): a JWT of its
//! own type, from the issuer that was asked, to the resource server that asked, made now. What it says of the
//! token is handed on as the plain answer would be, and nothing outside that one member counts.

use alloc::vec::Vec;
use core::time::Duration;

use serde_json::Value;

use crate::crypto::Cryptography;
use crate::encoding::{base64url, json};
use crate::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use crate::jose::jwk::JwkSet;
use crate::jose::jws::{CompactJws, UnverifiedHeader};
use crate::oauth::introspection::INTROSPECTION_TYPE;
use crate::time::UnixTime;

/// The longest answer that is read, in bytes.
const MAXIMUM_ANSWER: usize = 64 * 1024;
/// How old an answer may be: it was made for this question.
const AGE: Duration = Duration::from_secs(60);
/// How far the issuer's clock may be ahead.
const AHEAD: Duration = Duration::from_secs(60);
/// The most keys that are tried.
const MAXIMUM_TRIALS: usize = 4;

/// What an answer is held against.
#[derive(Clone, Copy, Debug)]
pub struct SignedAnswerPolicy<'a> {
    /// The issuer that was asked.
    pub issuer: &'a str,
    /// The name under which it was asked: the resource server's `client_id`.
    pub caller: &'a str,
    /// The algorithms accepted from this issuer.
    pub algorithms: AlgorithmSet,
    /// Now.
    pub now: UnixTime,
}

/// Why an answer is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedAnswerRefused {
    /// Not a strict compact JWS, or longer than is read.
    Malformed,
    /// Another kind of JWT.
    Type,
    /// Signed with an algorithm that is not accepted from this issuer.
    Algorithm,
    /// The issuer has no such key, as far as its set is known.
    UnknownKey,
    /// None of the issuer's keys made the signature.
    Signature,
    /// From another issuer, to another resource server, or without saying so.
    Parties,
    /// Made at another time.
    Time,
    /// It says nothing of a token.
    Empty,
}

impl core::fmt::Display for SignedAnswerRefused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is not a compact JWS",
            Self::Type => "its typ is not token-introspection+jwt",
            Self::Algorithm => "its alg is not accepted from this issuer",
            Self::UnknownKey => "the issuer publishes no key of its kid and alg",
            Self::Signature => "its signature does not verify",
            Self::Parties => "its iss is not the issuer or its aud is not this resource server",
            Self::Time => "its iat is not now",
            Self::Empty => "it has no token_introspection object",
        })
    }
}

/// The `kid` and algorithm that a signed answer names, so that the caller can find the issuer's keys.
///
/// # Errors
/// [`SignedAnswerRefused`] when it is no signed answer, or names an algorithm that is not accepted.
pub fn needed_key(
    answer: &str,
    policy: &SignedAnswerPolicy<'_>,
) -> Result<(Option<alloc::string::String>, SignatureAlgorithm), SignedAnswerRefused> {
    let jws = CompactJws::split(answer, MAXIMUM_ANSWER).map_err(|_| SignedAnswerRefused::Malformed)?;
    let header = UnverifiedHeader::read(&jws).map_err(|_| SignedAnswerRefused::Malformed)?;
    if header.typ.as_deref() != Some(INTROSPECTION_TYPE) {
        return Err(SignedAnswerRefused::Type);
    }
    let algorithm = header.alg.as_deref().and_then(SignatureAlgorithm::from_name);
    let algorithm = algorithm.filter(|algorithm| policy.algorithms.contains(*algorithm));
    Ok((header.key_id, algorithm.ok_or(SignedAnswerRefused::Algorithm)?))
}

/// Verifies a signed answer with the issuer's `keys`, and returns what the plain answer would be: a JSON object.
///
/// # Errors
/// [`SignedAnswerRefused`] names the rule; the answer must then not be used at all.
pub fn open_signed_answer(
    answer: &str,
    keys: &JwkSet,
    policy: &SignedAnswerPolicy<'_>,
    cryptography: &dyn Cryptography,
) -> Result<Vec<u8>, SignedAnswerRefused> {
    let (key_id, algorithm) = needed_key(answer, policy)?;
    let jws = CompactJws::split(answer, MAXIMUM_ANSWER).map_err(|_| SignedAnswerRefused::Malformed)?;
    let signature = base64url::decode(jws.signature).map_err(|_| SignedAnswerRefused::Malformed)?;
    let message = jws.signing_input.as_bytes();
    let mut candidates = keys.candidates(key_id.as_deref(), algorithm).take(MAXIMUM_TRIALS).peekable();
    if candidates.peek().is_none() {
        return Err(SignedAnswerRefused::UnknownKey);
    }
    let verified = |jwk: &crate::jose::jwk::Jwk| {
        cryptography.verify_signature(algorithm, &jwk.key, message, &signature).is_ok()
    };
    if !candidates.any(verified) {
        return Err(SignedAnswerRefused::Signature);
    }
    let payload = base64url::decode(jws.payload).map_err(|_| SignedAnswerRefused::Malformed)?;
    let claims = json::parse_object(&payload).map_err(|_| SignedAnswerRefused::Malformed)?;
    let is = |name: &str, value: &str| claims.get(name).and_then(Value::as_str) == Some(value);
    if !is("iss", policy.issuer) || !is("aud", policy.caller) {
        return Err(SignedAnswerRefused::Parties);
    }
    let issued_at = claims.get("iat").and_then(Value::as_i64).map(UnixTime::from_seconds);
    let issued_at = issued_at.ok_or(SignedAnswerRefused::Time)?;
    if issued_at > policy.now.plus(AHEAD) || policy.now > issued_at.plus(AGE) {
        return Err(SignedAnswerRefused::Time);
    }
    match claims.get("token_introspection") {
        Some(said @ Value::Object(_)) => serde_json::to_vec(said).map_err(|_| SignedAnswerRefused::Empty),
        _ => Err(SignedAnswerRefused::Empty),
    }
}
