//! The public keys of a client: registered ones, or a set fetched from its `jwks_uri` (MTLS-2.2-03, -04). A
//! fetched set is kept for a while and fetched again when a key is unknown, at most once in a pause, by one
//! task for all who wait, so that neither a stranger nor a loop can make the server a flood (CVE-2026-48522's
//! class), nor a caller who hangs up keep a set from arriving.

mod configuration;
mod counting;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bindery_core::jose::jwk::JwkSet;
use bindery_core::oauth::client_metadata::{ClientKeys, ClientMetadata};
use bindery_core::time::UnixTime;
use tokio::sync::watch;

use crate::event::AuditEvent;
use crate::outbound::MAXIMUM_DOCUMENT;

pub use configuration::ClientKeysConfiguration;
pub(crate) use configuration::{FetchTimes, PrivateDestinations};
pub(crate) use counting::DecidedByKeys;

/// The most clients whose sets are kept.
const MAXIMUM_SETS: usize = 10_000;
/// The most that is kept of all sets, in bytes as they were read.
const MAXIMUM_BYTES: usize = 32 * 1024 * 1024;

/// Fetches a client's key set.
///
/// The implementer allows https alone, follows no redirect, refuses addresses inside the operator's own
/// network unless they are listed, and bounds time, size and how many fetches run at the same time.
/// [`HttpOutbound`](crate::HttpOutbound) does.
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
    sources: Arc<Mutex<Sources>>,
}

/// One set for each client, so that nobody takes the room of others by naming ever new addresses.
#[derive(Default)]
struct Sources {
    by_client: HashMap<String, Source>,
    /// What was read of all of them.
    bytes: usize,
}

/// One client's `jwks_uri`.
struct Source {
    uri: String,
    fetched: Option<Fetched>,
    asked_at: UnixTime,
    /// Closed when the last fetch has ended, however it did.
    running: watch::Receiver<()>,
}

struct Fetched {
    set: Arc<JwkSet>,
    at: UnixTime,
    bytes: usize,
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
        client: &ClientMetadata,
        now: UnixTime,
        unknown_key: bool,
    ) -> Result<Arc<JwkSet>, KeySetUnavailable> {
        match &client.keys {
            ClientKeys::None => Ok(Arc::default()),
            ClientKeys::Inline(set) => Ok(Arc::clone(set)),
            ClientKeys::Uri(uri) => self.fetched(&client.client_id, uri, now, unknown_key).await,
        }
    }

    async fn fetched(
        &self,
        client_id: &str,
        uri: &str,
        now: UnixTime,
        unknown_key: bool,
    ) -> Result<Arc<JwkSet>, KeySetUnavailable> {
        let mut running = match self.begin(client_id, uri, now, unknown_key)? {
            Turn::Known(set) => return Ok(set),
            Turn::Fetching(running) => running,
        };
        // Only the end is awaited; nothing is ever sent.
        let _ = running.changed().await;
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let source = sources.by_client.get(client_id).filter(|source| source.uri == uri);
        source.and_then(|source| source.usable(now, self.times)).ok_or(KeySetUnavailable)
    }

    /// Looks for the set, and has it fetched when that is due. A client that has changed its address waits for the end
    /// of the pause like one that has changed its keys.
    fn begin(
        &self,
        client_id: &str,
        uri: &str,
        now: UnixTime,
        unknown_key: bool,
    ) -> Result<Turn, KeySetUnavailable> {
        let fetcher = self.fetcher.as_ref().ok_or(KeySetUnavailable)?;
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = sources.by_client.get(client_id) {
            let same = source.uri == uri;
            if let Some(fetched) = source.fetched.as_ref().filter(|_| same)
                && !unknown_key
                && now < fetched.at.plus(self.times.lifetime)
            {
                return Ok(Turn::Known(Arc::clone(&fetched.set)));
            }
            if same && source.running.has_changed().is_ok() {
                return Ok(Turn::Fetching(source.running.clone()));
            }
            if now < source.asked_at.plus(self.times.pause) {
                let usable = source.usable(now, self.times).filter(|_| same);
                return usable.map(Turn::Known).ok_or(KeySetUnavailable);
            }
        }
        let (ended, running) = watch::channel(());
        sources.ask(client_id, uri, now, running.clone());
        drop(sources);
        self.spawn(Arc::clone(fetcher), client_id.to_owned(), uri.to_owned(), now, ended);
        Ok(Turn::Fetching(running))
    }

    /// A task of its own: a caller that hangs up must not end the fetch, or it would use up the pause.
    fn spawn(
        &self,
        fetcher: Arc<dyn KeySetFetcher>,
        client_id: String,
        uri: String,
        now: UnixTime,
        ended: watch::Sender<()>,
    ) {
        let sources = Arc::clone(&self.sources);
        tokio::spawn(async move {
            match fetch(&*fetcher, &uri).await {
                Ok((set, bytes)) => {
                    let fetched = Fetched { set: Arc::new(set), at: now, bytes };
                    sources.lock().unwrap_or_else(PoisonError::into_inner).keep(&client_id, &uri, fetched);
                }
                Err(KeySetUnavailable) => AuditEvent::ClientKeysUnavailable { uri: &uri }.trace(),
            }
            drop(ended);
        });
    }
}

impl Sources {
    /// Notes that the client's address is asked now; what came from another address is forgotten.
    fn ask(&mut self, client_id: &str, uri: &str, now: UnixTime, running: watch::Receiver<()>) {
        let before = self.remove(client_id).filter(|source| source.uri == uri);
        let fetched = before.and_then(|source| source.fetched);
        self.bytes += fetched.as_ref().map_or(0, |fetched| fetched.bytes);
        let source = Source { uri: uri.to_owned(), fetched, asked_at: now, running };
        self.by_client.insert(client_id.to_owned(), source);
        self.make_room(client_id);
    }

    fn keep(&mut self, client_id: &str, uri: &str, fetched: Fetched) {
        let Some(source) = self.by_client.get_mut(client_id).filter(|source| source.uri == uri) else {
            return;
        };
        self.bytes += fetched.bytes;
        let before = source.fetched.replace(fetched);
        self.bytes -= before.map_or(0, |before| before.bytes);
        self.make_room(client_id);
    }

    /// Forgets whom nobody has asked for longest, until there is room again; never the one in hand.
    fn make_room(&mut self, but: &str) {
        while self.by_client.len() > MAXIMUM_SETS || self.bytes > MAXIMUM_BYTES {
            let others = self.by_client.iter().filter(|(client_id, _)| *client_id != but);
            let Some(oldest) = others.min_by_key(|(_, source)| source.asked_at).map(|(id, _)| id.clone())
            else {
                return;
            };
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, client_id: &str) -> Option<Source> {
        let removed = self.by_client.remove(client_id)?;
        self.bytes -= removed.fetched.as_ref().map_or(0, |fetched| fetched.bytes);
        Some(removed)
    }
}

enum Turn {
    Known(Arc<JwkSet>),
    Fetching(watch::Receiver<()>),
}

impl Source {
    /// The set, unless it is too old even for an outage: a key that its owner removed must die some day.
    fn usable(&self, now: UnixTime, times: FetchTimes) -> Option<Arc<JwkSet>> {
        let fetched = self.fetched.as_ref()?;
        (now < fetched.at.plus(times.stale)).then(|| Arc::clone(&fetched.set))
    }
}

/// The set, and how much was read.
async fn fetch(fetcher: &dyn KeySetFetcher, uri: &str) -> Result<(JwkSet, usize), KeySetUnavailable> {
    let text = fetcher.fetch(uri).await?;
    if text.len() > MAXIMUM_DOCUMENT {
        return Err(KeySetUnavailable);
    }
    let set = JwkSet::parse(&text).map_err(|_| KeySetUnavailable)?;
    Ok((set, text.len()))
}

#[cfg(test)]
#[path = "client_keys/cache_tests.rs"]
mod tests;
