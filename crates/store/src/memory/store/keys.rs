//! The server's own keys in memory.

use async_trait::async_trait;
use bindery_core::time::UnixTime;

use super::MemoryStore;
use crate::authorization::{KeyStore, require_move};
use crate::error::StoreError;
use crate::record::{NonceKeyRecord, SealedKeyRecord, SigningKeyRecord, SigningKeyState};

#[async_trait]
impl KeyStore for MemoryStore {
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

    async fn remove_signing_key(&self, key_id: &str) -> Result<(), StoreError> {
        self.lock()?.signing_keys.retain(|key| key.key_id != key_id);
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

    async fn insert_sealed_key(&self, key: &SealedKeyRecord) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        let same =
            |stored: &&SealedKeyRecord| (&stored.purpose, &stored.key_id) == (&key.purpose, &key.key_id);
        if records.sealed_keys.iter().find(same).is_some() {
            return Err(StoreError::taken("sealed key", &key.key_id));
        }
        records.sealed_keys.push(key.clone());
        records.sealed_keys.sort_by(|a, b| (a.created_at, &a.key_id).cmp(&(b.created_at, &b.key_id)));
        Ok(())
    }

    async fn list_sealed_keys(&self, purpose: &str) -> Result<Vec<SealedKeyRecord>, StoreError> {
        let records = self.lock()?;
        Ok(records.sealed_keys.iter().filter(|key| key.purpose == purpose).cloned().collect())
    }

    async fn remove_sealed_key(&self, purpose: &str, key_id: &str) -> Result<(), StoreError> {
        self.lock()?.sealed_keys.retain(|key| key.purpose != purpose || key.key_id != key_id);
        Ok(())
    }
}
