//! Keys and certificates that open nothing any more, whoever holds them: those of offboarded clients, and
//! those that an operator blocks. Held in memory, so that a request pays one look at an empty set, and taken
//! over from the store every few seconds; what this process blocks counts at once.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use bindery_core::crypto::Sha256Digest;
use bindery_core::encoding::base64url;
use bindery_core::jose::encryption::EncryptionJwk;
use bindery_core::jose::jwk::{Jwk, JwkSet};
use bindery_core::jose::thumbprint::JwkThumbprint;
use bindery_core::mtls::certificate::CertificateThumbprint;
use bindery_core::oauth::client_metadata::{ClientKeys, ClientMetadata};
use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::AwsLc;
use bindery_store::record::BlockedKeyRecord;
use bindery_store::{AuthorizationStore, StoreError};

use crate::registration::RegistrationRefused;

/// A key that was shown is blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyBlocked {
    /// The key of the proof, or of `jkt`.
    Dpop,
    /// The certificate, or `x5t#S256`.
    Certificate,
}

/// The set as it is now.
#[derive(Debug, Default)]
pub(crate) struct BlockedKeys {
    set: RwLock<Arc<HashSet<Sha256Digest>>>,
    /// One look at the store at a time, so that none that began earlier ends later.
    turn: tokio::sync::Mutex<()>,
}

impl BlockedKeys {
    pub(crate) async fn load(store: &dyn AuthorizationStore) -> Result<Self, StoreError> {
        let keys = Self::default();
        keys.refresh(store).await?;
        Ok(keys)
    }

    /// Takes over what the store holds.
    pub(crate) async fn refresh(&self, store: &dyn AuthorizationStore) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let records = store.list_blocked_keys().await?;
        let set = records.iter().filter_map(digest_of).collect();
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        Ok(())
    }

    /// Blocks keys in the store, and here at once.
    pub(crate) async fn block(
        &self,
        store: &dyn AuthorizationStore,
        records: &[BlockedKeyRecord],
    ) -> Result<(), StoreError> {
        for record in records {
            store.block_key(record).await?;
        }
        self.refresh(store).await
    }

    /// Takes a block away, in the store and here.
    pub(crate) async fn unblock(
        &self,
        store: &dyn AuthorizationStore,
        thumbprint: &str,
    ) -> Result<(), StoreError> {
        store.unblock_key(thumbprint).await?;
        self.refresh(store).await
    }

    fn current(&self) -> Arc<HashSet<Sha256Digest>> {
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requires that what a request has shown is not blocked.
    ///
    /// # Errors
    /// [`KeyBlocked`] says which.
    pub(crate) fn require_unblocked(
        &self,
        jkt: Option<&JwkThumbprint>,
        x5t: Option<&CertificateThumbprint>,
    ) -> Result<(), KeyBlocked> {
        let set = self.current();
        if jkt.is_some_and(|jkt| set.contains(jkt.as_bytes())) {
            return Err(KeyBlocked::Dpop);
        }
        match x5t.is_some_and(|x5t| set.contains(x5t.as_bytes())) {
            true => Err(KeyBlocked::Certificate),
            false => Ok(()),
        }
    }

    /// The keys of a set that are not blocked. A key goes with its certificate: of the two neither is believed when
    /// one is blocked.
    pub(crate) fn without_blocked(&self, set: Arc<JwkSet>) -> Arc<JwkSet> {
        let blocked = self.current();
        let counts = |thumbprints: Vec<Thumbprint>| {
            thumbprints.iter().all(|thumbprint| !blocked.contains(thumbprint.as_bytes()))
        };
        let verifies = |jwk: &Jwk| counts(thumbprints_of_key(jwk));
        let encrypts = |jwk: &EncryptionJwk| counts(vec![thumbprint_of_encryption_key(jwk)]);
        if blocked.is_empty() || (set.keys.iter().all(verifies) && set.encryption_keys.iter().all(encrypts)) {
            return set;
        }
        let mut set = Arc::unwrap_or_clone(set);
        set.keys.retain(verifies);
        set.encryption_keys.retain(encrypts);
        Arc::new(set)
    }

    /// Requires that what a token is bound to is not blocked.
    ///
    /// # Errors
    /// [`KeyBlocked`] says which.
    pub(crate) fn require_unblocked_confirmation(
        &self,
        confirmation: &Confirmation,
    ) -> Result<(), KeyBlocked> {
        self.require_unblocked(confirmation.dpop().as_ref(), confirmation.mtls().as_ref())
    }

    /// Requires that no registered key or certificate of a client is blocked: an offboarded client does not
    /// come back under another name.
    ///
    /// # Errors
    /// [`RegistrationRefused`].
    pub(crate) fn require_unblocked_keys(&self, client: &ClientMetadata) -> Result<(), RegistrationRefused> {
        let blocked = registered_thumbprints(client).into_iter().find(|key| match key {
            Thumbprint::Dpop(jkt) => self.require_unblocked(Some(jkt), None).is_err(),
            Thumbprint::Certificate(x5t) => self.require_unblocked(None, Some(x5t)).is_err(),
        });
        match blocked {
            None => Ok(()),
            Some(_) => Err(RegistrationRefused::new(
                "jwks",
                "a key or certificate in it is blocked",
                "register keys that were never another's",
            )),
        }
    }
}

/// Names a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thumbprint {
    /// A JWK (RFC 7638).
    Dpop(JwkThumbprint),
    /// A certificate (RFC 8705 section 3.1).
    Certificate(CertificateThumbprint),
}

impl Thumbprint {
    const fn as_bytes(&self) -> &Sha256Digest {
        match self {
            Self::Dpop(jkt) => jkt.as_bytes(),
            Self::Certificate(x5t) => x5t.as_bytes(),
        }
    }
}

/// The keys and certificates of a client's `jwks`.
pub(crate) fn registered_thumbprints(client: &ClientMetadata) -> Vec<Thumbprint> {
    let ClientKeys::Inline(set) = &client.keys else { return Vec::new() };
    thumbprints_of(set)
}

/// The keys and certificates of a key set.
pub(crate) fn thumbprints_of(set: &JwkSet) -> Vec<Thumbprint> {
    let encrypting = set.encryption_keys.iter().map(thumbprint_of_encryption_key);
    set.keys.iter().flat_map(thumbprints_of_key).chain(encrypting).collect()
}

/// A key and its certificate. The leaf alone: the authorities behind it are others' too.
fn thumbprints_of_key(jwk: &Jwk) -> Vec<Thumbprint> {
    let key = Thumbprint::Dpop(JwkThumbprint::of(&jwk.key, &AwsLc));
    let leaf = jwk.certificates.first();
    let leaf = leaf.map(|der| Thumbprint::Certificate(CertificateThumbprint::of(der, &AwsLc)));
    std::iter::once(key).chain(leaf).collect()
}

fn thumbprint_of_encryption_key(jwk: &EncryptionJwk) -> Thumbprint {
    Thumbprint::Dpop(JwkThumbprint::of_encryption_key(&jwk.key, &AwsLc))
}

fn digest_of(record: &BlockedKeyRecord) -> Option<Sha256Digest> {
    base64url::decode_array(&record.thumbprint).ok()
}
