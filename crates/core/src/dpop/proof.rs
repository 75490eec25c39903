//! The checks of a DPoP proof (RFC 9449 section 4.3), each a named function, in the order size, syntax,
//! algorithm and key policy, claims, nonce and time, token hash, signature. What needs the token (the
//! bound key) is confirmed by the caller; what needs memory (replay) comes last and is the caller's too:
//! a proof that fails here never reaches a replay store (DPOP-4.3-14).

use core::time::Duration;

use serde::de::MapAccess;
use smallvec::SmallVec;

use super::nonce::{self, NonceKeyRing, NonceRefused, NonceTime};
use super::proof_builder::without_query;
use super::prover::ProverHeader;
use super::target::{TargetRefused, TargetUri};
use crate::crypto::{Cryptography, Sha256Digest};
use crate::encoding::base64url;
use crate::encoding::json::{self, Members, NumericDate, Text};
use crate::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use crate::jose::jwk::PublicKey;
use crate::jose::jws::{CompactJws, JoseHeader, JwsMalformed};
use crate::jose::thumbprint::JwkThumbprint;
use crate::rejection::{Claimed, Rejection};
use crate::replay::{ReplayEntry, ReplayKind};
use crate::time::UnixTime;

/// The `typ` of a proof, compared exactly (AMB-13).
pub const TYPE: &str = "dpop+jwt";
/// The longest proof that is parsed, in bytes (DPOP-4.2-16).
pub const MAXIMUM_PROOF: usize = 8 * 1024;
/// The longest `jti`, in bytes (DPOP-11.1-03).
pub const MAXIMUM_IDENTIFIER: usize = 256;
/// The longest way into the future that a policy may allow (AMB-15).
pub const MAXIMUM_FUTURE: Duration = Duration::from_secs(60);

/// Whether a proof must hold a nonce of this server. A property of the endpoint, constant over time, so
/// that "once a nonce was provided, always" (RFC 9449 section 11.3) holds without state (AMB-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NonceRequirement {
    /// `iat` shows freshness; a nonce that comes all the same must be a good one.
    #[default]
    Optional,
    /// Every proof needs a nonce: the defence against proofs made ahead of time (RFC 9449 section 11.2).
    Required,
}

/// What an endpoint accepts.
#[derive(Clone, Debug)]
pub struct ProofPolicy {
    /// Accepted algorithms.
    pub algorithms: AlgorithmSet,
    /// How old a proof may be by its `iat`.
    pub past: Duration,
    /// How far ahead its `iat` may lie; more than [`MAXIMUM_FUTURE`] counts as that.
    pub future: Duration,
    /// Whether a nonce is required.
    pub nonce: NonceRequirement,
    /// How old a nonce may be. While it is good, the nonce and not `iat` says when the proof was made
    /// (RFC 9449 section 11.1), so a client with a wrong clock gets through.
    pub nonce_lifetime: Duration,
    /// When the replay memory began, if it does not survive a restart: proofs that could be older are met
    /// with a nonce (DPOP-11.1-11).
    pub accepted_since: Option<UnixTime>,
}

impl Default for ProofPolicy {
    /// 60 s past, 30 s future, nonce optional and good for 300 s, the default algorithms.
    fn default() -> Self {
        Self {
            algorithms: AlgorithmSet::DEFAULT,
            past: Duration::from_secs(60),
            future: Duration::from_secs(30),
            nonce: NonceRequirement::Optional,
            nonce_lifetime: Duration::from_secs(300),
            accepted_since: None,
        }
    }
}

impl ProofPolicy {
    /// How far ahead an `iat` may really lie.
    pub(crate) fn future(&self) -> Duration {
        self.future.min(MAXIMUM_FUTURE)
    }
}

/// The facts that a proof is held against.
#[derive(Clone, Copy, Debug)]
pub struct ProofContext<'a> {
    /// The method of the request, as received.
    pub method: &'a str,
    /// The URIs by which the request may be called.
    pub target: TargetUri<'a>,
    /// SHA-256 of the presented access token; `None` at endpoints that issue tokens, where `ath` is
    /// ignored (DPOP-5-13).
    pub access_token: Option<&'a Sha256Digest>,
    /// The time of arrival.
    pub now: UnixTime,
    /// The nonce keys and the name of this server; `None` where no nonces are given.
    pub nonces: Option<(&'a NonceKeyRing, &'a str)>,
}

/// A proof whose every self-contained check holds: its maker had the private key, for this request, now.
/// Still open are whether the token is bound to this key, and whether the proof was seen before.
#[derive(Debug)]
#[must_use]
pub struct VerifiedProof {
    thumbprint: JwkThumbprint,
    algorithm: SignatureAlgorithm,
    issued_at: UnixTime,
    nonce: Option<NonceTime>,
    expires_at: UnixTime,
    identifier: SmallVec<[u8; 48]>,
    target: SmallVec<[u8; 112]>,
}

impl VerifiedProof {
    /// The thumbprint of the key that made the proof.
    #[must_use]
    pub const fn thumbprint(&self) -> JwkThumbprint {
        self.thumbprint
    }

    /// The algorithm that it was signed with.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// The proof's own `iat`, for measuring clock skew.
    #[must_use]
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// When the server made the nonce that the proof holds, if it holds one.
    #[must_use]
    pub const fn nonce_time(&self) -> Option<NonceTime> {
        self.nonce
    }

    /// What the replay store must remember. Owner is the key, target the `htu` as signed, so that no other
    /// spelling of the request can make the same proof look new; it lives as long as the proof could pass.
    /// Both texts were text when they were read, so they still are.
    #[must_use]
    pub fn replay_entry(&self) -> ReplayEntry<'_> {
        ReplayEntry {
            kind: ReplayKind::DpopProof,
            owner: self.thumbprint.as_bytes(),
            target: (core::str::from_utf8(&self.target).unwrap_or_default(), ""),
            identifier: core::str::from_utf8(&self.identifier).unwrap_or_default(),
            expires_at: self.expires_at,
        }
    }
}

/// Runs every check that the proof alone and the request decide.
///
/// # Errors
/// The first rule that is broken, as a [`Rejection`].
pub fn verify_proof(
    proof: &str,
    policy: &ProofPolicy,
    context: &ProofContext<'_>,
    cryptography: &dyn Cryptography,
) -> Result<VerifiedProof, Rejection> {
    verify_proof_of(None, proof, policy, context, cryptography)
}

/// The same for a sender whose header may be known: what a header alone decides was decided when it was read.
pub(crate) fn verify_proof_of(
    known: Option<&ProverHeader>,
    proof: &str,
    policy: &ProofPolicy,
    context: &ProofContext<'_>,
    cryptography: &dyn Cryptography,
) -> Result<VerifiedProof, Rejection> {
    let jws = CompactJws::split(proof, MAXIMUM_PROOF).map_err(Rejection::ProofMalformed)?;
    let known = known.filter(|known| known.speaks_for(&jws, policy.algorithms));
    let read;
    let (algorithm, key) = match known {
        Some(known) => (known.algorithm, &known.key),
        None => {
            read = read_header(&jws, policy.algorithms)?;
            (read.0, &read.1)
        }
    };

    let payload_text = jws.decode_payload().map_err(Rejection::ProofMalformed)?;
    let claims = ProofClaims::parse(&payload_text)?;
    confirm_method(&claims, context.method)?;
    confirm_target(&claims, &context.target)?;
    let nonce = require_nonce(&claims, policy, context, cryptography)?;
    let expires_at = require_fresh(&claims, nonce, policy, context.now)?;
    require_own_limits(&claims, policy, context.now)?;
    confirm_token_hash(&claims, context.access_token)?;
    verify_signature(&jws, algorithm, key, cryptography)?;

    Ok(VerifiedProof {
        thumbprint: known.map_or_else(|| JwkThumbprint::of(key, cryptography), ProverHeader::thumbprint),
        algorithm,
        issued_at: claims.issued_at,
        nonce,
        expires_at,
        identifier: SmallVec::from_slice(claims.identifier.as_bytes()),
        target: SmallVec::from_slice(without_query(&claims.target).as_bytes()),
    })
}

/// Everything that the header alone decides: steps 4, 5 and 7.
pub(super) fn read_header(
    jws: &CompactJws<'_>,
    accepted: AlgorithmSet,
) -> Result<(SignatureAlgorithm, PublicKey), Rejection> {
    let text = jws.decode_header().map_err(Rejection::ProofMalformed)?;
    let header = JoseHeader::parse(&text).map_err(Rejection::ProofMalformed)?;
    require_type(&header)?;
    let algorithm = require_algorithm(&header, accepted)?;
    Ok((algorithm, require_public_key(&header, algorithm)?))
}

/// Step 4: `typ` is exactly `dpop+jwt`, so no other signed thing passes for a proof (DPOP-11.5-01).
pub(crate) fn require_type(header: &JoseHeader<'_>) -> Result<(), Rejection> {
    match header.typ() {
        Some(TYPE) => Ok(()),
        Some(_) => Err(Rejection::ProofType),
        None => Err(Rejection::ProofMember("typ")),
    }
}

/// Step 5: a registered asymmetric algorithm that the policy accepts; never `none`, never a MAC.
pub(crate) fn require_algorithm(
    header: &JoseHeader<'_>,
    accepted: AlgorithmSet,
) -> Result<SignatureAlgorithm, Rejection> {
    let name = header.alg().ok_or(Rejection::ProofMember("alg"))?;
    SignatureAlgorithm::from_name(name)
        .filter(|algorithm| accepted.contains(*algorithm))
        .ok_or_else(|| Rejection::ProofAlgorithm(Claimed::new(name)))
}

/// Steps 3 and 7: `jwk` is there, public, strong, and of the algorithm's kind.
pub(crate) fn require_public_key(
    header: &JoseHeader<'_>,
    algorithm: SignatureAlgorithm,
) -> Result<PublicKey, Rejection> {
    let members = header.jwk.as_ref().ok_or(Rejection::ProofMember("jwk"))?;
    let key = members.public_key().map_err(Rejection::ProofKey)?;
    if !algorithm.fits(&key) || members.algorithm().is_some_and(|pinned| pinned != algorithm) {
        return Err(Rejection::ProofKeyAlgorithm);
    }
    Ok(key)
}

/// Step 8: `htm` is the method, byte for byte; HEAD is not GET.
pub(crate) fn confirm_method(claims: &ProofClaims<'_>, method: &str) -> Result<(), Rejection> {
    if claims.method == method {
        return Ok(());
    }
    Err(Rejection::ProofMethod { claimed: Claimed::new(&claims.method), expected: Claimed::new(method) })
}

/// Step 9: `htu` names the request's public URI.
pub(crate) fn confirm_target(claims: &ProofClaims<'_>, target: &TargetUri<'_>) -> Result<(), Rejection> {
    target.confirm(&claims.target).map_err(|refused| match refused {
        TargetRefused::Invalid(reason) => {
            Rejection::ProofTargetInvalid(reason, claimed_target(&claims.target, true))
        }
        TargetRefused::Another => Rejection::ProofTarget {
            claimed: claimed_target(&claims.target, false),
            expected: Claimed::new(&target.first()),
        },
    })
}

/// What an `htu` says, without what plays no part and may be secret: the query, the fragment, and in a text
/// that is no comparable URI whatever could be user information.
fn claimed_target(target: &str, invalid: bool) -> Claimed {
    let target = without_query(target);
    match target.rsplit_once('@').filter(|_| invalid) {
        Some((_, rest)) => Claimed::new(&alloc::format!("[..]@{rest}")),
        None => Claimed::new(target),
    }
}

/// Step 10: a nonce is ours and young enough, and is there when it must be. Where nonces are given, one that
/// is not ours is refused even if none was needed (DPOP-8-05): the client can always repeat with a good one.
pub(crate) fn require_nonce(
    claims: &ProofClaims<'_>,
    policy: &ProofPolicy,
    context: &ProofContext<'_>,
    cryptography: &dyn Cryptography,
) -> Result<Option<NonceTime>, Rejection> {
    match (&claims.nonce, context.nonces) {
        (Some(nonce), Some((ring, scope))) => {
            nonce::verify(nonce, ring, scope, context.now, policy.nonce_lifetime, cryptography)
                .map(Some)
                .map_err(|refused| match refused {
                    NonceRefused::Unknown => Rejection::NonceUnknown,
                    NonceRefused::Stale => Rejection::NonceStale,
                })
        }
        _ if policy.nonce == NonceRequirement::Required => Err(Rejection::NonceMissing),
        _ => Ok(None),
    }
}

/// Step 11: the proof is young enough, by the server's own time inside the nonce or else by `iat`, and not
/// older than the replay memory. Returns the last second at which it could pass, which is how long a replay
/// must be remembered (DPOP-11.1-07).
pub(crate) fn require_fresh(
    claims: &ProofClaims<'_>,
    nonce: Option<NonceTime>,
    policy: &ProofPolicy,
    now: UnixTime,
) -> Result<UnixTime, Rejection> {
    if let Some(nonce) = nonce {
        return match policy.accepted_since {
            Some(since) if nonce.issued_at() <= since => Err(Rejection::ProofPredatesMemory),
            _ => Ok(nonce.issued_at().plus(policy.nonce_lifetime)),
        };
    }
    let issued_at = claims.issued_at;
    if issued_at.plus(policy.past) < now {
        return Err(Rejection::ProofExpired { issued_at, now, past: policy.past.as_secs() });
    }
    if issued_at > now.plus(policy.future()) {
        return Err(Rejection::ProofFromFuture { issued_at, now, future: policy.future().as_secs() });
    }
    // Before the memory began, a proof could be used with an `iat` up to `future` ahead of the clock.
    match policy.accepted_since {
        Some(since) if issued_at <= since.plus(policy.future()) => Err(Rejection::ProofPredatesMemory),
        _ => Ok(issued_at.plus(policy.past)),
    }
}

/// AMB-14: a proof's own `exp` and `nbf` are honoured when present, and never widen the window.
pub(crate) fn require_own_limits(
    claims: &ProofClaims<'_>,
    policy: &ProofPolicy,
    now: UnixTime,
) -> Result<(), Rejection> {
    if claims.expires_at.is_some_and(|expires_at| expires_at.plus(policy.future()) < now) {
        return Err(Rejection::ProofOwnLimits("exp"));
    }
    if claims.not_before.is_some_and(|not_before| not_before > now.plus(policy.future())) {
        return Err(Rejection::ProofOwnLimits("nbf"));
    }
    Ok(())
}

/// Step 12, first half: `ath` is the hash of the token that came along.
pub(crate) fn confirm_token_hash(
    claims: &ProofClaims<'_>,
    access_token: Option<&Sha256Digest>,
) -> Result<(), Rejection> {
    let Some(digest) = access_token else { return Ok(()) };
    let claimed = claims.access_token_hash.as_ref().ok_or(Rejection::ProofMember("ath"))?;
    // Both sides are public to whoever sent them, so an ordinary comparison gives nothing away.
    if claimed.0.as_bytes() == base64url::encode_digest(digest) {
        Ok(())
    } else {
        Err(Rejection::ProofTokenHash)
    }
}

/// Step 6: the signature verifies with the key in the header.
pub(crate) fn verify_signature(
    jws: &CompactJws<'_>,
    algorithm: SignatureAlgorithm,
    key: &PublicKey,
    cryptography: &dyn Cryptography,
) -> Result<(), Rejection> {
    let signature = jws.decode_signature().map_err(Rejection::ProofMalformed)?;
    cryptography
        .verify_signature(algorithm, key, jws.signing_input.as_bytes(), &signature)
        .map_err(|_| Rejection::ProofSignature)
}

/// The claims of a proof, typed and bounded, nothing confirmed yet.
pub(crate) struct ProofClaims<'de> {
    pub(crate) identifier: alloc::borrow::Cow<'de, str>,
    pub(crate) method: alloc::borrow::Cow<'de, str>,
    pub(crate) target: alloc::borrow::Cow<'de, str>,
    pub(crate) issued_at: UnixTime,
    pub(crate) access_token_hash: Option<Text<'de>>,
    pub(crate) nonce: Option<alloc::borrow::Cow<'de, str>>,
    pub(crate) expires_at: Option<UnixTime>,
    pub(crate) not_before: Option<UnixTime>,
}

impl<'de> ProofClaims<'de> {
    /// Step 3: every required claim is there, of the right type, and neither empty nor oversized.
    pub(crate) fn parse(text: &'de [u8]) -> Result<Self, Rejection> {
        let mut raw = RawClaims::default();
        json::read_object(text, &mut raw)
            .map_err(|reason| Rejection::ProofMalformed(JwsMalformed::Payload(reason)))?;
        let identifier = present(raw.jti, "jti")?;
        if identifier.len() > MAXIMUM_IDENTIFIER {
            return Err(Rejection::ProofMember("jti"));
        }
        Ok(Self {
            identifier,
            method: present(raw.htm, "htm")?,
            target: present(raw.htu, "htu")?,
            issued_at: raw.iat.ok_or(Rejection::ProofMember("iat"))?.0,
            access_token_hash: raw.ath,
            nonce: raw.nonce.map(|nonce| present(Some(nonce), "nonce")).transpose()?,
            expires_at: raw.exp.map(|date| date.0),
            not_before: raw.nbf.map(|date| date.0),
        })
    }
}

fn present<'de>(
    claim: Option<Text<'de>>,
    name: &'static str,
) -> Result<alloc::borrow::Cow<'de, str>, Rejection> {
    claim.map(|text| text.0).filter(|text| !text.is_empty()).ok_or(Rejection::ProofMember(name))
}

#[derive(Default)]
struct RawClaims<'de> {
    jti: Option<Text<'de>>,
    htm: Option<Text<'de>>,
    htu: Option<Text<'de>>,
    ath: Option<Text<'de>>,
    nonce: Option<Text<'de>>,
    iat: Option<NumericDate>,
    exp: Option<NumericDate>,
    nbf: Option<NumericDate>,
}

impl<'de> Members<'de> for RawClaims<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "jti" => json::once(&mut self.jti, map),
            "htm" => json::once(&mut self.htm, map),
            "htu" => json::once(&mut self.htu, map),
            "ath" => json::once(&mut self.ath, map),
            "nonce" => json::once(&mut self.nonce, map),
            "iat" => json::once(&mut self.iat, map),
            "exp" => json::once(&mut self.exp, map),
            "nbf" => json::once(&mut self.nbf, map),
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
