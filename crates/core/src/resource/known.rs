//! What an earlier request has shown of its sender: the token by its text, with what it says, and the proof
//! header that came with it. It saves hashing and reading the same again, and decides nothing: expiry,
//! binding, claims, signature and replay of every request are judged anew (DPOP-6.2-04).

use alloc::sync::Arc;

use super::presentation::{self, Presentation, RequestFacts};
use super::verified::VerifiedRequest;
use crate::crypto::Cryptography;
use crate::dpop::proof::ProofPolicy;
use crate::dpop::prover::ProverHeader;
use crate::token::access_token::VerifiedAccessToken;

/// A sender whose request was verified before. Only [`KnownSender::of`] makes one.
#[derive(Clone)]
pub struct KnownSender {
    text: Arc<str>,
    token: Arc<VerifiedAccessToken>,
    header: Option<ProverHeader>,
}

impl core::fmt::Debug for KnownSender {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KnownSender({} bytes of token, redacted)", self.text.len())
    }
}

impl KnownSender {
    /// Remembers the sender of `request`, which was verified from `facts`. `None` when the facts are those of
    /// another request.
    #[must_use]
    pub fn of(
        request: &VerifiedRequest,
        facts: &RequestFacts<'_>,
        policy: &ProofPolicy,
        cryptography: &dyn Cryptography,
    ) -> Option<Self> {
        let presentation = presentation::parse(facts).ok()?;
        let token = request.shared_token();
        if cryptography.sha256(&[presentation.token().as_bytes()]) != *token.digest() {
            return None;
        }
        let header = match presentation {
            Presentation::Bearer { .. } => None,
            Presentation::Dpop { proof, .. } => {
                ProverHeader::read(proof, policy.algorithms, cryptography).ok()
            }
        };
        Some(Self { text: presentation.token().into(), token, header })
    }

    /// The token as it is sent: the key under which a cache keeps this value.
    #[must_use]
    pub const fn token_text(&self) -> &Arc<str> {
        &self.text
    }

    /// What the token says.
    #[must_use]
    pub const fn token(&self) -> &Arc<VerifiedAccessToken> {
        &self.token
    }

    pub(super) const fn header(&self) -> Option<&ProverHeader> {
        self.header.as_ref()
    }
}
