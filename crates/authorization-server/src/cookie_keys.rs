//! Seals what the server hands to a browser or writes into a page and wants back unchanged: under a ring of
//! keys that every process on one store shares, for one purpose, with the second in which it was done. What
//! was sealed for one purpose opens for no other, and nothing opens when it is older than its reader allows.

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use bindery_core::encoding::base64url;
use bindery_core::time::UnixTime;
use bindery_crypto::seal::Sealer;
use zeroize::Zeroizing;

use crate::key_sealing::SealingKey;

/// The longest text that is opened; cookies end at 4 KiB (RFC 6265 section 6.1), form fields are not much longer.
pub const MAXIMUM_SEALED: usize = 16 * 1024;
/// Clocks of several processes differ by this much at most.
const SKEW: Duration = Duration::from_secs(30);

/// The keys as they are now.
pub struct CookieKeys {
    ring: RwLock<Vec<RingKey>>,
}

/// One key, named by one byte in what it sealed.
#[derive(Clone)]
struct RingKey {
    id: u8,
    sealer: Sealer,
}

/// The text does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// Not of our making, for another purpose, changed, or under a key that is gone.
    Invalid,
    /// Sealed longer ago than the reader allows.
    TooOld,
}

/// Nothing could be sealed: the random source fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSealed;

impl fmt::Display for NotSealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing can be sealed: the machine's random source fails")
    }
}

impl fmt::Debug for CookieKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieKeys(redacted)")
    }
}

impl std::error::Error for NotSealed {}

impl CookieKeys {
    /// The keys of `issuer`: another one with the same sealing key has others.
    pub(crate) fn derived(sealing_key: &SealingKey, issuer: &str) -> Self {
        let purpose = [b"bindery cookie key 1 ", issuer.as_bytes()].concat();
        let key = RingKey { id: 0, sealer: sealing_key.sealer_for(&purpose) };
        Self { ring: RwLock::new(vec![key]) }
    }

    /// Seals `bytes` for `purpose` as base64url text.
    ///
    /// # Errors
    /// [`NotSealed`] when the random source fails.
    pub fn seal(&self, purpose: &str, bytes: &[u8], now: UnixTime) -> Result<String, NotSealed> {
        let key = self.newest().ok_or(NotSealed)?;
        let mut plain = Zeroizing::new(Vec::with_capacity(8 + bytes.len()));
        plain.extend_from_slice(&now.as_seconds().to_be_bytes());
        plain.extend_from_slice(bytes);
        let sealed = key.sealer.seal(&context(key.id, purpose), &plain).map_err(|_| NotSealed)?;
        Ok(base64url::encode([&[key.id], sealed.as_slice()].concat()))
    }

    /// What was sealed for `purpose` at most `max_age` ago.
    ///
    /// # Errors
    /// [`NotOpened`] in every other case.
    pub fn open(
        &self,
        purpose: &str,
        text: &str,
        max_age: Duration,
        now: UnixTime,
    ) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        if text.len() > MAXIMUM_SEALED {
            return Err(NotOpened::Invalid);
        }
        let sealed = base64url::decode(text).map_err(|_| NotOpened::Invalid)?;
        let (id, sealed) = sealed.split_first().ok_or(NotOpened::Invalid)?;
        let key = self.key(*id).ok_or(NotOpened::Invalid)?;
        let mut plain = key.sealer.open(&context(*id, purpose), sealed).map_err(|_| NotOpened::Invalid)?;
        let sealed_at = plain.first_chunk::<8>().ok_or(NotOpened::Invalid)?;
        let sealed_at = UnixTime::from_seconds(i64::from_be_bytes(*sealed_at));
        if now > sealed_at.plus(max_age) || sealed_at > now.plus(SKEW) {
            return Err(NotOpened::TooOld);
        }
        plain.drain(..8);
        Ok(plain)
    }

    fn newest(&self) -> Option<RingKey> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }

    fn key(&self, id: u8) -> Option<RingKey> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.iter().find(|key| key.id == id).cloned()
    }
}

/// Key and purpose are authenticated: neither can be exchanged for another.
fn context(id: u8, purpose: &str) -> Vec<u8> {
    [b"cookie ", [id].as_slice(), b" ", purpose.as_bytes()].concat()
}

#[cfg(test)]
#[path = "cookie_keys_tests.rs"]
mod tests;
