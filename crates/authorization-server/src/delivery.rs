//! News for clients on their way: each waits in the store until its client has taken it, so a restart loses none;
//! attempts are few and grow rarer, and end with the time after which the news is of no use. Several processes share
//! the work: who moves the record's revision sends. What is sent, and to which address, is each kind's own; the
//! address is always the client's registered one, called through the guarded client.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;
use bindery_store::authorization::PendingUpdate;
use bindery_store::record::{PendingKind, PendingRecord};
use bindery_store::{AuthorizationStore, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::server::Server;

/// How many clients are told at the same time.
const AT_ONCE: usize = 16;

/// One kind of news.
pub(crate) trait News: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Where it waits.
    const KIND: PendingKind;
    /// Seconds before the second attempt, the third, and so on; after the last there is no other.
    const PAUSES: &'static [u64];

    /// Makes one attempt to tell `client_id`.
    ///
    /// # Errors
    /// [`StoreError`] when the store can't be asked; the attempt counts.
    fn send(
        &self,
        server: &Server,
        client_id: &str,
        now: UnixTime,
    ) -> impl Future<Output = Result<Sent, StoreError>> + Send;

    /// Notes for the operator what has become of it, once.
    fn report(&self, server: &Server, client_id: &str, outcome: Outcome);
}

/// What became of an attempt.
pub(crate) enum Sent {
    /// The client has it.
    Taken,
    /// The client's own no: the same would meet it again.
    Refused(&'static str),
    /// Another attempt may succeed.
    Failed(&'static str),
    /// The client is gone, or does not want to be told any more.
    NotWanted,
}

/// What became of news in the end.
#[derive(Clone, Copy)]
pub(crate) struct Outcome {
    /// Why it was given up, if it was.
    pub(crate) given_up: Option<&'static str>,
    /// How many attempts were made.
    pub(crate) attempts: u64,
}

/// What the store keeps.
#[derive(Serialize, Deserialize)]
struct Waiting<N> {
    #[serde(flatten)]
    news: N,
    attempts: usize,
    /// Not before this second.
    next_at: i64,
}

/// Puts news for a client into the store, if the same is not there yet. Until `expires_at`, attempts are made.
///
/// # Errors
/// [`StoreError`]; nothing was stored.
pub(crate) async fn queue<N: News>(
    store: &dyn AuthorizationStore,
    client_id: &str,
    key_sha256: Sha256Digest,
    news: N,
    (now, expires_at): (UnixTime, UnixTime),
) -> Result<(), StoreError> {
    let waiting = Waiting { news, attempts: 0, next_at: now.as_seconds() };
    let record = PendingRecord {
        kind: N::KIND,
        key_sha256,
        alias_sha256: None,
        client_id: Some(client_id.to_owned()),
        subject: None,
        payload: serde_json::to_value(waiting).unwrap_or_default(),
        revision: 0,
        created_at: now,
        expires_at,
        forget_at: expires_at,
        spent_at: None,
    };
    match store.insert_pending(&record).await {
        // Two who say the same at once: one message is enough.
        Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes every attempt that is due.
///
/// # Errors
/// [`StoreError`] when the store can't be asked; the news stays where it is.
pub(crate) async fn deliver_due<N: News>(server: &Arc<Server>, now: UnixTime) -> Result<(), StoreError> {
    const PAGE: u32 = 100;
    let mut sending = JoinSet::new();
    let mut after: Option<Sha256Digest> = None;
    loop {
        let page = server.store.list_pending(N::KIND, after.as_ref(), PAGE).await?;
        after = page.last().map(|record| record.key_sha256);
        let full = page.len() >= PAGE as usize;
        for record in page {
            if record.spent_at.is_some() || now >= record.expires_at {
                continue;
            }
            if sending.len() >= AT_ONCE {
                sending.join_next().await;
            }
            let server = Arc::clone(server);
            sending.spawn(async move {
                if let Err(error) = attempt::<N>(&server, &record, now).await {
                    crate::server::unavailable(N::KIND.as_str(), &error);
                }
            });
        }
        if !full {
            break;
        }
    }
    while sending.join_next().await.is_some() {}
    Ok(())
}

/// One attempt, if it is due and nobody else makes it.
async fn attempt<N: News>(server: &Server, record: &PendingRecord, now: UnixTime) -> Result<(), StoreError> {
    let key = &record.key_sha256;
    let Ok(mut waiting) = Waiting::<N>::deserialize(&record.payload) else {
        return server.store.spend_pending(N::KIND, key, now).await.map(drop);
    };
    if now.as_seconds() < waiting.next_at {
        return Ok(());
    }
    let pause = N::PAUSES.get(waiting.attempts).copied();
    waiting.attempts += 1;
    let next_at = pause.map_or(record.expires_at, |pause| now.plus(Duration::from_secs(pause)));
    waiting.next_at = next_at.as_seconds();
    let payload = serde_json::to_value(&waiting).unwrap_or_default();
    match server.store.update_pending(N::KIND, key, record.revision, &payload, now).await? {
        PendingUpdate::Updated { .. } => {}
        PendingUpdate::Stale | PendingUpdate::Over => return Ok(()),
    }
    let client_id = record.client_id.as_deref().unwrap_or_default();
    let attempts = u64::try_from(waiting.attempts).unwrap_or(u64::MAX);
    let report = |given_up| waiting.news.report(server, client_id, Outcome { given_up, attempts });
    match waiting.news.send(server, client_id, now).await? {
        Sent::Taken => report(None),
        Sent::Failed(_) if next_at < record.expires_at => return Ok(()),
        Sent::Failed(reason) | Sent::Refused(reason) => report(Some(reason)),
        Sent::NotWanted => {}
    }
    server.store.spend_pending(N::KIND, key, now).await.map(drop)
}
