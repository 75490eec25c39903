//! ES384: ECDSA with P-384 and SHA-384 (RFC 7518 section 3.4).

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use bindery_core::crypto::SignatureInvalid;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::PublicKey;

use super::{Algorithm, ecdsa};
use crate::key::KeyError;

pub(super) static ES384: Algorithm = Algorithm {
    algorithm: SignatureAlgorithm::Es384,
    verify: |key, message, signature| match key {
        PublicKey::EcP384(point) => ecdsa::verify(&ECDSA_P384_SHA384_FIXED, point, message, signature),
        _ => Err(SignatureInvalid),
    },
    generate: || ecdsa::private_key(ecdsa::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)?, to_public),
    from_pkcs8: |der| {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der)
            .map_err(|_| KeyError::Rejected(SignatureAlgorithm::Es384))?;
        ecdsa::private_key(pair, to_public)
    },
    from_jwk: |jwk| {
        let PublicKey::EcP384(point) = &jwk.public else {
            return Err(KeyError::Rejected(SignatureAlgorithm::Es384));
        };
        let d = jwk.fixed::<48>("d")?;
        let pair =
            EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P384_SHA384_FIXED_SIGNING, &*d, point)
                .map_err(|_| KeyError::HalvesDiffer)?;
        ecdsa::private_key(pair, to_public)
    },
};

fn to_public(point: &[u8]) -> Option<PublicKey> {
    point.try_into().ok().map(PublicKey::EcP384)
}
