//! ES256: ECDSA with P-256 and SHA-256 (RFC 7518 section 3.4).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use bindery_core::crypto::SignatureInvalid;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::PublicKey;

use super::{Algorithm, ecdsa};
use crate::key::KeyError;
use crate::p256::KNOWN;

pub(super) static ES256: Algorithm = Algorithm {
    algorithm: SignatureAlgorithm::Es256,
    verify: |key, message, signature| match key {
        PublicKey::EcP256(point) => KNOWN.verify(point, message, signature),
        _ => Err(SignatureInvalid),
    },
    generate: || ecdsa::private_key(ecdsa::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?, to_public),
    from_pkcs8: |der| {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| KeyError::Rejected(SignatureAlgorithm::Es256))?;
        ecdsa::private_key(pair, to_public)
    },
    from_jwk: |jwk| {
        let PublicKey::EcP256(point) = &jwk.public else {
            return Err(KeyError::Rejected(SignatureAlgorithm::Es256));
        };
        let d = jwk.fixed::<32>("d")?;
        let pair =
            EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &*d, point)
                .map_err(|_| KeyError::HalvesDiffer)?;
        ecdsa::private_key(pair, to_public)
    },
};

/// By aws-lc, without a table.
pub(crate) fn verify(point: &[u8; 65], message: &[u8], signature: &[u8]) -> Result<(), SignatureInvalid> {
    ecdsa::verify(&ECDSA_P256_SHA256_FIXED, point, message, signature)
}

fn to_public(point: &[u8]) -> Option<PublicKey> {
    point.try_into().ok().map(PublicKey::EcP256)
}
