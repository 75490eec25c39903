//! Grants and revocation in memory.

use std::ops::Bound;

use async_trait::async_trait;
use bindery_core::time::UnixTime;
use serde_json::Value;

use super::{MemoryStore, Records};
use crate::authorization::{GrantBinding, GrantStore, Revocation, require_own};
use crate::error::StoreError;
use crate::record::{GrantFilter, GrantRecord, RefreshTokenRecord};

impl Records {
    /// Stores both or neither.
    pub(super) fn provision(
        &mut self,
        grant: &GrantRecord,
        refresh: Option<&RefreshTokenRecord>,
    ) -> Result<(), StoreError> {
        if self.grants.contains_key(&grant.grant_id) {
            return Err(StoreError::taken("grant", &grant.grant_id));
        }
        if let Some(token) = refresh {
            require_own(grant, token)?;
            if self.refresh_tokens.contains_key(&token.token_sha256) {
                return Err(StoreError::taken("refresh token", ""));
            }
            self.refresh_tokens.insert(token.token_sha256, token.clone());
        }
        self.grants.insert(grant.grant_id.clone(), grant.clone());
        Ok(())
    }
}

impl GrantFilter {
    fn admits(&self, grant: &GrantRecord) -> bool {
        let is = |asked: &Option<String>, found: Option<&str>| asked.is_none() || asked.as_deref() == found;
        is(&self.client_id, Some(&grant.client_id))
            && is(&self.subject, Some(&grant.subject))
            && is(&self.session_id, grant.session_id.as_deref())
            && self.live_at.is_none_or(|now| grant.revoked_at.is_none() && now < grant.expires_at)
    }
}

#[async_trait]
impl GrantStore for MemoryStore {
    async fn insert_grant(&self, grant: &GrantRecord) -> Result<(), StoreError> {
        self.lock()?.provision(grant, None)
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

    async fn provision_grant(
        &self,
        grant: &GrantRecord,
        refresh: Option<&RefreshTokenRecord>,
    ) -> Result<(), StoreError> {
        self.lock()?.provision(grant, refresh)
    }

    async fn update_grant(
        &self,
        grant_id: &str,
        scope: &[String],
        audience: &[String],
        details: &Value,
    ) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        let grant = records.grants.get_mut(grant_id).ok_or_else(|| StoreError::unknown("grant", grant_id))?;
        grant.scope = scope.to_vec();
        grant.audience = audience.to_vec();
        grant.details = details.clone();
        Ok(())
    }

    async fn list_grants(
        &self,
        filter: &GrantFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<GrantRecord>, StoreError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let records = self.lock()?;
        let behind = records.grants.range::<str, _>((from, Bound::Unbounded)).map(|(_, grant)| grant);
        Ok(behind.filter(|grant| filter.admits(grant)).take(limit as usize).cloned().collect())
    }

    async fn revoke_grants(&self, filter: &GrantFilter, now: UnixTime) -> Result<u64, StoreError> {
        let mut revoked = 0;
        for grant in self.lock()?.grants.values_mut() {
            if grant.revoked_at.is_none() && filter.admits(grant) {
                grant.revoked_at = Some(now);
                revoked += 1;
            }
        }
        Ok(revoked)
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
}
