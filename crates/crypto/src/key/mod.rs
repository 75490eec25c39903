//! Private signing keys held in memory: made, loaded from PKCS#8 or a private JWK, used through [`Signer`].
//! A key has one algorithm for life (RFC 8725 section 3.1). Its bytes never reach `Debug`, a log or an
//! error, and are wiped when the key is dropped.

mod error;
mod jwk;
mod pem;

use core::fmt;

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::PublicKey;
use bindery_core::jose::thumbprint::JwkThumbprint;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::AnyRef;
use zeroize::Zeroizing;

use crate::AwsLc;
use crate::algorithm::{self, PrivateKey};
use crate::signer::{Signer, SigningFailed};

pub use error::KeyError;
pub(crate) use jwk::PrivateJwk;

/// The longest text or DER that is read as a key, in bytes; an 8192-bit RSA key in PEM has under 7 KiB.
pub const MAXIMUM_KEY: usize = 32 * 1024;

/// A private key and the one algorithm it signs with.
///
/// Not `Clone`: share it in an `Arc`, so that there is one copy to wipe.
pub struct SigningKey {
    algorithm: SignatureAlgorithm,
    thumbprint: JwkThumbprint,
    private: PrivateKey,
}

impl SigningKey {
    /// Makes a new key. RSA keys get 2048 bits, the least that RFC 7518 and FAPI 2.0 allow, for speed; load
    /// a larger one where a policy asks for it. Takes microseconds, but tenths of seconds for RSA.
    ///
    /// # Errors
    /// [`KeyError::Generation`] when the random source or the library fails.
    pub fn generate(algorithm: SignatureAlgorithm) -> Result<Self, KeyError> {
        let entry = algorithm::entry(algorithm).ok_or(KeyError::UnknownKind)?;
        Ok(Self::new(algorithm, (entry.generate)()?))
    }

    /// Loads an unencrypted PKCS#8 key in DER (RFC 5208, RFC 5958).
    ///
    /// # Errors
    /// [`KeyError`] says which rule the key breaks, and the remedy.
    pub fn from_pkcs8_der(algorithm: SignatureAlgorithm, der: &[u8]) -> Result<Self, KeyError> {
        if der.len() > MAXIMUM_KEY {
            return Err(KeyError::TooLong);
        }
        // The library ignores what follows the structure; a damaged file must not pass for a good one.
        AnyRef::from_der(der).map_err(|_| KeyError::Rejected(algorithm))?;
        let entry = algorithm::entry(algorithm).ok_or(KeyError::UnknownKind)?;
        Ok(Self::new(algorithm, (entry.from_pkcs8)(der)?))
    }

    /// Loads the one `PRIVATE KEY` section of a PEM text (RFC 7468 section 10). Certificates beside it are
    /// passed over. Without an algorithm the key's kind decides: ES256, ES384, EdDSA, and PS256 for RSA.
    ///
    /// # Errors
    /// [`KeyError`] says which rule the text breaks, and the remedy.
    pub fn from_pkcs8_pem(algorithm: Option<SignatureAlgorithm>, text: &str) -> Result<Self, KeyError> {
        let der = pem::private_key(text)?;
        match algorithm {
            Some(algorithm) => Self::from_pkcs8_der(algorithm, &der),
            None => Self::from_pkcs8_of_any_kind(&der),
        }
    }

    /// Loads a private JWK (RFC 7517, RFC 7518 section 6, RFC 8037 section 2) of kind EC, OKP or RSA; RSA with
    /// its two primes and CRT members. `alg` decides the algorithm, or else the key's kind, as above.
    ///
    /// # Errors
    /// [`KeyError`] says which rule the key breaks, and the remedy.
    pub fn from_private_jwk(text: &[u8]) -> Result<Self, KeyError> {
        let jwk = PrivateJwk::parse(text)?;
        let algorithm = jwk.algorithm.unwrap_or(jwk.public.usual_algorithm());
        let entry = algorithm::entry(algorithm).ok_or(KeyError::UnknownKind)?;
        Ok(Self::new(algorithm, (entry.from_jwk)(&jwk)?))
    }

    /// The key as unencrypted PKCS#8 version 1 in DER; for sealed storage and files that only the owner can
    /// read.
    #[must_use]
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        self.private.pkcs8.clone()
    }

    /// The same as a PEM text.
    #[must_use]
    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        pem::write(&self.private.pkcs8)
    }

    /// The one algorithm that this key signs with.
    #[must_use]
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.private.public
    }

    /// The thumbprint of the public half (RFC 7638), computed once.
    #[must_use]
    pub fn thumbprint(&self) -> JwkThumbprint {
        self.thumbprint
    }

    fn from_pkcs8_of_any_kind(der: &[u8]) -> Result<Self, KeyError> {
        for entry in algorithm::all() {
            match Self::from_pkcs8_der(entry.algorithm, der) {
                Err(KeyError::Rejected(_)) => {}
                decided => return decided,
            }
        }
        Err(KeyError::UnknownKind)
    }

    fn new(algorithm: SignatureAlgorithm, private: PrivateKey) -> Self {
        Self { algorithm, thumbprint: JwkThumbprint::of(&private.public, &AwsLc), private }
    }
}

impl Signer for SigningKey {
    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    fn public_key(&self) -> &PublicKey {
        &self.private.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        (self.private.sign)(message)
    }

    fn thumbprint(&self) -> JwkThumbprint {
        self.thumbprint
    }
}

/// Names the public half only.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {}, private half redacted)", self.algorithm, self.thumbprint)
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
