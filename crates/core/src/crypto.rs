//! What the protocol needs from cryptography, as one trait. `bindery-crypto` implements it on
//! aws-lc-rs; benches and fuzz targets wrap it. This crate never computes a hash or a signature
//! itself, and an implementation must never learn what a token is.

use crate::jose::algorithm::SignatureAlgorithm;
use crate::jose::jwk::PublicKey;

/// A SHA-256 digest.
pub type Sha256Digest = [u8; 32];

/// Hashing, message authentication and signature verification.
///
/// Implementations must be pure: the same input gives the same answer, without I/O. `verify_signature`
/// must refuse whenever it is in doubt: an unsupported algorithm, a key that does not fit it, a point
/// that is not on its curve, and a signature in any encoding but the one RFC 7518 section 3 names.
pub trait Cryptography: Send + Sync {
    /// SHA-256 over the concatenation of `parts` (FIPS 180-4).
    fn sha256(&self, parts: &[&[u8]]) -> Sha256Digest;

    /// HMAC-SHA-256 over the concatenation of `parts` (RFC 2104).
    fn hmac_sha256(&self, key: &MacKey, parts: &[&[u8]]) -> Sha256Digest;

    /// Verifies `signature` over `message` (RFC 7515 section 5.2 step 8).
    ///
    /// # Errors
    /// [`SignatureInvalid`] for whatever reason: the caller must not learn which.
    fn verify_signature(
        &self,
        algorithm: SignatureAlgorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureInvalid>;
}

/// The signature is not this key's over this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureInvalid;

/// A 256-bit symmetric key for message authentication; wiped when dropped, never shown.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct MacKey([u8; 32]);

impl MacKey {
    /// Takes 32 bytes that the caller drew from a cryptographic random source.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's bytes, for an implementation of [`Cryptography`] and for sealed storage only.
    #[must_use]
    pub const fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl core::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("MacKey(redacted)")
    }
}
