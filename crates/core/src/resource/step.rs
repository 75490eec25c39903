//! The protected-request state machine. Each step consumes the one before and asks its caller for one thing
//! (the issuer's keys, an introspection answer, the replay store's word), so there is one order of checks
//! and no way around any of them:
//!
//! `start` (presentation and the proof itself) -> `Started` -> the token (cached, by key, or introspected)
//! -> binding -> `NeedsReplayCheck` -> `VerifiedRequest`.
//!
//! A proof is verified before the token is looked at: under scheme `DPoP` nobody without a key of his own
//! learns whether a token is good (AMB-10), and nothing is fetched or asked for him. Under `Bearer` only
//! the token says what must be proven, so keys or an answer are asked for before anything is.

use alloc::sync::Arc;

use super::known::KnownSender;
use super::presentation::{self, Presentation, RequestFacts};
use super::verified::{ProvenBinding, VerifiedRequest};
use crate::crypto::{Cryptography, Sha256Digest};
use crate::dpop::nonce::NonceKeyRing;
use crate::dpop::proof::{self, ProofContext, ProofPolicy, VerifiedProof};
use crate::dpop::target::{PublicBase, TargetUri};
use crate::jose::algorithm::SignatureAlgorithm;
use crate::jose::jwk::JwkSet;
use crate::jose::thumbprint::JwkThumbprint;
use crate::mtls;
use crate::mtls::certificate::PresentedCertificate;
use crate::rejection::Rejection;
use crate::replay::{ReplayEntry, ReplayOutcome};
use crate::time::UnixTime;
use crate::token::access_token::{TrustedIssuer, UnverifiedAccessToken, VerifiedAccessToken};
use crate::token::confirmation::Confirmation;

/// The binding mechanisms that a route accepts. There is no state in which a bound token counts as a bearer
/// token: a mechanism that is not accepted refuses its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedMechanisms {
    /// DPoP-bound tokens.
    pub dpop: bool,
    /// Certificate-bound tokens.
    pub mtls: bool,
    /// Tokens without `cnf`: stolen ones work as well as any.
    pub dangerous_bearer: bool,
}

impl Default for AcceptedMechanisms {
    /// Both binding mechanisms, no bearer tokens.
    fn default() -> Self {
        Self { dpop: true, mtls: true, dangerous_bearer: false }
    }
}

/// What a resource server demands of a request.
#[derive(Clone, Debug)]
pub struct ResourcePolicy {
    /// Accepted proofs.
    pub proof: ProofPolicy,
    /// Accepted bindings.
    pub mechanisms: AcceptedMechanisms,
}

/// What a resource server is: where it is reached and whose tokens it takes.
#[derive(Clone, Debug)]
pub struct ResourceIdentity {
    /// The public bases under which clients see this server.
    pub bases: alloc::vec::Vec<PublicBase>,
    /// The allow-list of authorization servers.
    pub issuers: alloc::vec::Vec<TrustedIssuer>,
    /// The name under which this server's nonces are made; nodes that share nonce keys share it.
    pub nonce_scope: alloc::string::String,
}

/// The presentation is parsed and, under scheme `DPoP`, the proof holds by itself.
#[derive(Debug)]
#[must_use]
pub struct Started<'r> {
    presentation: Presentation<'r>,
    proof: Option<VerifiedProof>,
    digest: Sha256Digest,
    certificate: &'r PresentedCertificate,
    mechanisms: AcceptedMechanisms,
    now: UnixTime,
}

/// Parses the presentation and verifies the proof against the request and the token's hash.
///
/// # Errors
/// A [`Rejection`] about the presentation or the proof; nothing has been asked of anybody.
pub fn start<'r>(
    facts: &RequestFacts<'r>,
    identity: &ResourceIdentity,
    policy: &ResourcePolicy,
    nonces: Option<&NonceKeyRing>,
    cryptography: &dyn Cryptography,
) -> Result<Started<'r>, Rejection> {
    start_knowing(facts, |_| None, identity, policy, nonces, cryptography).map(|(started, _)| started)
}

/// The same for a caller that remembers senders: `recall` finds one by the token's text. What it finds is
/// handed back if it is this token's, for [`Started::resume`]; anything else is as if nothing were found.
///
/// # Errors
/// As [`start`].
pub fn start_knowing<'r>(
    facts: &RequestFacts<'r>,
    recall: impl FnOnce(&str) -> Option<Arc<KnownSender>>,
    identity: &ResourceIdentity,
    policy: &ResourcePolicy,
    nonces: Option<&NonceKeyRing>,
    cryptography: &dyn Cryptography,
) -> Result<(Started<'r>, Option<Arc<KnownSender>>), Rejection> {
    let presentation = presentation::parse(facts)?;
    // A memory that mixes up its entries must not hand one token's rights to another.
    let known = recall(presentation.token()).filter(|known| **known.token_text() == *presentation.token());
    let digest = match &known {
        Some(known) => *known.token().digest(),
        None => cryptography.sha256(&[presentation.token().as_bytes()]),
    };
    let proof = match presentation {
        Presentation::Bearer { .. } => None,
        Presentation::Dpop { .. } if !policy.mechanisms.dpop => {
            return Err(Rejection::MechanismNotAccepted("DPoP"));
        }
        Presentation::Dpop { proof, .. } => {
            let context = ProofContext {
                method: facts.method,
                target: TargetUri { bases: &identity.bases, path: facts.path },
                access_token: Some(&digest),
                now: facts.now,
                nonces: nonces.map(|ring| (ring, identity.nonce_scope.as_str())),
            };
            let header = known.as_ref().and_then(|known| known.header());
            Some(proof::verify_proof_of(header, proof, &policy.proof, &context, cryptography)?)
        }
    };
    let mechanisms = policy.mechanisms;
    let started =
        Started { presentation, proof, digest, certificate: facts.certificate, mechanisms, now: facts.now };
    Ok((started, known))
}

/// What must be asked to verify the token.
#[derive(Debug)]
#[must_use]
pub enum Step<'r, 'i> {
    /// A JWT: the issuer's keys.
    NeedsKey(NeedsKey<'r, 'i>),
    /// An opaque token: an introspection answer.
    NeedsIntrospection(NeedsIntrospection<'r>),
}

impl<'r> Started<'r> {
    /// SHA-256 of the presented token.
    #[must_use]
    pub const fn token_digest(&self) -> &Sha256Digest {
        &self.digest
    }

    /// Goes on with a token that was verified before. Its binding is confirmed anew, always.
    ///
    /// # Errors
    /// A [`Rejection`] when the token has expired or is not bound to what was proven.
    pub fn resume(self, token: Arc<VerifiedAccessToken>) -> Result<NeedsReplayCheck, Rejection> {
        // A cache that mixes up its entries must not hand one token's rights to another.
        if token.digest() != &self.digest {
            return Err(Rejection::TokenSignature);
        }
        token.require_valid_at(self.now)?;
        self.confirm(token)
    }

    /// Reads the token's form and says what is needed to verify it.
    ///
    /// # Errors
    /// A [`Rejection`] when the token is malformed or its issuer is not on the allow-list.
    pub fn examine<'i>(
        self,
        issuers: &'i [TrustedIssuer],
        introspects: bool,
    ) -> Result<Step<'r, 'i>, Rejection> {
        let token = self.presentation.token();
        if introspects && token.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return Ok(Step::NeedsIntrospection(NeedsIntrospection { started: self }));
        }
        let (token, issuer) = UnverifiedAccessToken::parse(token, self.digest, issuers)?;
        Ok(Step::NeedsKey(NeedsKey { started: self, token, issuer }))
    }

    /// The binding: every key that the token names must be proven, by the scheme that carries it.
    fn confirm(self, token: Arc<VerifiedAccessToken>) -> Result<NeedsReplayCheck, Rejection> {
        let Self { proof, certificate, mechanisms, .. } = self;
        let proven = proof.as_ref().map(VerifiedProof::thumbprint);
        let binding = confirm_binding(proven, token.confirmation(), certificate, mechanisms)?;
        Ok(NeedsReplayCheck { proof, request: VerifiedRequest::new(token, binding) })
    }
}

/// Holds what the token names against what was proven: `proven` is the proof's key, none under `Bearer`.
pub(crate) fn confirm_binding(
    proven: Option<JwkThumbprint>,
    confirmation: Confirmation,
    certificate: &PresentedCertificate,
    mechanisms: AcceptedMechanisms,
) -> Result<ProvenBinding, Rejection> {
    let certificate = |bound| match mechanisms.mtls {
        true => mtls::confirm::confirm(certificate, bound),
        false => Err(Rejection::MechanismNotAccepted("mutual TLS")),
    };
    Ok(match (proven, confirmation) {
        (Some(proven), Confirmation::Dpop(bound)) => ProvenBinding::Dpop(confirm_key(proven, bound)?),
        (Some(proven), Confirmation::Both(bound, thumbprint)) => {
            ProvenBinding::Both(confirm_key(proven, bound)?, certificate(thumbprint)?)
        }
        // DPOP-7.1-12: an unbound token gains nothing by a proof.
        (Some(_), Confirmation::Unbound | Confirmation::Mtls(_)) => {
            return Err(Rejection::UnboundTokenAsDpop);
        }
        // RFC 9449 section 7.2: never as bearer, with or without a proof beside it.
        (None, Confirmation::Dpop(_) | Confirmation::Both(..)) => {
            return Err(Rejection::BoundTokenAsBearer);
        }
        (None, Confirmation::Mtls(thumbprint)) => ProvenBinding::Mtls(certificate(thumbprint)?),
        (None, Confirmation::Unbound) if mechanisms.dangerous_bearer => ProvenBinding::Bearer,
        (None, Confirmation::Unbound) => return Err(Rejection::UnboundTokenNotAccepted),
    })
}

/// Step 12, second half: the proof's key is the token's.
fn confirm_key(proven: JwkThumbprint, bound: JwkThumbprint) -> Result<JwkThumbprint, Rejection> {
    if proven == bound { Ok(proven) } else { Err(Rejection::ProofKeyMismatch { proven, bound }) }
}

/// A JWT access token of a trusted issuer, waiting for the issuer's keys.
#[derive(Debug)]
#[must_use]
pub struct NeedsKey<'r, 'i> {
    started: Started<'r>,
    token: UnverifiedAccessToken<'r>,
    issuer: &'i TrustedIssuer,
}

impl NeedsKey<'_, '_> {
    /// The issuer whose keys are needed.
    #[must_use]
    pub const fn issuer(&self) -> &TrustedIssuer {
        self.issuer
    }

    /// `kid` of the token.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.token.key_id()
    }

    /// The algorithm of the token's signature.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.token.algorithm()
    }

    /// Verifies the token with the issuer's keys and confirms its binding. The token is returned beside the
    /// next step, for the caller to cache.
    ///
    /// # Errors
    /// A [`Rejection`] about the token or its binding.
    pub fn resolve(
        self,
        keys: &JwkSet,
        cryptography: &dyn Cryptography,
    ) -> Result<(Arc<VerifiedAccessToken>, NeedsReplayCheck), Rejection> {
        let key_id = self.token.key_id().map(alloc::string::ToString::to_string);
        let candidates = keys.candidates(key_id.as_deref(), self.token.algorithm());
        let token = Arc::new(self.token.verify(candidates, self.issuer, self.started.now, cryptography)?);
        Ok((Arc::clone(&token), self.started.confirm(token)?))
    }
}

/// An opaque access token, waiting for its authorization server's word.
#[derive(Debug)]
#[must_use]
pub struct NeedsIntrospection<'r> {
    started: Started<'r>,
}

impl<'r> NeedsIntrospection<'r> {
    /// The token to ask about.
    #[must_use]
    pub const fn token(&self) -> &'r str {
        self.started.presentation.token()
    }

    /// SHA-256 of the token.
    #[must_use]
    pub const fn token_digest(&self) -> &Sha256Digest {
        &self.started.digest
    }

    /// Judges the answer of `issuer`'s introspection endpoint and confirms the binding. The token is
    /// returned beside the next step, for the caller to cache.
    ///
    /// # Errors
    /// A [`Rejection`] about the token or its binding.
    pub fn resolve(
        self,
        answer: &[u8],
        issuer: &TrustedIssuer,
    ) -> Result<(Arc<VerifiedAccessToken>, NeedsReplayCheck), Rejection> {
        let Started { digest, now, .. } = self.started;
        let token = Arc::new(VerifiedAccessToken::from_introspection(answer, digest, issuer, now)?);
        Ok((Arc::clone(&token), self.started.confirm(token)?))
    }
}

/// Everything holds but one: the proof may have been seen before.
#[derive(Debug)]
#[must_use]
pub struct NeedsReplayCheck {
    proof: Option<VerifiedProof>,
    request: VerifiedRequest,
}

impl NeedsReplayCheck {
    /// What the replay store must check and insert; `None` without a proof, since a handshake can't be
    /// replayed.
    #[must_use]
    pub fn replay_entry(&self) -> Option<ReplayEntry<'_>> {
        self.proof.as_ref().map(VerifiedProof::replay_entry)
    }

    /// The proof, for measuring clock skew and nonce age.
    #[must_use]
    pub const fn proof(&self) -> Option<&VerifiedProof> {
        self.proof.as_ref()
    }

    /// Takes the store's word; `None` only when there was no entry to ask about.
    ///
    /// # Errors
    /// [`Rejection::ProofReplayed`], [`Rejection::ReplayStoreFull`] or [`Rejection::ReplayStoreUnavailable`].
    pub fn complete(self, outcome: Option<ReplayOutcome>) -> Result<VerifiedRequest, Rejection> {
        match (self.proof, outcome) {
            (None, None) | (Some(_), Some(ReplayOutcome::Inserted)) => Ok(self.request),
            (_, Some(ReplayOutcome::Duplicate)) => Err(Rejection::ProofReplayed),
            (_, Some(ReplayOutcome::Full)) => Err(Rejection::ReplayStoreFull),
            // A proof that nobody looked up counts as unchecked.
            (Some(_), None)
            | (None, Some(ReplayOutcome::Inserted))
            | (_, Some(ReplayOutcome::Unavailable)) => Err(Rejection::ReplayStoreUnavailable),
        }
    }
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
