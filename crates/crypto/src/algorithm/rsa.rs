//! What PS256 and RS256 share: 2048 to 8192 bits (RFC 7518 sections 3.3 and 3.5), SHA-256, and for PSS a salt
//! as long as the digest. New keys have 2048 bits, the least that RFC 7518 and FAPI 2.0 allow: larger ones
//! sign several times slower and outlive no access token. Load a larger key where a policy asks for one.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeyPairComponents, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RsaEncoding, RsaParameters, RsaPublicKeyComponents, RsaSignatureEncoding,
};
use bindery_core::crypto::SignatureInvalid;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::{PublicKey, RsaPublicKey};
use zeroize::Zeroizing;

use super::PrivateKey;
use crate::key::{KeyError, PrivateJwk};
use crate::signer::SigningFailed;

pub(super) fn verify(
    parameters: &RsaParameters,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureInvalid> {
    let PublicKey::Rsa(key) = key else { return Err(SignatureInvalid) };
    RsaPublicKeyComponents { n: key.modulus(), e: key.exponent() }
        .verify(parameters, message, signature)
        .map_err(|_| SignatureInvalid)
}

pub(super) fn generate(encoding: &'static RsaSignatureEncoding) -> Result<PrivateKey, KeyError> {
    private_key(KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generation)?, encoding)
}

pub(super) fn from_pkcs8(
    algorithm: SignatureAlgorithm,
    encoding: &'static RsaSignatureEncoding,
    der: &[u8],
) -> Result<PrivateKey, KeyError> {
    private_key(KeyPair::from_pkcs8(der).map_err(|_| KeyError::Rejected(algorithm))?, encoding)
}

pub(super) fn from_jwk(
    algorithm: SignatureAlgorithm,
    encoding: &'static RsaSignatureEncoding,
    jwk: &PrivateJwk,
) -> Result<PrivateKey, KeyError> {
    let PublicKey::Rsa(public) = &jwk.public else { return Err(KeyError::Rejected(algorithm)) };
    let components = KeyPairComponents {
        public_key: RsaPublicKeyComponents { n: public.modulus(), e: public.exponent() },
        d: &**jwk.member("d")?,
        p: &**jwk.member("p")?,
        q: &**jwk.member("q")?,
        dP: &**jwk.member("dp")?,
        dQ: &**jwk.member("dq")?,
        qInv: &**jwk.member("qi")?,
    };
    private_key(KeyPair::from_components(&components).map_err(|_| KeyError::HalvesDiffer)?, encoding)
}

fn private_key(pair: KeyPair, encoding: &'static dyn RsaEncoding) -> Result<PrivateKey, KeyError> {
    let (modulus, exponent) = (pair.public_key().modulus(), pair.public_key().exponent());
    let number = |bytes: &[u8]| bytes.to_vec();
    let public = RsaPublicKey::new(
        number(modulus.big_endian_without_leading_zero()),
        number(exponent.big_endian_without_leading_zero()),
    )
    .map_err(KeyError::Public)?;
    let der = pair.as_der().map_err(|_| KeyError::Generation)?;
    let pkcs8 = Zeroizing::new(der.as_ref().to_vec());
    let sign = move |message: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), message, &mut signature).map_err(|_| SigningFailed)?;
        Ok(signature)
    };
    Ok(PrivateKey { public: PublicKey::Rsa(Box::new(public)), pkcs8, sign: Box::new(sign) })
}
