//! Cryptography for unit tests, without any security: digests are a toy, and a signature is good when it is
//! the digest of the message. It lets a test write any proof without a key; real signatures are tested in
//! `bindery-crypto`, over the corpus in `vectors/`.

use crate::crypto::{Cryptography, MacKey, Sha256Digest, SignatureInvalid};
use crate::jose::algorithm::SignatureAlgorithm;
use crate::jose::jwk::PublicKey;

/// Deterministic, and different for different inputs as far as tests care.
pub(crate) struct FakeCryptography;

impl Cryptography for FakeCryptography {
    fn sha256(&self, parts: &[&[u8]]) -> Sha256Digest {
        let mut digest = [0; 32];
        for (lane, chunk) in digest.chunks_exact_mut(8).enumerate() {
            let mut state = 0xcbf2_9ce4_8422_2325_u64 ^ ((lane as u64) << 56);
            for byte in parts.iter().copied().flatten() {
                state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(5);
            }
            chunk.copy_from_slice(&state.to_be_bytes());
        }
        digest
    }

    fn hmac_sha256(&self, key: &MacKey, parts: &[&[u8]]) -> Sha256Digest {
        let inner = self.sha256(parts);
        self.sha256(&[key.expose_bytes(), &inner])
    }

    fn verify_signature(
        &self,
        _: SignatureAlgorithm,
        _: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureInvalid> {
        if signature == self.sha256(&[message]) { Ok(()) } else { Err(SignatureInvalid) }
    }
}
