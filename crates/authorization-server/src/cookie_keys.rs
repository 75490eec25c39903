//! Seals what the server hands to a browser or writes into a page and wants back unchanged: under a ring of
//! keys that every process on one store shares, for one purpose, with the second in which it was done. What
//! was sealed for one purpose opens for no other, and nothing opens when it is older than its reader allows.
//! A new key opens from the moment that it is there, and seals when every process has it.

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use bindery_core::encoding::base64url;
use bindery_core::time::UnixTime;
use bindery_crypto::random_bytes;
use bindery_crypto::seal::Sealer;
use bindery_store::record::SealedKeyRecord;
use bindery_store::{AuthorizationStore, StoreError};
use zeroize::Zeroizing;

use crate::event::AuditEvent;
use crate::start::StartFailed;

/// The longest text that is opened; cookies end at 4 KiB (RFC 6265 section 6.1), form fields are not much longer.
pub const MAXIMUM_SEALED: usize = 16 * 1024;
/// What the keys are for, in the store.
const PURPOSE: &str = "cookie";
/// How many keys open: the current one and those before it.
const RING: usize = 5;
/// Every process has a key by then.
const TAKEN_OVER: Duration = Duration::from_secs(120);
/// Clocks of several processes differ by this much at most.
const SKEW: Duration = Duration::from_secs(30);

/// The keys as they are now.
pub struct CookieKeys {
    /// Newest first.
    ring: RwLock<Vec<RingKey>>,
    rotation: Duration,
}

/// One key, named by one byte in what it sealed.
#[derive(Clone)]
struct RingKey {
    id: u8,
    sealer: Sealer,
    created_at: UnixTime,
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
    /// Loads the ring, or makes its first key.
    pub(crate) async fn load(
        store: &dyn AuthorizationStore,
        sealer: &Sealer,
        rotation: Duration,
        now: UnixTime,
    ) -> Result<Self, StartFailed> {
        let ring = load_ring(store, sealer, rotation, now).await?;
        Ok(Self { ring: RwLock::new(ring), rotation })
    }

    /// Makes a new key when the current one is old enough, and takes over what other processes made.
    pub(crate) async fn refresh(
        &self,
        store: &dyn AuthorizationStore,
        sealer: &Sealer,
        now: UnixTime,
    ) -> Result<(), StartFailed> {
        let ring = load_ring(store, sealer, self.rotation, now).await?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        Ok(())
    }

    /// Seals `bytes` for `purpose` as base64url text.
    ///
    /// # Errors
    /// [`NotSealed`] when the random source fails.
    pub fn seal(&self, purpose: &str, bytes: &[u8], now: UnixTime) -> Result<String, NotSealed> {
        let key = self.current(now).ok_or(NotSealed)?;
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

    /// The newest key that every process has; before there is one, the oldest.
    fn current(&self, now: UnixTime) -> Option<RingKey> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let known = ring.iter().find(|key| key.created_at.plus(TAKEN_OVER) <= now);
        known.or(ring.last()).cloned()
    }

    fn key(&self, id: u8) -> Option<RingKey> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.iter().find(|key| key.id == id).cloned()
    }
}

async fn load_ring(
    store: &dyn AuthorizationStore,
    sealer: &Sealer,
    rotation: Duration,
    now: UnixTime,
) -> Result<Vec<RingKey>, StartFailed> {
    let mut records = store.list_sealed_keys(PURPOSE).await?;
    if records.last().is_none_or(|newest| newest.created_at.plus(rotation) <= now) {
        let id = match records.last() {
            None => 0,
            Some(newest) => place(newest)?.wrapping_add(1),
        };
        // Places come round; the one that is taken again must have been removed before.
        match store.insert_sealed_key(&new_record(sealer, id, now)?).await {
            Ok(()) => AuditEvent::CookieKeyMade { id: id.into() }.trace(),
            // Another process was first: its key serves both.
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        records = store.list_sealed_keys(PURPOSE).await?;
        let old = records.len().saturating_sub(RING);
        for record in records.drain(..old) {
            store.remove_sealed_key(PURPOSE, &record.key_id).await?;
        }
    }
    records.iter().rev().map(|record| open_record(sealer, record)).collect()
}

fn new_record(sealer: &Sealer, id: u8, now: UnixTime) -> Result<SealedKeyRecord, StartFailed> {
    let key = random_bytes::<32>().map(Zeroizing::new);
    let key = key.map_err(|_| StartFailed::Key("the machine's random source fails"))?;
    let sealed = sealer.seal(&place_context(id), &*key);
    let sealed = sealed.map_err(|_| StartFailed::Key("a cookie key can't be sealed"))?;
    Ok(SealedKeyRecord { purpose: PURPOSE.into(), key_id: id.to_string(), sealed, created_at: now })
}

fn open_record(sealer: &Sealer, record: &SealedKeyRecord) -> Result<RingKey, StartFailed> {
    let id = place(record)?;
    let key = sealer.open(&place_context(id), &record.sealed).map_err(|_| {
        StartFailed::Key(
            "a stored cookie key does not open under the sealing key: is it the key file of this database?",
        )
    })?;
    let key = <[u8; 32]>::try_from(key.as_slice());
    let key = key.map_err(|_| StartFailed::Key("a stored cookie key is damaged"))?;
    Ok(RingKey { id, sealer: Sealer::new(key), created_at: record.created_at })
}

fn place(record: &SealedKeyRecord) -> Result<u8, StartFailed> {
    record.key_id.parse().map_err(|_| StartFailed::Key("a stored cookie key has no place in the ring"))
}

fn place_context(id: u8) -> Vec<u8> {
    [b"cookie key ".as_slice(), &[id]].concat()
}

/// Key and purpose are authenticated: neither can be exchanged for another.
fn context(id: u8, purpose: &str) -> Vec<u8> {
    [b"cookie ", [id].as_slice(), b" ", purpose.as_bytes()].concat()
}

#[cfg(test)]
#[path = "cookie_keys_tests.rs"]
mod tests;
