//! What ES256 and ES384 share. Signatures are `r || s` at full width (RFC 7518 section 3.4); the DER form is
//! never parsed and never made. aws-lc refuses points off the curve and `r` or `s` outside 1..n.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, KeyPair as _, UnparsedPublicKey,
};
use bindery_core::crypto::SignatureInvalid;
use bindery_core::jose::jwk::PublicKey;
use zeroize::Zeroizing;

use super::PrivateKey;
use crate::key::KeyError;
use crate::signer::SigningFailed;

/// First octet of an uncompressed SEC1 point; the other forms have no place in a JWK.
const UNCOMPRESSED: u8 = 4;

pub(super) fn verify(
    algorithm: &'static EcdsaVerificationAlgorithm,
    point: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureInvalid> {
    if point.first() != Some(&UNCOMPRESSED) {
        return Err(SignatureInvalid);
    }
    UnparsedPublicKey::new(algorithm, point).verify(message, signature).map_err(|_| SignatureInvalid)
}

/// `to_public` makes the key's own variant from an uncompressed point of the right length.
pub(super) fn private_key(
    pair: EcdsaKeyPair,
    to_public: fn(&[u8]) -> Option<PublicKey>,
) -> Result<PrivateKey, KeyError> {
    let public = to_public(pair.public_key().as_ref()).ok_or(KeyError::UnknownKind)?;
    let pkcs8 = Zeroizing::new(pair.to_pkcs8v1().map_err(|_| KeyError::Generation)?.as_ref().to_vec());
    let sign = move |message: &[u8]| {
        let signature = pair.sign(&SystemRandom::new(), message).map_err(|_| SigningFailed)?;
        Ok(signature.as_ref().to_vec())
    };
    Ok(PrivateKey { public, pkcs8, sign: Box::new(sign) })
}

pub(super) fn generate(algorithm: &'static EcdsaSigningAlgorithm) -> Result<EcdsaKeyPair, KeyError> {
    EcdsaKeyPair::generate(algorithm).map_err(|_| KeyError::Generation)
}
