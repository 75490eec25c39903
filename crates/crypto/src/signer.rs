//! The one thing that a private key does here: sign. A trait, so that a key may live where it can't be
//! read: a PKCS#11 token, a TPM, a cloud KMS (DPOP-11.4-01). It never hands out private bytes.

use core::fmt;
use std::sync::Arc;

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::PublicKey;
use bindery_core::jose::thumbprint::JwkThumbprint;

use crate::AwsLc;

/// Holds one private key and signs with it.
///
/// Object-safe: keep an `Arc<dyn Signer>`. To put a hardware key behind it, read the public key once when
/// the session opens, map the device's mechanism to one [`SignatureAlgorithm`] (`CKM_ECDSA_SHA256` to
/// ES256, `CKM_SHA256_RSA_PKCS_PSS` with a 32-byte salt to PS256), and return from `sign` what RFC 7518
/// section 3 and RFC 8037 section 3.1 define: for ECDSA `r || s` at full width (PKCS#11 gives that form, most
/// KMS give DER, which must be converted), for Ed25519 64 bytes, for RSA as many bytes as the modulus has.
///
/// `sign` blocks. A software key needs some ten to thousand microseconds; an asynchronous caller of a slow
/// device moves the call to a blocking thread.
pub trait Signer: Send + Sync {
    /// The one algorithm that this key signs with (RFC 8725 section 3.1).
    fn algorithm(&self) -> SignatureAlgorithm;

    /// The public half, as others will verify with it.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message` itself, not a digest of it.
    ///
    /// # Errors
    /// [`SigningFailed`] when the key can't be used now.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed>;

    /// The thumbprint of the public half (RFC 7638), which also serves as its `kid`.
    fn thumbprint(&self) -> JwkThumbprint {
        JwkThumbprint::of(self.public_key(), &AwsLc)
    }
}

impl<S: Signer + ?Sized> Signer for Arc<S> {
    fn algorithm(&self) -> SignatureAlgorithm {
        (**self).algorithm()
    }

    fn public_key(&self) -> &PublicKey {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        (**self).sign(message)
    }

    fn thumbprint(&self) -> JwkThumbprint {
        (**self).thumbprint()
    }
}

/// The key made no signature. The reason is the holder's to log; the caller can only refuse or try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningFailed;

impl fmt::Display for SigningFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key could not sign")
    }
}

impl std::error::Error for SigningFailed {}
