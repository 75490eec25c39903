//! The keyed fingerprint that stands for a single-use thing in a store (DPOP-11.1-03): SipHash-1-3 with
//! 128 bits under a random key, so that nobody outside can aim at a collision or at one shard. It must
//! tell apart any two entries that differ in any part, wherever the border between two parts lies.

use std::fmt;
use std::hash::Hasher as _;

use bindery_core::replay::ReplayEntry;
use siphasher::sip128::{Hash128, Hasher128 as _, SipHasher13};

/// What is stored of an entry (96 bits), and the 32 further bits that choose its shard.
#[derive(Clone, Copy)]
pub(crate) struct Fingerprint {
    pub(crate) stored: [u32; 3],
    pub(crate) shard: u32,
}

/// Makes fingerprints under one key.
#[derive(Clone)]
pub(crate) struct FingerprintKey(SipHasher13);

impl FingerprintKey {
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(key))
    }

    pub(crate) fn fingerprint(&self, entry: &ReplayEntry<'_>) -> Fingerprint {
        let hash = self.hash(entry);
        Fingerprint {
            stored: [hash.h1 as u32, (hash.h1 >> 32) as u32, hash.h2 as u32],
            shard: (hash.h2 >> 32) as u32,
        }
    }

    /// All 128 bits, for a store that has room for them.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn fingerprint_bytes(&self, entry: &ReplayEntry<'_>) -> [u8; 16] {
        self.hash(entry).as_bytes()
    }

    fn hash(&self, entry: &ReplayEntry<'_>) -> Hash128 {
        let parts: [&[u8]; 4] =
            [entry.owner, entry.target.0.as_bytes(), entry.target.1.as_bytes(), entry.identifier.as_bytes()];
        // The lengths first, at fixed places: then the parts can follow each other bare. The last one
        // follows from the length of the whole, which is part of the hash.
        let mut head = [0u8; 16];
        for (place, part) in head.chunks_exact_mut(4).zip(&parts[..3]) {
            place.copy_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
        head[12] = entry.kind.tag();
        let mut hasher = self.0;
        hasher.write(&head);
        for part in parts {
            hasher.write(part);
        }
        hasher.finish128()
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bindery_core::replay::ReplayKind;
    use bindery_core::time::UnixTime;

    #[test]
    fn parts_that_concatenate_to_the_same_bytes_have_different_fingerprints() {
        let key = FingerprintKey::new(&[7; 16]);
        let mut seen = std::collections::HashSet::new();
        for kind in [ReplayKind::DpopProof, ReplayKind::ClientAssertion] {
            for (owner, target, identifier) in [
                ("abcd", ("", ""), ""),
                ("abc", ("d", ""), ""),
                ("abc", ("", "d"), ""),
                ("abc", ("", ""), "d"),
                ("ab", ("c", ""), "d"),
                ("ab", ("", "c"), "d"),
                ("", ("ab", "cd"), ""),
                ("", ("abc", "d"), ""),
                ("", ("", ""), "abcd"),
            ] {
                let expires_at = UnixTime::from_seconds(1);
                let entry = ReplayEntry { kind, owner: owner.as_bytes(), target, identifier, expires_at };
                let Fingerprint { stored, shard } = key.fingerprint(&entry);
                assert!(seen.insert((stored, shard)), "{entry:?}");
            }
        }
    }

    #[test]
    fn another_key_gives_other_fingerprints() {
        let entry = ReplayEntry {
            kind: ReplayKind::DpopProof,
            owner: b"o",
            target: ("t", "p"),
            identifier: "i",
            expires_at: UnixTime::from_seconds(1),
        };
        let one = FingerprintKey::new(&[1; 16]).fingerprint(&entry);
        let two = FingerprintKey::new(&[2; 16]).fingerprint(&entry);
        assert_ne!(one.stored, two.stored);
    }
}
