//! Initial access tokens (RFC 7591 section 1.2): what a stranger must show to register a client, made and
//! revoked by administrators, good for a number of clients and until a date. The store knows them by
//! digest; each use is counted by one atomic step, so that a token for one client registers one.

use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, random_identifier, random_token};
use bindery_store::authorization::{PendingUpdate, Spending};
use bindery_store::record::{PendingKind, PendingRecord};
use bindery_store::{AuthorizationStore, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::ATTEMPTS;

/// What is stored of a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct InitialAccess {
    /// Its public name.
    pub(crate) id: String,
    /// What it was made for, in the administrator's words.
    pub(crate) label: String,
    /// How many clients it may register.
    pub(crate) uses: u32,
    /// How many of those are left.
    pub(crate) uses_left: u32,
}

/// Makes a token and stores its digest.
///
/// # Errors
/// [`StoreError`]; `None` when the machine's random source fails.
pub(crate) async fn issue(
    store: &dyn AuthorizationStore,
    label: &str,
    uses: u32,
    now: UnixTime,
    expires_at: UnixTime,
) -> Result<Option<(Zeroizing<String>, InitialAccess)>, StoreError> {
    let (Ok(token), Ok(id)) = (random_token(), random_identifier()) else { return Ok(None) };
    let token = Zeroizing::new(token);
    let access = InitialAccess { id, label: label.into(), uses, uses_left: uses };
    let record = PendingRecord {
        kind: PendingKind::InitialAccessToken,
        key_sha256: digest(&token),
        alias_sha256: Some(digest(&access.id)),
        client_id: None,
        subject: None,
        payload: serde_json::to_value(&access).unwrap_or(Value::Null),
        revision: 0,
        created_at: now,
        expires_at,
        forget_at: expires_at,
        spent_at: None,
    };
    store.insert_pending(&record).await?;
    Ok(Some((token, access)))
}

/// What the token allows, while it allows anything.
///
/// # Errors
/// [`StoreError`] when the store can't be asked.
pub(crate) async fn find(
    store: &dyn AuthorizationStore,
    token: &str,
    now: UnixTime,
) -> Result<Option<InitialAccess>, StoreError> {
    let record = store.find_pending(PendingKind::InitialAccessToken, &digest(token)).await?;
    Ok(record.filter(|record| is_open(record, now).is_ok()).and_then(|record| read(&record)))
}

/// Counts one use. `None` when nothing is left of the token: then nothing may be registered.
///
/// # Errors
/// [`StoreError`] when the store can't be asked.
pub(crate) async fn spend(
    store: &dyn AuthorizationStore,
    token: &str,
    now: UnixTime,
) -> Result<Option<InitialAccess>, StoreError> {
    let (kind, key) = (PendingKind::InitialAccessToken, digest(token));
    for _ in 0..ATTEMPTS {
        let Some(record) = store.find_pending(kind, &key).await? else { return Ok(None) };
        if is_open(&record, now).is_err() {
            return Ok(None);
        }
        let Some(mut access) = read(&record) else { return Ok(None) };
        if access.uses_left <= 1 {
            return match store.spend_pending(kind, &key, now).await? {
                Spending::Spent(_) => Ok(Some(access)),
                _ => Ok(None),
            };
        }
        access.uses_left -= 1;
        let payload = serde_json::to_value(&access).unwrap_or(Value::Null);
        match store.update_pending(kind, &key, record.revision, &payload, now).await? {
            PendingUpdate::Updated { .. } => return Ok(Some(access)),
            PendingUpdate::Over => return Ok(None),
            PendingUpdate::Stale => {}
        }
    }
    Ok(None)
}

/// Ends the token of that public name; `None` when there is none that is still good.
///
/// # Errors
/// [`StoreError`] when the store can't be asked.
pub(crate) async fn revoke(
    store: &dyn AuthorizationStore,
    id: &str,
    now: UnixTime,
) -> Result<Option<()>, StoreError> {
    let kind = PendingKind::InitialAccessToken;
    let Some(record) = store.find_pending_by_alias(kind, &digest(id)).await? else { return Ok(None) };
    match store.spend_pending(kind, &record.key_sha256, now).await? {
        Spending::Spent(_) => Ok(Some(())),
        _ => Ok(None),
    }
}

/// A token that is spent, revoked or expired.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closed;

/// Requires that a stored token still allows something.
pub(crate) fn is_open(record: &PendingRecord, now: UnixTime) -> Result<(), Closed> {
    if record.spent_at.is_some() || now >= record.expires_at { Err(Closed) } else { Ok(()) }
}

pub(crate) fn read(record: &PendingRecord) -> Option<InitialAccess> {
    serde_json::from_value(record.payload.clone()).ok()
}

fn digest(text: &str) -> Sha256Digest {
    AwsLc.sha256(&[text.as_bytes()])
}
