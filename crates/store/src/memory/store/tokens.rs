//! Refresh tokens and opaque access tokens in memory.

use std::time::Duration;

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;

use super::{MemoryStore, Records};
use crate::authorization::{RefreshTokenState, Rotation, TokenStore, judge_refresh_token, require_heir};
use crate::error::StoreError;
use crate::record::{AccessTokenRecord, RefreshTokenRecord};

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
impl TokenStore for MemoryStore {
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
}
