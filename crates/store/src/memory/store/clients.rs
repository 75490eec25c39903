//! Clients and blocked keys in memory.

use async_trait::async_trait;
use bindery_core::time::UnixTime;

use super::MemoryStore;
use crate::authorization::{ClientStore, ClientUpdate};
use crate::error::StoreError;
use crate::record::{BarredClientRecord, BlockedKeyRecord, ClientRecord};

#[async_trait]
impl ClientStore for MemoryStore {
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

    async fn update_client(&self, client: &ClientRecord) -> Result<ClientUpdate, StoreError> {
        let mut records = self.lock()?;
        let stored = records.clients.get_mut(&client.client_id);
        let stored = stored.ok_or_else(|| StoreError::unknown("client", &client.client_id))?;
        if stored.revision != client.revision {
            return Ok(ClientUpdate::Stale);
        }
        let revision = client.revision.saturating_add(1);
        *stored = ClientRecord { created_at: stored.created_at, revision, ..client.clone() };
        Ok(ClientUpdate::Updated)
    }

    async fn disable_client(&self, client_id: &str, now: UnixTime) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        let client =
            records.clients.get_mut(client_id).ok_or_else(|| StoreError::unknown("client", client_id))?;
        if !client.disabled {
            client.disabled = true;
            client.updated_at = now;
            client.revision = client.revision.saturating_add(1);
        }
        Ok(())
    }

    async fn delete_client(
        &self,
        client_id: &str,
        revision: Option<u64>,
    ) -> Result<ClientUpdate, StoreError> {
        let mut records = self.lock()?;
        let stored =
            records.clients.get(client_id).ok_or_else(|| StoreError::unknown("client", client_id))?;
        if revision.is_some_and(|revision| revision != stored.revision) {
            return Ok(ClientUpdate::Stale);
        }
        records.clients.remove(client_id);
        records.grants.retain(|_, grant| grant.client_id != client_id);
        records.refresh_tokens.retain(|_, token| token.client_id != client_id);
        records.access_tokens.retain(|_, token| token.client_id != client_id);
        records.consents.retain(|(_, given_to), _| given_to != client_id);
        records.pending.retain(|record| record.client_id.as_deref() != Some(client_id));
        Ok(ClientUpdate::Updated)
    }

    async fn bar_client(&self, client: &BarredClientRecord) -> Result<(), StoreError> {
        self.lock()?.barred_clients.insert(client.client_id.clone(), client.clone());
        Ok(())
    }

    async fn unbar_client(&self, client_id: &str) -> Result<(), StoreError> {
        let removed = self.lock()?.barred_clients.remove(client_id);
        removed.map(drop).ok_or_else(|| StoreError::unknown("barred client", client_id))
    }

    async fn list_barred_clients(&self) -> Result<Vec<BarredClientRecord>, StoreError> {
        Ok(self.lock()?.barred_clients.values().cloned().collect())
    }

    async fn block_key(&self, key: &BlockedKeyRecord) -> Result<(), StoreError> {
        self.lock()?.blocked_keys.insert(key.thumbprint.clone(), key.clone());
        Ok(())
    }

    async fn unblock_key(&self, thumbprint: &str) -> Result<(), StoreError> {
        let removed = self.lock()?.blocked_keys.remove(thumbprint);
        removed.map(drop).ok_or_else(|| StoreError::unknown("blocked key", thumbprint))
    }

    async fn find_blocked_key(&self, thumbprint: &str) -> Result<Option<BlockedKeyRecord>, StoreError> {
        Ok(self.lock()?.blocked_keys.get(thumbprint).cloned())
    }

    async fn list_blocked_keys(&self) -> Result<Vec<BlockedKeyRecord>, StoreError> {
        Ok(self.lock()?.blocked_keys.values().cloned().collect())
    }
}
