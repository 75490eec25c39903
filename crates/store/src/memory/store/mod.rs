//! An authorization store in this process's memory, for trials and tests: one mutex over plain maps, so
//! every call is atomic. It forgets everything on a restart and says so.

mod audit;
mod clients;
mod grants;
mod keys;
mod pending;
mod people;
mod tokens;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;

use self::audit::AuditTrail;
use self::pending::PendingTable;
use self::people::{Accounts, Sessions};
use super::ReplayMemory;
use crate::authorization::{AuthorizationStore, Purged};
use crate::error::StoreError;
use crate::record::{
    AccessTokenRecord, BarredClientRecord, BlockedKeyRecord, ClientRecord, ConsentRecord, GrantRecord,
    NonceKeyRecord, RefreshTokenRecord, SealedKeyRecord, SigningKeyRecord,
};
use crate::replay::ReplayStore;

/// The authorization store that lives as long as its process.
#[derive(Debug)]
pub struct MemoryStore {
    records: Mutex<Records>,
    claims: ReplayMemory,
}

#[derive(Debug, Default)]
struct Records {
    clients: BTreeMap<String, ClientRecord>,
    barred_clients: BTreeMap<String, BarredClientRecord>,
    blocked_keys: BTreeMap<String, BlockedKeyRecord>,
    grants: BTreeMap<String, GrantRecord>,
    refresh_tokens: HashMap<Sha256Digest, RefreshTokenRecord>,
    access_tokens: HashMap<Sha256Digest, AccessTokenRecord>,
    revoked_tokens: HashMap<String, UnixTime>,
    pending: PendingTable,
    sessions: Sessions,
    accounts: Accounts,
    /// By subject and client.
    consents: BTreeMap<(String, String), ConsentRecord>,
    signing_keys: Vec<SigningKeyRecord>,
    nonce_keys: Vec<NonceKeyRecord>,
    sealed_keys: Vec<SealedKeyRecord>,
    audit: AuditTrail,
}

impl MemoryStore {
    /// An empty store whose single-use claims are kept in `claims`.
    #[must_use]
    pub fn new(claims: ReplayMemory) -> Self {
        Self { records: Mutex::default(), claims }
    }

    fn lock(&self) -> Result<MutexGuard<'_, Records>, StoreError> {
        self.records.lock().map_err(|_| StoreError::Unavailable {
            operation: "locking the records",
            cause: "a thread panicked while it held them".to_owned(),
        })
    }
}

#[async_trait]
impl AuthorizationStore for MemoryStore {
    async fn purge_expired(&self, now: UnixTime) -> Result<Purged, StoreError> {
        let mut records = self.lock()?;
        let Records {
            grants,
            refresh_tokens,
            access_tokens,
            revoked_tokens,
            pending,
            sessions,
            consents,
            ..
        } = &mut *records;
        // A grant outlives its tokens by its own rule, so what goes with it has expired too.
        let grants_before = grants.len();
        grants.retain(|_, grant| now < grant.expires_at);
        let refresh_before = refresh_tokens.len();
        refresh_tokens.retain(|_, token| now < token.expires_at && grants.contains_key(&token.grant_id));
        let access_before = access_tokens.len();
        access_tokens.retain(|_, token| {
            now < token.expires_at && token.grant_id.as_ref().is_none_or(|id| grants.contains_key(id))
        });
        let revoked_before = revoked_tokens.len();
        revoked_tokens.retain(|_, until| now <= *until);
        let consents_before = consents.len();
        consents.retain(|_, consent| consent.expires_at.is_none_or(|until| now < until));
        Ok(Purged {
            grants: (grants_before - grants.len()) as u64,
            refresh_tokens: (refresh_before - refresh_tokens.len()) as u64,
            access_tokens: (access_before - access_tokens.len()) as u64,
            revoked_tokens: (revoked_before - revoked_tokens.len()) as u64,
            claims: 0,
            pending: pending.retain(|record| now < record.forget_at),
            sessions: sessions.retain(|session| now < session.expires_at),
            consents: (consents_before - consents.len()) as u64,
        })
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.lock().map(drop)
    }
}

impl ReplayStore for MemoryStore {
    fn check_and_insert<'a>(
        &'a self,
        entry: ReplayEntry<'a>,
        now: UnixTime,
    ) -> impl Future<Output = ReplayOutcome> + Send + 'a {
        self.claims.check_and_insert(entry, now)
    }

    fn accepted_since(&self) -> Option<UnixTime> {
        self.claims.accepted_since()
    }
}

#[cfg(test)]
#[path = "../store_tests.rs"]
mod tests;
