//! The issuer's signing keys: one active key per configured algorithm, made at the first start, sealed in the
//! store, loaded later. Retired keys stay published until what they signed has expired. The public half is
//! served as a JWK set (RFC 7517 section 5); the private half never leaves this module but as a signature.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::JwkSet;
use bindery_core::jose::jws::{attach_signature, signing_input};
use bindery_core::time::UnixTime;
use bindery_crypto::seal::Sealer;
use bindery_crypto::{Signer, SigningKey};
use bindery_store::AuthorizationStore;
use bindery_store::record::{SigningKeyRecord, SigningKeyState};
use serde_json::{Map, Value, json};

use crate::start::StartFailed;

/// After this long nothing that a retired key signed is alive: the longest lifetime that can be configured.
const LONGEST_TOKEN: Duration = Duration::from_secs(3600);

/// A key that signs, with its `kid`.
pub(crate) struct IssuerKey {
    key_id: String,
    signer: Arc<dyn Signer>,
}

/// All keys of the issuer.
pub(crate) struct SigningKeys {
    /// In the order of configuration; the first one signs access tokens.
    active: Vec<IssuerKey>,
    /// Every published public JWK, as served and as verified with.
    published: Value,
    public: JwkSet,
}

/// The keys as they are now; what an operator or another process changes comes in by a refresh.
pub(crate) struct SigningKeyRing(RwLock<Arc<SigningKeys>>);

impl SigningKeyRing {
    pub(crate) async fn load(
        store: &dyn AuthorizationStore,
        sealer: &Sealer,
        algorithms: &[SignatureAlgorithm],
        now: UnixTime,
    ) -> Result<Self, StartFailed> {
        let keys = SigningKeys::load(store, sealer, algorithms, now).await?;
        Ok(Self(RwLock::new(Arc::new(keys))))
    }

    pub(crate) async fn refresh(
        &self,
        store: &dyn AuthorizationStore,
        sealer: &Sealer,
        algorithms: &[SignatureAlgorithm],
        now: UnixTime,
    ) -> Result<(), StartFailed> {
        let keys = Arc::new(SigningKeys::load(store, sealer, algorithms, now).await?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    pub(crate) fn current(&self) -> Arc<SigningKeys> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SigningUnavailable {
    /// The issuer has no key of that algorithm: it is not among `signing_algorithms`.
    NoSuchKey(SignatureAlgorithm),
    /// The key could not sign.
    Failed,
}

impl SigningKeys {
    /// Loads what the store holds and makes what is missing. When two processes start at once, the key that
    /// was stored first is used by both.
    async fn load(
        store: &dyn AuthorizationStore,
        sealer: &Sealer,
        algorithms: &[SignatureAlgorithm],
        now: UnixTime,
    ) -> Result<Self, StartFailed> {
        let stored = store.list_signing_keys().await?;
        for algorithm in algorithms {
            let active = |record: &SigningKeyRecord| {
                record.algorithm == algorithm.name() && record.state == SigningKeyState::Active
            };
            if !stored.iter().any(active) {
                generate(store, sealer, *algorithm, now).await?;
            }
        }
        let stored = store.list_signing_keys().await?;
        let alive = |record: &&SigningKeyRecord| {
            record.retired_at.is_none_or(|retired| now < retired.plus(LONGEST_TOKEN))
        };
        let jwks: Vec<&Value> = stored.iter().filter(alive).map(|record| &record.public_jwk).collect();
        let published = json!({ "keys": jwks });
        let public = JwkSet::parse(published.to_string().as_bytes())
            .map_err(|_| StartFailed::Key("a stored public key is damaged"))?;
        let mut keys = Self { active: Vec::new(), published, public };
        for algorithm in algorithms {
            let record = stored
                .iter()
                .find(|record| {
                    record.algorithm == algorithm.name() && record.state == SigningKeyState::Active
                })
                .ok_or(StartFailed::Key("a signing key that was just stored is gone"))?;
            keys.active.push(open(sealer, *algorithm, record)?);
        }
        Ok(keys)
    }

    /// Signs a JWT with the active key of `algorithm`; without one, with that of the first configured
    /// algorithm, as access tokens are. `typ` is the header's, where the kind of JWT has one (RFC 8725 section
    /// 3.11).
    ///
    /// # Errors
    /// [`SigningUnavailable`] when the issuer has no key of that algorithm, or the key fails.
    pub(crate) fn sign_as(
        &self,
        algorithm: Option<SignatureAlgorithm>,
        typ: Option<&str>,
        claims: &Map<String, Value>,
    ) -> Result<String, SigningUnavailable> {
        let key = match algorithm {
            None => self.active.first().ok_or(SigningUnavailable::Failed)?,
            Some(algorithm) => self
                .active
                .iter()
                .find(|key| key.signer.algorithm() == algorithm)
                .ok_or(SigningUnavailable::NoSuchKey(algorithm))?,
        };
        let mut header = json!({"alg": key.signer.algorithm().name(), "kid": key.key_id});
        if let Some(typ) = typ {
            header["typ"] = typ.into();
        }
        let header = serde_json::to_vec(&header).map_err(|_| SigningUnavailable::Failed)?;
        let claims = serde_json::to_vec(claims).map_err(|_| SigningUnavailable::Failed)?;
        let input = signing_input(&header, &claims);
        let signature = key.signer.sign(&input).map_err(|_| SigningUnavailable::Failed)?;
        Ok(attach_signature(input, &signature))
    }

    /// The JWK set that resource servers fetch.
    pub(crate) fn jwk_set(&self) -> Value {
        self.published.clone()
    }

    /// The same keys, for verifying our own tokens.
    pub(crate) const fn public_keys(&self) -> &JwkSet {
        &self.public
    }
}

async fn generate(
    store: &dyn AuthorizationStore,
    sealer: &Sealer,
    algorithm: SignatureAlgorithm,
    now: UnixTime,
) -> Result<(), StartFailed> {
    // An RSA key takes tenths of seconds, in which requests must go on.
    let key = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await;
    let key = key.ok().and_then(Result::ok).ok_or(StartFailed::Key("a signing key can't be made"))?;
    let key_id = Signer::thumbprint(&key).to_string();
    let mut public_jwk = key.public_key().to_jwk();
    for (name, text) in [("kid", key_id.as_str()), ("alg", algorithm.name()), ("use", "sig")] {
        public_jwk.insert(name.into(), text.into());
    }
    let sealed_private = sealer
        .seal(&context(&key_id), &key.to_pkcs8_der())
        .map_err(|_| StartFailed::Key("a signing key can't be sealed"))?;
    let record = SigningKeyRecord {
        key_id: key_id.clone(),
        algorithm: algorithm.name().into(),
        sealed_private,
        public_jwk: public_jwk.into(),
        state: SigningKeyState::Active,
        created_at: now,
        activated_at: Some(now),
        retired_at: None,
    };
    store.insert_signing_key(&record).await?;
    tracing::info!(event = "signing_key_made", key_id, algorithm = algorithm.name());
    Ok(())
}

fn open(
    sealer: &Sealer,
    algorithm: SignatureAlgorithm,
    record: &SigningKeyRecord,
) -> Result<IssuerKey, StartFailed> {
    let private = sealer.open(&context(&record.key_id), &record.sealed_private).map_err(|_| {
        StartFailed::Key(
            "a stored signing key does not open under the sealing key: is it the key file of this database?",
        )
    })?;
    let key = SigningKey::from_pkcs8_der(algorithm, &private)
        .map_err(|_| StartFailed::Key("a stored signing key is damaged"))?;
    Ok(IssuerKey { key_id: record.key_id.clone(), signer: Arc::new(key) })
}

/// A sealed key opens only in the place that it was sealed for.
fn context(key_id: &str) -> Vec<u8> {
    [b"signing key ", key_id.as_bytes()].concat()
}

#[cfg(test)]
#[path = "signing_keys_tests.rs"]
mod tests;
