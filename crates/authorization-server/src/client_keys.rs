//! The public keys of a client: registered ones, or a set fetched from its `jwks_uri` (MTLS-2.2-03, -04). A
//! fetched set is kept for a while and fetched again when a key is unknown, at most once per half minute,
//! so that neither a stranger nor a loop can make the server a flood (CVE-2026-48522's class).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bindery_core::jose::jwk::JwkSet;
use bindery_core::oauth::client_metadata::ClientKeys;
use bindery_core::time::UnixTime;

/// How long a fetched set is used without asking again.
const LIFETIME: Duration = Duration::from_secs(300);
/// The shortest time between two fetches of one set.
const PAUSE: Duration = Duration::from_secs(30);
/// The largest set that is read, in bytes.
const MAXIMUM_SET: usize = 256 * 1024;
/// The most sets that are kept.
const MAXIMUM_SETS: usize = 10_000;

/// Fetches a client's key set.
///
/// The implementer allows https alone, follows no redirect, refuses addresses inside the operator's own
/// network unless they are listed, and bounds time and size.
#[async_trait]
pub trait KeySetFetcher: Send + Sync + 'static {
    /// The document at `uri`.
    ///
    /// # Errors
    /// [`KeySetUnavailable`] for whatever reason; the caller keeps what it had.
    async fn fetch(&self, uri: &str) -> Result<Vec<u8>, KeySetUnavailable>;
}

/// The key set can't be had now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySetUnavailable;

pub(crate) struct ClientKeyCache {
    fetcher: Option<Arc<dyn KeySetFetcher>>,
    sets: Mutex<HashMap<String, Fetched>>,
}

#[derive(Clone)]
struct Fetched {
    set: Option<Arc<JwkSet>>,
    asked_at: UnixTime,
}

impl ClientKeyCache {
    pub(crate) fn new(fetcher: Option<Arc<dyn KeySetFetcher>>) -> Self {
        Self { fetcher, sets: Mutex::default() }
    }

    pub(crate) const fn can_fetch(&self) -> bool {
        self.fetcher.is_some()
    }

    /// The keys to verify with. `unknown_key` says that the set in hand did not have the key.
    pub(crate) async fn keys(
        &self,
        keys: &ClientKeys,
        now: UnixTime,
        unknown_key: bool,
    ) -> Result<Arc<JwkSet>, KeySetUnavailable> {
        match keys {
            ClientKeys::None => Ok(Arc::default()),
            ClientKeys::Inline(set) => Ok(Arc::clone(set)),
            ClientKeys::Uri(uri) => self.fetched(uri, now, unknown_key).await,
        }
    }

    async fn fetched(
        &self,
        uri: &str,
        now: UnixTime,
        unknown_key: bool,
    ) -> Result<Arc<JwkSet>, KeySetUnavailable> {
        let before = {
            let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
            let before = sets.get(uri).cloned();
            let due = match &before {
                None => true,
                Some(before) if unknown_key || before.set.is_none() => before.asked_at.plus(PAUSE) <= now,
                Some(before) => before.asked_at.plus(LIFETIME) <= now,
            };
            if !due {
                return before.and_then(|before| before.set).ok_or(KeySetUnavailable);
            }
            if sets.len() >= MAXIMUM_SETS && before.is_none() {
                return Err(KeySetUnavailable);
            }
            // Noted before asking, so that parallel requests don't ask as well.
            let set = before.as_ref().and_then(|before| before.set.clone());
            sets.insert(uri.to_owned(), Fetched { set, asked_at: now });
            before.and_then(|before| before.set)
        };
        match self.fetch(uri).await {
            Ok(set) => {
                let set = Arc::new(set);
                let fetched = Fetched { set: Some(Arc::clone(&set)), asked_at: now };
                self.sets.lock().unwrap_or_else(PoisonError::into_inner).insert(uri.to_owned(), fetched);
                Ok(set)
            }
            Err(unavailable) => {
                tracing::warn!(event = "client_keys_unavailable", uri);
                before.ok_or(unavailable)
            }
        }
    }

    async fn fetch(&self, uri: &str) -> Result<JwkSet, KeySetUnavailable> {
        let fetcher = self.fetcher.as_ref().ok_or(KeySetUnavailable)?;
        let text = fetcher.fetch(uri).await?;
        if text.len() > MAXIMUM_SET {
            return Err(KeySetUnavailable);
        }
        JwkSet::parse(&text).map_err(|_| KeySetUnavailable)
    }
}
