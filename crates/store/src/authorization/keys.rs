//! The server's own keys, sealed.

use async_trait::async_trait;
use bindery_core::time::UnixTime;

use crate::error::StoreError;
use crate::record::{NonceKeyRecord, SealedKeyRecord, SigningKeyRecord, SigningKeyState};

/// Remembers the server's keys.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// Adds a signing key, in whatever state it says.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the key identifier is taken.
    async fn insert_signing_key(&self, key: &SigningKeyRecord) -> Result<(), StoreError>;

    /// All signing keys, oldest first.
    async fn list_signing_keys(&self) -> Result<Vec<SigningKeyRecord>, StoreError>;

    /// Moves a signing key forward to `state`, at `now`. Being there already is no error.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none; [`StoreError::Conflict`] when it is past that state.
    async fn move_signing_key(
        &self,
        key_id: &str,
        state: SigningKeyState,
        now: UnixTime,
    ) -> Result<(), StoreError>;

    /// Removes a signing key that nothing needs any more, or that must not be believed any longer. An unknown
    /// one is no error.
    async fn remove_signing_key(&self, key_id: &str) -> Result<(), StoreError>;

    /// Adds a nonce key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the identifier is taken.
    async fn insert_nonce_key(&self, key: &NonceKeyRecord) -> Result<(), StoreError>;

    /// All nonce keys, oldest first.
    async fn list_nonce_keys(&self) -> Result<Vec<NonceKeyRecord>, StoreError>;

    /// Removes a nonce key whose nonces have all expired. An unknown one is no error.
    async fn remove_nonce_key(&self, id: u8) -> Result<(), StoreError>;

    /// Adds a key for some other purpose.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the purpose has a key of that identifier.
    async fn insert_sealed_key(&self, key: &SealedKeyRecord) -> Result<(), StoreError>;

    /// All keys of that purpose, oldest first.
    async fn list_sealed_keys(&self, purpose: &str) -> Result<Vec<SealedKeyRecord>, StoreError>;

    /// Removes a key that nothing needs any more. An unknown one is no error.
    async fn remove_sealed_key(&self, purpose: &str, key_id: &str) -> Result<(), StoreError>;
}

/// Requires that a signing key moves forward or stays.
pub(crate) fn require_move(
    key_id: &str,
    from: SigningKeyState,
    to: SigningKeyState,
) -> Result<(), StoreError> {
    if from <= to {
        return Ok(());
    }
    Err(StoreError::Conflict {
        record: "signing key",
        name: key_id.to_owned(),
        rule: "a signing key moves from pending to active to retired, never back",
    })
}
