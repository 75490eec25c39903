//! Establishes what key the sender of a token request holds (RFC 9449 section 5, RFC 8705 section 3): first the
//! DPoP proof with its nonce, and the certificate of the connection, before anything single-use is spent
//! (DPOP-5-15); then, once the client is known, its policy and the replay memory. [`SenderBinding`] has no
//! other maker than `Evidence::spend`, and no token is minted without one.

use bindery_core::dpop::proof::{NonceRequirement, ProofContext, ProofPolicy, VerifiedProof, verify_proof};
use bindery_core::dpop::target::TargetUri;
use bindery_core::jose::thumbprint::JwkThumbprint;
use bindery_core::mtls::certificate::{CertificateThumbprint, ClientCertificate, PresentedCertificate};
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::sender_constraint::ProvenKeys;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::rejection::{Claimed, Rejection};
use bindery_core::replay::ReplayOutcome;
use bindery_core::time::UnixTime;
use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::AwsLc;
use bindery_http::presented::Presented;

use crate::admission;
use crate::blocked_keys::KeyBlocked;
use crate::configuration::NoncePolicy;
use crate::event::AuditEvent;
use crate::limits::Limit;
use crate::server::Server;
use crate::settings::Settings;

/// What a request has shown before its client is known. Nothing of it is spent yet.
#[derive(Debug)]
#[must_use]
pub struct Evidence {
    proof: Option<VerifiedProof>,
    certificate: Option<CertificateThumbprint>,
}

/// The key or keys that a token will be bound to, proven by this request and no earlier one.
///
/// ```compile_fail,E0451
/// use bindery_authorization_server::binding::SenderBinding;
/// use bindery_core::{oauth::sender_constraint::ProvenKeys, token::confirmation::Confirmation};
/// let forged = SenderBinding { confirmation: Confirmation::Unbound, proven: ProvenKeys::default() };
/// ```
#[derive(Debug)]
#[must_use]
pub struct SenderBinding {
    confirmation: Confirmation,
    proven: ProvenKeys,
}

impl SenderBinding {
    /// What the access token will say.
    #[must_use]
    pub const fn confirmation(&self) -> Confirmation {
        self.confirmation
    }

    /// Everything that was proven, for the binding of a refresh token.
    #[must_use]
    pub const fn proven(&self) -> ProvenKeys {
        self.proven
    }
}

/// Verifies the proof, if one was sent, against this endpoint's public URIs, and takes note of the
/// certificate. Nonce first: a proof that needs one is met with one here.
///
/// # Errors
/// [`TokenError::UseDpopNonce`] or `invalid_dpop_proof` with the reason.
pub(crate) fn establish(
    server: &Server,
    presented: &Presented<'_>,
    now: UnixTime,
) -> Result<Evidence, TokenError> {
    // FSP-AS-05: a confirmation that was not chosen is off, whatever the connection shows.
    let binds = server.settings.rules.server().sender_constraints.mtls;
    let certificate = match &presented.certificate {
        PresentedCertificate::Present(certificate) if binds => Some(certificate.thumbprint()),
        PresentedCertificate::Present(_) | PresentedCertificate::Absent(_) => None,
    };
    let proof = match presented.dpop.as_slice() {
        [] => None,
        [proof] => Some(verify(server, presented, proof, now).map_err(|rejection| {
            proof_refused(server, "token", &rejection);
            refuse(&rejection)
        })?),
        _ => {
            proof_refused(server, "token", &Rejection::ProofDuplicate);
            return Err(refuse(&Rejection::ProofDuplicate));
        }
    };
    let jkt = proof.as_ref().map(VerifiedProof::thumbprint);
    let x5t = presented.certificate.certificate().map(ClientCertificate::thumbprint);
    require_unblocked(server, jkt.as_ref(), x5t.as_ref()).map_err(|blocked| match blocked {
        KeyBlocked::Dpop => {
            TokenError::DpopProof { reason: "key_blocked", sentence: "The key of the proof is blocked." }
        }
        KeyBlocked::Certificate => TokenError::ClientAuthentication { basic: false },
    })?;
    Ok(Evidence { proof, certificate })
}

/// What an operator has blocked proves nothing, whoever sends it.
///
/// # Errors
/// [`KeyBlocked`] says which; it is recorded.
pub(crate) fn require_unblocked(
    server: &Server,
    jkt: Option<&JwkThumbprint>,
    x5t: Option<&CertificateThumbprint>,
) -> Result<(), KeyBlocked> {
    server.blocked_keys.require_unblocked(jkt, x5t).inspect_err(|blocked| {
        let (kind, thumbprint) = match blocked {
            KeyBlocked::Dpop => ("dpop", jkt.map(ToString::to_string)),
            KeyBlocked::Certificate => ("certificate", x5t.map(ToString::to_string)),
        };
        let thumbprint = thumbprint.unwrap_or_default();
        server.audit.record(AuditEvent::BlockedKeyUsed { thumbprint: &thumbprint, kind });
    })
}

fn verify(
    server: &Server,
    presented: &Presented<'_>,
    proof: &[u8],
    now: UnixTime,
) -> Result<VerifiedProof, Rejection> {
    let proof = core::str::from_utf8(proof)
        .map_err(|_| Rejection::ProofMalformed(bindery_core::jose::jws::JwsMalformed::Encoding))?;
    let ring = server.nonce_keys.ring();
    let settings = &server.settings;
    let context = ProofContext {
        method: presented.method,
        target: TargetUri { bases: &settings.bases, path: presented.path },
        // DPOP-5-13: there is no access token yet, so `ath` means nothing.
        access_token: None,
        now,
        nonces: Some((&ring, &settings.issuer)),
    };
    verify_proof(proof, &policy(settings, server.proof_memory.accepted_since()), &context, &AwsLc)
}

/// The proofs that this server accepts, at its token endpoint and at its own resources.
pub(crate) fn policy(settings: &Settings, accepted_since: Option<UnixTime>) -> ProofPolicy {
    let seconds = |seconds: u32| std::time::Duration::from_secs(u64::from(seconds));
    ProofPolicy {
        algorithms: settings.dpop_algorithms,
        past: seconds(settings.dpop.past),
        future: seconds(settings.dpop.future),
        nonce: match settings.dpop.nonce {
            NoncePolicy::Required => NonceRequirement::Required,
            NoncePolicy::Optional => NonceRequirement::Optional,
        },
        nonce_lifetime: seconds(settings.dpop.nonce_lifetime),
        accepted_since,
    }
}

impl Evidence {
    /// Remembers the proof where no token is bound yet, and says whose key it proved: at the pushed authorization
    /// request endpoint (RFC 9449 section 10.1).
    ///
    /// # Errors
    /// [`TokenError`] when the proof was used before, or when the memory can't be asked or is full.
    pub(crate) async fn spend_proof(
        self,
        server: &Server,
        now: UnixTime,
    ) -> Result<Option<JwkThumbprint>, TokenError> {
        match &self.proof {
            None => Ok(None),
            Some(proof) => remember(server, proof, now).await.map(|()| Some(proof.thumbprint())),
        }
    }

    /// Holds what was proven against the client's policy, then remembers the proof, so that it is good once.
    ///
    /// # Errors
    /// [`TokenError`] when the client must prove more, when the proof was used before, or when the memory
    /// can't be asked or is full.
    pub(crate) async fn spend(
        self,
        server: &Server,
        client: &ClientMetadata,
        now: UnixTime,
    ) -> Result<SenderBinding, TokenError> {
        let proven =
            ProvenKeys { dpop: self.proof.as_ref().map(VerifiedProof::thumbprint), mtls: self.certificate };
        let confirmation = client.sender_constraint.require(proven, now)?;
        if let Some(proof) = &self.proof {
            require_algorithm(server, client, proof).map_err(|rejection| {
                proof_refused(server, "token", &rejection);
                refuse(&rejection)
            })?;
            remember(server, proof, now).await?;
        }
        Ok(SenderBinding { confirmation, proven })
    }
}

/// A client of a stricter profile than its server's proves its key by that profile's algorithms.
///
/// # Errors
/// [`Rejection::ProofAlgorithm`].
pub(crate) fn require_algorithm(
    server: &Server,
    client: &ClientMetadata,
    proof: &VerifiedProof,
) -> Result<(), Rejection> {
    let algorithm = proof.algorithm();
    match server.settings.rules.of_client(client).algorithms.contains(algorithm) {
        true => Ok(()),
        false => Err(Rejection::ProofAlgorithm(Claimed::new(algorithm.name()))),
    }
}

fn proof_refused(server: &Server, endpoint: &'static str, rejection: &Rejection) {
    server.audit.record(AuditEvent::DpopProofRefused {
        endpoint,
        reason: rejection.reason(),
        blame: rejection.blame().name(),
        detail: rejection,
    });
}

/// A proof is good once (DPOP-11.1-02).
async fn remember(server: &Server, proof: &VerifiedProof, now: UnixTime) -> Result<(), TokenError> {
    admission::require(server, Limit::Key, proof.thumbprint().as_bytes(), None)?;
    let rejection = match server.proof_memory.insert(proof.replay_entry(), now).await {
        ReplayOutcome::Inserted => return Ok(()),
        ReplayOutcome::Duplicate => Rejection::ProofReplayed,
        ReplayOutcome::Full => Rejection::ReplayStoreFull,
        ReplayOutcome::Unavailable => Rejection::ReplayStoreUnavailable,
    };
    proof_refused(server, "token", &rejection);
    Err(refuse(&rejection))
}

fn refuse(rejection: &Rejection) -> TokenError {
    if rejection.asks_for_nonce() {
        TokenError::UseDpopNonce { reason: rejection.reason() }
    } else if rejection.is_about_proof() {
        TokenError::DpopProof { reason: rejection.reason(), sentence: rejection.sentence() }
    } else {
        TokenError::Unavailable
    }
}
