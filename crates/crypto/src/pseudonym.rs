//! Pseudonyms: one name of a thing for each party, the same every time, that no two parties can compare and only the
//! holder of the key can trace back. AES-256-GCM-SIV (RFC 8452) under one nonce for all: equal things of one party
//! give equal names on purpose, and nothing else shows.

use core::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use bindery_core::encoding::base64url;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::seal::SealingFailed;

/// Makes and traces names under one 256-bit key; wiped when dropped, never shown.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Pseudonyms([u8; 32]);

impl Pseudonyms {
    /// Takes 32 bytes that came from a cryptographic random source and serve nothing else.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The name of `thing` for `party`, in base64url.
    ///
    /// # Errors
    /// [`SealingFailed`] when the library fails.
    pub fn name(&self, party: &str, thing: &str) -> Result<String, SealingFailed> {
        let mut text = thing.as_bytes().to_vec();
        let key = self.key().ok_or(SealingFailed)?;
        key.seal_in_place_append_tag(nonce(), Aad::from(party.as_bytes()), &mut text)
            .map_err(|_| SealingFailed)?;
        Ok(base64url::encode(text))
    }

    /// The thing that `name` stands for; `None` for what is no name of ours for `party`.
    #[must_use]
    pub fn trace(&self, party: &str, name: &str) -> Option<String> {
        let mut text = base64url::decode(name).ok()?;
        let thing = self.key()?.open_in_place(nonce(), Aad::from(party.as_bytes()), &mut text).ok()?;
        core::str::from_utf8(thing).ok().map(Into::into)
    }

    fn key(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM_SIV, &self.0).ok().map(LessSafeKey::new)
    }
}

/// The same for every name: RFC 8452 stays secure then, and shows equality alone (section 9).
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_every_time_and_another_for_every_party() {
        let names = Pseudonyms::new([7; 32]);
        let one = names.name("a.example", "session").unwrap();
        assert_eq!(names.name("a.example", "session").unwrap(), one);
        assert_ne!(names.name("b.example", "session").unwrap(), one);
        assert_ne!(names.name("a.example", "another").unwrap(), one);
        assert_ne!(Pseudonyms::new([8; 32]).name("a.example", "session").unwrap(), one);
    }

    #[test]
    fn a_name_is_traced_by_its_key_and_party_alone() {
        let names = Pseudonyms::new([7; 32]);
        let one = names.name("a.example", "session").unwrap();
        assert_eq!(names.trace("a.example", &one).as_deref(), Some("session"));
        assert_eq!(names.trace("b.example", &one), None);
        assert_eq!(Pseudonyms::new([8; 32]).trace("a.example", &one), None);
        for other in ["", "session", "AAAA", &one[1..]] {
            assert_eq!(names.trace("a.example", other), None, "{other}");
        }
        assert_eq!(format!("{names:?}"), "Pseudonyms(redacted)");
    }
}
