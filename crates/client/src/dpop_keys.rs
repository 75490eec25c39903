//! One DPoP key for each authorization server (DPOP-K-01). With one key for all, a hostile server could hand
//! out a token that it got from an honest one, bound to the same key, and have the client use it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_crypto::{KeyError, Signer, SigningKey};

use crate::error::ConfigurationInvalid;

/// The proof keys of this process, by issuer.
pub struct DpopKeys {
    algorithm: SignatureAlgorithm,
    keys: Mutex<HashMap<String, Arc<dyn Signer>>>,
}

impl DpopKeys {
    /// No key yet; new ones will be made for `algorithm`.
    #[must_use]
    pub fn new(algorithm: SignatureAlgorithm) -> Self {
        Self { algorithm, keys: Mutex::default() }
    }

    /// The key for `issuer`, made now if there is none. Two callers at once get the same key.
    ///
    /// # Errors
    /// [`KeyError`] when no key can be made.
    pub fn for_issuer(&self, issuer: &str) -> Result<Arc<dyn Signer>, KeyError> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signer) = keys.get(issuer) {
            return Ok(Arc::clone(signer));
        }
        let signer: Arc<dyn Signer> = Arc::new(SigningKey::generate(self.algorithm)?);
        keys.insert(issuer.into(), Arc::clone(&signer));
        Ok(signer)
    }

    /// Uses `signer`, perhaps a hardware key, for `issuer` from now on.
    ///
    /// # Errors
    /// [`ConfigurationInvalid::KeyShared`] when the key serves another issuer.
    pub fn insert(&self, issuer: &str, signer: Arc<dyn Signer>) -> Result<(), ConfigurationInvalid> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let shared =
            keys.iter().any(|(other, known)| other != issuer && known.public_key() == signer.public_key());
        if shared {
            return Err(ConfigurationInvalid::KeyShared { issuer: issuer.into() });
        }
        keys.insert(issuer.into(), signer);
        Ok(())
    }
}

impl fmt::Debug for DpopKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(keys.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_issuers_have_two_keys_and_none_is_shared() {
        let keys = DpopKeys::new(SignatureAlgorithm::Es256);
        let first = keys.for_issuer("https://a.example").unwrap();
        let second = keys.for_issuer("https://b.example").unwrap();
        assert_ne!(first.thumbprint(), second.thumbprint());
        assert_eq!(keys.for_issuer("https://a.example").unwrap().thumbprint(), first.thumbprint());
        let refused = keys.insert("https://c.example", first);
        assert_eq!(refused, Err(ConfigurationInvalid::KeyShared { issuer: "https://c.example".into() }));
    }
}
