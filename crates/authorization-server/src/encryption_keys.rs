//! The keys that others encrypt request objects to. A new key decrypts from the moment that it is made and is
//! published only when every process has it; a retired one is published no more, and decrypts until what was
//! encrypted to it has expired.

use std::sync::{Arc, PoisonError, RwLock};

use bindery_crypto::jwe::{self, DecryptionKey, JweInvalid};
use bindery_crypto::seal::Sealer;
use bindery_store::record::{SigningKeyRecord, SigningKeyState};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::key_schedule::{KeyAlgorithm, open_decryption_key};
use crate::start::StartFailed;

/// The keys of one moment.
#[derive(Debug, Default)]
pub(crate) struct EncryptionKeys {
    keys: Vec<Arc<DecryptionKey>>,
    published: Vec<Value>,
}

/// The keys as they are now.
#[derive(Default)]
pub(crate) struct EncryptionKeyRing(RwLock<Arc<EncryptionKeys>>);

impl EncryptionKeyRing {
    pub(crate) fn current(&self) -> Arc<EncryptionKeys> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over what the store holds.
    pub(crate) fn take_over(&self, records: &[SigningKeyRecord], sealer: &Sealer) -> Result<(), StartFailed> {
        let before = self.current();
        let mut now = EncryptionKeys::default();
        for record in records {
            let Some(KeyAlgorithm::Encryption(algorithm)) = KeyAlgorithm::from_name(&record.algorithm) else {
                continue;
            };
            if record.state == SigningKeyState::Active {
                now.published.push(record.public_jwk.clone());
            }
            now.keys.push(match before.keys.iter().find(|key| key.key_id() == record.key_id) {
                Some(opened) => Arc::clone(opened),
                None => Arc::new(open_decryption_key(sealer, algorithm, record)?),
            });
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
        Ok(())
    }
}

impl EncryptionKeys {
    /// The public keys, as the JWK set shows them.
    pub(crate) fn published(&self) -> &[Value] {
        &self.published
    }

    /// Decrypts what was encrypted to one of the keys.
    ///
    /// # Errors
    /// [`JweInvalid`], for the operator's eyes.
    pub(crate) fn decrypt(&self, text: &str) -> Result<Zeroizing<Vec<u8>>, JweInvalid> {
        let keys: Vec<&DecryptionKey> = self.keys.iter().map(|key| &**key).collect();
        jwe::decrypt(text, &keys)
    }
}
