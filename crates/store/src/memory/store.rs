//! An authorization store in this process's memory, for trials and tests: one mutex over plain maps, so
//! every call is atomic. It forgets everything on a restart and says so.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;
use serde_json::Value;

use super::ReplayMemory;
use crate::authorization::{
    AuthorizationStore, GrantBinding, Purged, RefreshTokenState, Revocation, Rotation, judge_refresh_token,
    require_heir, require_move,
};
use crate::error::StoreError;
use crate::record::{
    AccessTokenRecord, ClientRecord, GrantRecord, NonceKeyRecord, RefreshTokenRecord, SigningKeyRecord,
    SigningKeyState,
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
    grants: HashMap<String, GrantRecord>,
    refresh_tokens: HashMap<Sha256Digest, RefreshTokenRecord>,
    access_tokens: HashMap<Sha256Digest, AccessTokenRecord>,
    revoked_tokens: HashMap<String, UnixTime>,
    signing_keys: Vec<SigningKeyRecord>,
    nonce_keys: Vec<NonceKeyRecord>,
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

impl Records {
    fn is_disabled(&self, client_id: &str) -> bool {
        self.clients.get(client_id).is_some_and(|client| client.disabled)
    }

    fn refresh_token_state(
        &self,
        token_sha256: &Sha256Digest,
        now: UnixTime,
        grace: Duration,
    ) -> RefreshTokenState {
        let Some(token) = self.refresh_tokens.get(token_sha256) else { return RefreshTokenState::Unknown };
        let Some(grant) = self.grants.get(&token.grant_id) else { return RefreshTokenState::Ended };
        judge_refresh_token(token.clone(), grant.clone(), self.is_disabled(&token.client_id), now, grace)
    }
}

#[async_trait]
impl AuthorizationStore for MemoryStore {
    async fn find_client(&self, client_id: &str) -> Result<Option<ClientRecord>, StoreError> {
        Ok(self.lock()?.clients.get(client_id).cloned())
    }

    async fn list_clients(&self) -> Result<Vec<ClientRecord>, StoreError> {
        Ok(self.lock()?.clients.values().cloned().collect())
    }

    async fn insert_client(&self, client: &ClientRecord) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        if records.clients.contains_key(&client.client_id) {
            return Err(StoreError::taken("client", &client.client_id));
        }
        records.clients.insert(client.client_id.clone(), client.clone());
        Ok(())
    }

    async fn update_client(&self, client: &ClientRecord) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        let stored = records.clients.get_mut(&client.client_id);
        let stored = stored.ok_or_else(|| StoreError::unknown("client", &client.client_id))?;
        *stored = ClientRecord { created_at: stored.created_at, ..client.clone() };
        Ok(())
    }

    async fn disable_client(&self, client_id: &str, now: UnixTime) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        let client =
            records.clients.get_mut(client_id).ok_or_else(|| StoreError::unknown("client", client_id))?;
        if !client.disabled {
            client.disabled = true;
            client.updated_at = now;
        }
        Ok(())
    }

    async fn insert_grant(&self, grant: &GrantRecord) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        if records.grants.contains_key(&grant.grant_id) {
            return Err(StoreError::taken("grant", &grant.grant_id));
        }
        records.grants.insert(grant.grant_id.clone(), grant.clone());
        Ok(())
    }

    async fn find_grant(&self, grant_id: &str) -> Result<Option<GrantRecord>, StoreError> {
        Ok(self.lock()?.grants.get(grant_id).cloned())
    }

    async fn revoke_grant(&self, grant_id: &str, now: UnixTime) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        let grant = records.grants.get_mut(grant_id).ok_or_else(|| StoreError::unknown("grant", grant_id))?;
        grant.revoked_at.get_or_insert(now);
        Ok(())
    }

    async fn bind_grant(&self, grant_id: &str, confirmation: &Value) -> Result<GrantBinding, StoreError> {
        let mut records = self.lock()?;
        let grant = records.grants.get_mut(grant_id).ok_or_else(|| StoreError::unknown("grant", grant_id))?;
        match &grant.bound_to {
            Some(before) => Ok(GrantBinding::BoundBefore(before.clone())),
            None => {
                grant.bound_to = Some(confirmation.clone());
                Ok(GrantBinding::Bound)
            }
        }
    }

    async fn insert_refresh_token(&self, token: &RefreshTokenRecord) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        if !records.grants.contains_key(&token.grant_id) {
            return Err(StoreError::unknown("grant", &token.grant_id));
        }
        if records.refresh_tokens.contains_key(&token.token_sha256) {
            return Err(StoreError::taken("refresh token", ""));
        }
        records.refresh_tokens.insert(token.token_sha256, token.clone());
        Ok(())
    }

    async fn find_refresh_token(
        &self,
        token_sha256: &Sha256Digest,
        now: UnixTime,
        grace: Duration,
    ) -> Result<RefreshTokenState, StoreError> {
        Ok(self.lock()?.refresh_token_state(token_sha256, now, grace))
    }

    async fn rotate_refresh_token(
        &self,
        old: &Sha256Digest,
        new: &RefreshTokenRecord,
        now: UnixTime,
        grace: Duration,
    ) -> Result<Rotation, StoreError> {
        let mut records = self.lock()?;
        let (mut token, grant) = match records.refresh_token_state(old, now, grace) {
            RefreshTokenState::Live { token, grant } => (token, grant),
            refused => return Ok(Rotation::Refused(refused)),
        };
        require_heir(&token, new)?;
        if records.refresh_tokens.contains_key(&new.token_sha256) {
            return Err(StoreError::taken("refresh token", ""));
        }
        token.spent_at = Some(now);
        token.successor = Some(new.token_sha256);
        records.refresh_tokens.insert(*old, token);
        records.refresh_tokens.insert(new.token_sha256, new.clone());
        Ok(Rotation::Rotated { grant })
    }

    async fn insert_access_token(&self, token: &AccessTokenRecord) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        if let Some(grant_id) = &token.grant_id
            && !records.grants.contains_key(grant_id)
        {
            return Err(StoreError::unknown("grant", grant_id));
        }
        if records.access_tokens.contains_key(&token.token_sha256) {
            return Err(StoreError::taken("access token", &token.jti));
        }
        records.access_tokens.insert(token.token_sha256, token.clone());
        Ok(())
    }

    async fn find_access_token(
        &self,
        token_sha256: &Sha256Digest,
        now: UnixTime,
    ) -> Result<Option<AccessTokenRecord>, StoreError> {
        let records = self.lock()?;
        let Some(token) = records.access_tokens.get(token_sha256) else { return Ok(None) };
        let grant_is_live = match &token.grant_id {
            None => true,
            Some(grant_id) => records
                .grants
                .get(grant_id)
                .is_some_and(|grant| grant.revoked_at.is_none() && now < grant.expires_at),
        };
        let live = grant_is_live && now < token.expires_at && !records.is_disabled(&token.client_id);
        Ok(live.then(|| token.clone()))
    }

    async fn revoke_access_token(&self, token_sha256: &Sha256Digest) -> Result<(), StoreError> {
        self.lock()?.access_tokens.remove(token_sha256);
        Ok(())
    }

    async fn revoke_token_id(&self, jti: &str, expires_at: UnixTime) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        let until = records.revoked_tokens.entry(jti.to_owned()).or_insert(expires_at);
        *until = (*until).max(expires_at);
        Ok(())
    }

    async fn find_revocation(&self, jti: &str, grant_id: Option<&str>) -> Result<Revocation, StoreError> {
        let records = self.lock()?;
        if records.revoked_tokens.contains_key(jti) {
            return Ok(Revocation::Token);
        }
        let Some(grant_id) = grant_id else { return Ok(Revocation::NotRevoked) };
        match records.grants.get(grant_id) {
            Some(grant) if grant.revoked_at.is_none() => Ok(Revocation::NotRevoked),
            Some(_) | None => Ok(Revocation::Grant),
        }
    }

    async fn claim_once(&self, entry: ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome {
        self.claims.insert_if_absent(&entry, now)
    }

    fn claims_since(&self) -> Option<UnixTime> {
        self.claims.accepted_since()
    }

    async fn insert_signing_key(&self, key: &SigningKeyRecord) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        if records.signing_keys.iter().any(|stored| stored.key_id == key.key_id) {
            return Err(StoreError::taken("signing key", &key.key_id));
        }
        records.signing_keys.push(key.clone());
        records.signing_keys.sort_by(|a, b| (a.created_at, &a.key_id).cmp(&(b.created_at, &b.key_id)));
        Ok(())
    }

    async fn list_signing_keys(&self) -> Result<Vec<SigningKeyRecord>, StoreError> {
        Ok(self.lock()?.signing_keys.clone())
    }

    async fn move_signing_key(
        &self,
        key_id: &str,
        state: SigningKeyState,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        let key = records.signing_keys.iter_mut().find(|key| key.key_id == key_id);
        let key = key.ok_or_else(|| StoreError::unknown("signing key", key_id))?;
        require_move(key_id, key.state, state)?;
        key.state = state;
        match state {
            SigningKeyState::Pending => {}
            SigningKeyState::Active => _ = key.activated_at.get_or_insert(now),
            SigningKeyState::Retired => _ = key.retired_at.get_or_insert(now),
        }
        Ok(())
    }

    async fn insert_nonce_key(&self, key: &NonceKeyRecord) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        if records.nonce_keys.iter().any(|stored| stored.id == key.id) {
            return Err(StoreError::taken("nonce key", &key.id.to_string()));
        }
        records.nonce_keys.push(key.clone());
        records.nonce_keys.sort_by_key(|key| (key.created_at, key.id));
        Ok(())
    }

    async fn list_nonce_keys(&self) -> Result<Vec<NonceKeyRecord>, StoreError> {
        Ok(self.lock()?.nonce_keys.clone())
    }

    async fn remove_nonce_key(&self, id: u8) -> Result<(), StoreError> {
        self.lock()?.nonce_keys.retain(|key| key.id != id);
        Ok(())
    }

    async fn purge_expired(&self, now: UnixTime) -> Result<Purged, StoreError> {
        let mut records = self.lock()?;
        let Records { grants, refresh_tokens, access_tokens, revoked_tokens, .. } = &mut *records;
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
        Ok(Purged {
            grants: (grants_before - grants.len()) as u64,
            refresh_tokens: (refresh_before - refresh_tokens.len()) as u64,
            access_tokens: (access_before - access_tokens.len()) as u64,
            revoked_tokens: (revoked_before - revoked_tokens.len()) as u64,
            claims: 0,
        })
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
#[path = "store_tests.rs"]
mod tests;
