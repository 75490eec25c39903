//! EdDSA with Ed25519 (RFC 8037, RFC 8032 section 5.1). Beyond RFC 8032 it refuses low-order keys and a
//! low-order `R`: with those one signature can fit several messages, and no honest signer makes them.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use bindery_core::crypto::SignatureInvalid;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::{PublicKey, is_low_order};
use zeroize::Zeroizing;

use super::{Algorithm, PrivateKey};
use crate::key::KeyError;
use crate::signer::SigningFailed;

pub(super) static EDDSA: Algorithm = Algorithm {
    algorithm: SignatureAlgorithm::EdDsa,
    verify: |key, message, signature| match key {
        PublicKey::Ed25519(key) => verify(key, message, signature),
        _ => Err(SignatureInvalid),
    },
    generate: || private_key(Ed25519KeyPair::generate().map_err(|_| KeyError::Generation)?),
    from_pkcs8: |der| {
        let pair =
            Ed25519KeyPair::from_pkcs8(der).map_err(|_| KeyError::Rejected(SignatureAlgorithm::EdDsa))?;
        private_key(pair)
    },
    from_jwk: |jwk| {
        let PublicKey::Ed25519(public) = &jwk.public else {
            return Err(KeyError::Rejected(SignatureAlgorithm::EdDsa));
        };
        let seed = jwk.fixed::<32>("d")?;
        let pair =
            Ed25519KeyPair::from_seed_and_public_key(&*seed, public).map_err(|_| KeyError::HalvesDiffer)?;
        private_key(pair)
    },
};

fn verify(key: &[u8; 32], message: &[u8], signature: &[u8]) -> Result<(), SignatureInvalid> {
    let r: &[u8; 32] = signature.first_chunk().ok_or(SignatureInvalid)?;
    if signature.len() != 64 || is_low_order(r) || is_low_order(key) {
        return Err(SignatureInvalid);
    }
    UnparsedPublicKey::new(&ED25519, key).verify(message, signature).map_err(|_| SignatureInvalid)
}

fn private_key(pair: Ed25519KeyPair) -> Result<PrivateKey, KeyError> {
    let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::UnknownKind)?;
    // PKCS#8 version 1, without the public half: the form that OpenSSL reads.
    let pkcs8 = Zeroizing::new(pair.to_pkcs8v1().map_err(|_| KeyError::Generation)?.as_ref().to_vec());
    let sign = move |message: &[u8]| {
        let signature = pair.try_sign(message).map_err(|_| SigningFailed)?;
        Ok(signature.as_ref().to_vec())
    };
    Ok(PrivateKey { public: PublicKey::Ed25519(public), pkcs8, sign: Box::new(sign) })
}
