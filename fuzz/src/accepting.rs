//! Cryptography that accepts every signature and whose digests are a toy.

use bindery_core::crypto::{Cryptography, MacKey, Sha256Digest, SignatureInvalid};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::PublicKey;

pub(crate) struct Accepting;

impl Cryptography for Accepting {
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
        _: &[u8],
        _: &[u8],
    ) -> Result<(), SignatureInvalid> {
        Ok(())
    }
}
