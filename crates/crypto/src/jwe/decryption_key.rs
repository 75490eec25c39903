//! Private keys that messages are encrypted to: made, loaded, used for one algorithm for life (RFC 8725 section
//! 3.1). Their bytes leave only for sealed storage, and never reach `Debug` or an error.

use core::fmt;
use std::collections::BTreeMap;

use aws_lc_rs::agreement::{ECDH_P256, ECDH_P384, PrivateKey, X25519};
use aws_lc_rs::encoding::{AsBigEndian, AsDer as _, Curve25519SeedBin, EcPrivateKeyBin};
use aws_lc_rs::rsa::{
    KeyPair, KeyPairComponents, KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey,
    PrivateDecryptingKey,
};
use aws_lc_rs::signature::{KeyPair as _, RsaPublicKeyComponents};
use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::{base64url, json};
use bindery_core::jose::encryption::{EncryptionKey, KeyManagement};
use bindery_core::jose::jwk::{JwkInvalid, RsaPublicKey};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::header::Header;
use super::{JweInvalid, agreement, content};
use crate::{AwsLc, MAXIMUM_KEY};

/// A private key and the one algorithm that messages reach it by.
pub struct DecryptionKey {
    key_id: String,
    algorithm: KeyManagement,
    public: EncryptionKey,
    private: Private,
}

enum Private {
    Agreement(PrivateKey),
    Rsa { key: OaepPrivateDecryptingKey, pkcs8: Zeroizing<Vec<u8>> },
}

/// The forms of a stored key: one octet, then the private scalar or PKCS#8.
const P256: u8 = 1;
const P384: u8 = 2;
const CURVE25519: u8 = 3;
const RSA: u8 = 4;

impl DecryptionKey {
    /// Makes a new key: on P-256, or RSA of 2048 bits, which takes tenths of seconds.
    ///
    /// # Errors
    /// [`DecryptionKeyInvalid::Generation`] when the random source or the library fails.
    pub fn generate(algorithm: KeyManagement) -> Result<Self, DecryptionKeyInvalid> {
        let failed = |_| DecryptionKeyInvalid::Generation;
        match algorithm {
            KeyManagement::RsaOaep256 => {
                let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).map_err(failed)?;
                Self::rsa(algorithm, key.as_der().map_err(failed)?.as_ref())
            }
            _ => Self::agreement(algorithm, PrivateKey::generate(&ECDH_P256).map_err(failed)?),
        }
    }

    /// Loads what [`Self::to_stored`] gave.
    ///
    /// # Errors
    /// [`DecryptionKeyInvalid`] when it is no such key, or one of another kind than `algorithm` needs.
    pub fn from_stored(algorithm: KeyManagement, stored: &[u8]) -> Result<Self, DecryptionKeyInvalid> {
        let (form, bytes) = stored.split_first().ok_or(DecryptionKeyInvalid::Malformed)?;
        let curve = match *form {
            P256 => &ECDH_P256,
            P384 => &ECDH_P384,
            CURVE25519 => &X25519,
            RSA => return Self::rsa(algorithm, bytes),
            _ => return Err(DecryptionKeyInvalid::Malformed),
        };
        let key = PrivateKey::from_private_key(curve, bytes).map_err(|_| DecryptionKeyInvalid::Malformed)?;
        Self::agreement(algorithm, key)
    }

    /// Loads a private JWK on P-256, P-384 or X25519, or of RSA with its two primes and CRT members (RFC 7518
    /// section 6, RFC 8037 section 2). Its `kid`, where it has one, is kept.
    ///
    /// # Errors
    /// [`DecryptionKeyInvalid`] when it breaks a rule, its halves differ, or it does not fit `algorithm`.
    pub fn from_private_jwk(algorithm: KeyManagement, text: &[u8]) -> Result<Self, DecryptionKeyInvalid> {
        if text.len() > MAXIMUM_KEY {
            return Err(DecryptionKeyInvalid::Malformed);
        }
        let mut members = json::parse_object(text).map_err(|_| DecryptionKeyInvalid::Malformed)?;
        let private = take_private(&mut members)?;
        let public = EncryptionKey::from_members(&members).map_err(DecryptionKeyInvalid::Public)?;
        let mut key = match (&public, agreement::curve(&public)) {
            (_, Some(curve)) => {
                let key = PrivateKey::from_private_key(curve, private.member("d")?);
                Self::agreement(algorithm, key.map_err(|_| DecryptionKeyInvalid::Malformed)?)?
            }
            (EncryptionKey::Rsa(public), None) => Self::rsa(algorithm, &private.to_pkcs8(public)?)?,
            _ => return Err(DecryptionKeyInvalid::Malformed),
        };
        if key.public != public {
            return Err(DecryptionKeyInvalid::HalvesDiffer);
        }
        if let Some(Value::String(key_id)) = members.remove("kid") {
            key.key_id = key_id;
        }
        Ok(key)
    }

    /// The private half, for sealed storage.
    ///
    /// # Errors
    /// [`DecryptionKeyInvalid::Generation`] when the library fails.
    pub fn to_stored(&self) -> Result<Zeroizing<Vec<u8>>, DecryptionKeyInvalid> {
        let failed = |_| DecryptionKeyInvalid::Generation;
        let (form, bytes) = match (&self.private, &self.public) {
            (Private::Rsa { pkcs8, .. }, _) => (RSA, pkcs8.clone()),
            (Private::Agreement(key), EncryptionKey::X25519(_)) => {
                let seed: Curve25519SeedBin<'_> = key.as_be_bytes().map_err(failed)?;
                (CURVE25519, Zeroizing::new(seed.as_ref().to_vec()))
            }
            (Private::Agreement(key), public) => {
                let scalar: EcPrivateKeyBin<'_> = key.as_be_bytes().map_err(failed)?;
                let form = if matches!(public, EncryptionKey::EcP256(_)) { P256 } else { P384 };
                (form, Zeroizing::new(scalar.as_ref().to_vec()))
            }
        };
        let mut stored = Zeroizing::new(Vec::with_capacity(1 + bytes.len()));
        stored.push(form);
        stored.extend_from_slice(&bytes);
        Ok(stored)
    }

    /// The name by which senders say which key they used: the thumbprint (RFC 7638), unless the key came with
    /// another.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The one algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> KeyManagement {
        self.algorithm
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> &EncryptionKey {
        &self.public
    }

    /// The content key of a message with this header.
    pub(super) fn content_key(
        &self,
        header: &Header,
        encrypted_key: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, JweInvalid> {
        match &self.private {
            Private::Agreement(own) => agreement::with_sender(own, header, encrypted_key),
            Private::Rsa { key, .. } => {
                let mut plain = Zeroizing::new(vec![0; key.min_output_size()]);
                let opened = key.decrypt(&OAEP_SHA256_MGF1SHA256, encrypted_key, &mut plain, None);
                let length = opened.map_or(0, |key| key.len());
                plain.truncate(length);
                if length == header.encryption.key_length() {
                    return Ok(plain);
                }
                // It fails at the tag, like the content of any other key (RFC 7516 section 11.5).
                content::random_key(header.encryption).map_err(|_| JweInvalid::Undecipherable)
            }
        }
    }

    fn agreement(algorithm: KeyManagement, key: PrivateKey) -> Result<Self, DecryptionKeyInvalid> {
        let public = agreement::public_half(&key).ok_or(DecryptionKeyInvalid::Malformed)?;
        Self::new(algorithm, public, Private::Agreement(key))
    }

    fn rsa(algorithm: KeyManagement, pkcs8: &[u8]) -> Result<Self, DecryptionKeyInvalid> {
        let pair = KeyPair::from_pkcs8(pkcs8).map_err(|_| DecryptionKeyInvalid::Malformed)?;
        let number = |bytes: &[u8]| bytes.to_vec();
        let (modulus, exponent) = (pair.public_key().modulus(), pair.public_key().exponent());
        let public = RsaPublicKey::new(
            number(modulus.big_endian_without_leading_zero()),
            number(exponent.big_endian_without_leading_zero()),
        )
        .map_err(DecryptionKeyInvalid::Public)?;
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(|_| DecryptionKeyInvalid::Malformed)?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| DecryptionKeyInvalid::Malformed)?;
        let private = Private::Rsa { key, pkcs8: Zeroizing::new(pkcs8.to_vec()) };
        Self::new(algorithm, EncryptionKey::Rsa(Box::new(public)), private)
    }

    fn new(
        algorithm: KeyManagement,
        public: EncryptionKey,
        private: Private,
    ) -> Result<Self, DecryptionKeyInvalid> {
        if !algorithm.fits(&public) {
            return Err(DecryptionKeyInvalid::OtherKind);
        }
        // The required members in lexicographic order (RFC 7638 section 3).
        let members: BTreeMap<String, Value> = public.to_jwk().into_iter().collect();
        let members = serde_json::to_vec(&members).map_err(|_| DecryptionKeyInvalid::Generation)?;
        let key_id = base64url::encode(AwsLc.sha256(&[&members]));
        Ok(Self { key_id, algorithm, public, private })
    }
}

/// Names the public half only.
impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptionKey({} {}, private half redacted)", self.algorithm, self.key_id)
    }
}

/// The decoded private members of a JWK.
struct PrivateMembers(Vec<(&'static str, Zeroizing<Vec<u8>>)>);

fn take_private(members: &mut Map<String, Value>) -> Result<PrivateMembers, DecryptionKeyInvalid> {
    let mut private = PrivateMembers(Vec::new());
    for name in ["d", "p", "q", "dp", "dq", "qi"] {
        if let Some(value) = members.remove(name) {
            let Value::String(text) = value else { return Err(DecryptionKeyInvalid::Malformed) };
            let text = Zeroizing::new(text);
            let value = base64url::decode(&text).map_err(|_| DecryptionKeyInvalid::Malformed)?;
            private.0.push((name, Zeroizing::new(value)));
        }
    }
    Ok(private)
}

impl PrivateMembers {
    fn member(&self, name: &str) -> Result<&[u8], DecryptionKeyInvalid> {
        let found = self.0.iter().find(|(candidate, _)| *candidate == name);
        found.map(|(_, value)| value.as_slice()).ok_or(DecryptionKeyInvalid::Malformed)
    }

    fn to_pkcs8(&self, public: &RsaPublicKey) -> Result<Zeroizing<Vec<u8>>, DecryptionKeyInvalid> {
        let components = KeyPairComponents {
            public_key: RsaPublicKeyComponents { n: public.modulus(), e: public.exponent() },
            d: self.member("d")?,
            p: self.member("p")?,
            q: self.member("q")?,
            dP: self.member("dp")?,
            dQ: self.member("dq")?,
            qInv: self.member("qi")?,
        };
        let pair = KeyPair::from_components(&components).map_err(|_| DecryptionKeyInvalid::HalvesDiffer)?;
        let der = pair.as_der().map_err(|_| DecryptionKeyInvalid::Generation)?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }
}

/// Why there is no decryption key. None quotes the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecryptionKeyInvalid {
    /// The random source or the library failed.
    Generation,
    /// Not a private key in a form that we read.
    Malformed,
    /// The public half breaks a rule for every key.
    Public(JwkInvalid),
    /// The private and the public members don't belong together.
    HalvesDiffer,
    /// The algorithm needs a key of another kind.
    OtherKind,
}

impl fmt::Display for DecryptionKeyInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generation => f.write_str("the key could not be made; check the machine's random source"),
            Self::Malformed => f.write_str("it is not a private key on P-256, P-384 or X25519, nor of RSA"),
            Self::Public(reason) => write!(f, "{reason}"),
            Self::HalvesDiffer => f.write_str("its private members are not those of its public members"),
            Self::OtherKind => f.write_str("the algorithm needs a key of another kind"),
        }
    }
}

impl core::error::Error for DecryptionKeyInvalid {}
