//! The issuer's signing keys as this process has them: one in use for each configured algorithm, and every
//! public half that is published (RFC 7517 section 5). Which key is in use when is `key_schedule`'s to say; the
//! private half never leaves this module but as a signature.

use std::sync::{Arc, PoisonError, RwLock};

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::JwkSet;
use bindery_core::jose::jws::{attach_signature, signing_input};
use bindery_core::time::UnixTime;
use bindery_crypto::Signer;
use bindery_crypto::seal::Sealer;
use bindery_store::record::SigningKeyRecord;
use serde_json::{Map, Value, json};

use crate::key_schedule::{KeyAlgorithm, KeyTimes, in_use, open_signer};
use crate::start::StartFailed;

/// A key that signs, with its `kid`.
#[derive(Clone)]
pub(crate) struct IssuerKey {
    key_id: String,
    signer: Arc<dyn Signer>,
}

/// The keys of one moment.
#[derive(Default)]
pub(crate) struct SigningKeys {
    /// In the order of configuration; the first one signs access tokens.
    active: Vec<IssuerKey>,
    /// Every published public JWK, as served and as verified with.
    published: Vec<Value>,
    public: JwkSet,
}

/// The keys as they are now; what an operator or another process changes comes in by a refresh.
#[derive(Default)]
pub(crate) struct SigningKeyRing(RwLock<Arc<SigningKeys>>);

impl SigningKeyRing {
    pub(crate) fn current(&self) -> Arc<SigningKeys> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over what the store holds, which must have a key in use for each of `algorithms`.
    pub(crate) fn take_over(
        &self,
        records: &[SigningKeyRecord],
        sealer: &Sealer,
        algorithms: &[SignatureAlgorithm],
        times: &KeyTimes,
        now: UnixTime,
    ) -> Result<(), StartFailed> {
        let keys = SigningKeys::of(records, sealer, algorithms, times, now, &self.current())?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }
}

/// Nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SigningUnavailable {
    /// The issuer has no key of that algorithm, or only one that is not used yet.
    NoSuchKey(SignatureAlgorithm),
    /// The key could not sign.
    Failed,
}

impl SigningKeys {
    fn of(
        records: &[SigningKeyRecord],
        sealer: &Sealer,
        algorithms: &[SignatureAlgorithm],
        times: &KeyTimes,
        now: UnixTime,
        before: &Self,
    ) -> Result<Self, StartFailed> {
        let signs = |record: &&SigningKeyRecord| {
            matches!(KeyAlgorithm::from_name(&record.algorithm), Some(KeyAlgorithm::Signature(_)))
        };
        // A key whose time is over is believed no more, even while the store can't forget it.
        let alive = |record: &&SigningKeyRecord| {
            record.retired_at.is_none_or(|retired| now < retired.plus(times.retain))
        };
        let published: Vec<Value> =
            records.iter().filter(signs).filter(alive).map(|record| record.public_jwk.clone()).collect();
        let public = JwkSet::parse(json!({ "keys": published }).to_string().as_bytes())
            .map_err(|_| StartFailed::Key("a stored public key is damaged"))?;
        let mut keys = Self { active: Vec::new(), published, public };
        for algorithm in algorithms {
            // A key that was added later is published, and signs when its time has come.
            let Some(record) = in_use(records, KeyAlgorithm::Signature(*algorithm)) else { continue };
            let opened = before.active.iter().find(|key| key.key_id == record.key_id);
            keys.active.push(match opened {
                Some(opened) => opened.clone(),
                None => IssuerKey {
                    key_id: record.key_id.clone(),
                    signer: open_signer(sealer, *algorithm, record)?,
                },
            });
        }
        match keys.active.is_empty() {
            true => Err(StartFailed::Key("a signing key that was just stored is gone")),
            false => Ok(keys),
        }
    }

    /// The algorithms that sign by now, in the order of configuration.
    pub(crate) fn algorithms(&self) -> impl Iterator<Item = SignatureAlgorithm> {
        self.active.iter().map(|key| key.signer.algorithm())
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

    /// The published public keys, oldest first.
    pub(crate) fn published(&self) -> &[Value] {
        &self.published
    }

    /// The same keys, for verifying our own tokens.
    pub(crate) const fn public_keys(&self) -> &JwkSet {
        &self.public
    }
}

#[cfg(test)]
#[path = "signing_keys_tests.rs"]
mod tests;
