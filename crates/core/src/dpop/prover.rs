//! The header of a client's proofs, remembered. It never stands in for a signature: it only says what a header
//! of this very text decides, which was decided by the same checks when it was first read.

use alloc::boxed::Box;

use super::proof::{MAXIMUM_PROOF, read_header};
use crate::crypto::Cryptography;
use crate::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use crate::jose::jwk::PublicKey;
use crate::jose::jws::CompactJws;
use crate::jose::thumbprint::JwkThumbprint;
use crate::rejection::Rejection;

/// A proof header that was read before, by its text. A client's proofs differ in their claims and begin with
/// the same header, so what the header decides is decided once; the signature is verified every time.
#[derive(Clone, Debug)]
pub struct ProverHeader {
    text: Box<str>,
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) key: PublicKey,
    thumbprint: JwkThumbprint,
}

impl ProverHeader {
    /// Reads the header of `proof`.
    ///
    /// # Errors
    /// The first rule that the header breaks.
    pub fn read(
        proof: &str,
        accepted: AlgorithmSet,
        cryptography: &dyn Cryptography,
    ) -> Result<Self, Rejection> {
        let jws = CompactJws::split(proof, MAXIMUM_PROOF).map_err(Rejection::ProofMalformed)?;
        let (algorithm, key) = read_header(&jws, accepted)?;
        let thumbprint = JwkThumbprint::of(&key, cryptography);
        Ok(Self { text: jws.header.into(), algorithm, key, thumbprint })
    }

    /// The thumbprint of the header's key.
    #[must_use]
    pub const fn thumbprint(&self) -> JwkThumbprint {
        self.thumbprint
    }

    /// Whether `jws` has this very header, and the policy of this request accepts its algorithm.
    pub(super) fn speaks_for(&self, jws: &CompactJws<'_>, accepted: AlgorithmSet) -> bool {
        accepted.contains(self.algorithm) && *self.text == *jws.header
    }
}
