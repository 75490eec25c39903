//! Stateless server nonces (RFC 9449 sections 8 and 9): a MAC over time, randomness and the server's name,
//! under a key ring that every node shares, so any node can judge any node's nonce and none is stored.
//! A nonce that we did not make is unknown, never "not required". It is not the OpenID Connect nonce.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use subtle::ConstantTimeEq as _;

use crate::crypto::{Cryptography, MacKey};
use crate::encoding::base64url;
use crate::time::UnixTime;

/// Key id (1), time (5), randomness (8), truncated MAC (16).
const LENGTH: usize = 30;
const SIGNED: usize = 14;
/// Seconds by which another node's clock may be ahead of ours.
const CLOCK_SLACK: Duration = Duration::from_secs(5);
const DOMAIN: &[u8] = b"bindery dpop nonce 1";

/// The keys that make and judge nonces: the first makes, all judge.
///
/// Replacing the current key keeps the earlier ones judging, so parallel requests survive a rotation
/// (DPOP-8-09); drop a key one nonce lifetime after it stopped being the current one.
#[derive(Clone)]
pub struct NonceKeyRing {
    keys: Vec<(u8, MacKey)>,
}

impl NonceKeyRing {
    /// The most keys that a ring holds: the current one and three that still judge.
    pub const MAXIMUM_KEYS: usize = 4;

    /// A ring of one key. Nodes that share a key must give it the same `id`.
    #[must_use]
    pub fn new(id: u8, key: MacKey) -> Self {
        Self { keys: alloc::vec![(id, key)] }
    }

    /// Adds an older key that only judges.
    #[must_use]
    pub fn with_previous(mut self, id: u8, key: MacKey) -> Self {
        self.keys.push((id, key));
        self.keys.truncate(Self::MAXIMUM_KEYS);
        self
    }

    /// Makes `key` the current one; the others go on judging, the oldest leaves when the ring is full.
    pub fn rotate(&mut self, id: u8, key: MacKey) {
        self.keys.retain(|(existing, _)| *existing != id);
        self.keys.insert(0, (id, key));
        self.keys.truncate(Self::MAXIMUM_KEYS);
    }

    fn find(&self, id: u8) -> Option<&MacKey> {
        self.keys.iter().find(|(existing, _)| *existing == id).map(|(_, key)| key)
    }
}

impl fmt::Debug for NonceKeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

/// A nonce of this server, in base64url, which lies within NQCHAR (RFC 9449 section 8.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DpopNonce(String);

impl DpopNonce {
    /// The value of the `DPoP-Nonce` header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DpopNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a nonce does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceRefused {
    /// Not made by this server, or made for another one (DPOP-8-05, DPOP-9-02).
    Unknown,
    /// Made by this server, too long ago.
    Stale,
}

/// The proven time at which a nonce was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceTime(UnixTime);

impl NonceTime {
    /// Seconds since the epoch at which this server made the nonce.
    #[must_use]
    pub const fn issued_at(self) -> UnixTime {
        self.0
    }
}

/// Makes a nonce for the server called `scope` (an issuer or a resource identifier). `random` comes from a
/// cryptographic source and makes values differ within a second (DPOP-8-02).
#[must_use]
pub fn issue(
    ring: &NonceKeyRing,
    scope: &str,
    now: UnixTime,
    random: [u8; 8],
    cryptography: &dyn Cryptography,
) -> DpopNonce {
    let mut bytes = [0; LENGTH];
    if let Some((id, key)) = ring.keys.first() {
        bytes[0] = *id;
        bytes[1..6].copy_from_slice(&now.as_seconds().to_be_bytes()[3..]);
        bytes[6..SIGNED].copy_from_slice(&random);
        let mac = cryptography.hmac_sha256(key, &[DOMAIN, &bytes[..SIGNED], scope.as_bytes()]);
        bytes[SIGNED..].copy_from_slice(&mac[..LENGTH - SIGNED]);
    }
    DpopNonce(base64url::encode(bytes))
}

/// Verifies that this server made `nonce` no longer than `lifetime` ago.
///
/// # Errors
/// [`NonceRefused`]; either way the answer is `use_dpop_nonce` with a fresh one.
pub fn verify(
    nonce: &str,
    ring: &NonceKeyRing,
    scope: &str,
    now: UnixTime,
    lifetime: Duration,
    cryptography: &dyn Cryptography,
) -> Result<NonceTime, NonceRefused> {
    let bytes: [u8; LENGTH] = base64url::decode_array(nonce).map_err(|_| NonceRefused::Unknown)?;
    let key = ring.find(bytes[0]).ok_or(NonceRefused::Unknown)?;
    let mac = cryptography.hmac_sha256(key, &[DOMAIN, &bytes[..SIGNED], scope.as_bytes()]);
    if !bool::from(mac[..LENGTH - SIGNED].ct_eq(&bytes[SIGNED..])) {
        return Err(NonceRefused::Unknown);
    }
    let mut time = [0; 8];
    time[3..].copy_from_slice(&bytes[1..6]);
    let issued_at = UnixTime::from_seconds(i64::from_be_bytes(time));
    if issued_at > now.plus(CLOCK_SLACK) {
        return Err(NonceRefused::Unknown);
    }
    if issued_at.plus(lifetime) < now { Err(NonceRefused::Stale) } else { Ok(NonceTime(issued_at)) }
}

#[cfg(test)]
#[path = "nonce_tests.rs"]
mod tests;
