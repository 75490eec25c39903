//! A key of the issuer as the store keeps it: made for one algorithm, its private half sealed for its own
//! place, its public half as the JWK set shows it.

use std::sync::Arc;

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::encryption::KeyManagement;
use bindery_core::time::UnixTime;
use bindery_crypto::jwe::DecryptionKey;
use bindery_crypto::seal::Sealer;
use bindery_crypto::{Signer, SigningKey};
use bindery_store::record::{SigningKeyRecord, SigningKeyState};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::start::StartFailed;

/// What a key is for: one algorithm, for life (RFC 8725 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// The server signs with it.
    Signature(SignatureAlgorithm),
    /// Others encrypt to it.
    Encryption(KeyManagement),
}

impl KeyAlgorithm {
    /// The registered name (`alg`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature(algorithm) => algorithm.name(),
            Self::Encryption(algorithm) => algorithm.name(),
        }
    }

    /// The algorithm of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let signature = SignatureAlgorithm::from_name(name).map(Self::Signature);
        signature.or_else(|| KeyManagement::from_name(name).map(Self::Encryption))
    }

    /// The member `use` of its keys (RFC 7517 section 4.2).
    #[must_use]
    pub const fn usage(self) -> &'static str {
        match self {
            Self::Signature(_) => "sig",
            Self::Encryption(_) => "enc",
        }
    }
}

/// Makes a key in `state`. An RSA key takes tenths of seconds, in which requests must go on.
pub(super) async fn generate(
    sealer: &Sealer,
    algorithm: KeyAlgorithm,
    state: SigningKeyState,
    now: UnixTime,
) -> Result<SigningKeyRecord, StartFailed> {
    let made = tokio::task::spawn_blocking(move || make(algorithm)).await;
    let (key_id, mut public_jwk, private) =
        made.ok().flatten().ok_or(StartFailed::Key("a key can't be made"))?;
    let members = [("kid", key_id.as_str()), ("alg", algorithm.name()), ("use", algorithm.usage())];
    for (name, text) in members {
        public_jwk.insert(name.into(), text.into());
    }
    let sealed_private = sealer
        .seal(&context(algorithm, &key_id), &private)
        .map_err(|_| StartFailed::Key("a key can't be sealed"))?;
    Ok(SigningKeyRecord {
        key_id,
        algorithm: algorithm.name().into(),
        sealed_private,
        public_jwk: public_jwk.into(),
        state,
        created_at: now,
        activated_at: (state == SigningKeyState::Active).then_some(now),
        retired_at: None,
    })
}

type Made = (String, Map<String, Value>, Zeroizing<Vec<u8>>);

fn make(algorithm: KeyAlgorithm) -> Option<Made> {
    match algorithm {
        KeyAlgorithm::Signature(algorithm) => {
            let key = SigningKey::generate(algorithm).ok()?;
            Some((Signer::thumbprint(&key).to_string(), key.public_key().to_jwk(), key.to_pkcs8_der()))
        }
        KeyAlgorithm::Encryption(algorithm) => {
            let key = DecryptionKey::generate(algorithm).ok()?;
            Some((key.key_id().to_owned(), key.public_key().to_jwk(), key.to_stored().ok()?))
        }
    }
}

/// The key that signs, opened.
pub(crate) fn open_signer(
    sealer: &Sealer,
    algorithm: SignatureAlgorithm,
    record: &SigningKeyRecord,
) -> Result<Arc<dyn Signer>, StartFailed> {
    let private = open(sealer, KeyAlgorithm::Signature(algorithm), record)?;
    let key = SigningKey::from_pkcs8_der(algorithm, &private)
        .map_err(|_| StartFailed::Key("a stored signing key is damaged"))?;
    Ok(Arc::new(key))
}

/// The key that others encrypt to, opened.
pub(crate) fn open_decryption_key(
    sealer: &Sealer,
    algorithm: KeyManagement,
    record: &SigningKeyRecord,
) -> Result<DecryptionKey, StartFailed> {
    let private = open(sealer, KeyAlgorithm::Encryption(algorithm), record)?;
    DecryptionKey::from_stored(algorithm, &private)
        .map_err(|_| StartFailed::Key("a stored encryption key is damaged"))
}

fn open(
    sealer: &Sealer,
    algorithm: KeyAlgorithm,
    record: &SigningKeyRecord,
) -> Result<Zeroizing<Vec<u8>>, StartFailed> {
    sealer.open(&context(algorithm, &record.key_id), &record.sealed_private).map_err(|_| {
        StartFailed::Key(
            "a stored key does not open under the sealing key: is it the key file of this database?",
        )
    })
}

/// A sealed key opens only in the place that it was sealed for.
fn context(algorithm: KeyAlgorithm, key_id: &str) -> Vec<u8> {
    let place: &[u8] = match algorithm {
        KeyAlgorithm::Signature(_) => b"signing key ",
        KeyAlgorithm::Encryption(_) => b"encryption key ",
    };
    [place, key_id.as_bytes()].concat()
}
