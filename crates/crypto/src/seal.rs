//! Sealing of secrets at rest (signing keys, nonce keys, client secrets) with AES-256-GCM (NIST SP 800-38D).
//! The context, such as table and row, is authenticated too, so a sealed value can't be moved to another
//! place. Never seal more than 2^32 values under one key: nonces are random.

use core::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The format: one version byte, a nonce of 12 bytes, the ciphertext, a tag of 16 bytes.
const VERSION: u8 = 1;
const TAG_LENGTH: usize = 16;

/// What sealing adds to the length of a value, in bytes.
pub const OVERHEAD: usize = 1 + NONCE_LEN + TAG_LENGTH;

/// Seals and opens under one 256-bit key; wiped when dropped, never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Sealer([u8; 32]);

impl Sealer {
    /// Takes 32 bytes that came from a cryptographic random source.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Seals `plain` for the place named by `context`. Two seals of one value differ.
    ///
    /// # Errors
    /// [`SealingFailed`] when the library or its random source fails.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealingFailed> {
        let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + TAG_LENGTH));
        text.extend_from_slice(plain);
        let key = self.key().ok_or(SealingFailed)?;
        let nonce = key
            .seal_in_place_append_tag(Aad::from(associated_data(context)), &mut *text)
            .map_err(|_| SealingFailed)?;
        let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD);
        sealed.push(VERSION);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    /// Opens what was sealed under the same key for the same `context`.
    ///
    /// # Errors
    /// [`SealInvalid`] for another key, another context, or a value that was changed or cut.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealInvalid> {
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(SealInvalid)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealInvalid)?;
        let mut text = Zeroizing::new(ciphertext.to_vec());
        let key = self.key().ok_or(SealInvalid)?;
        let length = key
            .open_in_place(Nonce::from(nonce), Aad::from(associated_data(context)), &mut text)
            .map_err(|_| SealInvalid)?
            .len();
        text.truncate(length);
        Ok(text)
    }

    fn key(&self) -> Option<RandomizedNonceKey> {
        RandomizedNonceKey::new(&AES_256_GCM, &self.0).ok()
    }
}

/// The version is authenticated with the context, so a later format can't be passed off as this one.
fn associated_data(context: &[u8]) -> Vec<u8> {
    [&[VERSION], context].concat()
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(redacted)")
    }
}

/// The library or its random source failed; nothing was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealingFailed;

impl fmt::Display for SealingFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value could not be sealed; check that the operating system's random source works")
    }
}

impl std::error::Error for SealingFailed {}

/// The sealed value does not open: another key, another place, or it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealInvalid;

impl fmt::Display for SealInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the sealed value does not open: it was sealed under another key or for another place, or was \
             changed since; give the key that it was sealed with",
        )
    }
}

impl std::error::Error for SealInvalid {}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"a private key";

    #[test]
    fn opens_under_the_same_key_and_context_alone() {
        let sealer = Sealer::new([7; 32]);
        let sealed = sealer.seal(b"signing_keys/1", SECRET).unwrap();
        assert_eq!(sealed.len(), SECRET.len() + OVERHEAD);
        assert_eq!(&**sealer.open(b"signing_keys/1", &sealed).unwrap(), SECRET);
        assert_eq!(sealer.open(b"signing_keys/2", &sealed), Err(SealInvalid));
        assert_eq!(Sealer::new([8; 32]).open(b"signing_keys/1", &sealed), Err(SealInvalid));
    }

    #[test]
    fn two_seals_of_one_value_differ() {
        let sealer = Sealer::new([7; 32]);
        assert_ne!(sealer.seal(b"", SECRET).unwrap(), sealer.seal(b"", SECRET).unwrap());
    }

    #[test]
    fn refuses_every_changed_bit_and_every_cut() {
        let sealer = Sealer::new([7; 32]);
        let sealed = sealer.seal(b"place", SECRET).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(sealer.open(b"place", &changed), Err(SealInvalid), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(sealer.open(b"place", &sealed[..length]), Err(SealInvalid), "length {length}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", Sealer::new([7; 32])), "Sealer(redacted)");
    }
}
