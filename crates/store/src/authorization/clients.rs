//! Clients, those that are barred by name, and the keys that are blocked.

use async_trait::async_trait;
use bindery_core::time::UnixTime;

use crate::error::StoreError;
use crate::record::{BarredClientRecord, BlockedKeyRecord, ClientRecord};

/// The outcome of a change of a client that names the state it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ClientUpdate {
    /// It is as the caller said.
    Updated,
    /// Somebody else changed it since it was read, and it is as they said: read it again.
    Stale,
}

/// Remembers clients.
#[async_trait]
pub trait ClientStore: Send + Sync + 'static {
    /// The client of that name, disabled or not.
    async fn find_client(&self, client_id: &str) -> Result<Option<ClientRecord>, StoreError>;

    /// All clients, by `client_id`.
    async fn list_clients(&self) -> Result<Vec<ClientRecord>, StoreError>;

    /// Adds a client.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken.
    async fn insert_client(&self, client: &ClientRecord) -> Result<(), StoreError>;

    /// Replaces a client's record, if its revision is the stored one, and raises the revision; `created_at`
    /// stays as it was. Of several who have read the same state, on whatever node, one wins.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none.
    async fn update_client(&self, client: &ClientRecord) -> Result<ClientUpdate, StoreError>;

    /// Disables a client; what it holds is not live from then on. Disabling twice is no error.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none.
    async fn disable_client(&self, client_id: &str, now: UnixTime) -> Result<(), StoreError>;

    /// Removes a client and with it all that it holds: its grants and their tokens, its opaque access tokens,
    /// the consents given to it and what is pending for it. What names a grant of it counts as revoked.
    /// With a revision, only if that is the stored one.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none.
    async fn delete_client(&self, client_id: &str, revision: Option<u64>)
    -> Result<ClientUpdate, StoreError>;

    /// Bars a client by its name, whether the store has its registration or not. Barring again replaces the record.
    async fn bar_client(&self, client: &BarredClientRecord) -> Result<(), StoreError>;

    /// Takes the bar away.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none.
    async fn unbar_client(&self, client_id: &str) -> Result<(), StoreError>;

    /// All barred clients, by `client_id`.
    async fn list_barred_clients(&self) -> Result<Vec<BarredClientRecord>, StoreError>;

    /// Blocks a key or certificate. Blocking again replaces the record.
    async fn block_key(&self, key: &BlockedKeyRecord) -> Result<(), StoreError>;

    /// Takes the block away.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none.
    async fn unblock_key(&self, thumbprint: &str) -> Result<(), StoreError>;

    /// Why that thumbprint is blocked, if it is.
    async fn find_blocked_key(&self, thumbprint: &str) -> Result<Option<BlockedKeyRecord>, StoreError>;

    /// All blocked keys, by thumbprint.
    async fn list_blocked_keys(&self) -> Result<Vec<BlockedKeyRecord>, StoreError>;
}
