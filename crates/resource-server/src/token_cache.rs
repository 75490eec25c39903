//! Tokens that were verified, by the SHA-256 of their text, so that a client's hundredth request costs one
//! signature verification and not two. Only what the token says is kept, never that a binding held: that is
//! confirmed for every request (DPOP-6.2-04). Bounded; losing an entry costs time, never safety.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;
use bindery_core::token::access_token::VerifiedAccessToken;

#[derive(Clone)]
struct Entry {
    token: Arc<VerifiedAccessToken>,
    until: UnixTime,
}

pub(crate) struct TokenCache {
    tokens: quick_cache::sync::Cache<Sha256Digest, Entry>,
}

impl TokenCache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { tokens: quick_cache::sync::Cache::new(capacity) }
    }

    pub(crate) fn get(&self, digest: &Sha256Digest, now: UnixTime) -> Option<Arc<VerifiedAccessToken>> {
        let entry = self.tokens.get(digest)?;
        if now < entry.until {
            return Some(entry.token);
        }
        self.tokens.remove(digest);
        None
    }

    /// Keeps `token` for `span`, but never past its own expiry (INT-4-02).
    pub(crate) fn insert(&self, token: Arc<VerifiedAccessToken>, now: UnixTime, span: Duration) {
        let until = token.expires_at().min(now.plus(span));
        self.tokens.insert(*token.digest(), Entry { token, until });
    }
}
