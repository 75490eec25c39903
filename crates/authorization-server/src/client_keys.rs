//! The public keys of a client: registered ones, or a set fetched from its `jwks_uri` (MTLS-2.2-03, -04). A
//! fetched set is kept for a while and fetched again when a key is unknown, at most once in a pause, by one
//! task for all who wait, so that neither a stranger nor a loop can make the server a flood (CVE-2026-48522's
//! class), nor a caller who hangs up keep a set from arriving.

mod address;
mod configuration;
mod counting;
mod http;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bindery_core::jose::jwk::JwkSet;
use bindery_core::oauth::client_metadata::ClientKeys;
use bindery_core::time::UnixTime;
use tokio::sync::watch;

use crate::event::AuditEvent;

pub use configuration::ClientKeysConfiguration;
pub(crate) use configuration::FetchTimes;
pub(crate) use counting::DecidedByKeys;
pub use http::HttpKeySetFetcher;

/// The largest set that is read, in bytes.
const MAXIMUM_SET: usize = 256 * 1024;
/// The most sets that are kept.
const MAXIMUM_SETS: usize = 10_000;

/// Fetches a client's key set.
///
/// The implementer allows https alone, follows no redirect, refuses addresses inside the operator's own
/// network unless they are listed, and bounds time, size and how many fetches run at the same time.
/// [`HttpKeySetFetcher`] does.
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
    times: FetchTimes,
    sources: Arc<Mutex<HashMap<String, Source>>>,
}

/// One `jwks_uri`.
struct Source {
    fetched: Option<(Arc<JwkSet>, UnixTime)>,
    asked_at: UnixTime,
    /// Closed when the last fetch has ended, however it did.
    running: watch::Receiver<()>,
}

impl ClientKeyCache {
    pub(crate) fn new(fetcher: Option<Arc<dyn KeySetFetcher>>, times: FetchTimes) -> Self {
        Self { fetcher, times, sources: Arc::default() }
    }

    pub(crate) const fn can_fetch(&self) -> bool {
        self.fetcher.is_some()
    }

    /// All keys, blocked ones too. `unknown_key` says that the set in hand did not have the key.
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
        let mut running = match self.begin(uri, now, unknown_key)? {
            Turn::Known(set) => return Ok(set),
            Turn::Fetching(running) => running,
        };
        // Only the end is awaited; nothing is ever sent.
        let _ = running.changed().await;
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.get(uri).and_then(|source| source.usable(now, self.times)).ok_or(KeySetUnavailable)
    }

    /// Looks for the set, and has it fetched when that is due.
    fn begin(&self, uri: &str, now: UnixTime, unknown_key: bool) -> Result<Turn, KeySetUnavailable> {
        let fetcher = self.fetcher.as_ref().ok_or(KeySetUnavailable)?;
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let source = sources.get(uri);
        if let Some(source) = source {
            if let Some((set, fetched_at)) = &source.fetched
                && !unknown_key
                && now < fetched_at.plus(self.times.lifetime)
            {
                return Ok(Turn::Known(Arc::clone(set)));
            }
            if source.running.has_changed().is_ok() {
                return Ok(Turn::Fetching(source.running.clone()));
            }
            if now < source.asked_at.plus(self.times.pause) {
                return source.usable(now, self.times).map(Turn::Known).ok_or(KeySetUnavailable);
            }
        } else if sources.len() >= MAXIMUM_SETS {
            // What nobody may use any more makes room.
            sources.retain(|_, source| now < source.asked_at.plus(self.times.stale));
            if sources.len() >= MAXIMUM_SETS {
                return Err(KeySetUnavailable);
            }
        }
        let (ended, running) = watch::channel(());
        let fetched = sources.remove(uri).and_then(|source| source.fetched);
        sources.insert(uri.to_owned(), Source { fetched, asked_at: now, running: running.clone() });
        drop(sources);
        self.spawn(Arc::clone(fetcher), uri.to_owned(), now, ended);
        Ok(Turn::Fetching(running))
    }

    /// A task of its own: a caller that hangs up must not end the fetch, or it would use up the pause.
    fn spawn(&self, fetcher: Arc<dyn KeySetFetcher>, uri: String, now: UnixTime, ended: watch::Sender<()>) {
        let sources = Arc::clone(&self.sources);
        tokio::spawn(async move {
            match fetch(&*fetcher, &uri).await {
                Ok(set) => {
                    let mut sources = sources.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(source) = sources.get_mut(&uri) {
                        source.fetched = Some((Arc::new(set), now));
                    }
                }
                Err(KeySetUnavailable) => AuditEvent::ClientKeysUnavailable { uri: &uri }.trace(),
            }
            drop(ended);
        });
    }
}

enum Turn {
    Known(Arc<JwkSet>),
    Fetching(watch::Receiver<()>),
}

impl Source {
    /// The set, unless it is too old even for an outage: a key that its owner removed must die some day.
    fn usable(&self, now: UnixTime, times: FetchTimes) -> Option<Arc<JwkSet>> {
        let (set, fetched_at) = self.fetched.as_ref()?;
        (now < fetched_at.plus(times.stale)).then(|| Arc::clone(set))
    }
}

async fn fetch(fetcher: &dyn KeySetFetcher, uri: &str) -> Result<JwkSet, KeySetUnavailable> {
    let text = fetcher.fetch(uri).await?;
    if text.len() > MAXIMUM_SET {
        return Err(KeySetUnavailable);
    }
    JwkSet::parse(&text).map_err(|_| KeySetUnavailable)
}
